/* One evaluation of a group (rule.h), on a worker's thread: rule after rule, each asks the engine, takes its step, writes its
 * samples, and tells of its alerts; so later rules see what earlier ones wrote. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/must.h"
#include "rule/manager_priv.h"

void rule__write(struct rule_manager *m, int64_t t_ms, const struct rule_sample *s, size_t n)
{
    if (n == 0)
        return;
    size_t refused = 0;
    struct err err = {0}, why = {0};
    pthread_mutex_lock(&m->sink_lock);
    for (size_t i = 0; i < n; i++)
        if (m->o.sink.ops->append(m->o.sink.self, &s[i].labels, t_ms, s[i].v, &err) != 0) {
            refused++;
            why = err;
        }
    if (m->o.sink.ops->flush != NULL && m->o.sink.ops->flush(m->o.sink.self, &err) != 0) {
        refused = n;
        why = err;
    }
    pthread_mutex_unlock(&m->sink_lock);
    atomic_fetch_add(&m->samples, n - refused);
    atomic_fetch_add(&m->refused, refused);
    if (refused > 0)
        log_warn("samples of rules were refused", F_INT("refused", refused), F_INT("of", n),
                 F_STR("why", why.msg));
}

/* ---- queries of templates ---- */

static int template_query(void *arg, struct arena *a, struct str expr, int64_t at_ms,
                          struct promql_series **series, size_t *n, struct err *err)
{
    struct rule_manager *m = arg;
    struct promql_request req = {.source = m->o.source,
                                 .query = expr,
                                 .start_ms = at_ms,
                                 .end_ms = at_ms,
                                 .no_cache = true,
                                 .cancelled = &m->stop};
    struct promql_result *r;
    if (promql_run(m->o.engine, &req, &r, err) != 0)
        return -1;
    int rc = rule_answer_copy(r, a, series, n, err);
    promql_result_free(r);
    return rc;
}

/* ---- one rule ---- */

static int ask(struct rule_manager *m, const struct group_run *g, const struct rule *rule,
               int64_t at_ms, struct promql_result **out, struct err *err)
{
    int64_t t = at_ms - g->group->query_offset_ms;
    struct promql_request req = {.source = m->o.source,
                                 .query = rule->expr,
                                 .start_ms = t,
                                 .end_ms = t,
                                 .cancelled = &m->stop};
    return promql_run_parsed(m->o.engine, &req, rule->ast, out, err);
}

/* How the evaluation went; the state is exchanged when there is a new one. */
static void settle(struct rule_run *r, struct group_run *g, struct rule_state *after,
                   const struct rule_output *out, int64_t at_ms, int64_t took_ns,
                   const struct err *err)
{
    struct rule_state *old = NULL;
    must(after == NULL || after != r->state);
    char *old_error = r->last_error;
    pthread_mutex_lock(&g->lock);
    r->last_error = err != NULL ? strdup(err->msg) : NULL;
    r->health = err != NULL ? RULE_ERR : RULE_OK;
    r->last_ms = at_ms;
    r->took_ns = took_ns;
    if (err == NULL)
        r->series = out->n_series;
    if (after != NULL) {
        old = r->state;
        r->state = after;
    }
    pthread_mutex_unlock(&g->lock);
    free(old_error);
    rule_state_free(&old);
}

static int step(struct rule_manager *m, struct group_run *g, struct rule_run *r, int64_t at_ms,
                struct rule_state **after, struct rule_output *out, struct err *err)
{
    struct promql_result *answer;
    if (ask(m, g, r->rule, at_ms, &answer, err) != 0)
        return -1;
    struct rule_input in = {.group = g->group,
                            .rule = r->rule,
                            .at_ms = at_ms,
                            .write_alerts = g->restore_after < 0,
                            .resend_ms = m->o.resend_ms,
                            .generator_url = r->generator_url,
                            .data = {.external = &m->external,
                                     .external_url = m->o.external_url,
                                     .query = template_query,
                                     .arg = m}};
    return rule_step(r->state, after, &in, answer, out, err);
}

