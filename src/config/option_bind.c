/* Binding a map to a C struct by its option table, and the list of what is wrong (config/option.h).
 * Defaults first, then values, then what is missing and what nobody knows. Pure functions; any
 * process. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/option_priv.h"

#define PROBLEMS_LIMIT 100

/* --- problems ------------------------------------------------------------------------------------
 */

void problems_init(struct problems *p, struct arena *a)
{
    must(a != NULL);
    *p = (struct problems){.arena = a};
}

void problems_done(struct problems *p)
{
    vec_done(&p->list);
}

static void add_problem(struct problems *p, const struct node *at, const char *field,
                        const char *fmt, va_list ap)
{
    must(p->arena != NULL);
    size_t limit = p->limit != 0 ? p->limit : PROBLEMS_LIMIT;
    if (p->list.n >= limit) {
        p->dropped++;
        return;
    }
    struct problem one = {.field = arena_strdup(p->arena, field != NULL ? field : ""),
                          .message = arena_vprintf(p->arena, fmt, ap)};
    if (at != NULL) {
        one.file = at->file != NULL ? arena_strdup(p->arena, at->file) : NULL;
        one.line = at->line;
        one.column = at->column;
    }
    vec_push(&p->list, one);
}

void problem_add(struct problems *p, const struct node *at, const char *field, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_problem(p, at, field, fmt, ap);
    va_end(ap);
}

void problem_add_err(struct problems *p, const struct err *err, const char *field)
{
    must(err->code != ERR_OK);
    struct node at = {.file = err->where[0] != '\0' ? err->where : NULL,
                      .line = (uint32_t)err->at_line,
                      .column = (uint32_t)err->at_column};
    problem_add(p, &at, field, "%s", err->msg);
}

void problem_text(const struct problem *one, struct buf *out)
{
    if (one->file != NULL)
        buf_printf(out, "%s:", one->file);
    if (one->line != 0)
        buf_printf(out, "%u:%u:", one->line, one->column);
    if (out->len > 0 && out->data[out->len - 1] == ':')
        buf_putc(out, ' ');
    if (one->field[0] != '\0')
        buf_printf(out, "%s: ", one->field);
    buf_puts(out, one->message);
}

static int by_place(const void *a, const void *b)
{
    const struct problem *x = a, *y = b;
    int files = strcmp(x->file != NULL ? x->file : "", y->file != NULL ? y->file : "");
    if (files != 0)
        return files;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return strcmp(x->message, y->message);
}

void problems_text(struct problems *p, struct buf *out)
{
    if (p->list.n > 0)
        qsort(p->list.at, p->list.n, sizeof(*p->list.at), by_place);
    vec_each (&p->list, one) {
        struct buf line = BUF_INIT(4096);
        problem_text(one, &line);
        buf_printf(out, "%s\n", line.data);
        buf_done(&line);
    }
    if (p->dropped > 0)
        buf_printf(out, "and %zu more\n", p->dropped);
}

void problems_print(struct problems *p)
{
    struct buf out = BUF_INIT(16 << 20);
    problems_text(p, &out);
    fputs(out.data != NULL ? out.data : "", stderr);
    buf_done(&out);
}

/* --- paths ---------------------------------------------------------------------------------------
 */

static void put_path(const struct option_path *path, struct buf *out)
{
    if (path == NULL)
        return;
    put_path(path->up, out);
    if (path->name == NULL)
        buf_printf(out, "[%zu]", path->index);
    else if (path->name[0] != '\0')
        buf_printf(out, "%s%s", out->len > 0 ? "." : "", path->name);
}

const char *option_path_text(const struct option_path *path, char *buf)
{
    struct buf out = {.data = buf, .cap = OPTION_PATH_SIZE, .max = OPTION_PATH_SIZE - 1};
    buf[0] = '\0';
    put_path(path, &out);
    return buf;
}

bool bind_fail(struct bind *b, const struct option_path *path, const struct node *at,
               const char *fmt, ...)
{
    must(b->problems != NULL); /* a default of ours that its own table refuses */
    char field[OPTION_PATH_SIZE];
    va_list ap;
    va_start(ap, fmt);
    add_problem(b->problems, at, option_path_text(path, field), fmt, ap);
    va_end(ap);
    return false;
}

/* 5, -3, 40s: needs no quotes to be seen. */
static bool is_number_like(struct str s)
{
    size_t sign = s.n > 1 && s.p[0] == '-' ? 1 : 0;
    return s.n > sign && s.p[sign] >= '0' && s.p[sign] <= '9' && memchr(s.p, ' ', s.n) == NULL;
}

const char *option_got(const struct option *o, const struct node *n, char *buf)
{
    if (n->kind == NODE_INT && !o->secret)
        snprintf(buf, OPTION_GOT_SIZE, "%lld", (long long)n->num);
    else if (n->kind == NODE_F64 && !o->secret)
        snprintf(buf, OPTION_GOT_SIZE, "%.15g", n->f64);
    else if (n->kind == NODE_TEXT && !o->secret && !n->quoted && is_number_like(n->text))
        snprintf(buf, OPTION_GOT_SIZE, "%.*s", (int)utf8_cut(n->text.p, n->text.n, 60), n->text.p);
    else if (n->kind == NODE_TEXT && !o->secret)
        snprintf(buf, OPTION_GOT_SIZE, "\"%.*s%s", (int)utf8_cut(n->text.p, n->text.n, 60),
                 n->text.p, n->text.n > 60 ? "…\"" : "\"");
    else if (n->kind == NODE_BOOL)
        snprintf(buf, OPTION_GOT_SIZE, "%s", n->flag ? "true" : "false");
    else
        snprintf(buf, OPTION_GOT_SIZE, "%s", node_kind_name(n));
    return buf;
}

