/* Trees of processes by /proc and cgroup.procs (tree.h): who is in one, and signals to all of it.
 * Called by the supervisor in the warden. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/must.h"
#include "base/str.h"
#include "proc/cgroup_priv.h"
#include "proc/proc_priv.h"
#include "proc/spawn.h"
#include "proc/tree_priv.h"

/* --- what processes say of themselves ------------------------------------------------------- */

static void take_value(struct str entry, struct str name, char *out)
{
    if (!str_starts(entry, name) || entry.n - name.n >= TREE_COOKIE_SIZE)
        return;
    memcpy(out, entry.p + name.n, entry.n - name.n);
    out[entry.n - name.n] = '\0';
}

bool tree__cookie_parse(const char *text, size_t n, char *unit, char *instance)
{
    struct str rest = {text, n}, entry;
    *unit = *instance = '\0';
    while (str_next(&rest, '\0', &entry)) {
        take_value(entry, STR("BELFRY_UNIT="), unit);
        take_value(entry, STR("BELFRY_INSTANCE="), instance);
    }
    return *unit != '\0';
}

/* False also when it is another user's and we may not look, or a thread of the kernel. */
static bool read_cookie(pid_t pid, char *unit, char *instance)
{
    enum { ENVIRON_MAX = 256 << 10 };
    char path[PROC_PATH_SIZE];
    struct buf text = BUF_INIT(ENVIRON_MAX);
    proc__path(path, pid, "environ");
    fs_read(path, &text, NULL); /* of a larger one the first part will do */
    bool found = text.len > 0 && tree__cookie_parse(text.data, text.len, unit, instance);
    buf_done(&text);
    return found;
}

bool tree_marked(const struct tree *t, pid_t pid)
{
    char unit[TREE_COOKIE_SIZE], instance[TREE_COOKIE_SIZE];
    if (!t->cookie || !read_cookie(pid, unit, instance) || strcmp(unit, t->cookie) != 0)
        return false;
    return !t->instance || strcmp(instance, t->instance) == 0;
}

/* --- scans ---------------------------------------------------------------------------------- */

struct cookie {
    bool asked;
    char *unit, *instance; /* NULL: none */
};

struct tree_scan {
    uint32_t magic;
    struct proc_list list;
    struct cookie *cookies; /* as list, each read when it is asked for */
    uint32_t *owner;        /* as list */
};
#define SCAN_MAGIC 0x54524545u

static bool cookie_of(void *arg, pid_t pid, char *unit, char *instance)
{
    struct tree_scan *scan = arg;
    const struct proc_stat *s = proc__list_find(&scan->list, pid);
    must(s != NULL);
    struct cookie *c = &scan->cookies[s - scan->list.all.at];
    if (c->asked && !c->unit)
        return false;
    if (c->asked) {
        memcpy(unit, c->unit, strlen(c->unit) + 1);
        memcpy(instance, c->instance, strlen(c->instance) + 1);
        return true;
    }
    c->asked = true;
    if (!read_cookie(pid, unit, instance))
        return false;
    c->unit = strdup(unit);
    c->instance = strdup(instance);
    must(c->unit && c->instance);
    return true;
}

static bool pids_of_cgroup(void *arg, const char *path, void (*each)(void *to, pid_t pid), void *to)
{
    return cgroup__each(path, each, to);
}

struct tree_scan *tree_scan_new(void)
{
    struct tree_scan *scan = calloc(1, sizeof(*scan));
    must(scan != NULL);
    scan->magic = SCAN_MAGIC;
    proc__list(&scan->list);
    scan->cookies = calloc(scan->list.all.n + 1, sizeof(*scan->cookies));
    scan->owner = calloc(scan->list.all.n + 1, sizeof(*scan->owner));
    must(scan->cookies && scan->owner);
    return scan;
}

void tree_scan_free(struct tree_scan **sp)
{
    struct tree_scan *scan = *sp;
    *sp = NULL;
    if (!scan)
        return;
    check_magic(scan, SCAN_MAGIC);
    for (size_t i = 0; i < scan->list.all.n; i++) {
        free(scan->cookies[i].unit);
        free(scan->cookies[i].instance);
    }
    free(scan->cookies);
    free(scan->owner);
    proc__list_done(&scan->list);
    scan->magic = 0;
    free(scan);
}

const uint32_t *tree__scan_mark(struct tree_scan *scan, const struct tree *trees, size_t n,
                                const struct proc_list **list)
{
    check_magic(scan, SCAN_MAGIC);
    const struct tree_source source = {cookie_of, pids_of_cgroup, getpid(), scan};
    tree__mark(trees, n, &scan->list, &source, scan->owner);
    *list = &scan->list;
    return scan->owner;
}

/* --- one tree ------------------------------------------------------------------------------- */

