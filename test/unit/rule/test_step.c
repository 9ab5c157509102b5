/* The states of rules over virtual time: a simulation that plays random answers against a plain model, with restarts; and the cases that
 * matter one by one. */
#include "rule/step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"
#include "base/rng.h"

static struct promql_result *answer(unsigned instances, double v)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct arena *a = arena_new();
    struct promql_result *r = arena_new_of(a, struct promql_result);
    *r = (struct promql_result){.arena = a, .type = PROMQL_VECTOR};
    r->series = arena_array_of(a, struct promql_series, 4);
    for (unsigned i = 0; i < 4; i++) {
        if ((instances & 1u << i) == 0)
            continue;
        struct label_pair *pairs = arena_array_of(a, struct label_pair, 2);
        pairs[0] = (struct label_pair){STR(LABEL_METRIC_NAME), STR("m")};
        pairs[1] = (struct label_pair){STR("instance"), str_of(names[i])};
        double *value = arena_alloc(a, sizeof(*value));
        *value = v;
        r->series[r->n_series++] = (struct promql_series){.labels = {pairs, 2}, .v = value, .n = 1};
    }
    return r;
}

struct fixture {
    struct rule rule;
    struct rule_group group;
    struct rule_state *state;
    struct rule_output out;
    struct err err;
    bool write_alerts;
};

static struct fixture fixture(int64_t for_ms, int64_t keep_ms)
{
    return (struct fixture){
        .rule = {.kind = RULE_ALERT, .name = "A", .for_ms = for_ms, .keep_ms = keep_ms},
        .group = {.name = "g", .interval_ms = 10000},
        .write_alerts = true};
}

static int step(struct fixture *f, int64_t at_ms, struct promql_result *r)
{
    static const struct labels none;
    struct rule_state *after;
    struct rule_input in = {.group = &f->group,
                            .rule = &f->rule,
                            .at_ms = at_ms,
                            .write_alerts = f->write_alerts,
                            .resend_ms = 60000,
                            .data = {.external = &none}};
    int rc = rule_step(f->state, &after, &in, r, &f->out, &f->err);
    if (after != NULL) {
        rule_state_free(&f->state);
        f->state = after;
    }
    return rc;
}

/* "a:firing b:inactive" */
static const char *states(struct fixture *f, struct arena *a)
{
    const struct rule_alert **alerts;
    size_t n = rule_state_alerts(f->state, false, a, &alerts);
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < n; i++) {
        struct str who = labels_get(&alerts[i]->labels, STR("instance"));
        buf_printf(&b, "%s%.*s:%s", i > 0 ? " " : "", (int)who.n, who.p,
                   rule_alert_state_name(alerts[i]->state));
    }
    const char *text = arena_strdup(a, b.data != NULL ? b.data : "");
    buf_done(&b);
    return text;
}

static void expect(struct fixture *f, int64_t at_ms, unsigned instances, const char *want)
{
    struct arena *a = arena_new();
    assert_int_equal(step(f, at_ms, answer(instances, 1)), 0);
    assert_string_equal(states(f, a), want);
    arena_free(a);
}

static void test_life(void **state)
{
    struct fixture f = fixture(20000, 0);
    expect(&f, 10000, 1, "a:pending");
    assert_int_equal(f.out.n_samples, 2);
    assert_int_equal(f.out.n_notices, 0);
    expect(&f, 20000, 3, "a:pending b:pending");
    expect(&f, 30000, 1, "a:firing"); /* b was pending: forgotten */
    assert_int_equal(f.out.n_notices, 1);
    assert_true(f.out.notices[0].changed);
    assert_int_equal(f.out.notices[0].alert->active_ms, 10000);
    assert_int_equal(f.out.notices[0].alert->valid_ms, 30000 + 240000);
    /* ALERTS and ALERTS_FOR_STATE of a; markers for b's two and a's pending one */
    assert_int_equal(f.out.n_samples, 5);
    expect(&f, 40000, 1, "a:firing");
    assert_int_equal(f.out.n_notices, 0);
    expect(&f, 100000, 1, "a:firing"); /* a minute passed: again */
    assert_int_equal(f.out.n_notices, 1);
    expect(&f, 110000, 0, "a:inactive");
    assert_int_equal(f.out.n_notices, 1);
    assert_true(f.out.notices[0].changed);
    assert_int_equal(f.out.notices[0].alert->resolved_ms, 110000);
    expect(&f, 180000, 0, "a:inactive");
    assert_int_equal(f.out.n_notices, 1);
    assert_false(f.out.notices[0].changed);
    expect(&f, 110000 + RULE_RESOLVED_KEEP_MS, 0, "a:inactive");
    expect(&f, 110000 + RULE_RESOLVED_KEEP_MS + 10000, 0, "");
    rule_state_free(&f.state);
}

