/* What the values of one unit must be to each other, and what the table cannot say of single ones (process_priv.h). Each
 * message says what was found and what is wanted. Runs while a unit is bound; pure but for the time zone's file. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cron.h"
#include "config/process_priv.h"

static const char *const reserved_ids[] = {"status", "options", "start", "stop", "restart"};
static const char *const reserved_labels[] = {"unit", "type", "target", "group", "instance"};

/* --- names and numbers ------------------------------------------------------------------------------
 */

static bool is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

const char *process_id_fault(const char *id)
{
    size_t n = strlen(id);
    if (n == 0 || n > 64)
        return "want 1 to 64 characters";
    for (const char *c = id; *c != '\0'; c++)
        if (!is_id_char(*c))
            return "want letters, digits, dot, _ and - alone";
    if (id[0] == '.' || id[0] == '-')
        return "want no dot and no - at the start";
    for (size_t i = 0; i < array_len(reserved_ids); i++)
        if (streq(id, reserved_ids[i]))
            return "want another one, since this is an address of the API";
    return NULL;
}

bool process_umask(const char *text, int64_t *mode)
{
    int64_t v = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '7')
            return false;
        v = v * 8 + (*c - '0');
        if (v > 0777)
            return false;
    }
    *mode = v;
    return text[0] != '\0';
}

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"CONT", SIGCONT},   {"HUP", SIGHUP},   {"INT", SIGINT},
    {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"QUIT", SIGQUIT},   {"STOP", SIGSTOP}, {"TERM", SIGTERM},
    {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH},
};

static bool realtime_signal(const char *name, int *signo)
{
    int64_t more;
    if (strncmp(name, "RTMIN+", 6) != 0 || str_to_i64(str_of(name + 6), &more, NULL) != 0 ||
        more < 0 || more > SIGRTMAX - SIGRTMIN)
        return false;
    *signo = SIGRTMIN + (int)more;
    return true;
}

bool process_stop_signal(const char *name, int *signo)
{
    int64_t number;
    if (str_to_i64(str_of(name), &number, NULL) == 0) {
        bool known = number > 0 && number <= SIGRTMAX;
        if (known)
            *signo = (int)number;
        return known;
    }
    name += strncmp(name, "SIG", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < array_len(signals); i++) {
        if (!streq(name, signals[i].name))
            continue;
        *signo = signals[i].number;
        return true;
    }
    return realtime_signal(name, signo);
}

static bool check_id(const struct process_draft *d)
{
    const char *fault = process_id_fault(d->config->id);
    return fault == NULL || process_fault(d, "id", "got \"%s\"; %s", d->config->id, fault);
}

static bool check_signal(const struct process_draft *d)
{
    const char *names[array_len(signals)], *got = d->config->stop_signal;
    int signo;
    if (process_stop_signal(got, &signo))
        return true;
    for (size_t i = 0; i < array_len(signals); i++)
        names[i] = signals[i].name;
    const char *nearest =
        str_nearest(strncmp(got, "SIG", 3) == 0 ? got + 3 : got, names, array_len(names));
    return process_fault(d, "stop_signal",
                         "got \"%s\"; want a signal such as TERM, INT, QUIT, HUP, USR1%s%s%s", got,
                         nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                         nearest != NULL ? "\"?" : "");
}

static bool check_absolute(const struct process_draft *d, const char *key, const char *path)
{
    return path[0] == '\0' || path[0] == '/' ||
           process_fault(d, key, "got \"%s\"; want an absolute path", path);
}

static bool check_paths(const struct process_draft *d)
{
    const struct process_config *c = d->config;
    int64_t mode;
    bool good = check_absolute(d, "directory", c->directory);
    good &= check_absolute(d, "environment_file", c->environment_file);
    if (c->umask[0] != '\0' && !process_umask(c->umask, &mode))
        good = process_fault(d, "umask", "got \"%s\"; want octal digits up to 777, in quotes",
                             c->umask);
    return good;
}

static bool check_environment(const struct process_draft *d)
{
    const struct pair_list *env = &d->config->environment;
    for (size_t i = 0; i < env->n; i++)
        if (env->at[i].key[0] == '\0' || strchr(env->at[i].key, '=') != NULL)
            return process_fault(d, "environment",
                                 "got the name \"%s\"; want one without =", env->at[i].key);
    return true;
}

