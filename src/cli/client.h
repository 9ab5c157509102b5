/* A client of the running Belfry: JSON over its Unix socket (data/run/belfry.sock), or over TCP with --server. One call at a
 * time; blocks. Also the arguments every client command takes. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/node.h"

#define CLI_CONFIG_HERE   "belfry.yaml"
#define CLI_CONFIG_SYSTEM "/etc/belfry/belfry.yaml"

/* -c FILE, --server URL, --token T (BELFRY_SERVER, BELFRY_TOKEN), --json, --help; what is left stays in argv. */
struct client_args {
    const char *config, *server, *token;
    bool json, help;
    int argc; /* rest: argv[0] is the command, then its words */
    char **argv;
};
/* Takes known flags out of argv; unknown ones stay. -1: a flag misses its value (already printed). */
int client_args(int argc, char **argv, struct client_args *out);
/* What stands behind "--" is never an option. */
/* Takes "--name VALUE" or "--name=VALUE" out of args; NULL when absent. */
const char *args_take(struct client_args *args, const char *name);
bool args_take_flag(struct client_args *args, const char *name);
/* An argument that begins with "-" is left: prints it and returns true. */
bool args_unknown(const struct client_args *args);

struct client;
struct client *client_open(const struct client_args *args, struct err *err);
void client_close(struct client **c);
/* body NULL: none. The answer's JSON in arena; NULL with *status for an empty one. REFUSED when Belfry cannot be reached.
 * An answer of 400 and more is an error too: its title, detail and fields as text. */
int client_call(struct client *c, const char *method, const char *path, const struct node *body,
                struct arena *a, struct node **answer, struct err *err);

/* GETs path and hands its body on as it comes; for as long as it takes. An error's document is printed, not handed on. */
int client_stream(struct client *c, const char *path, struct arena *a,
                  void (*fn)(void *arg, const char *p, size_t n), void *arg, struct err *err);

/* Exit status of an error: 3 when Belfry could not be reached, else 1. Prints it. */
int client_fail(const struct err *err);
/* Prints a tree as JSON and a newline. */
void print_json(const struct node *n);

/* Fields of an answer as text, "" when absent. */
const char *field_text(const struct node *map, const char *key, struct arena *a);

/* A table on stdout: header and rows of n columns, padded by display width; colours only on a terminal. */
struct table;
#define TABLE_COLUMNS 15 /* at most; titles and cells end with NULL */
struct table *table_new(struct arena *a, const char *const *columns);
void table_row(struct table *t, const char *const *cells);
void table_print(const struct table *t);
/* The terminal's colour for a state; "" for other words. colour_end() after it. Both "" when stdout is no terminal. */
const char *colour_begin(const char *word);
const char *colour_end(void);

#endif