static void test_keep_firing(void **state)
{
    struct fixture f = fixture(0, 30000);
    expect(&f, 10000, 1, "a:firing");
    expect(&f, 20000, 0, "a:firing");
    expect(&f, 30000, 1, "a:firing"); /* the clock of keep_firing_for begins anew */
    expect(&f, 40000, 0, "a:firing");
    expect(&f, 60000, 0, "a:firing");
    expect(&f, 70000, 0, "a:inactive");
    expect(&f, 80000, 1, "a:firing"); /* a new alert */
    rule_state_free(&f.state);
}

static void test_limits_and_doubles(void **state)
{
    struct fixture f = fixture(0, 0);
    f.group.limit = 2;
    expect(&f, 10000, 3, "a:firing b:firing");
    assert_int_equal(step(&f, 20000, answer(7, 1)), -1);
    assert_string_equal(f.err.msg, "exceeded limit of 2 with 3 alerts");
    struct arena *a = arena_new();
    assert_string_equal(states(&f, a), "");
    expect(&f, 30000, 1, "a:firing");
    struct rule_text label = {.name = STR("instance"), .text = "same"};
    f.rule.labels = &label;
    f.rule.n_labels = 1;
    f.group.limit = 0;
    assert_int_equal(step(&f, 40000, answer(3, 1)), -1);
    assert_non_null(strstr(f.err.msg, "same labelset after applying alert labels"));
    assert_string_equal(states(&f, a), "a:firing");
    f.rule.kind = RULE_RECORD;
    assert_int_equal(step(&f, 50000, answer(3, 1)), -1);
    assert_non_null(strstr(f.err.msg, "same labelset after applying rule labels"));
    struct promql_result *text = answer(0, 0);
    text->type = PROMQL_STRING;
    assert_int_equal(step(&f, 60000, text), -1);
    assert_string_equal(f.err.msg, "rule result is not a vector or scalar");
    arena_free(a);
    rule_state_free(&f.state);
}

static size_t stale_of(const struct rule_output *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_samples; i++)
        n += is_stale(o->samples[i].v);
    return n;
}

static void test_recording(void **state)
{
    struct fixture f = fixture(0, 0);
    f.rule.kind = RULE_RECORD;
    f.rule.name = "r:sum";
    f.group.query_offset_ms = 3000;
    assert_int_equal(step(&f, 10000, answer(7, 1)), 0);
    assert_int_equal(f.out.n_samples, 3);
    assert_int_equal(f.out.t_ms, 7000);
    struct str name = labels_metric(&f.out.samples[0].labels);
    assert_true(str_eqz(name, "r:sum"));
    assert_int_equal(step(&f, 20000, answer(1, 1)), 0);
    assert_int_equal(f.out.n_samples, 3);
    assert_int_equal(stale_of(&f.out), 2);
    assert_int_equal(step(&f, 30000, answer(1, 1)), 0);
    assert_int_equal(stale_of(&f.out), 0);
    struct promql_result *scalar = answer(0, 0);
    scalar->type = PROMQL_SCALAR;
    scalar->scalar = 7;
    assert_int_equal(step(&f, 40000, scalar), 0);
    assert_int_equal(f.out.n_samples, 2);
    assert_true(f.out.samples[0].v == 7);
    rule_state_end(f.state, &f.out);
    assert_int_equal(f.out.n_samples, 1);
    assert_int_equal(stale_of(&f.out), 1);
    rule_state_free(&f.state);
}

/* ---- restarts ---- */

struct memory {
    int64_t t_ms;
    double v;
    bool there;
};

static bool find(void *arg, const struct labels *series, int64_t *t_ms, double *v)
{
    const struct memory *m = arg;
    assert_true(str_eqz(labels_metric(series), "ALERTS_FOR_STATE"));
    assert_true(str_eqz(labels_get(series, STR("alertname")), "A"));
    *t_ms = m->t_ms;
    *v = m->v;
    return m->there;
}

static void test_restart(void **state)
{
    static const struct {
        int64_t since_s, down_s; /* of the last life */
        int64_t active_s;        /* after a start at 10,000 s with grace 600 s */
        int64_t for_s;           /* 0: 1,800 */
    } cases[] = {
        {7000, 9000, 7000}, /* it was firing */
        {8000, 9000, 9000}, /* 800 s to go: the time that it was down does not count */
        {7500, 9000, 8800}, /* 300 s to go: the grace period instead */
        {9000, 9900, 9100},
        {9000, 9200, 9800, 300}, /* shorter than the grace period: goes on exactly */
        {9000, 9900, 9000, 300}, /* it was firing */
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct fixture f = fixture(cases[i].for_s != 0 ? cases[i].for_s * 1000 : 1800000, 0);
        f.write_alerts = false;
        assert_int_equal(step(&f, 10000000, answer(1, 1)), 0);
        assert_int_equal(f.out.n_samples, 0);
        struct memory m = {cases[i].down_s * 1000, (double)cases[i].since_s, true};
        struct rule_restore how = {.at_ms = 10000000, .grace_ms = 600000, .find = find, .arg = &m};
        rule_state_restore(f.state, &f.rule, &how);
        struct arena *a = arena_new();
        const struct rule_alert **alerts;
        assert_int_equal(rule_state_alerts(f.state, true, a, &alerts), 1);
        assert_int_equal(alerts[0]->active_ms, cases[i].active_s * 1000);
        arena_free(a);
        f.write_alerts = true;
        expect(&f, 10010000, 1, i == 0 || i == 5 ? "a:firing" : "a:pending");
        rule_state_free(&f.state);
    }
}

