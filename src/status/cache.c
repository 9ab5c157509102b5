/* See cache.h. A slot's life: asked for → wanted → made by the thread → given out → (old, asked for) wanted again … → dropped. */
#include "status/cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/map.h"

#define UNASKED_NS   (300 * NS_PER_S)
#define IDLE_NS      (10 * NS_PER_S)
#define RUSH         8 /* so many wait already: others get what there is */
#define COMPRESS_MIN 400

struct slot {
    char *key;
    struct copy *copy;
    int64_t made_ns, asked_ns;
    uint64_t made_of; /* the generation */
    uint64_t answers; /* how often make() was asked */
    bool wanted;
};

struct cache {
    struct cache_config cfg;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work, done;
    struct map_str *slots;
    uint64_t generation, made, given;
    size_t bytes, waiting;
    int64_t idled_ns;
    bool stopping, joined;
};

/* --- copies --- */

static void compress_body(struct copy *c)
{
    z_stream z = {0};
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return;
    size_t room = deflateBound(&z, c->n);
    char *out = malloc(room);
    must(out);
    z.next_in = (Bytef *)c->body;
    z.avail_in = (uInt)c->n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    bool good = deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < c->n;
    size_t n = z.total_out;
    deflateEnd(&z);
    if (!good) {
        free(out);
        return;
    }
    c->gzip = realloc(out, n);
    must(c->gzip);
    c->n_gzip = n;
}

struct copy *copy_new(struct buf *body, const char *policy, bool compress)
{
    struct copy *c = calloc(1, sizeof(*c));
    must(c && !body->failed);
    atomic_init(&c->refs, 1);
    c->n = body->len;
    c->body = buf_take(body, &c->n);
    snprintf(c->etag, sizeof(c->etag), "\"%016llx\"",
             (unsigned long long)hash_bytes(c->body ? c->body : "", c->n, 0xbe1f));
    snprintf(c->policy, sizeof(c->policy), "%s", policy);
    if (compress && c->n >= COMPRESS_MIN)
        compress_body(c);
    return c;
}

void copy_unref(struct copy *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    free(c->body);
    free(c->gzip);
    free(c);
}

static size_t size_of(const struct copy *c)
{
    return c ? c->n + c->n_gzip + sizeof(*c) : 0;
}

/* --- slots; under the lock --- */

static void drop(struct cache *c, struct slot *s)
{
    must(c->bytes >= size_of(s->copy));
    c->bytes -= size_of(s->copy);
    map_str_del(c->slots, s->key, strlen(s->key));
    copy_unref(s->copy);
    free(s->key);
    free(s);
}

static void drop_unasked(struct cache *c, int64_t before_ns)
{
    const char *key;
    size_t len;
    void *value;
    for (size_t it = 0; map_str_next(c->slots, &it, &key, &len, &value);) {
        struct slot *s = value;
        if (s->asked_ns < before_ns && !s->wanted)
            drop(c, s);
    }
}

static struct slot *slot_of(struct cache *c, const char *key, bool make)
{
    struct slot *s = map_str_get(c->slots, key, strlen(key));
    if (s || !make || map_str_count(c->slots) >= CACHE_COPIES_MAX)
        return s;
    s = calloc(1, sizeof(*s));
    must(s);
    s->key = strdup(key);
    must(s->key);
    map_str_put(c->slots, key, strlen(key), s);
    return s;
}

static bool is_usable(const struct cache *c, const struct slot *s, int64_t now_ns)
{
    if (!s->copy || now_ns - s->made_ns > c->cfg.stale_ns)
        return false;
    return s->made_of == c->generation || c->waiting >= RUSH;
}

static void want(struct cache *c, struct slot *s, int64_t now_ns)
{
    bool fresh = s->copy && s->made_of == c->generation && now_ns - s->made_ns <= c->cfg.fresh_ns;
    if (fresh || s->wanted)
        return;
    s->wanted = true;
    pthread_cond_signal(&c->work);
}

/* --- who asks --- */

bool cache_ready(struct cache *c, const char *key)
{
    pthread_mutex_lock(&c->lock);
    struct slot *s = slot_of(c, key, false);
    bool ready = s && is_usable(c, s, clock_mono_ns());
    pthread_mutex_unlock(&c->lock);
    return ready;
}

static struct timespec at_ns(int64_t mono_ns)
{
    return (struct timespec){.tv_sec = mono_ns / NS_PER_S, .tv_nsec = mono_ns % NS_PER_S};
}

/* The slot may be dropped while the lock is away, so it is looked up again. */
static struct slot *wait_for(struct cache *c, const char *key, int64_t until_ns)
{
    struct slot *s = slot_of(c, key, true);
    uint64_t asked = s ? s->answers : 0;
    struct timespec until = at_ns(until_ns);
    c->waiting++;
    while (s && !c->stopping && !is_usable(c, s, clock_mono_ns()) && s->answers < asked + 2) {
        want(c, s, clock_mono_ns());
        if (pthread_cond_timedwait(&c->done, &c->lock, &until) != 0)
            break;
        s = slot_of(c, key, false);
        if (s && !s->copy && s->answers > asked)
            break; /* there is nothing of that key */
    }
    must(c->waiting > 0);
    c->waiting--;
    return s && s->copy && is_usable(c, s, clock_mono_ns()) ? s : NULL;
}

