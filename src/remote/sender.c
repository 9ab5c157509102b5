/* The senders' thread, and queues that come and go with the configuration (remote/sender.h).
 *
 * Callers hand new queues over in `wanted`; the manager, a fiber of the thread, ends what is not wanted any more, waits for
 * it, and starts what is new: two queues never share a place. */
#include "remote/sender_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "base/must.h"
#include "io/resolve.h"

#define KEEP_BYTES (UINT64_C(2) << 30)

/* --- the manager, on the thread --- */

static bool take_wanted(struct remote_writers *w, struct queue ***at, size_t *n)
{
    pthread_mutex_lock(&w->lock);
    bool reload = w->reload;
    *at = w->wanted.at;
    *n = w->wanted.n;
    if (reload)
        memset(&w->wanted, 0, sizeof(w->wanted));
    w->reload = false;
    pthread_mutex_unlock(&w->lock);
    return reload;
}

static struct queue *find(struct queue **at, size_t n, uint64_t hash)
{
    for (size_t i = 0; i < n; i++) {
        if (at[i] && at[i]->hash == hash)
            return at[i];
    }
    return NULL;
}

/* Ends queue i and waits until it has. */
static void end_queue(struct remote_writers *w, size_t i)
{
    struct queue *q = w->queues.at[i];
    queue_end(q);
    while (q->fiber)
        fiber_park(IO_FOREVER, NULL);
    pthread_mutex_lock(&w->lock);
    w->queues.at[i] = w->queues.at[w->queues.n - 1];
    w->queues.n--;
    pthread_mutex_unlock(&w->lock);
    queue_free(q);
}

static void apply(struct remote_writers *w, struct queue **wanted, size_t n)
{
    for (size_t i = w->queues.n; i-- > 0;) {
        if (!find(wanted, n, w->queues.at[i]->hash))
            end_queue(w, i);
    }
    for (size_t i = 0; i < n; i++) {
        struct queue *q = wanted[i];
        struct err err = {0};
        if (find(w->queues.at, w->queues.n, q->hash)) {
            queue_free(q);
            continue;
        }
        pthread_mutex_lock(&w->lock);
        vec_push(&w->queues, q);
        pthread_mutex_unlock(&w->lock);
        if (fiber_start(w->loop, queue_run, q, &err) < 0)
            log_error("a remote write cannot start", F_STR("queue", q->name), F_ERR(&err));
    }
    free(wanted);
}

static void manage(void *arg)
{
    struct remote_writers *w = arg;
    w->manager = fiber_self();
    for (;;) {
        struct queue **wanted;
        size_t n;
        if (take_wanted(w, &wanted, &n)) {
            apply(w, wanted, n); /* other news may have come meanwhile */
            continue;
        }
        pthread_mutex_lock(&w->lock);
        bool stop = w->stop;
        pthread_mutex_unlock(&w->lock);
        if (stop)
            break;
        fiber_park(IO_FOREVER, NULL);
    }
    while (w->queues.n > 0)
        end_queue(w, w->queues.n - 1);
    w->manager = NULL;
    loop_stop(w->loop);
}

static void on_news(void *arg)
{
    struct remote_writers *w = arg;
    if (w->manager)
        fiber_wake(w->manager);
}

static void on_start(void *arg)
{
    struct remote_writers *w = arg;
    struct err err = {0};
    must(fiber_start(w->loop, manage, w, &err) == 0);
}

/* --- the thread --- */

struct start {
    struct remote_writers *w;
    struct err *err;
    pthread_mutex_t lock;
    pthread_cond_t done;
    int rc; /* 1: not yet */
};

static int make_loop(struct remote_writers *w, struct err *err)
{
    w->loop = loop_new(err);
    if (!w->loop)
        return -1;
    w->resolver = resolver_new(w->loop, err);
    w->http = w->resolver ? http_client_new(w->loop, w->resolver, err) : NULL;
    return w->http ? 0 : -1;
}

static void free_loop(struct remote_writers *w)
{
    http_client_free(w->http);
    if (w->resolver)
        resolver_free(w->resolver);
    if (w->loop)
        loop_free(w->loop);
}

/* Loop, resolver and client belong to the thread that makes them. */
static void *thread_main(void *arg)
{
    struct start *s = arg;
    struct remote_writers *w = s->w;
    int rc = make_loop(w, s->err);
    if (rc == 0)
        loop_post(w->loop, on_start, w);
    pthread_mutex_lock(&s->lock);
    s->rc = rc;
    pthread_cond_signal(&s->done);
    pthread_mutex_unlock(&s->lock); /* s is gone from here on */
    if (rc == 0)
        loop_run(w->loop);
    free_loop(w);
    return NULL;
}

static int start_thread(struct remote_writers *w, struct err *err)
{
    struct start s = {.w = w, .err = err, .rc = 1};
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.done, NULL);
    int rc = pthread_create(&w->thread, NULL, thread_main, &s);
    if (rc != 0) {
        errno = rc;
        return err_sys(err, ERR_FULL, "cannot start the thread of remote write");
    }
    pthread_mutex_lock(&s.lock);
    while (s.rc == 1)
        pthread_cond_wait(&s.done, &s.lock);
    pthread_mutex_unlock(&s.lock);
    if (s.rc < 0)
        pthread_join(w->thread, NULL);
    pthread_cond_destroy(&s.done);
    pthread_mutex_destroy(&s.lock);
    return s.rc;
}

