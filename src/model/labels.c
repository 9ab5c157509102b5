/* Label sets as sorted views, and how they are written. */
#include "model/labels.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/map.h"

struct str labels_get(const struct labels *l, struct str name)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (str_eq(l->at[i].name, name))
            return l->at[i].value;
    }
    return (struct str){"", 0};
}

struct str labels_metric(const struct labels *l)
{
    return labels_get(l, STR(LABEL_METRIC_NAME));
}

/* Series of one place share their texts. */
static int str_compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n && a.p != b.p ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

int labels_compare(const struct labels *a, const struct labels *b)
{
    uint32_t n = a->n < b->n ? a->n : b->n;
    for (uint32_t i = 0; i < n; i++) {
        int c = str_compare(a->at[i].name, b->at[i].name);
        if (c == 0)
            c = str_compare(a->at[i].value, b->at[i].value);
        if (c)
            return c;
    }
    return (a->n > b->n) - (a->n < b->n);
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (!str_eq(a->at[i].name, b->at[i].name) || !str_eq(a->at[i].value, b->at[i].value))
            return false;
    }
    return true;
}

uint64_t labels_hash(const struct labels *l)
{
    uint64_t h = l->n;
    for (uint32_t i = 0; i < l->n; i++) {
        h = hash_bytes(l->at[i].name.p, l->at[i].name.n, h);
        h = hash_bytes(l->at[i].value.p, l->at[i].value.n, h);
    }
    return h;
}

struct labels labels_dup(struct arena *a, const struct labels *l)
{
    struct label_pair *at = arena_array_of(a, struct label_pair, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        struct label_pair p = l->at[i];
        at[i].name = (struct str){arena_strndup(a, p.name.p, p.name.n), p.name.n};
        at[i].value = (struct str){arena_strndup(a, p.value.p, p.value.n), p.value.n};
    }
    return (struct labels){at, l->n};
}

static bool classic(struct str s, bool colons)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool digit = c >= '0' && c <= '9';
        if (!letter && !(digit && i > 0) && !(c == ':' && colons))
            return false;
    }
    return s.n > 0;
}

bool metric_name_classic(struct str s)
{
    return classic(s, true);
}

bool label_name_classic(struct str s)
{
    return classic(s, false);
}

static void put_name(struct buf *out, struct str name)
{
    if (label_name_classic(name))
        buf_add(out, name.p, name.n);
    else
        json_escape(out, name.p, name.n);
}

void labels_format(struct buf *out, const struct labels *l)
{
    struct str metric = labels_metric(l);
    bool outside = metric_name_classic(metric), first = true;
    if (outside)
        buf_add(out, metric.p, metric.n);
    if (outside && l->n == 1)
        return;
    buf_putc(out, '{');
    if (metric.n > 0 && !outside) {
        json_escape(out, metric.p, metric.n);
        first = false;
    }
    for (uint32_t i = 0; i < l->n; i++) {
        if (str_eqz(l->at[i].name, LABEL_METRIC_NAME))
            continue;
        if (!first)
            buf_puts(out, ", ");
        first = false;
        put_name(out, l->at[i].name);
        buf_putc(out, '=');
        json_escape(out, l->at[i].value.p, l->at[i].value.n);
    }
    buf_putc(out, '}');
}

void labels_builder_done(struct labels_builder *b)
{
    vec_done(b);
}

void labels_builder_add(struct labels_builder *b, struct str name, struct str value)
{
    vec_push(b, ((struct label_pair){name, value}));
}

void labels_builder_del(struct labels_builder *b, struct str name)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (!str_eq(b->at[i].name, name))
            b->at[kept++] = b->at[i];
    }
    b->n = kept;
}

void labels_builder_set(struct labels_builder *b, struct str name, struct str value)
{
    labels_builder_del(b, name);
    labels_builder_add(b, name, value);
}

void labels_builder_from(struct labels_builder *b, const struct labels *l)
{
    labels_builder_clear(b);
    for (uint32_t i = 0; i < l->n; i++)
        vec_push(b, l->at[i]);
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct label_pair *)a)->name, ((const struct label_pair *)b)->name);
}

static bool in_order(const struct labels_builder *b)
{
    for (size_t i = 1; i < b->n; i++) {
        if (by_name(&b->at[i - 1], &b->at[i]) >= 0)
            return false;
    }
    return true;
}

int labels_builder_finish(struct labels_builder *b, struct labels *out, struct err *err)
{
    if (!in_order(b))
        qsort(b->at, b->n, sizeof(*b->at), by_name);
    for (size_t i = 1; i < b->n; i++) {
        if (by_name(&b->at[i - 1], &b->at[i]) == 0)
            return err_set(err, ERR_CONFLICT,
                           "cannot use the label set: label \"%.*s\" stands twice",
                           (int)b->at[i].name.n, b->at[i].name.p);
    }
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (b->at[i].value.n > 0)
            b->at[kept++] = b->at[i];
    }
    b->n = kept;
    *out = (struct labels){b->at, (uint32_t)kept};
    return 0;
}
