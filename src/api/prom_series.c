/* The label browser of the Prometheus API: names of labels, values of one. Several match[] are a union. Series: prom_list.c. */
#include "api/prom_priv.h"

#include <stdlib.h>

#include "base/vec.h"

/* Texts without doubles, in order, up to a limit; past it `truncated`. */
struct texts {
    struct arena *arena;
    struct str *at;
    size_t n, cap;
    size_t stop; /* one list alone, sorted already: enough after so many. 0: all are needed */
};

static bool add_text(void *arg, struct str s)
{
    struct texts *t = arg;
    if (t->stop && t->n == t->stop)
        return false;
    vec_push(t, ((struct str){arena_strndup(t->arena, s.p, s.n), s.n}));
    return true;
}

static int compare_texts(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = n ? memcmp(x->p, y->p, n) : 0;
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static void sort_texts(struct texts *t)
{
    size_t n = 0;
    if (t->n > 1)
        qsort(t->at, t->n, sizeof(*t->at), compare_texts);
    for (size_t i = 0; i < t->n; i++) {
        if (n == 0 || !str_eq(t->at[n - 1], t->at[i]))
            t->at[n++] = t->at[i];
    }
    t->n = n;
}

static void put_texts(struct call *k, const struct texts *t, uint32_t limit)
{
    size_t n = limit && t->n > limit ? limit : t->n;
    struct buf *out = prom_begin(k);
    buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_escape(out, t->at[i].p, t->at[i].n);
    }
    buf_putc(out, ']');
    prom_end_truncated(k, n < t->n);
}

/* --- names and values --- */

struct browse {
    struct call *call;
    struct prom_params params;
    struct prom_selectors selectors;
    struct series_select select;
    struct series_source source;
    uint32_t limit;
    struct texts found;
    bool values; /* of this label; else names */
    struct str label;
};

static int read_browse(struct call *k, struct browse *b, bool need_match)
{
    struct api_metrics m;
    b->call = k;
    b->found.arena = k->arena;
    prom_params(k, &b->params);
    if (prom_limit(&b->params, "limit", &b->limit) < 0 ||
        prom_period(&b->params, &b->select.min_ms, &b->select.max_ms) < 0 ||
        prom_selectors(&b->params, "match[]", &b->selectors) < 0)
        return -1;
    if (need_match && b->selectors.n == 0)
        return prom_fail(k, PROM_BAD_DATA, "no match[] parameter provided");
    if (!prom_store(k, &m))
        return -1;
    b->source = tsdb_source(m.db);
    return 0;
}

static int browse_one(struct browse *b, const struct prom_selector *s, struct err *err)
{
    const struct series_source_ops *ops = b->source.ops;
    b->select.matchers = s ? s->matchers : NULL;
    b->select.n_matchers = s ? s->n : 0;
    if (b->values)
        return ops->label_values(b->source.self, b->label, &b->select, add_text, &b->found, err);
    return ops->label_names(b->source.self, &b->select, add_text, &b->found, err);
}

static void browse(struct call *k, struct browse *b)
{
    struct err err = {0};
    int rc = 0;
    if (b->selectors.n <= 1 && b->limit)
        b->found.stop = (size_t)b->limit + 1;
    if (b->selectors.n == 0)
        rc = browse_one(b, NULL, &err);
    for (size_t i = 0; i < b->selectors.n && rc == 0; i++)
        rc = browse_one(b, &b->selectors.at[i], &err);
    if (rc < 0) {
        prom_fail_err(k, &err);
    } else {
        sort_texts(&b->found);
        put_texts(k, &b->found, b->limit);
    }
    vec_done(&b->found);
}

void prom_labels(struct call *k)
{
    struct browse b = {0};
    if (read_browse(k, &b, false) == 0)
        browse(k, &b);
}

/* --- U__ names: what does not fit into an address as it is --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void put_rune(struct buf *out, uint32_t rune)
{
    if (rune < 0x80) {
        buf_putc(out, (char)rune);
        return;
    }
    int more = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
    buf_putc(out, (char)((0xF00 >> (more + 1)) | (rune >> (6 * more))));
    while (more-- > 0)
        buf_putc(out, (char)(0x80 | ((rune >> (6 * more)) & 0x3F)));
}

/* _HEX_ at text[*i]: a character. */
static bool take_rune(struct str s, size_t *i, struct buf *out)
{
    uint32_t rune = 0;
    size_t start = ++*i;
    for (; *i < s.n && *i - start <= 6 && s.p[*i] != '_'; ++*i) {
        int digit = hex_digit(s.p[*i]);
        if (digit < 0)
            return false;
        rune = rune * 16 + (uint32_t)digit;
    }
    bool good = *i > start && *i < s.n && s.p[*i] == '_' && rune <= 0x10FFFF &&
                !(rune >= 0xD800 && rune < 0xE000);
    ++*i;
    if (good)
        put_rune(out, rune);
    return good;
}

/* "U__a_2e_b__c" is "a.b_c"; what is not well formed stands for itself. */
static struct str unescape_label(struct arena *a, struct str s)
{
    if (!str_starts(s, STR("U__")))
        return s;
    struct buf out = BUF_INIT(4 * s.n + 4);
    bool good = true;
    for (size_t i = 3; i < s.n && good;) {
        if (s.p[i] != '_') {
            buf_putc(&out, s.p[i++]);
        } else if (i + 1 < s.n && s.p[i + 1] == '_') {
            buf_putc(&out, '_');
            i += 2;
        } else {
            good = take_rune(s, &i, &out);
        }
    }
    struct str text = {arena_strndup(a, out.data ? out.data : "", out.len), out.len};
    buf_done(&out);
    return good ? text : s;
}

/* The path is NAME/values. Empty: it is not. */
static struct str label_asked(const struct call *k)
{
    struct str path = str_of(k->path), tail = STR("/values");
    if (path.n <= tail.n || !str_ends(path, tail))
        return STR("");
    return unescape_label(k->arena, (struct str){path.p, path.n - tail.n});
}

void prom_label_values(struct call *k)
{
    struct browse b = {.values = true, .label = label_asked(k)};
    if (b.label.n == 0) {
        prom_unknown(k);
        return;
    }
    if (!utf8_valid(b.label.p, b.label.n)) {
        prom_fail(k, PROM_BAD_DATA, "invalid label name: got bytes that are not UTF-8");
        return;
    }
    if (read_browse(k, &b, false) == 0)
        browse(k, &b);
}

/* Lists that are short and made without looking at series: what dashboards ask for all the time. */
bool prom_quick(struct call *k, const struct route *r)
{
    enum { QUICK_TEXTS = 1000 };
    struct api_metrics m = {0};
    bool values = r->handle == prom_label_values;
    if ((!values && r->handle != prom_labels) || k->req->body.n > 0 ||
        http_req_query(k->req, "match[]") || !k->api->metrics)
        return false;
    k->api->metrics(k->api->metrics_arg, &m);
    return m.db && tsdb_few_texts(m.db, values ? label_asked(k) : STR(""), QUICK_TEXTS);
}
