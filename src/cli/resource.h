/* What the commands of one REST resource have in common: a table of verbs, listing with columns, finding by name. */
#ifndef CLI_RESOURCE_H
#define CLI_RESOURCE_H

#include "cli/client.h"

struct session {
    struct client_args args;
    struct client *client;
    struct arena *arena;
};

struct verb {
    const char *name, *usage;
    int min_words; /* words after the verb */
    int (*run)(struct session *s, char **words, int n);
};

/* Runs argv[1] of a command; prints help and errors; returns the exit status. */
int run_verb(int argc, char **argv, const char *help, const struct verb *verbs);

struct column {
    const char *title, *field; /* "last_message" */
};
/* GETs path (all its pages) and prints a table, or the items as JSON lines with --json. */
int list_items(struct session *s, const char *path, const struct column *columns);
/* One item of `path` whose name or id is `word`. NULL: printed why. */
const struct node *find_item(struct session *s, const char *path, const char *word);
/* One call; the answer is printed as JSON with --json, else `done` is. */
int do_call(struct session *s, const char *method, const char *path, const struct node *body,
            const char *done);
/* "{…}" or key=value words into a map; NULL: printed why. */
struct node *words_to_map(struct session *s, char **words, int n);

#endif
