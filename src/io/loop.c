/* The event loop: one turn is  wait → descriptors → timers → libuv → runnable fibers.
 * Run by the thread that called loop_run; only loop_post, loop_call and loop_stop_soon are for others.
 * It knows nothing of sockets: stream.c and the clients stand on io_wait and watches. */
#include "io/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "io/loop_priv.h"

void loop__assert_thread(const struct loop *l)
{
    check_magic(l, LOOP_MAGIC);
    must(pthread_equal(l->owner, pthread_self()));
}

static int64_t mono(struct loop *l)
{
    return l->now_ns = clock_mono_ns();
}

/* --- work from other threads --- */

static void run_posts(struct loop *l)
{
    pthread_mutex_lock(&l->post_lock);
    struct post *p = l->posts;
    l->posts = NULL;
    l->posts_tail = &l->posts;
    pthread_mutex_unlock(&l->post_lock);
    while (p != NULL) {
        struct post *next = p->next;
        p->fn(p->arg);
        free(p);
        p = next;
    }
}

static void on_wakeup(uv_async_t *h)
{
    struct loop *l = h->data;
    check_magic(l, LOOP_MAGIC);
    if (atomic_load(&l->stop_soon)) {
        l->stop = true;
    }
    run_posts(l);
}

void loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    check_magic(l, LOOP_MAGIC);
    struct post *p = malloc(sizeof(*p));
    must(p != NULL && fn != NULL);
    *p = (struct post){.fn = fn, .arg = arg};
    pthread_mutex_lock(&l->post_lock);
    *l->posts_tail = p;
    l->posts_tail = &p->next;
    pthread_mutex_unlock(&l->post_lock);
    uv_async_send(&l->wakeup);
}

struct call {
    void (*fn)(void *arg);
    void *arg;
    pthread_mutex_t lock; /* guards done */
    pthread_cond_t ended;
    bool done;
};

static void run_call(void *arg)
{
    struct call *c = arg;
    c->fn(c->arg);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

void loop_call(struct loop *l, void (*fn)(void *arg), void *arg)
{
    check_magic(l, LOOP_MAGIC);
    if (pthread_equal(l->owner, pthread_self())) {
        fn(arg);
        return;
    }
    struct call c = {.fn = fn, .arg = arg};
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.ended, NULL);
    loop_post(l, run_call, &c);
    pthread_mutex_lock(&c.lock);
    while (!c.done) {
        pthread_cond_wait(&c.ended, &c.lock);
    }
    pthread_mutex_unlock(&c.lock);
    pthread_cond_destroy(&c.ended);
    pthread_mutex_destroy(&c.lock);
}

void loop_stop_soon(struct loop *l)
{
    atomic_store(&l->stop_soon, true);
    uv_async_send(&l->wakeup);
}

/* --- birth and death --- */

