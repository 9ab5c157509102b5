/* A model of the core (DESIGN.md): consumes the ring, lets the real judge decide, writes batches that a store commits
 * later and in order, gives committed deliveries to the real dispatch, sends, writes the answers. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define COMMIT_EVERY_MS 100
#define RECHECK_MS      5000

static uint64_t next_id(void *arg, enum judge_id what)
{
    struct sim *s = arg;
    return what == JUDGE_ALERT_ID ? ++s->core.last_alert : ++s->core.last_delivery;
}

static enum suppression suppressed(void *arg, const struct subject *about, int64_t checked_ms,
                                   int64_t now_ms, struct held *by)
{
    struct sim *s = arg;
    return suppress_find(&s->suppress, about, checked_ms, now_ms, by);
}

static bool told(void *arg, uint64_t alert_id, struct id_list *out)
{
    struct sim *s = arg;
    out->at = arena_array_of(s->arena, uint64_t, CHANNELS);
    out->n = 0;
    vec_each (&s->core.deliveries, d)
        if (d->alert_id == alert_id && d->kind == EVENT_FIRED)
            out->at[out->n++] = d->channel_id;
    return true;
}

static struct judge_env env_of(struct sim *s)
{
    return (struct judge_env){s, next_id, suppressed, s->rewires ? told : NULL};
}

static struct op *add_op(struct sim *s, enum op_type type)
{
    struct op *op = vec_add(&s->core.batch->ops);
    op->type = type;
    return op;
}

static void submit_at(struct sim *s, int64_t at)
{
    sim_at(s, at, EV_SUBMIT, s->life);
}

static void put_state(struct sim *s, int target)
{
    struct op *op = add_op(s, OP_STATE);
    op->target = target;
    op->state = s->core.states[target];
}

/* Memory first, then the batch. target -1: Belfry's own alert. */
static void act(struct sim *s, int target, const struct judge_actions *acts)
{
    struct alert **open = target >= 0 ? &s->core.open[target] : &s->core.own;
    if (acts->alert != NULL) {
        struct alert *kept = alert_clone(acts->alert);
        add_op(s, OP_ALERT)->alert = alert_clone(acts->alert);
        alert_free(*open);
        *open = kept;
        sim_say(s, "alert %d of t%d %s, suppressed %s", (int)kept->id, target + 1,
                alert_status_name(kept->status), suppression_name(kept->suppressed));
        if (kept->status == ALERT_RESOLVED) {
            alert_free(kept);
            *open = NULL;
        }
    }
    for (size_t i = 0; i < acts->n_deliveries; i++) {
        struct delivery *d = &acts->deliveries[i];
        must(d->id == s->core.deliveries.n + 1);
        d->group = world_group(d->group);
        sim_say(s, "delivery %d of alert %d kind %d to channel %d", (int)d->id, (int)d->alert_id,
                d->kind, (int)d->channel_id);
        vec_push(&s->core.deliveries, *d);
        add_op(s, OP_DELIVERY)->delivery = *d;
    }
    if (acts->alert != NULL) {
        s->core.batch->urgent = true;
        submit_at(s, s->now);
    }
}

static void own_network(struct sim *s)
{
    static uint64_t all[CHANNELS] = {1, 2, 3, 4};
    struct judge_env env = env_of(s);
    struct judge_own own = {
        "own network", "belfry", "belfry", "host", {all, (uint32_t)s->n_channels}};
    struct judge_actions acts;
    bool gone = suppress_own_network(&s->suppress, INT64_MAX);
    judge_own_alert(&env, &own, s->core.own, gone, gone ? "gone" : "back", sim_wall(s), s->arena,
                    &acts);
    act(s, -1, &acts);
}

static void judge_record(struct sim *s, const struct record *r)
{
    struct judge_env env = env_of(s);
    struct judge_case c = {&s->targets[r->target].spec, &s->core.states[r->target],
                           s->core.open[r->target], ""};
    struct judge_seen seen = {r->success, r->degraded, r->success ? "ok" : "refused", r->checked_ms,
                              1000};
    struct judge_actions acts;
    judge_result(&env, &c, &seen, sim_wall(s), s->arena, &acts);
    check_decision(s, r->target, r, &acts);
    struct op *op = add_op(s, OP_RESULT);
    op->target = r->target;
    op->record = *r;
    put_state(s, r->target);
    act(s, r->target, &acts);
}

static void consume(struct sim *s)
{
    if (s->core.cursor == s->ring.n)
        return;
    while (s->core.cursor < s->ring.n) {
        judge_record(s, &s->ring.at[s->core.cursor++]);
        s->count.results++;
    }
    if (s->suppress.references.n > 0)
        own_network(s);
    add_op(s, OP_CURSOR)->cursor = s->core.cursor;
    submit_at(s, s->now + COMMIT_EVERY_MS);
    arena_reset(s->arena);
}

