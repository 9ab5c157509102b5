/* Relabelling: rules compiled and applied (wire/relabel.h). Behaviour: Prometheus' model/relabel. */
#include "wire/relabel_priv.h"

#include <stdio.h>

#include "base/must.h"
#include "base/regex.h"
#include "wire/md5.h"

#define TEXT_MAX ((size_t)1 << 20) /* what an expansion may grow to */

struct rule {
    enum relabel_action action;
    struct str *sources;
    size_t n_sources;
    struct str separator, target, replacement;
    bool
        fixed; /* neither target nor replacement has a $ and the expression is the default: nothing to match */
    struct regex *regex;
    uint64_t modulus;
};
struct relabel {
    struct arena *arena;
    struct rule *rules;
    size_t n;
};

static struct str keep(struct arena *a, const char *s)
{
    return (struct str){arena_strdup(a, s), strlen(s)};
}

static bool compile(struct relabel *r, struct rule *rule, const struct relabel_config *c,
                    const struct node *at, struct problems *p, const char *path)
{
    struct err err = {0};
    rule->action = (enum relabel_action)c->action;
    rule->separator = keep(r->arena, c->separator);
    rule->target = keep(r->arena, c->target_label);
    rule->replacement = keep(r->arena, c->replacement);
    rule->modulus = (uint64_t)c->modulus;
    rule->n_sources = c->source_labels.n;
    rule->sources = arena_array_of(r->arena, struct str, rule->n_sources);
    for (size_t i = 0; i < rule->n_sources; i++)
        rule->sources[i] = keep(r->arena, c->source_labels.at[i]);
    rule->fixed =
        streq(c->regex, "(.*)") && !strchr(c->target_label, '$') && !strchr(c->replacement, '$');
    rule->regex = regex_new(str_of(c->regex), REGEX_ANCHORED | REGEX_DOT_ALL, &err);
    if (rule->regex)
        return true;
    const struct node *place = node_get(at, "regex");
    problem_add(p, place ? place : at, path, "%s", err.msg);
    return false;
}

struct relabel *relabel_new(const struct relabel_config *rules, size_t n, const struct node *list,
                            struct problems *p, const char *path)
{
    struct arena *a = arena_new_sized(512);
    struct relabel *r = arena_new_of(a, struct relabel);
    const struct node *at = list && list->kind == NODE_LIST ? list->first : NULL;
    bool good = true;
    r->arena = a;
    r->rules = arena_array_of(a, struct rule, n);
    for (; r->n < n; r->n++, at = at ? at->next : NULL) {
        char where[300];
        snprintf(where, sizeof(where), "%.250s[%zu]", path, r->n);
        good &= relabel__check(&rules[r->n], at, p, where) &&
                compile(r, &r->rules[r->n], &rules[r->n], at, p, where);
    }
    if (good)
        return r;
    relabel_free(r);
    return NULL;
}

void relabel_free(struct relabel *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++)
        regex_free(r->rules[i].regex);
    arena_free(r->arena);
}

/* --- applying --- */

static struct str get(const struct labels_builder *b, struct str name)
{
    for (size_t i = 0; i < b->n; i++) {
        if (str_eq(b->at[i].name, name))
            return b->at[i].value;
    }
    return STR("");
}

static void set(struct labels_builder *b, struct str name, struct str value)
{
    if (value.n > 0)
        labels_builder_set(b, name, value);
    else
        labels_builder_del(b, name);
}

static struct str joined(const struct rule *r, const struct labels_builder *b, struct arena *a)
{
    if (r->n_sources == 1)
        return get(b, r->sources[0]);
    size_t n = 0;
    for (size_t i = 0; i < r->n_sources; i++)
        n += (i > 0) * r->separator.n + get(b, r->sources[i]).n;
    char *text = arena_alloc(a, n + 1), *at = text;
    for (size_t i = 0; i < r->n_sources; i++) {
        struct str value = get(b, r->sources[i]);
        at = i > 0 ? mempcpy(at, r->separator.p, r->separator.n) : at;
        at = value.n > 0 ? mempcpy(at, value.p, value.n) : at;
    }
    must((size_t)(at - text) == n);
    return (struct str){text, n};
}