struct copy *cache_get(struct cache *c, const char *key, int64_t wait_ns)
{
    must(*key);
    int64_t now = clock_mono_ns();
    struct copy *found = NULL;
    pthread_mutex_lock(&c->lock);
    struct slot *s = slot_of(c, key, true);
    if (s) {
        s->asked_ns = now;
        want(c, s, now);
        if (!is_usable(c, s, now) && wait_ns > 0)
            s = wait_for(c, key, now + wait_ns);
    }
    if (s && is_usable(c, s, clock_mono_ns())) {
        found = s->copy;
        atomic_fetch_add(&found->refs, 1);
        c->given++;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void cache_expire(struct cache *c)
{
    pthread_mutex_lock(&c->lock);
    c->generation++;
    pthread_mutex_unlock(&c->lock);
}

struct cache_stats cache_stats(struct cache *c)
{
    pthread_mutex_lock(&c->lock);
    struct cache_stats st = {c->made, c->given, map_str_count(c->slots), c->bytes};
    pthread_mutex_unlock(&c->lock);
    return st;
}

/* --- the thread --- */

static struct slot *next_wanted(struct cache *c)
{
    const char *key;
    size_t len;
    void *value;
    struct slot *first = NULL;
    for (size_t it = 0; map_str_next(c->slots, &it, &key, &len, &value);) {
        struct slot *s = value;
        if (s->wanted && (!first || s->made_ns < first->made_ns))
            first = s;
    }
    return first;
}

/* A wanted slot is never dropped, so it is still there afterwards. */
static void make_one(struct cache *c, struct slot *s)
{
    uint64_t generation = c->generation;
    must(s->wanted);
    pthread_mutex_unlock(&c->lock);
    struct copy *fresh = c->cfg.make(c->cfg.arg, s->key);
    pthread_mutex_lock(&c->lock);
    must(s->wanted && c->bytes >= size_of(s->copy)); /* what is wanted is not dropped */
    c->bytes -= size_of(s->copy);
    copy_unref(s->copy);
    s->copy = fresh;
    c->bytes += size_of(fresh);
    s->made_ns = clock_mono_ns();
    s->made_of = generation;
    s->wanted = false;
    s->answers++;
    c->made += fresh != NULL;
    pthread_cond_broadcast(&c->done);
}

static void keep_house(struct cache *c)
{
    int64_t now = clock_mono_ns();
    for (int64_t age = UNASKED_NS; c->bytes > CACHE_BYTES_MAX && age > NS_PER_S; age /= 2)
        drop_unasked(c, now - age);
    if (now - c->idled_ns < IDLE_NS)
        return;
    c->idled_ns = now;
    drop_unasked(c, now - UNASKED_NS);
    pthread_mutex_unlock(&c->lock);
    c->cfg.idle(c->cfg.arg);
    pthread_mutex_lock(&c->lock);
}

static void *run(void *arg)
{
    struct cache *c = arg;
    if (c->cfg.hooks.begin)
        c->cfg.hooks.begin();
    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        struct slot *s = next_wanted(c);
        struct timespec until = at_ns(clock_mono_ns() + IDLE_NS);
        if (s)
            make_one(c, s);
        else
            pthread_cond_timedwait(&c->work, &c->lock, &until);
        keep_house(c);
    }
    pthread_mutex_unlock(&c->lock);
    if (c->cfg.hooks.end)
        c->cfg.hooks.end();
    return NULL;
}

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

struct cache *cache_new(const struct cache_config *cfg)
{
    struct cache *c = calloc(1, sizeof(*c));
    must(c && cfg->make && cfg->idle && cfg->stale_ns >= cfg->fresh_ns);
    c->cfg = *cfg;
    pthread_mutex_init(&c->lock, NULL);
    cond_init(&c->work);
    cond_init(&c->done);
    c->slots = map_str_new();
    c->idled_ns = clock_mono_ns();
    must(pthread_create(&c->thread, NULL, run, c) == 0);
    return c;
}

void cache_stop(struct cache *c)
{
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    bool joined = c->joined;
    c->joined = true;
    pthread_cond_broadcast(&c->work);
    pthread_cond_broadcast(&c->done);
    pthread_mutex_unlock(&c->lock);
    if (!joined)
        pthread_join(c->thread, NULL);
}

void cache_free(struct cache *c)
{
    const char *key;
    size_t len;
    void *value;
    if (!c)
        return;
    cache_stop(c);
    for (size_t it = 0; map_str_next(c->slots, &it, &key, &len, &value);)
        drop(c, value);
    map_str_free(c->slots);
    pthread_cond_destroy(&c->work);
    pthread_cond_destroy(&c->done);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
