/* See import_doc.h. */
#include "cli/import_doc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "core/hooks.h"

#define GROUP_NAME_MAX 60
#define VARIABLE       "variable-variable-variable-variable"
#define COMMENT_MAX    800
#define CHECK_MAX      (8u << 20)

void import_doc_init(struct import_doc *d, struct arena *a, struct problems *p, bool literal)
{
    must(a != NULL && p != NULL);
    *d = (struct import_doc){.arena = a,
                             .problems = p,
                             .literal = literal,
                             .channels = node_list(a),
                             .groups = node_list(a),
                             .lists = map_str_new(),
                             .names = map_str_new()};
}

void import_doc_done(struct import_doc *d)
{
    map_str_free(d->lists);
    map_str_free(d->names);
    d->lists = d->names = NULL;
}

/* --- building --- */

const char *import_doc_regex(struct arena *a, const char *text)
{
    char *out = arena_alloc(a, 2 * strlen(text) + 1), *at = out;
    for (; *text; text++) {
        if (strchr("\\^$.|?*+()[]{}", *text))
            *at++ = '\\';
        *at++ = *text;
    }
    *at = '\0';
    return out;
}

void import_doc_put(struct import_doc *d, struct node *map, const char *key, const char *text)
{
    if (text && *text)
        node_put(map, d->arena, key, node_text(d->arena, text));
}

void import_doc_flag(struct import_doc *d, struct node *map, const char *key, bool on)
{
    node_put(map, d->arena, key, node_bool(d->arena, on));
}

void import_doc_int(struct import_doc *d, struct node *map, const char *key, int64_t v)
{
    node_put(map, d->arena, key, node_int(d->arena, v));
}

void import_doc_ms(struct import_doc *d, struct node *map, const char *key, int64_t ms)
{
    char text[DURATION_SIZE];
    must(ms >= 0);
    import_doc_put(d, map, key, duration_format(ms, text));
}

static struct node *child(struct import_doc *d, struct node *map, const char *key,
                          struct node *(*make)(struct arena *a))
{
    if (!node_get(map, key))
        node_put(map, d->arena, key, make(d->arena));
    return node_get(map, key);
}

void import_doc_append(struct import_doc *d, struct node *map, const char *key, struct node *value)
{
    struct node *list = child(d, map, key, node_list);
    must(list->kind == NODE_LIST && value != NULL);
    node_append(list, value);
}

struct node *import_doc_section(struct import_doc *d, struct node *map, const char *key)
{
    return child(d, map, key, node_map);
}

/* --- names --- */

const char *import_doc_line(struct arena *a, const char *text, size_t most, const char *other)
{
    struct str s = str_trim(str_of(text));
    char *copy = arena_strndup(a, s.n ? s.p : "", utf8_cut(s.n ? s.p : "", s.n, most));
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    s = str_trim(str_of(copy));
    return s.n ? arena_strndup(a, s.p, s.n) : other;
}

const char *import_doc_group_name(struct arena *a, const char *text, const char *other)
{
    char *name = arena_strdup(a, import_doc_line(a, text, GROUP_NAME_MAX, other));
    for (char *p = name; *p; p++)
        if (*p == '/' || *p == '\\')
            *p = '-';
    if (*name == '.')
        *name = '-';
    return streq(name, "watchdog") ? "watchdog-" : name;
}

const char *import_doc_label(struct arena *a, const char *text)
{
    static const char *const taken[] = {"target", "group", "type", "instance", "location"};
    bool odd = isdigit((unsigned char)*text) || *text == '_', any = false;
    char *name = arena_strndup(a, text, utf8_cut(text, strlen(text), 60));
    for (char *p = name; *p; p++) {
        any = any || isalnum((unsigned char)*p);
        *p = (char)(isalnum((unsigned char)*p) ? *p : '_');
    }
    odd = odd || *name == '_';
    for (size_t i = 0; i < array_len(taken); i++)
        odd = odd || streq(name, taken[i]);
    return !any ? NULL : odd ? arena_printf(a, *name == '_' ? "tag%s" : "tag_%s", name) : name;
}

const char *import_doc_domain(struct arena *a, const char *host)
{
    static const char *const second[] = {"co", "com", "org", "net", "ac", "gov", "edu", "ne", "or"};
    const char *dots[3] = {NULL, NULL, NULL};
    for (const char *p = host + strlen(host); p > host && !dots[2]; p--)
        if (p[-1] == '.')
            dots[dots[0] ? dots[1] ? 2 : 1 : 0] = p - 1;
    if (!dots[0] || strspn(host, "0123456789.:") == strlen(host))
        return NULL;
    const char *label = dots[1] ? dots[1] + 1 : host;
    bool shared = false; /* co.uk: nobody registers that */
    for (size_t i = 0; i < array_len(second) && strlen(dots[0] + 1) == 2; i++)
        shared = shared || (strlen(second[i]) == (size_t)(dots[0] - label) &&
                            strncmp(label, second[i], strlen(second[i])) == 0);
    if (shared)
        label = !dots[1] ? NULL : dots[2] ? dots[2] + 1 : host;
    return label ? arena_strdup(a, label) : NULL;
}

