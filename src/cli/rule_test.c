/* belfry rule test: unit tests of rules in promtool's format. The same engine and the same step as in the server, over series in
 * memory, in the test's own time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "cli/cli.h"
#include "cli/rule_priv.h"
#include "model/series_memory.h"
#include "rule/step.h"

#define OUTPUT_MAX (16u << 20)

struct tester {
    const struct rule_test_file *file;
    const struct rule_test *test;
    const struct rule_set *set;
    const struct rule_group **groups; /* in the order of evaluation */
    struct rule_state ***states;      /* by group and rule */
    struct promql_engine *engine;
    struct series_memory *memory;
    size_t *fed; /* samples of each series that are in memory */
    struct buf *out;
    size_t failures;
};

static void put_span(struct buf *out, int64_t ms)
{
    char text[DURATION_SIZE];
    buf_puts(out, duration_format(ms, text));
}

/* ---- evaluation ---- */

static int ask(struct tester *t, struct str query, const struct promql_node *ast, int64_t at_ms,
               struct promql_result **r, struct err *err)
{
    must(t->engine && t->memory);
    struct promql_request req = {.source = series_memory_source(t->memory),
                                 .query = query,
                                 .start_ms = at_ms,
                                 .end_ms = at_ms,
                                 .no_cache = true};
    return ast != NULL ? promql_run_parsed(t->engine, &req, ast, r, err)
                       : promql_run(t->engine, &req, r, err);
}

static int template_query(void *arg, struct arena *a, struct str expr, int64_t at_ms,
                          struct promql_series **series, size_t *n, struct err *err)
{
    struct promql_result *r;
    if (ask(arg, expr, NULL, at_ms, &r, err) != 0)
        return -1;
    int rc = rule_answer_copy(r, a, series, n, err);
    promql_result_free(r);
    return rc;
}

static void feed(struct tester *t, int64_t until_ms)
{
    for (size_t i = 0; i < t->test->n_series; i++) {
        const struct test_series *s = &t->test->series[i];
        for (; t->fed[i] < s->samples.n && s->samples.t[t->fed[i]] <= until_ms; t->fed[i]++)
            series_memory_append(t->memory, &s->labels, s->samples.t[t->fed[i]],
                                 s->samples.v[t->fed[i]]);
    }
}

static int step_rule(struct tester *t, const struct rule_group *g, const struct rule *rule,
                     struct rule_state **state, int64_t at_ms, struct err *err)
{
    struct promql_result *answer;
    struct rule_state *after;
    struct rule_output out;
    if (ask(t, rule->expr, rule->ast, at_ms - g->query_offset_ms, &answer, err) != 0)
        return -1;
    struct rule_input in = {.group = g,
                            .rule = rule,
                            .at_ms = at_ms,
                            .write_alerts = true,
                            .data = {.external = &t->test->external,
                                     .external_url = t->test->external_url,
                                     .query = template_query,
                                     .arg = t}};
    if (rule_step(*state, &after, &in, answer, &out, err) != 0) {
        rule_state_free(&after);
        return -1;
    }
    for (size_t i = 0; i < out.n_samples; i++)
        series_memory_append(t->memory, &out.samples[i].labels, out.t_ms, out.samples[i].v);
    rule_state_free(state);
    *state = after;
    return 0;
}

/* False: an evaluation failed, which ends the test. */
static bool evaluate_all(struct tester *t, int64_t at_ms)
{
    size_t before = t->failures;
    for (uint32_t g = 0; g < t->set->n_groups; g++) {
        const struct rule_group *group = t->groups[g];
        for (uint32_t i = 0; i < group->n_rules; i++) {
            struct err err;
            if (step_rule(t, group, &group->rules[i], &t->states[g][i], at_ms, &err) == 0)
                continue;
            t->failures++;
            buf_printf(t->out, "    rule %s at ", group->rules[i].name);
            put_span(t->out, at_ms - t->test->start_ms);
            buf_printf(t->out, ": %s\n", err.msg);
        }
    }
    return t->failures == before;
}

/* ---- alerts ---- */

