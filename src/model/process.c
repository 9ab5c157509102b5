/* See process.h. A record of the ring is foreign bytes: its writer may have been killed in the middle of anything. Pure,
 * any thread. */
#include "model/process.h"

#include <string.h>

#include "base/must.h"
#include "base/str.h"

static const char *const kind_names[] = {
#define X(name, text) [PROCESS_##name] = text,
    PROCESS_EVENTS(X)
#undef X
};

const char *process_event_kind_name(enum process_event_kind k)
{
    must((size_t)k < array_len(kind_names));
    return kind_names[k];
}

/* The text ends within its field and is UTF-8. */
static bool is_text(const char *field, size_t size)
{
    size_t n = strnlen(field, size);
    return n < size && utf8_valid(field, n);
}

static bool has_bad_number(const struct process_event *e)
{
    return e->kind >= array_len(kind_names) || e->from >= PROCESS_STATES ||
           e->to >= PROCESS_STATES || e->cause >= PROCESS_CAUSES || e->failure > 1 || e->pid < 0 ||
           e->at_ms < 0 || e->ran_ms < 0 || e->next_ms < 0 || e->cpu_user_us < 0 ||
           e->cpu_system_us < 0 || e->max_rss_bytes < 0;
}

int process_event_decode(const void *p, size_t n, struct process_event *out, struct err *err)
{
    struct process_event e;
    if (n != sizeof(e))
        return err_set(err, ERR_MALFORMED, "a process's event has %zu bytes; want %zu", n,
                       sizeof(e));
    memcpy(&e, p, sizeof(e));
    if (e.version != PROCESS_EVENT_VERSION || e.size != sizeof(e))
        return err_set(err, ERR_MALFORMED,
                       "a process's event has version %u, size %u; want %u, %zu", e.version, e.size,
                       PROCESS_EVENT_VERSION, sizeof(e));
    if (!is_text(e.unit, sizeof(e.unit)) || !*e.unit || !is_text(e.reason, sizeof(e.reason)))
        return err_set(err, ERR_MALFORMED, "a process's event has a text that is none");
    if (has_bad_number(&e))
        return err_set(err, ERR_MALFORMED, "a process's event has a number out of its bounds");
    *out = e;
    return 0;
}
