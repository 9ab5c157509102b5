/* Lists of series of the Prometheus API: /series. Several match[] are a union, in the order of labels.
 *
 * The labels are borrowed of the selections, which hold back what the store would free. So when the client does not read the answer
 * quickly, what is left of it is copied and the selections are given back (HELD_NS). */
#include "api/prom_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/vec.h"

#define HELD_NS (5 * NS_PER_S)

struct list {
    struct arena *arena; /* this lies in it, and labels' tables */
    vec_of(struct labels) found;
    vec_of(struct series_set *) sets; /* empty once the rest was copied */
    int64_t since_ns;
    size_t at, written;
    uint32_t limit;
    bool begun, truncated;
};

static int compare_series(const void *a, const void *b)
{
    return labels_compare(a, b);
}

static int select_series(struct list *l, struct series_source source, struct series_select *q,
                         const struct prom_selector *s, struct err *err)
{
    q->matchers = s->matchers;
    q->n_matchers = s->n;
    struct series_set *set = source.ops->select(source.self, q, err);
    if (!set)
        return -1;
    vec_push(&l->sets, set);
    for (uint32_t i = 0; i < set->n; i++)
        vec_push(&l->found, set->ops->labels(set, i, l->arena));
    return 0;
}

static void drop_sets(struct list *l)
{
    vec_each (&l->sets, it)
        (*it)->ops->free(*it);
    vec_done(&l->sets);
}

static void copy_rest(struct list *l)
{
    size_t from = l->at > 0 ? l->at - 1 : 0; /* the one before is compared with */
    for (size_t i = from; i < l->found.n; i++)
        l->found.at[i] = labels_dup(l->arena, &l->found.at[i]);
    drop_sets(l);
}

static enum http_more next_piece(void *ctx, struct buf *out, struct err *err)
{
    static const char *const warning[] = {PROM_TRUNCATED};
    struct list *l = ctx;
    (void)err;
    if (l->sets.n > 0 && clock_mono_ns() - l->since_ns > HELD_NS)
        copy_rest(l);
    if (!l->begun) {
        prom_put_begin(out);
        buf_putc(out, '[');
    }
    l->begun = true;
    for (; l->at < l->found.n && !l->truncated && out->len < HTTP_PIECE; l->at++) {
        const struct labels *one = &l->found.at[l->at];
        if (l->at > 0 && labels_equal(one, one - 1))
            continue;
        l->truncated = l->limit && l->written == l->limit;
        if (l->truncated)
            break;
        if (l->written++ > 0)
            buf_putc(out, ',');
        prom_put_labels(out, one);
    }
    if (l->at < l->found.n && !l->truncated)
        return HTTP_MORE;
    buf_putc(out, ']');
    prom_put_notes(out, &(struct prom_notes){.warnings = warning, .n_warnings = l->truncated});
    buf_putc(out, '}');
    return HTTP_LAST;
}

static void list_free(void *ctx)
{
    struct list *l = ctx;
    drop_sets(l);
    vec_done(&l->found);
    arena_free(l->arena);
}

static int read_list(struct call *k, struct list *l)
{
    struct prom_params p;
    struct prom_selectors s;
    struct api_metrics m;
    struct series_select q = {0};
    struct err err = {0};
    prom_params(k, &p);
    if (prom_limit(&p, "limit", &l->limit) < 0 || prom_period(&p, &q.min_ms, &q.max_ms) < 0 ||
        prom_selectors(&p, "match[]", &s) < 0)
        return -1;
    if (s.n == 0)
        return prom_fail(k, PROM_BAD_DATA, "no match[] parameter provided");
    if (!prom_store(k, &m))
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        if (select_series(l, tsdb_source(m.db), &q, &s.at[i], &err) < 0)
            return prom_fail_err(k, &err);
    }
    return 0;
}

void prom_series(struct call *k)
{
    struct arena *a = arena_new();
    struct list *l = arena_new_of(a, struct list);
    l->arena = a;
    l->since_ns = clock_mono_ns();
    if (read_list(k, l) < 0) {
        list_free(l);
        return;
    }
    if (l->found.n > 1)
        qsort(l->found.at, l->found.n, sizeof(*l->found.at), compare_series);
    prom_answer_pieces(k, &(struct prom_pieces){next_piece, list_free, l});
}
