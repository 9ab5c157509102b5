/* belfry user, belfry token: who may enter. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/resource.h"

#define USERS  "/api/v1/users"
#define TOKENS "/api/v1/tokens"

static const char user_help[] =
    "usage: belfry user VERB …\n\n"
    "  ls\n"
    "  show   NAME|ID\n"
    "  add    NAME [--role viewer|editor|admin] [--group NAME=ROLE …]   asks for the password\n"
    "  set    NAME|ID key=value …      e.g. role=editor enabled=false totp=false groups='{\"web\":\"editor\"}'\n"
    "  passwd NAME|ID                  a new password; ends the account's sessions\n"
    "  rm     NAME|ID                  with its sessions and tokens\n\n"
    "options: --password-stdin (add, passwd: read from standard input), -c FILE, --server URL, --token T, --json\n";

static const char token_help[] =
    "usage: belfry token VERB …\n\n"
    "  ls\n"
    "  add NAME [--scope read|write|admin|agent] [--group GROUP] [--expires 90d|TIME]   shows the token, once\n"
    "      agent: for `belfry agent`; NAME is the location that it probes for\n"
    "  rm  NAME|ID\n\n"
    "options: -c FILE, --server URL, --token T, --json\n";

#define GROUPS_MAX 50
struct words {
    const char *role, *scope, *group, *expires;
    const char *groups[GROUPS_MAX];
    size_t n_groups;
    bool from_stdin;
};

static bool take_words(struct client_args *args, void *own)
{
    struct words *w = own;
    const char *group;
    w->from_stdin = args_take_flag(args, "--password-stdin");
    w->role = args_take(args, "--role");
    w->scope = args_take(args, "--scope");
    w->expires = args_take(args, "--expires");
    while (w->n_groups < GROUPS_MAX && (group = args_take(args, "--group")) != NULL)
        w->groups[w->n_groups++] = group;
    w->group = w->n_groups ? w->groups[0] : NULL;
    return true;
}

/* --- passwords --- */

/* One line of standard input, without what is typed being seen. False: there is none, or it is too long. */
static bool read_line(const char *prompt, bool hidden, char *out, size_t size)
{
    must(size > 1);
    struct termios was, quiet;
    hidden = hidden && tcgetattr(STDIN_FILENO, &was) == 0;
    if (prompt)
        fprintf(stderr, "%s", prompt);
    if (hidden) {
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    bool got = fgets(out, (int)size, stdin) != NULL;
    if (hidden) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
        fprintf(stderr, "\n");
    }
    size_t n = got ? strcspn(out, "\r\n") : 0;
    bool whole = got && (out[n] != '\0' || feof(stdin));
    if (got)
        out[n] = '\0';
    return whole && n > 0;
}

/* NULL: none was given (printed). */
static const char *ask_password(const struct session *s, struct arena *a)
{
    const struct words *w = s->own;
    char first[600], second[600];
    if (w->from_stdin) {
        if (read_line(NULL, false, first, sizeof(first)))
            return arena_strdup(a, first);
        fprintf(stderr, "belfry: no password came on standard input\n");
        return NULL;
    }
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "belfry: this is no terminal; give the password with --password-stdin\n");
        return NULL;
    }
    if (!read_line("Password: ", true, first, sizeof(first)) ||
        !read_line("Again: ", true, second, sizeof(second)))
        fprintf(stderr, "belfry: no password was given\n");
    else if (strcmp(first, second) != 0)
        fprintf(stderr, "belfry: the two passwords differ\n");
    else
        return arena_strdup(a, first);
    return NULL;
}

/* --- belfry user --- */

static int user_ls(struct session *s, char **words, int n)
{
    static const struct column columns[] = {
        {"ID", "id"},
        {"NAME", "name"},
        {"ROLE", "role"},
        {"GROUPS", "groups"},
        {"ENABLED", "enabled"},
        {"2FA", "totp"},
        {"SOURCE", "source"},
        {"LAST LOGIN", "last_login_at"},
        {0},
    };
    (void)words;
    (void)n;
    return list_items(s, USERS "?limit=1000", columns);
}