static void recheck(struct sim *s)
{
    for (int i = 0; i < s->n_targets; i++) {
        if (!judge_waiting(&s->core.states[i]))
            continue;
        struct judge_env env = env_of(s);
        struct judge_case c = {&s->targets[i].spec, &s->core.states[i], s->core.open[i], ""};
        struct judge_actions acts;
        judge_recheck(&env, &c, sim_wall(s), s->arena, &acts);
        check_decision(s, i, NULL, &acts);
        put_state(s, i);
        act(s, i, &acts);
    }
    submit_at(s, s->now + COMMIT_EVERY_MS);
    arena_reset(s->arena);
    sim_at(s, s->now + RECHECK_MS, EV_RECHECK, s->life);
}

/* An operator pauses or resumes a target. */
static void pause_target(struct sim *s, int target, bool resume)
{
    struct target_state *st = &s->core.states[target];
    struct judge_actions acts;
    struct judge_env env = env_of(s);
    struct judge_case c = {&s->targets[target].spec, st, s->core.open[target], ""};
    judge_close(&env, &c, resume ? TARGET_UNKNOWN : TARGET_DISABLED, "paused", sim_wall(s),
                s->arena, &acts);
    sim_say(s, "t%d %s", target + 1, resume ? "resumed" : "paused");
    struct op *op = add_op(s, OP_PAUSE);
    op->target = target;
    op->record = (struct record){.target = target, .success = resume, .checked_ms = sim_wall(s)};
    put_state(s, target);
    act(s, target, &acts);
    submit_at(s, s->now);
    arena_reset(s->arena);
}

static void submit(struct sim *s)
{
    struct batch *b = s->core.batch;
    if (b->ops.n == 0)
        return;
    int64_t took = sim_chance(s, 0.01) ? sim_between(s, 500, 4000) : sim_between(s, 1, 20);
    int64_t at = s->now + took;
    if (at <= s->core.last_commit_ms)
        at = s->core.last_commit_ms + 1; /* in order */
    s->core.last_commit_ms = at;
    sim_at(s, at, EV_COMMITTED, s->life)->batch = b;
    s->core.batch = calloc(1, sizeof(*s->core.batch));
}

static void wake_dispatch(struct sim *s)
{
    int64_t at = dispatch_next_ms(s->core.dispatch);
    if (at == INT64_MAX || (s->core.dispatch_at_ms > s->now && s->core.dispatch_at_ms <= at))
        return;
    s->core.dispatch_at_ms = at > s->now ? at : s->now;
    sim_at(s, s->core.dispatch_at_ms, EV_DISPATCH, s->life);
}

static void commit_alert(struct image *im, struct op *op)
{
    while (im->alerts.n < op->alert->id)
        vec_push(&im->alerts, NULL);
    alert_free(im->alerts.at[op->alert->id - 1]);
    im->alerts.at[op->alert->id - 1] = op->alert;
    op->alert = NULL;
}

static void commit_delivery(struct sim *s, const struct op *op)
{
    struct image *im = &s->image;
    const struct delivery *d = &op->delivery;
    if (d->id <= im->deliveries.n) { /* an answer */
        must(im->deliveries.at[d->id - 1].id == d->id);
        im->deliveries.at[d->id - 1] = *d;
        return;
    }
    must(d->id == im->deliveries.n + 1 && d->state == DELIVERY_PENDING);
    vec_push(&im->deliveries, *d);
    dispatch_add(s->core.dispatch, d->channel_id, d->group, d->id, s->now);
}

/* One transaction: all of it, now. */
static void committed(struct sim *s, struct batch *b)
{
    vec_each (&b->ops, op) {
        switch (op->type) {
        case OP_RESULT:
        case OP_PAUSE:
            vec_push(&s->image.log, *op);
            break;
        case OP_STATE:
            s->image.states[op->target] = op->state;
            break;
        case OP_ALERT:
            commit_alert(&s->image, op);
            break;
        case OP_DELIVERY:
            commit_delivery(s, op);
            break;
        case OP_CURSOR:
            s->image.cursor = op->cursor;
            break;
        }
    }
    core_drop_batch(b);
    wake_dispatch(s);
}

void core_drop_batch(struct batch *b)
{
    if (b == NULL)
        return;
    vec_each (&b->ops, op)
        alert_free(op->alert);
    vec_done(&b->ops);
    free(b);
}

static void run_dispatch(struct sim *s)
{
    s->core.dispatch_at_ms = 0;
    for (;;) {
        struct sending *sending = calloc(1, sizeof(*sending));
        if (!dispatch_take(s->core.dispatch, s->now, &sending->message)) {
            free(sending);
            break;
        }
        sending->group = world_group(sending->message.group);
        sim_say(s, "message of %d to channel %d group %s", (int)sending->message.n,
                (int)sending->message.channel_id, sending->message.group);
        sim_at(s, s->now + sim_between(s, 1, 200), EV_ARRIVE, s->life)->sending = sending;
    }
    wake_dispatch(s);
}

