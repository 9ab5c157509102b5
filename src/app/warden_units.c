/* The warden's children: how the core and each watcher are started, and which watchers the core wants. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/roles.h"
#include "app/warden.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"

#define MAX_ARGS       32
#define MAX_UNITS_FILE ((size_t)4 << 20)
#define START_MS       120000 /* the core may have a large store to look through before its first turn */
#define STOP_MS        15000
#define OUTPUT_HANG_MS 20000
#define CHECK_MIN_MS   200
#define CHECK_MAX_MS   5000

struct warden_child *warden_child_of(const struct unit_view *u)
{
    must(u->spec->tag != NULL);
    return u->spec->tag;
}

static char *format(const char *fmt, ...) printf_like(1, 2);
static char *format(const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    must(vasprintf(&text, fmt, ap) >= 0);
    va_end(ap);
    return text;
}

static bool is_watcher(const char *key)
{
    return !streq(key, WARDEN_CORE_KEY) && !streq(key, WARDEN_OUTPUT_KEY) &&
           !streq(key, WARDEN_CHECK_KEY);
}

bool warden_child_is_watcher(const struct warden_child *c)
{
    return is_watcher(c->key);
}

/* The group is the name up to its last slash: logs/payments/monitor.log for "payments/0". */
static char *log_of(const struct warden *w, const char *key, const char *name)
{
    if (!is_watcher(key)) {
        const char *who = streq(key, WARDEN_CORE_KEY) ? name : key;
        return format("%s/%s/%s.log", w->cfg->log_dir, who, who);
    }
    const char *slash = strrchr(name, '/');
    int n = slash ? (int)(slash - name) : (int)strlen(name);
    return format("%s/%.*s/monitor.log", w->cfg->log_dir, n, name);
}

struct warden_child *warden_child_new(struct warden *w, const char *key, const char *name)
{
    struct warden_child *c = calloc(1, sizeof(*c));
    must(c);
    c->key = format("%s", key);
    c->name = format("%s", name);
    c->title = format(is_watcher(key) ? "belfry: watcher %s" : "belfry: %s", name);
    c->beat_path = format("%s/beat/%s", w->run_dir, key);
    c->log_path = log_of(w, key, name);
    c->wanted = true;
    vec_push(&w->children, c);
    return c;
}

void warden_child_free(struct warden_child *c)
{
    beat_unmap(&c->beat);
    free(c->key);
    free(c->name);
    free(c->title);
    free(c->beat_path);
    free(c->log_path);
    free(c);
}

void warden_map_beat(struct warden_child *c)
{
    struct err err = {0};
    beat_unmap(&c->beat); /* the core removes the file of a watcher that it no longer wants */
    c->beat = beat_map(c->beat_path, &err);
    if (!c->beat)
        log_error("cannot see a process's heartbeat; a hang will go unnoticed",
                  F_STR("unit", c->name), F_ERR(&err));
}

/* How often a process is looked at: four times until it counts as hung, and seldom enough to cost nothing. */
static int64_t check_ms(const struct warden_limits *limits)
{
    if (limits->hang_ms <= 0 || limits->hang_ms / 4 > CHECK_MAX_MS)
        return CHECK_MAX_MS;
    return limits->hang_ms / 4 > CHECK_MIN_MS ? limits->hang_ms / 4 : CHECK_MIN_MS;
}

static void add_unit(struct warden *w, struct warden_child *c, const char *const *argv,
                     const struct warden_limits *limits, unsigned caps, bool give_up)
{
    int64_t stop_ms = w->cfg->stop_timeout_ms > 0 ? w->cfg->stop_timeout_ms : STOP_MS;
    struct unit_spec spec = {
        .name = c->key,
        .spawn = {.path = w->cfg->exe,
                  .argv = argv,
                  .user = w->user,
                  .caps = caps,
                  .limits = {.no_core = false},
                  .death_signal = SIGTERM,
                  .group = SPAWN_NEW_GROUP,
                  .in_fd = SPAWN_NULL},
        .policy = w->cfg->policy,
        .autostart = true,
        .ready = READY_TURN,
        .hang_timeout_ms = limits->hang_ms,
        .start_timeout_ms = START_MS,
        .stop_timeout_ms = stop_ms,
        .check_ms = check_ms(limits),
        .memory_limit = limits->memory,
        .tag = c,
    };
    spec.policy.give_up = give_up;
    spec.final_status = EXIT_CONFIG;
    supervisor_add(w->supervisor, &spec, warden_now_ms());
}

/* The core, or an agent's uplink, is never given up: without it nothing is told. */
void warden_add_core(struct warden *w)
{
    const char *argv[MAX_ARGS] = {"belfry", "--role=core", "-c", w->cfg->config_path, NULL};
    const char *const *other = w->cfg->core_args;
    for (size_t i = 0; other && other[i] && i + 2 < MAX_ARGS; i++) {
        argv[i + 1] = other[i];
        argv[i + 2] = NULL;
    }
    struct warden_child *c = warden_child_new(w, WARDEN_CORE_KEY, other ? "uplink" : "core");
    add_unit(w, c, argv, &w->cfg->core, 0, false);
}

