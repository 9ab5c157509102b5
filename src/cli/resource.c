/* See resource.h. */
#include "cli/resource.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "cli/cli.h"

static int usage(FILE *to, const char *help, int status)
{
    fputs(help, to);
    return status;
}

static const struct verb *find_verb(const struct verb *verbs, const char *name)
{
    for (; verbs->name; verbs++)
        if (streq(verbs->name, name))
            return verbs;
    return NULL;
}

int run_verb(int argc, char **argv, const char *help, const char *path, const struct verb *verbs)
{
    return run_verb_with(argc, argv, help, path, verbs, NULL, NULL);
}

int run_verb_with(int argc, char **argv, const char *help, const char *path,
                  const struct verb *verbs, bool (*take)(struct client_args *args, void *own),
                  void *own)
{
    must(argc > 0 && help && verbs);
    struct session s = {.path = path, .own = own};
    struct err err = {0};
    client_args(argc, argv, &s.args);
    if (s.args.help)
        return usage(stdout, help, EXIT_GOOD);
    must(path[0] == '/' && verbs[0].name);
    if (take && !take(&s.args, own))
        return EXIT_USAGE;
    const struct verb *v = s.args.argc > 1 ? find_verb(verbs, s.args.argv[1]) : NULL;
    if (!v || s.args.argc - 2 < v->min_words)
        return usage(stderr, help, EXIT_USAGE);
    must(v->run != NULL);
    if (args_unknown(&s.args))
        return EXIT_USAGE;
    s.client = client_open(&s.args, &err);
    if (!s.client)
        return client_fail(&err);
    s.arena = arena_new();
    int status = v->run(&s, s.args.argv + 2, s.args.argc - 2);
    arena_free(s.arena);
    client_close(&s.client);
    return status;
}

static void print_item(struct session *s, struct table *t, const struct column *columns,
                       const struct node *item)
{
    const char *cells[TABLE_COLUMNS + 1] = {0};
    if (s->args.json) {
        print_json(item);
        return;
    }
    for (int i = 0; columns[i].title; i++)
        cells[i] = field_text(item, columns[i].field, s->arena);
    table_row(t, cells);
}

static const char *page_path(struct session *s, const char *path, const char *cursor)
{
    must(path[0] == '/');
    if (!*cursor)
        return path;
    return arena_printf(s->arena, "%s%ccursor=%s", path, strchr(path, '?') ? '&' : '?', cursor);
}

static struct table *table_of(struct session *s, const struct column *columns)
{
    const char *titles[TABLE_COLUMNS + 1] = {0};
    for (int i = 0; columns[i].title; i++) {
        must(i < TABLE_COLUMNS);
        titles[i] = columns[i].title;
    }
    return table_new(s->arena, titles);
}

/* One page; *next is the cursor of the one behind it, "" at the end. */
static int take_page(struct session *s, const char *path, struct table *t,
                     const struct column *columns, const char **next)
{
    struct err err = {0};
    struct node *answer = NULL;
    if (client_call(s->client, "GET", path, NULL, s->arena, &answer, &err) != 0)
        return client_fail(&err);
    const struct node *items = node_get(answer, "items");
    for (const struct node *item = items ? items->first : NULL; item; item = item->next)
        print_item(s, t, columns, item);
    *next = field_text(answer, "next", s->arena);
    must(*next != NULL);
    return EXIT_GOOD;
}

static int list(struct session *s, const char *path, const struct column *columns, bool all)
{
    const char *cursor = "";
    struct table *t = table_of(s, columns);
    do {
        int status = take_page(s, page_path(s, path, cursor), t, columns, &cursor);
        if (status != EXIT_GOOD)
            return status;
    } while (all && *cursor);
    if (!s->args.json)
        table_print(t);
    return EXIT_GOOD;
}

int list_items(struct session *s, const char *path, const struct column *columns)
{
    return list(s, path, columns, true);
}

int list_page(struct session *s, const char *path, const struct column *columns)
{
    return list(s, path, columns, false);
}

const struct node *find_item(struct session *s, const char *word)
{
    must(s->client && s->path[0] == '/');
    struct err err = {0};
    struct node *answer = NULL;
    uint64_t id;
    if (str_to_u64(str_of(word), &id, NULL) == 0) {
        if (client_call(s->client, "GET", arena_printf(s->arena, "%s/%s", s->path, word), NULL,
                        s->arena, &answer, &err) == 0)
            return answer;
        s->status = client_fail(&err);
        return NULL;
    }
    struct buf q = BUF_INIT(4096);
    url_encode(&q, str_of(word));
    int rc =
        client_call(s->client, "GET", arena_printf(s->arena, "%s?limit=1000&q=%s", s->path, q.data),
                    NULL, s->arena, &answer, &err);
    buf_done(&q);
    if (rc != 0) {
        s->status = client_fail(&err);
        return NULL;
    }
    const struct node *items = node_get(answer, "items");
    for (const struct node *item = items ? items->first : NULL; item; item = item->next)
        if (streq(field_text(item, "name", s->arena), word))
            return item;
    s->status = EXIT_BAD;
    fprintf(stderr, "belfry: nothing is named \"%s\"\n", word);
    return NULL;
}

