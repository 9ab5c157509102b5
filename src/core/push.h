/* Heartbeats of jobs: /push/TOKEN. How a job stands is kept in the store's setting "push/ID" (JSON), what its last runs said in
 * "push/ID/0" … "push/ID/19"; both change in the transaction of the result, so what was acknowledged outlives any death. */
#ifndef CORE_PUSH_H
#define CORE_PUSH_H

#include "alert/heartbeat.h"
#include "core/core.h"

#define PUSH_RUNS_KEPT  20
#define PUSH_OUTPUT_MAX 10000 /* bytes kept of a run's output: its end */

enum push_outcome { PUSH_TAKEN, PUSH_PAUSED, PUSH_UNKNOWN, PUSH_TOO_OFTEN };
/* On the loop. The waiter is done when it is stored; with PUSH_UNKNOWN and PUSH_TOO_OFTEN nothing happened, and it is untouched.
 * A token that nobody has costs the same work. output: what is kept of it, valid UTF-8; from: the peer's address. */
enum push_outcome core_push(struct core *c, struct str token, const struct heartbeat_event *ev,
                            const char *output, const char *from, struct waiter *w);

struct core_push_view {
    struct heartbeat state;
    int64_t late_ms; /* from when on it is late */
    const char *token;
};
/* On the loop. false: the target is no push target. token is borrowed. */
bool core_push_view(struct core *c, uint64_t id, struct core_push_view *out);
/* Any thread: the last runs as a JSON array, newest first; ends is the view's. */
void core_push_runs(struct store_reader *r, uint64_t id, uint64_t ends, struct arena *a,
                    struct json *j);

#endif
