/* The linter (rule_lint.h): walks each rule's tree once with what lies above a node, and looks at the rule as a whole. */
#include "cli/rule_lint.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "promql/functions.h"

#define DEFAULT_SCRAPE_MS 15000

struct linter {
    struct lint_facts *facts;
    struct lint_findings *out;
    const struct rule_group *group;
    const struct rule *rule;
};

/* What stands above a node. */
struct above {
    const struct promql_node *call; /* the nearest function */
    bool
        raw_ok; /* something counts series or looks at times: a counter's bare value is no mistake */
};

static void find_at(struct linter *l, struct rule_place at, const char *name, const char *fmt, ...)
    printf_like(4, 5);
static void find_at(struct linter *l, struct rule_place at, const char *name, const char *fmt, ...)
{
    must(name && l->group);
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    text[utf8_whole(text, strlen(text))] = '\0';
    vec_push(&l->out->list, ((struct lint_finding){.file = l->group->file,
                                                   .at = at,
                                                   .name = name,
                                                   .text = arena_strdup(l->out->arena, text)}));
}

static struct rule_place place_of(const struct linter *l, const struct promql_node *n)
{
    return rule_expr_place(l->rule, n->start);
}

static bool calls(const struct promql_node *call, const char *name)
{
    return call != NULL && streq(call->call.fn->name, name);
}

static bool calls_any(const struct promql_node *call, const char *const *names)
{
    for (; *names != NULL; names++)
        if (calls(call, *names))
            return true;
    return false;
}

/* ---- selectors ---- */

static struct str metric_of(const struct promql_node *n)
{
    for (size_t i = 0; i < n->selector.n_matchers; i++) {
        const struct matcher *m = n->selector.matchers[i];
        if (str_eqz(matcher_name(m), LABEL_METRIC_NAME) && matcher_op(m) == MATCH_EQ)
            return matcher_value(m);
    }
    return n->selector.metric;
}

/* Matchers of one label that exclude each other: a="x", a="y". */
static void check_contradiction(struct linter *l, const struct promql_node *n)
{
    for (size_t i = 0; i < n->selector.n_matchers; i++)
        for (size_t k = 0; k < n->selector.n_matchers; k++) {
            const struct matcher *a = n->selector.matchers[i], *b = n->selector.matchers[k];
            struct str name = matcher_name(a), value = matcher_value(a);
            if (i == k || matcher_op(a) != MATCH_EQ || !str_eq(name, matcher_name(b)))
                continue;
            if (matcher_test(b, value) || (matcher_op(b) == MATCH_EQ && k < i))
                continue;
            find_at(
                l, place_of(l, n), "label-cannot-match",
                "%.*s=\"%.*s\" and another matcher of %.*s exclude each other: this is empty always",
                (int)name.n, name.p, (int)value.n, value.p, (int)name.n, name.p);
            return;
        }
}

/* Each matcher by itself, against the series there are. */
static void check_matchers(struct linter *l, const struct promql_node *n, struct str metric)
{
    for (size_t i = 0; i < n->selector.n_matchers; i++) {
        const struct matcher *m = n->selector.matchers[i];
        if (str_eqz(matcher_name(m), LABEL_METRIC_NAME) || matcher_empty(m))
            continue;
        struct buf b = BUF_INIT(1 << 20);
        struct buf one = BUF_INIT(1 << 20);
        matcher_format(&one, m);
        buf_printf(&b, "{__name__=\"%.*s\",%s}", (int)metric.n, metric.p, one.data);
        if (!lint_has_series(l->facts, (struct str){b.data, b.len}))
            find_at(l, place_of(l, n), "label-cannot-match", "no series of %.*s has %s",
                    (int)metric.n, metric.p, one.data);
        buf_done(&b);
        buf_done(&one);
    }
}