static struct str expand(const struct rule *r, struct str template_, const struct str *groups,
                         size_t n, struct arena *a)
{
    if (template_.n == 0 || !memchr(template_.p, '$', template_.n))
        return template_;
    struct buf out = BUF_INIT(TEXT_MAX);
    regex_expand(r->regex, template_, groups, n, &out);
    struct str s = {arena_strndup(a, out.data ? out.data : "", out.len), out.len};
    buf_done(&out);
    return s;
}

static void replace(const struct rule *r, struct str value, struct labels_builder *b,
                    struct arena *a)
{
    if (r->fixed) {
        set(b, r->target, r->replacement);
        return;
    }
    struct str groups[REGEX_GROUPS_MAX];
    size_t n = regex_groups(r->regex) + 1;
    n = n < REGEX_GROUPS_MAX ? n : REGEX_GROUPS_MAX;
    if (!regex_find(r->regex, value, 0, groups, n))
        return;
    struct str target = expand(r, r->target, groups, n, a);
    if (target.n > 0 && utf8_valid(target.p, target.n))
        set(b, target, expand(r, r->replacement, groups, n, a));
}

static void hashmod(const struct rule *r, struct str value, struct labels_builder *b,
                    struct arena *a)
{
    uint8_t digest[16];
    uint64_t v = 0;
    md5(value.p, value.n, digest);
    for (int i = 8; i < 16; i++)
        v = v << 8 | digest[i];
    must(r->modulus > 0);
    char *text = arena_printf(a, "%llu", (unsigned long long)(v % r->modulus));
    set(b, r->target, str_of(text));
}

/* Every match within the name, replaced: the expression is anchored, so that is the whole name or nothing. */
static void labelmap(const struct rule *r, struct labels_builder *b, struct arena *a)
{
    size_t n = b->n, n_groups = regex_groups(r->regex) + 1;
    if (n == 0)
        return;
    struct label_pair *old = arena_memdup(a, b->at, n * sizeof(*b->at));
    struct str groups[REGEX_GROUPS_MAX];
    n_groups = n_groups < REGEX_GROUPS_MAX ? n_groups : REGEX_GROUPS_MAX;
    for (size_t i = 0; i < n; i++) {
        if (!regex_find(r->regex, old[i].name, 0, groups, n_groups))
            continue;
        struct str name = expand(r, r->replacement, groups, n_groups, a);
        if (name.n > 0)
            set(b, name, old[i].value);
    }
}

static void labeldrop(const struct rule *r, struct labels_builder *b, bool keep_matching)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (regex_match(r->regex, b->at[i].name) == keep_matching)
            b->at[kept++] = b->at[i];
    }
    b->n = kept;
}

/* false: dropped. */
static bool apply(const struct rule *r, struct labels_builder *b, struct arena *a)
{
    struct str value = joined(r, b, a);
    switch (r->action) {
    case RELABEL_REPLACE:
        replace(r, value, b, a);
        return true;
    case RELABEL_KEEP:
        return regex_match(r->regex, value);
    case RELABEL_DROP:
        return !regex_match(r->regex, value);
    case RELABEL_KEEPEQUAL:
        return str_eq(get(b, r->target), value);
    case RELABEL_DROPEQUAL:
        return !str_eq(get(b, r->target), value);
    case RELABEL_HASHMOD:
        hashmod(r, value, b, a);
        return true;
    case RELABEL_LABELMAP:
        labelmap(r, b, a);
        return true;
    case RELABEL_LABELDROP:
    case RELABEL_LABELKEEP:
        labeldrop(r, b, r->action == RELABEL_LABELKEEP);
        return true;
    case RELABEL_LOWERCASE:
    case RELABEL_UPPERCASE:
        set(b, r->target, relabel__case(value, r->action == RELABEL_UPPERCASE, a));
        return true;
    }
    must(!"an action that exists");
}

bool relabel_apply(const struct relabel *r, struct labels_builder *b, struct arena *a)
{
    for (size_t i = 0; i < r->n; i++) {
        if (!apply(&r->rules[i], b, a))
            return false;
    }
    return true;
}
