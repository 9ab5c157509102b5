/* Looking at programs whose death nobody sees: rounds of checks, each check_interval, in which health probes run in a
 * watcher as if somebody tried a target.
 *
 *   starting, ready: health --probe, ever more seldom--> succeeds: READY to the warden
 *   running --probe each check_interval--> fails health_failures times in a row: FAIL, and an alert
 *
 * A watcher that cannot be reached says nothing about the program. Probes of a round go out a few at a time. Main loop. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/process_priv.h"
#include "probe/prober.h"

#define PROBES_MAX   32
#define HURRY_NS     (250 * NS_PER_MS)
#define HURRY_MAX_NS (5 * NS_PER_S)
#define AGAIN_NS     NS_PER_S /* no watcher was there */

static void plan(struct program *p);
static void pump(struct programs *all);

/* It waits for its first good probe. */
static bool is_starting(const struct program *p, uint32_t state)
{
    return state == UNIT_STARTING && p->unit->config->ready == PROCESS_READY_HEALTH;
}

static bool is_probed(const struct program *p, uint32_t state)
{
    return p->unit->config->health &&
           (state == UNIT_RUNNING || state == UNIT_READY || is_starting(p, state));
}

/* --- one probe --- */

/* The health document as a target of core_try: {url|type, config, expect} → type and the prober's own fields. */
static const struct node *config_of(const struct node *health, const char **type, struct arena *a)
{
    const struct node *t = node_get(health, "type"), *url = node_get(health, "url");
    const struct node *config = node_get(health, "config"), *expect = node_get(health, "expect");
    const struct prober_ops *ops = NULL;
    if (t && t->kind == NODE_TEXT)
        ops = prober_by_type(arena_strndup(a, t->text.p, t->text.n), NULL);
    else if (url && url->kind == NODE_TEXT)
        ops = prober_by_url(arena_strndup(a, url->text.p, url->text.n), NULL);
    if (!ops)
        return NULL;
    struct node *out = config && config->kind == NODE_MAP ? node_copy(a, config) : node_map(a);
    if (url)
        node_put(out, a, "url", node_copy(a, url));
    if (expect)
        node_put(out, a, "expect", node_copy(a, expect));
    *type = ops->type;
    return out;
}

/* A probe under way; its program may be gone when it ends. */
struct health_probe {
    struct core *core;
    char id[COMMAND_UNIT_MAX + 1];
    struct program *program; /* to know whether that one is still the same */
};

static void remember(struct program *p, bool good, const char *message)
{
    free(p->health.message);
    p->health.message = strdup(message);
    must(p->health.message);
    p->health.good = good;
    p->health.checked_ms = clock_wall_ms();
    p->health.failures = good ? 0 : p->health.failures + 1;
}

static void alarm_health(struct program *p, bool failing, const char *message)
{
    struct process_verdicts v;
    process_alarm_health(&p->alarm, failing, message, clock_wall_ms(), &v);
    core__program_alarm(p, &v);
}

static void replace(struct program *p)
{
    char text[COMMAND_TEXT_MAX + 1];
    snprintf(text, sizeof(text), "health: %s", p->health.message);
    alarm_health(p, true, p->health.message);
    if (p->enabled)
        core__program_send(p, COMMAND_FAIL, CAUSE_HEALTH, text);
    p->health.failures = 0;
    p->health.good = 0;
}

static void judge(struct program *p, bool good, const char *message)
{
    struct unit_record r;
    int was = p->health.good;
    core__program_record(p, &r);
    if (!is_probed(p, r.state))
        return; /* it ended meanwhile */
    if (is_starting(p, r.state)) {
        remember(p, good, message);
        p->health.failures = 0; /* it may take its time: start_timeout bounds it */
        if (good)
            core__program_send(p, COMMAND_READY, 0, "");
    } else {
        remember(p, good, message);
        if (good)
            alarm_health(p, false, message);
        else if (p->health.failures >= p->unit->config->monitor.health_failures)
            replace(p);
    }
    if (was != p->health.good)
        core__event_program(p);
}