static void add_living(void *to, pid_t pid)
{
    struct proc_list *out = to;
    struct proc_stat s;
    if (pid != getpid() && proc__stat(pid, &s) && !proc__dead(&s))
        vec_push(&out->all, s);
}

/* Without looking at the rest of the machine. */
static bool members_by_cgroup(const struct tree *t, struct proc_list *out)
{
    if (!t->cgroup || !cgroup__each(t->cgroup, add_living, out))
        return false;
    proc__list_sort(out);
    if (process_is(t->main.pid, t->main.start_time) && !proc__list_find(out, t->main.pid)) {
        add_living(out, t->main.pid);
        proc__list_sort(out);
    }
    return true;
}

static void members_by_scan(struct tree_scan *scan, const struct tree *t, struct proc_list *out)
{
    const struct proc_list *list;
    const uint32_t *owner = tree__scan_mark(scan, t, 1, &list);
    for (size_t i = 0; i < list->all.n; i++)
        if (owner[i] == 0 && !proc__dead(&list->all.at[i]))
            vec_push(&out->all, list->all.at[i]);
}

/* The living processes of it; scan NULL: one is made if it is needed. */
static void members(struct tree_scan *scan, const struct tree *t, struct proc_list *out)
{
    *out = (struct proc_list){0};
    if (members_by_cgroup(t, out))
        return;
    struct tree_scan *own = scan ? NULL : tree_scan_new();
    members_by_scan(scan ? scan : own, t, out);
    tree_scan_free(&own);
}

size_t tree_scan_count(struct tree_scan *scan, const struct tree *t)
{
    struct proc_list in;
    bool raised = proc__raise();
    members(scan, t, &in);
    proc__unraise(raised);
    size_t n = in.all.n;
    proc__list_done(&in);
    return n;
}

size_t tree_count(const struct tree *t)
{
    return tree_scan_count(NULL, t);
}

/* --- signals -------------------------------------------------------------------------------- */

static size_t send_all(const struct proc_list *to, int signo)
{
    size_t n = 0;
    vec_each (&to->all, s) {
        n += proc__signal_exact(s->pid, s->start_time, signo);
        if (s->state == 'T' && signo != SIGSTOP && signo != SIGKILL)
            proc__signal_exact(s->pid, s->start_time, SIGCONT);
    }
    return n;
}

/* Those of `now` that are not in `before`, by number and start time. */
static struct proc_list newcomers(const struct proc_list *now, const struct proc_list *before)
{
    struct proc_list out = {0};
    vec_each (&now->all, s) {
        const struct proc_stat *b = proc__list_find(before, s->pid);
        if (!b || b->start_time != s->start_time)
            vec_push(&out.all, *s);
    }
    return out;
}

/* What is stopped forks no more, and still fills its user's RLIMIT_NPROC. So each round finds only
 * what was forked before the last ones were stopped; when one finds nothing new, all are in hand, and
 * die together. But who was inside fork() when it was stopped finishes that first, and its child may
 * appear after that last look; SIGKILL alone ends such a fork. So there is another look after the
 * killing, and what it finds is treated alike. A process alone is killed at once.
 *
 * Not by cgroup.kill: kernels that count kills (kill_seq, Linux 6.15 and earlier ones mended
 * with it) compare the caller's count with the folder's when clone3 starts a child in the
 * folder, so that after one such kill every successor would be killed at birth. */
static size_t kill_all(const struct tree *t)
{
    enum { ROUNDS = 200 };
    struct proc_list held = {0}, now;
    size_t most = 0;
    bool killed = false, done = false;
    for (int round = 0; round < ROUNDS && !done; round++) {
        members(NULL, t, &now);
        struct proc_list fresh = newcomers(&now, &held);
        bool calm = fresh.all.n == 0, alone = round == 0 && now.all.n == 1;
        done = calm && killed;
        killed = calm || alone;
        send_all(calm ? &now : &fresh, killed ? SIGKILL : SIGSTOP);
        proc__list_done(&fresh);
        proc__list_done(&held);
        held = now;
        most = held.all.n > most ? held.all.n : most;
    }
    send_all(&held, SIGKILL);
    proc__list_done(&held);
    return most;
}

static size_t signal_all(struct tree_scan *scan, const struct tree *t, int signo)
{
    struct proc_list in;
    members(scan, t, &in);
    size_t n = send_all(&in, signo);
    proc__list_done(&in);
    return n;
}

size_t tree_scan_signal(struct tree_scan *scan, const struct tree *t, int signo)
{
    bool raised = proc__raise();
    size_t n = signo == SIGKILL ? kill_all(t) : signal_all(scan, t, signo);
    proc__unraise(raised);
    return n;
}

size_t tree_signal(const struct tree *t, int signo)
{
    return tree_scan_signal(NULL, t, signo);
}