static bool label_name_ok(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        if (!letter && (c == name || *c < '0' || *c > '9'))
            return false;
    }
    return name[0] != '\0' && strncmp(name, "__", 2) != 0;
}

static bool check_label(const struct process_draft *d, const char *name)
{
    for (size_t i = 0; i < array_len(reserved_labels); i++)
        if (streq(name, reserved_labels[i]))
            return process_fault(d, "labels", "the name \"%s\" is Belfry's own", name);
    return label_name_ok(name) ||
           process_fault(d, "labels",
                         "got the name \"%s\"; want letters, digits and _, not starting with a "
                         "digit or __",
                         name);
}

static bool check_labels(const struct process_draft *d)
{
    bool good = true;
    for (size_t i = 0; i < d->config->labels.n; i++)
        good &= check_label(d, d->config->labels.at[i].key);
    return good;
}

/* --- what runs ---------------------------------------------------------------------------------------
 */

static bool is_adopted(const struct process_config *c)
{
    return c->adopt.pid_file[0] != '\0' || c->adopt.name[0] != '\0' || c->adopt.systemd[0] != '\0';
}

static bool check_command(const struct process_draft *d)
{
    const struct process_config *c = d->config;
    if (c->command.n == 0)
        return process_fault(d, "command", "required, but missing%s",
                             is_adopted(c) ? ": what starts it again" : "");
    if (c->shell && c->command.n > 1)
        return process_fault(d, "command",
                             "got a list of %zu with shell: true; want one text for /bin/sh -c",
                             c->command.n);
    if (c->command.at[0][0] == '\0')
        return process_fault(d, "command", "got an empty name of the program");
    return true;
}

static bool check_hook(const struct process_draft *d, const char *key, const struct str_list *argv)
{
    bool empty = argv->n > 0 && argv->at[0][0] == '\0';
    return !empty || process_fault(d, key, "got an empty name of the program");
}

static bool check_pre_start(const struct process_draft *d)
{
    return check_hook(d, "pre_start", &d->config->pre_start);
}

static bool check_post_stop(const struct process_draft *d)
{
    return check_hook(d, "post_stop", &d->config->post_stop);
}

static bool check_adopt(const struct process_draft *d)
{
    const struct process_config *c = d->config;
    int ways =
        (c->adopt.pid_file[0] != '\0') + (c->adopt.name[0] != '\0') + (c->adopt.systemd[0] != '\0');
    if (process_given(d, "adopt") != NULL && ways != 1)
        return process_fault(d, "adopt", "got %s; want one of pid_file, name and systemd",
                             ways == 0 ? "none" : "more than one");
    if (ways == 0)
        return true;
    if (c->kind == PROCESS_ONESHOT)
        return process_fault(d, "adopt", "a oneshot is not adopted; want kind: daemon");
    if (c->ready == PROCESS_READY_NOTIFY || c->watchdog_ms > 0)
        return process_fault(d, "adopt",
                             "an adopted program is not told where to send READY=1 and WATCHDOG=1; "
                             "want ready: time or health, and no watchdog");
    return check_absolute(d, "adopt", c->adopt.pid_file);
}

/* Keys that mean something for jobs alone. */
static bool check_job_keys(const struct process_draft *d)
{
    static const char *const keys[] = {"timezone", "overlap", "catch_up"};
    bool good = true;
    if (d->config->schedule[0] != '\0')
        return true;
    for (size_t i = 0; i < array_len(keys); i++)
        if (process_given(d, keys[i]) != NULL)
            good = process_fault(d, keys[i], "has no meaning without schedule");
    return good;
}

static bool check_expression(const struct process_draft *d)
{
    const struct process_config *c = d->config;
    struct err err = {0};
    struct cron *cron = cron_parse(c->schedule, c->timezone, &err);
    if (cron != NULL) {
        bool ever = cron_next(cron, 0) > 0;
        cron_free(&cron);
        return ever || process_fault(d, "schedule", "got \"%s\", which is never due", c->schedule);
    }
    if (err.code != ERR_MALFORMED)
        return process_fault(d, "timezone", "%s", err.msg);
    return process_fault(d, "schedule", "%s", err.msg);
}

