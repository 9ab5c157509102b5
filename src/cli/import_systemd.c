/* systemd's services as belfry.yaml: each .service, with its drop-ins, becomes a unit; one with a .timer a job
 * (import_systemd.h). Services of kind forking that write a pid file are adopted. */
#include "cli/import_systemd.h"

#include <glob.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"

#define FILES_MAX 5000

static const char head[] =
    "# Made by `belfry import systemd`. Before Belfry starts them, `systemctl disable --now` the services. What systemd did\n"
    "# otherwise: output went to the journal, here to logs/processes/ID/output.log; nothing may gain privileges unless the\n"
    "# unit says allow_setuid: true.\n";

/* A .service or .timer with its drop-ins. */
struct source {
    struct str name; /* "web.service" */
    const char *file;
    ini conf;
};
struct systemd {
    struct arena *arena;
    struct import_programs *out;
    vec_of(struct source *) sources;
};

/* --- values --------------------------------------------------------------------------------------
 */

static const struct ini_entry *last_entry(ini *conf, const char *section, const char *key)
{
    struct ini_entry *found = NULL;
    vec_each (conf, e)
        if (str_eqz(e->section, section) && str_eqz(e->key, key)) {
            e->used = true;
            found = e;
        }
    return found;
}

struct str service_last(struct service *s, const char *section, const char *key)
{
    must(*section != '\0' && *key != '\0');
    const struct ini_entry *e = last_entry(&s->conf, section, key);
    return e != NULL ? service_expand(s, e->value) : STR("");
}

void service_all(struct service *s, const char *section, const char *key, str_vec *out)
{
    vec_each (&s->conf, e) {
        if (!str_eqz(e->section, section) || !str_eqz(e->key, key))
            continue;
        e->used = true;
        if (e->value.n == 0)
            vec_clear(out);
        else
            vec_push(out, service_expand(s, e->value));
    }
}

/* --- sources -------------------------------------------------------------------------------------
 */

static struct source *find_source(struct systemd *d, struct str name)
{
    vec_each (&d->sources, s)
        if (str_eq((*s)->name, name))
            return *s;
    return NULL;
}

/* ".../web.service.d/x.conf" → "web.service", ".../web.service" → itself. */
static struct str unit_name(const char *path)
{
    struct str s = str_of(path);
    const char *slash = memrchr(s.p, '/', s.n);
    struct str base = slash != NULL ? str_of(slash + 1) : s;
    if (!str_ends(base, STR(".conf")) || slash == NULL)
        return base;
    struct str above = {s.p, (size_t)(slash - s.p)};
    slash = memrchr(above.p, '/', above.n);
    if (slash != NULL)
        above = (struct str){slash + 1, above.n - (size_t)(slash + 1 - above.p)};
    return str_ends(above, STR(".d")) ? (struct str){above.p, above.n - 2} : base;
}

static void add_file(struct systemd *d, const struct import_file *f)
{
    struct str name = unit_name(f->name);
    struct source *s = find_source(d, name);
    if (f->text.p == NULL)
        return;
    if (s == NULL) {
        s = arena_new_of(d->arena, struct source);
        *s = (struct source){.name = name, .file = f->name};
        vec_push(&d->sources, s);
    }
    ini_parse(f->text, f->name, INI_SYSTEMD, d->arena, &s->conf, d->out->problems);
}

/* --- one service ---------------------------------------------------------------------------------
 */

static void set_kind(struct service *s)
{
    bool oneshot = str_eqz(s->type, "oneshot");
    if (oneshot)
        import_set_text(s->out, s->unit, "kind", STR("oneshot"));
    if (str_starts(s->type, STR("notify")))
        import_set_text(s->out, s->unit, "ready", STR("notify"));
    if (str_eqz(s->type, "dbus"))
        import_note(s->out, s->unit, NULL, "Type=dbus: its name on the bus is not waited for");
    if (!str_eqz(s->type, "forking"))
        return;
    if (s->pid_file.n == 0) {
        import_note(
            s->out, s->unit, NULL,
            "Type=forking without PIDFile: let the program stay in the foreground, or give adopt");
        return;
    }
    import_set_text(s->out, s->unit, "adopt.pid_file", s->pid_file);
    if (node_get(s->unit->doc, "watchdog") != NULL)
        import_note(s->out, s->unit, NULL, "WatchdogSec: not for a program that forks");
    import_drop(s->out, s->unit, "watchdog");
}

