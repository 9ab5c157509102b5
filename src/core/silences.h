/* Silences of the running core (documents of kind "silence"): what somebody does not want to hear for a while. An alert that
 * fires meanwhile is recorded and does not ring; one that has rung before does not remind. When a silence ends, what still fires
 * rings. They are kept for some days after their end. Main loop. */
#ifndef CORE_SILENCES_H
#define CORE_SILENCES_H

#include "alert/silence.h"
#include "core/core.h"

#define SILENCES_MAX       10000
#define SILENCE_KIND       "silence"
#define SILENCE_KEEP_MS    (INT64_C(5) * 86400 * 1000)
#define SILENCE_TEXT_MAX   1000
#define SILENCE_MATCHERS   100
#define SILENCE_LENGTH_MAX (INT64_C(366) * 86400 * 1000)

struct core_silence {
    struct silence silence; /* test: of those below */
    const struct label_match *matchers;
    uint32_t n_matchers;
    int64_t created_ms, updated_ms;
};

/* s->silence.id 0 creates; its test is not looked at. 0 and the waiter is done after the commit (NULL: nobody waits); INVALID,
 * MALFORMED (a matcher), NOT_FOUND, and what core_document_put() refuses. */
int core_silence_put(struct core *c, const struct core_silence *s, struct waiter *w, uint64_t *id,
                     struct err *err);
/* One that is active ends now; any other one is removed. */
int core_silence_expire(struct core *c, uint64_t id, struct waiter *w, struct err *err);
/* NULL: there is none. Borrowed until it is changed. */
const struct core_silence *core_silence_get(struct core *c, uint64_t id);
/* In order of id; fn returns false to stop. */
void core_silences_each(struct core *c, bool (*fn)(void *arg, const struct core_silence *s),
                        void *arg);

/* Firing alerts that match, in a. */
struct id_list core_match_alerts(struct core *c, const struct subject_test *test, struct arena *a);

#endif
