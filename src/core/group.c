/* Targets of type group: who their members are, and what follows from how those stand (alert/quorum.h). Main loop.
 *
 * Members by name or id are looked up anew each time: there may be none of the name yet. Those that match labels are kept as a
 * sorted list of ids, brought up to date with each change of a target. Rules are monotone, so that groups of groups settle. */
#include "core/group.h"

#include <stdlib.h>

#include "alert/quorum.h"
#include "core/inner.h"
#include "probe/group.h"

#define NAMED_MAX     5    /* in a message */
#define LOOKED_AT_MAX 3000 /* members of members, when a circle is looked for */

struct bundle {
    vec_of(uint64_t) matched; /* sorted */
};

/* --- members --- */

static struct entry *find_member(struct core *c, const char *group, const char *text)
{
    uint64_t id;
    if (str_to_u64(str_of(text), &id, NULL) == 0 && core__entry(c, id))
        return core__entry(c, id);
    struct entry *e = core__entry_by_name(c, group, text);
    for (const char *slash = strchr(text, '/'); !e && slash; slash = strchr(slash + 1, '/')) {
        char name[256];
        if ((size_t)(slash - text) < sizeof(name)) {
            memcpy(name, text, (size_t)(slash - text));
            name[slash - text] = '\0';
            e = core__entry_by_name(c, name, slash + 1);
        }
    }
    for (size_t i = 0; !e && i < c->config->n_groups; i++)
        e = core__entry_by_name(c, c->config->groups[i].name, text);
    return e ? e : core__entry_by_name(c, "default", text);
}

/* What a matcher asks for; empty: the target has no such label. */
static struct str label_of(const struct entry *e, struct str name)
{
    const struct target *t = e->target;
    if (str_eqz(name, "target"))
        return str_of(t->name);
    if (str_eqz(name, "group"))
        return str_of(t->group);
    if (str_eqz(name, "type"))
        return str_of(t->type);
    if (str_eqz(name, "instance"))
        return str_of(e->instance);
    for (uint32_t i = 0; i < t->n_labels; i++)
        if (str_eqz(name, t->labels[i].name))
            return str_of(t->labels[i].value);
    return (struct str){0};
}

static bool matches(const struct group_config *g, const struct entry *e)
{
    if (g->n_matchers == 0 || (e->inner && e->inner->ops == &group_inner) ||
        streq(e->target->type, "group"))
        return false;
    for (size_t i = 0; i < g->n_matchers; i++)
        if (!matcher_test(g->matchers[i], label_of(e, matcher_name(g->matchers[i]))))
            return false;
    return true;
}

