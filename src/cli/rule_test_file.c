/* Reads a unit-test file of rules (promtool's format) with config/node; every problem with its place. Strict about keys. */
#include <glob.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/must.h"
#include "cli/rule_priv.h"
#include "promql/promql.h"
#include "rule/notation.h"

struct file_reader {
    struct arena *arena;
    struct problems *problems;
    const char *path;
    char *dir;
};

static void bad(struct file_reader *r, const struct node *at, const char *field, const char *what)
{
    problem_add(r->problems, at, field, "%s", what);
}

static void check_keys(struct file_reader *r, const struct node *map, const char *const *known,
                       size_t n, const char *field)
{
    for (const struct node *c = map->first; c != NULL; c = c->next) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found |= str_eqz(c->key, known[i]);
        const char *near = found ? NULL : str_nearest(c->key.p, known, n);
        struct node at = *c;
        at.line = c->key_line;
        at.column = c->key_column;
        if (!found)
            problem_add(r->problems, &at, field, "unknown key \"%.60s\"%s%s%s", c->key.p,
                        near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                        near != NULL ? "\"?" : "");
    }
}

static const char *text_of(struct file_reader *r, const struct node *map, const char *key,
                           const char *def)
{
    const struct node *n = node_get(map, key);
    if (n == NULL || n->kind == NODE_NULL)
        return def;
    if (n->kind == NODE_TEXT)
        return n->text.p;
    bad(r, n, key, "want text");
    return def;
}

static int64_t duration_of(struct file_reader *r, const struct node *map, const char *key,
                           int64_t def)
{
    const char *text = text_of(r, map, key, NULL);
    struct err err;
    int64_t ms = def;
    if (text != NULL && duration_parse(str_of(text), &ms, &err) != 0)
        problem_add(r->problems, node_get(map, key), key,
                    "got \"%.40s\"; want a duration such as 5m", text);
    return ms;
}

/* The list under key, or an empty one. */
static const struct node *list_of(struct file_reader *r, const struct node *map, const char *key)
{
    static const struct node none = {.kind = NODE_LIST};
    const struct node *n = node_get(map, key);
    if (n == NULL || n->kind == NODE_NULL)
        return &none;
    if (n->kind == NODE_LIST)
        return n;
    bad(r, n, key, "want a list");
    return &none;
}

static struct labels labels_of(struct file_reader *r, const struct node *map, const char *alertname)
{
    struct labels_builder b = {0};
    struct labels l = {0};
    for (const struct node *c = map != NULL ? map->first : NULL; c != NULL; c = c->next) {
        if (c->kind == NODE_TEXT)
            labels_builder_set(&b, c->key, c->text);
        else if (c->kind != NODE_NULL)
            bad(r, c, c->key.p, "want text");
    }
    if (alertname != NULL)
        labels_builder_set(&b, STR("alertname"), str_of(alertname));
    struct err bug;
    int rc = labels_builder_finish(&b, &l, &bug);
    must(rc == 0);
    l = labels_dup(r->arena, &l);
    labels_builder_done(&b);
    return l;
}

/* ---- parts of a test ---- */

static void read_series(struct file_reader *r, const struct node *n, int64_t start_ms,
                        int64_t interval_ms, struct test_series *out)
{
    static const char *const known[] = {"series", "values"};
    check_keys(r, n, known, array_len(known), "input_series");
    out->series = text_of(r, n, "series", "");
    const char *values = text_of(r, n, "values", "");
    struct err err;
    if (promql_parse_labels(r->arena, str_of(out->series), &out->labels, &err) != 0)
        problem_add(r->problems, n, "series", "%s", err.msg);
    if (notation_values(str_of(values), start_ms, interval_ms, &out->samples, &err) != 0)
        problem_add(r->problems, node_get(n, "values"), "values", "%s", err.msg);
}

