/* What a Redis Sentinel knows of its masters (redis.io/docs/management/sentinel): SENTINEL MASTERS, CKQUORUM, REPLICAS.
 * Names of metrics are redis_exporter's. Runs on a fiber of a watcher. */
#include "probe/redis.h"

#define MASTERS_MAX 8 /* that are judged of a Sentinel's many */

struct master {
    const char *name, *address;
    struct str flags;
    const struct resp *fields;
};

static struct master master_of(const struct resp *fields, struct arena *a)
{
    return (struct master){
        .name = fact_text(resp_field(fields, "name"), a),
        .address = arena_printf(a, "%s:%s", fact_text(resp_field(fields, "ip"), a),
                                fact_text(resp_field(fields, "port"), a)),
        .flags = resp_field(fields, "flags"),
        .fields = fields,
    };
}

static void master_metric(const struct master *m, const char *name, double v, struct result *r)
{
    const struct label labels[] = {{"master_name", m->name}, {"master_address", m->address}};
    result_metric_labels(r, name, labels, array_len(labels), v);
}

static void judge_state(const struct master *m, struct result *r)
{
    bool objectively = str_lists(m->flags, ',', "o_down"),
         down = str_lists(m->flags, ',', "s_down");
    master_metric(m, "redis_sentinel_master_status", !down && !objectively, r);
    if (objectively)
        result_fail(r, "the master %s (%s) is down, as the Sentinels agree", m->name, m->address);
    else if (down)
        result_warn(r, "the master %s (%s) does not answer this Sentinel", m->name, m->address);
    if (str_lists(m->flags, ',', "failover_in_progress"))
        result_warn(r, "a failover of %s is under way", m->name);
}

static void judge_quorum(const struct redis_talk *t, const struct master *m, struct result *r)
{
    struct resp reply;
    struct err err = {0};
    if (redis_ask(t, REDIS_ARGV("SENTINEL", "CKQUORUM", m->name), &reply, &err) != 0) {
        result_fail_err(r, &err);
        return;
    }
    bool reached = reply.kind == RESP_TEXT && str_starts(reply.text, STR("OK"));
    master_metric(m, "redis_sentinel_master_ckquorum_status", reached, r);
    if (!reached)
        result_warn(r, "%s has no quorum for a failover: %s", m->name,
                    fact_text(reply.text, r->arena));
}

static void judge_replicas(const struct redis_talk *t, const struct redis_expect *e,
                           const struct master *m, struct result *r)
{
    struct resp list;
    struct err err = {0};
    int64_t working = 0, wanted = e->min_replicas > 1 ? e->min_replicas : 1;
    if (redis_call(t, REDIS_ARGV("SENTINEL", "REPLICAS", m->name), &list, &err) != 0) {
        result_fail_err(r, &err);
        return;
    }
    for (size_t i = 0; i < list.n; i++) {
        struct master replica = master_of(&list.at[i], r->arena);
        bool down = str_lists(replica.flags, ',', "s_down") ||
                    str_lists(replica.flags, ',', "disconnected");
        working += !down;
        if (down)
            result_warn(r, "replica %s of %s is down", replica.address, m->name);
    }
    must(working <= (int64_t)list.n);
    master_metric(m, "redis_sentinel_master_slaves", (double)list.n, r);
    master_metric(m, "redis_sentinel_master_ok_slaves", (double)working, r);
    if (e->replicas && working < wanted)
        result_warn(r, "%s has %lld working replicas; want at least %lld", m->name,
                    (long long)working, (long long)wanted);
}

static void judge_master(const struct redis_talk *t, const struct redis_config *c,
                         const struct master *m, struct result *r)
{
    double others = fact_or(resp_field(m->fields, "num-other-sentinels"), 0);
    master_metric(m, "redis_sentinel_master_sentinels", others + 1, r);
    judge_state(m, r);
    judge_quorum(t, m, r);
    if (r->success || !str_lists(m->flags, ',', "s_down"))
        judge_replicas(t, &c->expect, m, r);
    if (r->success)
        result_ok(r, "Sentinel, master %s at %s, %.0f sentinels", m->name, m->address, others + 1);
}

/* "; it knows mymaster, other" */
static const char *known_text(const struct resp *masters, struct arena *a)
{
    struct buf out = BUF_INIT(300);
    for (size_t i = 0; i < masters->n; i++)
        buf_printf(&out, "%s%s", i ? ", " : "; it knows ",
                   fact_text(resp_field(&masters->at[i], "name"), a));
    const char *text = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

void redis_run_sentinel(const struct redis_talk *t, const struct redis_config *c, struct result *r)
{
    struct resp masters;
    struct err err = {0};
    size_t judged = 0;
    must(c->mode == REDIS_SENTINEL);
    if (redis_call(t, REDIS_ARGV("SENTINEL", "MASTERS"), &masters, &err) != 0) {
        result_fail_err(r, &err);
        return;
    }
    result_metric(r, "redis_sentinel_masters", (double)masters.n);
    for (size_t i = 0; i < masters.n && judged < MASTERS_MAX; i++) {
        struct master m = master_of(&masters.at[i], r->arena);
        if (c->master && !streq(m.name, c->master))
            continue;
        judge_master(t, c, &m, r);
        judged++;
    }
    if (judged == 0)
        result_fail(r, "the Sentinel watches no master%s%s%s", c->master ? " named " : "",
                    c->master ? c->master : "", known_text(&masters, r->arena));
    else if (judged > 1 && r->success)
        result_ok(r, "Sentinel, %zu masters", judged);
}
