/* belfry apply: targets and channels become what a file says; the difference is shown first. belfry export: such a file. The
 * file is read here, with its includes and this environment, and goes to Belfry as one document. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "config/config.h"
#include "core/declared.h"
#include "core/hooks.h"

static const char apply_help[] =
    "usage: belfry apply -f FILE [--diff] [--prune]\n\n"
    "Makes targets and channels what FILE (groups and channels as in belfry.yaml) says, and shows what changes.\n"
    "Doing it again changes nothing. What the configuration file of Belfry itself has is left alone.\n\n"
    "  --diff   only show; exit status 1 when something would change\n"
    "  --prune  remove what was added by API, page or apply, and is not in FILE\n\n"
    "A secret that is \"********\" keeps its value.\n\n"
    "options: -c FILE, --server URL, --token T, --json\n";

static const char export_help[] =
    "usage: belfry export [-o FILE] [--with-secrets] [--all]\n\n"
    "Writes targets and channels as a file for belfry apply.\n\n"
    "  --with-secrets  with their passwords, over the Unix socket only; else they are \"********\"\n"
    "  --all           those of the configuration file, too\n\n"
    "options: -c FILE, --server URL, --token T\n";

/* --- the file as a document --- */

static struct declared_names channels_of(const struct config *c, const struct config_target *t,
                                         struct arena *a)
{
    struct declared_names n = {arena_array_of(a, const char *, t->n_channels + 1), 0};
    for (uint32_t i = 0; i < t->n_channels; i++) {
        must(t->channels[i] < c->n_channels);
        n.at[n.n++] = c->channels[t->channels[i]].name;
    }
    return n;
}

static struct declared_names parents_of(const struct config *c, const struct config_target *t,
                                        struct arena *a)
{
    struct declared_names n = {arena_array_of(a, const char *, t->n_parents + 1), 0};
    for (uint32_t i = 0; i < t->n_parents; i++) {
        must(t->parents[i] < c->n_targets);
        const struct target *p = &c->targets[t->parents[i]].spec;
        n.at[n.n++] = arena_printf(a, "%s/%s", p->group, p->name);
    }
    return n;
}

static struct node *group_of(const struct config *c, const struct config_group *g, struct arena *a)
{
    must(g->first_target + g->n_targets <= c->n_targets);
    struct node *n = node_map(a), *list = node_list(a);
    for (uint32_t i = 0; i < g->n_targets; i++) {
        const struct config_target *t = &c->targets[g->first_target + i];
        const struct declared_names channels = channels_of(c, t, a), parents = parents_of(c, t, a);
        node_append(list, declared_target(&t->spec, &channels, &parents, a));
    }
    node_put(n, a, "name", node_text(a, g->name));
    node_put(n, a, "targets", list);
    return n;
}

static struct node *document_of(const struct config *c, struct arena *a)
{
    struct node *doc = node_map(a), *channels = node_list(a), *groups = node_list(a);
    for (uint32_t i = 0; i < c->n_channels; i++) {
        const struct config_channel *ch = &c->channels[i];
        const struct channel one = {.name = ch->name,
                                    .type = ch->type,
                                    .webhook_url = ch->webhook_url ? ch->webhook_url : "",
                                    .config_json = ch->config_json ? ch->config_json : "{}",
                                    .enabled = ch->enabled,
                                    .mention_all = ch->mention_all};
        node_append(channels, declared_channel(&one, a));
    }
    for (uint32_t i = 0; i < c->n_groups; i++)
        node_append(groups, group_of(c, &c->groups[i], a));
    node_put(doc, a, "channels", channels);
    node_put(doc, a, "groups", groups);
    return doc;
}

static struct node *read_file(const char *path, struct arena *a)
{
    struct problems p;
    struct buf text = BUF_INIT(NODE_TEXT_MAX);
    struct config_input in = {.path = path};
    problems_init(&p, a);
    if (streq(path, "-")) {
        char chunk[65536];
        for (size_t n; (n = fread(chunk, 1, sizeof(chunk), stdin)) > 0;)
            buf_add(&text, chunk, n);
        in = (struct config_input){
            .path = "stdin", .text = text.data ? text.data : "", .size = text.len};
    }
    struct config *c = config_load(&in, core_config_hooks(), &p);
    problems_print(&p);
    struct node *doc = c ? document_of(c, a) : NULL;
    config_unref(&c);
    problems_done(&p);
    buf_done(&text);
    return doc;
}

/* --- the difference --- */

static const char *colour(char sign)
{
    if (!isatty(STDOUT_FILENO))
        return "";
    return sign == '+' ? "\033[32m" : sign == '-' ? "\033[31m" : "\033[33m";
}

static void print_value(char sign, const struct node *n)
{
    struct buf out = BUF_INIT(64u << 20);
    struct arena *a cleanup(arena_freep) = arena_new();
    struct node *one = node_map(a);
    node_put(one, a, arena_strndup(a, n->key.p, n->key.n), node_copy(a, n));
    node_to_yaml(one, &out);
    struct str rest = {out.data ? out.data : "", out.len}, line;
    while (rest.n > 0 && str_next(&rest, '\n', &line))
        if (line.n > 0)
            printf("%s  %c %.*s%s\n", colour(sign), sign, (int)line.n, line.p,
                   *colour(sign) ? "\033[0m" : "");
    buf_done(&out);
}

