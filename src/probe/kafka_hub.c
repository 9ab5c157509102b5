/* See kafka_hub.h.
 *
 *   fiber ── job ──> workers of the cluster ── ask(rk) ──> finished, a byte into the cluster's pipe
 *                    librdkafka's threads ── error event ──^
 *   loop: the pipe is readable ──> error events; finished jobs: their fibers are woken, or they are freed
 *
 * A cluster whose brokers are all down, or that refused us, is `broken`: those who wait are told at once, so are those who
 * come within HOLD_NS, and then a new handle tries anew. Handles without work for IDLE_NS are closed. */
#include "probe/kafka_hub.h"

#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "io/fiber.h"

#define HUB_MAGIC     0x4b48b001u
#define CLUSTER_MAGIC 0x4b48b002u
#define THREADS       8 /* of a cluster: questions at once */
#define QUEUE_MAX     4096
#define HOLD_NS       (1 * NS_PER_S)
#define IDLE_NS       (180 * NS_PER_S)
#define LOOK_NS       (20 * NS_PER_S)

struct kafka_cluster {
    uint32_t magic;
    struct kafka_hub *hub;
    struct kafka_cluster *next; /* of those that are closing */
    struct buf key;             /* what identifies the login */
    rd_kafka_t *rk;
    rd_kafka_queue_t *events;
    struct workers *workers;
    int pipe[2];
    struct watch *watch;
    struct kafka_job *jobs;     /* not finished, or not taken yet */
    int64_t used_ns, broken_ns; /* broken_ns 0: it is not */
    struct err why;             /* what librdkafka said last */
};

struct kafka_hub {
    uint32_t magic;
    struct loop *loop;
    struct map_str *clusters;      /* key → struct kafka_cluster */
    struct kafka_cluster *closing; /* out of the map; closed when their last job has finished */
    struct timer timer;
};

/* --- jobs --- */

void kafka_job_free(struct kafka_job *job)
{
    if (job)
        arena_free(job->arena);
}

/* On a thread of the cluster. */
static void run_job(struct worker_job *work)
{
    struct kafka_job *job = container_of(work, struct kafka_job, work);
    int fd = job->cluster->pipe[1];
    if (clock_mono_ns() < job->deadline_ns)
        job->ask(job);
    else
        job->rc = err_set(&job->err, ERR_TIMEOUT, "no answer before the deadline");
    atomic_store(&job->finished, true); /* from here on it is the loop's */
    ssize_t n = write(fd, "j", 1);
    must(n == 1 || errno == EAGAIN); /* full: the loop will look anyway */
}

static void unlink_job(struct kafka_cluster *c, struct kafka_job *job)
{
    struct kafka_job **at = &c->jobs;
    while (*at && *at != job)
        at = &(*at)->next;
    must(*at == job);
    *at = job->next;
}

static void take_finished(struct kafka_cluster *c)
{
    for (struct kafka_job *job = c->jobs, *next; job; job = next) {
        next = job->next;
        if (!atomic_load(&job->finished))
            continue;
        if (job->waiter) {
            fiber_wake(job->waiter);
            continue;
        }
        unlink_job(c, job);
        kafka_job_free(job);
    }
}

/* --- clusters --- */

/* May wait for librdkafka's threads. */
static void end_handle(void *arg)
{
    struct kafka_cluster *c = arg;
    workers_stop(c->workers);
    workers_free(c->workers);
    rd_kafka_queue_destroy(c->events);
    rd_kafka_destroy(c->rk);
}

static void free_cluster(struct kafka_cluster *c)
{
    must(c->jobs == NULL);
    for (int i = 0; i < 2; i++)
        if (c->pipe[i] >= 0)
            close(c->pipe[i]);
    buf_done(&c->key);
    c->magic = 0;
    free(c);
}

static void close_fiber(void *arg)
{
    io_blocking(end_handle, arg);
    free_cluster(arg);
}

/* With no job left, on the loop. */
static void close_cluster(struct kafka_cluster *c)
{
    struct err err = {0};
    check_magic(c, CLUSTER_MAGIC);
    watch_close(&c->watch);
    if (fiber_start(c->hub->loop, close_fiber, c, &err) == 0)
        return;
    end_handle(c);
    free_cluster(c);
}

static void close_finished(struct kafka_hub *h)
{
    for (struct kafka_cluster **at = &h->closing, *c; (c = *at) != NULL;) {
        if (c->jobs) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        close_cluster(c);
    }
}

