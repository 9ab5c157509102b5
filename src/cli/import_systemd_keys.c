/* Which key of a .service becomes which option of a unit (import_systemd.h): a table of key, reader and option. What has
 * no line there is named as left out. */
#include <math.h>
#include <string.h>

#include "cli/import_systemd.h"

struct key;
typedef void take_fn(struct service *s, const struct key *k, struct str value);
struct key {
    const char *name;
    take_fn *take; /* NULL: needs no word, Belfry does so anyway or another place reads it */
    const char *to;
};

static void lose(struct service *s, const char *key)
{
    if (s->lost.len < 2000)
        buf_printf(&s->lost, "%s%s", s->lost.len > 0 ? ", " : "", key);
}

/* --- readers -------------------------------------------------------------------------------------
 */

static void take_text(struct service *s, const struct key *k, struct str value)
{
    import_set_text(s->out, s->unit, k->to, value);
}

static void take_number(struct service *s, const struct key *k, struct str value)
{
    int64_t n;
    if (import_int(value, &n))
        import_set(s->out, s->unit, k->to, node_int(s->arena, n));
    else
        lose(s, arena_printf(s->arena, "%s=%.*s", k->name, SHOW(value)));
}

static void take_span(struct service *s, const struct key *k, struct str value)
{
    double seconds = systemd_span(value);
    if (isnan(seconds))
        lose(s, arena_printf(s->arena, "%s=%.*s", k->name, SHOW(value)));
    else if (streq(k->to, "stop_timeout") && (seconds == 0 || seconds > 86400))
        import_set_seconds(s->out, s->unit, k->to, 86400); /* no bound: the most there is */
    else if (seconds > 0 || !streq(k->to, "watchdog"))
        import_set_seconds(s->out, s->unit, k->to, seconds);
}

/* Also "soft:hard", of which the soft one counts. */
static void take_limit(struct service *s, const struct key *k, struct str value)
{
    struct str soft = value, hard;
    int64_t n;
    (void)str_cut(value, ':', &soft, &hard);
    if (str_eqz(soft, "infinity"))
        lose(s, arena_printf(s->arena, "%s=infinity (0 is as Belfry's own)", k->name));
    else if (import_int(soft, &n))
        import_set(s->out, s->unit, k->to, node_int(s->arena, n));
    else
        import_set_text(s->out, s->unit, k->to, soft);
}

static void take_bound(struct service *s, const struct key *k, struct str value)
{
    if (str_eqz(value, "infinity"))
        return;
    if (str_ends(value, STR("%")))
        lose(s, arena_printf(s->arena, "%s=%.*s (a share of the machine)", k->name, SHOW(value)));
    else
        take_limit(s, k, value);
}

static void take_quota(struct service *s, const struct key *k, struct str value)
{
    double percent;
    if (!str_ends(value, STR("%")) ||
        str_to_f64((struct str){value.p, value.n - 1}, &percent, NULL) != 0)
        return;
    struct node *cores = arena_new_of(s->arena, struct node);
    *cores = (struct node){.kind = NODE_F64, .f64 = percent / 100};
    import_set(s->out, s->unit, k->to, cores);
}

static void take_io_class(struct service *s, const struct key *k, struct str value)
{
    static const char *const names[] = {"default", "realtime", "best-effort", "idle"};
    int64_t n;
    bool number = import_int(value, &n) && n >= 0 && n < (int64_t)array_len(names);
    import_set_text(s->out, s->unit, k->to, number ? str_of(names[n]) : value);
}

static void take_directory(struct service *s, const struct key *k, struct str value)
{
    if (str_starts(value, STR("-")))
        value = (struct str){value.p + 1, value.n - 1};
    if (str_eqz(value, "~"))
        lose(s, "WorkingDirectory=~ (write the home directory)");
    else
        import_set_text(s->out, s->unit, k->to, value);
}

