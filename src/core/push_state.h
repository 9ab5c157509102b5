/* How a push target's state and its runs are written down. Pure. */
#ifndef CORE_PUSH_STATE_H
#define CORE_PUSH_STATE_H

#include "alert/heartbeat.h"
#include "base/arena.h"

struct push_run {
    const struct heartbeat_event *event;
    const char *output, *from;
    int64_t at_ms, started_ms, duration_ms; /* 0, -1: not known */
};

void push_state_write(const struct heartbeat *b, struct buf *out);
/* -1: it cannot be read; *b is as before. */
int push_state_read(const char *text, struct heartbeat *b, struct arena *a);
/* As the API shows it: {"kind","rid","started_at","ended_at","duration_ms","exit_code","message","output","from"}. */
void push_run_write(const struct push_run *r, struct buf *out);

#endif