static void set_restart(struct service *s)
{
    bool oneshot = str_eqz(s->type, "oneshot");
    struct str restart = s->restart.n > 0 ? s->restart : STR("never");
    if (!(oneshot && str_eqz(restart, "never")) && !str_eqz(restart, "always"))
        import_set_text(s->out, s->unit, "restart", restart);
}

static void set_times(struct service *s)
{
    bool oneshot = str_eqz(s->type, "oneshot");
    if (s->start_timeout >= 0)
        import_set_seconds(s->out, s->unit, oneshot ? "run_timeout" : "start_timeout",
                           s->start_timeout);
    if (node_get(s->unit->doc, "stop_timeout") == NULL && !oneshot)
        import_set_text(s->out, s->unit, "stop_timeout", STR("90s")); /* systemd's own default */
}

/* Burst starts within the interval; Belfry counts restarts within an hour. */
static void set_budget(struct service *s)
{
    struct str burst = service_last(s, "Unit", "StartLimitBurst"),
               interval = service_last(s, "Unit", "StartLimitIntervalSec");
    double seconds = systemd_span(interval);
    int64_t n;
    if (interval.n > 0 && seconds == 0) {
        import_set(s->out, s->unit, "monitor.max_restarts", node_int(s->arena, 0));
    } else if (import_int(burst, &n) && n > 0) {
        import_set(s->out, s->unit, "monitor.max_restarts", node_int(s->arena, n));
        if (seconds == 3600)
            return;
        import_note(s->out, s->unit, NULL,
                    "StartLimitBurst=%lld%s%.*s: max_restarts counts restarts of an hour",
                    (long long)n, interval.n > 0 ? " in " : "", SHOW(interval));
    }
}

static void set_unit_section(struct service *s)
{
    set_budget(s);
    buf_clear(&s->lost);
    vec_each (&s->conf, e)
        if (str_eqz(e->section, "Unit") &&
            (str_starts(e->key, STR("Condition")) || str_starts(e->key, STR("Assert"))) &&
            import_is_line(e->key) && s->lost.len < 1000)
            buf_printf(&s->lost, "%s%.*s", s->lost.len > 0 ? ", " : "", SHOW(e->key));
    if (s->lost.len > 0)
        import_note(s->out, s->unit, NULL, "not looked at before it starts: %s", s->lost.data);
}

static void note_output(struct service *s)
{
    struct str out = service_last(s, "Service", "StandardOutput");
    if (str_contains(out, STR(":")))
        import_note(s->out, s->unit, NULL,
                    "StandardOutput=%.*s: the output goes to logs/processes/%s/", SHOW(out),
                    import_unit_id(s->unit));
    if (ini_is_true(service_last(s, "Service", "RemainAfterExit")))
        import_note(s->out, s->unit, NULL, "RemainAfterExit: once it ended it is stopped");
}

static struct str stem_of(struct str name)
{
    const char *dot = memrchr(name.p, '.', name.n);
    return dot != NULL ? (struct str){name.p, (size_t)(dot - name.p)} : name;
}

static void add_service(struct systemd *d, struct source *from)
{
    struct node at = {.file = from->file, .line = 1, .column = 1};
    struct service s = {.arena = d->arena,
                        .out = d->out,
                        .name = from->name,
                        .type = STR(""),
                        .start_timeout = -1,
                        .conf = from->conf,
                        .lost = BUF_INIT(1 << 14)};
    struct str stem = stem_of(from->name);
    if (str_ends(stem, STR("@"))) {
        import_note(d->out, NULL, &at, "%.*s is a template: import %.*sINSTANCE.service",
                    SHOW(from->name), SHOW(stem));
        return;
    }
    s.unit = import_unit_add(d->out, stem, false, &at);
    import_set_text(d->out, s.unit, "name", service_last(&s, "Unit", "Description"));
    service_set_exec(&s, "ExecStart", "command");
    service_take_keys(&s);
    set_kind(&s);
    set_restart(&s);
    set_times(&s);
    service_set_exec(&s, "ExecStartPre", "pre_start");
    service_set_exec(&s, "ExecStopPost", "post_stop");
    note_output(&s);
    if (s.lost.len > 0)
        import_note(d->out, s.unit, &at, "no counterpart, left out: %s", s.lost.data);
    set_unit_section(&s);
    buf_done(&s.lost);
}

