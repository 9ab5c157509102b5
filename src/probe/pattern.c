/* PCRE2 behind three functions. Compiled code lives in the caller's arena through a general context whose
 * free does nothing, so a compiled target needs no destructor. */
#include "probe/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

struct pattern {
    const char *text;
    pcre2_code *code;
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

struct pattern *pattern_compile(const char *text, struct arena *a, struct err *err)
{
    must(text != NULL && a != NULL);
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
    *p = (struct pattern){arena_strdup(a, text), re};
    return p;
}

int pattern_match(const struct pattern *p, const char *subject, size_t n, struct err *err)
{
    must(p != NULL && p->code != NULL && (subject || n == 0));
    pcre2_match_data *md = pcre2_match_data_create(1, NULL);
    pcre2_match_context *mc = pcre2_match_context_create(NULL);
    must(md && mc);
    pcre2_set_match_limit(mc, PATTERN_MATCH_LIMIT);
    pcre2_set_depth_limit(mc, 1000);
    int rc = pcre2_match(p->code, (PCRE2_SPTR)(subject ? subject : ""), n, 0, 0, md, mc);
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

const char *pattern_text(const struct pattern *p)
{
    return p->text;
}

struct pattern *pattern_compile_option(const char *text, struct arena *a, struct problems *p,
                                       const char *path, const char *name)
{
    struct err err = {0};
    char field[200];
    struct pattern *re = pattern_compile(text, a, &err);
    snprintf(field, sizeof(field), "%s.%s", path, name);
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