static size_t firing(struct tester *t, const char *alertname, struct arena *a,
                     const struct rule_alert ***out)
{
    vec_of(const struct rule_alert *) found = {0};
    for (uint32_t g = 0; g < t->set->n_groups; g++)
        for (uint32_t i = 0; i < t->groups[g]->n_rules; i++) {
            const struct rule *rule = &t->groups[g]->rules[i];
            const struct rule_alert **alerts;
            if (rule->kind != RULE_ALERT || !streq(rule->name, alertname))
                continue;
            size_t n = rule_state_alerts(t->states[g][i], true, a, &alerts);
            for (size_t k = 0; k < n; k++)
                if (alerts[k]->state == RULE_FIRING)
                    vec_push(&found, alerts[k]);
        }
    *out = arena_array_of(a, const struct rule_alert *, found.n + 1);
    for (size_t i = 0; i < found.n; i++)
        (*out)[i] = found.at[i];
    size_t n = found.n;
    vec_done(&found);
    return n;
}

static void put_difference(struct buf *out, const struct labels *got, const struct labels *want)
{
    for (uint32_t i = 0; i < want->n; i++) {
        struct str value = labels_get(got, want->at[i].name);
        if (!str_eq(value, want->at[i].value))
            buf_printf(out, "          %.*s: got \"%.*s\"\n%*swant \"%.*s\"\n",
                       (int)want->at[i].name.n, want->at[i].name.p, (int)value.n, value.p,
                       (int)want->at[i].name.n + 12, "", (int)want->at[i].value.n,
                       want->at[i].value.p);
    }
    for (uint32_t i = 0; i < got->n; i++)
        if (labels_get(want, got->at[i].name).n == 0 && got->at[i].value.n > 0)
            buf_printf(out, "          %.*s: got \"%.*s\"; want none\n", (int)got->at[i].name.n,
                       got->at[i].name.p, (int)got->at[i].value.n, got->at[i].value.p);
}

/* The same annotations? Empty ones are as if absent. */
static bool same_texts(const struct labels *a, const struct labels *b)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (!str_eq(a->at[i].value, labels_get(b, a->at[i].name)))
            return false;
    for (uint32_t i = 0; i < b->n; i++)
        if (!str_eq(b->at[i].value, labels_get(a, b->at[i].name)))
            return false;
    return true;
}

static void put_labels_line(struct buf *out, const char *what, const struct labels *l)
{
    buf_printf(out, "        %s ", what);
    labels_format(out, l);
    buf_putc(out, '\n');
}

/* Writes how got differs from what was expected; false: it does not. */
static bool compare_alerts(const struct alert_test *test, const struct rule_alert **got, size_t n,
                           struct arena *a, struct buf *out)
{
    bool *used = arena_array_of(a, bool, n + 1), differs = false;
    for (size_t i = 0; i < test->n_expected; i++) {
        const struct test_alert *want = &test->expected[i];
        size_t k = 0, other = n;
        for (; k < n; k++) {
            if (used[k] || !labels_equal(&got[k]->labels, &want->labels))
                continue;
            if (same_texts(&got[k]->annotations, &want->annotations))
                break;
            other = k;
        }
        k = k < n ? k : other;
        if (k == n) {
            put_labels_line(out, "missing   ", &want->labels);
            differs = true;
            continue;
        }
        used[k] = true;
        if (same_texts(&got[k]->annotations, &want->annotations))
            continue;
        put_labels_line(out, "differs   ", &want->labels);
        put_difference(out, &got[k]->annotations, &want->annotations);
        differs = true;
    }
    for (size_t k = 0; k < n; k++)
        if (!used[k]) {
            put_labels_line(out, "unexpected", &got[k]->labels);
            differs = true;
        }
    return differs;
}

static void check_alerts(struct tester *t, const struct alert_test *test)
{
    struct arena *a = arena_new();
    struct buf difference = BUF_INIT(OUTPUT_MAX);
    const struct rule_alert **got;
    size_t n = firing(t, test->alertname, a, &got);
    if (compare_alerts(test, got, n, a, &difference)) {
        t->failures++;
        buf_printf(t->out, "    line %u: alert %s at ", test->line, test->alertname);
        put_span(t->out, test->at_ms);
        buf_printf(t->out, ": %zu firing, %zu expected\n", n, test->n_expected);
        buf_add(t->out, difference.data, difference.len);
    }
    buf_done(&difference);
    arena_free(a);
}