static void read_alert_test(struct file_reader *r, const struct node *n, struct alert_test *out)
{
    static const char *const known[] = {"eval_time", "alertname", "exp_alerts"};
    static const char *const alert_known[] = {"exp_labels", "exp_annotations"};
    check_keys(r, n, known, array_len(known), "alert_rule_test");
    out->at_ms = duration_of(r, n, "eval_time", 0);
    out->alertname = text_of(r, n, "alertname", "");
    out->line = n->line;
    const struct node *list = list_of(r, n, "exp_alerts");
    struct test_alert *alerts = arena_array_of(r->arena, struct test_alert, list->count + 1);
    for (const struct node *c = list->first; c != NULL; c = c->next) {
        check_keys(r, c, alert_known, array_len(alert_known), "exp_alerts");
        alerts[out->n_expected].labels = labels_of(r, node_get(c, "exp_labels"), out->alertname);
        alerts[out->n_expected++].annotations = labels_of(r, node_get(c, "exp_annotations"), NULL);
    }
    out->expected = alerts;
}

static double number_of(struct file_reader *r, const struct node *map, const char *key)
{
    const char *text = text_of(r, map, key, "0");
    char *end;
    double v = strtod(text, &end);
    if (*end != '\0' || end == text)
        problem_add(r->problems, node_get(map, key), key, "got \"%.40s\"; want a number", text);
    return v;
}

static void read_expr_test(struct file_reader *r, const struct node *n, struct expr_test *out)
{
    static const char *const known[] = {"expr", "eval_time", "exp_samples"};
    static const char *const sample_known[] = {"labels", "value", "histogram"};
    check_keys(r, n, known, array_len(known), "promql_expr_test");
    out->at_ms = duration_of(r, n, "eval_time", 0);
    out->expr = text_of(r, n, "expr", "");
    out->line = n->line;
    const struct node *list = list_of(r, n, "exp_samples");
    struct test_sample *samples = arena_array_of(r->arena, struct test_sample, list->count + 1);
    for (const struct node *c = list->first; c != NULL; c = c->next) {
        struct test_sample *s = &samples[out->n_expected++];
        struct err err;
        check_keys(r, c, sample_known, array_len(sample_known), "exp_samples");
        const char *labels = text_of(r, c, "labels", "{}");
        if (labels[0] != '\0' &&
            promql_parse_labels(r->arena, str_of(labels), &s->labels, &err) != 0)
            problem_add(r->problems, node_get(c, "labels"), "labels", "%s", err.msg);
        s->value = number_of(r, c, "value");
    }
    out->expected = samples;
}

static void read_test(struct file_reader *r, const struct node *n, int64_t interval_ms,
                      struct rule_test *out)
{
    static const char *const known[] = {"name",
                                        "interval",
                                        "input_series",
                                        "alert_rule_test",
                                        "promql_expr_test",
                                        "external_labels",
                                        "external_url",
                                        "start_timestamp"};
    check_keys(r, n, known, array_len(known), "tests");
    out->name = text_of(r, n, "name", "");
    out->line = n->line;
    out->interval_ms = duration_of(r, n, "interval", interval_ms);
    if (out->interval_ms <= 0)
        bad(r, node_get(n, "interval"), "interval", "want more than 0");
    const char *start = text_of(r, n, "start_timestamp", NULL);
    struct err err;
    if (start != NULL && time_parse(str_of(start), &out->start_ms, &err) != 0)
        problem_add_err(r->problems, &err, "start_timestamp");
    out->external = labels_of(r, node_get(n, "external_labels"), NULL);
    out->external_url = text_of(r, n, "external_url", "");
    const struct node *series = list_of(r, n, "input_series");
    const struct node *alerts = list_of(r, n, "alert_rule_test");
    const struct node *exprs = list_of(r, n, "promql_expr_test");
    out->series = arena_array_of(r->arena, struct test_series, series->count + 1);
    out->alerts = arena_array_of(r->arena, struct alert_test, alerts->count + 1);
    out->exprs = arena_array_of(r->arena, struct expr_test, exprs->count + 1);
    for (const struct node *c = series->first; c != NULL; c = c->next)
        read_series(r, c, out->start_ms, out->interval_ms, &out->series[out->n_series++]);
    for (const struct node *c = alerts->first; c != NULL; c = c->next)
        read_alert_test(r, c, &out->alerts[out->n_alerts++]);
    for (const struct node *c = exprs->first; c != NULL; c = c->next)
        read_expr_test(r, c, &out->exprs[out->n_exprs++]);
}

