/* belfry key: the key that seals the secrets in the store. */
#include "cli/cli.h"
#include "cli/resource.h"

#define PATH "/api/v1/key"

static const char help[] =
    "usage: belfry key show|rotate\n\n"
    "  show    which key is in force, and how many secrets another one sealed\n"
    "  rotate  a new key for all secrets, while Belfry runs; data/secret.key holds both until all is sealed anew\n\n"
    "options: -c FILE, --server URL, --token T, --json\n";

static int show(struct session *s, char **words, int n)
{
    struct err err = {0};
    struct node *answer = NULL;
    (void)words;
    (void)n;
    if (client_call(s->client, "GET", PATH, NULL, s->arena, &answer, &err) != 0)
        return client_fail(&err);
    print_json(answer);
    return EXIT_GOOD;
}

static int rotate(struct session *s, char **words, int n)
{
    (void)words;
    (void)n;
    return do_call(s, "POST", PATH "/rotate", NULL,
                   "a new key is in force; copy data/secret.key to where its copy lies");
}

int cmd_key(int argc, char **argv)
{
    static const struct verb verbs[] = {{"show", "", 0, show}, {"rotate", "", 0, rotate}, {0}};
    return run_verb(argc, argv, help, PATH, verbs);
}