static void retire(struct kafka_cluster *c)
{
    struct kafka_hub *h = c->hub;
    must(map_str_del(h->clusters, c->key.data, c->key.len) == c);
    c->next = h->closing;
    h->closing = c;
    close_finished(h);
}

static void on_timer(struct timer *t)
{
    struct kafka_hub *h = container_of(t, struct kafka_hub, timer);
    check_magic(h, HUB_MAGIC);
    int64_t now = clock_mono_ns();
    const char *key;
    size_t n;
    void *value;
    for (size_t it = 0; map_str_next(h->clusters, &it, &key, &n, &value);) {
        struct kafka_cluster *c = value;
        if (!c->jobs && now - c->used_ns > (c->broken_ns ? HOLD_NS : IDLE_NS))
            retire(c);
    }
    close_finished(h);
    timer_start(h->loop, t, now + LOOK_NS, on_timer);
}

/* Those who wait need not wait on: no broker is left, or all will refuse us alike. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *arg)
{
    struct kafka_cluster *c = arg;
    (void)rk;
    check_magic(c, CLUSTER_MAGIC);
    switch (code) {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        if (!c->why.msg[0])
            err_set(&c->why, ERR_REFUSED, "%s", reason);
        break;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        err_set(&c->why, ERR_DENIED, "%s", reason);
        break;
    case RD_KAFKA_RESP_ERR__SSL:
        err_set(&c->why, ERR_TLS, "%s", reason);
        break;
    default:
        err_set(&c->why, ERR_REFUSED, "%s", reason);
        return;
    }
    if (!c->broken_ns)
        c->broken_ns = clock_mono_ns();
    for (struct kafka_job *job = c->jobs; job; job = job->next) {
        atomic_store(&job->refused, true);
        if (job->waiter)
            fiber_wake(job->waiter);
    }
}

static void on_pipe(void *arg, int events)
{
    struct kafka_cluster *c = arg;
    char room[256];
    (void)events;
    check_magic(c, CLUSTER_MAGIC);
    while (read(c->pipe[0], room, sizeof(room)) == (ssize_t)sizeof(room))
        ;
    rd_kafka_poll(c->rk, 0);
    take_finished(c);
    close_finished(c->hub); /* perhaps this one */
}

static int open_handle(struct kafka_cluster *c, const struct kafka_login *login, struct err *err)
{
    char why[300];
    rd_kafka_conf_t *conf = kafka_conf(login, err);
    if (!conf)
        return -1;
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_error_cb(conf, on_error);
    c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (c->rk)
        return 0;
    rd_kafka_conf_destroy(conf);
    return err_set(err, ERR_INVALID, "cannot prepare the connection: %s", why);
}

