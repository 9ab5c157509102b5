/* Who waits for whom (supervisor_priv.h). Each name that a unit has or speaks of is a place; a
 * place knows the unit of that name, when there is one, and those that depend on it, so that a
 * change of state reaches its dependents without a search.
 *
 * Waiting is by being woken: a unit whose state changed wakes those that may wait for it, and
 * order__settle, at the end of each public call, looks at the woken ones until none is left. It
 * is the one place that frees units. */
#include <stdlib.h>
#include <string.h>

#include "proc/supervisor_priv.h"

/* --- places --------------------------------------------------------------------------------- */

static struct place *place_get(struct supervisor *s, const char *name)
{
    size_t n = strlen(name);
    struct place *p = map_str_get(s->places, name, n);
    if (p)
        return p;
    p = calloc(1, sizeof(*p) + n + 1);
    must(p != NULL);
    memcpy(p->name, name, n);
    map_str_put(s->places, name, n, p);
    return p;
}

static void place_drop_unused(struct supervisor *s, struct place *p)
{
    if (p->unit || p->dependents.n > 0)
        return;
    map_str_del(s->places, p->name, strlen(p->name));
    vec_done(&p->dependents);
    free(p);
}

struct unit *order__find(const struct supervisor *s, const char *name)
{
    const struct place *p = map_str_get(s->places, name, strlen(name));
    return p ? p->unit : NULL;
}