static void check_exists(struct linter *l, const struct promql_node *n, struct str metric)
{
    if (lint_is_recorded(l->facts, metric) || str_eqz(metric, "ALERTS") ||
        str_eqz(metric, "ALERTS_FOR_STATE"))
        return;
    if (lint_has_metric(l->facts, metric)) {
        check_matchers(l, n, metric);
        return;
    }
    const char *near = lint_nearest_metric(l->facts, metric);
    find_at(l, place_of(l, n), "no-series", "the metric %.*s has no series%s%s%s", (int)metric.n,
            metric.p, near != NULL ? "; did you mean " : "", near != NULL ? near : "",
            near != NULL ? "?" : "");
}

/* ---- types ---- */

static void check_range_type(struct linter *l, const struct promql_node *n, const struct above *up,
                             struct str metric)
{
    static const char *const of_counters[] = {"rate", "irate", "increase", "resets", NULL};
    static const char *const of_gauges[] = {"delta", "idelta", "deriv", "predict_linear", NULL};
    enum metric_type type = lint_type_of(l->facts, metric);
    if (calls_any(up->call, of_counters) && type != METRIC_COUNTER && metric.n > 0) {
        bool gauge = type != METRIC_UNKNOWN;
        find_at(l, place_of(l, n), "rate-of-gauge",
                gauge ? "%s() wants a counter; %.*s is a %s: use delta() or deriv()"
                      : "%s() wants a counter; the name %.*s does not end in _total%s: is it one?",
                up->call->call.fn->name, (int)metric.n, metric.p,
                gauge ? metric_type_name(type) : "");
    }
    if (calls_any(up->call, of_gauges) && type == METRIC_COUNTER)
        find_at(
            l, place_of(l, n), "delta-of-counter",
            "%s() wants a gauge; %.*s is a counter and its resets count as falls: use increase() "
            "or rate()",
            up->call->call.fn->name, (int)metric.n, metric.p);
}

static void check_range(struct linter *l, const struct promql_node *n, const struct above *up,
                        struct str metric)
{
    static const char *const of_one[] = {"last_over_time",   "count_over_time", "present_over_time",
                                         "absent_over_time", "first_over_time", NULL};
    char range[DURATION_SIZE], interval[DURATION_SIZE];
    int64_t measured = lint_interval(l->facts, metric);
    int64_t scrape = measured > 0 ? measured : DEFAULT_SCRAPE_MS;
    must(scrape > 0);
    int64_t ms = n->selector.range.ms;
    check_range_type(l, n, up, metric);
    if (n->selector.range.expr != NULL || ms >= 2 * scrape || calls_any(up->call, of_one))
        return;
    find_at(
        l, place_of(l, n), "short-range",
        "the range %s is shorter than two scrapes (%s %s): most evaluations see one sample or none",
        duration_format(ms, range), measured > 0 ? "samples come each" : "taken as",
        duration_format(scrape / 1000 * 1000, interval));
}

static void check_instant(struct linter *l, const struct promql_node *n, const struct above *up,
                          struct str metric)
{
    bool created = str_ends(metric, STR("_created"));
    if (up->raw_ok || created || lint_type_of(l->facts, metric) != METRIC_COUNTER)
        return;
    find_at(l, place_of(l, n), "counter-without-rate",
            "%.*s is a counter: its value says how long the program has run; want rate() or "
            "increase()",
            (int)metric.n, metric.p);
}

/* ---- the walk ---- */

static void walk(struct linter *l, const struct promql_node *n, struct above up);

static bool has_label(const struct promql_node *aggregate, struct str label)
{
    must(aggregate->kind == NODE_AGGREGATE);
    for (uint32_t i = 0; i < aggregate->aggregate.n_labels; i++)
        if (str_eq(aggregate->aggregate.labels[i], label))
            return true;
    return false;
}

static const struct promql_node *unwrap(const struct promql_node *n)
{
    while (n->kind == NODE_PAREN)
        n = n->paren;
    return n;
}

static void check_quantile(struct linter *l, const struct promql_node *call)
{
    if (!calls(call, "histogram_quantile") || call->call.n_args < 2)
        return;
    must(call->kind == NODE_CALL);
    const struct promql_node *n = unwrap(call->call.args[1]);
    if (n->kind == NODE_AGGREGATE && has_label(n, STR("le")) == n->aggregate.without)
        find_at(l, place_of(l, n), "quantile-without-le",
                "histogram_quantile() needs the label le; this aggregation drops it");
}