/* Takes the key. */
static struct kafka_cluster *open_cluster(struct kafka_hub *h, const struct kafka_login *login,
                                          struct buf *key, struct err *err)
{
    struct kafka_cluster *c = calloc(1, sizeof(*c));
    must(c != NULL);
    *c = (struct kafka_cluster){.magic = CLUSTER_MAGIC, .hub = h, .key = *key, .pipe = {-1, -1}};
    *key = BUF_INIT(0);
    if (pipe2(c->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        err_sys(err, ERR_IO, "cannot make a pipe");
    } else if (open_handle(c, login, err) == 0) {
        c->watch = watch_open(h->loop, c->pipe[0], IO_READ, on_pipe, c, err);
        c->workers = workers_new(
            &(struct workers_config){.limit = THREADS, .queue = QUEUE_MAX, .idle_ms = 20000});
        c->events = rd_kafka_queue_get_main(c->rk);
        rd_kafka_queue_io_event_enable(c->events, c->pipe[1], "e", 1);
        must(write(c->pipe[1], "e", 1) == 1); /* events of before; the pipe is empty */
        if (c->watch)
            return c;
        end_handle(c);
    }
    free_cluster(c);
    return NULL;
}

static void key_of(const struct kafka_login *l, struct buf *key)
{
    const char *const parts[] = {l->brokers, l->mechanism, l->username, l->password,
                                 l->ca_file, l->cert_file, l->key_file};
    for (size_t i = 0; i < array_len(parts); i++)
        buf_put_str(key, parts[i] ? parts[i] : "", parts[i] ? strlen(parts[i]) : 0);
    buf_put_u8(key, (uint8_t)(l->tls | l->verify << 1 | l->check_name << 2));
    must(!key->failed);
}

/* The one there is, or NULL: there is none, or it failed long enough ago to be tried anew. */
static struct kafka_cluster *known_cluster(struct kafka_hub *h, const struct buf *key)
{
    struct kafka_cluster *c = map_str_get(h->clusters, key->data, key->len);
    if (!c || !c->broken_ns || clock_mono_ns() - c->broken_ns <= HOLD_NS)
        return c;
    retire(c);
    return NULL;
}

static struct kafka_cluster *cluster_of(struct kafka_hub *h, const struct kafka_login *login,
                                        struct err *err)
{
    struct buf key = BUF_INIT(1 << 16);
    key_of(login, &key);
    struct kafka_cluster *c = known_cluster(h, &key);
    if (c && c->broken_ns) {
        *err = c->why;
        c = NULL;
    } else if (!c && (c = open_cluster(h, login, &key, err)) != NULL) {
        map_str_put(h->clusters, c->key.data, c->key.len, c);
    }
    buf_done(&key);
    if (c)
        c->used_ns = clock_mono_ns();
    return c;
}

/* --- asking --- */

static void wait_for(struct kafka_job *job, struct err *err)
{
    while (!atomic_load(&job->finished) && !atomic_load(&job->refused))
        if (fiber_park(job->deadline_ns, err) != 0)
            break;
    job->waiter = NULL;
}

int kafka_hub_ask(struct kafka_hub *h, const struct kafka_login *login, struct kafka_job *job,
                  struct err *err)
{
    check_magic(h, HUB_MAGIC);
    must(job->arena != NULL && job->ask != NULL && job->deadline_ns > 0);
    struct kafka_cluster *c = cluster_of(h, login, err);
    job->work.run = run_job;
    job->cluster = c;
    job->rk = c ? c->rk : NULL;
    job->waiter = fiber_self();
    if (!c || !workers_submit(c->workers, &job->work)) {
        kafka_job_free(job);
        return c ? err_set(err, ERR_BUSY, "too many questions wait for this cluster") : -1;
    }
    job->next = c->jobs;
    c->jobs = job;
    struct err gone = {0};
    wait_for(job, &gone);
    if (!job->cluster) { /* the hub went meanwhile, and left the job to us */
        kafka_job_free(job);
        return err_set(err, ERR_CANCELLED, "the watcher stops");
    }
    if (!atomic_load(&job->finished)) {
        *err = atomic_load(&job->refused) || (gone.code == ERR_TIMEOUT && c->why.msg[0]) ? c->why
                                                                                         : gone;
        return -1;
    }
    unlink_job(c, job);
    if (job->rc == 0)
        err_clear(&c->why);
    else if (job->err.code == ERR_TIMEOUT && c->why.msg[0])
        job->err = c->why;
    close_finished(h);
    return 0;
}

/* --- the hub --- */

struct kafka_hub *kafka_hub_new(struct loop *l)
{
    struct kafka_hub *h = calloc(1, sizeof(*h));
    must(h != NULL && l != NULL);
    h->magic = HUB_MAGIC;
    h->loop = l;
    h->clusters = map_str_new();
    timer_start(l, &h->timer, clock_mono_ns() + LOOK_NS, on_timer);
    return h;
}

static void end_cluster(struct kafka_cluster *c)
{
    watch_close(&c->watch);
    end_handle(c);
    for (struct kafka_job *job = c->jobs, *next; job; job = next) {
        next = job->next;
        must(atomic_load(&job->finished));
        if (job->waiter) /* a fiber that will be cancelled with the loop */
            job->cluster = NULL;
        else
            kafka_job_free(job);
    }
    c->jobs = NULL;
    free_cluster(c);
}

void kafka_hub_free(struct kafka_hub **hp)
{
    struct kafka_hub *h = *hp;
    if (!h)
        return;
    check_magic(h, HUB_MAGIC);
    timer_stop(&h->timer);
    const char *key;
    size_t n;
    void *value;
    for (size_t it = 0; map_str_next(h->clusters, &it, &key, &n, &value);)
        end_cluster(value);
    for (struct kafka_cluster *c = h->closing, *next; c; c = next) {
        next = c->next;
        end_cluster(c);
    }
    map_str_free(h->clusters);
    h->magic = 0;
    free(h);
    *hp = NULL;
}
