/* Which series of a block matchers mean: the posting lists of the index behind postings.h, and the values of a name. A list that
 * is damaged is left out: it was counted and logged. Any thread. */
#include "tsdb/block_priv.h"

#include <stdlib.h>

#include "tsdb/postings.h"

static uint32_t count_of(const struct block *b)
{
    return (uint32_t)b->meta.series;
}

/* Reads the list that stands at c, wherever it is, into out (NULL: passes over it). */
static bool read_list(struct block *b, uint64_t head, struct cur *c, roaring_bitmap_t *out)
{
    enum posting_form form = head & 3;
    uint32_t n = (uint32_t)(head >> 2);
    if (form != POSTING_ELSEWHERE && !out) {
        posting_skip(c, form, n);
        return !c->failed;
    }
    if (form != POSTING_ELSEWHERE)
        return posting_read(c, form, n, count_of(b), out) == 0;
    uint64_t page = cur_varint(c);
    if (!out || c->failed)
        return !c->failed;
    struct buf room = BUF_INIT(PAGE_BYTES_MAX);
    struct cur list;
    uint32_t key;
    bool ok = page < UINT32_MAX &&
              block__inflate(b, SECTION_LISTS, (uint32_t)page, &room, &list, &key) &&
              posting_read(&list, key, n, count_of(b), out) == 0;
    buf_done(&room);
    return ok;
}

/* Walks the values of a name. fn: take the list of this value into out? stop: no further. */
struct value_walk {
    struct block *b;
    const struct block_name *name;
    bool (*fn)(void *arg, uint32_t symbol, bool *stop);
    void *arg;
    roaring_bitmap_t *out;
};

static bool walk_page(struct value_walk *w, uint32_t page, uint32_t count, struct buf *room,
                      bool *stop)
{
    struct cur c;
    uint32_t key;
    if (!block__inflate(w->b, SECTION_VALUES, page, room, &c, &key))
        return false;
    uint64_t symbol = key;
    for (uint32_t i = 0; i < count && !*stop; i++) {
        symbol += cur_varint(&c);
        uint64_t head = cur_varint(&c);
        if (c.failed || symbol > UINT32_MAX)
            return false;
        bool wanted = w->fn(w->arg, (uint32_t)symbol, stop);
        if (!read_list(w->b, head, &c, wanted ? w->out : NULL))
            return false;
    }
    return true;
}

static void walk_values(struct value_walk *w, uint32_t first, uint32_t n_pages)
{
    struct buf room = BUF_INIT(PAGE_BYTES_MAX);
    bool stop = false;
    for (uint32_t p = first; p < n_pages && !stop; p++) {
        uint32_t before = p * VALUES_A_PAGE, left = w->name->values - before;
        walk_page(w, w->name->first_page + p, left < VALUES_A_PAGE ? left : VALUES_A_PAGE, &room,
                  &stop);
    }
    buf_done(&room);
}

static uint32_t pages_of(const struct block_name *n)
{
    return (n->values + VALUES_A_PAGE - 1) / VALUES_A_PAGE;
}

/* The page of the name's in which the symbol would be: the last whose first is not after it. */
static uint32_t page_with(struct block *b, const struct block_name *name, uint32_t symbol)
{
    const struct index_section *s = &b->section[SECTION_VALUES];
    uint32_t lo = 0, hi = pages_of(name);
    while (lo + 1 < hi) {
        uint32_t mid = lo + (hi - lo) / 2, key = UINT32_MAX;
        if (s->directory && name->first_page + mid < s->n)
            memcpy(&key, s->directory + (size_t)(name->first_page + mid) * INDEX_PAGE_BYTES + 16,
                   4);
        lo = key <= symbol ? mid : lo;
        hi = key <= symbol ? hi : mid;
    }
    return lo;
}

static bool is_symbol(void *arg, uint32_t symbol, bool *stop)
{
    uint32_t wanted = *(uint32_t *)arg;
    *stop = symbol >= wanted;
    return symbol == wanted;
}