static void walk_call(struct linter *l, const struct promql_node *n, struct above up)
{
    static const char *const looks_at_series[] = {
        "absent", "timestamp", "label_replace", "absent_over_time", "changes", "resets", NULL};
    check_quantile(l, n);
    up.call = n;
    up.raw_ok |= calls_any(n, looks_at_series);
    for (uint32_t i = 0; i < n->call.n_args; i++)
        walk(l, n->call.args[i], up);
}

static void walk_aggregate(struct linter *l, const struct promql_node *n, struct above up)
{
    enum promql_aggregate op = n->aggregate.op;
    up.raw_ok |= op == AGG_COUNT || op == AGG_GROUP || op == AGG_COUNT_VALUES;
    up.call = NULL;
    if (n->aggregate.param != NULL)
        walk(l, n->aggregate.param, up);
    walk(l, n->aggregate.expr, up);
}

static void walk(struct linter *l, const struct promql_node *n, struct above up)
{
    switch (n->kind) {
    case NODE_SELECTOR:
    case NODE_RANGE: {
        struct str metric = metric_of(n);
        check_contradiction(l, n);
        if (metric.n > 0 && !calls(up.call, "absent") && !calls(up.call, "absent_over_time"))
            check_exists(l, n, metric);
        if (n->kind == NODE_RANGE)
            check_range(l, n, &up, metric);
        else
            check_instant(l, n, &up, metric);
        return;
    }
    case NODE_CALL:
        walk_call(l, n, up);
        return;
    case NODE_AGGREGATE:
        walk_aggregate(l, n, up);
        return;
    case NODE_SUBQUERY: /* of a counter within rate() */
        up.raw_ok |= up.call != NULL;
        walk(l, n->subquery.expr, up);
        return;
    case NODE_BINARY: {
        enum promql_op op = n->binary.op;
        struct above right = up;
        right.raw_ok |= op == OP_AND || op == OP_UNLESS; /* only its labels count */
        walk(l, n->binary.left, up);
        walk(l, n->binary.right, right);
        return;
    }
    case NODE_UNARY:
        walk(l, n->unary.expr, up);
        return;
    case NODE_PAREN:
        walk(l, n->paren, up);
        return;
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_DURATION:
        return;
    }
}

/* ---- the rule as a whole ---- */

/* Whether the answer may be empty, so that the alert can be quiet. */
static bool filters(const struct promql_node *n)
{
    n = unwrap(n);
    if (n->kind == NODE_BINARY) {
        enum promql_op op = n->binary.op;
        if (op >= OP_EQ && op <= OP_GE)
            return !n->binary.return_bool;
        if (op == OP_AND || op == OP_UNLESS)
            return true;
        if (op == OP_OR)
            return filters(n->binary.left) && filters(n->binary.right);
        return filters(n->binary.left) || filters(n->binary.right);
    }
    if (n->kind == NODE_CALL) {
        for (uint32_t i = 0; i < n->call.n_args; i++)
            if (filters(n->call.args[i]))
                return true;
        return calls(n, "absent") || calls(n, "absent_over_time");
    }
    if (n->kind == NODE_AGGREGATE)
        return filters(n->aggregate.expr);
    if (n->kind == NODE_SUBQUERY)
        return filters(n->subquery.expr);
    return n->kind == NODE_SELECTOR && str_starts(n->selector.metric, STR("ALERTS"));
}

static void check_for(struct linter *l)
{
    const struct rule *r = l->rule;
    char interval[DURATION_SIZE], span[DURATION_SIZE];
    if (r->for_ms == 0 && r->keep_ms == 0)
        find_at(l, r->at, "no-for",
                "%s has no for: one bad sample makes it fire; want for: 1m or longer", r->name);
    else if (r->for_ms > 0 && r->for_ms < l->group->interval_ms)
        find_at(l, r->at, "short-for", "%s: for %s is shorter than the group's interval %s",
                r->name, duration_format(r->for_ms, span),
                duration_format(l->group->interval_ms, interval));
    if (!filters(r->ast))
        find_at(l, place_of(l, r->ast), "no-comparison",
                "%s compares nothing: it fires for every value, 0 too", r->name);
}

