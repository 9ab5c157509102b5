/* belfry rule backtest: when would these alerts have fired on what really happened. The running Belfry answers each expression over
 * the past, a piece at a time; the server's own step then lives through the answers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"
#include "cli/cli.h"
#include "cli/rule_priv.h"
#include "rule/step.h"

#define PIECE_STEPS 2000 /* of one question; halved when the answer is too large */
#define SHOWN_MAX   200  /* of one rule, as text */

struct firing {
    struct labels labels;
    int64_t from_ms, to_ms; /* to 0: still */
    double value;           /* when it fired */
};
struct backtest {
    struct client *client;
    struct arena *arena;             /* of what is found */
    int64_t from_ms, to_ms, step_ms; /* step 0: each group's interval */
    const char *only;
    bool json;
    /* of the rule at hand */
    const struct rule_group *group;
    struct rule rule;
    struct rule_state *state;
    vec_of(struct firing) firings;
    size_t pieces;
};

/* ---- the past ---- */

/* One series of a matrix: its labels, and where its next sample stands. */
struct past_series {
    struct labels labels;
    const struct node *next; /* [t, "v"] */
};
struct past {
    struct past_series *series;
    size_t n;
};

static struct labels labels_of(struct arena *a, const struct node *map)
{
    struct labels_builder b = {0};
    struct labels l;
    struct err bug;
    for (const struct node *c = map != NULL ? map->first : NULL; c != NULL; c = c->next)
        if (c->kind == NODE_TEXT)
            labels_builder_set(&b, c->key, c->text);
    int rc = labels_builder_finish(&b, &l, &bug);
    must(rc == 0);
    l = labels_dup(a, &l);
    labels_builder_done(&b);
    return l;
}

static int ask(struct backtest *t, int64_t from_ms, int64_t to_ms, int64_t step_ms, struct arena *a,
               struct past *out, struct err *err)
{
    must(from_ms <= to_ms && step_ms > 0);
    struct buf path = BUF_INIT(4 << 20);
    struct node *answer;
    buf_puts(&path, "/prometheus/api/v1/query_range?query=");
    url_encode(&path, t->rule.expr);
    buf_printf(&path, "&start=%.3f&end=%.3f&step=%.3f", (double)from_ms / 1000,
               (double)to_ms / 1000, (double)step_ms / 1000);
    int rc = client_call(t->client, "GET", path.data, NULL, a, &answer, err);
    buf_done(&path);
    if (rc != 0)
        return -1;
    const struct node *result = node_get(node_get(answer, "data"), "result");
    if (result == NULL || result->kind != NODE_LIST)
        return err_set(err, ERR_PROTOCOL, "Belfry's answer has no data.result");
    out->n = 0;
    out->series = arena_array_of(a, struct past_series, result->count + 1);
    for (const struct node *c = result->first; c != NULL; c = c->next) {
        const struct node *values = node_get(c, "values");
        out->series[out->n++] = (struct past_series){labels_of(a, node_get(c, "metric")),
                                                     values != NULL ? values->first : NULL};
    }
    return 0;
}

static double number(const struct node *n)
{
    if (n == NULL)
        return 0;
    return n->kind == NODE_F64    ? n->f64
           : n->kind == NODE_INT  ? (double)n->num
           : n->kind == NODE_TEXT ? strtod(n->text.p, NULL)
                                  : 0;
}

/* What the expression answered at one moment, as the engine would give it. */
static struct promql_result *answer_at(struct past *p, int64_t at_ms)
{
    struct arena *a = arena_new();
    struct promql_result *r = arena_new_of(a, struct promql_result);
    *r = (struct promql_result){.arena = a, .type = PROMQL_VECTOR};
    r->series = arena_array_of(a, struct promql_series, p->n + 1);
    for (size_t i = 0; i < p->n; i++) {
        struct past_series *s = &p->series[i];
        while (s->next != NULL && llround(number(s->next->first) * 1000) < at_ms)
            s->next = s->next->next;
        if (s->next == NULL || llround(number(s->next->first) * 1000) != at_ms)
            continue;
        double *v = arena_alloc(a, sizeof(*v));
        *v = number(s->next->first->next);
        r->series[r->n_series++] =
            (struct promql_series){.labels = labels_dup(a, &s->labels), .v = v, .n = 1};
    }
    must(r->n_series <= p->n);
    return r;
}

/* ---- living through it ---- */

