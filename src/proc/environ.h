/* The environment that a unit's program starts with. Called by the warden before a spawn; reads the
 * user database, the caller's own environment and the unit's file; no state.
 *
 * Later ones win: the base (the caller's, or a clean one), HOME, USER, LOGNAME and SHELL of its
 * user, the file, the unit's own map, and last what Belfry says: BELFRY_UNIT, NOTIFY_SOCKET,
 * WATCHDOG_USEC.
 *
 * The file (grammar of environ_parse): one NAME=VALUE a line, "export " before it is ignored; a
 * line that begins with # or ; is a comment; white space around the name and at the end of a
 * bare value does not count; 'text' stands for itself, "text" knows \" \\ \$ \` and \newline
 * (nothing), both may hold newlines; outside of quotes \c is c and \newline nothing. Parts
 * written together are one value. Nothing is expanded. */
#ifndef PROC_ENVIRON_H
#define PROC_ENVIRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proc/spawn.h"

#define ENVIRON_FILE_MAX ((size_t)1 << 20)
#define ENVIRON_PATH     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct environ_pair {
    const char *name, *value;
};

struct environ_spec {
    const char *const *base; /* "NAME=VALUE" of the caller, NULL-terminated; NULL: environ */
    /* Of the base only PATH and LANG are taken. Else all of it but BELFRY_*, which may be
     * secret, and what our own service manager told us alone (NOTIFY_SOCKET, LISTEN_FDS …). */
    bool clean;
    const struct spawn_user *user; /* whose HOME, USER, LOGNAME, SHELL; NULL: the caller's */
    const char *file;              /* path; NULL or "": none */
    const struct environ_pair *pairs;
    size_t n_pairs;
    const char *unit;          /* BELFRY_UNIT; NULL: none */
    const char *instance;      /* BELFRY_INSTANCE, which Belfry's it is; NULL: none (tree.h) */
    const char *notify_socket; /* NOTIFY_SOCKET; NULL: none */
    int64_t watchdog_us;       /* WATCHDOG_USEC; 0: none */
};
/* One malloc'ed block, NULL-terminated, to be freed by free(); sorted by name, each name once.
 * NULL with *err: the file cannot be read (as the caller: the file is the administrator's, not
 * the unit's) or is malformed (line and column told), or a name is none. */
char **environ_build(const struct environ_spec *s, struct err *err);

/* Pure. Calls put for each pair in order; name and value are NUL-terminated and borrowed.
 * MALFORMED with line and column. */
int environ_parse(const char *text, size_t n,
                  void (*put)(void *arg, const char *name, const char *value), void *arg,
                  struct err *err);

/* The value of a name in "NAME=VALUE" strings; NULL: it has none. */
const char *environ_get(const char *const *env, const char *name);

/* [A-Za-z_][A-Za-z0-9_]* */
bool environ_name_ok(const char *name, size_t n);

#endif