int do_call(struct session *s, const char *method, const char *path, const struct node *body,
            const char *done)
{
    must(method && path[0] == '/' && done);
    struct err err = {0};
    struct node *answer = NULL;
    if (client_call(s->client, method, path, body, s->arena, &answer, &err) != 0)
        return client_fail(&err);
    if (s->args.json && answer)
        print_json(answer);
    else if (strcmp(method, "POST") == 0 && answer && node_get(answer, "id"))
        printf("%s: id %s\n", done, field_text(answer, "id", s->arena));
    else
        printf("%s\n", done);
    return EXIT_GOOD;
}

const char *item_path(struct session *s, const char *word, const char *tail)
{
    const struct node *item = find_item(s, word);
    if (!item)
        return NULL;
    return arena_printf(s->arena, "%s/%s%s", s->path, field_text(item, "id", s->arena), tail);
}

bool succeeded(const struct node *answer)
{
    const struct node *n = node_get(answer, "success");
    return n && n->kind == NODE_BOOL && n->flag;
}

int item_show(struct session *s, char **words, int n)
{
    must(n >= 1);
    const struct node *item = find_item(s, words[0]);
    if (item)
        print_json(item);
    return item ? EXIT_GOOD : s->status;
}

int item_add(struct session *s, char **words, int n)
{
    must(n >= 1);
    struct node *body = words_to_map(s, words, n);
    return body ? do_call(s, "POST", s->path, body, "added") : EXIT_USAGE;
}

int item_rm(struct session *s, char **words, int n)
{
    must(n >= 1);
    const char *path = item_path(s, words[0], "");
    return path ? do_call(s, "DELETE", path, NULL, "removed") : s->status;
}

int item_enable(struct session *s, const char *word, bool on, const char *done)
{
    must(word && done);
    struct node *body = node_map(s->arena);
    const char *path = item_path(s, word, "");
    node_put(body, s->arena, "enabled", node_bool(s->arena, on));
    return path ? do_call(s, "PATCH", path, body, done) : s->status;
}

/* Numbers and true/false become JSON numbers and booleans; {…} and […] are JSON; the rest is text. */
static struct node *value_of(struct session *s, const char *text)
{
    struct node *n = NULL;
    if (strchr("{[0123456789-tf", text[0]) && text[0])
        n = node_from_json(s->arena, text, strlen(text), NULL);
    return n ? n : node_text(s->arena, text);
}

struct node *words_to_map(struct session *s, char **words, int n)
{
    struct err err = {0};
    if (n == 1 && words[0][0] == '{') {
        struct node *map = node_from_json(s->arena, words[0], strlen(words[0]), &err);
        if (!map)
            fprintf(stderr, "belfry: %s\n", err.msg);
        return map;
    }
    struct node *map = node_map(s->arena);
    for (int i = 0; i < n; i++) {
        struct str key, value;
        if (!str_cut(str_of(words[i]), '=', &key, &value)) {
            fprintf(stderr, "belfry: got \"%s\"; want key=value or one {JSON}\n", words[i]);
            return NULL;
        }
        node_put(map, s->arena, arena_strndup(s->arena, key.p, key.n), value_of(s, value.p));
    }
    return map;
}

/* --- commands that only list --- */

/* "--NAME VALUE" becomes "&name=VALUE". */
static void take_filters(struct client_args *args, const char *const (*filters)[2],
                         struct buf *query)
{
    for (; (*filters)[0]; filters++) {
        const char *value = args_take(args, (*filters)[0]);
        must((*filters)[0][0] == '-' && (*filters)[1]);
        if (!value)
            continue;
        buf_printf(query, "&%s=", (*filters)[1]);
        url_encode(query, str_of(value));
    }
}

static int list_at(struct client_args *args, const struct list_command *c, const char *path,
                   bool all)
{
    struct session s = {.args = *args, .path = c->path};
    struct err err = {0};
    s.client = client_open(args, &err);
    if (!s.client)
        return client_fail(&err);
    s.arena = arena_new();
    int status = (all ? list_items : list_page)(&s, path, c->columns);
    arena_free(s.arena);
    client_close(&s.client);
    must(!s.client && status >= 0);
    return status;
}

int run_list(struct client_args *args, const struct list_command *c, const char *limit, bool all)
{
    cleanup(buf_done) struct buf path = BUF_INIT(65536);
    must(!args->help && c->path[0] == '/' && c->columns[0].title);
    buf_printf(&path, "%s?limit=%s", c->path, limit);
    take_filters(args, c->filters, &path);
    if (args_unknown(args))
        return EXIT_USAGE;
    if (args->argc > 1 || path.failed)
        return usage(stderr, c->help, EXIT_USAGE);
    return list_at(args, c, path.data, all);
}
