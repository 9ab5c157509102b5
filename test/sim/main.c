/* The simulation's clock and command line: belfry-sim [--seeds N] [--from N] [--seed N --verbose]. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

int64_t sim_wall(const struct sim *s)
{
    return s->now + s->wall_offset;
}

struct event *sim_at(struct sim *s, int64_t at, enum event_type type, int life)
{
    struct event *e = calloc(1, sizeof(*e));
    must(e != NULL && at >= s->now);
    e->type = type;
    e->life = life;
    /* equal times keep their order, so a seed replays the same on any heap */
    heap_add(&s->events, &e->node, (at << 20) | (int64_t)(s->count.events++ & 0xfffff));
    return e;
}

void sim_say(const struct sim *s, const char *fmt, ...)
{
    if (!s->verbose)
        return;
    va_list ap;
    printf("%9.3f ", (double)s->now / 1000);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "seed %" PRIu64 " at %.3f s: ", s->seed, (double)s->now / 1000);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    s->failed = true;
}

int64_t sim_between(struct sim *s, int64_t from, int64_t to)
{
    must(to >= from);
    return from + (int64_t)rng_below(&s->rng, (uint64_t)(to - from) + 1);
}

bool sim_chance(struct sim *s, double p)
{
    return rng_unit(&s->rng) < p;
}

/* The target gets other channels (a reload). */
static void rewire(struct sim *s, struct event *e)
{
    struct sim_target *t = &s->targets[e->target];
    t->spec.channels.n = 0;
    for (int c = 0; c < s->n_channels; c++)
        if (sim_chance(s, 0.6))
            t->channels[t->spec.channels.n++] = (uint64_t)c + 1;
    sim_say(s, "t%d now has %u channels", e->target + 1, t->spec.channels.n);
}

static void world_event(struct sim *s, struct event *e)
{
    switch (e->type) {
    case EV_PROBE:
        if (e->life == s->watcher_life)
            watcher_wake(s);
        break;
    case EV_RESULT:
        if (e->life == s->watcher_life) /* else it died with its watcher */
            watcher_publish(s, e);
        break;
    case EV_WATCHER:
        if (e->life == s->watcher_life)
            watcher_start(s);
        else
            watcher_crash(s);
        break;
    case EV_ARRIVE:
        vendor_arrive(s, e);
        break;
    case EV_RESTART:
        core_start(s);
        break;
    case EV_REWIRE:
        rewire(s, e);
        break;
    case EV_CLOCK:
        s->wall_offset += (sim_chance(s, 0.5) ? 1 : -1) * sim_between(s, 1, 3600000);
        sim_say(s, "the clock was set");
        break;
    default:
        must(false);
    }
}

static bool is_worlds(enum event_type t)
{
    return t == EV_PROBE || t == EV_RESULT || t == EV_ARRIVE || t == EV_RESTART || t == EV_REWIRE ||
           t == EV_CLOCK || t == EV_WATCHER;
}

static void plan(struct sim *s)
{
    for (int i = 0; i < s->n_targets; i++) {
        if (sim_chance(s, 0.1)) {
            int64_t at = sim_between(s, 0, s->horizon - 1);
            sim_at(s, at, EV_PAUSE, -2)->target = i;
            sim_at(s, sim_between(s, at + 1, s->horizon), EV_RESUME, -2)->target = i;
        }
        if (s->rewires && sim_chance(s, 0.3))
            sim_at(s, sim_between(s, 0, s->horizon), EV_REWIRE, -1)->target = i;
    }
    for (int i = 0; s->watcher_crashes && i < 10; i++)
        sim_at(s, sim_between(s, 1, s->horizon), EV_WATCHER, -1);
    if (s->clock_steps)
        sim_at(s, sim_between(s, 0, s->horizon), EV_CLOCK, -1);
}

static void handle(struct sim *s, struct event *e)
{
    if (is_worlds(e->type))
        world_event(s, e);
    else if (s->alive && (e->life == s->life || e->life == -2))
        core_event(s, e);
    else if (e->life == -2) { /* an operator tries again while the core is away */
        struct event *again = sim_at(s, s->now + 1000, e->type, -2);
        again->target = e->target;
    }
}

void sim_run(struct sim *s, uint64_t seed, bool verbose)
{
    memset(s, 0, sizeof(*s));
    s->seed = seed;
    s->verbose = verbose;
    s->arena = arena_new();
    rng_seed(&s->rng, seed);
    world_make(s);
    plan(s);
    core_start(s);
    watcher_start(s);
    while (heap_min(&s->events) != NULL) {
        struct event *e = container_of(heap_min(&s->events), struct event, node);
        int64_t at = e->node.key >> 20;
        heap_del(&s->events, &e->node);
        if (at <= s->end + 60000 && !s->failed) {
            s->now = at;
            handle(s, e);
            if (s->now < s->horizon && sim_chance(s, s->crash_chance))
                core_crash(s);
        }
        core_drop_batch(e->batch);
        free(e->sending);
        free(e);
    }
    if (!s->failed)
        check_end(s);
}

int main(int argc, char **argv)
{
    uint64_t from = 1, n = 2000;
    bool verbose = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0)
            verbose = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0)
            n = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--from") == 0)
            from = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            from = strtoull(argv[++i], NULL, 10), n = 1;
        else
            return fprintf(stderr,
                           "usage: belfry-sim [--seeds N] [--from N] [--seed N] [--verbose]\n"),
                   2;
    }
    struct sim *s = malloc(sizeof(*s));
    uint64_t failed = 0, results = 0, alerts = 0, deliveries = 0, crashes = 0, suppressed = 0,
             doubled = 0, messages = 0;
    clock_t began = clock();
    for (uint64_t seed = from; seed < from + n; seed++) {
        sim_run(s, seed, verbose);
        failed += s->failed;
        results += s->count.results;
        alerts += s->count.alerts;
        deliveries += s->count.deliveries;
        messages += s->count.messages;
        crashes += s->count.crashes;
        suppressed += s->count.suppressed;
        doubled += s->count.doubled;
        sim_done(s);
    }
    free(s);
    printf("%" PRIu64 " seeds, %" PRIu64 " failed, in %.1f s: %" PRIu64 " results, %" PRIu64
           " alerts, %" PRIu64 " deliveries in %" PRIu64 " messages, %" PRIu64 " crashes, %" PRIu64
           " silent decisions, %" PRIu64 " doubled within the documented windows\n",
           n, failed, (double)(clock() - began) / CLOCKS_PER_SEC, results, alerts, deliveries,
           messages, crashes, suppressed, doubled);
    return failed > 0;
}
