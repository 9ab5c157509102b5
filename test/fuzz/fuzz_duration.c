/* duration_parse over any bytes: what it accepts is in bounds, and its canonical form reads back
 * the same. */
#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    int64_t ms = -1, again;
    if (duration_parse((struct str){(const char *)data, size}, &ms, &err) < 0) {
        must(ms == -1 && err.code != ERR_OK);
        return 0;
    }
    must(ms >= 0 && ms <= INT64_C(100) * 365 * 86400 * 1000);
    char text[DURATION_SIZE];
    must(duration_parse(str_of(duration_format(ms, text)), &again, NULL) == 0);
    must(again == ms);
    return 0;
}
