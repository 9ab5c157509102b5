/* Functions of labels: label_replace, label_join, the natural order of sort_by_label. Called by the engine once a series. */
#include <string.h>

#include "base/regex.h"
#include "promql/func.h"

#define LABEL_VALUE_MAX (1u << 20)

struct label_replace {
    struct arena *arena;
    struct regex *regex;
    struct str dst, replacement, src;
};

static struct str dup(struct arena *a, struct str s)
{
    return (struct str){arena_strndup(a, s.p, s.n), s.n};
}

static int compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int cmp = n > 0 ? memcmp(a.p, b.p, n) : 0;
    return cmp != 0 ? cmp : (a.n > b.n) - (a.n < b.n);
}

static bool name_valid(struct str name)
{
    return name.n > 0 && utf8_valid(name.p, name.n);
}

struct label_replace *label_replace_new(struct str dst, struct str replacement, struct str src,
                                        struct str regex, struct err *err)
{
    struct regex *re = regex_new(regex, REGEX_ANCHORED | REGEX_DOT_ALL, NULL);
    if (re == NULL) {
        err_set(err, ERR_INVALID, "invalid regular expression in label_replace(): %.*s",
                (int)regex.n, regex.p);
        return NULL;
    }
    if (!name_valid(dst)) {
        regex_free(re);
        err_set(err, ERR_INVALID, "invalid destination label name in label_replace(): %.*s",
                (int)dst.n, dst.p);
        return NULL;
    }
    struct arena *a = arena_new_sized(512);
    struct label_replace *r = arena_new_of(a, struct label_replace);
    *r = (struct label_replace){
        .arena = a,
        .regex = re,
        .dst = dup(a, dst),
        .replacement = dup(a, replacement),
        .src = dup(a, src),
    };
    return r;
}

void label_replace_free(struct label_replace *r)
{
    if (r == NULL)
        return;
    regex_free(r->regex);
    arena_free(r->arena);
}

/* `in` with the label `name` set to value, or without it when value is empty; the array lies in a. */
static void with_label(struct arena *a, const struct labels *in, struct str name, struct str value,
                       struct labels *out)
{
    struct label_pair *at = arena_array_of(a, struct label_pair, in->n + 1);
    uint32_t n = 0, i = 0;
    while (i < in->n && compare(in->at[i].name, name) < 0)
        at[n++] = in->at[i++];
    if (i < in->n && str_eq(in->at[i].name, name))
        i++;
    if (value.n > 0)
        at[n++] = (struct label_pair){name, value};
    while (i < in->n)
        at[n++] = in->at[i++];
    must(n <= in->n + 1);
    *out = (struct labels){at, n};
}

bool label_replace_apply(const struct label_replace *r, const struct labels *in, struct arena *a,
                         struct labels *out)
{
    struct str group[REGEX_GROUPS_MAX];
    size_t n = regex_groups(r->regex) + 1;
    if (n > REGEX_GROUPS_MAX)
        n = REGEX_GROUPS_MAX;
    struct str value = labels_get(in, r->src);
    if (value.p == NULL)
        value.p = "";
    if (!regex_find(r->regex, value, 0, group, n))
        return false;
    struct buf text = BUF_INIT(LABEL_VALUE_MAX);
    regex_expand(r->regex, r->replacement, group, n, &text);
    struct str made = {text.len > 0 ? arena_memdup(a, text.data, text.len) : NULL, text.len};
    buf_done(&text);
    with_label(a, in, r->dst, made, out);
    return true;
}

int label_join_check(struct str dst, const struct str *src, uint32_t n, struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!name_valid(src[i]))
            return err_set(err, ERR_INVALID, "invalid source label name in label_join(): %.*s",
                           (int)src[i].n, src[i].p);
    }
    if (!name_valid(dst))
        return err_set(err, ERR_INVALID, "invalid destination label name in label_join(): %.*s",
                       (int)dst.n, dst.p);
    return 0;
}

void label_join_apply(struct str dst, struct str separator, const struct str *src, uint32_t n,
                      const struct labels *in, struct arena *a, struct labels *out)
{
    struct buf text = BUF_INIT(LABEL_VALUE_MAX);
    for (uint32_t i = 0; i < n; i++) {
        struct str value = labels_get(in, src[i]);
        if (i > 0)
            buf_add(&text, separator.p, separator.n);
        buf_add(&text, value.p, value.n);
    }
    struct str made = {text.len > 0 ? arena_memdup(a, text.data, text.len) : NULL, text.len};
    buf_done(&text);
    with_label(a, in, dst, made, out);
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes the run of digits, or of anything else, that s begins with. */
static struct str take_run(struct str *s)
{
    must(s->n > 0);
    size_t n = 1;
    while (n < s->n && digit(s->p[n]) == digit(s->p[0]))
        n++;
    struct str run = {s->p, n};
    s->p += n;
    s->n -= n;
    return run;
}

/* By value when both are numbers that an int64 holds, else by bytes. */
static int compare_runs(struct str a, struct str b)
{
    int64_t x, y;
    if (digit(a.p[0]) && digit(b.p[0]) && str_to_i64(a, &x, NULL) == 0 &&
        str_to_i64(b, &y, NULL) == 0)
        return (x > y) - (x < y);
    return compare(a, b);
}

int natural_compare(struct str a, struct str b)
{
    struct str x = a, y = b;
    while (x.n > 0 && y.n > 0) {
        int cmp = compare_runs(take_run(&x), take_run(&y));
        if (cmp != 0)
            return cmp;
    }
    if (x.n != y.n)
        return x.n < y.n ? -1 : 1;
    return compare(a, b);
}
