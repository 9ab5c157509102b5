/* The supervisor's invariants, as assertions: tests call it after each step. Never called in service: it looks at all. */
#include <string.h>

#include "proc/supervisor_priv.h"

static void check_places(const struct supervisor *s, const struct unit *u)
{
    must(u->place && u->place->unit == u && strcmp(u->place->name, u->spec.name) == 0);
    must(order__find(s, u->spec.name) == u);
    for (uint32_t i = 0; i < u->n_needs; i++) {
        bool back = false;
        vec_each (&u->needs[i].place->dependents, d)
            back = back || (d->unit == u && d->required == u->needs[i].required);
        must(back);
    }
    vec_each (&u->place->dependents, d)
        check_magic(d->unit, UNIT_MAGIC);
}

static void check_process(const struct supervisor *s, const struct unit *u)
{
    const struct unit_record *r = u->record;
    enum unit_state state = (enum unit_state)r->state;
    must(unit_state_has_process(state) || u->pid == 0);
    must(unit_state_has_process(state) || (r->spawned.pid == 0 && r->phase == PHASE_NONE));
    if (u->pid > 0) {
        must(r->spawned.pid == u->pid);
        must(map_u64_get(s->pids, (uint64_t)u->pid) == u || u->unseen);
        must(r->phase != PHASE_NONE && r->phase != PHASE_TREE);
    } else if (unit_state_has_process(state)) {
        must(r->phase == PHASE_TREE || r->phase == PHASE_COMMAND);
    }
    must(!u->held || state == UNIT_STOPPING);
    must(state != UNIT_RUNNING || r->phase == PHASE_MAIN);
    must(state != UNIT_READY || r->phase == PHASE_MAIN);
    must(r->wanted || (state != UNIT_WAITING && state != UNIT_RUNNING && state != UNIT_READY));
}

void supervisor__check(const struct supervisor *s)
{
    size_t alive = 0, in_tree = 0, owned = 0;
    check_magic(s, SUPERVISOR_MAGIC);
    must(s->woken.n == 0 && !s->telling);
    vec_each (&s->units, it) {
        const struct unit *u = *it;
        check_magic(u, UNIT_MAGIC);
        check_places(s, u);
        check_process(s, u);
        must(!u->woken && !u->visiting);
        must(!u->removing || unit__busy(u)); /* else it would be gone */
        must((watch__due(s, u) == FOREVER) == (u->due.slot == 0));
        alive += unit__busy(u);
        in_tree += u->record->phase == PHASE_TREE;
        owned += u->pid > 0 && map_u64_get(s->pids, (uint64_t)u->pid) == u;
    }
    must(alive == s->alive && in_tree == s->in_tree && owned == map_u64_count(s->pids));
}
