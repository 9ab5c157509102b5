/* See push.h: targets of type push as inner targets. Main loop, but for core_push_runs. */
#include "core/push.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "core/inner.h"
#include "core/push_state.h"
#include "probe/push.h"

#define BURST     30 /* reports of one job at once, */
#define REFILL_NS (NS_PER_S / 5)
#define KEY_SIZE  64

struct push {
    struct heartbeat beat;
    char token[PUSH_TOKEN_MAX + 1];
    bool deaf;       /* another target has the token */
    int64_t full_ns; /* the bucket of its reports is full then */
};

static struct heartbeat_rule rule_of(const struct inner *n)
{
    const struct push_config *c = n->config;
    return (struct heartbeat_rule){.period_ms = c->cron ? 0 : c->period_ms,
                                   .cron = c->cron,
                                   .zone = c->zone,
                                   .grace_ms = c->grace_ms,
                                   .max_duration_ms = c->max_duration_ms};
}

/* --- rows --- */

static void key_of(uint64_t id, char out[KEY_SIZE])
{
    snprintf(out, KEY_SIZE, "push/%" PRIu64, id);
}

static void run_key(uint64_t id, uint64_t number, char out[KEY_SIZE])
{
    snprintf(out, KEY_SIZE, "push/%" PRIu64 "/%d", id, (int)(number % PUSH_RUNS_KEPT));
}

static void save(struct inner *n)
{
    struct push *u = n->state;
    struct buf out = BUF_INIT(64 << 10);
    char key[KEY_SIZE];
    if (!n->core->push_loaded)
        return; /* it is about to be read */
    key_of(n->entry->target->id, key);
    push_state_write(&u->beat, &out);
    must(!out.failed);
    batch_setting_put(core__batch(n->core), key, out.data);
    core__commit_soon(n->core);
    buf_done(&out);
}

static void forget(struct inner *n)
{
    const struct push *u = n->state;
    char key[KEY_SIZE];
    key_of(n->entry->target->id, key);
    batch_setting_put(core__batch(n->core), key, NULL);
    for (uint64_t i = 0; i < PUSH_RUNS_KEPT && i < u->beat.ends; i++) {
        run_key(n->entry->target->id, i, key);
        batch_setting_put(core__batch(n->core), key, NULL);
    }
}

/* Whether a job can be heard is the same question after a restart. */
static void load_one(struct inner *n, struct store_reader *r, struct arena *a)
{
    struct push *u = n->state;
    struct heartbeat_rule rule = rule_of(n);
    char key[KEY_SIZE];
    key_of(n->entry->target->id, key);
    const char *text = store_setting(r, key, a);
    if (!text || push_state_read(text, &u->beat, a) != 0) {
        save(n);
        return;
    }
    heartbeat_rule_changed(&rule, &u->beat);
    heartbeat_resume(&rule, &u->beat, clock_wall_ms());
}

int core__push_load(struct core *c, struct err *err)
{
    struct store_reader *r = store_reader_open(c->store, err);
    if (!r)
        return -1;
    c->push_loaded = true;
    struct arena *a cleanup(arena_freep) = arena_new();
    vec_each (&c->inner, it) {
        if ((*it)->ops == &push_inner)
            load_one(*it, r, a);
        arena_reset(a);
    }
    store_reader_close(&r);
    return 0;
}

void core__push_again(struct core *c)
{
    vec_each (&c->inner, it)
        if ((*it)->ops == &push_inner)
            save(*it);
}

void core_push_runs(struct store_reader *r, uint64_t id, uint64_t ends, struct arena *a,
                    struct json *j)
{
    char key[KEY_SIZE];
    json_arr(j);
    for (uint64_t i = 0; i < PUSH_RUNS_KEPT && i < ends; i++) {
        run_key(id, ends - 1 - i, key);
        const char *text = store_setting(r, key, a);
        if (text)
            json_raw(j, text, strlen(text));
    }
    json_end(j);
}

/* --- tokens --- */

static uint64_t token_key(const struct core *c, struct str token)
{
    return hash_bytes(token.p, token.n, c->push_seed);
}

