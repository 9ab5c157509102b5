/* postings.h: which sets a matcher stands for, and in which order they are combined. Any thread. */
#include "tsdb/postings.h"

#include <stdlib.h>

struct select {
    const struct postings_ops *ops;
    void *self;
    struct err *err;
    roaring_bitmap_t *kept; /* NULL: all series still */
};

struct test {
    const struct matcher *m;
    bool want;
};

static bool test_value(void *arg, struct str value)
{
    const struct test *t = arg;
    return matcher_test(t->m, value) == t->want;
}

static int add_listed(struct select *s, const struct matcher *m, const struct str *values, size_t n,
                      roaring_bitmap_t *out)
{
    for (size_t i = 0; i < n; i++) {
        if (values[i].n > 0 && s->ops->pair(s->self, matcher_name(m), values[i], out, s->err) < 0)
            return -1;
    }
    return 0;
}

/* Series whose value of the label, not empty, passes (want) or fails the matcher. */
static int add_values(struct select *s, const struct matcher *m, bool want, roaring_bitmap_t *out)
{
    size_t n;
    const struct str *set = matcher_set(m, &n);
    bool negative = matcher_op(m) == MATCH_NE || matcher_op(m) == MATCH_NRE;
    if (set && negative != want)
        return add_listed(s, m, set, n, out);
    if (want ? matcher_some(m) || matcher_any(m) : false)
        return s->ops->having(s->self, matcher_name(m), out, s->err);
    if (!want && matcher_op(m) == MATCH_EQ && matcher_value(m).n == 0)
        return s->ops->having(s->self, matcher_name(m), out, s->err);
    struct test t = {m, want};
    struct str prefix = negative == want ? (struct str){"", 0} : matcher_prefix(m);
    return s->ops->values(s->self, matcher_name(m), prefix, test_value, &t, out, s->err);
}

/* Must every value of the name be tested? As add_values decides. */
static bool is_scan(const struct matcher *m)
{
    size_t n;
    return !matcher_set(m, &n) && !matcher_some(m) && !matcher_any(m) &&
           (matcher_op(m) != MATCH_EQ || matcher_value(m).n > 0);
}

#define LOOK_AT 4 /* values that are tested in the time of looking at a series */

static bool is_few(const struct select *s, const struct matcher *m)
{
    return s->kept && is_scan(m) &&
           roaring_bitmap_get_cardinality(s->kept) * LOOK_AT <
               s->ops->count(s->self, matcher_name(m));
}

struct looking {
    struct select *s;
    const struct matcher *m;
    roaring_bitmap_t *out;
};

static bool look_at(uint32_t series, void *arg)
{
    struct looking *l = arg;
    struct str v = l->s->ops->value(l->s->self, series, matcher_name(l->m));
    if (v.n > 0 ? matcher_test(l->m, v) : matcher_empty(l->m))
        roaring_bitmap_add(l->out, series);
    return true;
}

static void look_at_kept(struct select *s, const struct matcher *m)
{
    struct looking l = {s, m, roaring_bitmap_create()};
    must(l.out != NULL);
    roaring_iterate(s->kept, look_at, &l);
    roaring_bitmap_free(s->kept);
    s->kept = l.out;
}

static int intersect(struct select *s, const struct matcher *m)
{
    roaring_bitmap_t *set = roaring_bitmap_create();
    must(set != NULL);
    int rc = add_values(s, m, true, set);
    if (s->kept) {
        roaring_bitmap_and_inplace(s->kept, set);
        roaring_bitmap_free(set);
    } else {
        s->kept = set;
    }
    return rc;
}

static int subtract(struct select *s, const struct matcher *m)
{
    roaring_bitmap_t *set = roaring_bitmap_create();
    must(set != NULL);
    int rc = add_values(s, m, false, set);
    roaring_bitmap_andnot_inplace(s->kept, set);
    roaring_bitmap_free(set);
    return rc;
}

/* Equalities are the cheapest and leave the least: they go first. */
static int rank(const struct matcher *m)
{
    size_t n;
    if (matcher_empty(m))
        return 3;
    return matcher_op(m) == MATCH_EQ ? 0 : matcher_set(m, &n) ? 1 : 2;
}

static int select_rank(struct select *s, const struct matcher *const *m, size_t n, int wanted)
{
    for (size_t i = 0; i < n; i++) {
        if (rank(m[i]) != wanted || matcher_any(m[i]))
            continue;
        if (s->kept && roaring_bitmap_is_empty(s->kept))
            return 0;
        if (is_few(s, m[i]))
            look_at_kept(s, m[i]);
        else if ((wanted == 3 ? subtract(s, m[i]) : intersect(s, m[i])) < 0)
            return -1;
    }
    return 0;
}

roaring_bitmap_t *postings_select(const struct postings_ops *ops, void *self,
                                  const struct matcher *const *m, size_t n, struct err *err)
{
    must(ops != NULL && (m != NULL || n == 0));
    struct select s = {ops, self, err, NULL};
    int rc = 0;
    for (int r = 0; r < 3 && rc == 0; r++)
        rc = select_rank(&s, m, n, r);
    if (rc == 0 && !s.kept) {
        s.kept = roaring_bitmap_create();
        must(s.kept != NULL);
        rc = ops->all(self, s.kept, err);
    }
    if (rc == 0)
        rc = select_rank(&s, m, n, 3);
    if (rc == 0)
        return s.kept;
    if (s.kept)
        roaring_bitmap_free(s.kept);
    return NULL;
}