struct loop *loop_new(struct err *err)
{
    struct poller *poller = poller_new(err);
    if (poller == NULL) {
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write(2): a reset peer must be an error */
    struct loop *l = calloc(1, sizeof(*l));
    must(l != NULL);
    l->magic = LOOP_MAGIC;
    l->owner = pthread_self();
    l->poller = poller;
    l->posts_tail = &l->posts;
    l->max_fibers = 20000;
    l->uv_dirty = true;
    int rc = uv_loop_init(&l->uv);
    if (rc != 0) {
        err_set(err, ERR_IO, "cannot create an event loop: %s", uv_strerror(rc));
        poller_free(&l->poller);
        free(l);
        return NULL;
    }
    must(pthread_mutex_init(&l->post_lock, NULL) == 0);
    must(uv_async_init(&l->uv, &l->wakeup, on_wakeup) == 0);
    l->wakeup.data = l;
    must(poller_arm(poller, uv_backend_fd(&l->uv), 0, IO_READ, false, false) == 0);
    mono(l);
    return l;
}

void loop_free(struct loop *l)
{
    if (l == NULL) {
        return;
    }
    loop__assert_thread(l);
    must(l->current == NULL);
    for (int i = 0; i < 1000 && l->n_fibers > 0; i++) { /* one may sleep in io_blocking */
        fiber__cancel_all(l);
        loop_turn(l);
    }
    while (l->n_fibers > 0) {
        uv_run(&l->uv, UV_RUN_ONCE);
        fiber__run_queue(l);
    }
    run_posts(l);
    must(l->n_watches == 0 && l->n_signals == 0);
    if (l->tls_cache != NULL) {
        l->tls_cache_free(l->tls_cache);
    }
    uv_close((uv_handle_t *)&l->wakeup, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    must(uv_loop_close(&l->uv) == 0);
    poller_free(&l->poller);
    fiber__pool_free(l);
    heap_done(&l->timers);
    pthread_mutex_destroy(&l->post_lock);
    free(l->slots);
    l->magic = 0;
    free(l);
}

/* --- a turn --- */

static void dispatch(struct loop *l, const struct poller_event *ev)
{
    struct fd_slot *s = (size_t)ev->fd < l->n_slots ? &l->slots[ev->fd] : NULL;
    if (s == NULL || s->gen != ev->gen || (s->watch == NULL && s->fiber == NULL)) {
        return; /* armed for someone who has left meanwhile */
    }
    if (s->fiber != NULL) {
        struct fiber *f = s->fiber;
        s->fiber = NULL;
        fiber__event(f, ev->events);
        return;
    }
    struct watch *w = s->watch;
    check_magic(w, WATCH_MAGIC);
    int events = ev->events & w->events;
    if (events != 0) {
        w->fn(w->arg, events);
    }
}

static void run_uv(struct loop *l)
{
    l->uv_dirty = false;
    uv_run(&l->uv, UV_RUN_NOWAIT);
}

static void run_timers(struct loop *l)
{
    int64_t now = mono(l);
    struct heap_node *n;
    while ((n = heap_min(&l->timers)) != NULL && n->key <= now) {
        struct timer *t = container_of(n, struct timer, node);
        l->lag_ns = now - n->key;
        heap_del(&l->timers, n);
        t->fn(t);
    }
}

static int wait_ms(struct loop *l)
{
    if (l->uv_dirty || l->run_head != NULL || uv_backend_timeout(&l->uv) == 0) {
        return 0;
    }
    const struct heap_node *n = heap_min(&l->timers);
    if (n == NULL) {
        return -1;
    }
    int64_t left = n->key - clock_mono_ns();
    if (left <= 0) {
        return 0;
    }
    int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS; /* up: never wake before the time */
    return ms > 60000 ? 60000 : (int)ms;
}

static void turn(struct loop *l, bool block)
{
    struct poller_event ev[LOOP_EVENTS];
    if (l->uv_dirty) {
        run_uv(l);
    }
    int n = poller_wait(l->poller, ev, LOOP_EVENTS, block && !l->stop ? wait_ms(l) : 0);
    mono(l);
    l->turns++;
    if (l->turn_fn != NULL) {
        l->turn_fn(l->turn_arg);
    }
    for (int i = 0; i < n; i++) {
        if (ev[i].fd == uv_backend_fd(&l->uv)) {
            l->uv_dirty = true;
        } else {
            dispatch(l, &ev[i]);
        }
    }
    run_timers(l);
    if (l->uv_dirty) {
        run_uv(l);
    }
    fiber__run_queue(l);
}

void loop_run(struct loop *l)
{
    check_magic(l, LOOP_MAGIC);
    must(l->current == NULL);
    if (!pthread_equal(l->owner, pthread_self())) /* others may be reading it: loop_call */
        l->owner = pthread_self();
    while (!l->stop) {
        turn(l, true);
    }
    l->stop = false;
    atomic_store(&l->stop_soon, false);
}

bool loop_turn(struct loop *l)
{
    loop__assert_thread(l);
    must(l->current == NULL);
    turn(l, false);
    return heap_min(&l->timers) != NULL || l->n_watches > 0 || l->n_fibers > 0 || l->n_signals > 0;
}

void loop_stop(struct loop *l)
{
    loop__assert_thread(l);
    l->stop = true;
}

int64_t loop_now_ns(const struct loop *l)
{
    loop__assert_thread(l);
    return l->now_ns;
}

int64_t loop_lag_ns(const struct loop *l)
{
    loop__assert_thread(l);
    return l->lag_ns;
}

uint64_t loop_turns(const struct loop *l)
{
    loop__assert_thread(l);
    return l->turns;
}

void loop_on_turn(struct loop *l, void (*fn)(void *arg), void *arg)
{
    loop__assert_thread(l);
    must(l->turn_fn == NULL || fn == NULL);
    l->turn_fn = fn;
    l->turn_arg = arg;
}

/* --- timers --- */

void timer_start(struct loop *l, struct timer *t, int64_t at_ns, void (*fn)(struct timer *t))
{
    loop__assert_thread(l);
    must(fn != NULL);
    t->fn = fn;
    t->loop = l;
    heap_move(&l->timers, &t->node, at_ns);
}

void timer_stop(struct timer *t)
{
    if (t->node.slot != 0) {
        loop__assert_thread(t->loop);
        heap_del(&t->loop->timers, &t->node);
    }
}

bool timer_active(const struct timer *t)
{
    return t->node.slot != 0;
}

/* --- descriptors --- */

static struct fd_slot *slot_of(struct loop *l, int fd)
{
    must(fd >= 0);
    if ((size_t)fd >= l->n_slots) {
        size_t n = l->n_slots ? l->n_slots : 64;
        while (n <= (size_t)fd) {
            n *= 2;
        }
        l->slots = realloc(l->slots, n * sizeof(*l->slots));
        must(l->slots != NULL);
        memset(l->slots + l->n_slots, 0, (n - l->n_slots) * sizeof(*l->slots));
        l->n_slots = n;
    }
    return &l->slots[fd];
}

static int arm(struct loop *l, int fd, int events, bool oneshot, struct err *err)
{
    struct fd_slot *s = slot_of(l, fd);
    s->gen++;
    if (poller_arm(l->poller, fd, s->gen, events, oneshot, s->known) != 0) {
        return err_sys(err, ERR_IO, "cannot wait for descriptor %d", fd);
    }
    s->known = true;
    return 0;
}

int loop__arm_fiber(struct loop *l, int fd, int events, struct fiber *f, struct err *err)
{
    struct fd_slot *s = slot_of(l, fd);
    must(s->watch == NULL && s->fiber == NULL); /* one waiter a descriptor */
    if (arm(l, fd, events, true, err) != 0) {
        return -1;
    }
    s->fiber = f;
    return 0;
}

void loop__disarm_fiber(struct loop *l, int fd)
{
    must((size_t)fd < l->n_slots);
    l->slots[fd].fiber = NULL; /* the one event that may still come is ignored */
    l->slots[fd].gen++;
}

void loop__fd_gone(struct loop *l, int fd)
{
    if ((size_t)fd < l->n_slots) {
        must(l->slots[fd].watch == NULL && l->slots[fd].fiber == NULL);
        l->slots[fd].known = false;
    }
}

struct watch *watch_open(struct loop *l, int fd, int events, void (*fn)(void *arg, int events),
                         void *arg, struct err *err)
{
    loop__assert_thread(l);
    must(fn != NULL);
    must(slot_of(l, fd)->watch == NULL && slot_of(l, fd)->fiber == NULL);
    if (arm(l, fd, events, false, err) != 0) {
        return NULL;
    }
    struct watch *w = malloc(sizeof(*w));
    must(w != NULL);
    *w = (struct watch){WATCH_MAGIC, l, fd, events, fn, arg};
    l->slots[fd].watch = w;
    l->n_watches++;
    return w;
}

int watch_set(struct watch *w, int events, struct err *err)
{
    check_magic(w, WATCH_MAGIC);
    loop__assert_thread(w->loop);
    if (w->events == events) {
        return 0;
    }
    w->events = events;
    return arm(w->loop, w->fd, events, false, err);
}

void watch_close(struct watch **pw)
{
    struct watch *w = *pw;
    if (w == NULL) {
        return;
    }
    check_magic(w, WATCH_MAGIC);
    loop__assert_thread(w->loop);
    struct fd_slot *s = slot_of(w->loop, w->fd);
    must(s->watch == w && w->loop->n_watches > 0);
    poller_del(w->loop->poller, w->fd);
    s->watch = NULL;
    s->known = false;
    s->gen++;
    w->loop->n_watches--;
    w->magic = 0;
    free(w);
    *pw = NULL;
}

/* --- signals --- */

struct signal_watch {
    uv_signal_t uv; /* first: uv_close hands it back */
    struct loop *loop;
    void (*fn)(void *arg, int signo);
    void *arg;
};

static void on_signal(uv_signal_t *h, int signo)
{
    struct signal_watch *w = container_of(h, struct signal_watch, uv);
    w->fn(w->arg, signo);
}

static void free_signal(uv_handle_t *h)
{
    free(h);
}

struct signal_watch *signal_open(struct loop *l, int signo, void (*fn)(void *arg, int signo),
                                 void *arg, struct err *err)
{
    loop__assert_thread(l);
    struct signal_watch *w = calloc(1, sizeof(*w));
    must(w != NULL && fn != NULL);
    w->loop = l;
    w->fn = fn;
    w->arg = arg;
    l->uv_dirty = true;
    must(uv_signal_init(&l->uv, &w->uv) == 0);
    int rc = uv_signal_start(&w->uv, on_signal, signo);
    if (rc != 0) {
        uv_close((uv_handle_t *)&w->uv, free_signal);
        err_set(err, ERR_IO, "cannot watch for signal %d: %s", signo, uv_strerror(rc));
        return NULL;
    }
    l->n_signals++;
    return w;
}

void signal_close(struct signal_watch **pw)
{
    struct signal_watch *w = *pw;
    if (w == NULL) {
        return;
    }
    loop__assert_thread(w->loop);
    must(w->loop->n_signals > 0);
    w->loop->n_signals--;
    w->loop->uv_dirty = true;
    uv_close((uv_handle_t *)&w->uv, free_signal);
    *pw = NULL;
}