static void round_closes(struct programs *all)
{
    struct core *c = all->core;
    if (all->round.open > 0 || all->round.checked == 0)
        return;
    core__plog_round(c, (clock_mono_ns() - all->round.began_ns) / NS_PER_MS, all->round.checked);
    all->round.checked = 0;
}

static void probe_over(struct program *p)
{
    struct programs *all = p->all;
    p->health.waiting = false;
    if (p->health.in_round) {
        p->health.in_round = false;
        must(all->round.open > 0);
        all->round.open--;
    }
}

static void on_probed(void *arg, const struct err *err, const void *record, size_t n)
{
    struct health_probe *h = arg;
    struct core *c = h->core;
    struct programs *all = c->programs;
    struct program *p = all ? core__program(c, h->id) : NULL;
    if (all) {
        must(all->probes > 0);
        all->probes--;
    }
    if (p && p == h->program && p->health.waiting) {
        struct arena *a cleanup(arena_freep) = arena_new();
        struct result *r = arena_new_of(a, struct result);
        probe_over(p);
        if (!err && result_decode(record, n, a, r, NULL) == 0)
            judge(p, r->success, r->message);
    }
    free(h);
    if (all && !c->closing) {
        round_closes(all);
        pump(all);
    }
}

static int ask(struct program *p, struct err *err)
{
    struct core *c = p->all->core;
    struct arena *a cleanup(arena_freep) = arena_new();
    const struct process_config *u = p->unit->config;
    struct target t = {.name = u->id,
                       .group = PROGRAM_GROUP,
                       .config_json = "{}",
                       .interval_ms = u->monitor.check_interval_ms,
                       .timeout_ms = u->monitor.health_timeout_ms,
                       .connect_timeout_ms = u->monitor.health_timeout_ms,
                       .attempts = 1,
                       .threshold = 1,
                       .enabled = true};
    const struct node *config = config_of(u->health, &t.type, a);
    if (!config)
        return err_set(err, ERR_INVALID, "no prober for this health check");
    struct health_probe *h = calloc(1, sizeof(*h));
    must(h);
    h->core = c;
    h->program = p;
    memcpy(h->id, u->id, strlen(u->id) + 1);
    if (core__ask_watcher(c, &t, config, &(struct pending_check){.fn = on_probed, .arg = h}, err) ==
        0)
        return 0;
    free(h);
    return -1;
}

/* Sends what waits, a few at a time. */
static void pump(struct programs *all)
{
    struct err err = {0};
    while (all->queue_at < all->queue.n && all->probes < PROBES_MAX) {
        struct program *p = all->queue.at[all->queue_at++];
        if (!p)
            continue; /* it is gone */
        p->health.in_queue = false;
        if (ask(p, &err) == 0) {
            all->probes++;
            continue;
        }
        probe_over(p);
        p->health.due_ns = clock_mono_ns() + AGAIN_NS;
        plan(p);
    }
    if (all->queue_at == all->queue.n) {
        vec_clear(&all->queue);
        all->queue_at = 0;
        round_closes(all);
    }
}

/* --- rounds --- */

static void begin_round(struct programs *all, uint32_t looked_at)
{
    all->total_checks++;
    all->last_check_ms = clock_wall_ms();
    all->stats_changed = true;
    all->round.checked += looked_at; /* with those of the last round that still wait */
}

static void enqueue(struct program *p, bool in_round)
{
    struct programs *all = p->all;
    p->health.waiting = p->health.in_queue = true;
    p->health.in_round = in_round;
    all->round.open += in_round;
    vec_push(&all->queue, p);
}

/* The next multiple of its interval: those with the same one are looked at together. */
static int64_t next_slot(int64_t interval_ns, int64_t now_ns)
{
    must(interval_ns > 0);
    return now_ns - now_ns % interval_ns + interval_ns;
}