/* The aggregation that decides which labels the answer has; NULL: it is not one. */
static const struct promql_node *deciding(const struct promql_node *n)
{
    for (n = unwrap(n); n->kind == NODE_BINARY; n = unwrap(n)) {
        const struct promql_node *left = unwrap(n->binary.left), *right = unwrap(n->binary.right);
        bool one_to_one = n->binary.card == CARD_ONE_TO_ONE && n->binary.op != OP_OR;
        if (left->type == PROMQL_SCALAR)
            n = right;
        else if (right->type == PROMQL_SCALAR || n->binary.op == OP_AND ||
                 n->binary.op == OP_UNLESS || (one_to_one && !n->binary.on))
            n = left;
        else
            return NULL;
    }
    return n->kind == NODE_AGGREGATE && !n->aggregate.without && n->aggregate.op != AGG_TOPK &&
                   n->aggregate.op != AGG_BOTTOMK && n->aggregate.op != AGG_LIMITK &&
                   n->aggregate.op != AGG_LIMIT_RATIO && n->aggregate.op != AGG_COUNT_VALUES
               ? n
               : NULL;
}

/* $labels.NAME of labels that the aggregation drops. */
static void check_template(struct linter *l, const struct rule_text *t,
                           const struct promql_node *aggregate)
{
    static const char dollar[] = "$labels.";
    for (const char *p = t->text; (p = strstr(p, dollar)) != NULL;) {
        p += sizeof(dollar) - 1;
        struct str name = {p, 0};
        while (isalnum((unsigned char)p[name.n]) || p[name.n] == '_')
            name.n++;
        if (name.n > 0 && !has_label(aggregate, name))
            find_at(l, place_of(l, aggregate), "dropped-label",
                    "%.*s uses $labels.%.*s, which this aggregation drops", (int)t->name.n,
                    t->name.p, (int)name.n, name.p);
    }
}

static void check_templates(struct linter *l)
{
    const struct promql_node *aggregate = deciding(l->rule->ast);
    for (uint32_t i = 0; aggregate != NULL && i < l->rule->n_annotations; i++)
        check_template(l, &l->rule->annotations[i], aggregate);
    for (uint32_t i = 0; aggregate != NULL && i < l->rule->n_labels; i++)
        check_template(l, &l->rule->labels[i], aggregate);
}

static void check_twice(struct linter *l, const struct rule_set *set)
{
    for (uint32_t g = 0; g < set->n_groups; g++)
        for (uint32_t i = 0; i < set->groups[g].n_rules; i++) {
            const struct rule *other = &set->groups[g].rules[i];
            if (other == l->rule)
                return;
            if (other->id != l->rule->id)
                continue;
            find_at(l, l->rule->at, "duplicate", "%s stands already in %s, line %u", l->rule->name,
                    set->groups[g].file, other->at.line);
            return;
        }
}

static int by_place(const void *a, const void *b)
{
    const struct lint_finding *x = a, *y = b;
    int c = strcmp(x->file, y->file);
    if (c == 0)
        c = (x->at.line > y->at.line) - (x->at.line < y->at.line);
    return c != 0 ? c : (x->at.column > y->at.column) - (x->at.column < y->at.column);
}

void lint_rules(const struct rule_set *set, struct lint_facts *f, struct lint_findings *out)
{
    for (uint32_t g = 0; g < set->n_groups; g++)
        for (uint32_t i = 0; i < set->groups[g].n_rules; i++) {
            struct linter l = {
                .facts = f, .out = out, .group = &set->groups[g], .rule = &set->groups[g].rules[i]};
            check_twice(&l, set);
            walk(&l, l.rule->ast, (struct above){0});
            if (l.rule->kind == RULE_ALERT) {
                check_for(&l);
                check_templates(&l);
            }
        }
    if (out->list.n > 0)
        qsort(out->list.at, out->list.n, sizeof(*out->list.at), by_place);
}
