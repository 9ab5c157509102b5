/* A supervised program as JSON, in the shape of CONTRACT.md and docs/api.md: for the API's answers and the event stream.
 * Secrets are masked. Pure but for the clock; the core's main loop. */
#include <math.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "config/option.h"
#include "core/process.h"
#include "proc/spawn.h"

static const char *kind_name(const struct process_config *c)
{
    if (c->schedule && *c->schedule)
        return "job";
    return c->kind == PROCESS_ONESHOT ? "oneshot" : "daemon";
}

/* "" is null: nothing was said. */
static void put_text(struct json *j, const char *key, const char *text)
{
    json_kstr(j, key, text && *text ? text : NULL);
}

static void put_list(struct json *j, const char *key, const struct str_list *list)
{
    json_karr(j, key);
    for (size_t i = 0; i < list->n; i++)
        json_str(j, list->at[i]);
    json_end(j);
}

static void put_labels(struct json *j, const struct pair_list *labels)
{
    json_kobj(j, "labels");
    for (size_t i = 0; i < labels->n; i++)
        json_kstr(j, labels->at[i].key, labels->at[i].value);
    json_end(j);
}

bool process_failed(enum unit_state s)
{
    return s == UNIT_KILLING || s == UNIT_CRASHED || s == UNIT_RESTARTING || s == UNIT_BACKOFF ||
           s == UNIT_FATAL;
}

const char *process_message(const struct core_process *p, char *buf)
{
    const struct unit_record *r = &p->record;
    if (p->refused)
        return p->refused;
    if (!process_failed((enum unit_state)r->state))
        return r->status_text;
    if (*r->reason)
        return r->reason;
    if (*r->last.reason)
        return r->last.reason;
    return p->died_wall_ms && r->last.status != UNIT_STATUS_UNKNOWN
               ? spawn_status_text(r->last.status, buf)
               : "";
}

void process_exit_json(int status, struct json *j)
{
    char text[SPAWN_STATUS_SIZE];
    bool known = status != UNIT_STATUS_UNKNOWN;
    json_key(j, "status");
    if (known && WIFEXITED(status))
        json_int(j, WEXITSTATUS(status));
    else
        json_nil(j);
    json_kstr(j, "signal",
              known && WIFSIGNALED(status) ? spawn_signal_name(WTERMSIG(status)) : NULL);
    json_kstr(j, "text", known ? spawn_status_text(status, text) : "unknown");
}

/* How it ended the last time. */
static void put_exit(struct json *j, const struct core_process *p)
{
    const struct unit_death *d = &p->record.last;
    if (p->died_wall_ms == 0) {
        json_key(j, "exit");
        json_nil(j);
        return;
    }
    json_kobj(j, "exit");
    json_ktime(j, "at", p->died_wall_ms);
    process_exit_json(d->status, j);
    json_kstr(j, "cause", unit_cause_name(d->cause));
    put_text(j, "reason", d->reason);
    json_kbool(j, "failure", d->failure);
    json_kf64(j, "ran_seconds",
              d->started_ms && d->died_ms > d->started_ms
                  ? (double)(d->died_ms - d->started_ms) / 1000
                  : 0);
    json_end(j);
}

static void put_health(struct json *j, const struct core_process *p)
{
    static const char *const names[] = {"none", "failing", "good", "unknown"};
    must(p->health >= -1 && p->health <= 2);
    json_kobj(j, "health");
    json_kstr(j, "status", names[p->health + 1]);
    json_kuint(j, "failures", p->health_failures);
    put_text(j, "message", p->health_message);
    json_ktime(j, "checked_at", p->health_checked_ms);
    json_end(j);
}

static void put_usage(struct json *j, const struct core_process *p)
{
    const struct tree_usage *u = &p->usage;
    json_kf64(j, "cpu_percent", round(p->cpu_percent * 100) / 100);
    json_kf64(j, "cpu_seconds", u->cpu_seconds);
    json_kuint(j, "rss_bytes", u->rss_bytes);
    json_kuint(j, "pss_bytes", u->pss_bytes);
    json_kuint(j, "private_bytes", u->private_bytes);
    json_kuint(j, "read_bytes", u->read_bytes);
    json_kuint(j, "written_bytes", u->write_bytes);
    json_kuint(j, "processes", u->processes);
    json_kuint(j, "threads", u->threads);
    json_kuint(j, "fds", u->files);
    json_ktime(j, "sampled_at", p->sampled_ms);
}

int64_t process_uptime_ms(const struct core_process *p)
{
    int64_t now = clock_wall_ms();
    bool runs = unit_state_has_process((enum unit_state)p->record.state) &&
                p->record.spawned.pid > 0 && p->started_wall_ms > 0;
    return runs && now > p->started_wall_ms ? now - p->started_wall_ms : 0;
}

static void put_state(struct json *j, const struct core_process *p)
{
    const struct unit_record *r = &p->record;
    char text[SPAWN_STATUS_SIZE];
    bool runs = unit_state_has_process((enum unit_state)r->state) && r->spawned.pid > 0;
    json_kstr(j, "status", unit_state_name((enum unit_state)r->state));
    json_kbool(j, "enabled", p->enabled);
    json_key(j, "pid");
    if (runs)
        json_int(j, r->spawned.pid);
    else
        json_nil(j);
    json_ktime(j, "started_at", runs ? p->started_wall_ms : 0);
    json_kf64(j, "uptime_seconds", (double)process_uptime_ms(p) / 1000);
    json_ktime(j, "changed_at", p->changed_wall_ms);
    json_ktime(j, "next_start_at", p->next_wall_ms);
    json_ktime(j, "next_run_at", p->next_run_ms);
    json_kuint(j, "restarts", r->restarts);
    json_kuint(j, "starts", r->starts);
    json_kuint(j, "restarts_in_hour", restart_used(&r->restart, clock_mono_ns() / NS_PER_MS));
    json_kint(j, "max_restarts", p->unit->config->monitor.max_restarts);
    json_kstr(j, "message", process_message(p, text));
    if (p->refused)
        json_kstr(j, "refused", p->refused);
}

static void put_what(struct json *j, const struct core_process *p)
{
    const struct process_config *c = p->unit->config;
    json_kstr(j, "name", c->name && *c->name ? c->name : c->id);
    json_kstr(j, "type", c->type ? c->type : "");
    json_kstr(j, "kind", kind_name(c));
    json_kstr(j, "source", p->source);
    json_kstr(j, "template", p->unit->replica ? p->unit->template_id : NULL);
    put_list(j, "command", &c->command);
    put_text(j, "user", c->user);
    put_text(j, "directory", c->directory);
    put_text(j, "schedule", c->schedule);
    json_kint(j, "start_order", c->start_order);
    put_list(j, "after", &c->after);
    put_list(j, "requires", &c->requires);
    put_labels(j, &c->labels);
}

void process_json_config(const struct core_process *p, struct json *j)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    const struct node *doc = p->document ? p->document : p->unit->doc;
    json_key(j, "config");
    node_to_json(process_mask(doc, a), j);
}

void process_json_open(const struct core_process *p, struct json *j)
{
    must(p->unit && p->unit->config && p->unit->config->id && p->source);
    json_obj(j);
    json_kstr(j, "id", p->unit->config->id);
    put_what(j, p);
    put_state(j, p);
    put_usage(j, p);
    put_health(j, p);
    put_exit(j, p);
    if (p->open)
        json_kuint(j, "alert_id", p->open->id);
}
