/* Remote write 1.0, sent: what the store takes in goes on to other stores, `remote_write:` of Prometheus verbatim.
 *
 * A queue follows the store's WAL (tsdb_tail) from the place where it was last, which DIR/NAME.place holds: what was not
 * delivered when the program ended, or while the receiver was away, is delivered later, in order for each series, as long as
 * the WAL is kept for it. A round reads rows, sends them in parallel requests, a series always in the same one, and moves the
 * place on when all are delivered or refused for good. So a sample may come twice after a crash, never not at all.
 *
 * All queues run on fibers of one thread of their own. A queue that is new begins with what comes from now on. */
#ifndef REMOTE_SENDER_H
#define REMOTE_SENDER_H

#include "config/option.h"
#include "tsdb/tsdb.h"

/* Adds what is wrong with the list `remote_write:` to p. */
bool remote_write_check(const struct node *list, struct problems *p, const char *path);
const struct option *remote_write_options(void); /* of one item */

struct remote_options {
    struct tsdb *db; /* must outlive the senders */
    const char *dir; /* of places; made when absent. "DATA/remote" */
    uint64_t
        keep_bytes; /* of the WAL behind the newest, for each queue; 0: 2 GiB. More is lost (tsdb_stats.tail_lost_bytes) */
};
struct remote_writers;
/* Starts the thread, without queues. */
struct remote_writers *remote_writers_new(const struct remote_options *opt, struct err *err);
/* Queues of the list (NULL: none) from now on. A queue whose description did not change goes on; the others end, or begin,
 * soon after this returns. INVALID when remote_write_check would find something; then nothing changes. */
int remote_writers_reload(struct remote_writers *w, const struct node *list,
                          const struct pair_list *external_labels, struct err *err);
/* Ends requests that are under way, keeps the places. NULL is fine. */
void remote_writers_free(struct remote_writers *w);

struct remote_stats {
    const char *name, *url;
    uint64_t sent;    /* samples that were delivered */
    uint64_t failed;  /* refused for good by the receiver */
    uint64_t dropped; /* by relabelling, by age, of series forgotten since */
    uint64_t retried; /* samples of attempts that are made again */
    uint64_t requests, bytes, metadata;
    uint64_t pending;                       /* read, not delivered yet */
    int64_t newest_read_ms, newest_sent_ms; /* times of samples; 0: none yet */
    uint32_t shards;                        /* requests at once in the last round */
    bool failing;                           /* the last attempt failed; it is made again */
    char error[200];                        /* of the last attempt that failed */
};
/* Any thread; fn must not call back here. */
void remote_writers_each(struct remote_writers *w,
                         void (*fn)(void *arg, const struct remote_stats *s), void *arg);

#endif
