/* See matcher_doc.h. */
#include "api/matcher_doc.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"

#define WANT \
    "want {\"name\", \"op\": \"=\", \"!=\", \"=~\" or \"!~\", \"value\"}, or text: env=\"prod\""

static bool read_op(const char **p, enum matcher_op *out)
{
    size_t n = strspn(*p, "=!~");
    char op[3] = "";
    if (n == 0 || n > 2)
        return false;
    memcpy(op, *p, n);
    *p += n;
    return matcher_op_parse(op, out);
}

static const char *skip_spaces(const char *p)
{
    return p + strspn(p, " \t");
}

/* "a\"b" without its quotes, \" and \\ resolved; NULL: something stands behind the end. */
static const char *unquote(struct arena *a, const char *p)
{
    char *out = arena_alloc(a, strlen(p) + 1);
    size_t n = 0;
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        out[n++] = *p;
    }
    out[n] = '\0';
    return *p == '"' && *skip_spaces(p + 1) == '\0' ? out : NULL;
}

static bool from_text(struct arena *a, const char *text, struct label_match *out)
{
    const char *name = skip_spaces(text), *p = name + strcspn(name, "=!~ \t");
    out->name = arena_strndup(a, name, (size_t)(p - name));
    p = skip_spaces(p);
    if (!read_op(&p, &out->op))
        return false;
    p = skip_spaces(p);
    out->value = *p == '"' ? unquote(a, p) : arena_strdup(a, p);
    return *out->name && out->value;
}

static const char *text_of(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_TEXT ? n->text.p : NULL;
}

static bool from_map(const struct node *n, struct label_match *out)
{
    const char *op = text_of(n, "op");
    out->name = text_of(n, "name");
    out->value = text_of(n, "value");
    out->op = MATCH_EQ;
    return out->name && *out->name && out->value && (!op || matcher_op_parse(op, &out->op));
}

static bool take_one(struct call *k, const struct node *n, const char *field,
                     struct label_match *out)
{
    struct err err = {0};
    bool good = n->kind == NODE_TEXT ? from_text(k->arena, n->text.p, out) : from_map(n, out);
    if (!good) {
        problem_add(&k->problems, NULL, field, WANT);
        return false;
    }
    struct matcher *m = matcher_new(out->op, str_of(out->name), str_of(out->value), &err);
    if (!m)
        problem_add(&k->problems, NULL, field, "%s", err.msg);
    matcher_free(m);
    return m != NULL;
}

void matchers_from_doc(struct call *k, const struct node *list, const char *field,
                       struct label_match **out, uint32_t *n)
{
    *n = 0;
    if (!list)
        return;
    if (list->kind != NODE_LIST || list->count > MATCHERS_MAX) {
        problem_add(&k->problems, NULL, field, "got %s; want a list of at most %d matchers",
                    node_kind_name(list), MATCHERS_MAX);
        return;
    }
    *out = arena_array_of(k->arena, struct label_match, list->count + 1);
    bool good = true;
    uint32_t at = 0;
    for (const struct node *i = list->first; i; i = i->next, at++)
        good &= take_one(k, i, arena_printf(k->arena, "%s[%u]", field, at), &(*out)[at]);
    *n = good ? at : 0;
}

void time_from_doc(struct call *k, const char *field, const char *text, int64_t *out)
{
    struct err err = {0};
    if (text && time_parse(str_of(text), out, &err) != 0)
        problem_add(&k->problems, NULL, field, "%s", err.msg);
}