/* Names are unique in a group, and among channels (group NULL). */
static const char *unique_name(struct import_doc *d, const char *group, const char *name)
{
    const char *tried = name;
    for (int i = 2; i < 10000; i++) {
        const char *key = arena_printf(d->arena, "%s\n%s", group ? group : "", tried);
        if (!map_str_put(d->names, key, strlen(key), d))
            return tried;
        tried = arena_printf(d->arena, "%s (%d)", name, i);
    }
    return NULL;
}

/* --- the environment --- */

static bool is_variable(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_')
            return false;
    return s.n > 0 && !isdigit((unsigned char)*s.p);
}

/* A value that passes for the variable's, when it is not set here. */
static void put_variable(struct buf *out, struct str expr, bool address)
{
    struct str name = expr;
    const char *sep = memmem(expr.p, expr.n, ":-", 2);
    if (sep)
        name.n = (size_t)(sep - expr.p);
    char key[256];
    snprintf(key, sizeof(key), "%.*s", (int)name.n, name.p);
    const char *value = name.n < sizeof(key) ? getenv(key) : NULL;
    if (!is_variable(name))
        buf_printf(out, "${%.*s}", (int)expr.n, expr.p);
    else if (value && (*value || !sep))
        buf_puts(out, value);
    else if (sep)
        buf_add(out, sep + 2, expr.n - name.n - 2);
    else
        buf_puts(out, address ? "https://variable.example/" : VARIABLE);
}

static struct str filled(struct str s, struct arena *a)
{
    struct buf out = BUF_INIT(CHECK_MAX);
    for (size_t i = 0; i < s.n; i++) {
        const char *close = s.p[i] == '$' && i + 1 < s.n && s.p[i + 1] == '{'
                                ? memchr(s.p + i, '}', s.n - i)
                                : NULL;
        if (close) {
            put_variable(&out, (struct str){s.p + i + 2, (size_t)(close - s.p) - i - 2}, i == 0);
            i = (size_t)(close - s.p);
        } else {
            buf_putc(&out, s.p[i]);
            i += s.p[i] == '$' && i + 1 < s.n && s.p[i + 1] == '$';
        }
    }
    struct str text = {arena_strndup(a, out.data ? out.data : "", out.len), out.len};
    buf_done(&out);
    return text;
}

static struct str doubled(struct str s, struct arena *a)
{
    char *out = arena_alloc(a, 2 * s.n + 1), *at = out;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '$')
            *at++ = '$';
        *at++ = s.p[i];
    }
    *at = '\0';
    return (struct str){out, (size_t)(at - out)};
}

static void each_text(struct node *n, struct arena *a, struct str (*fn)(struct str, struct arena *))
{
    bool parent = n->kind == NODE_MAP || n->kind == NODE_LIST;
    for (struct node *c = parent ? n->first : NULL; c; c = c->next)
        each_text(c, a, fn);
    if (n->kind == NODE_TEXT && memchr(n->text.p, '$', n->text.n))
        n->text = fn(n->text, a);
}

/* --- checking --- */

/* "groups[0].targets[0].config.url" is "config.url" to whoever wrote it. */
static const char *short_field(const char *field)
{
    static const char *const before[] = {"groups[0].targets[0]", "channels[0]", "groups[0]"};
    for (size_t i = 0; i < array_len(before); i++)
        if (str_starts(str_of(field), str_of(before[i]))) {
            field += strlen(before[i]);
            return *field == '.' ? field + 1 : field;
        }
    return field;
}

static int load(const struct node *doc, struct arena *a, struct err *err)
{
    struct buf yaml = BUF_INIT(CHECK_MAX);
    struct problems p;
    problems_init(&p, a);
    node_to_yaml(doc, &yaml);
    struct config_input in = {.path = "belfry.yaml",
                              .text = yaml.data ? yaml.data : "",
                              .size = yaml.len,
                              .literal = true,
                              .alone = true};
    struct config *c = yaml.failed ? NULL : config_load(&in, core_config_hooks(), &p);
    int rc = 0;
    if (!c && p.list.n) {
        const char *field = short_field(p.list.at[0].field);
        rc = err_set(err, ERR_INVALID, "%s%s%s", field, *field ? ": " : "", p.list.at[0].message);
    } else if (!c) {
        rc = err_set(err, ERR_TOO_LARGE, "it is too large");
    }
    config_unref(&c);
    problems_done(&p);
    buf_done(&yaml);
    return rc;
}