static size_t list_length(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

static void need(struct supervisor *s, struct unit *u, const char *name, bool required)
{
    struct place *p = place_get(s, name);
    u->needs[u->n_needs++] = (struct need){p, required};
    vec_push(&p->dependents, ((struct dependent){u, required}));
}

void order__link(struct supervisor *s, struct unit *u)
{
    size_t n_after = list_length(u->spec.after), n_requires = list_length(u->spec.requires);
    u->place = place_get(s, u->spec.name);
    must(!u->place->unit && !u->needs);
    u->place->unit = u;
    u->needs = calloc(n_after + n_requires + 1, sizeof(*u->needs));
    must(u->needs != NULL);
    for (size_t i = 0; i < n_requires; i++)
        need(s, u, u->spec.requires[i], true);
    for (size_t i = 0; i < n_after; i++)
        need(s, u, u->spec.after[i], false);
}

void order__let_go(struct place *p, const struct unit *u)
{
    for (size_t i = 0; i < p->dependents.n;) {
        if (p->dependents.at[i].unit == u)
            p->dependents.at[i] = vec_pop(&p->dependents);
        else
            i++;
    }
}

void order__unlink(struct supervisor *s, struct unit *u)
{
    must(u->place && u->place->unit == u);
    for (uint32_t i = 0; i < u->n_needs; i++)
        order__let_go(u->needs[i].place, u);
    for (uint32_t i = 0; i < u->n_needs; i++) {
        struct place *p = u->needs[i].place;
        bool again = false; /* the same name twice: drop its place once */
        for (uint32_t k = 0; k < i; k++)
            again = again || u->needs[k].place == p;
        if (!again && p != u->place)
            place_drop_unused(s, p);
    }
    free(u->needs);
    u->needs = NULL;
    u->n_needs = 0;
    u->place->unit = NULL;
    place_drop_unused(s, u->place);
    u->place = NULL;
}

/* --- starting ------------------------------------------------------------------------------- */

/* A one-shot that did what it is there for. */
static bool is_done(const struct unit *u)
{
    const struct unit_death *d = &u->record->last;
    return u->spec.kind == UNIT_ONESHOT && u->record->state == UNIT_STOPPED &&
           u->record->starts > 0 && d->cause == CAUSE_ITSELF && !d->failure;
}

static bool is_up(const struct unit *u)
{
    if (u->spec.kind == UNIT_ONESHOT)
        return is_done(u);
    return u->record->state == UNIT_RUNNING || u->record->state == UNIT_READY;
}

static bool is_given_up(const struct unit *u)
{
    return u->record->state == UNIT_FATAL || u->record->state == UNIT_CRASHED;
}

static bool blocks(const struct need *n)
{
    const struct unit *x = n->place->unit;
    if (!x || x->removing)
        return n->required;
    if (is_up(x))
        return false;
    return n->required || (x->record->wanted && !is_given_up(x));
}

bool order__may_start(struct supervisor *s, struct unit *u, const char **waits_for)
{
    (void)s;
    for (uint32_t i = 0; i < u->n_needs; i++) {
        if (!blocks(&u->needs[i]))
            continue;
        *waits_for = u->needs[i].place->name;
        return false;
    }
    return true;
}

/* By itself one that ran before is not started again: it may end well each time, and we would go
 * in circles. */
static bool is_to_be_started(const struct unit *x, bool by_person)
{
    if (x->removing || unit__busy(x) || is_done(x))
        return false;
    if (by_person)
        return x->record->state == UNIT_STOPPED || is_given_up(x);
    return x->record->state == UNIT_STOPPED && !x->record->wanted && x->record->starts == 0;
}

void order__start_required(struct supervisor *s, struct unit *u, bool by_person, int64_t now_ms)
{
    if (u->visiting) /* a circle */
        return;
    u->visiting = true;
    for (uint32_t i = 0; i < u->n_needs; i++) {
        struct unit *x = u->needs[i].place->unit;
        if (u->needs[i].required && x && is_to_be_started(x, by_person))
            supervisor__wish_start(s, x, by_person, now_ms);
    }
    u->visiting = false;
}

/* --- stopping ------------------------------------------------------------------------------- */

void order__stop_requirers(struct supervisor *s, struct unit *u, bool again, int64_t now_ms)
{
    if (u->visiting)
        return;
    u->visiting = true;
    for (size_t i = 0; i < u->place->dependents.n; i++) {
        struct dependent d = u->place->dependents.at[i];
        if (d.required && (unit__busy(d.unit) || !again))
            supervisor__wish_stop(s, d.unit, again, now_ms);
    }
    u->visiting = false;
}

static bool is_before(const struct unit *u, const struct dependent *d)
{
    return unit__busy(d->unit) && (d->required || (u->closing && d->unit->closing));
}

bool order__holds(struct supervisor *s, struct unit *u)
{
    if (u->closing && !u->pulled && u->spec.start_order < s->closing_order)
        return true;
    bool held = false;
    vec_each (&u->place->dependents, d) {
        if (d->unit == u || !is_before(u, d))
            continue;
        held = true;
        if (d->unit->held && !d->unit->pulled) { /* its own turn would come after ours */
            d->unit->pulled = true;
            order__wake(s, d->unit);
        }
    }
    return held;
}

/* The next lower start order, when those of the present one have ended. */
static void next_closing_order(struct supervisor *s)
{
    int32_t highest = INT32_MIN;
    vec_each (&s->units, u)
        if ((*u)->closing && unit__busy(*u) && (*u)->spec.start_order > highest)
            highest = (*u)->spec.start_order;
    if (highest >= s->closing_order)
        return;
    s->closing_order = highest;
    vec_each (&s->units, u)
        if ((*u)->held)
            order__wake(s, *u);
}

/* --- waking --------------------------------------------------------------------------------- */

void order__wake(struct supervisor *s, struct unit *u)
{
    if (u->woken)
        return;
    u->woken = true;
    vec_push(&s->woken, u);
}

void order__changed(struct supervisor *s, struct unit *u)
{
    vec_each (&u->place->dependents, d)
        if (d->unit->record->state == UNIT_WAITING)
            order__wake(s, d->unit);
    for (uint32_t i = 0; i < u->n_needs; i++)
        if (u->needs[i].place->unit && u->needs[i].place->unit->held)
            order__wake(s, u->needs[i].place->unit);
    if (u->removing || u->closing)
        order__wake(s, u);
}

static void look(struct supervisor *s, struct unit *u, int64_t now_ms)
{
    if (u->closing && !unit__busy(u))
        next_closing_order(s);
    if (u->removing && !unit__busy(u)) {
        supervisor__drop(s, u);
        return;
    }
    if (u->record->state == UNIT_WAITING) {
        order__start_required(s, u, false, now_ms);
        unit__start(s, u, now_ms);
    } else if (u->held && !order__holds(s, u)) {
        unit__release(s, u, now_ms);
    }
    watch__arm(s, u, now_ms);
}

void order__settle(struct supervisor *s, int64_t now_ms)
{
    for (size_t i = 0; i < s->woken.n; i++) { /* grows while we go */
        struct unit *u = s->woken.at[i];
        check_magic(u, UNIT_MAGIC);
        u->woken = false;
        look(s, u, now_ms);
    }
    vec_clear(&s->woken);
    s->os.rest(s->os.arg);
}
