/* The world of a run: everything that happens, drawn from the seed before it starts. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

static char groups[GROUPS][8] = {"alpha", "beta", "gamma"};

const char *world_group(const char *name)
{
    for (int i = 0; i < GROUPS; i++)
        if (strcmp(groups[i], name) == 0)
            return groups[i];
    return "belfry";
}

bool spans_hold(const struct spans *s, int64_t t)
{
    for (int i = 0; i < s->n; i++)
        if (t >= s->at[i].from && t < s->at[i].to)
            return true;
    return false;
}

/* Random outages up to the horizon; from then on all is well. */
static void make_spans(struct sim *s, struct spans *out, int max, int64_t longest)
{
    int n = (int)sim_between(s, 0, max);
    for (int i = 0; i < n; i++) {
        int64_t from = sim_between(s, 0, s->horizon);
        int64_t to = from + sim_between(s, 100, sim_chance(s, 0.5) ? longest / 20 + 100 : longest);
        out->at[out->n++] = (struct span){from, to < s->horizon ? to : s->horizon};
    }
}

static void make_target(struct sim *s, int i)
{
    static const int64_t intervals[] = {5000, 10000, 15000, 30000, 60000};
    struct sim_target *t = &s->targets[i];
    snprintf(t->name, sizeof(t->name), "t%d", i + 1);
    t->spec = (struct target){
        .id = (uint64_t)i + 1,
        .name = t->name,
        .type = "tcp",
        .group = groups[sim_between(s, 0, GROUPS - 1)],
        .interval_ms = intervals[sim_between(s, 0, 4)],
        .timeout_ms = 2000,
        .attempts = 1,
        .threshold = (int32_t)sim_between(s, 1, 4),
        .resend_interval_ms = sim_chance(s, 0.3) ? sim_between(s, 30, 600) * 1000 : 0,
        .enabled = true,
    };
    t->degraded = sim_chance(s, 0.1);
    make_spans(s, &t->outages, 6, 600000);
    for (int c = 0; c < s->n_channels; c++)
        if (sim_chance(s, 0.6))
            t->channels[t->spec.channels.n++] = (uint64_t)c + 1;
    t->spec.channels.at = t->channels;
    uint64_t deps = (uint64_t)(sim_chance(s, 0.4) ? sim_between(s, 1, 2) : 0);
    for (uint64_t d = 0; d < deps; d++)
        t->deps[d] = (uint64_t)sim_between(s, 1, s->n_targets); /* cycles and itself included */
    t->spec.depends_on = (struct id_list){t->deps, (uint32_t)deps};
}

static void make_reach(struct sim *s)
{
    for (int i = 0; i < s->n_targets; i++)
        for (uint32_t d = 0; d < s->targets[i].spec.depends_on.n; d++)
            s->reach[i][s->targets[i].deps[d] - 1] = true;
    for (int k = 0; k < s->n_targets; k++)
        for (int i = 0; i < s->n_targets; i++)
            for (int j = 0; j < s->n_targets; j++)
                s->reach[i][j] |= s->reach[i][k] && s->reach[k][j];
}

static void make_windows(struct sim *s)
{
    s->n_windows = s->clock_steps ? 0 : (int)sim_between(s, 0, 3);
    for (int i = 0; i < s->n_windows; i++) {
        struct maintenance *m = &s->windows[i];
        int64_t from = sim_wall(s) + sim_between(s, 0, s->horizon);
        *m = (struct maintenance){.id = (uint64_t)i + 1,
                                  .title = "window",
                                  .starts_ms = from,
                                  .ends_ms = from + sim_between(s, 1, 900) * 1000};
        if (sim_chance(s, 0.5)) {
            m->groups = &s->window_group[i];
            m->groups[m->n_groups++] = groups[sim_between(s, 0, GROUPS - 1)];
        } else {
            m->targets.at = &s->window_target[i];
            m->targets.at[m->targets.n++] = (uint64_t)sim_between(s, 1, s->n_targets);
        }
        s->window_at[i] = window_new(m, NULL);
        must(s->window_at[i] != NULL);
    }
}

const struct target *world_find(void *arg, uint64_t id, const struct target_state **st)
{
    struct sim *s = arg;
    if (id == 0 || id > (uint64_t)s->n_targets)
        return NULL;
    *st = &s->core.states[id - 1];
    return &s->targets[id - 1].spec;
}

void world_make(struct sim *s)
{
    s->horizon = sim_between(s, 5, 40) * 60000;
    s->end = s->horizon + 35 * 60000;
    s->wall_offset = INT64_C(1700000000000);
    s->watcher_crashes = sim_chance(s, 0.3);
    s->rewires = sim_chance(s, 0.5);
    s->clock_steps = sim_chance(s, 0.1);
    s->crash_chance = sim_chance(s, 0.7) ? (double)sim_between(s, 1, 60) / 10000 : 0;
    s->n_targets = (int)sim_between(s, 1, TARGETS);
    s->n_channels = (int)sim_between(s, 1, CHANNELS);
    for (int c = 0; c < s->n_channels; c++) {
        struct sim_channel *ch = &s->channels[c];
        ch->rate = sim_chance(s, 0.7) ? (sim_chance(s, 0.5) ? 15 : 4) : 0;
        ch->burst = ch->rate == 4 ? 2 : 5;
        ch->lossy = sim_chance(s, 0.2);
        ch->picky = sim_chance(s, 0.05);
        make_spans(s, &ch->outages, 4, 900000);
    }
    for (int i = 0; i < s->n_targets; i++)
        make_target(s, i);
    make_reach(s);
    make_windows(s);
    s->suppress = (struct suppress_env){
        .find = world_find, .arg = s, .windows = s->window_at, .n_windows = (size_t)s->n_windows};
    if (sim_chance(s, 0.4)) {
        make_spans(s, &s->network, 3, 300000);
        s->suppress.references = (struct id_list){s->refs, (uint32_t)sim_between(s, 1, 3)};
        for (uint32_t i = 0; i < s->suppress.references.n; i++)
            s->refs[i] = (uint64_t)sim_between(s, 1, s->n_targets);
    }
}

bool world_is_up(const struct sim *s, int target, int64_t at)
{
    if (spans_hold(&s->network, at) || spans_hold(&s->targets[target].outages, at))
        return false;
    for (int p = 0; p < s->n_targets; p++) /* who depends on a thing fails with it */
        if (s->reach[target][p] && spans_hold(&s->targets[p].outages, at))
            return false;
    return true;
}