static int check(struct import_doc *d, const char *list, const struct node *item, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct node *doc = node_map(a), *items = node_list(a), *copy = node_copy(a, item);
    if (!d->literal)
        each_text(copy, a, filled);
    if (streq(list, "targets"))
        node_put(copy, a, "channels", node_list(a)); /* which are checked apart */
    node_append(items, copy);
    if (streq(list, "targets")) {
        struct node *group = node_map(a), *groups = node_list(a);
        node_put(group, a, "name", node_text(a, "group"));
        node_put(group, a, "targets", items);
        node_append(groups, group);
        node_put(doc, a, "groups", groups);
    } else {
        node_put(doc, a, list, items);
    }
    return load(doc, a, err);
}

int import_doc_check(struct import_doc *d, const struct node *target, struct err *err)
{
    return check(d, "targets", target, err);
}

/* --- adding --- */

static struct node *list_of(struct import_doc *d, const char *group)
{
    struct node *map = map_str_get(d->lists, group, strlen(group));
    if (!map) {
        map = node_map(d->arena);
        node_put(map, d->arena, "name", node_text(d->arena, group));
        node_append(d->groups, map);
        map_str_put(d->lists, arena_strdup(d->arena, group), strlen(group), map);
    }
    return map;
}

struct node *import_doc_group(struct import_doc *d, const char *name)
{
    return list_of(d, name);
}

static const char *take_name(struct import_doc *d, const char *group, struct node *item,
                             struct err *err)
{
    const struct node *n = node_get(item, "name");
    must(n != NULL && n->kind == NODE_TEXT);
    const char *name = unique_name(d, group, n->text.p);
    if (!name)
        err_set(err, ERR_CONFLICT, "too many have its name");
    else
        node_put(item, d->arena, "name", node_text(d->arena, name));
    return name;
}

const char *import_doc_target(struct import_doc *d, const char *group, struct node *target,
                              struct err *err)
{
    if (check(d, "targets", target, err) != 0)
        return NULL;
    const char *name = take_name(d, group, target, err);
    if (name)
        import_doc_append(d, list_of(d, group), "targets", target);
    return name;
}

const char *import_doc_channel(struct import_doc *d, struct node *channel, struct err *err)
{
    if (check(d, "channels", channel, err) != 0)
        return NULL;
    const char *name = take_name(d, NULL, channel, err);
    if (name)
        node_append(d->channels, channel);
    return name;
}

/* --- writing --- */

static void put_problems(const struct problems *p, struct buf *yaml)
{
    if (p->list.n)
        buf_puts(yaml, "#\n# Not carried over, or changed:\n");
    vec_each (&p->list, one) {
        cleanup(buf_done) struct buf line = BUF_INIT(4096);
        problem_text(one, &line);
        buf_puts(yaml, "#   ");
        for (struct str rest = {line.data, utf8_cut(line.data, line.len, COMMENT_MAX)}; rest.n;) {
            size_t n = utf8_cut(rest.p, rest.n, 160);
            import_put_comment(yaml, (struct str){rest.p, n});
            rest = (struct str){rest.p + n, rest.n - n};
        }
        buf_putc(yaml, '\n');
    }
    if (p->dropped)
        buf_printf(yaml, "#   and %zu more\n", p->dropped);
}

static struct node *groups_with_targets(const struct import_doc *d)
{
    struct node *list = node_list(d->arena);
    for (const struct node *g = d->groups->first; g; g = g->next)
        if (node_get(g, "targets"))
            node_append(list, node_copy(d->arena, g));
    return list;
}

int import_doc_write(struct import_doc *d, const char *head, struct buf *yaml, struct err *err)
{
    struct node *doc = node_map(d->arena);
    node_put(doc, d->arena, "channels", d->channels);
    node_put(doc, d->arena, "groups", groups_with_targets(d));
    struct node *shown = node_copy(d->arena, doc);
    if (d->literal)
        each_text(shown, d->arena, doubled);
    buf_puts(yaml, head);
    put_problems(d->problems, yaml);
    node_to_yaml(shown, yaml);
    if (yaml->failed)
        return err_set(err, ERR_TOO_LARGE,
                       "cannot import: got more than %zu bytes of configuration", yaml->max);
    if (!d->literal)
        each_text(doc, d->arena, filled);
    struct err fault = {0};
    if (load(doc, d->arena, &fault) == 0)
        return 0;
    return err_set(err, fault.code == ERR_TOO_LARGE ? ERR_TOO_LARGE : ERR_INTERNAL,
                   "the importer wrote a configuration that does not load: %.300s", fault.msg);
}
