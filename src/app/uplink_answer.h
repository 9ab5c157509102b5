/* What the server answered an uplink's post, and what follows: pure, so that tests need no server. */
#ifndef APP_UPLINK_ANSWER_H
#define APP_UPLINK_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define UPLINK_CHECKS_MAX 256

struct uplink_answer {
    uint64_t stored;     /* the ring may be freed up to it */
    uint64_t generation; /* of what is to be probed */
    uint32_t n_checks;
    struct uplink_check {
        uint64_t request_id, target_id;
    } * checks; /* in the arena */
};
/* The body of an answer 200. */
int uplink_answer_parse(struct str body, struct arena *a, struct uplink_answer *out,
                        struct err *err);

/* What an answer of another status, or none (0), asks for. X(NAME) */
#define UPLINK_TROUBLES(X)                                                 \
    X(AWAY)     /* not reached, or the server's own trouble: again soon */ \
    X(BUSY)     /* it said when */                                         \
    X(TOKEN)    /* the token is not good (any more) */                     \
    X(CONFLICT) /* another agent, or another version */                    \
    X(LARGE)    /* smaller posts */                                        \
    X(STRANGE)  /* this is no Belfry, or too old a one */
enum uplink_trouble {
#define X(name) UPLINK_##name,
    UPLINK_TROUBLES(X)
#undef X
};
struct uplink_verdict {
    enum uplink_trouble trouble;
    int64_t pause_ms; /* until the next post */
};
/* failures: in a row, this one included. retry_after: the header, or NULL. chance in [0, 1): spreads agents that lost their
 * server at one moment. */
struct uplink_verdict uplink_judge(int status, const char *retry_after, uint32_t failures,
                                   double chance);

#endif