static void add_watcher(struct warden *w, const char *key, const char *name)
{
    const char *argv[MAX_ARGS] = {"belfry", "--role=watcher",   "--key", key, "--name", name,
                                  "-c",     w->cfg->config_path};
    size_t n = 8;
    for (const char *const *a = w->cfg->watcher_args; a && *a && n + 1 < MAX_ARGS; a++)
        argv[n++] = *a;
    struct warden_child *c = warden_child_new(w, key, name);
    add_unit(w, c, argv, &w->cfg->watcher, SPAWN_CAP_NET_RAW, w->cfg->policy.give_up);
}

/* It beats each 5 s when nothing is printed. */
void warden_need_output(struct warden *w)
{
    const char *argv[] = {"belfry",    "--role=output", "--run-dir", w->run_dir,
                          "--log-dir", w->cfg->log_dir, NULL};
    struct warden_limits limits = w->cfg->watcher;
    w->output_wanted = true;
    if (!w->own_started)
        return;
    if (warden_child_find(w, WARDEN_OUTPUT_KEY)) {
        w->output_untold = true;
        return;
    }
    if (limits.hang_ms > 0 && limits.hang_ms < OUTPUT_HANG_MS)
        limits.hang_ms = OUTPUT_HANG_MS;
    struct warden_child *c = warden_child_new(w, WARDEN_OUTPUT_KEY, "output");
    add_unit(w, c, argv, &limits, 0, false);
}

/* Before its loop turns the signal would end it. */
void warden_tell_output(struct warden *w)
{
    struct unit_view u;
    if (!w->output_untold || !supervisor_find(w->supervisor, WARDEN_OUTPUT_KEY, &u) ||
        u.state != UNIT_RUNNING)
        return;
    w->output_untold = false;
    supervisor_signal(w->supervisor, WARDEN_OUTPUT_KEY, SIGUSR1);
}

/* --- what the core wants -------------------------------------------------------------------- */

struct warden_child *warden_child_find(const struct warden *w, const char *key)
{
    for (size_t i = 0; i < w->children.n; i++)
        if (streq(w->children.at[i]->key, key))
            return w->children.at[i];
    return NULL;
}

/* A key names files: no slash (programs have one), no dot in front. */
static bool key_is_good(struct str key)
{
    return key.n > 0 && key.n < 200 && key.p[0] != '.' && !memchr(key.p, '/', key.n) &&
           !memchr(key.p, '\0', key.n) && !str_eqz(key, WARDEN_CORE_KEY) &&
           !str_eqz(key, WARDEN_OUTPUT_KEY) && !str_eqz(key, WARDEN_CHECK_KEY);
}

/* "KEY<TAB>NAME[<TAB>…]"; what follows the name is for later versions. */
static void want(struct warden *w, struct str line)
{
    struct str key, name;
    if (!str_next(&line, '\t', &key) || !str_next(&line, '\t', &name) || !key_is_good(key) ||
        name.n == 0 || name.n > 500 || memchr(name.p, '\0', name.n))
        return;
    char *k = format("%.*s", (int)key.n, key.p), *n = format("%.*s", (int)name.n, name.p);
    struct warden_child *c = warden_child_find(w, k);
    struct unit_view v = {0};
    bool known = c && supervisor_find(w->supervisor, k, &v);
    if (!c)
        add_watcher(w, k, n);
    else if (!known || v.state == UNIT_STOPPING)
        w->units_due = true; /* removed a moment ago and wanted again: when it has ended */
    else if (v.state == UNIT_FATAL || v.state == UNIT_STOPPED)
        supervisor_start(w->supervisor, k, warden_now_ms()); /* a new wish is a new chance */
    if (c)
        c->wanted = true;
    free(k);
    free(n);
}

void warden_read_units(struct warden *w)
{
    char *path = path_join(w->run_dir, "units");
    cleanup(buf_done) struct buf text = BUF_INIT(MAX_UNITS_FILE);
    struct err err = {0};
    w->units_due = false;
    int rc = fs_read_regular(path, &text, &err);
    free(path);
    if (rc < 0) {
        log_error("cannot read which watchers to run; the old ones run on", F_ERR(&err));
        return;
    }
    vec_each (&w->children, it)
        (*it)->wanted = !warden_child_is_watcher(*it);
    struct str rest = {text.data ? text.data : "", text.len}, line;
    while (rest.n > 0 && str_next(&rest, '\n', &line))
        want(w, line);
    for (size_t i = 0; i < w->children.n; i++)
        if (!w->children.at[i]->wanted)
            supervisor_remove(w->supervisor, w->children.at[i]->key, warden_now_ms());
    warden_sweep(w);
    w->changed = true;
}

void warden_sweep(struct warden *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->children.n; i++) {
        struct warden_child *c = w->children.at[i];
        struct unit_view v;
        bool reported = true; /* a report that is still to be written borrows the child */
        for (const struct warden_report *r = w->reports; r; r = r->next)
            reported = reported && r->child != c;
        if (supervisor_find(w->supervisor, c->key, &v) || !reported)
            w->children.at[kept++] = c;
        else
            warden_child_free(c);
    }
    w->children.n = kept;
}