/* --- timers --------------------------------------------------------------------------------------
 */

static struct str timer_text(struct source *t, const char *key)
{
    const struct ini_entry *e = last_entry(&t->conf, "Timer", key);
    return e != NULL ? e->value : STR("");
}

/* OnCalendar, else a regular OnUnitActiveSec; NULL: cron cannot say it. */
static const char *timer_schedule(struct systemd *d, struct source *t, struct str *zone)
{
    struct str calendar = timer_text(t, "OnCalendar"), every = timer_text(t, "OnUnitActiveSec");
    *zone = STR("");
    if (calendar.n > 0)
        return systemd_calendar(calendar, zone, d->arena);
    if (every.n == 0)
        every = timer_text(t, "OnUnitInactiveSec");
    return every.n > 0 ? systemd_every(systemd_span(every), d->arena) : NULL;
}

/* What is for daemons has no place in a job. */
static void make_job(struct systemd *d, struct import_unit *u)
{
    static const char *const daemons[] = {"ready", "adopt", "watchdog", "start_timeout"};
    const struct node *restart = node_get(u->doc, "restart");
    for (size_t i = 0; i < array_len(daemons); i++)
        import_drop(d->out, u, daemons[i]);
    if (restart == NULL || !str_eqz(restart->text, "on-failure"))
        import_drop(d->out, u, "restart");
}

static void note_timer(struct systemd *d, struct source *t, struct import_unit *u)
{
    struct node at = {.file = t->file, .line = 1, .column = 1};
    size_t calendars = 0;
    vec_each (&t->conf, e) {
        calendars += str_eqz(e->key, "OnCalendar") && e->value.n > 0;
        if (str_eqz(e->key, "RandomizedDelaySec") || str_eqz(e->key, "OnBootSec") ||
            str_eqz(e->key, "OnStartupSec") || str_eqz(e->key, "OnActiveSec"))
            import_note(d->out, u, &at, "%.*s: %.*s has no counterpart; left out", SHOW(t->name),
                        SHOW(e->key));
    }
    if (calendars > 1)
        import_note(d->out, u, &at, "%.*s: of %zu times the last is taken", SHOW(t->name),
                    calendars);
}

static void add_timer(struct systemd *d, struct source *t)
{
    struct node at = {.file = t->file, .line = 1, .column = 1};
    struct str zone, target = timer_text(t, "Unit");
    struct import_unit *u = import_unit_find(d->out, stem_of(target.n > 0 ? target : t->name));
    const char *schedule = timer_schedule(d, t, &zone);
    if (u == NULL) {
        import_note(d->out, NULL, &at, "%.*s starts a service that is not among these; left out",
                    SHOW(t->name));
        return;
    }
    make_job(d, u);
    import_set_text(d->out, u, "kind", STR("oneshot"));
    if (schedule == NULL) {
        import_set(d->out, u, "autostart", node_bool(d->arena, false));
        import_note(d->out, u, &at, "%.*s: its times cannot be said with cron: %.*s", SHOW(t->name),
                    SHOW(timer_text(t, "OnCalendar")));
        return;
    }
    import_set_text(d->out, u, "schedule", str_of(schedule));
    import_set_text(d->out, u, "timezone", zone);
    if (ini_is_true(timer_text(t, "Persistent")))
        import_set(d->out, u, "catch_up", node_bool(d->arena, true));
    note_timer(d, t, u);
}

/* --- order ---------------------------------------------------------------------------------------
 */

