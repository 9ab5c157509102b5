/* Copies of what was rendered, so that a rush on a page is answered from memory: one thread makes them, each at most once in a while,
 * whoever asks takes what there is. Copies that nobody asks for are dropped; all of them together have a limit.
 *
 * Any thread. make() runs on the cache's own thread, one at a time, without its lock. */
#ifndef STATUS_CACHE_H
#define STATUS_CACHE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "io/workers.h"

#define CACHE_COPIES_MAX 4000
#define CACHE_BYTES_MAX  ((size_t)96 << 20)

struct copy {
    atomic_uint refs;
    char *body, *gzip; /* gzip NULL: not worth it */
    size_t n, n_gzip;
    char etag[24];    /* in its quotes; of the body */
    char policy[300]; /* Content-Security-Policy */
};
/* Takes the buffer's memory. */
struct copy *copy_new(struct buf *body, const char *policy, bool compress);
void copy_unref(struct copy *c); /* NULL is fine */

struct cache;
struct cache_config {
    struct copy *(*make)(void *arg, const char *key); /* NULL: there is nothing of that key */
    void (*idle)(void *arg); /* on the same thread, about once in ten seconds */
    void *arg;
    int64_t
        fresh_ns; /* a copy older than this is made again when somebody asks; it is still given out … */
    int64_t stale_ns; /* … until it is older than this: then one waits */
    struct thread_hooks hooks;
};
struct cache *cache_new(const struct cache_config *cfg);
/* Ends the thread; whoever waits gets NULL. Not from make(), nor from a thread that make() waits for. */
void cache_stop(struct cache *c);
void cache_free(struct cache *c);

/* A reference, or NULL: there is none, not within wait_ns, or the cache is full. */
struct copy *cache_get(struct cache *c, const char *key, int64_t wait_ns);
/* Would cache_get answer without waiting? */
bool cache_ready(struct cache *c, const char *key);
/* What there is was made from what is no longer so: the next who asks waits for a new one, but in a rush. */
void cache_expire(struct cache *c);

struct cache_stats {
    uint64_t made, given, copies, bytes;
} cache_stats(struct cache *c);

#endif
