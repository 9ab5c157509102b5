/* The compressor's queue and its thread, which has the lowest priority there is: it only uses time that nobody else wants.
 * The main thread never waits for it (a thread that gets no time might hold a lock for long): folders are handed over by
 * an atomic list and a pipe, and a file whose name is being changed is removed another time.
 *
 * The queue holds folders, at most one entry each, so that it is bounded by the number of units; what is to be done in a
 * folder is read from the folder, and work left by a killed predecessor is found in the same way. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "output/compress_priv.h"

#define COMPRESSOR_MAGIC 0x4f434d50u
#define AFTER_MS         5000
#define FAILED_MS        60000 /* the disk is full: not again before */
#define STACK_SIZE       ((size_t)256 << 10)

/* Handed over by the main thread. */
struct order {
    struct order *next;
    size_t files;
    char dir[];
};
/* The thread's own. */
struct job {
    size_t files;
    int64_t due_ms;
};

struct compressor {
    uint32_t magic;
    _Atomic(struct order *) orders;
    atomic_size_t waiting; /* files */
    atomic_bool stopping;
    int wake[2];
    pthread_mutex_t names;
    pthread_t thread;
    bool started;
    int64_t after_ms;
};

static int64_t now_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

/* --- the thread --- */

static void lowest_priority(void)
{
#ifdef __linux__ /* where both mean this thread alone */
    struct sched_param none = {0};
    setpriority(PRIO_PROCESS, 0, 19);
    sched_setscheduler(0, SCHED_IDLE, &none);
#endif
}

static void take_orders(struct compressor *c, struct map_str *jobs)
{
    struct order *o = atomic_exchange(&c->orders, NULL);
    for (struct order *next; o; o = next) {
        size_t n = strlen(o->dir);
        struct job *j = map_str_get(jobs, o->dir, n);
        if (!j) {
            must((j = calloc(1, sizeof(*j))) != NULL);
            j->due_ms = now_ms() + c->after_ms;
            map_str_put(jobs, o->dir, n, j);
        }
        j->files += o->files;
        next = o->next;
        free(o);
    }
}

/* The folder that is due first; NULL: there is none. */
static struct job *first_job(struct map_str *jobs, const char **dir)
{
    struct job *first = NULL;
    const char *key;
    size_t n;
    void *value;
    for (size_t it = 0; map_str_next(jobs, &it, &key, &n, &value);) {
        struct job *j = value;
        if (first && j->due_ms >= first->due_ms)
            continue;
        first = j;
        *dir = key;
    }
    return first;
}

static void run_job(struct packer *w, struct compressor *c, struct map_str *jobs, const char *dir,
                    struct job *j)
{
    bool failed = false;
    output__packer_begin(w);
    size_t left = output__pack_folder(w, dir, &failed);
    atomic_fetch_add(&c->waiting, left - j->files); /* wraps as it should */
    j->files = left;
    j->due_ms = now_ms() + (failed ? FAILED_MS : c->after_ms);
    if (left > 0)
        return;
    map_str_del(jobs, dir, strlen(dir));
    free(j);
}

static void sleep_until(struct compressor *c, const struct job *first)
{
    struct pollfd p = {.fd = c->wake[0], .events = POLLIN};
    char many[64];
    int64_t left = first ? first->due_ms - now_ms() : -1;
    if (poll(&p, 1, first ? (int)(left > 0 ? left : 0) : -1) > 0)
        while (read(c->wake[0], many, sizeof(many)) > 0)
            ;
}

static void *run(void *arg)
{
    struct compressor *c = arg;
    check_magic(c, COMPRESSOR_MAGIC);
    struct packer w = {.names = &c->names, .stop = &c->stopping, .after_ms = c->after_ms};
    struct map_str *jobs = map_str_new();
    const char *dir = NULL;
    lowest_priority();
    while (!atomic_load(&c->stopping)) {
        take_orders(c, jobs);
        struct job *j = first_job(jobs, &dir);
        if (j && j->due_ms <= now_ms()) {
            run_job(&w, c, jobs, dir, j);
            continue;
        }
        output__packer_end(&w); /* it may last for days */
        sleep_until(c, j);
    }
    output__packer_end(&w);
    for (struct job *j; (j = first_job(jobs, &dir)) != NULL; free(j))
        map_str_del(jobs, dir, strlen(dir));
    map_str_free(jobs);
    return NULL;
}

/* --- for the main thread --- */

struct compressor *output__compressor_new(int64_t after_ms, struct err *err)
{
    int wake[2];
    must(after_ms >= 0);
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0) {
        err_sys(err, ERR_IO, "cannot make the compressor's pipe");
        return NULL;
    }
    struct compressor *c = calloc(1, sizeof(*c));
    must(c);
    c->magic = COMPRESSOR_MAGIC;
    c->after_ms = after_ms > 0 ? after_ms : AFTER_MS;
    c->wake[0] = wake[0];
    c->wake[1] = wake[1];
    must(pthread_mutex_init(&c->names, NULL) == 0);
    return c;
}

static void wake(struct compressor *c)
{
    ssize_t rc = write(c->wake[1], "", 1); /* full: it is awake anyway */
    (void)rc;
}

static void start(struct compressor *c)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    c->started = pthread_create(&c->thread, &attr, run, c) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

void output__compressor_free(struct compressor **cp)
{
    struct compressor *c = *cp;
    if (!c)
        return;
    check_magic(c, COMPRESSOR_MAGIC);
    atomic_store(&c->stopping, true);
    wake(c);
    if (c->started)
        pthread_join(c->thread, NULL);
    for (struct order *o = atomic_load(&c->orders), *next; o; o = next) {
        next = o->next;
        free(o);
    }
    close(c->wake[0]);
    close(c->wake[1]);
    pthread_mutex_destroy(&c->names);
    c->magic = 0;
    free(c);
    *cp = NULL;
}

void output__compressor_add(struct compressor *c, const char *dir, size_t n)
{
    size_t size = strlen(dir) + 1;
    check_magic(c, COMPRESSOR_MAGIC);
    must(n > 0);
    struct order *o = malloc(sizeof(*o) + size);
    must(o);
    o->files = n;
    memcpy(o->dir, dir, size);
    atomic_fetch_add(&c->waiting, n);
    o->next = atomic_load(&c->orders);
    while (!atomic_compare_exchange_weak(&c->orders, &o->next, o))
        ;
    if (!c->started)
        start(c); /* that fails without memory: tried again at the next rotation */
    wake(c);
}

size_t output__compressor_waiting(const struct compressor *c)
{
    return atomic_load(&c->waiting);
}

void output__compressor_remove(struct compressor *c, const char *dir, const struct rotated *r)
{
    static const char *const forms[] = {"", ".zst", ".zst.tmp"};
    check_magic(c, COMPRESSOR_MAGIC);
    if (pthread_mutex_trylock(&c->names) != 0)
        return; /* it is found again at the next rotation */
    for (size_t i = 0; i < array_len(forms); i++) {
        char *path = output__rotated_path(dir, r, forms[i]);
        unlink(path);
        free(path);
    }
    pthread_mutex_unlock(&c->names);
}