static bool check_schedule(const struct process_draft *d)
{
    const struct process_config *c = d->config;
    bool good = check_job_keys(d);
    if (c->schedule[0] == '\0')
        return good;
    if (c->kind != PROCESS_ONESHOT)
        good = process_fault(d, "kind", "got daemon with a schedule; want oneshot");
    if (c->autostart)
        good =
            process_fault(d, "autostart", "got true with a schedule; a job starts when it is due");
    return good;
}

static bool check_oneshot(const struct process_draft *d)
{
    const struct process_config *c = d->config;
    bool good = true;
    if (c->kind == PROCESS_DAEMON && c->run_timeout_ms > 0)
        return process_fault(d, "run_timeout", "has no meaning for a daemon; want kind: oneshot");
    if (c->kind == PROCESS_DAEMON)
        return true;
    if (c->restart == PROCESS_RESTART_ALWAYS)
        good = process_fault(d, "restart", "got always for a oneshot; want on-failure or never");
    if (c->ready != PROCESS_READY_TIME)
        good = process_fault(d, "ready",
                             "has no meaning for a oneshot: it is ready when it ended "
                             "well");
    if (c->health != NULL)
        good = process_fault(d, "health", "has no meaning for a oneshot");
    return good;
}

/* --- when it is well ---------------------------------------------------------------------------------
 */

static bool check_health(const struct process_draft *d)
{
    const struct node *health = d->config->health;
    if (d->config->ready == PROCESS_READY_HEALTH && health == NULL)
        return process_fault(d, "ready",
                             "got health without a health probe; want health: {url: …}");
    if (health == NULL)
        return true;
    struct process_health h = {0};
    const char *path = arena_printf(d->arena, "%s%shealth", d->path, d->path[0] != '\0' ? "." : "");
    if (!options_bind(process_health_options, health, &h, d->arena, d->problems, path))
        return false;
    if (h.url == NULL && h.type == NULL)
        return process_fault(d, "health", "got neither url nor type; want one of them");
    return true;
}

static bool check_times(const struct process_draft *d)
{
    const struct process_config *c = d->config;
    char got[DURATION_SIZE], want[DURATION_SIZE];
    bool good = true;
    if (c->ready == PROCESS_READY_TIME && c->start_timeout_ms > 0 &&
        c->start_ms > c->start_timeout_ms)
        good = process_fault(d, "start_seconds", "got %s; want at most start_timeout, %s",
                             duration_format(c->start_ms, got),
                             duration_format(c->start_timeout_ms, want));
    if (c->restart_delay.delay_max_ms < c->restart_delay.delay_ms)
        good = process_fault(d, "restart_delay", "delay_max: got %s; want at least the delay %s",
                             duration_format(c->restart_delay.delay_max_ms, got),
                             duration_format(c->restart_delay.delay_ms, want));
    return good;
}

static bool check_memory(const struct process_draft *d)
{
    const struct process_config *c = d->config;
    char got[SIZE_TEXT], want[SIZE_TEXT];
    if (c->limits.memory == 0 || c->limits.memory_high <= c->limits.memory)
        return true;
    return process_fault(d, "limits", "memory_high: got %s; want at most memory, %s",
                         size_format(c->limits.memory_high, got),
                         size_format(c->limits.memory, want));
}

bool process_check_values(const struct process_draft *d)
{
    must(d->config->stop_signal != NULL);
    bool good = check_signal(d);
    good &= check_paths(d);
    good &= check_environment(d);
    good &= check_labels(d);
    if (d->config->schedule[0] != '\0')
        good &= check_expression(d);
    return good;
}

bool process_check(struct process_draft *d)
{
    static bool (*const checks[])(const struct process_draft *d) = {
        check_id,     check_command,  check_pre_start, check_post_stop, process_check_values,
        check_adopt,  check_schedule, check_oneshot,   check_health,    check_times,
        check_memory,
    };
    must(d->config->id != NULL);
    bool good = true;
    for (size_t i = 0; i < array_len(checks); i++) /* all of them: all faults are told at once */
        good &= checks[i](d);
    return good;
}
