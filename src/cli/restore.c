/* belfry restore: a backup back into the data directory of a Belfry that does not run. Everything is unpacked beside it and
 * checked first; then the two directories change places in one step. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/must.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/unpack.h"
#include "config/config.h"
#include "core/hooks.h"
#include "store/store.h"

static const char help[] =
    "usage: belfry restore FILE|- [-c FILE | --data-dir DIR]\n\n"
    "Brings a backup (belfry backup) back. Belfry must not run. What was in the data directory is kept beside it as\n"
    "DIR.before-TIME. A backup without a key needs the one that sealed its secrets: data/secret.key is taken over.\n\n"
    "options: -c FILE\n";

struct restoring {
    const char *from;
    char *dir, *fresh; /* DIR, DIR.restore */
    bool there;        /* DIR exists */
    int lock_fd;
    uid_t uid;
    gid_t gid;
    struct unpacked got;
};

/* --- where --- */

static char *data_dir_of(const char *config, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    struct config_input in = {.path = config};
    problems_init(&p, a);
    struct config *cfg = config_load(&in, core_config_hooks(), &p);
    char *dir = cfg ? strdup(cfg->data_dir) : NULL;
    if (!cfg)
        err_set(err, ERR_INVALID, "cannot read %s: %s (or use --data-dir DIR)", config,
                p.list.n ? p.list.at[0].message : "invalid");
    problems_done(&p);
    config_unref(&cfg);
    return dir;
}

static int look_at_target(struct restoring *r, struct err *err)
{
    struct stat st;
    r->there = stat(r->dir, &st) == 0;
    r->uid = (uid_t)-1;
    if (!r->there)
        return 0;
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is no directory", r->dir);
    if (geteuid() == 0) {
        r->uid = st.st_uid;
        r->gid = st.st_gid;
    }
    pid_t holder = 0;
    struct err fault = {0};
    char *run = path_join(r->dir, "run"), *pidfile = path_join(run, "belfry.pid");
    if (fs_exists(run) && (r->lock_fd = fs_lock_pidfile(pidfile, &holder, &fault)) < 0)
        err_set(err, ERR_CONFLICT, "Belfry runs in %s (process %d); stop it first: belfry stop",
                r->dir, (int)holder);
    free(run);
    free(pidfile);
    return fault.code == ERR_OK ? 0 : -1;
}

/* --- what --- */

static int feed(struct unpack *u, int fd, struct err *err)
{
    char chunk[65536];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, ERR_IO, "cannot read the backup");
        if (n == 0)
            return 0;
        if (unpack_feed(u, chunk, (size_t)n, err) != 0)
            return -1;
    }
}

static int unpack_all(struct restoring *r, struct err *err)
{
    bool input = streq(r->from, "-");
    cleanup(fd_closep) int fd = input ? dup(STDIN_FILENO) : open(r->from, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, ERR_IO, "cannot read %s", r->from);
    if (fs_remove_tree(r->fresh, err) != 0 || fs_mkdirs(r->fresh, 0700, err) != 0)
        return -1;
    if (r->uid != (uid_t)-1 && chown(r->fresh, r->uid, r->gid) != 0)
        return err_sys(err, ERR_IO, "cannot give %s its owner", r->fresh);
    struct unpack *u = unpack_new(r->fresh, r->uid, r->gid);
    int rc = feed(u, fd, err);
    if (rc == 0)
        rc = unpack_end(u, &r->got, err);
    unpack_free(&u);
    return rc == 0 ? 0 : err_prefix(err, "%s", r->from);
}

/* The present key opens what it sealed, whenever that was. */
static int keep_key(const struct restoring *r, struct err *err)
{
    if (r->got.has_key || !r->there)
        return 0;
    char *old = path_join(r->dir, "secret.key"), *new = path_join(r->fresh, "secret.key");
    struct buf text = BUF_INIT(65536);
    int rc = 0;
    if (fs_exists(old))
        rc = fs_read_regular(old, &text, err);
    if (rc == 0 && text.len > 0)
        rc = fs_write_atomic(new, text.data, text.len, 0600, true, err);
    if (rc == 0 && text.len > 0 && r->uid != (uid_t)-1 && chown(new, r->uid, r->gid) != 0)
        rc = err_sys(err, ERR_IO, "cannot give %s its owner", new);
    buf_done(&text);
    free(old);
    free(new);
    return rc;
}

