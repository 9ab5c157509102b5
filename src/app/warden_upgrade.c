/* The warden replaced by the program that lies on disk now: the same process, with the same children.
 *
 *     asked ──`config check` of the new program──▶ good ──watchers, core, output stop──▶ exec
 *                 └──bad: refused, all goes on                                  └──cannot: they are started again
 *
 * Programs run on meanwhile; their records are in data/run/table, their descriptors stay open (warden_inherit.h). Called by
 * warden.c's loop; the warden's one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/roles.h"
#include "app/warden_programs.h"
#include "base/clock.h"
#include "base/str.h"

#define CHECK_MS 60000

extern char **environ;

/* --- asking --------------------------------------------------------------------------------- */

static void refuse(struct warden *w, struct door_ticket to, enum err_code code, const char *why)
{
    log_error("no upgrade; the old program goes on", F_STR("reason", why));
    if (to.peer)
        door_answer(w->door, to, code, why);
}

static void add_check(struct warden *w)
{
    const char *argv[] = {"belfry", "config", "check", "-c", w->cfg->config_path, NULL};
    struct unit_spec spec = {.name = WARDEN_CHECK_KEY,
                             .spawn = {.path = w->cfg->program_path,
                                       .argv = argv,
                                       .user = w->user,
                                       .death_signal = SIGTERM,
                                       .group = SPAWN_NEW_GROUP,
                                       .in_fd = SPAWN_NULL,
                                       .out_fd = SPAWN_NULL},
                             .kind = UNIT_ONESHOT,
                             .autostart = true,
                             .policy = w->cfg->policy,
                             .restart = RESTART_NEVER,
                             .run_timeout_ms = CHECK_MS,
                             .stop_timeout_ms = 1000};
    spec.tag = warden_child_new(w, WARDEN_CHECK_KEY, "check of the new program");
    supervisor_add(w->supervisor, &spec, warden_now_ms());
}

void warden_ask_upgrade(struct warden *w, struct door_ticket from)
{
    check_magic(w, WARDEN_MAGIC);
    if (w->phase != WARDEN_RUNNING || w->checking) {
        refuse(w, from, ERR_BUSY, "it is stopping, or being upgraded already");
        return;
    }
    if (w->cfg->core_args) {
        refuse(w, from, ERR_UNSUPPORTED, "an agent is restarted instead: what it measured is kept");
        return;
    }
    log_info("upgrade asked for", F_STR("program", w->cfg->program_path));
    w->checking = true;
    w->upgrade_asked = from;
    add_check(w);
}

/* --- what the new program said -------------------------------------------------------------- */

void warden_check_ended(struct warden *w, const struct unit_death *d)
{
    char text[SPAWN_STATUS_SIZE];
    if (!w->checking)
        return;
    w->checking = false;
    w->check_over = true;
    w->upgrading = d->pid > 0 && WIFEXITED(d->status) && WEXITSTATUS(d->status) == 0;
    if (w->upgrading)
        return;
    snprintf(w->check_said, sizeof(w->check_said),
             "the new program does not accept the configuration: %s",
             d->pid > 0 ? spawn_status_text(d->status, text) : d->reason);
}

/* After supervisor_turn: units may be removed and stopped now. */
void warden_go_on_upgrading(struct warden *w)
{
    if (!w->check_over)
        return;
    w->check_over = false;
    supervisor_remove(w->supervisor, WARDEN_CHECK_KEY, warden_now_ms());
    warden_sweep(w);
    if (!w->upgrading) {
        refuse(w, w->upgrade_asked, ERR_INVALID, w->check_said);
        return;
    }
    if (w->phase != WARDEN_RUNNING) {
        w->upgrading = false;
        refuse(w, w->upgrade_asked, ERR_BUSY, "it is stopping");
        return;
    }
    if (w->upgrade_asked.peer)
        door_answer(w->door, w->upgrade_asked, ERR_OK, "");
    log_info("upgrading: core and watchers stop, programs run on");
    warden_stop_own(w);
}

/* --- exec ----------------------------------------------------------------------------------- */

/* exec makes the saved user id that of the effective one, and with it the way back to root would be gone. */
static void become_root_for_good(const struct warden *w)
{
    if (!w->user)
        return;
    spawn_raise();
    if (geteuid() == 0 && (setgid(0) < 0 || setuid(0) < 0))
        log_warn("cannot become root again before the upgrade");
}

static void become_user_again(const struct warden *w)
{
    struct err err = {0};
    if (w->user && geteuid() == 0 && spawn_lower(w->user, &err) < 0)
        log_error("the warden stays root", F_ERR(&err));
}

static int execute(struct warden *w, struct err *err)
{
    const char *const argv[] = {"belfry", "--role=warden", "-c", w->cfg->config_path, NULL};
    struct inherit *i = inherit_new();
    inherit_put(i, "lock", w->lock, "-", NULL);
    programs_pass_on(w->programs, i);
    int rc = inherit_write(i, w->run_dir, err);
    if (rc == 0) {
        log_info("executing the new program", F_STR("program", w->cfg->program_path));
        setenv(UPGRADED_ENV, w->cfg->version, 1);
        warden_raise_files(w, false);
        become_root_for_good(w);
        execve(w->cfg->program_path, (char *const *)argv, environ);
        rc = err_sys(err, ERR_IO, "cannot execute %s", w->cfg->program_path);
        become_user_again(w);
        warden_raise_files(w, true);
        unsetenv(UPGRADED_ENV);
        inherit_undo(i, w->run_dir);
    }
    inherit_free(&i);
    return rc;
}

void warden_execute(struct warden *w)
{
    struct err err = {0};
    check_magic(w, WARDEN_MAGIC);
    must(w->upgrading);
    execute(w, &err);
    log_error("the upgrade failed; the old program goes on", F_ERR(&err));
    w->upgrading = false;
    warden_start_own(w);
}

/* --- after it ------------------------------------------------------------------------------- */

void warden_note_upgrade(struct warden *w)
{
    const char *from = getenv(UPGRADED_ENV);
    if (!from)
        return;
    w->upgraded_ms = clock_wall_ms();
    log_info("upgraded", F_STR("from", from), F_STR("to", w->cfg->version));
    unsetenv(UPGRADED_ENV);
}