static bool same_value(const struct node *x, const struct node *y)
{
    struct buf left = BUF_INIT(64u << 20), right = BUF_INIT(64u << 20);
    struct json l = json_start(&left), r = json_start(&right);
    node_to_json(x, &l);
    node_to_json(y, &r);
    bool same = left.len == right.len && memcmp(left.data, right.data, left.len) == 0;
    buf_done(&left);
    buf_done(&right);
    return same;
}

/* A map's values one below the other, so that only what differs is shown. */
static void print_maps(const struct node *before, const struct node *after)
{
    for (const struct node *n = before->first; n; n = n->next) {
        const struct node *new = node_get(after, n->key.p);
        if (new &&same_value(n, new))
            continue;
        print_value('-', n);
        if (new)
            print_value('+', new);
    }
    for (const struct node *n = after->first; n; n = n->next)
        if (!node_get(before, n->key.p))
            print_value('+', n);
}

static const struct node *map_of(const struct node *change, const char *key, struct arena *a)
{
    const struct node *n = node_get(change, key);
    return n && n->kind == NODE_MAP ? n : node_map(a);
}

static void print_change(const struct node *change, struct arena *a)
{
    const char *action = field_text(change, "action", a);
    char sign = *action == 'c' ? '+' : *action == 'd' ? '-' : '~';
    printf("%s%c %s %s%s\n", colour(sign), sign, field_text(change, "kind", a),
           field_text(change, "name", a), *colour(sign) ? "\033[0m" : "");
    if (streq(field_text(change, "secret_changed", a), "true"))
        printf("%s  ~ a secret%s\n", colour('~'), *colour('~') ? "\033[0m" : "");
    if (sign != '-')
        print_maps(map_of(change, "before", a), map_of(change, "after", a));
}

static int print_answer(const struct client_args *args, const struct node *answer, bool diff,
                        struct arena *a)
{
    const struct node *changes = node_get(answer, "changes");
    uint32_t n = changes ? changes->count : 0;
    if (args->json)
        print_json(answer);
    for (const struct node *c = changes && !args->json ? changes->first : NULL; c; c = c->next)
        print_change(c, a);
    if (!args->json)
        printf("%u %s, %s unchanged\n", n, diff ? n == 1 ? "change" : "changes" : "changed",
               field_text(answer, "unchanged", a));
    return diff && n > 0 ? EXIT_BAD : EXIT_GOOD;
}

static int apply(const struct client_args *args, const char *file, bool diff, bool prune)
{
    struct err err = {0};
    struct node *answer = NULL;
    struct arena *a cleanup(arena_freep) = arena_new();
    struct node *doc = read_file(file, a);
    if (!doc)
        return EXIT_BAD;
    struct client *c = client_open(args, &err);
    if (!c)
        return client_fail(&err);
    const char *path = arena_printf(a, "/api/v1/apply?dry_run=%s&prune=%s", diff ? "true" : "false",
                                    prune ? "true" : "false");
    int rc = client_call(c, "POST", path, doc, a, &answer, &err);
    client_close(&c);
    return rc == 0 && answer ? print_answer(args, answer, diff, a) : client_fail(&err);
}

int cmd_apply(int argc, char **argv)
{
    struct client_args args;
    client_args(argc, argv, &args);
    const char *file = args_take(&args, "-f");
    bool diff = args_take_flag(&args, "--diff"), prune = args_take_flag(&args, "--prune");
    if (!args.help && args_unknown(&args))
        return EXIT_USAGE;
    if (args.help || !file || args.argc > 1) {
        fputs(apply_help, args.help ? stdout : stderr);
        return args.help ? EXIT_GOOD : EXIT_USAGE;
    }
    return apply(&args, file, diff, prune);
}

/* --- export --- */

static void on_piece(void *arg, const char *p, size_t n)
{
    buf_add(arg, p, n);
}

static int save(const char *path, const struct buf *text)
{
    struct err err = {0};
    if (!path || streq(path, "-")) {
        fwrite(text->data ? text->data : "", 1, text->len, stdout);
        return EXIT_GOOD;
    }
    if (fs_write_atomic(path, text->data ? text->data : "", text->len, 0600, false, &err) != 0)
        return client_fail(&err);
    return EXIT_GOOD;
}

static int export(const struct client_args *args, const char *to, bool secrets, bool all)
{
    struct err err = {0};
    struct arena *a cleanup(arena_freep) = arena_new();
    struct buf text = BUF_INIT(256u << 20);
    struct client *c = client_open(args, &err);
    if (!c)
        return client_fail(&err);
    const char *path = arena_printf(a, "/api/v1/export?with_secrets=%s&all=%s",
                                    secrets ? "true" : "false", all ? "true" : "false");
    int rc = client_stream(c, path, a, on_piece, &text, &err);
    client_close(&c);
    int status = rc == 0 ? save(to, &text) : client_fail(&err);
    buf_done(&text);
    return status;
}

int cmd_export(int argc, char **argv)
{
    struct client_args args;
    client_args(argc, argv, &args);
    const char *to = args_take(&args, "-o");
    bool secrets = args_take_flag(&args, "--with-secrets"), all = args_take_flag(&args, "--all");
    if (!args.help && args_unknown(&args))
        return EXIT_USAGE;
    if (args.help || args.argc > 1) {
        fputs(export_help, args.help ? stdout : stderr);
        return args.help ? EXIT_GOOD : EXIT_USAGE;
    }
    return export(&args, to, secrets, all);
}
