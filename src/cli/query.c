/* belfry query: PromQL asked of the running Belfry; an instant by default, a range with --start. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "model/labels.h"

#define STEPS 60 /* of a range without --step */

static const char help[] = "usage: belfry query [options] EXPR\n\n"
                           "  --time T          the instant (now)\n"
                           "  --start T         a range instead, up to --end (now)\n"
                           "  --end T\n"
                           "  --step D          15s; by default a sixtieth of the range\n"
                           "  --json            the API's answer\n\n"
                           "T is 2026-11-21T08:00:00Z, Unix seconds, or how long ago: 90m, 2d.\n"
                           "options: -c FILE, --server URL, --token T\n";

struct query {
    struct client_args args;
    const char *expr;
    int64_t at, start, end, step;
    bool range;
    struct arena *arena;
};

/* --- arguments --- */

static bool read_time(const char *name, const char *text, int64_t now, int64_t *out)
{
    int64_t ago;
    struct err err = {0};
    bool unit = text && *text && strchr("smhdwy", text[strlen(text) - 1]);
    *out = now;
    if (!text)
        return true;
    if (unit && duration_parse(str_of(text), &ago, &err) == 0) {
        *out = now - ago;
        return true;
    }
    if (!unit && time_parse(str_of(text), out, &err) == 0)
        return true;
    fprintf(stderr, "belfry query: %s: %s\n", name, err.msg);
    return false;
}

static bool read_step(struct query *q, const char *text)
{
    struct err err = {0};
    int64_t wanted = (q->end - q->start) / STEPS;
    q->step = wanted < 1000 ? 1000 : wanted / 1000 * 1000;
    if (!text || (duration_parse(str_of(text), &q->step, &err) == 0 && q->step > 0))
        return true;
    fprintf(stderr, "belfry query: --step: %s\n",
            err.code != ERR_OK ? err.msg : "got 0; want a duration");
    return false;
}

/* False: printed what is wrong. */
static bool read_args(struct query *q)
{
    int64_t now = clock_wall_ms();
    const char *at = args_take(&q->args, "--time"), *start = args_take(&q->args, "--start");
    const char *end = args_take(&q->args, "--end"), *step = args_take(&q->args, "--step");
    if (args_unknown(&q->args))
        return false;
    if (q->args.argc != 2 || (!start && (end || step)) || (at && start)) {
        fputs(help, stderr);
        return false;
    }
    q->expr = q->args.argv[1];
    q->range = start != NULL;
    return read_time("--time", at, now, &q->at) && read_time("--start", start, now, &q->start) &&
           read_time("--end", end, now, &q->end) && (!q->range || read_step(q, step));
}

static const char *make_path(struct query *q)
{
    struct buf b = BUF_INIT(8 << 20);
    buf_printf(&b, "/prometheus/api/v1/%s?", q->range ? "query_range" : "query");
    if (q->range)
        buf_printf(&b, "start=%.3f&end=%.3f&step=%.3f", (double)q->start / 1000,
                   (double)q->end / 1000, (double)q->step / 1000);
    else
        buf_printf(&b, "time=%.3f", (double)q->at / 1000);
    buf_puts(&b, "&query=");
    url_encode(&b, str_of(q->expr));
    const char *path = arena_strndup(q->arena, b.data, b.len);
    buf_done(&b);
    return path;
}

/* --- the answer --- */

static const char *series_name(const struct node *metric, struct arena *a)
{
    struct labels_builder b = {0};
    struct labels l = {0};
    struct buf text = BUF_INIT(1 << 20);
    for (const struct node *n = metric ? metric->first : NULL; n; n = n->next) {
        if (n->kind == NODE_TEXT)
            labels_builder_add(&b, n->key, n->text);
    }
    labels_builder_finish(&b, &l, NULL);
    labels_format(&text, &l);
    const char *out = arena_strndup(a, text.data ? text.data : "", text.len);
    buf_done(&text);
    labels_builder_done(&b);
    return out;
}

/* [1732190400, "1.5"]: the value, and the time as people read it. */
static const char *point(const struct node *pair, struct arena *a, const char **when)
{
    const struct node *t = pair ? pair->first : NULL, *v = t ? t->next : NULL;
    char text[RFC3339_SIZE];
    double seconds = !t ? 0 : t->kind == NODE_INT ? (double)t->num : t->f64;
    *when = arena_strdup(a, time_format((int64_t)(seconds * 1000 + 0.5), text));
    return v && v->kind == NODE_TEXT ? arena_strndup(a, v->text.p, v->text.n) : "";
}

static void print_vector(const struct node *items, struct arena *a)
{
    static const char *const columns[] = {"SERIES", "VALUE", NULL};
    struct table *t = table_new(a, columns);
    for (const struct node *n = items->first; n; n = n->next) {
        const char *when;
        const char *cells[] = {series_name(node_get(n, "metric"), a),
                               point(node_get(n, "value"), a, &when)};
        table_row(t, cells);
    }
    table_print(t);
}

static void print_matrix(const struct node *items, struct arena *a)
{
    for (const struct node *n = items->first; n; n = n->next) {
        const struct node *values = node_get(n, "values");
        printf("%s\n", series_name(node_get(n, "metric"), a));
        for (const struct node *p = values ? values->first : NULL; p; p = p->next) {
            const char *when, *value = point(p, a, &when);
            printf("  %s  %s\n", when, value);
        }
    }
}

static void print_notes(const struct node *answer, const char *key)
{
    const struct node *list = node_get(answer, key);
    for (const struct node *n = list ? list->first : NULL; n; n = n->next)
        fprintf(stderr, "belfry: %.*s\n", (int)n->text.n, n->text.p);
}

static void print_answer(const struct node *answer, struct arena *a)
{
    const struct node *data = node_get(answer, "data");
    const struct node *result = data ? node_get(data, "result") : NULL;
    const char *type = data ? field_text(data, "resultType", a) : "", *when;
    print_notes(answer, "warnings");
    print_notes(answer, "infos");
    if (!result || result->kind != NODE_LIST)
        return;
    if (streq(type, "vector"))
        print_vector(result, a);
    else if (streq(type, "matrix"))
        print_matrix(result, a);
    else
        printf("%s\n", point(result, a, &when));
}

static int ask(struct query *q)
{
    struct err err = {0};
    struct node *answer = NULL;
    struct client *client = client_open(&q->args, &err);
    if (!client)
        return client_fail(&err);
    int rc = client_call(client, "GET", make_path(q), NULL, q->arena, &answer, &err);
    client_close(&client);
    if (rc != 0)
        return client_fail(&err);
    if (q->args.json)
        print_json(answer);
    else
        print_answer(answer, q->arena);
    return EXIT_GOOD;
}

int cmd_query(int argc, char **argv)
{
    struct query q = {0};
    client_args(argc, argv, &q.args);
    if (q.args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    if (!read_args(&q))
        return EXIT_USAGE;
    q.arena = arena_new();
    int status = ask(&q);
    arena_free(q.arena);
    return status;
}