/* ---- a plain model ---- */

struct model {
    int64_t active_ms, resolved_ms, keep_ms; /* -1: not */
    bool firing;
};

static void model_step(struct model *m, const struct rule *r, bool there, int64_t at_ms)
{
    if (there) {
        if (m->active_ms < 0 || m->resolved_ms >= 0)
            *m = (struct model){at_ms, -1, -1, false};
        m->keep_ms = -1;
    } else if (m->active_ms >= 0 && m->resolved_ms < 0) {
        if (m->firing && r->keep_ms > 0 && m->keep_ms < 0)
            m->keep_ms = at_ms;
        if (!m->firing)
            *m = (struct model){-1, -1, -1, false};
        else if (r->keep_ms == 0 || at_ms - m->keep_ms >= r->keep_ms)
            m->resolved_ms = at_ms;
    } else if (m->resolved_ms >= 0 && at_ms - m->resolved_ms > RULE_RESOLVED_KEEP_MS) {
        *m = (struct model){-1, -1, -1, false};
    }
    if (m->active_ms >= 0 && m->resolved_ms < 0 && at_ms - m->active_ms >= r->for_ms)
        m->firing = true;
}

static const char *model_states(const struct model *m, struct arena *a)
{
    struct buf b = BUF_INIT(4096);
    for (int i = 0; i < 4; i++)
        if (m[i].active_ms >= 0)
            buf_printf(&b, "%s%c:%s", b.len > 0 ? " " : "", 'a' + i,
                       m[i].resolved_ms >= 0 ? "inactive"
                       : m[i].firing         ? "firing"
                                             : "pending");
    const char *text = arena_strdup(a, b.data != NULL ? b.data : "");
    buf_done(&b);
    return text;
}

/* What was written and not marked stale is what is active now: checked by a set of what is alive. */
static void check_samples(const struct rule_output *o, uint64_t *alive, size_t *n_alive)
{
    for (size_t i = 0; i < o->n_samples; i++) {
        uint64_t hash = labels_hash(&o->samples[i].labels);
        size_t k = 0;
        while (k < *n_alive && alive[k] != hash)
            k++;
        if (is_stale(o->samples[i].v)) {
            assert_true(k < *n_alive);
            alive[k] = alive[--*n_alive];
        } else if (k == *n_alive) {
            assert_true(*n_alive < 64);
            alive[(*n_alive)++] = hash;
        }
    }
}

static void test_simulation(void **state)
{
    struct rng rng;
    rng_seed(&rng, 4);
    for (int run = 0; run < 40; run++) {
        struct fixture f =
            fixture((int64_t)rng_below(&rng, 4) * 20000, (int64_t)rng_below(&rng, 3) * 30000);
        struct model models[4];
        uint64_t alive[64];
        size_t n_alive = 0;
        for (int i = 0; i < 4; i++)
            models[i] = (struct model){-1, -1, -1, false};
        unsigned there = 0;
        for (int64_t at = 10000, i = 0; i < 600; i++, at += 10000) {
            if (rng_below(&rng, 100) == 0)
                at += 60000 * (int64_t)rng_below(&rng, 30); /* evaluations that were missed */
            if (rng_below(&rng, 4) == 0)
                there ^= 1u << rng_below(&rng, 4);
            struct arena *a = arena_new();
            assert_int_equal(step(&f, at, answer(there, (double)i)), 0);
            for (int k = 0; k < 4; k++)
                model_step(&models[k], &f.rule, (there & 1u << k) != 0, at);
            assert_string_equal(states(&f, a), model_states(models, a));
            check_samples(&f.out, alive, &n_alive);
            size_t active = 0;
            for (int k = 0; k < 4; k++)
                active += models[k].active_ms >= 0 && models[k].resolved_ms < 0;
            assert_int_equal(n_alive, 2 * active);
            arena_free(a);
        }
        rule_state_free(&f.state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_keep_firing),
        cmocka_unit_test(test_limits_and_doubles),
        cmocka_unit_test(test_recording),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_simulation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
