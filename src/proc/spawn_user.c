/* Users and groups by name, and a root that goes on as someone else (spawn.h). The warden's one
 * thread: seteuid speaks for the whole process. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/str.h"
#include "proc/proc_priv.h"
#include "proc/spawn.h"

static bool given(const char *text)
{
    return text && *text;
}

static void groups_of(const char *name, gid_t primary, struct spawn_user *out)
{
    int n = SPAWN_GROUPS_MAX;
    if (getgrouplist(name, primary, out->groups, &n) < 0 && n <= 0) {
        out->groups[0] = primary;
        n = 1;
    }
    out->n_groups = n > SPAWN_GROUPS_MAX ? SPAWN_GROUPS_MAX : (uint32_t)n;
}

static const struct passwd *find_user(const char *name)
{
    uint64_t number;
    const struct passwd *pw = getpwnam(name);
    if (!pw && str_to_u64(str_of(name), &number, NULL) == 0 && number < UINT32_MAX)
        pw = getpwuid((uid_t)number);
    return pw;
}

int spawn_user_find(const char *name, struct spawn_user *out, struct err *err)
{
    const struct passwd *pw = find_user(name);
    if (!pw)
        return err_set(err, ERR_NOT_FOUND, "there is no user \"%s\" on this machine", name);
    *out = (struct spawn_user){.uid = pw->pw_uid, .gid = pw->pw_gid};
    groups_of(pw->pw_name, pw->pw_gid, out);
    return 0;
}

static int find_group(const char *name, gid_t *out, struct err *err)
{
    uint64_t number;
    const struct group *gr = getgrnam(name);
    if (gr)
        *out = gr->gr_gid;
    else if (str_to_u64(str_of(name), &number, NULL) == 0 && number < UINT32_MAX)
        *out = (gid_t)number;
    else
        return err_set(err, ERR_NOT_FOUND, "there is no group \"%s\" on this machine", name);
    return 0;
}

/* The caller itself, as it runs: also where its user has no name. */
static int own_user(struct spawn_user *out, struct err *err)
{
    *out = (struct spawn_user){.uid = getuid(), .gid = getgid()};
    int n = getgroups(SPAWN_GROUPS_MAX, out->groups);
    if (n < 0)
        return err_sys(err, ERR_TOO_LARGE, "cannot tell our own groups");
    out->n_groups = (uint32_t)n;
    return 0;
}

static int set_groups(const struct spawn_user_names *names, struct spawn_user *u, struct err *err)
{
    if (names->n_groups >= SPAWN_GROUPS_MAX)
        return err_set(err, ERR_TOO_LARGE, "a unit cannot have %zu groups; at most %d",
                       names->n_groups, SPAWN_GROUPS_MAX - 1);
    u->groups[0] = u->gid;
    for (size_t i = 0; i < names->n_groups; i++)
        if (find_group(names->groups[i], &u->groups[i + 1], err) < 0)
            return -1;
    u->n_groups = (uint32_t)names->n_groups + 1;
    return 0;
}

int spawn_user_resolve(const struct spawn_user_names *names, struct spawn_user *out,
                       struct err *err)
{
    struct spawn_user u;
    if ((given(names->user) ? spawn_user_find(names->user, &u, err) : own_user(&u, err)) < 0)
        return -1;
    if (given(names->group)) {
        if (find_group(names->group, &u.gid, err) < 0)
            return -1;
        const struct passwd *pw = getpwuid(u.uid);
        if (pw)
            groups_of(pw->pw_name, u.gid, &u);
    }
    if (names->n_groups > 0 && set_groups(names, &u, err) < 0)
        return -1;
    *out = u;
    return 0;
}

int spawn_lower(const struct spawn_user *u, struct err *err)
{
    must(geteuid() == 0 && u->uid != 0);
    if (setgroups(u->n_groups, u->groups) < 0 || proc__lower(u->uid, u->gid) < 0)
        return err_sys(err, ERR_DENIED, "cannot become user %u", (unsigned)u->uid);
    return 0;
}

/* Real root needs nothing; a process that never was root cannot, and goes on. */
void spawn_raise(void)
{
    if (geteuid() != 0 && seteuid(0) < 0)
        return;
}

void spawn_unraise(void)
{
    if (geteuid() == 0 && getuid() != 0)
        must(seteuid(getuid()) == 0);
}

bool proc__raise(void)
{
    if (geteuid() == 0)
        return false;
    spawn_raise();
    return true;
}

void proc__unraise(bool raised)
{
    int saved = errno;
    if (raised)
        spawn_unraise();
    errno = saved;
}
