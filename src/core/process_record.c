/* What the warden says of a program: its record in data/run/table, and whether it is refused. The table is a mapped file: a
 * machine that lost power leaves anything in it, so a record that makes no sense is none. Main loop. */
#include <stdlib.h>

#include "core/process_priv.h"

#define MOMENT_MAX ((int64_t)1 << 47) /* ms: beyond it, a moment cannot be written as a date */

/* --- its record --- */

static bool is_text(const char *field, size_t size)
{
    size_t n = strnlen(field, size);
    return n < size && utf8_valid(field, n);
}

static bool is_moment(int64_t ms)
{
    return ms >= 0 && ms < MOMENT_MAX;
}

static bool is_sane_death(const struct unit_death *d)
{
    return (uint32_t)d->cause < PROCESS_CAUSES && is_text(d->reason, sizeof(d->reason)) &&
           is_moment(d->started_ms) && is_moment(d->died_ms);
}

static bool is_sane(const struct unit_record *r)
{
    return r->state < PROCESS_STATES && (uint32_t)r->cause < PROCESS_CAUSES &&
           r->spawned.pid >= 0 && is_moment(r->started_ms) && is_moment(r->next_ms) &&
           is_moment(r->changed_ms) && is_moment(r->restart.minute) &&
           is_text(r->reason, sizeof(r->reason)) &&
           is_text(r->status_text, sizeof(r->status_text)) && is_sane_death(&r->last);
}

bool core__program_record(const struct program *p, struct unit_record *out)
{
    check_magic(p, PROGRAM_MAGIC);
    if (p->all->table && table_read(p->all->table, p->unit->config->id, out) && is_sane(out))
        return true;
    *out = (struct unit_record){.state = UNIT_UNKNOWN};
    return false;
}

/* --- whether it is refused --- */

void core__program_set_refused(struct program *p, const char *why)
{
    struct process_verdicts v;
    bool withdrawn = p->refused && !why;
    if (streq(p->refused, why))
        return;
    free(p->refused);
    p->refused = why ? strdup(why) : NULL;
    must(!why || p->refused);
    if (withdrawn) {
        process_alarm_accepted(&p->alarm, &v);
        core__program_alarm(p, &v);
    }
    core__event_program(p);
}

static struct program *refused_in_line(struct core *c, struct str line, char **why)
{
    struct str id, text;
    *why = NULL;
    if (!str_cut(line, ':', &id, &text))
        return NULL;
    struct program *p = map_str_get(c->programs->by_id, id.p, id.n);
    if (p)
        must((*why = strndup(str_trim(text).p, str_trim(text).n)));
    return p;
}

/* The events told each refusal once, perhaps to an earlier life of the core; the answer to a list tells all that stand. */
void core__refusals_take(struct core *c, const char *text)
{
    struct str rest = str_of(text), line;
    uint64_t round = ++c->programs->refusal_round;
    bool all = rest.n + 4 <= COMMAND_TEXT_MAX; /* else it was cut: those not named are kept */
    while (str_next(&rest, '\n', &line)) {
        char *why;
        struct program *p = refused_in_line(c, line, &why);
        if (!p)
            continue;
        p->refused_round = round;
        if (all || rest.n > 0 || !p->refused) /* not a text that was cut instead of a whole one */
            core__program_set_refused(p, why);
        free(why);
    }
    vec_each (&c->programs->order, it)
        if (all && (*it)->refused && (*it)->refused_round != round)
            core__program_set_refused(*it, NULL);
}