static void take_environment_file(struct service *s, const struct key *k, struct str value)
{
    str_vec all = {0};
    service_all(s, "Service", k->name, &all);
    if (str_starts(value, STR("-"))) {
        value = (struct str){value.p + 1, value.n - 1};
        import_note(s->out, s->unit, NULL, "EnvironmentFile=-%.*s: here the file must be there",
                    SHOW(value));
    }
    if (all.n > 1)
        import_note(s->out, s->unit, NULL, "of %zu environment files the last is taken", all.n);
    import_set_text(s->out, s->unit, k->to, value);
    vec_done(&all);
}

static void take_environment(struct service *s, const struct key *k, struct str value)
{
    str_vec texts = {0}, words = {0};
    struct node *env = node_map(s->arena);
    struct str name, text;
    (void)value; /* all of them count */
    service_all(s, "Service", k->name, &texts);
    vec_each (&texts, t)
        service_words(*t, s->arena, &words);
    vec_each (&words, w) {
        if (!str_cut(*w, '=', &name, &text) || name.n == 0 || !import_is_line(name))
            continue;
        struct node *n = import_text(s->out, text);
        node_put(env, s->arena, arena_strndup(s->arena, name.p, name.n),
                 n != NULL ? n : node_text(s->arena, ""));
    }
    if (env->count > 0)
        import_set(s->out, s->unit, k->to, env);
    vec_done(&words);
    vec_done(&texts);
}

static void take_list(struct service *s, const struct key *k, struct str value)
{
    str_vec texts = {0}, words = {0};
    (void)value;
    service_all(s, "Service", k->name, &texts);
    vec_each (&texts, t)
        service_words(*t, s->arena, &words);
    vec_each (&words, w)
        import_append(s->out, s->unit, k->to, *w);
    vec_done(&words);
    vec_done(&texts);
}

/* Numbers are taken; names of statuses and signals are not. */
static void take_statuses(struct service *s, const struct key *k, struct str value)
{
    str_vec texts = {0}, words = {0};
    int64_t n;
    (void)value;
    service_all(s, "Service", k->name, &texts);
    vec_each (&texts, t)
        service_words(*t, s->arena, &words);
    if (words.n > 0)
        import_append_int(s->out, s->unit, k->to, 0);
    vec_each (&words, w) {
        if (import_int(*w, &n))
            import_append_int(s->out, s->unit, k->to, n);
        else
            lose(s, arena_printf(s->arena, "%s=%.*s", k->name, SHOW(*w)));
    }
    vec_done(&words);
    vec_done(&texts);
}

static void take_restart(struct service *s, const struct key *k, struct str value)
{
    static const struct {
        const char *theirs, *ours, *note;
    } words[] = {{"no", "never", NULL},
                 {"always", "always", NULL},
                 {"on-failure", "on-failure", NULL},
                 {"on-success", "always", "taken as always"},
                 {"on-abnormal", "on-failure", "taken as on-failure"},
                 {"on-abort", "on-failure", "taken as on-failure"},
                 {"on-watchdog", "on-failure", "taken as on-failure"}};
    for (size_t i = 0; i < array_len(words); i++) {
        if (!str_eqz(value, words[i].theirs))
            continue;
        s->restart = str_of(words[i].ours);
        if (words[i].note != NULL)
            import_note(s->out, s->unit, NULL, "%s=%s: %s", k->name, words[i].theirs,
                        words[i].note);
    }
}

/* systemd waits so long before each restart. */
static void take_restart_wait(struct service *s, const struct key *k, struct str value)
{
    double seconds = systemd_span(value);
    (void)k;
    if (!(seconds > 0) || seconds > 86400)
        return;
    import_set_seconds(s->out, s->unit, "restart_delay.delay", seconds);
    import_set(s->out, s->unit, "restart_delay.growth", node_int(s->arena, 1));
    if (seconds > 60)
        import_set_seconds(s->out, s->unit, "restart_delay.delay_max", seconds);
}

static void take_start_timeout(struct service *s, const struct key *k, struct str value)
{
    (void)k;
    s->start_timeout = systemd_span(value);
}

static void take_both_timeouts(struct service *s, const struct key *k, struct str value)
{
    take_span(s, k, value);
    take_start_timeout(s, k, value);
}