struct remote_writers *remote_writers_new(const struct remote_options *opt, struct err *err)
{
    must(opt->db != NULL && opt->dir != NULL);
    if (fs_mkdirs(opt->dir, 0700, err) < 0)
        return NULL;
    struct remote_writers *w = calloc(1, sizeof(*w));
    must(w != NULL);
    w->opt = *opt;
    w->opt.keep_bytes = opt->keep_bytes ? opt->keep_bytes : KEEP_BYTES;
    w->dir = strdup(opt->dir);
    w->opt.dir = w->dir;
    pthread_mutex_init(&w->lock, NULL);
    if (start_thread(w, err) == 0)
        return w;
    pthread_mutex_destroy(&w->lock);
    free(w->dir);
    free(w);
    return NULL;
}

void remote_writers_free(struct remote_writers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_mutex_unlock(&w->lock);
    loop_post(w->loop, on_news, w);
    pthread_join(w->thread, NULL);
    must(w->queues.n == 0);
    vec_each (&w->wanted, q)
        queue_free(*q);
    vec_done(&w->wanted);
    vec_done(&w->queues);
    pthread_mutex_destroy(&w->lock);
    free(w->dir);
    free(w);
}

/* --- configuration --- */

static struct labels external_of(const struct pair_list *pairs, struct arena *a)
{
    size_t n = pairs ? pairs->n : 0;
    struct label_pair *at = arena_array_of(a, struct label_pair, n + 1);
    for (size_t i = 0; i < n; i++) {
        at[i].name = str_of(arena_strdup(a, pairs->at[i].key));
        at[i].value = str_of(arena_strdup(a, pairs->at[i].value));
    }
    return (struct labels){at, (uint32_t)n};
}

static uint64_t hash_of(const struct node *item, const struct labels *external)
{
    struct buf text = BUF_INIT(NODE_TEXT_MAX);
    struct json j = json_start(&text);
    node_to_json(item, &j);
    labels_format(&text, external);
    uint64_t h = hash_bytes(text.data, text.len, 0);
    buf_done(&text);
    return h;
}

/* A name that is no file's name, or none, gives way to the hash. */
static void name_queue(struct queue *q, const char *dir)
{
    bool plain = q->config.name[0] != '\0' && q->config.name[0] != '.';
    for (const char *p = q->config.name; *p && plain; p++)
        plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                strchr("_-.", *p);
    char *hex = arena_printf(q->arena, "%016llx", (unsigned long long)q->hash);
    q->name = q->config.name[0] ? q->config.name : arena_strndup(q->arena, hex, 6);
    q->place_path = arena_printf(q->arena, "%s/%s.place", dir, plain ? q->config.name : hex);
}

static struct queue *queue_new(struct remote_writers *w, const struct node *item,
                               const struct pair_list *external, struct problems *p,
                               const char *path)
{
    struct arena *a = arena_new();
    struct queue *q = arena_new_of(a, struct queue);
    *q = (struct queue){.magic = QUEUE_MAGIC, .writers = w, .arena = a};
    struct node *own = node_copy(a, item);
    q->external = external_of(external, a);
    q->hash = hash_of(own, &q->external);
    if (!remote_config_bind(own, a, &q->config, &q->relabel, p, path)) {
        arena_free(a);
        return NULL;
    }
    name_queue(q, w->dir);
    q->stats.name = q->name;
    q->stats.url = q->config.url;
    return q;
}

static int hand_over(struct remote_writers *w, struct queue **at, size_t n)
{
    pthread_mutex_lock(&w->lock);
    vec_each (&w->wanted, q)
        queue_free(*q); /* of a reload that nobody saw */
    vec_done(&w->wanted);
    w->wanted.at = at;
    w->wanted.n = w->wanted.cap = n;
    w->reload = true;
    pthread_mutex_unlock(&w->lock);
    loop_post(w->loop, on_news, w);
    return 0;
}

int remote_writers_reload(struct remote_writers *w, const struct node *list,
                          const struct pair_list *external_labels, struct err *err)
{
    struct arena *a = arena_new();
    struct problems p;
    vec_of(struct queue *) wanted = {0};
    bool good = true;
    problems_init(&p, a);
    if (list)
        good = remote_write_check(list, &p, "remote_write");
    for (const struct node *i = list && good ? list->first : NULL; i && good; i = i->next) {
        struct queue *q = queue_new(w, i, external_labels, &p, "remote_write");
        good = q != NULL;
        if (q && find(wanted.at, wanted.n, q->hash))
            queue_free(q); /* the same twice */
        else if (q)
            vec_push(&wanted, q);
    }
    if (!good) {
        vec_each (&wanted, q)
            queue_free(*q);
        vec_done(&wanted);
        err_set(err, ERR_INVALID, "cannot use remote_write: %s",
                p.list.n > 0 ? p.list.at[0].message : "it is wrong");
    }
    problems_done(&p);
    arena_free(a);
    return good ? hand_over(w, wanted.at, wanted.n) : -1;
}

void remote_writers_each(struct remote_writers *w,
                         void (*fn)(void *arg, const struct remote_stats *s), void *arg)
{
    pthread_mutex_lock(&w->lock);
    vec_each (&w->queues, q)
        fn(arg, &(*q)->stats);
    pthread_mutex_unlock(&w->lock);
}
