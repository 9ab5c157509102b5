/* An agent's uplink: one process, one loop, one fiber that posts. It stands in the core's place: serves link.sock, tails the watcher's
 * ring, writes its assignment. What the server has not stored stays in the ring, which is on the disk, so there is nothing that it or
 * its death could lose; records go as they are, and the server skips what it has.
 *
 *   watcher ──ring──▶ uplink ──POST results──▶ server: answers when they are stored
 *           ◀─assign/agent.0, RELOAD, CHECK──  ◀── what is stored, what to probe, what to probe now
 *
 * role_uplink.c wires it, uplink.c is the fiber, uplink_post.c one exchange, uplink_answer.c (pure) what an answer means. */
#ifndef APP_UPLINK_H
#define APP_UPLINK_H

#include "app/agent_settings.h"
#include "app/uplink_answer.h"
#include "base/rng.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "ipc/beat.h"
#include "ipc/link.h"
#include "ipc/parcel.h"
#include "ipc/ring.h"

struct fiber;

#define UPLINK_MAGIC  0xbe1f0b11u
#define UPLINK_SECOND INT64_C(1000000000)

struct uplink {
    uint32_t magic;
    struct loop *loop;
    struct resolver *resolver;
    struct http_client *http;
    struct link_server *link;
    struct beat_page *beat;
    struct timer stats_timer, stop_timer;
    struct rng rng;
    struct arena *arena; /* of the settings */
    struct agent_settings settings;
    const char *settings_path;
    const char *token; /* to be sent */
    char *token_text;  /* malloc'ed, when it came from a file */
    char number[24];   /* which agent this is (PARCEL_AGENT) */

    struct ring *ring;
    char *ring_path, *assign_path;
    char *former_path; /* the watcher's ring before --buffer became another one: it is sent first */
    bool on_former;    /* u->ring is that one */
    struct {           /* read, but there was no room for it in the post */
        const void *p;
        size_t n;
        uint64_t seq; /* 0: none */
    } held;
    uint64_t read_seq;   /* last number in a post */
    uint64_t waiting;    /* records, before the last post */
    uint64_t freed;      /* last number that is no longer in the ring; as far as it is known */
    uint64_t generation; /* of the assignment on the disk; 0: none */
    size_t post_max;

    struct fiber *fiber;
    bool parked;  /* it waits for something to do */
    bool urgent;  /* the watcher has something that should not wait */
    bool patient; /* the server is away or refuses: nothing is urgent */
    bool hurry;   /* what the server refused is other now: a pause ends */
    bool stopping;
    int64_t posted_ns;
    uint32_t failures; /* in a row */
    int64_t away_ns;   /* since when; 0: the server answers */
    enum uplink_trouble told;
    char told_text[256]; /* what the log said last of the trouble */
};

/* uplink.c: what the fiber does until it is told to stop and the ring is empty, or the server away. */
void uplink_serve(void *arg);
void uplink_wake(struct uplink *u, bool urgent);

/* uplink_ring.c */
/* Before there is a watcher: a ring of the size that is wanted now, when there is another one. */
void uplink_ring_fit(struct uplink *u);
int uplink_ring_open(struct uplink *u, struct err *err);
/* The former ring is sent: goes over to the watcher's. True: it did. */
bool uplink_ring_pass(struct uplink *u);
/* How many records wait; as good as it is known. */
uint64_t uplink_ring_waiting(struct uplink *u);
/* Fills the post with what the ring holds. True: there is more. */
bool uplink_ring_fill(struct uplink *u, struct parcel_writer *w);
void uplink_ring_again(struct uplink *u); /* what is not stored will be read again */
void uplink_ring_free(struct uplink *u, uint64_t stored);
bool uplink_ring_is_empty(const struct uplink *u);

/* uplink_post.c: one exchange. *more: the ring has more than went. -1: no answer 200; the verdict says what then. */
int uplink_post(struct uplink *u, bool *more, struct uplink_verdict *v);
/* uplink_assign.c: fetches what to probe and hands it to the watcher. */
int uplink_fetch_assignment(struct uplink *u, struct err *err);
/* The one that a former life left; an empty one when there is none. */
int uplink_open_assignment(struct uplink *u, struct err *err);
/* One exchange with the server; *resp is the caller's to end. */
int uplink_ask(struct uplink *u, const char *path, const struct buf *body, size_t max_answer,
               struct arena *a, struct http_response *resp, struct err *err);
void uplink_read_token(struct uplink *u);

#endif