/* In a time that does not tell where they differ. */
static bool same_token(const char *have, struct str asked)
{
    size_t n = strlen(have);
    unsigned differ = n != asked.n;
    for (size_t i = 0; i < n; i++)
        differ |= (unsigned)(have[i] ^ asked.p[asked.n ? i % asked.n : 0]);
    return differ == 0;
}

static void drop_token(struct inner *n)
{
    struct push *u = n->state;
    if (*u->token && !u->deaf)
        map_u64_del(n->core->push_tokens, token_key(n->core, str_of(u->token)));
    *u->token = '\0';
}

static void take_token(struct inner *n, const char *token)
{
    struct push *u = n->state;
    struct core *c = n->core;
    must(token && strlen(token) <= PUSH_TOKEN_MAX && !*u->token);
    uint64_t key = token_key(c, str_of(token));
    u->deaf = map_u64_get(c->push_tokens, key) != NULL;
    memcpy(u->token, token, strlen(token) + 1);
    if (u->deaf)
        log_error("two push targets have one token; only the first hears its job",
                  F_STR("target", n->entry->target->name));
    else
        map_u64_put(c->push_tokens, key, n);
}

static struct inner *find_token(struct core *c, struct str token)
{
    static const char nobody[PUSH_TOKEN_MAX + 1] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    struct inner *n = token.n && token.n <= PUSH_TOKEN_MAX
                          ? map_u64_get(c->push_tokens, token_key(c, token))
                          : NULL;
    const struct push *u = n ? n->state : NULL;
    bool same = same_token(u ? u->token : nobody, token);
    return u && same ? n : NULL;
}

/* 32 characters of base62: 190 bits. */
static const char *new_token(struct arena *a)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char *token = arena_strdup(a, "................................");
    must(strlen(token) >= PUSH_TOKEN_MIN);
    for (char *p = token; *p;) {
        uint8_t byte;
        rng_secure(&byte, 1);
        if (byte < 4 * (sizeof(digits) - 1))
            *p++ = digits[byte % (sizeof(digits) - 1)];
    }
    return token;
}

const struct node *core__push_complete(const struct entry *old, const struct node *config,
                                       struct arena *a)
{
    const struct node *token = node_get(config, "token");
    if (token && token->kind != NODE_NULL)
        return config;
    const struct inner *n = old ? old->inner : NULL;
    const struct push *u = n && n->ops == &push_inner ? n->state : NULL;
    struct node *whole = node_copy(a, config);
    node_put(whole, a, "token", node_text(a, u && *u->token ? u->token : new_token(a)));
    return whole;
}

void core__push_check(struct core *c, uint64_t id, const struct node *config, struct problems *p)
{
    const struct node *token = node_get(config, "token");
    if (!token || token->kind != NODE_TEXT)
        return;
    const struct inner *n = find_token(c, token->text);
    if (n && n->entry->target->id != id)
        problem_add(p, NULL, "config.token", "another target has this token; want one of its own");
}

/* --- an inner target --- */

static void begin(struct inner *n)
{
    struct push *u = n->state;
    const struct push_config *cfg = n->config;
    struct heartbeat_rule rule = rule_of(n);
    int64_t now_ms = clock_wall_ms();
    bool fresh = !u;
    if (fresh)
        u = n->state = calloc(1, sizeof(*u));
    must(u && n->entry);
    if (fresh || (!n->enabled && n->entry->target->enabled))
        heartbeat_wait(&rule, &u->beat, now_ms);
    else
        heartbeat_rule_changed(&rule, &u->beat);
    drop_token(n);
    if (cfg->token)
        take_token(n, cfg->token);
    save(n);
}

static void end(struct inner *n)
{
    drop_token(n);
    free(n->state);
    n->state = NULL;
}

