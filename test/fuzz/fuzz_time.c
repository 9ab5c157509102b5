/* time_parse over any bytes: what it accepts has a canonical form that reads back the same. */
#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    int64_t ms = INT64_MIN, again;
    if (time_parse((struct str){(const char *)data, size}, &ms, &err) < 0) {
        must(ms == INT64_MIN && err.code != ERR_OK);
        return 0;
    }
    char text[RFC3339_SIZE];
    must(time_parse(str_of(time_format(ms, text)), &again, NULL) == 0);
    must(again == ms);
    return 0;
}