static bool evaluate_rule(struct rule_manager *m, struct group_run *g, struct rule_run *r,
                          int64_t at_ms)
{
    struct rule_state *after = NULL;
    struct rule_output out = {0};
    struct err err = {0};
    int64_t from = clock_mono_ns();
    bool ok = step(m, g, r, at_ms, &after, &out, &err) == 0;
    if (ok) {
        rule__write(m, out.t_ms, out.samples, out.n_samples);
        if (out.n_notices > 0 && m->o.notify != NULL)
            m->o.notify(m->o.arg, out.notices, out.n_notices);
        if (out.complaint != NULL)
            log_warn("a rule's template failed; its text says so", F_STR("group", g->group->name),
                     F_STR("rule", r->rule->name), F_STR("why", out.complaint));
    } else if (r->health != RULE_ERR && err.code != ERR_CANCELLED) {
        log_warn("a rule cannot be evaluated; its alerts stay as they are",
                 F_STR("group", g->group->name), F_STR("rule", r->rule->name),
                 F_STR("why", err.msg));
    }
    settle(r, g, after, &out, at_ms, clock_mono_ns() - from, ok ? NULL : &err);
    return ok;
}

/* ---- after a restart ---- */

/* The last life's ALERTS_FOR_STATE of one rule, by the hash of their labels. */
struct finder {
    struct series_set *set;
    struct map_u64 *by_hash; /* → index + 1 */
    int64_t from_ms, to_ms;
};

static struct series_set *select_states(struct rule_manager *m, const struct rule *rule,
                                        int64_t from_ms, int64_t to_ms, struct err *err)
{
    struct matcher *name =
        matcher_new(MATCH_EQ, STR(LABEL_METRIC_NAME), STR("ALERTS_FOR_STATE"), err);
    struct matcher *alert = matcher_new(MATCH_EQ, STR("alertname"), str_of(rule->name), err);
    struct series_set *set = NULL;
    if (name != NULL && alert != NULL) {
        const struct matcher *matchers[] = {name, alert};
        struct series_select q = {.matchers = matchers,
                                  .n_matchers = 2,
                                  .min_ms = from_ms,
                                  .max_ms = to_ms,
                                  .cancelled = &m->stop};
        set = m->o.source.ops->select(m->o.source.self, &q, err);
    }
    matcher_free(name);
    matcher_free(alert);
    return set;
}

static bool find_state(void *arg, const struct labels *series, int64_t *t_ms, double *v)
{
    struct finder *f = arg;
    uintptr_t i = (uintptr_t)map_u64_get(f->by_hash, labels_hash(series));
    if (i == 0)
        return false;
    struct samples s = {0};
    struct err ignored;
    f->set->ops->read(f->set, (uint32_t)(i - 1), f->from_ms, f->to_ms, COLUMN_RAW, &s, &ignored);
    bool found = s.n > 0 && !is_stale(s.v[s.n - 1]);
    if (found) {
        *t_ms = s.t[s.n - 1];
        *v = s.v[s.n - 1];
    }
    samples_done(&s);
    return found;
}

static void restore_rule(struct rule_manager *m, struct group_run *g, struct rule_run *r,
                         int64_t at_ms)
{
    struct err err;
    struct finder f = {.from_ms = at_ms - m->o.outage_ms, .to_ms = at_ms};
    if (r->rule->kind != RULE_ALERT || r->rule->for_ms == 0)
        return;
    f.set = select_states(m, r->rule, f.from_ms, f.to_ms, &err);
    if (f.set == NULL) {
        log_warn("since when an alert was active is not known from before; its time begins anew",
                 F_STR("rule", r->rule->name), F_STR("why", err.msg));
        return;
    }
    f.by_hash = map_u64_new();
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < f.set->n; i++) {
        struct labels l = f.set->ops->labels(f.set, i, a);
        map_u64_put(f.by_hash, labels_hash(&l), (void *)(uintptr_t)(i + 1));
    }
    struct rule_restore how = {
        .at_ms = at_ms, .grace_ms = m->o.grace_ms, .find = find_state, .arg = &f};
    pthread_mutex_lock(&g->lock);
    rule_state_restore(r->state, r->rule, &how);
    pthread_mutex_unlock(&g->lock);
    map_u64_free(f.by_hash);
    arena_free(a);
    f.set->ops->free(f.set);
}

void rule__evaluate(struct rule_manager *m, struct group_run *g, int64_t at_ms)
{
    uint64_t failed = 0;
    must(g->busy && at_ms < g->due_ms);
    for (uint32_t i = 0; i < g->group->n_rules && !atomic_load(&m->stop); i++)
        failed += !evaluate_rule(m, g, &g->rules[i], at_ms);
    if (g->restore_after > 0 && --g->restore_after == 0) {
        for (uint32_t i = 0; i < g->group->n_rules; i++)
            restore_rule(m, g, &g->rules[i], at_ms);
        g->restore_after = -1;
    }
    if (failed > 0) {
        pthread_mutex_lock(&m->lock);
        m->stats.failed += failed;
        pthread_mutex_unlock(&m->lock);
    }
}
