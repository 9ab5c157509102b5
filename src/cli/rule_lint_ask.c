/* What the linter knows of metrics (rule_lint.h): answers of the running Belfry's Prometheus API, each asked once. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "cli/rule_lint.h"

#define NAMES_MAX 200000

struct lint_facts {
    struct client *client;
    struct arena *arena;
    const struct node *metadata; /* metric: [{type, help, unit}] */
    struct map_str *names, *recorded;
    struct map_str *series, *intervals; /* answers by question; value + 1 */
    const char *problem;
};

/* "data" of an answer; NULL: it failed. */
static const struct node *ask(struct lint_facts *f, const char *path)
{
    struct node *answer;
    struct err err;
    if (f->client == NULL)
        return NULL;
    if (client_call(f->client, "GET", path, NULL, f->arena, &answer, &err) == 0 && answer != NULL)
        return node_get(answer, "data");
    if (f->problem == NULL)
        f->problem = arena_strdup(f->arena, err.msg);
    return NULL;
}

static const char *ask_path(struct lint_facts *f, const char *path, struct str value)
{
    struct buf b = BUF_INIT(1 << 20);
    buf_puts(&b, path);
    url_encode(&b, value);
    const char *text = arena_strndup(f->arena, b.data, b.len);
    buf_done(&b);
    return text;
}

struct lint_facts *lint_facts_new(struct client *c, const struct rule_set *set)
{
    struct arena *a = arena_new();
    struct lint_facts *f = arena_new_of(a, struct lint_facts);
    *f = (struct lint_facts){.client = c,
                             .arena = a,
                             .names = map_str_new(),
                             .recorded = map_str_new(),
                             .series = map_str_new(),
                             .intervals = map_str_new()};
    for (uint32_t g = 0; g < set->n_groups; g++)
        for (uint32_t i = 0; i < set->groups[g].n_rules; i++) {
            const struct rule *r = &set->groups[g].rules[i];
            if (r->kind == RULE_RECORD)
                map_str_put(f->recorded, r->name, strlen(r->name), f);
        }
    const struct node *names = ask(f, "/prometheus/api/v1/label/__name__/values");
    for (const struct node *n = names != NULL ? names->first : NULL; n != NULL; n = n->next)
        if (n->kind == NODE_TEXT && map_str_count(f->names) < NAMES_MAX)
            map_str_put(f->names, n->text.p, n->text.n, f);
    if (names == NULL)
        f->client = NULL;
    f->metadata = ask(f, "/prometheus/api/v1/metadata");
    return f;
}

void lint_facts_free(struct lint_facts *f)
{
    if (f == NULL)
        return;
    map_str_free(f->names);
    map_str_free(f->recorded);
    map_str_free(f->series);
    map_str_free(f->intervals);
    arena_free(f->arena);
}

bool lint_facts_asked(const struct lint_facts *f)
{
    return f->client != NULL;
}

const char *lint_facts_problem(const struct lint_facts *f)
{
    return f->problem;
}

bool lint_is_recorded(struct lint_facts *f, struct str metric)
{
    return map_str_get(f->recorded, metric.p, metric.n) != NULL;
}

/* Parts of histograms and summaries carry their family's metadata. */
static const struct node *metadata_of(struct lint_facts *f, struct str metric)
{
    static const char *const suffixes[] = {"", "_bucket", "_count", "_sum", "_total"};
    for (size_t i = 0; i < array_len(suffixes) && f->metadata != NULL; i++) {
        struct str suffix = str_of(suffixes[i]);
        if (!str_ends(metric, suffix))
            continue;
        char *name = arena_strndup(f->arena, metric.p, metric.n - suffix.n);
        const struct node *list = node_get(f->metadata, name);
        if (list != NULL && list->first != NULL)
            return list->first;
    }
    return NULL;
}

enum metric_type lint_type_of(struct lint_facts *f, struct str metric)
{
    static const char *const counters[] = {"_total", "_bucket", "_count", "_sum"};
    const struct node *type = node_get(metadata_of(f, metric), "type");
    enum metric_type known =
        type != NULL && type->kind == NODE_TEXT ? metric_type_parse(type->text) : METRIC_UNKNOWN;
    bool part = false;
    for (size_t i = 0; i < array_len(counters); i++)
        part |= str_ends(metric, str_of(counters[i]));
    if (known == METRIC_HISTOGRAM || known == METRIC_SUMMARY)
        return part ? METRIC_COUNTER : METRIC_GAUGE; /* a summary's quantiles */
    if (known == METRIC_GAUGE_HISTOGRAM)
        return METRIC_GAUGE;
    if (known != METRIC_UNKNOWN)
        return known;
    return part && !lint_is_recorded(f, metric) ? METRIC_COUNTER : METRIC_UNKNOWN;
}

bool lint_has_metric(struct lint_facts *f, struct str metric)
{
    return f->client == NULL || map_str_get(f->names, metric.p, metric.n) != NULL;
}

const char *lint_nearest_metric(struct lint_facts *f, struct str metric)
{
    const char **names = arena_array_of(f->arena, const char *, map_str_count(f->names) + 1), *name;
    size_t n = 0, len;
    void *value;
    for (size_t it = 0; map_str_next(f->names, &it, &name, &len, &value);)
        names[n++] = arena_strndup(f->arena, name, len);
    const char *near = str_nearest(arena_strndup(f->arena, metric.p, metric.n), names, n);
    return near != NULL && strlen(near) * 2 > metric.n ? near : NULL;
}

bool lint_has_series(struct lint_facts *f, struct str selector)
{
    if (f->client == NULL)
        return true;
    uintptr_t known = (uintptr_t)map_str_get(f->series, selector.p, selector.n);
    if (known == 0) {
        const struct node *data =
            ask(f, ask_path(f, "/prometheus/api/v1/series?limit=1&match%5B%5D=", selector));
        known = data == NULL || data->first != NULL ? 2 : 1;
        map_str_put(f->series, selector.p, selector.n, (void *)known);
    }
    return known == 2;
}

/* By how many samples the last ten minutes hold. */
int64_t lint_interval(struct lint_facts *f, struct str metric)
{
    if (f->client == NULL || !metric_name_classic(metric))
        return 0;
    uintptr_t known = (uintptr_t)map_str_get(f->intervals, metric.p, metric.n);
    if (known == 0) {
        const char *query =
            arena_printf(f->arena, "max(count_over_time(%.*s[10m]))", (int)metric.n, metric.p);
        const struct node *data =
            ask(f, ask_path(f, "/prometheus/api/v1/query?query=", str_of(query)));
        const struct node *result = node_get(data, "result");
        const struct node *value = result != NULL ? node_get(result->first, "value") : NULL;
        const struct node *count =
            value != NULL && value->first != NULL ? value->first->next : NULL;
        double n = count != NULL && count->kind == NODE_TEXT ? strtod(count->text.p, NULL) : 0;
        known = (n >= 2 ? (uintptr_t)(600000 / n) : 0) + 1;
        map_str_put(f->intervals, metric.p, metric.n, (void *)known);
    }
    return (int64_t)(known - 1);
}
