/* Reads one JSON file of the WAF monitor into settings by meaning (import_waf.h). Maps in maps are
 * walked: the key `server` in `smtp` is looked up as smtp_server, then as server (paths are
 * "smtp/server" until then). */
#include <ctype.h>
#include <string.h>

#include "cli/import_waf.h"

#define DEPTH_MAX 8

static const struct {
    bool probing;
    const char *const *names;
} keys[] = {
#define X(name, about_probing, ...) \
    [WAF_##name] = {about_probing, (const char *const[]){__VA_ARGS__, NULL}},
    WAF_KEYS(X)
#undef X
};

struct reader {
    struct arena *arena;
    const char *file;
    struct waf_settings *out;
    struct problems *problems;
};

static bool same_key(const char *known, const char *path)
{
    for (; *known != '\0' && *path != '\0'; known++, path++)
        if (*known != (*path == '/' ? '_' : tolower((unsigned char)*path)))
            return false;
    return *known == *path;
}

static bool find_key(const char *name, bool inside_channel, enum waf_field *field)
{
    for (int f = 0; f < WAF_FIELDS; f++)
        for (const char *const *n = keys[f].names; *n != NULL; n++)
            if (same_key(*n, name) && !(inside_channel && keys[f].probing)) {
                *field = (enum waf_field)f;
                return true;
            }
    return false;
}

static bool is_channel_word(const char *path)
{
    static const char *const words[] = {"email", "smtp", "mail", "wechat", "wecom", "qywx"};
    for (size_t i = 0; i < array_len(words); i++)
        if (strcasestr(path, words[i]) != NULL)
            return true;
    return false;
}

/* Whole path first, then ever shorter tails. */
static bool look_up(const char *path, const char *above, enum waf_field *field)
{
    bool inside = is_channel_word(above);
    for (const char *p = path; p != NULL; p = strchr(p, '/'), p = p != NULL ? p + 1 : NULL)
        if (find_key(p, inside, field))
            return true;
    return false;
}

static void read_map(struct reader *r, const struct node *map, const char *above, int depth);

static void read_key(struct reader *r, const struct node *c, const char *above, int depth)
{
    const char *path =
        arena_printf(r->arena, "%s%s%s", above, above[0] != '\0' ? "/" : "", c->key.p);
    enum waf_field field;
    bool known = look_up(path, above, &field);
    if (c->kind == NODE_MAP && !known) {
        read_map(r, c, path, depth + 1);
    } else if (!known) {
        problem_add(r->problems, c, r->file, "the importer does not know the key \"%s\"; left out",
                    c->key.p);
    } else if (c->kind != NODE_NULL && field != WAF_NOT_NEEDED) {
        r->out->at[field].value = c;
        r->out->at[field].origin = arena_printf(r->arena, "%s: %s", r->file, path);
    }
}

static void read_map(struct reader *r, const struct node *map, const char *above, int depth)
{
    for (const struct node *c = map->first; c != NULL && depth < DEPTH_MAX; c = c->next)
        read_key(r, c, above, depth);
}

int waf_read_settings(const struct import_file *f, struct arena *a, struct waf_settings *out,
                      struct problems *p, struct err *err)
{
    *out = (struct waf_settings){0};
    if (f->text.p == NULL)
        return 0;
    struct str text = f->text;
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = (struct str){text.p + 3, text.n - 3};
    const char *base = strrchr(f->name, '/');
    struct reader r = {
        .arena = a, .file = base != NULL ? base + 1 : f->name, .out = out, .problems = p};
    struct node *root = node_from_json(a, text.p, text.n, err);
    if (root == NULL) {
        if (err != NULL)
            err_where(err, f->name, err->at_line, err->at_column);
        return -1;
    }
    if (root->kind != NODE_MAP)
        return err_set(err, ERR_MALFORMED, "cannot import %s: got %s; want an object", f->name,
                       node_kind_name(root));
    read_map(&r, root, "", 0);
    return 0;
}