/* Looks at one; true when that belongs to a round. */
static bool look(struct program *p, int64_t now_ns)
{
    struct unit_record r;
    core__program_record(p, &r);
    bool hurry = is_starting(p, r.state);
    int64_t interval = p->unit->config->monitor.check_interval_ms * NS_PER_MS;
    if (hurry) {
        p->health.due_ns = now_ns + p->health.hurry_ns;
        p->health.hurry_ns += p->health.hurry_ns / 2;
        if (p->health.hurry_ns > HURRY_MAX_NS)
            p->health.hurry_ns = HURRY_MAX_NS;
    } else {
        p->health.due_ns = next_slot(interval, now_ns);
    }
    if (!p->health.waiting && is_probed(p, r.state))
        enqueue(p, !hurry && p->enabled);
    return !hurry && p->enabled;
}

static void on_round(struct timer *t)
{
    struct programs *all = container_of(t, struct programs, health_timer);
    int64_t now_ns = clock_mono_ns(), shortest = INT64_MAX;
    uint32_t looked_at = 0;
    if (all->round.open == 0)
        all->round.began_ns = now_ns;
    vec_each (&all->order, it) {
        if ((*it)->health.due_ns == 0 || (*it)->health.due_ns > now_ns)
            continue;
        int64_t interval = (*it)->unit->config->monitor.check_interval_ms * NS_PER_MS;
        if (look(*it, now_ns)) {
            looked_at++;
            shortest = interval < shortest ? interval : shortest;
        }
    }
    if (looked_at > 0) {
        begin_round(all, looked_at);
        core__usage_sample(all->core, shortest / 2);
    }
    core__health_plan(all);
    pump(all);
}

static void ring_at(struct programs *all, int64_t at_ns)
{
    all->health_next_ns = at_ns;
    timer_stop(&all->health_timer);
    if (at_ns && !all->core->stopping)
        timer_start(all->core->loop, &all->health_timer, at_ns, on_round);
}

/* Its due time changed. */
static void plan(struct program *p)
{
    if (p->health.due_ns &&
        (p->all->health_next_ns == 0 || p->health.due_ns < p->all->health_next_ns))
        ring_at(p->all, p->health.due_ns);
}

/* Units of one interval fall due together, so a round is one wake-up. */
void core__health_plan(struct programs *all)
{
    int64_t next = 0;
    vec_each (&all->order, it)
        if ((*it)->health.due_ns && (next == 0 || (*it)->health.due_ns < next))
            next = (*it)->health.due_ns;
    ring_at(all, next);
}

void core__health_changed(struct program *p)
{
    const struct process_config *u = p->unit->config;
    int64_t interval = u->monitor.check_interval_ms * NS_PER_MS;
    must(interval > 0);
    if (!p->enabled && !u->health) {
        p->health.due_ns = 0;
    } else if (p->health.due_ns == 0 || p->health.due_ns > clock_mono_ns() + interval) {
        struct unit_record r;
        core__program_record(p, &r);
        p->health.hurry_ns = HURRY_NS;
        p->health.due_ns =
            is_starting(p, r.state) ? clock_mono_ns() : next_slot(interval, clock_mono_ns());
    }
    if (p->enabled)
        core__plog_started(p->all->core);
}

void core__health_state(struct program *p, enum unit_state to)
{
    if (to == UNIT_STARTING) {
        p->health.failures = 0;
        p->health.good = -1;
        p->health.hurry_ns = HURRY_NS;
    }
    if (p->unit->config->health && is_starting(p, to)) {
        p->health.due_ns = clock_mono_ns() + HURRY_NS;
        plan(p);
    }
}

void core__health_forget(struct program *p)
{
    struct programs *all = p->all;
    for (size_t i = all->queue_at; i < all->queue.n; i++)
        if (all->queue.at[i] == p)
            all->queue.at[i] = NULL;
    if (p->health.waiting)
        probe_over(p);
    free(p->health.message);
    p->health.message = NULL;
}
