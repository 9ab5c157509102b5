/* The rule manager (rule.h): worker threads that take the group that is due next. Evaluations of a group lie on a grid of its
 * interval, shifted by a hash of its name, and carry the grid's time, not the moment when a worker was free. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/must.h"
#include "rule/manager_priv.h"

#define NAP_MS 10000 /* longest sleep: the wall clock may be set */

int64_t rule__grid(const struct rule_group *g, int64_t t_ms)
{
    must(g->interval_ms > 0);
    uint64_t h = hash_bytes(g->name, strlen(g->name), hash_bytes(g->file, strlen(g->file), 0));
    int64_t offset = (int64_t)(h % (uint64_t)g->interval_ms), from = t_ms - offset;
    int64_t base = from - from % g->interval_ms;
    return (base > from ? base - g->interval_ms : base) + offset;
}

/* ---- the schedule; under m->lock ---- */

static struct group_run *next_due(struct rule_manager *m)
{
    struct group_run *next = NULL;
    vec_each (&m->groups, g)
        if (!(*g)->busy && (next == NULL || (*g)->due_ms < next->due_ms))
            next = *g;
    return next;
}

static void nap(struct rule_manager *m, int64_t ms)
{
    ms = ms < 1 ? 1 : ms > NAP_MS ? NAP_MS : ms;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_cond_timedwait(&m->changed, &m->lock, &until);
}

/* Takes the group's turn: its time, what was missed before it, and when it is due again. */
static int64_t take_turn(struct rule_manager *m, struct group_run *g, int64_t now_ms)
{
    int64_t interval = g->group->interval_ms, at_ms = g->due_ms;
    int64_t missed = (now_ms - at_ms) / interval;
    if (missed > 0) {
        g->missed += (uint64_t)missed;
        m->stats.missed += (uint64_t)missed;
        at_ms += missed * interval;
    }
    if (now_ms - at_ms > interval / 10) {
        g->late++;
        m->stats.late++;
    }
    must(at_ms <= now_ms && !g->busy);
    g->due_ms = at_ms + interval;
    g->busy = true;
    m->busy++;
    return at_ms;
}

static void run_group(struct rule_manager *m, struct group_run *g, int64_t at_ms)
{
    int64_t from = clock_mono_ns();
    pthread_mutex_unlock(&m->lock);
    rule__evaluate(m, g, at_ms);
    int64_t took = clock_mono_ns() - from;
    pthread_mutex_lock(&g->lock);
    g->last_ms = at_ms;
    g->took_ns = took;
    g->evaluations++;
    pthread_mutex_unlock(&g->lock);
    pthread_mutex_lock(&m->lock);
    m->stats.evaluations++;
    m->stats.eval_ns += took;
    must(g->busy && m->busy > 0);
    g->busy = false;
    m->busy--;
    pthread_cond_broadcast(&m->changed);
}

static void swap_groups(struct rule_manager *m)
{
    struct rule_gone gone = {0};
    rule__swap(m, &gone);
    m->ending = true; /* nobody starts before the markers of what went are written */
    pthread_mutex_unlock(&m->lock);
    rule__end(m, &gone);
    pthread_mutex_lock(&m->lock);
    m->ending = false;
    pthread_cond_broadcast(&m->changed);
}

static void *work(void *arg)
{
    struct rule_manager *m = arg;
    check_magic(m, MANAGER_MAGIC);
    pthread_mutex_lock(&m->lock);
    while (!atomic_load(&m->stop)) {
        if (m->reload_waits || m->ending) {
            if (m->busy == 0 && !m->ending)
                swap_groups(m);
            else
                nap(m, NAP_MS);
            continue;
        }
        struct group_run *g = next_due(m);
        int64_t now_ms = m->o.now_ms();
        if (g != NULL && g->due_ms > now_ms + 2 * g->group->interval_ms)
            g->due_ms =
                rule__grid(g->group, now_ms) + g->group->interval_ms; /* the clock went back */
        if (g != NULL && g->due_ms <= now_ms)
            run_group(m, g, take_turn(m, g, now_ms));
        else
            nap(m, g != NULL ? g->due_ms - now_ms : NAP_MS);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* ---- life ---- */

static void copy_options(struct rule_manager *m, const struct rule_manager_options *o)
{
    m->o = *o;
    struct labels_builder b = {0};
    for (size_t i = 0; i < o->n_external; i++)
        labels_builder_set(&b, o->external[i].name, o->external[i].value);
    struct labels l;
    struct err bug;
    int rc = labels_builder_finish(&b, &l, &bug);
    must(rc == 0);
    m->external = labels_dup(m->arena, &l);
    labels_builder_done(&b);
    m->o.external = NULL;
    m->o.external_url = arena_strdup(m->arena, o->external_url != NULL ? o->external_url : "");
    m->o.workers = o->workers == 0                 ? 4
                   : o->workers > RULE_WORKERS_MAX ? RULE_WORKERS_MAX
                                                   : o->workers;
    m->o.resend_ms = o->resend_ms != 0 ? o->resend_ms : 60000;
    m->o.outage_ms = o->outage_ms != 0 ? o->outage_ms : 3600000;
    m->o.grace_ms = o->grace_ms != 0 ? o->grace_ms : 600000;
    m->o.now_ms = o->now_ms != NULL ? o->now_ms : clock_wall_ms;
}

struct rule_manager *rule_manager_new(const struct rule_manager_options *o, struct rule_set *set)
{
    must(o->engine != NULL && o->source.ops != NULL && o->sink.ops != NULL);
    struct rule_manager *m = calloc(1, sizeof(*m));
    must(m != NULL);
    m->magic = MANAGER_MAGIC;
    m->arena = arena_new();
    copy_options(m, o);
    pthread_mutex_init(&m->lock, NULL);
    pthread_mutex_init(&m->sink_lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&m->changed, &attr);
    pthread_condattr_destroy(&attr);
    for (uint32_t i = 0; set != NULL && i < set->n_groups; i++)
        vec_push(&m->groups, rule__group_new(m, set, &set->groups[i], true));
    m->stats.last_reload_ms = m->o.now_ms();
    for (; m->n_workers < m->o.workers; m->n_workers++)
        if (pthread_create(&m->workers[m->n_workers], NULL, work, m) != 0)
            break;
    must(m->n_workers > 0);
    return m;
}

void rule_manager_reload(struct rule_manager *m, struct rule_set *set)
{
    check_magic(m, MANAGER_MAGIC);
    pthread_mutex_lock(&m->lock);
    struct rule_set *old = m->waiting;
    m->waiting = rule_set_ref(set);
    m->reload_waits = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    rule_set_unref(&old);
}

void rule_manager_free(struct rule_manager **pm)
{
    struct rule_manager *m = *pm;
    if (m == NULL)
        return;
    check_magic(m, MANAGER_MAGIC);
    must(!pthread_equal(pthread_self(), m->workers[0])); /* not from a notice */
    pthread_mutex_lock(&m->lock);
    atomic_store(&m->stop, true);
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    for (uint32_t i = 0; i < m->n_workers; i++)
        pthread_join(m->workers[i], NULL);
    vec_each (&m->groups, g)
        rule__group_free(g);
    vec_done(&m->groups);
    rule_set_unref(&m->waiting);
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->sink_lock);
    pthread_cond_destroy(&m->changed);
    arena_free(m->arena);
    m->magic = 0;
    free(m);
    *pm = NULL;
}