static int verify(const struct restoring *r, struct err *err)
{
    char *db = path_join(r->fresh, "belfry.db");
    int rc = store_verify(db, err);
    free(db);
    return rc;
}

/* --- in its place --- */

static char *name_for_old(const char *dir)
{
    char *name;
    must(asprintf(&name, "%s.before-%lld", dir, (long long)(clock_wall_ms() / 1000)) > 0);
    return name;
}

static int exchange(const struct restoring *r, const char *old, struct err *err)
{
#ifdef __linux__
    if (renameat2(AT_FDCWD, r->fresh, AT_FDCWD, r->dir, RENAME_EXCHANGE) == 0)
        return rename(r->fresh, old) == 0 ? 0 : err_sys(err, ERR_IO, "cannot rename %s", r->fresh);
    if (errno != EINVAL && errno != ENOSYS)
        return err_sys(err, ERR_IO, "cannot put %s into its place%s", r->dir,
                       errno == EBUSY ? " (it is a mount point: want a directory inside of it)"
                                      : "");
#endif
    if (rename(r->dir, old) != 0 || rename(r->fresh, r->dir) != 0)
        return err_sys(err, ERR_IO, "cannot put %s into its place (what was there: %s)", r->dir,
                       old);
    return 0;
}

static int put_in_place(const struct restoring *r, struct err *err)
{
    char *old = name_for_old(r->dir);
    int rc = 0;
    if (r->there)
        rc = exchange(r, old, err);
    else if (rename(r->fresh, r->dir) != 0)
        rc = err_sys(err, ERR_IO, "cannot put %s into its place", r->dir);
    if (rc == 0)
        sync();
    if (rc == 0 && r->there && rmdir(old) != 0)
        fprintf(stderr, "what was there is kept: %s\n", old);
    free(old);
    return rc;
}

static int restore(struct restoring *r, struct err *err)
{
    if (look_at_target(r, err) != 0 || unpack_all(r, err) != 0 || verify(r, err) != 0 ||
        keep_key(r, err) != 0)
        return -1;
    return put_in_place(r, err);
}

static void tell(const struct restoring *r)
{
    printf("%s: the backup of %s (Belfry %s), %.1f MB%s\n", r->dir, r->got.created_at,
           r->got.written_by, (double)r->got.bytes / 1e6, r->got.has_series ? "" : ", no series");
    char *key = path_join(r->dir, "secret.key");
    if (!fs_exists(key))
        fprintf(stderr,
                "belfry: there is no %s: secrets stay sealed until the key %s is put there\n", key,
                r->got.key_id);
    free(key);
}

int cmd_restore(int argc, char **argv)
{
    struct client_args args;
    struct err err = {0};
    client_args(argc, argv, &args);
    const char *dir = args_take(&args, "--data-dir");
    bool right = args.argc == 2 && (args.argv[1][0] != '-' || streq(args.argv[1], "-"));
    if (args.help || !right) {
        fputs(help, args.help ? stdout : stderr);
        return args.help ? EXIT_GOOD : EXIT_USAGE;
    }
    struct restoring r = {.from = args.argv[1], .lock_fd = -1};
    r.dir = dir ? strdup(dir) : data_dir_of(args.config, &err);
    if (!r.dir)
        return client_fail(&err);
    size_t room = strlen(r.dir) + sizeof(".restore");
    r.fresh = malloc(room);
    must(r.fresh != NULL);
    snprintf(r.fresh, room, "%s.restore", r.dir);
    int rc = restore(&r, &err);
    if (rc != 0)
        fs_remove_tree(r.fresh, NULL);
    else
        tell(&r);
    fd_closep(&r.lock_fd);
    free(r.dir);
    free(r.fresh);
    return rc == 0 ? EXIT_GOOD : client_fail(&err);
}
