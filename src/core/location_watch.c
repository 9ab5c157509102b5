/* Looking after locations: agents that fell silent, probes asked for, views and figures. Main loop. */
#include "base/clock.h"
#include "base/str.h"
#include "core/figures.h"
#include "core/location_priv.h"

/* --- silence -------------------------------------------------------------------------------- */

static void tell(struct core *c, struct location *l, bool silent)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    const char *name = arena_printf(a, LOCATION_ALERT "%s", l->name), *message;
    if (!silent)
        message = l->targets ? "the agent is heard again" : "no target names the location any more";
    else if (!l->ring)
        message = arena_printf(a, "no agent was heard of the location %s, which %u targets name",
                               l->name, l->targets);
    else
        message = arena_printf(a,
                               "the agent at %s is silent: nothing is known of %u targets there; "
                               "what it measures meanwhile comes when it is back",
                               l->address, l->targets);
    core__own_alert(c, &l->alert, name, silent, message);
}

void core__locations_tick(struct core *c)
{
    int64_t now = clock_mono_ns();
    core__locations_settle(c);
    for (size_t i = 0; i < c->locations->all.n; i++) {
        struct location *l = c->locations->all.at[i];
        bool silent = now - l->heard_ns > LOCATION_SILENT_MS * NS_PER_MS && l->targets > 0;
        bool heard_again = l->targets == 0 || core__location_connected(l);
        if (silent && !l->alert)
            tell(c, l, true);
        else if (l->alert && !silent && heard_again)
            tell(c, l, false);
    }
}

bool core__location_alert_load(struct core *c, const struct alert *al)
{
    if (al->target_id != 0 || !str_starts(str_of(al->target_name), STR(LOCATION_ALERT)))
        return false;
    const char *name = al->target_name + strlen(LOCATION_ALERT);
    if (!location_agent_fault(name))
        core__location(c, name)->alert = al->id;
    return true;
}

/* --- probing now ---------------------------------------------------------------------------- */

bool core__location_ask(struct location *l, uint64_t request_id, uint64_t target_id)
{
    must(request_id > 0 && target_id > 0);
    if (l->checks.n >= 10 * LOCATION_CHECKS)
        return false;
    vec_push(&l->checks, ((struct core_location_check){request_id, target_id}));
    return true;
}

/* --- views ---------------------------------------------------------------------------------- */

static struct core_location_info info_of(const struct location *l)
{
    return (struct core_location_info){
        .name = l->name,
        .named = l->targets > 0,
        .connected = core__location_connected(l),
        .address = l->address,
        .software = l->software,
        .since_ms = core__location_connected(l) ? l->since_ms : l->heard_ms,
        .last_heard_ms = l->heard_ms,
        .clock_skew_ms = l->skew_ms,
        .targets = l->targets,
        .assigned = l->ring != 0 && l->has == l->generation,
        .results = l->results,
        .replayed = l->replayed,
        .dropped = l->dropped,
        .waiting = l->waiting,
        .refused = l->refused,
    };
}

void core_locations_each(struct core *c, bool (*fn)(void *arg, const struct core_location_info *l),
                         void *arg)
{
    check_magic(c, CORE_MAGIC);
    core__locations_settle(c);
    for (size_t i = 0; i < c->locations->all.n; i++) {
        struct core_location_info info = info_of(c->locations->all.at[i]);
        if (!fn(arg, &info))
            return;
    }
}

/* --- figures -------------------------------------------------------------------------------- */

static double figure_of(const struct core_location_info *l, size_t which)
{
    const double values[] = {
        l->connected,       l->last_heard_ms > 0 ? (double)l->last_heard_ms / 1000 : 0,
        (double)l->results, (double)l->replayed,
        (double)l->dropped, (double)l->waiting,
        (double)l->refused, (double)l->targets,
        l->assigned,        (double)l->clock_skew_ms / 1000};
    must(which < array_len(values));
    return values[which];
}

void core__figures_locations(struct core *c, struct figures *f)
{
    static const struct {
        const char *name, *type, *help;
    } rows[] = {
        {"belfry_location_connected", "gauge", "1 while the location's agent is heard."},
        {"belfry_location_last_heard_seconds", "gauge",
         "When the agent was heard last, Unix time; 0: not since the start."},
        {"belfry_location_results_total", "counter", "Results taken from the location's agent."},
        {"belfry_location_replayed_total", "counter",
         "Results that the agent sent again although they were taken already; they are skipped."},
        {"belfry_location_dropped_total", "counter",
         "Results that the agent dropped because its buffer was full, as it says."},
        {"belfry_location_buffered_records", "gauge",
         "Results that wait at the agent, as it said last."},
        {"belfry_location_refused_total", "counter",
         "Posts of a second agent while the first was heard."},
        {"belfry_location_targets", "gauge", "Targets that name the location."},
        {"belfry_location_assigned", "gauge", "1 when the agent has the newest list of targets."},
        {"belfry_location_clock_skew_seconds", "gauge",
         "The agent's clock less this server's, at the last post."},
    };
    for (size_t r = 0; r < array_len(rows); r++)
        for (size_t i = 0; i < c->locations->all.n; i++) {
            const struct location *l = c->locations->all.at[i];
            struct core_location_info info = info_of(l);
            struct label *label = arena_new_of(f->arena, struct label);
            *label = (struct label){"location", arena_strdup(f->arena, l->name)};
            figure_add_labelled(f, rows[r].name, rows[r].type, rows[r].help, label, 1,
                                figure_of(&info, r));
        }
}
