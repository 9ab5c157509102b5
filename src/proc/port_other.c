/* Systems other than Linux: what spawn.c, reap.c and supervisor.c do without. Deaths are told by
 * SIGCHLD alone, children notice the warden's death by getppid, memory is bounded by rlimits. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "proc/adopt_priv.h"
#include "proc/cgroup.h"
#include "proc/notify.h"
#include "proc/proc_priv.h"
#include "proc/procid.h"
#include "proc/tree.h"
#include "proc/usage.h"

static int unsupported(void)
{
    errno = ENOSYS;
    return -1;
}

pid_t proc__birth(int cgroup, bool share, void (*fn)(void *arg), void *arg)
{
    if (cgroup >= 0)
        return unsupported();
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    fn(arg);
    _exit(127);
}

bool proc__may_share(bool other_user)
{
    return false;
}

int proc__become_root(void)
{
    return seteuid(0);
}

/* As root setuid changes all three ids. */
int proc__become(uid_t uid, gid_t gid, const gid_t *groups, int n)
{
    if (groups && setgroups(n, groups) < 0)
        return -1;
    return setgid(gid) < 0 || setuid(uid) < 0 ? -1 : 0;
}

/* There is no such promise here: set-user-id programs work as they do from a shell. */
int proc__no_new_privs(void)
{
    return 0;
}

int proc__io_priority(int io_class, int level)
{
    return unsupported();
}

int proc__oom_score(int score)
{
    return unsupported();
}

void proc__close_rest(void)
{
    enum { USUAL = 256 };
    for (int fd = 3; fd < USUAL; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int proc__death_signal(int signo, pid_t parent)
{
    return 0;
}

int proc__lower(uid_t uid, gid_t gid)
{
    return setegid(gid) < 0 || setreuid(uid, uid) < 0 ? -1 : 0; /* the saved id stays root's */
}

void proc__plain_hidden_signals(void)
{
}

int proc__caps_before_user(unsigned caps)
{
    return 0;
}

int proc__caps_after_user(unsigned caps)
{
    return 0;
}

int proc__pidfd(pid_t pid)
{
    return -1;
}

int proc__gather(void)
{
    return -1;
}

int proc__gather_add(int gather, int fd, pid_t pid)
{
    return -1;
}

bool proc__gather_next(int gather, pid_t *pid)
{
    return false;
}

bool proc__take_orphans(void)
{
    return false;
}

bool proc__children_are(bool (*known)(void *arg, pid_t pid), void *arg)
{
    return false;
}

bool proc__is_users(pid_t pid, uid_t user)
{
    return false;
}

uint32_t process_open_files(pid_t pid)
{
    return 0;
}

struct process_memory process_memory(pid_t pid)
{
    return (struct process_memory){0};
}

bool machine_cpu(uint64_t *busy, uint64_t *all)
{
    return false;
}

double machine_memory_percent(void)
{
    return -1;
}

bool process_usage(pid_t pid, struct process_usage *out)
{
    return false;
}

uint64_t process_start_time(pid_t pid)
{
    return 0;
}

bool process_is(pid_t pid, uint64_t start_time)
{
    return false;
}

/* --- adoption, trees, cgroups, notification: what Linux has ---------------------------------- */

int64_t adopt__started_ms(uint64_t start_time)
{
    return 0;
}

bool adopt__search(const struct unit_adopt *a, struct spawn_id *out)
{
    return false;
}

/* A unit leads its session, so its process group has its number. */
size_t tree_scan_signal(struct tree_scan *scan, const struct tree *t, int signo)
{
    return t->main.pid > 1 && kill(-t->main.pid, signo) == 0 ? 1 : 0;
}

size_t tree_scan_count(struct tree_scan *scan, const struct tree *t)
{
    return tree_scan_signal(scan, t, 0);
}

size_t tree_signal(const struct tree *t, int signo)
{
    return tree_scan_signal(NULL, t, signo);
}

size_t tree_count(const struct tree *t)
{
    return tree_scan_count(NULL, t);
}

bool tree_marked(const struct tree *t, pid_t pid)
{
    return false;
}

struct tree_scan *tree_scan_new(void)
{
    return NULL;
}

void tree_scan_free(struct tree_scan **s)
{
    *s = NULL;
}

void tree_usage(const struct tree *trees, size_t n, struct tree_usage *out)
{
    memset(out, 0, n * sizeof(*out));
}

struct cgroup_base *cgroup_open(const char *root, const char *instance, struct err *err)
{
    err_set(err, ERR_UNSUPPORTED, "there are no cgroups on this system");
    return NULL;
}

void cgroup_close(struct cgroup_base **b)
{
    *b = NULL;
}

bool cgroup_has(const struct cgroup_base *b, const char *controller)
{
    return false;
}

int cgroup_unit(struct cgroup_base *b, const char *unit, const struct cgroup_limits *l, char **path,
                const char **missing, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "there are no cgroups on this system");
}

void cgroup_unit_remove(struct cgroup_base *b, const char *unit)
{
}

int cgroup_unit_kill(const char *path)
{
    return -1;
}

uint64_t cgroup_oom_kills(const char *path)
{
    return 0;
}

double cgroup_cpu_seconds(const char *path)
{
    return -1;
}

int notify_open(const char *token, const char *unit, char **address, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "there is no sd_notify on this system");
}

bool notify_next(int fd, uid_t user, struct notify_message *out, pid_t *pid)
{
    return false;
}
