/* Supervised programs as plain data: what the warden publishes of them (records of the ring data/run/events) and what the
 * store keeps. */
#ifndef MODEL_PROCESS_H
#define MODEL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* X(NAME, "name in the API") */
#define PROCESS_EVENTS(X)                                                          \
    X(STATE, "state")     /* from → to */                                        \
    X(DEATH, "death")     /* its process ended, or could not be started (pid 0) */ \
    X(REFUSED, "refused") /* the warden does not run it: reason says why */
enum process_event_kind {
#define X(name, text) PROCESS_##name,
    PROCESS_EVENTS(X)
#undef X
};
const char *process_event_kind_name(enum process_event_kind k);

/* How many of proc/supervisor.h's states and causes there are, which lies above this floor. */
#define PROCESS_STATES 12u
#define PROCESS_CAUSES 10u

#define PROCESS_TABLE_VERSION 1u /* of data/run/table, whose records are struct unit_record */

/* Times are wall clock ms. Fixed size; all texts end within their field and are UTF-8. */
#define PROCESS_ID_MAX        127
#define PROCESS_REASON_MAX    159
#define PROCESS_EVENT_VERSION 1u
struct process_event {
    uint32_t version, size; /* PROCESS_EVENT_VERSION, sizeof */
    uint32_t kind;          /* enum process_event_kind */
    uint32_t from, to; /* enum unit_state (proc/supervisor.h); DEATH: to is the state after it */
    int32_t pid;
    int32_t status;    /* DEATH: of waitpid, or -1 unknown */
    uint32_t cause;    /* DEATH: enum unit_cause */
    uint32_t failure;  /* DEATH: it was a crash */
    uint32_t restarts; /* by itself, so far */
    int64_t at_ms;
    int64_t ran_ms;  /* DEATH: how long it lived */
    int64_t next_ms; /* to RESTARTING, BACKOFF: when it starts; 0 */
    int64_t cpu_user_us, cpu_system_us,
        max_rss_bytes; /* DEATH, of the child and what it waited for */
    char unit[PROCESS_ID_MAX + 1];
    char reason[PROCESS_REASON_MAX + 1];
};
/* Checks everything, copies. */
int process_event_decode(const void *p, size_t n, struct process_event *out, struct err *err);

#endif