static void take_pid_file(struct service *s, const struct key *k, struct str value)
{
    (void)k;
    s->pid_file = value.p[0] == '/'
                      ? value
                      : str_of(arena_printf(s->arena, "/run/%.*s", (int)value.n, value.p));
}

static void take_type(struct service *s, const struct key *k, struct str value)
{
    (void)k;
    s->type = value;
}

/* --- the table -----------------------------------------------------------------------------------
 */

static const struct key keys[] = {
    {"Type", take_type, NULL},
    {"PIDFile", take_pid_file, NULL},
    {"User", take_text, "user"},
    {"Group", take_text, "group"},
    {"SupplementaryGroups", take_list, "groups"},
    {"WorkingDirectory", take_directory, "directory"},
    {"UMask", take_text, "umask"},
    {"Environment", take_environment, "environment"},
    {"EnvironmentFile", take_environment_file, "environment_file"},
    {"Nice", take_number, "priority.nice"},
    {"IOSchedulingClass", take_io_class, "priority.io_class"},
    {"IOSchedulingPriority", take_number, "priority.io_level"},
    {"OOMScoreAdjust", take_number, "priority.oom_score"},
    {"LimitNOFILE", take_limit, "limits.open_files"},
    {"LimitNPROC", take_limit, "limits.processes"},
    {"LimitSTACK", take_limit, "limits.stack"},
    {"LimitFSIZE", take_limit, "limits.file_size"},
    {"LimitCORE", take_limit, "limits.core_size"},
    {"LimitAS", take_limit, "limits.address_space"},
    {"LimitMEMLOCK", take_limit, "limits.locked_memory"},
    {"MemoryMax", take_bound, "limits.memory"},
    {"MemoryLimit", take_bound, "limits.memory"},
    {"MemoryHigh", take_bound, "limits.memory_high"},
    {"CPUQuota", take_quota, "limits.cpu"},
    {"TasksMax", take_bound, "limits.tasks"},
    {"Restart", take_restart, NULL},
    {"RestartSec", take_restart_wait, NULL},
    {"SuccessExitStatus", take_statuses, "success_statuses"},
    {"TimeoutSec", take_both_timeouts, "stop_timeout"},
    {"TimeoutStartSec", take_start_timeout, NULL},
    {"TimeoutStopSec", take_span, "stop_timeout"},
    {"WatchdogSec", take_span, "watchdog"},
    {"KillSignal", take_text, "stop_signal"},
    {"ExecStart", NULL, NULL},
    {"ExecStartPre", NULL, NULL},
    {"ExecStopPost", NULL, NULL},
    {"StandardOutput", NULL, NULL},
    {"StandardError", NULL, NULL},
    {"SyslogIdentifier", NULL, NULL},
    {"NoNewPrivileges", NULL, NULL},
    {"NotifyAccess", NULL, NULL},
    {"GuessMainPID", NULL, NULL},
    {"SendSIGKILL", NULL, NULL},
    {"RemainAfterExit", NULL, NULL},
};

static const struct key *find_key(struct str name)
{
    for (size_t i = 0; i < array_len(keys); i++)
        if (str_eqz(name, keys[i].name))
            return &keys[i];
    return NULL;
}

/* The others by name, each once. */
static void lose_others(struct service *s)
{
    vec_each (&s->conf, e) {
        if (e->used || !str_eqz(e->section, "Service") || e->value.n == 0 ||
            find_key(e->key) != NULL)
            continue;
        vec_each (&s->conf, again)
            again->used |= str_eq(again->key, e->key);
        if (import_is_line(e->key))
            lose(s, arena_strndup(s->arena, e->key.p, utf8_cut(e->key.p, e->key.n, SHOW_MAX)));
    }
}

void service_take_keys(struct service *s)
{
    must(s->unit != NULL);
    for (size_t i = 0; i < array_len(keys); i++) {
        struct str value = service_last(s, "Service", keys[i].name);
        if (value.n > 0 && keys[i].take != NULL)
            keys[i].take(s, &keys[i], value);
    }
    lose_others(s);
}