static void note(struct backtest *t, const struct rule_notice *n)
{
    const struct rule_alert *a = n->alert;
    if (!n->changed)
        return;
    if (a->state == RULE_FIRING) {
        vec_push(&t->firings, ((struct firing){.labels = labels_dup(t->arena, &a->labels),
                                               .from_ms = a->fired_ms,
                                               .value = a->value}));
        return;
    }
    for (size_t i = t->firings.n; i > 0; i--) {
        struct firing *f = &t->firings.at[i - 1];
        if (f->to_ms != 0 || !labels_equal(&f->labels, &a->labels))
            continue;
        f->to_ms = a->resolved_ms;
        return;
    }
}

static int live(struct backtest *t, struct past *p, int64_t at_ms, struct err *err)
{
    must(t->group && t->rule.ast);
    static const struct labels none;
    struct rule_state *after;
    struct rule_output out;
    struct rule_input in = {.group = t->group,
                            .rule = &t->rule,
                            .at_ms = at_ms,
                            .resend_ms = 1,
                            .data = {.external = &none, .external_url = ""}};
    if (rule_step(t->state, &after, &in, answer_at(p, at_ms), &out, err) != 0) {
        rule_state_free(&after);
        return -1;
    }
    for (size_t i = 0; i < out.n_notices; i++)
        note(t, &out.notices[i]);
    rule_state_free(&t->state);
    t->state = after;
    return 0;
}

static int play(struct backtest *t, int64_t step_ms, struct err *err)
{
    must(step_ms > 0 && t->from_ms < t->to_ms);
    int64_t steps = PIECE_STEPS;
    for (int64_t at = t->from_ms - t->from_ms % step_ms + step_ms; at <= t->to_ms;) {
        int64_t last = at + (steps - 1) * step_ms;
        last = last > t->to_ms ? t->to_ms : last;
        struct arena *a = arena_new();
        struct past past;
        int rc = ask(t, at, last, step_ms, a, &past, err);
        bool smaller = rc != 0 && err->code == ERR_TOO_LARGE && steps > 1;
        for (; rc == 0 && at <= last; at += step_ms)
            rc = live(t, &past, at, err);
        arena_free(a);
        t->pieces++;
        if (smaller)
            steps /= 2;
        else if (rc != 0)
            return -1;
    }
    return 0;
}

/* ---- the report ---- */

static int64_t length_of(const struct backtest *t, const struct firing *f)
{
    return (f->to_ms != 0 ? f->to_ms : t->to_ms) - f->from_ms;
}

static const char *span(int64_t ms, char text[DURATION_SIZE])
{
    return duration_format(ms, text);
}

static void print_firing(const struct backtest *t, const struct firing *f)
{
    must(f->to_ms == 0 || f->to_ms >= f->from_ms);
    char from[RFC3339_SIZE], length[DURATION_SIZE];
    struct buf b = BUF_INIT(1 << 20);
    labels_format(&b, &f->labels);
    buf_puts(&b, " value ");
    promql_format_value(&b, f->value);
    printf("  %.19sZ  %-10s %s\n", time_format(f->from_ms, from),
           f->to_ms != 0 ? span(length_of(t, f), length) : "still", b.data);
    buf_done(&b);
}

static void report_text(const struct backtest *t, int64_t step_ms)
{
    char total[DURATION_SIZE], period[DURATION_SIZE], step[DURATION_SIZE];
    int64_t sum = 0;
    vec_each (&t->firings, f)
        sum += length_of(t, f);
    printf("%s:%u: %s fired %zu times, %s in all, in %s (evaluated each %s)\n", t->group->file,
           t->rule.at.line, t->rule.name, t->firings.n, span(sum, total),
           span((t->to_ms - t->from_ms) / 1000 * 1000, period), span(step_ms, step));
    for (size_t i = 0; i < t->firings.n && i < SHOWN_MAX; i++)
        print_firing(t, &t->firings.at[i]);
    if (t->firings.n > SHOWN_MAX)
        printf("  … and %zu more\n", t->firings.n - SHOWN_MAX);
}