static int pair(void *self, struct str name, struct str value, roaring_bitmap_t *out,
                struct err *err)
{
    struct block *b = self;
    const struct block_name *n = block__find_name(b, name);
    uint32_t symbol;
    (void)err;
    if (!n || !block__find_symbol(b, value, &symbol))
        return 0;
    struct value_walk w = {b, n, is_symbol, &symbol, out};
    uint32_t page = page_with(b, n, symbol);
    walk_values(&w, page, page + 1);
    return 0;
}

static int having(void *self, struct str name, roaring_bitmap_t *out, struct err *err)
{
    struct block *b = self;
    const struct block_name *n = block__find_name(b, name);
    (void)err;
    if (!n)
        return 0;
    struct cur c = n->list;
    read_list(b, n->having, &c, out);
    return 0;
}

static int all(void *self, roaring_bitmap_t *out, struct err *err)
{
    (void)err;
    roaring_bitmap_add_range(out, 0, count_of(self));
    return 0;
}

struct tested {
    struct block *b;
    struct str prefix;
    bool (*test)(void *arg, struct str value);
    void *arg;
};

static bool test_symbol(void *arg, uint32_t symbol, bool *stop)
{
    struct tested *t = arg;
    struct str s = block__symbol(t->b, symbol);
    if (!str_starts(s, t->prefix)) {
        size_t n = s.n < t->prefix.n ? s.n : t->prefix.n;
        *stop = n > 0 && memcmp(s.p, t->prefix.p, n) > 0;
        return false;
    }
    return s.n > 0 && t->test(t->arg, s);
}

static int values(void *self, struct str name, struct str prefix,
                  bool (*test)(void *arg, struct str value), void *arg, roaring_bitmap_t *out,
                  struct err *err)
{
    struct block *b = self;
    const struct block_name *n = block__find_name(b, name);
    (void)err;
    if (!n)
        return 0;
    struct tested t = {b, prefix, test, arg};
    struct value_walk w = {b, n, test_symbol, &t, out};
    uint32_t first = prefix.n > 0 ? page_with(b, n, block__lower_symbol(b, prefix)) : 0;
    walk_values(&w, first, pages_of(n));
    return 0;
}

static size_t values_count(void *self, struct str name)
{
    const struct block_name *n = block__find_name(self, name);
    return n ? n->values : 0;
}

static struct str value(void *self, uint32_t series, struct str name)
{
    return block_label(self, series, name);
}

static const struct postings_ops ops = {
    .pair = pair,
    .having = having,
    .all = all,
    .values = values,
    .count = values_count,
    .value = value,
};

int block_select(struct block *b, const struct matcher *const *m, size_t n, uint32_t **ids,
                 uint32_t *count, struct err *err)
{
    check_magic(b, BLOCK_MAGIC);
    roaring_bitmap_t *set = postings_select(&ops, b, m, n, err);
    if (!set)
        return -1;
    uint64_t size = roaring_bitmap_get_cardinality(set);
    must(size <= count_of(b));
    *ids = malloc((size + 1) * sizeof(**ids));
    must(*ids);
    roaring_bitmap_to_uint32_array(set, *ids);
    *count = (uint32_t)size;
    roaring_bitmap_free(set);
    return 0;
}

struct listing {
    struct block *b;
    bool (*fn)(void *arg, struct str s);
    void *arg;
};

static bool list_symbol(void *arg, uint32_t symbol, bool *stop)
{
    struct listing *l = arg;
    struct str s = block__symbol(l->b, symbol);
    *stop = s.n > 0 && !l->fn(l->arg, s);
    return false;
}

int block_label_values(struct block *b, struct str name, bool (*fn)(void *arg, struct str s),
                       void *arg)
{
    check_magic(b, BLOCK_MAGIC);
    const struct block_name *n = block__find_name(b, name);
    if (!n)
        return 0;
    struct listing l = {b, fn, arg};
    struct value_walk w = {b, n, list_symbol, &l, NULL};
    walk_values(&w, 0, pages_of(n));
    return 0;
}