/* "payments=editor" words into {"payments":"editor"}; NULL: printed why. */
static struct node *groups_map(struct session *s)
{
    const struct words *w = s->own;
    struct node *map = node_map(s->arena);
    for (size_t i = 0; i < w->n_groups; i++) {
        struct str group, role;
        if (!str_cut(str_of(w->groups[i]), '=', &group, &role)) {
            fprintf(stderr, "belfry: got --group %s; want GROUP=ROLE\n", w->groups[i]);
            return NULL;
        }
        node_put(map, s->arena, arena_strndup(s->arena, group.p, group.n),
                 node_text(s->arena, arena_strndup(s->arena, role.p, role.n)));
    }
    return map;
}

static int user_add(struct session *s, char **words, int n)
{
    must(n >= 1 && s->own);
    const struct words *w = s->own;
    struct node *body = node_map(s->arena), *groups = groups_map(s);
    (void)n;
    const char *password = groups ? ask_password(s, s->arena) : NULL;
    if (!password)
        return EXIT_USAGE;
    node_put(body, s->arena, "name", node_text(s->arena, words[0]));
    node_put(body, s->arena, "password", node_text(s->arena, password));
    if (w->role)
        node_put(body, s->arena, "role", node_text(s->arena, w->role));
    node_put(body, s->arena, "groups", groups);
    return do_call(s, "POST", USERS, body, "added");
}

static int user_set(struct session *s, char **words, int n)
{
    must(n >= 2);
    struct node *body = words_to_map(s, words + 1, n - 1);
    const char *path = body ? item_path(s, words[0], "") : NULL;
    return !body ? EXIT_USAGE : path ? do_call(s, "PATCH", path, body, "changed") : s->status;
}

static int user_passwd(struct session *s, char **words, int n)
{
    must(n >= 1);
    struct node *body = node_map(s->arena);
    const char *path = item_path(s, words[0], "");
    (void)n;
    if (!path)
        return s->status;
    const char *password = ask_password(s, s->arena);
    if (!password)
        return EXIT_USAGE;
    node_put(body, s->arena, "password", node_text(s->arena, password));
    return do_call(s, "PATCH", path, body, "changed");
}

int cmd_user(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, user_ls},
        {"show", "", 1, item_show},
        {"add", "", 1, user_add},
        {"set", "", 2, user_set},
        {"passwd", "", 1, user_passwd},
        {"rm", "", 1, item_rm},
        {0},
    };
    struct words own = {0};
    return run_verb_with(argc, argv, user_help, USERS, verbs, take_words, &own);
}

/* --- belfry token --- */

static int token_ls(struct session *s, char **words, int n)
{
    static const struct column columns[] = {
        {"ID", "id"},
        {"NAME", "name"},
        {"SCOPE", "scope"},
        {"GROUP", "group"},
        {"OWNER", "owner"},
        {"EXPIRES", "expires_at"},
        {"LAST USED", "last_used_at"},
        {0},
    };
    (void)words;
    (void)n;
    return list_items(s, TOKENS "?limit=1000", columns);
}

static int token_add(struct session *s, char **words, int n)
{
    must(n >= 1 && s->own);
    const struct words *w = s->own;
    struct node *body = node_map(s->arena), *answer = NULL;
    struct err err = {0};
    (void)n;
    node_put(body, s->arena, "name", node_text(s->arena, words[0]));
    node_put(body, s->arena, "scope", node_text(s->arena, w->scope ? w->scope : "read"));
    if (w->group)
        node_put(body, s->arena, "group", node_text(s->arena, w->group));
    if (w->expires) /* a time has colons or hyphens, a duration none */
        node_put(body, s->arena, strpbrk(w->expires, ":-") ? "expires_at" : "expires_in",
                 node_text(s->arena, w->expires));
    if (client_call(s->client, "POST", TOKENS, body, s->arena, &answer, &err) != 0)
        return client_fail(&err);
    if (s->args.json)
        print_json(answer);
    else
        printf("%s\n", field_text(answer, "token", s->arena));
    if (!s->args.json && isatty(STDOUT_FILENO))
        fprintf(stderr, "This is shown only once.\n");
    return EXIT_GOOD;
}

int cmd_token(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, token_ls},
        {"add", "", 1, token_add},
        {"rm", "", 1, item_rm},
        {0},
    };
    struct words own = {0};
    return run_verb_with(argc, argv, token_help, TOKENS, verbs, take_words, &own);
}