static void report_json(const struct backtest *t, int64_t step_ms)
{
    struct buf out = BUF_INIT(256 << 20);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kstr(&j, "alert", t->rule.name);
    json_kstr(&j, "group", t->group->name);
    json_kstr(&j, "file", t->group->file);
    json_kint(&j, "line", t->rule.at.line);
    json_kf64(&j, "step_seconds", (double)step_ms / 1000);
    json_karr(&j, "firings");
    vec_each (&t->firings, f) {
        json_obj(&j);
        json_ktime(&j, "from", f->from_ms);
        json_ktime(&j, "to", f->to_ms);
        json_kf64(&j, "value", f->value);
        json_kobj(&j, "labels");
        for (uint32_t i = 0; i < f->labels.n; i++) {
            json_key(&j, arena_strndup(t->arena, f->labels.at[i].name.p, f->labels.at[i].name.n));
            json_strn(&j, f->labels.at[i].value.p, f->labels.at[i].value.n);
        }
        json_end(&j);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
    printf("%s\n", out.data);
    buf_done(&out);
}

static int run_rule(struct backtest *t, const struct rule_group *g, const struct rule *rule,
                    struct err *err)
{
    must(rule->kind == RULE_ALERT && !t->state && t->firings.n == 0);
    int64_t step_ms = t->step_ms > 0 ? t->step_ms : g->interval_ms;
    t->group = g;
    t->rule = *rule;
    t->rule.n_annotations = 0; /* nobody reads them */
    int rc = play(t, step_ms, err);
    if (rc == 0 && t->json)
        report_json(t, step_ms);
    else if (rc == 0)
        report_text(t, step_ms);
    rule_state_free(&t->state);
    vec_clear(&t->firings);
    return rc;
}

static int run_all(struct backtest *t, const struct rule_set *set)
{
    struct err err;
    size_t run = 0;
    for (uint32_t g = 0; g < set->n_groups; g++)
        for (uint32_t i = 0; i < set->groups[g].n_rules; i++) {
            const struct rule *r = &set->groups[g].rules[i];
            if (r->kind != RULE_ALERT || (t->only != NULL && !streq(r->name, t->only)))
                continue;
            run++;
            if (run_rule(t, &set->groups[g], r, &err) != 0) {
                fprintf(stderr, "%s:%u: %s: ", set->groups[g].file, r->at.line, r->name);
                return client_fail(&err);
            }
        }
    if (run == 0)
        fprintf(stderr, "belfry rule backtest: there is no such alerting rule\n");
    return run > 0 ? EXIT_GOOD : EXIT_BAD;
}

/* "30d" ago, "now", or a time. */
static int take_time(struct client_args *args, const char *name, const char *def, int64_t now_ms,
                     int64_t *out)
{
    const char *text = args_take(args, name);
    struct err err;
    int64_t ago;
    text = text != NULL ? text : def;
    if (streq(text, "now"))
        *out = now_ms;
    else if (strpbrk(text, "smhdwy") != NULL && duration_parse(str_of(text), &ago, &err) == 0)
        *out = now_ms - ago;
    else if (time_parse(str_of(text), out, &err) != 0) {
        fprintf(stderr,
                "belfry rule backtest: %s: got \"%s\"; want 30d, now or 2026-11-20T08:00:00Z\n",
                name, text);
        return -1;
    }
    return 0;
}

static int take_options(struct client_args *args, struct backtest *t)
{
    int64_t now_ms = clock_wall_ms();
    struct err err;
    if (take_time(args, "--from", "30d", now_ms, &t->from_ms) != 0 ||
        take_time(args, "--to", "now", now_ms, &t->to_ms) != 0)
        return -1;
    const char *step = args_take(args, "--step");
    if (step != NULL && (duration_parse(str_of(step), &t->step_ms, &err) != 0 || t->step_ms <= 0)) {
        fprintf(stderr, "belfry rule backtest: --step: got \"%s\"; want a duration such as 1m\n",
                step);
        return -1;
    }
    if (t->from_ms >= t->to_ms) {
        fputs("belfry rule backtest: --from is not before --to\n", stderr);
        return -1;
    }
    t->only = args_take(args, "--rule");
    t->json = args->json;
    return args_unknown(args) ? -1 : 0;
}

int rule_backtest_main(struct client_args *args)
{
    struct backtest t = {0};
    struct err err;
    if (take_options(args, &t) != 0)
        return EXIT_USAGE;
    if (args->argc < 3) {
        fputs("belfry rule backtest: which FILE?\n", stderr);
        return EXIT_USAGE;
    }
    t.arena = arena_new();
    struct problems p;
    problems_init(&p, t.arena);
    struct rule_defaults defaults = {.interval_ms = 60000, .experimental = true};
    struct rule_set *set =
        rule_set_load((const char *const *)(args->argv + 2), (size_t)args->argc - 2, &defaults, &p);
    int status = EXIT_BAD;
    if (set == NULL)
        problems_print(&p);
    else if ((t.client = client_open(args, &err)) == NULL)
        status = client_fail(&err);
    else
        status = run_all(&t, set);
    client_close(&t.client);
    rule_set_unref(&set);
    vec_done(&t.firings);
    problems_done(&p);
    arena_free(t.arena);
    return status;
}
