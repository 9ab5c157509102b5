/* The bell: durable deliveries grouped by alert/dispatch, rendered and sent by their channel on a fiber, the
 * vendor's answer written back. A delivery that cannot be sent waits and is tried again until GIVE_UP_MS. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/core_priv.h"
#include "io/fiber.h"

#define SEND_TIMEOUT_NS (20 * NS_PER_S)
#define GIVE_UP_MS      (INT64_C(24) * 3600 * 1000)
#define ANSWER_MAX      500

static void on_dispatch(struct timer *t);

void core__dispatch_soon(struct core *c)
{
    int64_t next = dispatch_next_ms(c->dispatch);
    if (next == INT64_MAX || c->stopping)
        timer_stop(&c->dispatch_timer);
    else
        timer_start(c->loop, &c->dispatch_timer, next * NS_PER_MS, on_dispatch);
}

static int64_t dispatch_now(void)
{
    return (clock_mono_ns() + NS_PER_MS - 1) / NS_PER_MS;
}

void core__delivery_add(struct core *c, const struct delivery *d)
{
    dispatch_add(c->dispatch, d->channel_id, d->group, d->id, dispatch_now());
    core__dispatch_soon(c);
}

void core__channel_changed(struct core *c, const struct chan *ch)
{
    dispatch_channel(c->dispatch, ch->channel->id, ch->ops->rate_per_minute, ch->ops->burst,
                     ch->channel->enabled);
    core__dispatch_soon(c);
}

/* Group and delivery in one block. */
struct delivery *core__delivery_keep(struct core *c, const struct delivery *d)
{
    size_t g = strlen(d->group) + 1;
    struct delivery *copy = malloc(sizeof(*copy) + g);
    must(copy);
    *copy = *d;
    copy->group = memcpy(copy + 1, d->group, g);
    copy->answer = NULL;
    core__alert_hold(c, d->alert_id);
    must(map_u64_put(c->deliveries, d->id, copy) == NULL);
    return copy;
}

/* Writes the row; a delivery that is over is forgotten, and with it the alert when nobody else needs it. */
static void settle(struct core *c, struct delivery *d, enum delivery_state state,
                   const char *answer)
{
    d->state = state;
    d->done_ms = state == DELIVERY_PENDING ? 0 : clock_wall_ms();
    d->answer = answer;
    batch_delivery_put(core__batch(c), d);
    d->answer = NULL;
    if (state == DELIVERY_PENDING)
        return;
    map_u64_del(c->deliveries, d->id);
    core__alert_unhold(c, d->alert_id);
    free(d);
}

/* One message under way. The configuration it is sent with is a copy: a channel may change meanwhile. */
struct sending {
    struct core *core;
    struct fiber *fiber;
    struct arena *arena;
    struct dispatch_message message;
    struct channel *channel;
    const struct channel_ops *ops;
    struct notification note;
    struct waiter *test; /* a test message: who waits for the answer */
};

static bool is_under_way(const struct core *c, uint64_t delivery_id)
{
    vec_each (&c->sends, it)
        for (size_t i = 0; !(*it)->test && i < (*it)->message.n; i++)
            if ((*it)->message.ids[i] == delivery_id)
                return true;
    return false;
}

/* All that wait, also those that are not durable yet and so not known to dispatch. */
void core__channel_gone(struct core *c, uint64_t channel_id)
{
    uint64_t id;
    void *value;
    dispatch_channel_del(c->dispatch, channel_id, NULL, NULL);
    for (size_t it = 0; map_u64_next(c->deliveries, &it, &id, &value);) {
        struct delivery *d = value;
        if (d->channel_id == channel_id && !is_under_way(c, id))
            settle(c, d, DELIVERY_FAILED, "the channel was removed");
    }
}

static void describe_outcome(int rc, const struct err *err, const struct buf *answer, char *text)
{
    const char *words = answer->data ? answer->data : "";
    if (rc == 0)
        snprintf(text, ANSWER_MAX, "%s", *words ? words : "ok");
    else
        snprintf(text, ANSWER_MAX, "%s", err->msg);
    text[utf8_cut(text, strlen(text), ANSWER_MAX - 1)] = '\0';
}

static enum dispatch_outcome outcome_of(const struct sending *s, int rc, const struct err *err)
{
    if (rc == 0)
        return DISPATCH_SENT;
    if (!err_code_retry(err->code))
        return DISPATCH_GIVE_UP;
    return core__chan(s->core, s->message.channel_id) ? DISPATCH_RETRY : DISPATCH_GIVE_UP;
}