static bool names(struct source *s, const char *key, struct str name)
{
    struct str rest, word;
    vec_each (&s->conf, e) {
        rest = e->value;
        if (!str_eqz(e->section, "Unit") || !str_eqz(e->key, key))
            continue;
        while (rest.n > 0 && str_next(&rest, ' ', &word))
            if (str_eq(word, name))
                return true;
    }
    return false;
}

static void add_order(struct systemd *d, struct source *s, struct source *other)
{
    struct import_unit *u = import_unit_find(d->out, stem_of(s->name)),
                       *o = import_unit_find(d->out, stem_of(other->name));
    bool after = names(s, "After", other->name) || names(other, "Before", s->name);
    bool needs = names(s, "Requires", other->name) || names(s, "BindsTo", other->name) ||
                 names(s, "Requisite", other->name);
    if (u == NULL || o == NULL || u == o || (!after && !needs))
        return;
    import_append(d->out, u, needs ? "requires" : "after", str_of(import_unit_id(o)));
}

static bool is_service(const struct source *s)
{
    return str_ends(s->name, STR(".service"));
}

static void add_all(struct systemd *d)
{
    vec_each (&d->sources, s)
        if (is_service(*s))
            add_service(d, *s);
    vec_each (&d->sources, s)
        if (str_ends((*s)->name, STR(".timer")))
            add_timer(d, *s);
    vec_each (&d->sources, s)
        for (size_t i = 0; is_service(*s) && i < d->sources.n; i++)
            if (is_service(d->sources.at[i]))
                add_order(d, *s, d->sources.at[i]);
}

int import_systemd_texts(const struct import_file *files, size_t n, struct buf *yaml,
                         struct problems *p, struct err *err)
{
    must(files != NULL || n == 0);
    struct arena *a = arena_new();
    struct import_programs out;
    import_programs_init(&out, a, p);
    struct systemd d = {.arena = a, .out = &out};
    for (size_t i = 0; i < n; i++)
        add_file(&d, &files[i]);
    add_all(&d);
    int rc = import_programs_write(&out, head, yaml, err);
    vec_each (&d.sources, s)
        vec_done(&(*s)->conf);
    vec_done(&d.sources);
    import_programs_done(&out);
    arena_free(a);
    return rc;
}

/* --- files ---------------------------------------------------------------------------------------
 */

typedef vec_of(struct import_file) file_list;

/* The file as `name` ("web@a.service" is read from web@.service when it has no file of its own). */
static void add_path(file_list *files, const char *path, const char *name, struct arena *a)
{
    struct import_file f = import_read(path, a);
    f.name = arena_strdup(a, name);
    if (f.text.p != NULL && files->n < FILES_MAX)
        vec_push(files, f);
}

static void add_matching(file_list *files, const char *pattern, struct arena *a)
{
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            add_path(files, found.gl_pathv[i], found.gl_pathv[i], a);
    globfree(&found);
}

static void add_one(file_list *files, const char *path, struct arena *a)
{
    struct str p = str_of(path), stem = stem_of(p);
    const char *at = memrchr(p.p, '@', p.n);
    if (fs_exists(path))
        add_path(files, path, path, a);
    else if (at != NULL)
        add_path(files, arena_printf(a, "%.*s@.service", (int)(at - path), path), path, a);
    add_matching(files, arena_printf(a, "%s.d/*.conf", path), a);
    const char *timer = arena_printf(a, "%.*s.timer", (int)stem.n, stem.p);
    add_path(files, timer, timer, a);
}

int import_systemd(const char *path, struct buf *yaml, struct problems *p, struct err *err)
{
    struct arena *a = arena_new();
    file_list files = {0};
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        add_matching(&files, arena_printf(a, "%s/*.service", path), a);
        add_matching(&files, arena_printf(a, "%s/*.service.d/*.conf", path), a);
        add_matching(&files, arena_printf(a, "%s/*.timer", path), a);
    } else {
        add_one(&files, path, a);
    }
    int rc = files.n == 0
                 ? err_set(err, ERR_NOT_FOUND,
                           "cannot import %s: want a .service file or a directory of them", path)
                 : import_systemd_texts(files.at, files.n, yaml, p, err);
    vec_done(&files);
    arena_free(a);
    return rc;
}