/* --- defaults ------------------------------------------------------------------------------------
 */

static struct node *text_node(struct bind *b, struct str s)
{
    struct node *n = node_text(b->arena, arena_strndup(b->arena, s.p, s.n));
    n->quoted = false;
    return n;
}

/* "[a, b]" and "{k: v}" as tables write defaults: no nesting, no quotes. */
static const struct node *flow_node(struct bind *b, struct str def)
{
    bool map = def.p[0] == '{';
    must(def.n >= 2 && def.p[def.n - 1] == (map ? '}' : ']'));
    struct node *n = map ? node_map(b->arena) : node_list(b->arena);
    struct str rest = str_trim((struct str){def.p + 1, def.n - 2}), part, key, value;
    while (rest.n > 0 && str_next(&rest, ',', &part)) {
        if (!map) {
            node_append(n, text_node(b, str_trim(part)));
            continue;
        }
        bool pair = str_cut(part, ':', &key, &value);
        must(pair);
        key = str_trim(key);
        node_put(n, b->arena, arena_strndup(b->arena, key.p, key.n), text_node(b, str_trim(value)));
    }
    return n;
}

void option_default(struct bind *b, const struct option *o, void *at)
{
    must(at != NULL);
    struct bind ours = {.arena = b->arena, .in_place = true}; /* tables are constants */
    if (o->type == OPT_SECTION) {
        option_bind_map(&ours, o->sub, NULL, at, NULL, false);
        return;
    }
    if (o->def == NULL)
        return;
    struct node n = {.kind = NODE_TEXT, .text = str_of(o->def)};
    bool flow =
        (o->def[0] == '[' || o->def[0] == '{') && o->type != OPT_STRING && o->type != OPT_TEXT;
    bool good = option_parse(&ours, NULL, o, flow ? flow_node(&ours, n.text) : &n, at);
    must(good);
}

/* --- maps ----------------------------------------------------------------------------------------
 */

static const struct option *option_find(const struct option *table, struct str name)
{
    for (; table->name != NULL; table++)
        if (str_eqz(name, table->name))
            return table;
    return NULL;
}

static void unknown_key(struct bind *b, const struct option *table, const struct node *child,
                        const struct option_path *up)
{
    struct option_path here = {up, child->key.p, 0};
    const char *names[128];
    size_t n = 0;
    for (; table[n].name != NULL && n < array_len(names); n++)
        names[n] = table[n].name;
    struct node at = {.file = child->file, .line = child->key_line, .column = child->key_column};
    const char *nearest = str_nearest(child->key.p, names, n);
    if (nearest != NULL)
        bind_fail(b, &here, &at, "unknown key \"%s\"; did you mean \"%s\"?", child->key.p, nearest);
    else
        bind_fail(b, &here, &at, "unknown key \"%s\"", child->key.p);
}

/* Reads the children that the table knows; bit i of *seen says that option i has a value. */
static bool bind_values(struct bind *b, const struct option *table, const struct node *node,
                        char *out, const struct option_path *path, bool *seen)
{
    bool good = true;
    for (const struct node *c = node->first; c != NULL; c = c->next) {
        const struct option *o = option_find(table, c->key);
        struct option_path here = {path, c->key.p, 0};
        if (o == NULL) {
            unknown_key(b, table, c, path);
            good = false;
        } else if (c->kind != NODE_NULL) {
            seen[o - table] = true;
            if (o->type != OPT_SECTION)
                option_default(b, o, out + o->offset); /* what a faulty value leaves behind */
            good &= option_parse(b, &here, o, c, out + o->offset);
        }
    }
    return good;
}

#define OPTIONS_MAX 128 /* in one table */

bool option_bind_map(struct bind *b, const struct option *table, const struct node *node, void *out,
                     const struct option_path *path, bool required)
{
    bool seen[OPTIONS_MAX] = {false}, good = true;
    if (node != NULL && node->kind != NODE_MAP && node->kind != NODE_NULL)
        good = bind_fail(b, path, node, "got %s; want a map", node_kind_name(node));
    else if (node != NULL && node->kind == NODE_MAP)
        good = bind_values(b, table, node, out, path, seen);
    for (size_t i = 0; table[i].name != NULL; i++) {
        must(i < OPTIONS_MAX);
        if (seen[i])
            continue;
        option_default(b, &table[i], (char *)out + table[i].offset);
        struct option_path here = {path, table[i].name, 0};
        if (required && table[i].required && (node == NULL || node->kind != NODE_TEXT))
            good = bind_fail(b, &here, node, "required, but missing");
    }
    return good;
}

bool options_bind(const struct option *table, const struct node *node, void *out, struct arena *a,
                  struct problems *p, const char *path)
{
    must(table != NULL && out != NULL && p != NULL);
    struct bind b = {.arena = a, .problems = p};
    struct option_path root = {NULL, path != NULL ? path : "", 0};
    return option_bind_map(&b, table, node, out, &root, true);
}

bool options__bind_in_place(const struct option *table, const struct node *node, void *out,
                            struct arena *a, struct problems *p, const struct option_path *path)
{
    must(table != NULL && out != NULL && p != NULL);
    struct bind b = {.arena = a, .problems = p, .in_place = true};
    return option_bind_map(&b, table, node, out, path, true);
}

bool range_has(const struct range_list *r, int64_t v)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->at[i].from <= v && v <= r->at[i].to)
            return true;
    return false;
}
