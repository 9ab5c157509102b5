/* What there is, by name and as belfry.yaml declares it. On the loop. */
#include "core/core_priv.h"
#include "core/declared.h"

bool core_target_named(struct core *c, const char *group, const char *name, struct core_target *out)
{
    const struct entry *e = core__entry_by_name(c, group, name);
    return e && core_target_get(c, e->target->id, out);
}

uint64_t core_channel_id(struct core *c, const char *name)
{
    const struct chan *ch = core__chan_by_name(c, name);
    return ch ? ch->channel->id : 0;
}

void core_await_stored(struct core *c, struct waiter *w)
{
    check_magic(c, CORE_MAGIC);
    core__commit_wait(c, w);
}

struct node *core_declared_target(struct core *c, const struct target *t, struct arena *a)
{
    check_magic(c, CORE_MAGIC);
    struct declared_names channels = {arena_array_of(a, const char *, t->channels.n + 1), 0},
                          parents = {arena_array_of(a, const char *, t->depends_on.n + 1), 0};
    for (uint32_t i = 0; i < t->channels.n; i++) {
        const struct chan *ch = core__chan(c, t->channels.at[i]);
        if (ch)
            channels.at[channels.n++] = ch->channel->name;
    }
    for (uint32_t i = 0; i < t->depends_on.n; i++) {
        const struct entry *e = core__entry(c, t->depends_on.at[i]);
        if (e)
            parents.at[parents.n++] = arena_printf(a, "%s/%s", e->target->group, e->target->name);
    }
    return declared_target(t, &channels, &parents, a);
}
