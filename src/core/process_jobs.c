/* Programs that run by the clock: when one is due, what happens when its last run still runs, and the run that is made up
 * for after Belfry was away. When each was started last is kept in the store's setting "process_jobs", "backup=1763700000000
 * report=…". Wall clock throughout, looked at once a minute at least, so that a clock that is set is followed. Main loop. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/process_priv.h"

#define LOOK_NS (60 * NS_PER_S)

/* Of an earlier life, until the roster names the unit. Values are malloc'ed int64_t. */
void core__jobs_load(struct core *c, const char *text)
{
    struct str rest = str_of(text), word, id, when;
    uint64_t ms;
    while (text && str_next(&rest, ' ', &word)) {
        if (!str_cut(word, '=', &id, &when) || str_to_u64(when, &ms, NULL) != 0 || id.n == 0)
            continue;
        int64_t *kept = malloc(sizeof(*kept));
        must(kept);
        *kept = (int64_t)ms;
        free(map_str_put(c->programs->job_times, id.p, id.n, kept));
    }
}

void core__jobs_save(struct core *c)
{
    if (!c->programs->jobs_changed)
        return;
    c->programs->jobs_changed = false;
    struct buf out = BUF_INIT(4 << 20);
    vec_each (&c->programs->order, it)
        if ((*it)->job.cron && (*it)->job.last_ms)
            buf_printf(&out, "%s%s=%" PRId64, out.len ? " " : "", (*it)->unit->config->id,
                       (*it)->job.last_ms);
    batch_setting_put(core__batch(c), "process_jobs", out.len ? out.data : NULL);
    core__commit_soon(c);
    buf_done(&out);
}

static void run(struct program *p, enum command_type how, int64_t now_ms)
{
    if (core__program_send(p, how, 0, "") != 0) {
        log_warn("a job is due and the warden cannot be reached; it runs when it can",
                 F_STR("unit", p->unit->config->id));
        p->job.queued = true;
        return;
    }
    p->job.queued = false;
    p->job.last_ms = now_ms;
    p->all->jobs_changed = true;
    core__jobs_save(p->all->core);
}

static bool still_runs(const struct program *p)
{
    struct unit_record r;
    core__program_record(p, &r);
    return r.state == UNIT_WAITING || unit_state_has_process((enum unit_state)r.state);
}

static void is_due(struct program *p, int64_t now_ms)
{
    const struct process_config *u = p->unit->config;
    if (!u->enabled)
        return;
    if (!still_runs(p))
        run(p, COMMAND_START, now_ms);
    else if (u->overlap == PROCESS_OVERLAP_REPLACE)
        run(p, COMMAND_RESTART, now_ms);
    else if (u->overlap == PROCESS_OVERLAP_QUEUE)
        p->job.queued = true;
    else
        log_info("a job is due and still runs; this time is left out", F_STR("unit", u->id));
}

static void on_due(struct timer *t)
{
    struct programs *all = container_of(t, struct programs, job_timer);
    int64_t now_ms = clock_wall_ms();
    vec_each (&all->order, it) {
        struct program *p = *it;
        if (!p->job.cron || p->job.next_ms == 0 || p->job.next_ms > now_ms)
            continue;
        p->job.next_ms = cron_next(p->job.cron, now_ms);
        is_due(p, now_ms);
        core__event_program(p);
    }
    core__jobs_schedule(all->core);
}

void core__jobs_schedule(struct core *c)
{
    int64_t now_ms = clock_wall_ms(), wait_ns = LOOK_NS;
    bool any = false;
    vec_each (&c->programs->order, it) {
        if (!(*it)->job.cron || (*it)->job.next_ms == 0)
            continue;
        int64_t left_ns = ((*it)->job.next_ms - now_ms) * NS_PER_MS;
        wait_ns = left_ns < wait_ns ? left_ns : wait_ns;
        any = true;
    }
    core__jobs_save(c);
    timer_stop(&c->programs->job_timer);
    if (any && !c->stopping)
        timer_start(c->loop, &c->programs->job_timer, clock_mono_ns() + (wait_ns > 0 ? wait_ns : 0),
                    on_due);
}

/* When it was started last, as an earlier life wrote it down. */
static void recall(struct program *p)
{
    const char *id = p->unit->config->id;
    int64_t *when = map_str_del(p->all->job_times, id, strlen(id));
    if (when)
        p->job.last_ms = *when;
    free(when);
}

void core__job_changed(struct program *p)
{
    const struct process_config *u = p->unit->config;
    char *spec = NULL;
    struct err err = {0};
    if (*u->schedule)
        must(asprintf(&spec, "%s|%s", u->schedule, u->timezone) > 0);
    if (streq(spec, p->job.spec)) {
        free(spec);
        return;
    }
    core__job_forget(p);
    p->job.spec = spec;
    if (!spec)
        return;
    p->job.cron = cron_parse(u->schedule, u->timezone, &err);
    if (!p->job.cron) {
        log_error("a job's schedule cannot be read; it does not run", F_STR("unit", u->id),
                  F_ERR(&err));
        return;
    }
    recall(p);
    int64_t now_ms = clock_wall_ms();
    p->job.next_ms = cron_next(p->job.cron, now_ms);
    bool missed = p->job.last_ms && u->catch_up && cron_next(p->job.cron, p->job.last_ms) <= now_ms;
    if (missed)
        p->job.next_ms = now_ms; /* once, whatever was missed */
    if (p->job.last_ms == 0) {
        p->job.last_ms = now_ms; /* what is due from now on can be missed */
        p->all->jobs_changed = true;
    }
}

void core__job_state(struct program *p, enum unit_state to)
{
    bool over = to == UNIT_STOPPED || to == UNIT_CRASHED || to == UNIT_FATAL;
    if (p->job.queued && over && p->job.cron)
        run(p, COMMAND_START, clock_wall_ms());
}

/* There is a warden again: what was due meanwhile. */
void core__jobs_retry(struct core *c)
{
    vec_each (&c->programs->order, it)
        if ((*it)->job.queued && (*it)->job.cron && !still_runs(*it))
            run(*it, COMMAND_START, clock_wall_ms());
}

void core__job_forget(struct program *p)
{
    cron_free(&p->job.cron);
    free(p->job.spec);
    p->job.spec = NULL;
    p->job.next_ms = 0;
}

void core__jobs_free(struct core *c)
{
    const char *id;
    size_t len;
    void *value;
    for (size_t it = 0; map_str_next(c->programs->job_times, &it, &id, &len, &value);)
        free(value);
    map_str_free(c->programs->job_times);
}
