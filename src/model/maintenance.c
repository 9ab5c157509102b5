/* Maintenances as plain data: names and deep copies. No state, any thread. */
#include "model/maintenance.h"

#include "base/must.h"
#include "model/pack.h"

const char *schedule_kind_name(enum schedule_kind kind)
{
    static const char *const names[] = {"once", "weekly", "cron"};
    must((size_t)kind < array_len(names));
    return names[kind];
}

static void copy_lists(struct pack *k, const struct maintenance *from, struct maintenance *m)
{
    m->targets.at = pack_mem(k, from->targets.at, from->targets.n * sizeof(uint64_t));
    m->groups = pack_mem(k, from->groups, from->n_groups * sizeof(*from->groups));
    m->matchers = pack_mem(k, from->matchers, from->n_matchers * sizeof(*from->matchers));
    for (uint32_t i = 0; i < m->n_groups; i++) {
        const char *group = pack_str(k, from->groups[i]);
        if (k->block)
            m->groups[i] = group;
    }
    for (uint32_t i = 0; i < m->n_matchers; i++) {
        struct label_match one = from->matchers[i];
        one.name = pack_str(k, one.name);
        one.value = pack_str(k, one.value);
        if (k->block)
            m->matchers[i] = one;
    }
}

static void copy_maintenance(struct pack *k, const void *of)
{
    const struct maintenance *from = of;
    struct maintenance m = *from;
    struct maintenance *home = pack_mem(k, from, sizeof(*from));
    copy_lists(k, from, &m);
    m.title = pack_str(k, from->title);
    m.schedule.cron = pack_str(k, from->schedule.cron);
    m.schedule.zone = pack_str(k, from->schedule.zone);
    if (k->block)
        *home = m;
}

struct maintenance *maintenance_clone(const struct maintenance *m)
{
    must(m != NULL);
    must(m->n_groups == 0 || m->groups != NULL);
    must(m->n_matchers == 0 || m->matchers != NULL);
    return pack_clone(m, copy_maintenance);
}

void maintenance_free(struct maintenance *m)
{
    free(m);
}
