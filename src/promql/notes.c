/* Annotations: warnings and infos that go with a result, in Prometheus' words and with the place in the query. Each text once;
 * the result holds the first ten of each kind in alphabetical order, so that it does not depend on who ran first. */
#include <stdio.h>
#include <stdlib.h>

#include "promql/eval_priv.h"

#define NOTES_SHOWN 10
#define NOTES_KEPT  1000 /* different ones; a query over many names must not collect without end */

void notes_add(struct query *q, bool warning, const char *text)
{
    pthread_mutex_lock(&q->lock);
    bool known = q->notes.n >= NOTES_KEPT;
    for (size_t i = 0; i < q->notes.n && !known; i++)
        known = q->notes.at[i].warning == warning && strcmp(q->notes.at[i].text, text) == 0;
    if (!known) {
        char *copy = strdup(text);
        must(copy != NULL);
        vec_push(&q->notes, ((struct note){warning, copy}));
    }
    pthread_mutex_unlock(&q->lock);
}

static void add_at(struct query *q, bool warning, const struct promql_node *at, const char *fmt,
                   va_list ap)
{
    struct buf b = BUF_INIT(8192);
    buf_printf(&b, "PromQL %s: ", warning ? "warning" : "info");
    buf_vprintf(&b, fmt, ap);
    if (at != NULL && at->start <= q->text.n) {
        int line, column;
        promql_position(q->text, at->start, &line, &column);
        buf_printf(&b, " (%d:%d)", line, column);
    }
    if (!b.failed)
        notes_add(q, warning, b.data);
    buf_done(&b);
}

void note_warning(struct query *q, const struct promql_node *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_at(q, true, at, fmt, ap);
    va_end(ap);
}

void note_info(struct query *q, const struct promql_node *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_at(q, false, at, fmt, ap);
    va_end(ap);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void collect(struct query *q, bool warning, struct arena *a, const char ***out, size_t *n)
{
    vec_of(const char *) all = {0};
    vec_each (&q->notes, it) {
        if (it->warning == warning)
            vec_push(&all, (const char *)it->text);
    }
    if (all.n > 1)
        qsort(all.at, all.n, sizeof(*all.at), compare_text);
    size_t shown = all.n < NOTES_SHOWN ? all.n : NOTES_SHOWN;
    *out = arena_array_of(a, const char *, shown + 1);
    for (size_t i = 0; i < shown; i++)
        (*out)[i] = arena_strdup(a, all.at[i]);
    *n = shown;
    if (all.n > shown)
        (*out)[(*n)++] = arena_printf(a, "%zu more %s annotations omitted", all.n - shown,
                                      warning ? "warning" : "info");
    vec_done(&all);
}

void notes_result(struct query *q, struct promql_result *r)
{
    collect(q, true, r->arena, &r->warnings, &r->n_warnings);
    collect(q, false, r->arena, &r->infos, &r->n_infos);
}
