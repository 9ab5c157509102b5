/* PCRE2 behind a few functions. Compiled code lives in the caller's arena through a general context whose
 * free does nothing, so a compiled target needs no destructor. What says that it is Go's is base/regex.h's instead; that is
 * freed with the arena. */
#include "probe/pattern.h"

#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

struct pattern {
    const char *text;
    pcre2_code *code;
    struct regex *go; /* instead of code */
};

static void *arena_give(size_t n, void *arena)
{
    return arena_alloc(arena, n);
}

static void arena_keep(void *p, void *arena)
{
    (void)p;
    (void)arena;
}

static void free_go(void *arg)
{
    regex_free(arg);
}

static struct pattern *compile_go(const char *text, struct arena *a, struct err *err)
{
    struct regex *re = regex_new(str_of(text + strlen(PATTERN_GO)), 0, err);
    if (!re)
        return NULL;
    arena_on_free(a, free_go, re);
    struct pattern *p = arena_new_of(a, struct pattern);
    *p = (struct pattern){.text = arena_strdup(a, text + strlen(PATTERN_GO)), .go = re};
    return p;
}

struct pattern *pattern_compile(const char *text, struct arena *a, struct err *err)
{
    must(text != NULL && a != NULL);
    if (str_starts(str_of(text), STR(PATTERN_GO)))
        return compile_go(text, a, err);
    pcre2_general_context *gc = pcre2_general_context_create(arena_give, arena_keep, a);
    pcre2_compile_context *cc = pcre2_compile_context_create(gc);
    int code;
    PCRE2_SIZE offset;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_MATCH_INVALID_UTF,
                                   &code, &offset, cc);
    if (!re) {
        PCRE2_UCHAR why[120];
        pcre2_get_error_message(code, why, sizeof(why));
        err_set(err, ERR_INVALID, "not a regular expression: %s at character %zu of \"%.80s\"",
                (const char *)why, (size_t)offset + 1, text);
        if (err)
            err->at_offset = offset;
        return NULL;
    }
    struct pattern *p = arena_new_of(a, struct pattern);
    *p = (struct pattern){.text = arena_strdup(a, text), .code = re};
    return p;
}

static int find_go(const struct pattern *p, struct str text, struct str *found)
{
    struct str group[2] = {{0}};
    if (!regex_find(p->go, text, 0, group, 2))
        return 0;
    if (found)
        *found = group[group[1].p != NULL];
    return 1;
}

int pattern_find(const struct pattern *p, const char *subject, size_t n, struct str *found,
                 struct err *err)
{
    must(p != NULL && (!p->code != !p->go) && (subject || n == 0));
    if (p->go)
        return find_go(p, (struct str){subject ? subject : "", n}, found);
    pcre2_match_data *md = pcre2_match_data_create(2, NULL);
    pcre2_match_context *mc = pcre2_match_context_create(NULL);
    must(md && mc);
    pcre2_set_match_limit(mc, PATTERN_MATCH_LIMIT);
    pcre2_set_depth_limit(mc, 1000);
    int rc = pcre2_match(p->code, (PCRE2_SPTR)(subject ? subject : ""), n, 0, 0, md, mc);
    if (rc >= 0 && found) {
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(md);
        int group = rc != 1 && at[2] != PCRE2_UNSET; /* rc 0: more groups than there is room for */
        *found = (struct str){subject + at[2 * group], at[2 * group + 1] - at[2 * group]};
    }
    pcre2_match_context_free(mc);
    pcre2_match_data_free(md);
    if (rc >= 0)
        return 1;
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    return err_set(
        err, ERR_TOO_LARGE,
        "regular expression \"%.80s\" needs more than %d steps on this answer; simplify it",
        p->text, PATTERN_MATCH_LIMIT);
}

/* The groups of the leftmost match, the whole first; how many there are, 0: none. */
static size_t groups_of(const struct pattern *p, struct str text, struct str *group)
{
    if (p->go)
        return regex_find(p->go, text, 0, group, REGEX_GROUPS_MAX) ? REGEX_GROUPS_MAX : 0;
    pcre2_match_data *md = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
    must(md);
    int rc = pcre2_match(p->code, (PCRE2_SPTR)text.p, text.n, 0, 0, md, NULL);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(md);
    size_t have = rc > 0 ? (size_t)rc : 0;
    for (size_t i = 0; i < have; i++)
        if (at[2 * i] != PCRE2_UNSET)
            group[i] = (struct str){text.p + at[2 * i], at[2 * i + 1] - at[2 * i]};
    pcre2_match_data_free(md);
    return have;
}

/* The group that "${2}…" or "$2…" begins with; its length in the template goes to *n. -1: it begins with none. */
static int group_named(struct str t, size_t *n)
{
    bool braced = t.n > 1 && t.p[1] == '{';
    size_t i = braced ? 2 : 1;
    int number = 0;
    for (; i < t.n && t.p[i] >= '0' && t.p[i] <= '9' && number < 1000; i++)
        number = number * 10 + (t.p[i] - '0');
    bool some = i > (braced ? 2u : 1u), closed = !braced || (i < t.n && t.p[i] == '}');
    *n = i + braced;
    return some && closed ? number : -1;
}

void pattern_expand(const struct pattern *p, struct str text, struct str template_, struct buf *out)
{
    struct str group[REGEX_GROUPS_MAX] = {{0}};
    size_t have = groups_of(p, text, group), n;
    if (p->go) {
        regex_expand(p->go, template_, group, REGEX_GROUPS_MAX, out);
        return;
    }
    for (size_t i = 0; i < template_.n; i++) {
        struct str rest = {template_.p + i, template_.n - i};
        int number = rest.p[0] == '$' ? group_named(rest, &n) : -1;
        if (number < 0) {
            buf_putc(out, rest.p[0]);
            i += str_starts(rest, STR("$$"));
            continue;
        }
        if ((size_t)number < have && group[number].p)
            buf_add(out, group[number].p, group[number].n);
        i += n - 1;
    }
}

int pattern_match(const struct pattern *p, const char *subject, size_t n, struct err *err)
{
    return pattern_find(p, subject, n, NULL, err);
}

const char *pattern_text(const struct pattern *p)
{
    return p->text;
}

struct pattern *pattern_compile_option(const char *text, struct arena *a, struct problems *p,
                                       const char *path, const char *name)
{
    struct err err = {0};
    char field[200];
    if (!text)
        return NULL;
    struct pattern *re = pattern_compile(text, a, &err);
    snprintf(field, sizeof(field), "%s%s%s", path, *path ? "." : "", name);
    if (!re)
        problem_add(p, NULL, field, "%s", err.msg);
    return re;
}

struct pattern **pattern_compile_list(const struct str_list *list, struct arena *a,
                                      struct problems *p, const char *path, const char *name)
{
    struct pattern **out = arena_array_of(a, struct pattern *, list->n + 1);
    for (size_t i = 0; i < list->n; i++)
        out[i] = pattern_compile_option(list->at[i], a, p, path, name);
    return out;
}