/* Deliveries of one message share its outcome, but not their age: only the old ones are given up. */
static enum delivery_state state_after(const struct delivery *d, enum dispatch_outcome outcome)
{
    static const enum delivery_state states[] = {
        [DISPATCH_SENT] = DELIVERY_SENT,
        [DISPATCH_RETRY] = DELIVERY_PENDING,
        [DISPATCH_GIVE_UP] = DELIVERY_FAILED,
    };
    bool old = clock_wall_ms() - d->created_ms > GIVE_UP_MS;
    return outcome == DISPATCH_RETRY && old ? DELIVERY_FAILED : states[outcome];
}

static void count_outcome(struct core *c, enum dispatch_outcome o)
{
    if (o == DISPATCH_SENT)
        c->stats.deliveries_sent++;
    else if (o == DISPATCH_RETRY)
        c->stats.delivery_retries++;
    else
        c->stats.deliveries_failed++;
}

static void write_outcome(struct sending *s, enum dispatch_outcome outcome, const char *answer)
{
    struct core *c = s->core;
    for (size_t i = 0; i < s->message.n; i++) {
        struct delivery *d = map_u64_get(c->deliveries, s->message.ids[i]);
        if (!d)
            continue;
        uint64_t alert_id = d->alert_id;
        d->attempts++;
        settle(c, d, state_after(d, outcome), answer);
        core__event_simple(c, "delivery", alert_id);
    }
    count_outcome(c, outcome);
    if (outcome != DISPATCH_SENT)
        log_warn(outcome == DISPATCH_RETRY ? "a message was not accepted; it will be tried again"
                                           : "a message was refused for good; it is given up",
                 F_STR("channel", s->channel->name), F_STR("answer", answer));
    else
        log_info("message delivered", F_STR("channel", s->channel->name),
                 F_INT("alerts", s->message.n));
    core__commit_now(c);
}

static void *bind_copy(struct sending *s, struct err *err)
{
    struct problems p;
    problems_init(&p, s->arena);
    void *config = channel_bind(s->ops, s->channel, s->arena, &p);
    if (!config)
        err_set(err, ERR_INVALID, "the channel's settings are invalid: %s",
                p.list.n ? p.list.at[0].message : "");
    problems_done(&p);
    return config;
}

static int do_send(struct sending *s, struct buf *answer, int64_t *retry_after_ms, struct err *err)
{
    void *config = bind_copy(s, err);
    if (!config)
        return -1;
    struct send send = {
        .env = &s->core->notify,
        .channel = s->channel,
        .config = config,
        .note = &s->note,
        .arena = s->arena,
        .deadline_ns = clock_mono_ns() + SEND_TIMEOUT_NS,
        .wall_ms = clock_wall_ms(),
        .retry_after_ms = retry_after_ms,
    };
    return s->ops->send(&send, answer, err);
}

static void sending_free(struct sending *s)
{
    struct core *c = s->core;
    for (size_t i = 0; i < c->sends.n; i++)
        if (c->sends.at[i] == s) {
            c->sends.at[i] = vec_pop(&c->sends);
            break;
        }
    for (uint32_t i = 0; !s->test && i < s->note.n_items; i++)
        alert_free((struct alert *)s->note.items[i].alert); /* fill_note's copies */
    channel_free(s->channel);
    waiter_unref(s->test);
    arena_free(s->arena);
    free(s);
}

static void send_fiber(void *arg)
{
    struct sending *s = arg;
    struct core *c = s->core;
    check_magic(c, CORE_MAGIC);
    s->fiber = fiber_self();
    struct err err = {0};
    struct buf answer = BUF_INIT(4096);
    char text[ANSWER_MAX];
    int64_t retry_after_ms = 0;
    int rc = do_send(s, &answer, &retry_after_ms, &err);
    describe_outcome(rc, &err, &answer, text);
    if (s->test) {
        if (rc != 0)
            snprintf(err.msg, sizeof(err.msg), "%.*s", (int)sizeof(err.msg) - 1, text);
        waiter_finish(s->test, rc == 0 ? NULL : &err, text, strlen(text));
    } else if (!c->closing) {
        enum dispatch_outcome outcome = outcome_of(s, rc, &err);
        write_outcome(s, outcome, text);
        dispatch_done(c->dispatch, &s->message, outcome, retry_after_ms, dispatch_now());
        core__dispatch_soon(c);
    }
    buf_done(&answer);
    sending_free(s);
}

static struct sending *sending_new(struct core *c, const struct channel *ch,
                                   const struct channel_ops *ops)
{
    struct sending *s = calloc(1, sizeof(*s));
    must(s);
    *s =
        (struct sending){.core = c, .arena = arena_new(), .ops = ops, .channel = channel_clone(ch)};
    s->note.now_ms = clock_wall_ms();
    s->note.public_url =
        c->config->server.public_url ? arena_strdup(s->arena, c->config->server.public_url) : "";
    vec_push(&c->sends, s);
    return s;
}

