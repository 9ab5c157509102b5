/* How the rules stand (rule.h): copies for the API, pages and figures. */
#include <string.h>

#include "base/must.h"
#include "rule/manager_priv.h"

static void view_rule(const struct rule_run *r, struct arena *a, struct rule_view *v)
{
    const struct rule_alert **alerts;
    size_t n = rule_state_alerts(r->state, true, a, &alerts);
    struct rule_alert *copies = arena_array_of(a, struct rule_alert, n + 1);
    for (size_t i = 0; i < n; i++) {
        copies[i] = *alerts[i];
        copies[i].labels = labels_dup(a, &alerts[i]->labels);
        copies[i].annotations = labels_dup(a, &alerts[i]->annotations);
    }
    *v = (struct rule_view){.rule = r->rule,
                            .health = r->health,
                            .last_error =
                                arena_strdup(a, r->last_error != NULL ? r->last_error : ""),
                            .last_ms = r->last_ms,
                            .took_ns = r->took_ns,
                            .state = rule_state_highest(r->state),
                            .alerts = copies,
                            .n_alerts = (uint32_t)n,
                            .series = r->series};
}

static void view_group(struct group_run *g, struct arena *a, struct rule_group_view *v)
{
    struct rule_view *rules = arena_array_of(a, struct rule_view, g->group->n_rules + 1);
    pthread_mutex_lock(&g->lock);
    for (uint32_t i = 0; i < g->group->n_rules; i++)
        view_rule(&g->rules[i], a, &rules[i]);
    *v = (struct rule_group_view){.group = g->group,
                                  .last_ms = g->last_ms,
                                  .took_ns = g->took_ns,
                                  .evaluations = g->evaluations,
                                  .missed = g->missed,
                                  .late = g->late,
                                  .rules = rules};
    pthread_mutex_unlock(&g->lock);
}

void rule_manager_each_group(struct rule_manager *m,
                             void (*fn)(void *arg, const struct rule_group_view *g), void *arg)
{
    check_magic(m, MANAGER_MAGIC);
    struct arena *a = arena_new();
    pthread_mutex_lock(&m->lock); /* so that no reload frees them; evaluations go on */
    size_t n = m->groups.n;
    struct rule_group_view *views = arena_array_of(a, struct rule_group_view, n + 1);
    struct rule_set **sets = arena_array_of(a, struct rule_set *, n + 1);
    for (size_t i = 0; i < n; i++) {
        view_group(m->groups.at[i], a, &views[i]);
        sets[i] = rule_set_ref(m->groups.at[i]->set);
    }
    pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; i < n; i++)
        fn(arg, &views[i]);
    for (size_t i = 0; i < n; i++)
        rule_set_unref(&sets[i]);
    arena_free(a);
}

static void count_alerts(struct group_run *g, struct arena *a, struct rule_stats *out)
{
    pthread_mutex_lock(&g->lock);
    for (uint32_t i = 0; i < g->group->n_rules; i++) {
        const struct rule_alert **alerts;
        size_t n = rule_state_alerts(g->rules[i].state, true, a, &alerts);
        for (size_t k = 0; k < n; k++)
            *(alerts[k]->state == RULE_FIRING ? &out->firing : &out->pending) += 1;
    }
    pthread_mutex_unlock(&g->lock);
}

void rule_manager_get_stats(struct rule_manager *m, struct rule_stats *out)
{
    check_magic(m, MANAGER_MAGIC);
    struct arena *a = arena_new();
    pthread_mutex_lock(&m->lock);
    *out = m->stats;
    out->groups = m->groups.n;
    vec_each (&m->groups, g) {
        out->rules += (*g)->group->n_rules;
        count_alerts(*g, a, out);
    }
    pthread_mutex_unlock(&m->lock);
    out->samples = atomic_load(&m->samples);
    out->samples_refused = atomic_load(&m->refused);
    arena_free(a);
}
