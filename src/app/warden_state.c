/* What the warden writes: warden.json, run/children, crash reports. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/roles.h"
#include "app/warden_programs.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "proc/procid.h"

#define MAX_STATE ((size_t)8 << 20)

extern char **environ;

/* --- warden.json and run/children ----------------------------------------------------------- */

static void put_last_exit(struct json *j, const struct unit_view *u, const struct warden_child *c)
{
    const struct unit_death *d = &u->record->last;
    char text[SPAWN_STATUS_SIZE];
    if (d->pid == 0) {
        json_key(j, "last_exit");
        json_nil(j);
        return;
    }
    json_kobj(j, "last_exit");
    json_ktime(j, "at", c->died_wall_ms);
    json_kint(j, "pid", d->pid);
    json_kstr(j, "text", spawn_status_text(d->status, text));
    json_kint(j, WIFSIGNALED(d->status) ? "signal" : "status",
              WIFSIGNALED(d->status) ? WTERMSIG(d->status) : WEXITSTATUS(d->status));
    json_kstr(j, "reason", d->reason[0] ? d->reason : NULL);
    json_kint(j, "max_rss_bytes", (int64_t)d->usage.ru_maxrss * 1024);
    json_end(j);
}

static void put_child(struct json *j, const struct unit_view *u, const struct warden_child *c)
{
    json_obj(j);
    json_kstr(j, "key", c->key);
    json_kstr(j, "name", c->name);
    json_kstr(j, "role", warden_child_is_watcher(c) ? "watcher" : c->key);
    json_kstr(j, "state", unit_state_name(u->state));
    json_kint(j, "pid", u->pid);
    json_ktime(j, "started_at", u->pid ? c->started_wall_ms : 0);
    json_kuint(j, "restarts", u->record->restarts);
    put_last_exit(j, u, c);
    json_end(j);
}

static void write_file(const struct warden *w, const char *name, const struct buf *text)
{
    struct err err = {0};
    char *path = path_join(w->run_dir, name);
    if (text->failed ||
        fs_write_atomic(path, text->data ? text->data : "", text->len, 0600, false, &err) < 0)
        log_error("cannot write the state of the processes; it shows an older one",
                  F_STR("file", path), F_ERR(&err));
    free(path);
}

void warden_write_state(struct warden *w)
{
    cleanup(buf_done) struct buf out = BUF_INIT(MAX_STATE);
    cleanup(buf_done) struct buf list = BUF_INIT(MAX_STATE);
    struct json j = json_start(&out);
    struct unit_view u;
    w->changed = false;
    w->written_ms = warden_now_ms();
    json_obj(&j);
    json_kint(&j, "pid", getpid());
    json_kstr(&j, "version", w->cfg->version);
    json_kstr(&j, "state", w->phase == WARDEN_RUNNING ? "running" : "stopping");
    json_ktime(&j, "started_at", w->started_ms);
    json_ktime(&j, "upgraded_at", w->upgraded_ms);
    json_karr(&j, "children");
    for (size_t i = 0; supervisor_view(w->supervisor, i, &u); i++) {
        if (program_of(&u))
            continue; /* data/run/table has them */
        const struct warden_child *c = warden_child_of(&u);
        put_child(&j, &u, c);
        if (u.pid > 0)
            buf_printf(&list, "%ld %llu %s\n", (long)u.pid, (unsigned long long)c->start_time,
                       c->key);
    }
    json_end(&j);
    json_end(&j);
    buf_putc(&out, '\n');
    write_file(w, "warden.json", &out);
    write_file(w, "children", &list);
}

/* --- crash reports -------------------------------------------------------------------------- */

/* Ends that need no report: a refused configuration, which it explained; by our own request, and not by a crash on
 * the way. */
static bool is_plain(const struct unit_death *d)
{
    if (WIFEXITED(d->status) && WEXITSTATUS(d->status) == EXIT_CONFIG)
        return true;
    if (d->cause != CAUSE_ASKED)
        return false;
    return WIFEXITED(d->status) || WTERMSIG(d->status) == SIGTERM || WTERMSIG(d->status) == SIGKILL;
}

static void write_report(struct warden *w, const struct warden_report *r)
{
    const struct warden_child *c = r->child;
    struct unit_view u;
    bool known = supervisor_find(w->supervisor, c->key, &u);
    struct crash_death d = {.dir = w->crash_dir,
                            .name = c->name,
                            .title = c->title,
                            .version = w->cfg->version,
                            .reason = r->death.reason[0] ? r->death.reason : NULL,
                            .log_file = c->log_path,
                            .argv = known ? u.spec->spawn.argv : NULL,
                            .env = (const char *const *)environ,
                            .pid = r->death.pid,
                            .status = r->death.status,
                            .usage = r->death.usage,
                            .started_ms = r->started_wall_ms,
                            .died_ms = r->died_wall_ms,
                            .before = w->cpu};
    struct err err = {0};
    char *path = NULL;
    if (crash_report(&d, &path, &err) < 0)
        log_error("cannot write a crash report", F_STR("unit", c->name), F_ERR(&err));
    else
        log_info("crash report written", F_STR("unit", c->name), F_STR("file", path));
    free(path);
}

void warden_write_reports(struct warden *w)
{
    while (w->reports) {
        struct warden_report *r = w->reports;
        if (is_plain(&r->death))
            crash_forget(w->crash_dir, r->death.pid);
        else
            write_report(w, r);
        w->reports = r->next;
        free(r);
    }
}
