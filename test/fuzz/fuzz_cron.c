/* cron_parse over any text; what it accepts is due strictly after any moment, on whole seconds, and asking a second earlier
 * gives the same. The input: 8 bytes of time, 1 byte that chooses the zone, the expression. */
#include <string.h>

#include "base/cron.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const zones[] = {"UTC", "Asia/Shanghai", "Europe/Berlin",
                                        "Australia/Lord_Howe"};
    char expr[200];
    int64_t at = 0;
    if (size < 9 || size - 9 >= sizeof(expr))
        return 0;
    memcpy(&at, data, 8);
    at = (int64_t)((uint64_t)at % UINT64_C(8000000000000)) - INT64_C(2000000000000);
    memcpy(expr, data + 9, size - 9);
    expr[size - 9] = '\0';
    struct err err = {0};
    struct cron *c = cron_parse(expr, zones[data[8] % array_len(zones)], &err);
    must((c == NULL) == (err.code != ERR_OK));
    if (c == NULL)
        return 0;
    int64_t due = cron_next(c, at);
    must(due == 0 || (due > at && due % 1000 == 0));
    must(due == 0 || cron_next(c, due - 1) == due);
    cron_free(&c);
    must(c == NULL);
    return 0;
}
