/* A datagram of sd_notify, which any program of the unit's user sends. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "proc/notify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct notify_message m;
    if (!notify_parse((const char *)data, size, &m))
        return 0;
    size_t n = strlen(m.status);
    must(size <= NOTIFY_MAX && n <= NOTIFY_STATUS_MAX && utf8_valid(m.status, n));
    for (size_t i = 0; i < n; i++)
        must((unsigned char)m.status[i] >= ' ' && m.status[i] != 0x7f);
    must(m.main_pid == 0 || m.main_pid > 1);
    must(m.watchdog_us >= 0 && (m.has_status || n == 0));
    return 0;
}