/* ---- expressions ---- */

static bool same_value(const struct tester *t, double a, double b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return true;
    double larger = fmax(fabs(a), fabs(b));
    return t->file->fuzzy && isfinite(larger) && fabs(a - b) <= larger * 1e-12;
}

static void put_sample(struct buf *out, const char *what, const struct labels *l, double v)
{
    buf_printf(out, "        %s ", what);
    labels_format(out, l);
    buf_putc(out, ' ');
    promql_format_value(out, v);
    buf_putc(out, '\n');
}

static bool compare_samples(struct tester *t, const struct expr_test *test,
                            const struct promql_series *got, size_t n, struct arena *a,
                            struct buf *out)
{
    bool *used = arena_array_of(a, bool, n + 1), differs = false;
    for (size_t i = 0; i < test->n_expected; i++) {
        const struct test_sample *want = &test->expected[i];
        size_t k = 0;
        while (k < n && (used[k] || !labels_equal(&got[k].labels, &want->labels)))
            k++;
        if (k < n)
            used[k] = true;
        if (k < n && same_value(t, got[k].v[0], want->value))
            continue;
        differs = true;
        put_sample(out, k < n ? "want" : "missing", &want->labels, want->value);
        if (k < n)
            put_sample(out, "got ", &got[k].labels, got[k].v[0]);
    }
    for (size_t k = 0; k < n; k++)
        if (!used[k]) {
            put_sample(out, "unexpected", &got[k].labels, got[k].v[0]);
            differs = true;
        }
    return differs;
}

static int expr_answer(struct tester *t, const struct expr_test *test, struct arena *a,
                       struct promql_series **series, size_t *n, struct err *err)
{
    return template_query(t, a, str_of(test->expr), t->test->start_ms + test->at_ms, series, n,
                          err);
}

static void check_expr(struct tester *t, const struct expr_test *test)
{
    struct arena *a = arena_new();
    struct buf difference = BUF_INIT(OUTPUT_MAX);
    struct promql_series *got;
    size_t n;
    struct err err;
    bool failed = expr_answer(t, test, a, &got, &n, &err) != 0;
    if (failed)
        buf_printf(&difference, "        %s\n", err.msg);
    if (failed || compare_samples(t, test, got, n, a, &difference)) {
        t->failures++;
        buf_printf(t->out, "    line %u: %s at ", test->line, test->expr);
        put_span(t->out, test->at_ms);
        buf_puts(t->out, "\n");
        buf_add(t->out, difference.data, difference.len);
    }
    buf_done(&difference);
    arena_free(a);
}

/* ---- one test ---- */

static int64_t last_time(const struct rule_test *test)
{
    int64_t last = 0;
    for (size_t i = 0; i < test->n_alerts; i++)
        last = test->alerts[i].at_ms > last ? test->alerts[i].at_ms : last;
    for (size_t i = 0; i < test->n_exprs; i++)
        last = test->exprs[i].at_ms > last ? test->exprs[i].at_ms : last;
    return last;
}

static void play(struct tester *t)
{
    int64_t interval = t->file->interval_ms, last = last_time(t->test);
    must(interval > 0 && last >= 0);
    for (int64_t at_ms = 0; at_ms <= last; at_ms += interval) {
        feed(t, t->test->start_ms + at_ms);
        if (!evaluate_all(t, t->test->start_ms + at_ms))
            return;
        for (size_t i = 0; i < t->test->n_alerts; i++) {
            const struct alert_test *test = &t->test->alerts[i];
            if (test->at_ms >= at_ms && test->at_ms < at_ms + interval)
                check_alerts(t, test);
        }
    }
    feed(t, t->test->start_ms + last);
    for (size_t i = 0; i < t->test->n_exprs; i++)
        check_expr(t, &t->test->exprs[i]);
}

