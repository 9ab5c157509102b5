/* What the commands of one REST resource have in common: a table of verbs, listing with columns, finding by name. */
#ifndef CLI_RESOURCE_H
#define CLI_RESOURCE_H

#include "cli/client.h"

struct session {
    struct client_args args;
    const char *path; /* of the resource: "/api/v1/targets" */
    struct client *client;
    struct arena *arena;
    void *own;  /* of the command: what its take() filled */
    int status; /* exit status of what failed last: not found is 1, Belfry not reached 3 */
};

struct verb {
    const char *name, *usage;
    int min_words; /* words after the verb */
    int (*run)(struct session *s, char **words, int n);
};

/* Runs argv[1] of the command for the resource at `path`; prints help and errors; returns the exit status. */
int run_verb(int argc, char **argv, const char *help, const char *path, const struct verb *verbs);
/* The same for a command with options of its own: take() takes them out of args into `own`, which the verbs find in
 * session.own; false when one is wrong (printed). */
int run_verb_with(int argc, char **argv, const char *help, const char *path,
                  const struct verb *verbs, bool (*take)(struct client_args *args, void *own),
                  void *own);

struct column {
    const char *title, *field; /* "last_message" */
};
/* GETs path (all its pages) and prints a table, or the items as JSON lines with --json. */
int list_items(struct session *s, const char *path, const struct column *columns);
/* The same of one page alone. */
int list_page(struct session *s, const char *path, const struct column *columns);
/* A command that only lists: its flags become the query's filters. */
struct list_command {
    const char *help, *path;
    const struct column *columns;
    const char *const (*filters)[2]; /* {"--since", "since"}; ended by {NULL} */
};
/* Takes the filters out of args, whose help was not asked for, and lists: with all, every page. limit: of one page. */
int run_list(struct client_args *args, const struct list_command *c, const char *limit, bool all);
/* The item whose name or id is `word`. NULL: printed why. */
const struct node *find_item(struct session *s, const char *word);
/* Its path, with `tail` behind it. NULL: printed why. */
const char *item_path(struct session *s, const char *word, const char *tail);
/* Is the answer's field "success" true? */
bool succeeded(const struct node *answer);

/* Verbs that any resource can have. */
int item_show(struct session *s, char **words, int n);
int item_add(struct session *s, char **words, int n);
int item_rm(struct session *s, char **words, int n);
/* Sets its field "enabled", then says `done`. */
int item_enable(struct session *s, const char *word, bool on, const char *done);
/* One call; the answer is printed as JSON with --json, else `done` is. */
int do_call(struct session *s, const char *method, const char *path, const struct node *body,
            const char *done);
/* "{…}" or key=value words into a map; NULL: printed why. */
struct node *words_to_map(struct session *s, char **words, int n);

#endif