static void fill_note(struct sending *s)
{
    struct core *c = s->core;
    s->note.items = arena_alloc(s->arena, s->message.n * sizeof(*s->note.items));
    for (size_t i = 0; i < s->message.n; i++) {
        const struct delivery *d = map_u64_get(c->deliveries, s->message.ids[i]);
        const struct alert *a = d ? core__alert(c, d->alert_id) : NULL;
        if (!a)
            continue;
        s->note.items[s->note.n_items].kind = d->kind;
        s->note.items[s->note.n_items++].alert = alert_clone(a);
        s->note.delivery_id = s->note.delivery_id ? s->note.delivery_id : d->id;
    }
    s->note.group = s->message.group;
}

void core__cancel_sends(struct core *c)
{
    must(c->closing);
    while (c->sends.n) {
        vec_each (&c->sends, it)
            fiber_cancel((*it)->fiber);
        loop_turn(c->loop);
    }
    vec_done(&c->sends);
}

static void start_message(struct core *c, const struct dispatch_message *m)
{
    struct chan *ch = core__chan(c, m->channel_id);
    must(ch); /* dispatch forgets a channel before the registry does */
    struct sending *s = sending_new(c, ch->channel, ch->ops);
    s->message = *m;
    fill_note(s);
    struct err err = {0};
    if (s->note.n_items == 0) { /* all were given up meanwhile */
        dispatch_done(c->dispatch, m, DISPATCH_SENT, 0, dispatch_now());
        sending_free(s);
        return;
    }
    if (fiber_start(c->loop, send_fiber, s, &err) == 0)
        return;
    log_error("no fiber for a message; it waits", F_ERR(&err));
    dispatch_done(c->dispatch, m, DISPATCH_RETRY, 0, dispatch_now());
    sending_free(s);
}

static void on_dispatch(struct timer *t)
{
    struct core *c = container_of(t, struct core, dispatch_timer);
    check_magic(c, CORE_MAGIC);
    struct dispatch_message *m = malloc(sizeof(*m));
    must(m);
    while (!c->stopping && dispatch_take(c->dispatch, dispatch_now(), m))
        start_message(c, m);
    free(m);
    core__dispatch_soon(c);
}

void core_sample_note(struct core *c, struct arena *a, struct notification *out)
{
    struct alert *sample = arena_new_of(a, struct alert);
    *out = (struct notification){.group = "test", .now_ms = clock_wall_ms(), .n_items = 1};
    *sample = (struct alert){
        .target_name = "Belfry",
        .target_type = "test",
        .group = "test",
        .instance = "belfry channel test",
        .status = ALERT_FIRING,
        .message = "this is a test message / 这是一条测试消息",
        .fail_count = 1,
        .fired_ms = out->now_ms,
        .suppressed_by = "",
    };
    out->items = arena_alloc(a, sizeof(*out->items));
    out->items[0].kind = EVENT_TEST;
    out->items[0].alert = sample;
    out->public_url =
        c->config->server.public_url ? arena_strdup(a, c->config->server.public_url) : "";
}

int core_channel_test(struct core *c, const struct channel *ch, struct problems *p,
                      struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    const struct channel_ops *ops = channel_by_type(ch->type);
    if (!ops)
        return err_set(err, ERR_INVALID, "unknown channel type \"%.40s\"", ch->type);
    struct sending *s = sending_new(c, ch, ops);
    if (!channel_bind(ops, ch, s->arena, p)) {
        sending_free(s);
        return err_set(err, ERR_INVALID, "the channel's settings are invalid");
    }
    core_sample_note(c, s->arena, &s->note);
    s->test = waiter_ref(w);
    if (fiber_start(c->loop, send_fiber, s, err) == 0)
        return 0;
    sending_free(s);
    return -1;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* In the order in which they were made: no end may be told before its beginning. */
void core__deliver_init(struct core *c)
{
    size_t n = 0, room = map_u64_count(c->deliveries);
    uint64_t *ids = calloc(room + 1, sizeof(*ids)), id;
    void *value;
    must(ids);
    vec_each (&c->channel_order, it)
        core__channel_changed(c, *it);
    for (size_t it = 0; map_u64_next(c->deliveries, &it, &id, &value);)
        ids[n++] = id;
    must(n == room);
    qsort(ids, n, sizeof(*ids), by_id);
    for (size_t i = 0; i < n; i++) {
        struct delivery *d = map_u64_get(c->deliveries, ids[i]);
        if (core__chan(c, d->channel_id))
            core__delivery_add(c, d);
        else
            settle(c, d, DELIVERY_FAILED, "the channel is gone");
    }
    free(ids);
}
