/* Fields of Uptime Kuma's monitors, and what several kinds of monitor read alike (import_kuma.h). */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/import_kuma.h"

/* --- fields --- */

/* jsonPath → json_path */
static const char *column_of(const struct kuma *k, const char *name)
{
    char *out = arena_alloc(k->arena, 2 * strlen(name) + 1), *at = out;
    for (; *name; name++) {
        if (isupper((unsigned char)*name))
            *at++ = '_';
        *at++ = (char)tolower((unsigned char)*name);
    }
    *at = '\0';
    return out;
}

const struct node *kuma_field(const struct kuma *k, const struct node *m, const char *name)
{
    const struct node *n = node_get(m, name);
    const char *column = n ? name : column_of(k, name);
    if (!n)
        n = node_get(m, column);
    return n ? n : node_get(m, arena_printf(k->arena, "%s_json", column));
}

const char *kuma_text(const struct kuma *k, const struct node *m, const char *name)
{
    const struct node *n = kuma_field(k, m, name);
    if (n && n->kind == NODE_TEXT)
        return n->text.p;
    if (n && n->kind == NODE_INT)
        return arena_printf(k->arena, "%lld", (long long)n->num);
    if (n && n->kind == NODE_F64)
        return arena_printf(k->arena, "%g", n->f64);
    if (n && n->kind == NODE_BOOL)
        return n->flag ? "1" : "0";
    return "";
}

double kuma_number(const struct kuma *k, const struct node *m, const char *name, double absent)
{
    const char *text = kuma_text(k, m, name);
    char *end;
    double v = strtod(text, &end);
    return end == text || *end || !isfinite(v) || v < 0 || v > 1e9 ? absent : v;
}

bool kuma_flag(const struct kuma *k, const struct node *m, const char *name)
{
    const char *text = kuma_text(k, m, name);
    return streq(text, "1") || streq(text, "true");
}

const struct node *kuma_json(const struct kuma *k, const struct node *m, const char *name)
{
    const struct node *n = kuma_field(k, m, name);
    if (n && n->kind == NODE_TEXT)
        return node_from_json(k->arena, n->text.p, n->text.n, NULL);
    return n;
}

void kuma_left_out(struct kuma *k, const char *what, const char *name, const char *why)
{
    problem_add(k->problems, NULL, "", "%s \"%s\" is not taken: %s", what, name, why);
}

void kuma_changed(struct kuma *k, const struct node *m, const char *what)
{
    problem_add(k->problems, NULL, "", "monitor \"%.190s\": %s", kuma_text(k, m, "name"), what);
}

/* --- what several kinds have --- */

void kuma_put(struct kuma *k, struct node *map, const char *key, const char *text)
{
    import_doc_put(&k->doc, map, key, text);
}

const char *kuma_host(struct kuma *k, const struct node *m, struct node *config, bool port)
{
    double number = kuma_number(k, m, "port", 0);
    if (!*kuma_text(k, m, "hostname"))
        return "it has no host";
    kuma_put(k, config, "host", kuma_text(k, m, "hostname"));
    if (number >= 1 && number <= 65535)
        import_doc_int(&k->doc, config, "port", (int64_t)number);
    else if (port)
        return "it has no port";
    return NULL;
}

void kuma_tls(struct kuma *k, const struct node *m, struct node *config, const char *section)
{
    if (kuma_flag(k, m, "ignoreTls"))
        import_doc_flag(&k->doc, import_doc_section(&k->doc, config, section), "verify", false);
}

const char *kuma_path(const struct kuma *k, const char *path)
{
    (void)k;
    if (streq(path, "$"))
        return path;
    if (path[0] == '$' && path[1] == '.')
        path += 2;
    for (const char *p = path; *p; p++)
        if (!isalnum((unsigned char)*p) && !char_in(*p, "_.-[]"))
            return NULL;
    return *path ? path : NULL;
}

const char *kuma_op(struct kuma *k, const char *name, const char **value)
{
    static const char *const ops[][2] = {
        {"==", "=="},
        {"!=", "!="},
        {"<", "<"},
        {"<=", "<="},
        {">", ">"},
        {">=", ">="},
        {"equals", "=="},
        {"not_equals", "!="},
        {"num_equals", "=="},
        {"num_not_equals", "!="},
        {"lt", "<"},
        {"lte", "<="},
        {"gt", ">"},
        {"gte", ">="},
        {"contains", "contains"},
    };
    bool start = streq(name, "starts_with"), end = streq(name, "ends_with");
    for (size_t i = 0; i < array_len(ops); i++)
        if (streq(ops[i][0], name))
            return ops[i][1];
    if (!start && !end)
        return NULL;
    *value = arena_printf(k->arena, "%s%s%s", start ? "^" : "", import_doc_regex(k->arena, *value),
                          end ? "$" : "");
    return "matches";
}

bool kuma_condition(struct kuma *k, const struct node *m, const char *variable, const char **op,
                    const char **value)
{
    const struct node *all = kuma_json(k, m, "conditions");
    bool found = false;
    for (const struct node *c = all && all->kind == NODE_LIST ? all->first : NULL; c; c = c->next) {
        const char *name = kuma_text(k, c, "operator"), *wanted = kuma_text(k, c, "value");
        const char *ours =
            streq(kuma_text(k, c, "type"), "group") ? NULL : kuma_op(k, name, &wanted);
        if (!found && ours && streq(kuma_text(k, c, "variable"), variable)) {
            *op = ours;
            *value = wanted;
            found = true;
            continue;
        }
        kuma_changed(k, m,
                     arena_printf(k->arena,
                                  "the condition \"%.40s %.40s %.60s\" is not carried over",
                                  kuma_text(k, c, "variable"), name, kuma_text(k, c, "value")));
        break; /* those behind it may be alternatives */
    }
    return found;
}
