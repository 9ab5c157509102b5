/* What a program says by sd_notify(3), read (notify.h). Pure; called for each datagram. Nothing
 * in it is trusted: unknown keys and bad values are passed over. */
#include "proc/notify.h"

#include <string.h>

#include "base/must.h"
#include "base/str.h"

/* As shown on a page and in a log: one line of valid UTF-8. */
static void take_status(struct str value, struct notify_message *out)
{
    struct buf clean = BUF_INIT((size_t)4 * NOTIFY_MAX);
    utf8_clean(&clean, value.p, value.n);
    size_t n = clean.len > 0 ? utf8_cut(clean.data, clean.len, NOTIFY_STATUS_MAX) : 0;
    for (size_t i = 0; i < n; i++) {
        char c = clean.data[i];
        out->status[i] = (unsigned char)c < ' ' || c == 0x7f ? ' ' : c;
    }
    out->status[n] = '\0';
    out->has_status = true;
    buf_done(&clean);
}

static void take_pair(struct str key, struct str value, struct notify_message *out)
{
    uint64_t number = 0;
    bool yes = str_eqz(value, "1");
    bool is_number = str_to_u64(value, &number, NULL) == 0;
    if (str_eqz(key, "READY"))
        out->ready |= yes;
    else if (str_eqz(key, "STOPPING"))
        out->stopping |= yes;
    else if (str_eqz(key, "RELOADING"))
        out->reloading |= yes;
    else if (str_eqz(key, "WATCHDOG")) {
        out->watchdog |= yes;
        out->watchdog_trigger |= str_eqz(value, "trigger");
    } else if (str_eqz(key, "MAINPID") && is_number && number > 1 && number <= INT32_MAX)
        out->main_pid = (int32_t)number;
    else if (str_eqz(key, "WATCHDOG_USEC") && is_number && number <= INT64_MAX)
        out->watchdog_us = (int64_t)number;
    else if (str_eqz(key, "STATUS"))
        take_status(value, out);
}

bool notify_parse(const char *p, size_t n, struct notify_message *out)
{
    struct str rest = {p, n}, line, key, value;
    struct notify_message m = {0};
    bool any = false;
    if (n == 0 || n > NOTIFY_MAX || memchr(p, '\0', n))
        return false;
    while (str_next(&rest, '\n', &line))
        if (str_cut(line, '=', &key, &value)) {
            take_pair(key, value, &m);
            any = true;
        }
    if (any)
        *out = m;
    return any;
}