static void put_metrics(const struct heartbeat *b, struct result *r)
{
    if (b->last_duration_ms >= 0) {
        r->latency_us = b->last_duration_ms * 1000;
        result_metric(r, "probe_push_duration_seconds", (double)b->last_duration_ms / 1000);
    }
    if (b->last_ms)
        result_metric(r, "probe_push_last_timestamp_seconds", (double)b->last_ms / 1000);
    if (b->last_good_ms)
        result_metric(r, "probe_push_last_success_timestamp_seconds",
                      (double)b->last_good_ms / 1000);
    if (b->last_exit >= 0)
        result_metric(r, "probe_push_exit_code", b->last_exit);
    if (b->due_ms)
        result_metric(r, "probe_push_expected_timestamp_seconds", (double)b->due_ms / 1000);
    result_metric(r, "probe_push_runs_active", b->n_runs);
}

static bool judge(struct inner *n, int64_t now_ms, struct result *r, const char **why)
{
    const struct push *u = n->state;
    struct heartbeat_rule rule = rule_of(n);
    struct buf text = BUF_INIT(RESULT_MESSAGE_MAX);
    enum heartbeat_verdict v = heartbeat_judge(&rule, &u->beat, now_ms, &text);
    const char *message = arena_strndup(r->arena, text.data ? text.data : "", text.len);
    buf_done(&text);
    if (v == HEARTBEAT_UNKNOWN)
        *why = message;
    else if (v == HEARTBEAT_DOWN)
        result_fail(r, "%s", message);
    else
        result_ok(r, "%s", message);
    put_metrics(&u->beat, r);
    return v != HEARTBEAT_UNKNOWN;
}

static int64_t next(const struct inner *n, int64_t now_ms)
{
    const struct push *u = n->state;
    struct heartbeat_rule rule = rule_of(n);
    return heartbeat_next(&rule, &u->beat, now_ms);
}

const struct inner_ops push_inner = {
    .type = "push", .begin = begin, .end = end, .judge = judge, .next = next, .forget = forget};

/* --- hearing --- */

static bool too_often(struct push *u)
{
    int64_t now = clock_mono_ns();
    if (u->full_ns < now)
        u->full_ns = now;
    if (u->full_ns - now > (BURST - 1) * REFILL_NS)
        return true;
    u->full_ns += REFILL_NS;
    return false;
}

static void save_run(struct inner *n, const struct push_run *run)
{
    const struct push *u = n->state;
    struct buf out = BUF_INIT(256 << 10);
    char key[KEY_SIZE];
    must(u->beat.ends > 0);
    run_key(n->entry->target->id, u->beat.ends - 1, key);
    push_run_write(run, &out);
    must(!out.failed);
    batch_setting_put(core__batch(n->core), key, out.data);
    buf_done(&out);
}

enum push_outcome core_push(struct core *c, struct str token, const struct heartbeat_event *ev,
                            const char *output, const char *from, struct waiter *w)
{
    check_magic(c, CORE_MAGIC);
    must(strlen(output) <= PUSH_OUTPUT_MAX);
    struct inner *n = find_token(c, token);
    if (!n)
        return PUSH_UNKNOWN;
    struct push *u = n->state;
    if (too_often(u))
        return PUSH_TOO_OFTEN;
    if (!n->entry->target->enabled) {
        core__commit_wait(c, w);
        return PUSH_PAUSED;
    }
    struct heartbeat_rule rule = rule_of(n);
    struct push_run run = {.event = ev, .output = output, .from = from, .at_ms = clock_wall_ms()};
    heartbeat_hear(&rule, &u->beat, ev, run.at_ms, &run.started_ms, &run.duration_ms);
    if (ev->kind != HEARTBEAT_START)
        save_run(n, &run);
    save(n);
    if (ev->kind != HEARTBEAT_NOTE)
        core__inner_look(n);
    core__commit_wait(c, w);
    return PUSH_TAKEN;
}

bool core_push_view(struct core *c, uint64_t id, struct core_push_view *out)
{
    check_magic(c, CORE_MAGIC);
    struct entry *e = core__entry(c, id);
    const struct inner *n = e ? e->inner : NULL;
    if (!n || n->ops != &push_inner)
        return false;
    const struct push *u = n->state;
    struct heartbeat_rule rule = rule_of(n);
    *out = (struct core_push_view){u->beat, heartbeat_late_ms(&rule, &u->beat), u->token};
    return true;
}
