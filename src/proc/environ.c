/* A unit's environment, put together (environ.h). Called by the warden; the file's grammar is in
 * environ_parse.c. */
#include "proc/environ.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "base/str.h"
#include "base/vec.h"

extern char **environ;

struct entry {
    char *text; /* NAME=VALUE */
    size_t n_name, order;
};

struct builder {
    vec_of(struct entry) all;
    const char *bad; /* the first name that is none; NULL: all are good */
};

bool environ_name_ok(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return n > 0;
}

static void add(struct builder *b, const char *name, size_t n_name, const char *value)
{
    struct entry e = {.n_name = n_name, .order = b->all.n};
    must(asprintf(&e.text, "%.*s=%s", (int)n_name, name, value) >= 0);
    vec_push(&b->all, e);
}

static void put(void *arg, const char *name, const char *value)
{
    struct builder *b = arg;
    if (environ_name_ok(name, strlen(name)))
        add(b, name, strlen(name), value);
    else if (!b->bad)
        b->bad = name;
}

/* --- the base ------------------------------------------------------------------------------- */

static bool is_one_of(struct str name, const char *const *names)
{
    for (; *names; names++)
        if (str_eqz(name, *names))
            return true;
    return false;
}

/* What Belfry's own manager told Belfry alone would mislead a program. */
static bool inherited(struct str name, bool clean)
{
    static const char *const kept[] = {"PATH", "LANG", NULL};
    static const char *const ours[] = {"NOTIFY_SOCKET",
                                       "WATCHDOG_USEC",
                                       "WATCHDOG_PID",
                                       "LISTEN_FDS",
                                       "LISTEN_PID",
                                       "LISTEN_FDNAMES",
                                       "INVOCATION_ID",
                                       "JOURNAL_STREAM",
                                       "SYSTEMD_EXEC_PID",
                                       "MAINPID",
                                       "MANAGERPID",
                                       "FDSTORE",
                                       "MEMORY_PRESSURE_WATCH",
                                       "MEMORY_PRESSURE_WRITE",
                                       "CREDENTIALS_DIRECTORY",
                                       "RUNTIME_DIRECTORY",
                                       "STATE_DIRECTORY",
                                       "CACHE_DIRECTORY",
                                       "LOGS_DIRECTORY",
                                       "CONFIGURATION_DIRECTORY",
                                       NULL};
    if (clean)
        return is_one_of(name, kept);
    return !str_starts(name, STR("BELFRY_")) && !is_one_of(name, ours);
}

static void add_base(struct builder *b, const struct environ_spec *s)
{
    const char *const *base = s->base ? s->base : (const char *const *)environ;
    add(b, "PATH", 4, ENVIRON_PATH);
    for (; base && *base; base++) {
        struct str name, value;
        if (str_cut(str_of(*base), '=', &name, &value) && name.n > 0 && inherited(name, s->clean))
            add(b, name.p, name.n, value.p);
    }
}

/* A user without a name (a number given by hand, a container) has no home either. */
static void add_user(struct builder *b, const struct spawn_user *user)
{
    const struct passwd *pw = getpwuid(user ? user->uid : getuid());
    if (!pw)
        return;
    add(b, "HOME", 4, pw->pw_dir && *pw->pw_dir ? pw->pw_dir : "/");
    add(b, "USER", 4, pw->pw_name);
    add(b, "LOGNAME", 7, pw->pw_name);
    add(b, "SHELL", 5, pw->pw_shell && *pw->pw_shell ? pw->pw_shell : "/bin/sh");
}

static int add_file(struct builder *b, const char *path, struct err *err)
{
    struct buf text = BUF_INIT(ENVIRON_FILE_MAX);
    if (!path || !*path)
        return 0;
    int rc = fs_read_regular(path, &text, err);
    if (rc == 0 && text.len > 0)
        rc = environ_parse(text.data, text.len, put, b, err);
    if (rc < 0 && err && err->at_line > 0)
        err_where(err, path, err->at_line, err->at_column);
    buf_done(&text);
    return rc;
}

static void add_ours(struct builder *b, const struct environ_spec *s)
{
    char number[24];
    snprintf(number, sizeof(number), "%lld", (long long)s->watchdog_us);
    if (s->unit)
        put(b, "BELFRY_UNIT", s->unit);
    if (s->instance)
        put(b, "BELFRY_INSTANCE", s->instance);
    if (s->notify_socket)
        put(b, "NOTIFY_SOCKET", s->notify_socket);
    if (s->watchdog_us > 0)
        put(b, "WATCHDOG_USEC", number);
}

/* --- the result ----------------------------------------------------------------------------- */

/* By name; of one name the later first. */
static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    size_t n = x->n_name < y->n_name ? x->n_name : y->n_name;
    int rc = memcmp(x->text, y->text, n);
    if (rc == 0)
        rc = (x->n_name > y->n_name) - (x->n_name < y->n_name);
    return rc ? rc : (x->order < y->order) - (x->order > y->order);
}

static bool same_name(const struct entry *a, const struct entry *b)
{
    return a->n_name == b->n_name && memcmp(a->text, b->text, a->n_name) == 0;
}

/* Pointers first, the texts behind them. */
static char **flatten(struct builder *b)
{
    size_t kept = 0, bytes = 0;
    if (b->all.n > 0)
        qsort(b->all.at, b->all.n, sizeof(*b->all.at), compare);
    for (size_t i = 0; i < b->all.n; i++) {
        if (kept > 0 && same_name(&b->all.at[i], &b->all.at[kept - 1])) {
            free(b->all.at[i].text);
            continue;
        }
        b->all.at[kept++] = b->all.at[i];
        bytes += strlen(b->all.at[i].text) + 1;
    }
    b->all.n = kept;
    char **out = malloc((kept + 1) * sizeof(*out) + bytes);
    must(out != NULL);
    char *at = (char *)(out + kept + 1);
    for (size_t i = 0; i < kept; i++) {
        out[i] = at;
        at = stpcpy(at, b->all.at[i].text) + 1;
    }
    out[kept] = NULL;
    return out;
}

char **environ_build(const struct environ_spec *s, struct err *err)
{
    struct builder b = {0};
    char **out = NULL;
    add_base(&b, s);
    add_user(&b, s->user);
    int rc = add_file(&b, s->file, err);
    for (size_t i = 0; rc == 0 && i < s->n_pairs; i++)
        put(&b, s->pairs[i].name, s->pairs[i].value);
    if (rc == 0 && b.bad)
        err_set(err, ERR_INVALID, "\"%s\" is no name of an environment variable", b.bad);
    add_ours(&b, s);
    if (rc == 0 && !b.bad)
        out = flatten(&b);
    vec_each (&b.all, e)
        free(e->text);
    vec_done(&b.all);
    return out;
}

const char *environ_get(const char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; env && *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}