static void answered(struct sim *s, struct sending *sending)
{
    const struct dispatch_message *m = &sending->message;
    dispatch_done(s->core.dispatch, m, sending->outcome, sending->retry_after_ms, s->now);
    for (size_t i = 0; i < m->n; i++) {
        struct delivery *d = &s->core.deliveries.at[m->ids[i] - 1];
        must(d->id == m->ids[i] && d->state == DELIVERY_PENDING);
        d->attempts++;
        if (sending->outcome == DISPATCH_SENT)
            d->state = DELIVERY_SENT;
        if (sending->outcome == DISPATCH_GIVE_UP)
            d->state = DELIVERY_FAILED;
        d->done_ms = d->state != DELIVERY_PENDING ? sim_wall(s) : 0;
        add_op(s, OP_DELIVERY)->delivery = *d;
    }
    submit_at(s, s->now + COMMIT_EVERY_MS);
    wake_dispatch(s);
}

/* From the image, as after any start. */
void core_start(struct sim *s)
{
    struct memory *m = &s->core;
    *m = (struct memory){.cursor = s->image.cursor,
                         .last_alert = s->image.alerts.n,
                         .last_delivery = s->image.deliveries.n};
    memcpy(m->states, s->image.states, sizeof(m->states));
    m->batch = calloc(1, sizeof(*m->batch));
    m->dispatch = dispatch_new();
    s->alive = true;
    for (int c = 0; c < s->n_channels; c++)
        dispatch_channel(m->dispatch, (uint64_t)c + 1, s->channels[c].rate, s->channels[c].burst,
                         true);
    for (size_t i = 0; i < s->image.alerts.n; i++) {
        const struct alert *a = s->image.alerts.at[i];
        if (a == NULL || a->status != ALERT_FIRING)
            continue;
        struct alert **open = a->target_id != 0 ? &m->open[a->target_id - 1] : &m->own;
        must(*open == NULL);
        *open = alert_clone(a);
    }
    vec_each (&s->image.deliveries, d) {
        vec_push(&m->deliveries, *d);
        if (d->state == DELIVERY_PENDING)
            dispatch_add(m->dispatch, d->channel_id, d->group, d->id, s->now);
    }
    wake_dispatch(s);
    sim_at(s, s->now, EV_CONSUME, s->life);
    sim_at(s, s->now + RECHECK_MS, EV_RECHECK, s->life);
}

static void core_free(struct sim *s)
{
    struct memory *m = &s->core;
    for (int i = 0; i < TARGETS; i++)
        alert_free(m->open[i]);
    alert_free(m->own);
    vec_done(&m->deliveries);
    dispatch_free(m->dispatch);
    core_drop_batch(m->batch);
    *m = (struct memory){0};
    s->alive = false;
}

void core_crash(struct sim *s)
{
    if (!s->alive)
        return;
    sim_say(s, "CRASH");
    s->count.crashes++;
    vec_each (&s->image.deliveries,
              d) { /* accepted, but nobody wrote it down: it will be sent again */
        struct seen *seen = vendor_seen(s, d->id);
        if (d->state == DELIVERY_PENDING && seen->accepted > 0)
            seen->allowed++;
    }
    core_free(s);
    s->life++;
    sim_at(s, s->now + sim_between(s, 20, 500), EV_RESTART, -1);
}

void core_event(struct sim *s, struct event *e)
{
    switch (e->type) {
    case EV_CONSUME:
        consume(s);
        break;
    case EV_RECHECK:
        recheck(s);
        break;
    case EV_PAUSE:
    case EV_RESUME:
        pause_target(s, e->target, e->type == EV_RESUME);
        break;
    case EV_SUBMIT:
        submit(s);
        break;
    case EV_COMMITTED:
        committed(s, e->batch);
        e->batch = NULL;
        break;
    case EV_DISPATCH:
        run_dispatch(s);
        break;
    case EV_ANSWER:
        answered(s, e->sending);
        break;
    default:
        must(false);
    }
}

void sim_done(struct sim *s)
{
    core_free(s);
    vec_each (&s->image.alerts, a)
        alert_free(*a);
    vec_done(&s->image.alerts);
    vec_done(&s->image.deliveries);
    vec_done(&s->image.log);
    vec_done(&s->ring);
    vec_done(&s->seen);
    vec_done(&s->posts);
    arena_free(s->arena);
    for (int i = 0; i < s->n_windows; i++)
        window_free(s->window_at[i]);
    heap_done(&s->events);
    sched_done(&s->sched);
}
