/* Zone files and rules from anywhere: whatever is accepted answers for any moment, its offset is within a day or so, and it
 * does not change before the moment that zone_next_change names. */
#include <stdlib.h>
#include <string.h>

#include "base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct zone **z)
{
    static const int64_t times[] = {INT64_C(-9000000000), -1, 0, 1700000000, INT64_C(9000000000)};
    for (size_t i = 0; *z != NULL && i < array_len(times); i++) {
        int seconds = zone_seconds(*z, times[i]);
        must(seconds > -8 * 86400 && seconds < 8 * 86400);
        int64_t next = zone_next_change(*z, times[i]);
        must(next > times[i]);
        if (next != INT64_MAX)
            must(zone_seconds(*z, next - 1) == seconds);
    }
    zone_free(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zone *z = zone_parse(data, size, NULL);
    ask(&z);
    char *text = malloc(size + 1);
    must(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    z = zone_of_rule(text, NULL);
    ask(&z);
    free(text);
    return 0;
}