/* ---- the file ---- */

/* Patterns, relative to the test file. */
static void find_rule_files(struct file_reader *r, const struct node *list,
                            struct rule_test_file *out)
{
    vec_of(const char *) found = {0};
    for (const struct node *c = list->first; c != NULL; c = c->next) {
        if (c->kind != NODE_TEXT) {
            bad(r, c, "rule_files", "want a path");
            continue;
        }
        const char *pattern =
            c->text.p[0] == '/' ? c->text.p : arena_printf(r->arena, "%s/%s", r->dir, c->text.p);
        glob_t g = {0};
        if (glob(pattern, 0, NULL, &g) != 0)
            problem_add(r->problems, c, "rule_files", "there is no file %s", pattern);
        for (size_t i = 0; i < g.gl_pathc; i++)
            vec_push(&found, arena_strdup(r->arena, g.gl_pathv[i]));
        globfree(&g);
    }
    out->n_rule_files = found.n;
    out->rule_files = arena_array_of(r->arena, const char *, found.n + 1);
    for (size_t i = 0; i < found.n; i++)
        out->rule_files[i] = found.at[i];
    vec_done(&found);
}

static void read_root(struct file_reader *r, const struct node *root, struct rule_test_file *f)
{
    static const char *const known[] = {"rule_files", "evaluation_interval", "group_eval_order",
                                        "tests", "fuzzy_compare"};
    check_keys(r, root, known, array_len(known), "test file");
    f->interval_ms = duration_of(r, root, "evaluation_interval", 60000);
    if (f->interval_ms <= 0)
        bad(r, node_get(root, "evaluation_interval"), "evaluation_interval", "want more than 0");
    f->fuzzy = streq(text_of(r, root, "fuzzy_compare", "false"), "true");
    find_rule_files(r, list_of(r, root, "rule_files"), f);
    const struct node *order = list_of(r, root, "group_eval_order");
    f->order = arena_array_of(r->arena, const char *, order->count + 1);
    for (const struct node *c = order->first; c != NULL; c = c->next)
        f->order[f->n_order++] = c->kind == NODE_TEXT ? c->text.p : "";
    const struct node *tests = list_of(r, root, "tests");
    f->tests = arena_array_of(r->arena, struct rule_test, tests->count + 1);
    for (const struct node *c = tests->first; c != NULL; c = c->next)
        read_test(r, c, f->interval_ms, &f->tests[f->n_tests++]);
}

struct rule_test_file *rule_test_file_read(const char *path, struct arena *a, struct problems *p)
{
    struct file_reader r = {.arena = a, .problems = p, .path = path};
    r.dir = dirname(arena_strdup(a, path));
    struct buf text = BUF_INIT(RULE_FILE_MAX);
    struct err err;
    size_t before = p->list.n;
    struct rule_test_file *f = arena_new_of(a, struct rule_test_file);
    const struct node *root = NULL;
    if (fs_read_regular(path, &text, &err) != 0 ||
        (root = node_from_yaml(a, text.data != NULL ? text.data : "", text.len,
                               arena_strdup(a, path), &err)) == NULL)
        problem_add_err(p, &err, path);
    else if (root->kind != NODE_MAP)
        problem_add(p, root, path, "want a test file: rule_files and tests");
    else
        read_root(&r, root, f);
    buf_done(&text);
    if (p->list.n == before)
        return f;
    rule_test_file_done(f);
    return NULL;
}

void rule_test_file_done(struct rule_test_file *f)
{
    for (size_t i = 0; f != NULL && i < f->n_tests; i++)
        for (size_t k = 0; k < f->tests[i].n_series; k++)
            samples_done(&f->tests[i].series[k].samples);
}
