/* Views of supervised programs: for those who ask (API, metrics) and for the page, which hears each change as it happens.
 * Main loop. */
#include "base/clock.h"
#include "core/process_priv.h"

#define SAMPLE_OLD_NS (2 * NS_PER_S)

/* A moment of the supervisor's clock on the wall; 0 stays 0. */
static int64_t wall_of(int64_t mono_ms)
{
    return mono_ms ? clock_wall_ms() - (clock_mono_ns() / NS_PER_MS - mono_ms) : 0;
}

static int health_of(const struct program *p)
{
    if (!p->unit->config->health)
        return -1;
    return p->health.good < 0 ? 2 : p->health.failures == 0;
}

void core__view_program(const struct program *p, struct core_process *out)
{
    *out = (struct core_process){
        .unit = p->unit,
        .document = p->document,
        .source = p->from_file ? "file" : "api",
        .enabled = p->enabled,
        .health = health_of(p),
        .health_failures = p->health.failures,
        .health_message = p->health.message ? p->health.message : "",
        .health_checked_ms = p->health.checked_ms,
        .next_run_ms = p->job.cron ? p->job.next_ms : 0,
        .usage = p->usage.tree,
        .cpu_percent = p->usage.cpu_percent,
        .refused = p->refused,
        .open = core__alert(p->all->core, p->alert_id),
    };
    out->known = core__program_record(p, &out->record);
    const struct unit_record *r = &out->record;
    enum unit_state s = (enum unit_state)r->state;
    out->started_wall_ms = unit_state_has_process(s) && r->spawned.pid ? wall_of(r->started_ms) : 0;
    out->changed_wall_ms = wall_of(r->changed_ms);
    out->next_wall_ms = s == UNIT_RESTARTING || s == UNIT_BACKOFF ? wall_of(r->next_ms) : 0;
    out->died_wall_ms = wall_of(r->last.died_ms);
    if (p->usage.at_ns)
        out->sampled_ms = wall_of(p->usage.at_ns / NS_PER_MS);
}

bool core_process_get(struct core *c, const char *id, struct core_process *out)
{
    check_magic(c, CORE_MAGIC);
    struct program *p = core__program(c, id);
    if (!p)
        return false;
    core__usage_sample(c, SAMPLE_OLD_NS);
    core__view_program(p, out);
    return true;
}

void core_processes_each(struct core *c, bool (*fn)(void *arg, const struct core_process *p),
                         void *arg)
{
    check_magic(c, CORE_MAGIC);
    struct core_process view;
    core__usage_sample(c, SAMPLE_OLD_NS);
    vec_each (&c->programs->order, it) {
        core__view_program(*it, &view);
        if (!fn(arg, &view))
            return;
    }
}

void core_process_stats(struct core *c, struct core_process_stats *out)
{
    check_magic(c, CORE_MAGIC);
    const struct programs *all = c->programs;
    *out = (struct core_process_stats){
        .total_checks = all->total_checks,
        .total_restarts = all->total_restarts,
        .success_restarts = all->success_restarts,
        .failed_restarts = all->failed_restarts,
        .last_check_ms = all->last_check_ms,
        .total_processes = (uint32_t)all->order.n,
        .events = all->events,
    };
    if (all->tap.ring)
        out->events_dropped = ring_stats(all->tap.ring).dropped;
    vec_each (&all->order, it) {
        struct unit_record r;
        core__program_record(*it, &r);
        out->count[r.state]++;
        out->enabled_processes += (*it)->enabled;
    }
    out->enabled = out->enabled_processes > 0;
}

static void publish_program(const struct program *p)
{
    struct core *c = p->all->core;
    struct core_process view;
    struct buf out = BUF_INIT(65536);
    struct json j = json_start(&out);
    core__view_program(p, &view);
    process_json_open(&view, &j);
    json_end(&j);
    core__publish(c, "process", &out);
}

static void on_events(struct timer *t)
{
    struct programs *all = container_of(t, struct programs, event_timer);
    bool silent = core__nobody_listens(all->core);
    vec_each (&all->changed, it) {
        if (!*it)
            continue; /* it is gone */
        (*it)->changed = false;
        if (!silent)
            publish_program(*it);
    }
    vec_clear(&all->changed);
}

void core__event_program(struct program *p)
{
    struct programs *all = p->all;
    if (p->changed)
        return;
    p->changed = true;
    vec_push(&all->changed, p);
    if (!timer_active(&all->event_timer))
        timer_start(all->core->loop, &all->event_timer, clock_mono_ns(), on_events);
}

void core__event_forget(const struct program *p)
{
    vec_each (&p->all->changed, it)
        if (*it == p)
            *it = NULL;
}

void core__event_program_gone(struct core *c, const char *id)
{
    if (core__nobody_listens(c))
        return;
    struct buf out = BUF_INIT(1024);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kstr(&j, "id", id);
    json_kbool(&j, "deleted", true);
    json_end(&j);
    core__publish(c, "process", &out);
}
