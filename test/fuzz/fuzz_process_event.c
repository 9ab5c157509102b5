/* process_event_decode on arbitrary bytes, and on bytes laid over a good record: what it accepts has texts that end and
 * numbers that the tables of names have room for. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "model/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const void *p, size_t n)
{
    struct process_event e;
    if (process_event_decode(p, n, &e, NULL) != 0)
        return;
    must(n == sizeof(e) && memcmp(p, &e, n) == 0);
    must(*process_event_kind_name((enum process_event_kind)e.kind));
    must(e.from < PROCESS_STATES && e.to < PROCESS_STATES && e.cause < PROCESS_CAUSES);
    must(strlen(e.unit) <= PROCESS_ID_MAX && utf8_valid(e.unit, strlen(e.unit)));
    must(strlen(e.reason) <= PROCESS_REASON_MAX && utf8_valid(e.reason, strlen(e.reason)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode(data, size);
    struct process_event good = {.version = PROCESS_EVENT_VERSION,
                                 .size = sizeof(good),
                                 .kind = PROCESS_DEATH,
                                 .unit = "ss-001",
                                 .reason = "died"};
    size_t at = size > 0 ? data[0] * 2u % sizeof(good) : 0;
    size_t n = size > 1 ? size - 1 : 0;
    if (n > sizeof(good) - at)
        n = sizeof(good) - at;
    if (n > 0)
        memcpy((char *)&good + at, data + 1, n);
    decode(&good, sizeof(good));
    return 0;
}
