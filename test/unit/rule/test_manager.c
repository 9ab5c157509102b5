/* The manager with the real engine over series in memory, in a time that the test sets: evaluations on the grid, notices, a reload
 * that keeps states, a restart that finds them, views. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/must.h"
#include "model/series_memory.h"
#include "rule/rule.h"

static atomic_int_fast64_t now;

static int64_t now_ms(void)
{
    return atomic_load(&now);
}

struct world {
    struct series_memory *memory;
    struct promql_engine *engine;
    struct rule_manager *manager;
    pthread_mutex_t lock;
    char last[400]; /* of the notices */
    int notices;
};

static void on_notice(void *arg, const struct rule_notice *n, size_t count)
{
    struct world *w = arg;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < count; i++, w->notices++)
        snprintf(w->last, sizeof(w->last), "%s %s %s %s", n[i].group->name, n[i].rule->name,
                 rule_alert_state_name(n[i].alert->state), n[i].generator_url);
    pthread_mutex_unlock(&w->lock);
}

static struct rule_set *rules(const char *text)
{
    struct arena *a = arena_new();
    struct problems p;
    struct rule_source source = {"r.yml", str_of(text)};
    struct rule_defaults d = {.interval_ms = 10000};
    problems_init(&p, a);
    struct rule_set *s = rule_set_parse(&source, 1, &d, &p);
    problems_print(&p);
    assert_non_null(s);
    problems_done(&p);
    arena_free(a);
    return s;
}

static void put(struct world *w, const char *metric, int64_t t_ms, double v)
{
    struct label_pair pair = {STR(LABEL_METRIC_NAME), str_of(metric)};
    struct labels l = {&pair, 1};
    series_memory_append(w->memory, &l, t_ms, v);
}

static void start(struct world *w, const char *text)
{
    struct rule_set *s = rules(text);
    struct rule_manager_options o = {.engine = w->engine,
                                     .source = series_memory_source(w->memory),
                                     .sink = series_memory_sink(w->memory),
                                     .external_url = "http://m/",
                                     .workers = 1,
                                     .now_ms = now_ms,
                                     .notify = on_notice,
                                     .arg = w};
    w->manager = rule_manager_new(&o, s);
    rule_set_unref(&s);
}

static uint64_t evaluations(struct world *w)
{
    struct rule_stats s;
    rule_manager_get_stats(w->manager, &s);
    return s.evaluations;
}

/* Sets the time and waits until every group was evaluated for it. The worker naps until then: a reload wakes it. */
static void move_to(struct world *w, int64_t t_ms, struct rule_set *set, uint64_t groups)
{
    uint64_t before = evaluations(w);
    atomic_store(&now, t_ms);
    rule_manager_reload(w->manager, set);
    for (int i = 0; i < 20000 && evaluations(w) < before + groups; i++)
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    assert_true(evaluations(w) >= before + groups);
}

static struct world world_new(void)
{
    struct promql_options o = PROMQL_OPTIONS;
    o.now_ms = now_ms;
    struct world w = {.memory = series_memory_new(), .engine = promql_engine_new(&o)};
    pthread_mutex_init(&w.lock, NULL);
    return w;
}

static void world_done(struct world *w)
{
    rule_manager_free(&w->manager);
    promql_engine_free(w->engine);
    series_memory_free(w->memory);
    pthread_mutex_destroy(&w->lock);
}

static const char text[] = "groups:\n"
                           "- name: g\n"
                           "  rules:\n"
                           "  - {record: twice, expr: 2 * m}\n"
                           "  - {alert: High, expr: twice > 3, for: 15s}\n"
                           "  - {alert: Bad, expr: 'm > on(x) group_left() m'}\n";

struct seen {
    enum rule_alert_state state;
    uint32_t alerts, rules, groups;
    enum rule_health bad;
    uint64_t evaluations, missed;
};

static void on_group(void *arg, const struct rule_group_view *g)
{
    struct seen *s = arg;
    s->groups++;
    s->rules += g->group->n_rules;
    s->evaluations = g->evaluations;
    s->missed = g->missed;
    if (g->group->n_rules < 2)
        return;
    s->state = g->rules[1].state;
    s->alerts = g->rules[1].n_alerts;
}

static struct seen look(struct world *w)
{
    struct seen s = {0};
    rule_manager_each_group(w->manager, on_group, &s);
    return s;
}

static const char *last_notice(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    static char copy[400];
    snprintf(copy, sizeof(copy), "%s", w->last);
    pthread_mutex_unlock(&w->lock);
    return copy;
}

static void test_life(void **state)
{
    struct world w = world_new();
    atomic_store(&now, 1000000);
    for (int64_t t = 990000; t < 1200000; t += 10000)
        put(&w, "m", t, 2);
    struct rule_set *s = rules(text), *less = rules("groups: [{name: h, rules: []}]\n");
    start(&w, text);
    move_to(&w, 1010000, s, 1);
    assert_int_equal(look(&w).state, RULE_PENDING);
    move_to(&w, 1020000, s, 1);
    move_to(&w, 1030000, s, 1);
    assert_int_equal(look(&w).state, RULE_FIRING);
    assert_string_equal(last_notice(&w),
                        "g High firing http://m/graph?g0.expr=twice+%3E+3&g0.tab=1");
    move_to(&w, 1070000, s, 1); /* 1040 to 1060 were missed */
    struct seen seen = look(&w);
    assert_int_equal(seen.alerts, 1);
    assert_int_equal(seen.missed, 3);
    rule_manager_reload(w.manager, less);
    for (int i = 0; i < 20000 && look(&w).rules != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    for (int i = 0; i < 20000 && strstr(last_notice(&w), "inactive") == NULL; i++)
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    assert_non_null(strstr(last_notice(&w), "g High inactive"));
    assert_int_equal(look(&w).rules, 0);
    struct rule_stats stats;
    rule_manager_get_stats(w.manager, &stats);
    assert_true(stats.samples > 8 && stats.samples_refused == 0);
    rule_set_unref(&s);
    rule_set_unref(&less);
    world_done(&w);
}

/* A second life finds since when the first one's alert was pending. */
static void test_restart(void **state)
{
    static const char slow[] = "groups: [{name: g, rules: [{record: x, expr: '1'}, "
                               "{alert: High, expr: m > 1, for: 15m}]}]\n";
    struct world w = world_new();
    atomic_store(&now, 1000000);
    for (int64_t t = 990000; t < 3000000; t += 10000)
        put(&w, "m", t, 2);
    struct rule_set *s = rules(slow);
    start(&w, slow);
    for (int64_t t = 1010000; t <= 1100000; t += 10000)
        move_to(&w, t, s, 1);
    rule_manager_free(&w.manager);
    atomic_store(&now, 1150000);
    start(&w, slow);
    move_to(&w, 1160000, s, 1);
    move_to(&w, 1170000, s, 1); /* the state is found after this one */
    move_to(&w, 1180000, s, 1);
    assert_int_equal(look(&w).state, RULE_PENDING);
    /* 15 min after the first, and the time between does not count: about 1,980 s */
    move_to(&w, 1940000, s, 1);
    assert_int_equal(look(&w).state, RULE_PENDING);
    move_to(&w, 2010000, s, 1);
    assert_int_equal(look(&w).state, RULE_FIRING);
    rule_set_unref(&s);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_life), cmocka_unit_test(test_restart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
