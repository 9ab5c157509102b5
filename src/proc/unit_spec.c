/* Copies of unit specifications, so that the owner's may go, and whether two of them run the
 * same program. Called by supervisor.c and unit.c; no state. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/str.h"
#include "proc/supervisor_priv.h"

#define FIRST_BLOCK 256 /* a few strings; the environment takes further ones */

static const char *copy(struct arena *a, const char *text)
{
    return text ? arena_strdup(a, text) : NULL;
}

static const char *const *copy_list(struct arena *a, const char *const *list)
{
    if (!list)
        return NULL;
    size_t n = 0;
    while (list[n])
        n++;
    const char **to = arena_array_of(a, const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        to[i] = arena_strdup(a, list[i]);
    return to;
}

static void copy_spawn(struct arena *a, struct spawn *p)
{
    p->path = arena_strdup(a, p->path);
    p->argv = copy_list(a, p->argv);
    p->env = copy_list(a, p->env);
    p->dir = copy(a, p->dir);
    p->cgroup = copy(a, p->cgroup);
    if (p->user)
        p->user = arena_memdup(a, p->user, sizeof(*p->user));
}

struct arena *unit_spec__copy(struct unit_spec *out, const struct unit_spec *from)
{
    struct arena *a = arena_new_sized(FIRST_BLOCK);
    must(from->name && strlen(from->name) <= UNIT_NAME_MAX && from->spawn.path && from->spawn.argv);
    *out = *from;
    out->name = arena_strdup(a, from->name);
    copy_spawn(a, &out->spawn);
    out->pre_start = copy_list(a, from->pre_start);
    out->post_stop = copy_list(a, from->post_stop);
    out->after = copy_list(a, from->after);
    out->requires = copy_list(a, from->requires);
    out->adopt.what = copy(a, from->adopt.what);
    if (from->n_ok_statuses > 0)
        out->ok_statuses =
            arena_memdup(a, from->ok_statuses, from->n_ok_statuses * sizeof(*from->ok_statuses));
    if (out->stop_signal == 0)
        out->stop_signal = SIGTERM;
    if (out->check_ms == 0)
        out->check_ms = CHECK_MS;
    return a;
}

static bool same_list(const char *const *a, const char *const *b)
{
    if (!a || !b)
        return a == b;
    for (; *a && *b; a++, b++)
        if (!streq(*a, *b))
            return false;
    return *a == *b;
}

static bool same_user(const struct spawn_user *a, const struct spawn_user *b)
{
    if (!a || !b)
        return a == b;
    return a->uid == b->uid && a->gid == b->gid && a->n_groups == b->n_groups &&
           memcmp(a->groups, b->groups, a->n_groups * sizeof(a->groups[0])) == 0;
}

static bool same_limits(const struct spawn_limits *a, const struct spawn_limits *b)
{
    return a->address_space == b->address_space && a->data == b->data &&
           a->open_files == b->open_files && a->processes == b->processes && a->stack == b->stack &&
           a->file_size == b->file_size && a->locked_memory == b->locked_memory &&
           a->cpu_seconds == b->cpu_seconds && a->core_size == b->core_size &&
           a->no_core == b->no_core;
}

static bool same_priority(const struct spawn_priority *a, const struct spawn_priority *b)
{
    return a->has_nice == b->has_nice && a->nice == b->nice && a->io_class == b->io_class &&
           a->io_level == b->io_level && a->has_oom_score == b->has_oom_score &&
           a->oom_score == b->oom_score;
}

bool unit_spec__same_program(const struct unit_spec *a, const struct unit_spec *b)
{
    const struct spawn *p = &a->spawn, *q = &b->spawn;
    return streq(p->path, q->path) && same_list(p->argv, q->argv) && same_list(p->env, q->env) &&
           streq(p->dir, q->dir) && same_user(p->user, q->user) && p->caps == q->caps &&
           same_limits(&p->limits, &q->limits) && same_priority(&p->priority, &q->priority) &&
           p->has_umask == q->has_umask && (!p->has_umask || p->umask == q->umask) &&
           p->no_new_privs == q->no_new_privs && streq(p->cgroup, q->cgroup) &&
           p->group == q->group && same_list(a->pre_start, b->pre_start) &&
           a->adopt.kind == b->adopt.kind && streq(a->adopt.what, b->adopt.what);
}

bool unit_spec__ok(const struct unit_spec *spec, int status)
{
    if (status == UNIT_STATUS_UNKNOWN || !WIFEXITED(status))
        return false;
    for (uint32_t i = 0; i < spec->n_ok_statuses; i++)
        if (spec->ok_statuses[i] == WEXITSTATUS(status))
            return true;
    return spec->n_ok_statuses == 0 && WEXITSTATUS(status) == 0;
}