static size_t place_of(const struct bundle *b, uint64_t id)
{
    size_t lo = 0, hi = b->matched.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (b->matched.at[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void core__group_entry(struct inner *n, const struct entry *e, bool gone)
{
    struct bundle *b = n->state;
    uint64_t id = e->target->id;
    size_t at = place_of(b, id);
    bool have = at < b->matched.n && b->matched.at[at] == id;
    bool want = !gone && matches(n->config, e);
    if (have && !want) {
        memmove(&b->matched.at[at], &b->matched.at[at + 1],
                (--b->matched.n - at) * sizeof(b->matched.at[0]));
    } else if (want && !have) {
        vec_push(&b->matched, id);
        memmove(&b->matched.at[at + 1], &b->matched.at[at],
                (b->matched.n - 1 - at) * sizeof(b->matched.at[0]));
        b->matched.at[at] = id;
    }
    if (have != want)
        n->next_ms = 0;
}

static const char *own_group(const struct inner *n)
{
    return n->entry ? n->entry->target->group : "default";
}

/* Calls fn with each member once; missing names with e NULL. fn false: enough. */
static void each_member(const struct inner *n,
                        bool (*fn)(void *arg, const struct entry *e, const char *named), void *arg)
{
    const struct group_config *g = n->config;
    const struct bundle *b = n->state;
    uint64_t *seen = malloc((g->members.n + 1) * sizeof(*seen));
    must(seen);
    size_t k = 0;
    for (size_t i = 0; i < g->members.n; i++) {
        struct entry *e = find_member(n->core, own_group(n), g->members.at[i]);
        bool twice = e && e == n->entry;
        for (size_t s = 0; e && s < k; s++)
            twice = twice || seen[s] == e->target->id;
        if (e && !twice)
            seen[k++] = e->target->id;
        if (!twice && !fn(arg, e, g->members.at[i]))
            goto out;
    }
    for (size_t i = 0; i < b->matched.n; i++) {
        const struct entry *e = core__entry(n->core, b->matched.at[i]);
        bool twice = !e;
        for (size_t s = 0; e && s < k; s++)
            twice = twice || seen[s] == e->target->id;
        if (!twice && !fn(arg, e, NULL))
            goto out;
    }
out:
    free(seen);
}

bool core__group_has(const struct inner *n, uint64_t id)
{
    const struct group_config *g = n->config;
    const struct bundle *b = n->state;
    size_t at = b ? place_of(b, id) : 0;
    if (!b || (at < b->matched.n && b->matched.at[at] == id))
        return b != NULL;
    for (size_t i = 0; i < g->members.n; i++) {
        const struct entry *e = find_member(n->core, own_group(n), g->members.at[i]);
        if (e && e->target->id == id)
            return true;
    }
    return false;
}

/* --- judging --- */

static void begin(struct inner *n)
{
    struct bundle *b = n->state;
    if (!b)
        b = n->state = calloc(1, sizeof(*b));
    must(b);
    vec_clear(&b->matched);
    const struct group_config *g = n->config;
    for (size_t i = 0; g->n_matchers && i < n->core->order.n; i++)
        if (matches(g, n->core->order.at[i]))
            vec_push(&b->matched, n->core->order.at[i]->target->id);
}

static void end(struct inner *n)
{
    struct bundle *b = n->state;
    vec_done(&b->matched);
    free(b);
    n->state = NULL;
}

struct counting {
    struct core *core;
    struct quorum_seen seen;
    uint32_t named;
    struct buf down; /* their names */
};

static void name_it(struct counting *k, const char *name, const char *how)
{
    if (k->named++ < NAMED_MAX)
        buf_printf(&k->down, "%s%s%s", k->down.len ? ", " : "", name, how);
}

static bool is_maintained(struct core *c, const struct entry *e)
{
    const struct alert *a = core__alert(c, e->state.open_alert_id);
    return a && a->suppressed == SUPPRESSED_MAINTENANCE;
}

static bool count(void *arg, const struct entry *e, const char *named)
{
    struct counting *k = arg;
    if (!e) {
        k->seen.missing++;
        name_it(k, named, " (there is no such target)");
    } else if (!e->target->enabled || is_maintained(k->core, e)) {
        return true;
    } else if (e->state.status == TARGET_UNHEALTHY) {
        k->seen.down++;
        name_it(k, e->target->name, "");
    } else if (e->state.status == TARGET_HEALTHY) {
        k->seen.up++;
    } else {
        k->seen.unknown++;
    }
    return true;
}

static struct quorum_rule rule_of(const struct group_config *g)
{
    static const enum quorum_need needs[] = {
        [GROUP_ALL] = QUORUM_ALL, [GROUP_ANY] = QUORUM_ANY, [GROUP_QUORUM] = QUORUM_SOME};
    return (struct quorum_rule){needs[g->need], g->least, g->percent};
}

static void put_metrics(const struct quorum_seen *seen, uint32_t least, struct result *r)
{
    result_metric(r, "probe_group_members", seen->up + seen->down + seen->unknown);
    result_metric(r, "probe_group_members_healthy", seen->up);
    result_metric(r, "probe_group_members_down", seen->down);
    result_metric(r, "probe_group_members_required", least);
}

static bool judge(struct inner *n, int64_t now_ms, struct result *r, const char **why)
{
    struct counting k = {.core = n->core, .down = BUF_INIT(2000)};
    struct quorum_rule rule = rule_of(n->config);
    must(now_ms > 0);
    each_member(n, count, &k);
    enum quorum_verdict v = quorum_judge(&rule, &k.seen);
    uint32_t all = k.seen.up + k.seen.down + k.seen.unknown, least = quorum_least(&rule, &k.seen);
    const char *names = arena_strndup(r->arena, k.down.data ? k.down.data : "", k.down.len);
    const char *more =
        k.named > NAMED_MAX ? arena_printf(r->arena, " and %u more", k.named - NAMED_MAX) : "";
    buf_done(&k.down);
    put_metrics(&k.seen, least, r);
    if (v == QUORUM_UNKNOWN)
        *why = all ? "its members have not been judged yet" : "it has no members";
    else if (v == QUORUM_DOWN)
        result_fail(r, "%u of %u members are healthy, want %u: down: %s%s", k.seen.up, all,
                    all ? least : 1, names, more);
    else
        result_ok(r, "%u of %u members are healthy", k.seen.up, all);
    if (v == QUORUM_DEGRADED)
        result_warn(r, "%u of %u members are healthy, enough for %u: down: %s%s", k.seen.up, all,
                    least, names, more);
    return v != QUORUM_UNKNOWN;
}

const struct inner_ops group_inner = {.type = "group", .begin = begin, .end = end, .judge = judge};

/* --- who may be a member --- */

/* Whether the group with these members leads to the target `to`; left bounds what is looked at. */
static bool leads_to(struct core *c, const char *group, const struct group_config *g, uint64_t to,
                     int *left)
{
    for (size_t i = 0; i < g->members.n && --*left > 0; i++) {
        const struct entry *e = find_member(c, group, g->members.at[i]);
        if (!e)
            continue;
        if (e->target->id == to)
            return true;
        if (e->inner && e->inner->ops == &group_inner &&
            leads_to(c, e->target->group, e->inner->config, to, left))
            return true;
    }
    return false;
}

void core__group_check(struct core *c, const struct target *t, const struct node *config,
                       struct problems *p)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems quiet;
    problems_init(&quiet, a);
    struct compiled *k = probe_compile(prober_by_type("group", NULL), config, &quiet, "config");
    problems_done(&quiet);
    if (!k)
        return; /* told already */
    const struct group_config *g = compiled_config(k);
    for (size_t i = 0; i < g->members.n; i++)
        if (!find_member(c, t->group, g->members.at[i]))
            problem_add(p, NULL, "config.members", "there is no target \"%.100s\"",
                        g->members.at[i]);
    int left = LOOKED_AT_MAX;
    if (t->id && leads_to(c, t->group, g, t->id, &left))
        problem_add(p, NULL, "config.members", "the group would be a member of itself");
    compiled_free(k);
}

/* --- for the API --- */

struct telling {
    void (*fn)(void *arg, const struct core_target *member, const char *missing);
    void *arg;
    struct core *core;
};

static bool tell_member(void *arg, const struct entry *e, const char *named)
{
    struct telling *t = arg;
    struct core_target v;
    bool there = e && core_target_get(t->core, e->target->id, &v);
    t->fn(t->arg, there ? &v : NULL, there ? NULL : named);
    return true;
}

bool core_group_members(struct core *c, uint64_t id,
                        void (*fn)(void *arg, const struct core_target *member,
                                   const char *missing),
                        void *arg)
{
    check_magic(c, CORE_MAGIC);
    struct entry *e = core__entry(c, id);
    if (!e || !e->inner || e->inner->ops != &group_inner || !e->inner->state)
        return false;
    each_member(e->inner, tell_member, &(struct telling){fn, arg, c});
    return true;
}