static void run_test(struct tester *t, const struct rule_test *test)
{
    must(t->set && t->groups && t->out);
    t->test = test;
    t->memory = series_memory_new();
    t->fed = calloc(test->n_series + 1, sizeof(*t->fed));
    t->states = calloc(t->set->n_groups + 1, sizeof(*t->states));
    must(t->fed != NULL && t->states != NULL);
    for (uint32_t g = 0; g < t->set->n_groups; g++) {
        t->states[g] = calloc(t->groups[g]->n_rules + 1, sizeof(**t->states));
        must(t->states[g] != NULL);
    }
    play(t);
    for (uint32_t g = 0; g < t->set->n_groups; g++) {
        for (uint32_t i = 0; i < t->groups[g]->n_rules; i++)
            rule_state_free(&t->states[g][i]);
        free(t->states[g]);
    }
    free(t->states);
    free(t->fed);
    series_memory_free(t->memory);
}

/* ---- a file ---- */

/* Groups that group_eval_order names come first, in its order. */
static void order_groups(struct tester *t)
{
    uint32_t n = 0;
    bool *taken = calloc(t->set->n_groups + 1, sizeof(*taken));
    must(taken != NULL);
    for (size_t k = 0; k < t->file->n_order; k++)
        for (uint32_t g = 0; g < t->set->n_groups; g++)
            if (!taken[g] && streq(t->set->groups[g].name, t->file->order[k])) {
                t->groups[n++] = &t->set->groups[g];
                taken[g] = true;
            }
    for (uint32_t g = 0; g < t->set->n_groups; g++)
        if (!taken[g])
            t->groups[n++] = &t->set->groups[g];
    must(n == t->set->n_groups);
    free(taken);
}

static bool run_tests(struct tester *t, const char *only)
{
    size_t run = 0, failed = 0;
    for (size_t i = 0; i < t->file->n_tests; i++) {
        const struct rule_test *test = &t->file->tests[i];
        struct buf out = BUF_INIT(OUTPUT_MAX);
        if (only != NULL && strstr(test->name, only) == NULL)
            continue;
        t->out = &out;
        t->failures = 0;
        run_test(t, test);
        run++;
        failed += t->failures > 0;
        if (t->failures > 0)
            printf("  FAILED line %u%s%s\n%s", test->line, test->name[0] != '\0' ? ": " : "",
                   test->name, out.data);
        buf_done(&out);
    }
    if (failed == 0)
        printf("  SUCCESS: %zu tests\n", run);
    else
        printf("  %zu of %zu tests failed\n", failed, run);
    return failed == 0;
}

static bool run_file(const char *path, const char *only)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct rule_defaults defaults = {.interval_ms = 60000, .experimental = true};
    struct rule_test_file *file = rule_test_file_read(path, a, &p);
    struct rule_set *set =
        file != NULL ? rule_set_load(file->rule_files, file->n_rule_files, &defaults, &p) : NULL;
    bool ok = set != NULL;
    printf("%s\n", path);
    if (ok) {
        struct promql_options o = PROMQL_OPTIONS;
        o.experimental = true;
        o.cache_bytes = 0;
        o.slow_ms = 0;
        struct tester t = {.file = file, .set = set};
        t.groups = arena_array_of(a, const struct rule_group *, set->n_groups + 1);
        t.engine = promql_engine_new(&o);
        order_groups(&t);
        ok = run_tests(&t, only);
        promql_engine_free(t.engine);
    } else {
        problems_print(&p);
    }
    rule_set_unref(&set);
    rule_test_file_done(file);
    problems_done(&p);
    arena_free(a);
    return ok;
}

int rule_test_main(struct client_args *args)
{
    const char *only = args_take(args, "--run");
    if (args_unknown(args))
        return EXIT_USAGE;
    if (args->argc < 3) {
        fputs("belfry rule test: which FILE?\n", stderr);
        return EXIT_USAGE;
    }
    bool ok = true;
    for (int i = 2; i < args->argc; i++)
        ok &= run_file(args->argv[i], only);
    return ok ? EXIT_GOOD : EXIT_BAD;
}
