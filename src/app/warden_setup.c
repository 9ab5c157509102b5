/* The warden before its first child: folders, the user, the lock, the log. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/warden.h"
#include "app/warden_inherit.h"
#include "base/fs.h"
#include "proc/signals.h"

/* Gives what root made to the user. Only inside folders that still are root's: in the user's own, a name could
 * be changed under our hands. */
static void give_away(const char *path, const struct spawn_user *u, int depth)
{
    struct stat st;
    if (lstat(path, &st) < 0 || st.st_uid != 0 || u->uid == 0)
        return;
    DIR *dir = S_ISDIR(st.st_mode) && depth < 4 ? opendir(path) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *child = path_join(path, e->d_name);
        give_away(child, u, depth + 1);
        free(child);
    }
    if (dir)
        closedir(dir);
    if ((S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink == 1)) &&
        lchown(path, u->uid, u->gid) < 0)
        fprintf(stderr, "belfry: cannot give %s to user %u: %s\n", path, (unsigned)u->uid,
                strerror(errno));
}

static int make_folders(const struct warden *w, struct err *err)
{
    static const char *const in_run[] = {"assign", "beat", "out", "rings"};
    char *watchdog = path_join(w->cfg->log_dir, "watchdog");
    int rc = fs_mkdirs(w->cfg->data_dir, 0750, err) < 0 || fs_mkdirs(w->run_dir, 0700, err) < 0 ||
                     fs_mkdirs(w->crash_dir, 0700, err) < 0 || fs_mkdirs(watchdog, 0755, err) < 0
                 ? -1
                 : 0;
    free(watchdog);
    for (size_t i = 0; rc == 0 && i < array_len(in_run); i++) {
        char *path = path_join(w->run_dir, in_run[i]);
        rc = fs_mkdirs(path, 0700, err);
        free(path);
    }
    return rc;
}

/* From here on we are the user, with the right to become root again in a child (spawn.h). */
static int become_user(struct warden *w, struct err *err)
{
    if (geteuid() != 0 || !w->cfg->user || !*w->cfg->user)
        return 0;
    struct spawn_user u;
    if (spawn_user_find(w->cfg->user, &u, err) < 0)
        return -1;
    w->user = malloc(sizeof(u));
    must(w->user);
    *w->user = u;
    give_away(w->cfg->data_dir, &u, 0);
    give_away(w->cfg->log_dir, &u, 0);
    return u.uid == 0 ? 0 : spawn_lower(&u, err);
}

/* Our predecessor in this very process held it and did not let go. */
static int inherited_lock(struct warden *w, const char *path)
{
    struct stat held, there;
    int fd = inherit_take(w->inherited, "lock", "-", NULL);
    if (fd < 0)
        return -1;
    if (fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino &&
        held.st_dev == there.st_dev)
        return fd;
    close(fd);
    return -1;
}

static int take_lock(struct warden *w, struct err *err)
{
    char *path = path_join(w->run_dir, "belfry.pid");
    pid_t holder = 0;
    w->lock = inherited_lock(w, path);
    if (w->lock < 0)
        w->lock = fs_lock_pidfile(path, &holder, err);
    free(path);
    if (w->lock >= 0)
        return 0;
    if (err->code == ERR_CONFLICT)
        err_set(err, ERR_CONFLICT, "Belfry is already running with the data in %s: process %ld",
                w->cfg->data_dir, (long)holder);
    return -1;
}

static int open_log(const struct warden *w, struct err *err)
{
    char *dir = path_join(w->cfg->log_dir, "watchdog"), *file = path_join(dir, "watchdog.log");
    struct log_config log = {.level = w->cfg->log_level,
                             .format = w->cfg->log_format,
                             .component = "warden",
                             .file = file,
                             .keep_days = w->cfg->log_keep_days,
                             .also_stderr = w->cfg->foreground};
    int rc = log_open(&log, err);
    free(dir);
    free(file);
    return rc;
}

/* Four descriptors a program (warden_pipes.c, the reaper's). */
void warden_raise_files(struct warden *w, bool raise)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return;
    if (raise)
        w->files_soft = l.rlim_cur;
    l.rlim_cur = raise ? l.rlim_max : w->files_soft;
    if (setrlimit(RLIMIT_NOFILE, &l) < 0)
        log_warn("cannot raise the limit of open files; fewer programs can run");
}

int warden_prepare(struct warden *w, struct err *err)
{
    umask(0077);
    signal(SIGPIPE, SIG_IGN);
    if (make_folders(w, err) < 0 || become_user(w, err) < 0)
        return -1;
    w->inherited = inherit_read(w->run_dir);
    if (take_lock(w, err) < 0 || open_log(w, err) < 0)
        return -1;
    warden_raise_files(w, true);
    reaper_take_orphans(w->reaper);
    static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    w->signals = signals_open(wanted, array_len(wanted), err);
    w->door = w->signals < 0 ? NULL : door_open(w->run_dir, err);
    return w->door ? 0 : -1;
}
