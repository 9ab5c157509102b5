/* What a location's agent must probe: the targets that name it, as a file of assign.h whose generation is the hash of what
 * stands in it, so that neither a restart of the core nor a change elsewhere makes an agent fetch it anew. It is made when it
 * is asked for. Main loop. */
#include "base/clock.h"
#include "core/inner.h"
#include "core/location_priv.h"

static bool probes(const struct location *l, const struct entry *e)
{
    return e->target->enabled && !e->inner && target_is_located(e->target) &&
           target_is_at(e->target, l->name);
}

static struct assign_writer *write_all(struct core *c, struct location *l)
{
    struct assign_writer *w = assign_writer_new(0);
    l->targets = 0;
    for (size_t i = 0; i < c->order.n; i++) {
        const struct entry *e = c->order.at[i];
        if (!probes(l, e))
            continue;
        assign_write(w, e->target, (struct str){e->config, e->config_n}, e->spec_hash,
                     e->state.last_checked_ms == 0);
        l->targets++;
    }
    return w;
}

/* Those that targets name are there before they are heard: they are missed. */
static void find_named(struct core *c)
{
    c->locations->dirty = false;
    for (size_t i = 0; i < c->order.n; i++) {
        const struct target *t = c->order.at[i]->target;
        for (uint32_t k = 0; k < t->locations.n; k++)
            if (!location_agent_fault(t->locations.at[k]))
                core__location(c, t->locations.at[k]);
    }
}

static void look_again(struct core *c, struct location *l)
{
    uint32_t before = l->targets;
    struct assign_writer *w = write_all(c, l);
    l->generation = assign_writer_seal(w);
    l->dirty = false;
    if (before == 0 && l->targets > 0 && !core__location_connected(l))
        l->heard_ns = clock_mono_ns(); /* it is missed from now on */
    assign_writer_free(&w);
}

uint64_t core__location_generation(struct core *c, struct location *l)
{
    if (l->dirty)
        look_again(c, l);
    must(l->generation != 0);
    return l->generation;
}

void core__locations_settle(struct core *c)
{
    if (c->locations->dirty)
        find_named(c);
    for (size_t i = 0; i < c->locations->all.n; i++)
        core__location_generation(c, c->locations->all.at[i]);
}

void core__locations_changed(struct core *c)
{
    c->locations->dirty = true;
    vec_each (&c->locations->all, it)
        (*it)->dirty = true;
}

int core_location_assignment(struct core *c, const char *name, struct buf *out, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__location_refuses(name, err) != 0)
        return -1;
    struct location *l = core__location(c, name);
    struct assign_writer *w = write_all(c, l);
    l->generation = assign_writer_seal(w);
    l->dirty = false;
    return assign_writer_take(&w, out, err);
}
