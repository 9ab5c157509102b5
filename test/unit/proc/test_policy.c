/* The restart policy against its stated rules (policy.h), over every sequence of up to 8 events, and its
 * curve over a virtual day of a program that exits at once for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proc/policy.h"

#define HOUR_MS 3600000
#define MAX_LOG 256
#define STABLE  60000
#define DELAY   1000
#define CAP     4000
#define JITTER  0.5
#define CHANCE  0.5

/* A second, naive telling of the rules: it keeps every restart's time. */
struct model {
    int64_t restarts[MAX_LOG];
    int n;
    int64_t started;
    int row;
    bool running, pending;
};

/* What an operator or the world does in one step of a sequence. */
enum move { M_DIE_SOON, M_DIE_STABLE, M_STOP_START, M_RESET, M_WAIT_HOUR, M_START_FAILS, M_MOVES };

struct run {
    struct restart_policy policy;
    struct restart_state state;
    struct model model;
    int64_t now;
    bool given_up;
    long checked;
};

/* Rules 2 and 3, jitter included: a quarter more. */
static int64_t model_start(const struct run *r, int row)
{
    static const int64_t curve[] = {0, 0, 1250, 2500, 5000};
    int64_t at = r->now + curve[row > 4 ? 4 : row];
    int64_t cooled = r->model.n > 0 ? r->model.restarts[r->model.n - 1] + r->policy.cooldown_ms : 0;
    return at > cooled ? at : cooled;
}

static int in_window(const struct model *m, int64_t at)
{
    int n = 0;
    for (int i = 0; i < m->n; i++)
        n += m->restarts[i] > at - HOUR_MS && m->restarts[i] <= at;
    return n;
}

static void start(struct run *r)
{
    restart_step(&r->policy, &r->state, RESTART_STARTED, r->now, 0);
    struct model *m = &r->model;
    if (m->pending) {
        assert_true(m->n < MAX_LOG);
        m->restarts[m->n++] = r->now;
        assert_true(in_window(m, r->now) <= (int)r->policy.max_restarts); /* rule 5 */
    } else {
        m->row = 0;
    }
    m->pending = false;
    m->running = true;
    m->started = r->now;
    r->given_up = false;
}

static void die(struct run *r)
{
    struct model *m = &r->model;
    if (m->running && r->now - m->started >= STABLE)
        m->row = 0;
    m->row++;
    m->running = false;
    struct restart_decision d = restart_step(&r->policy, &r->state, RESTART_DIED, r->now, CHANCE);
    int64_t want = model_start(r, m->row);
    r->checked++;
    if (d.verdict == RESTART_GIVE_UP) {
        assert_true(r->policy.give_up);
        /* whole buckets: it may count a minute more than an hour, never less */
        int n = 0;
        for (int i = 0; i < m->n; i++)
            n += m->restarts[i] > want - HOUR_MS - 60000;
        assert_true(n >= (int)r->policy.max_restarts);
        m->pending = false;
        r->given_up = true;
        return;
    }
    assert_int_equal(d.verdict, RESTART_AT);
    if (!d.over_budget) {
        assert_int_equal(d.at_ms, want); /* rules 1 to 4 */
        assert_int_equal(d.row, m->row);
    } else {
        assert_false(r->policy.give_up);
        assert_true(d.at_ms >= want && d.at_ms <= want + HOUR_MS + 2 * 60000);
    }
    assert_true(in_window(m, d.at_ms) < (int)r->policy.max_restarts);
    m->pending = true;
    r->now = d.at_ms;
}

static void forget(struct run *r, enum restart_event event)
{
    struct restart_decision d = restart_step(&r->policy, &r->state, event, r->now, 0);
    assert_int_equal(d.verdict, RESTART_NOTHING); /* rule 6 */
    r->model.row = 0;
    if (event == RESTART_RESET)
        r->model.n = 0;
    else
        r->model.pending = r->model.running = false;
}

/* Between moves the unit runs, unless it was given up. */
static void play(struct run *r, enum move move)
{
    if (r->given_up && move != M_STOP_START && move != M_RESET) {
        r->now += 1000; /* nothing happens by itself */
        return;
    }
    switch (move) {
    case M_DIE_SOON:
        r->now += 10;
        die(r);
        break;
    case M_DIE_STABLE:
        r->now += STABLE;
        die(r);
        break;
    case M_STOP_START:
        r->now += 5;
        forget(r, RESTART_STOPPED);
        break;
    case M_RESET:
        forget(r, RESTART_RESET);
        if (!r->given_up)
            return; /* it runs on */
        r->model.pending = false;
        break;
    case M_WAIT_HOUR:
        r->now += HOUR_MS;
        return;
    case M_START_FAILS:
        r->now += 10;
        die(r);
        if (!r->given_up)
            die(r);
        break;
    case M_MOVES:
        break;
    }
    if (!r->given_up || move == M_STOP_START || move == M_RESET)
        start(r);
}

static void play_all(const struct run *from, int depth, long *checked)
{
    for (int m = 0; m < M_MOVES; m++) {
        struct run r = *from;
        play(&r, (enum move)m);
        if (depth > 1)
            play_all(&r, depth - 1, checked);
        *checked += r.checked - from->checked;
    }
}

static void play_policy(bool give_up, int64_t cooldown_ms)
{
    struct run r = {.policy = {.delay_ms = DELAY,
                               .factor = 2,
                               .jitter = JITTER,
                               .cap_ms = CAP,
                               .cooldown_ms = cooldown_ms,
                               .stable_ms = STABLE,
                               .max_restarts = 3,
                               .give_up = give_up},
                    .now = 7};
    start(&r);
    long checked = 0;
    play_all(&r, 8, &checked);
    assert_true(checked > 1000000);
}

static void every_sequence_keeps_the_rules(void **state)
{
    play_policy(false, 0);
    play_policy(true, 0);
    play_policy(false, 3000); /* longer than some delays, shorter than others */
    play_policy(true, STABLE + 1000);
}

static void a_day_of_dying_at_once(void **state)
{
    struct restart_policy p = RESTART_POLICY_OWN;
    struct restart_state s = {0};
    int64_t now = 0, starts[4000];
    int n = 0;
    restart_step(&p, &s, RESTART_STARTED, now, 0);
    while (now < INT64_C(24) * HOUR_MS) {
        struct restart_decision d = restart_step(&p, &s, RESTART_DIED, now, 0);
        assert_int_equal(d.verdict, RESTART_AT); /* never given up */
        now = d.at_ms;
        restart_step(&p, &s, RESTART_STARTED, now, 0);
        assert_true(n < 4000);
        starts[n++] = now;
    }
    assert_int_equal(starts[0], 0);
    assert_int_equal(starts[1], 250);
    assert_int_equal(starts[2], 750);
    assert_true(n > 1300 && n <= 24 * 60 + 60);
    for (int i = 60; i < n; i++)
        assert_true(starts[i] - starts[i - 60] >= HOUR_MS - 1);
}

static void no_cooldown_and_no_bound_never_wait(void **state)
{
    struct restart_policy p = {.factor = 1};
    struct restart_state s = {0};
    for (int i = 0; i < 100000; i++) {
        restart_step(&p, &s, RESTART_STARTED, i, 0);
        assert_int_equal(restart_step(&p, &s, RESTART_DIED, i, 0).at_ms, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sequence_keeps_the_rules),
        cmocka_unit_test(a_day_of_dying_at_once),
        cmocka_unit_test(no_cooldown_and_no_bound_never_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
