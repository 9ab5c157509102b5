/* Groups coming and going (rule.h): a reload gives unchanged rules the state they had, and ends the series and alerts of those
 * that went. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "rule/manager_priv.h"
#include "rule/template_priv.h"

static char *generator_url(const struct rule_manager *m, const struct rule *rule)
{
    struct buf b = BUF_INIT(4 << 20);
    const char *url = m->o.external_url;
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    buf_add(&b, url, n);
    buf_puts(&b, "/graph?g0.expr=");
    rule__query_escape(&b, rule->expr);
    buf_puts(&b, "&g0.tab=1");
    size_t len;
    return buf_take(&b, &len);
}

struct group_run *rule__group_new(struct rule_manager *m, struct rule_set *set,
                                  const struct rule_group *group, bool restore)
{
    struct group_run *g = calloc(1, sizeof(*g));
    must(g != NULL);
    pthread_mutex_init(&g->lock, NULL);
    g->set = rule_set_ref(set);
    g->group = group;
    g->rules = calloc(group->n_rules + 1, sizeof(*g->rules));
    must(g->rules != NULL);
    for (uint32_t i = 0; i < group->n_rules; i++) {
        g->rules[i].rule = &group->rules[i];
        g->rules[i].generator_url = generator_url(m, &group->rules[i]);
    }
    /* as Prometheus: the second evaluation knows what recording rules wrote */
    g->restore_after = restore ? 2 : -1;
    g->due_ms = rule__grid(group, m->o.now_ms()) + group->interval_ms;
    return g;
}

void rule__group_free(struct group_run **pg)
{
    struct group_run *g = *pg;
    if (g == NULL)
        return;
    must(!g->busy);
    for (uint32_t i = 0; i < g->group->n_rules; i++) {
        rule_state_free(&g->rules[i].state);
        free(g->rules[i].last_error);
        free(g->rules[i].generator_url);
    }
    free(g->rules);
    pthread_mutex_destroy(&g->lock);
    rule_set_unref(&g->set);
    free(g);
    *pg = NULL;
}

static struct group_run *find_group(struct rule_manager *m, const struct rule_group *group)
{
    vec_each (&m->groups, g)
        if (streq((*g)->group->name, group->name) && streq((*g)->group->file, group->file))
            return *g;
    return NULL;
}

/* Moves what old knows of its rules to the same rules of new. */
static void inherit(struct group_run *new, struct group_run *old)
{
    for (uint32_t i = 0; i < new->group->n_rules; i++) {
        struct rule_run *to = &new->rules[i];
        for (uint32_t k = 0; k < old->group->n_rules; k++) {
            struct rule_run *from = &old->rules[k];
            if (from->rule == NULL || from->rule->id != to->rule->id)
                continue;
            char *url = from->generator_url; /* both were made; each keeps one */
            struct rule_run kept = *from;
            kept.rule = to->rule;
            kept.generator_url = to->generator_url;
            *to = kept;
            *from = (struct rule_run){.generator_url = url};
            break;
        }
    }
    must(streq(new->group->name, old->group->name));
    new->restore_after = old->restore_after;
    new->last_ms = old->last_ms;
    new->took_ns = old->took_ns;
    new->evaluations = old->evaluations;
    new->missed = old->missed;
    new->late = old->late;
    if (new->group->interval_ms == old->group->interval_ms)
        new->due_ms = old->due_ms;
}

void rule__swap(struct rule_manager *m, struct rule_gone *gone)
{
    must(m->busy == 0);
    struct rule_set *set = m->waiting;
    m->waiting = NULL;
    m->reload_waits = false;
    vec_of(struct group_run *) fresh = {0};
    for (uint32_t i = 0; set != NULL && i < set->n_groups; i++) {
        struct group_run *g = rule__group_new(m, set, &set->groups[i], false);
        struct group_run *old = find_group(m, g->group);
        if (old != NULL)
            inherit(g, old);
        vec_push(&fresh, g);
    }
    vec_each (&m->groups, g)
        vec_push(&gone->groups, *g);
    vec_done(&m->groups);
    vec_each (&fresh, g)
        vec_push(&m->groups, *g);
    vec_done(&fresh);
    rule_set_unref(&set);
    m->stats.last_reload_ms = m->o.now_ms();
}

/* ---- what went ---- */

static void end_alerts(struct rule_manager *m, const struct group_run *g, const struct rule_run *r,
                       int64_t now_ms)
{
    struct arena *a = arena_new();
    const struct rule_alert **alerts;
    size_t n = rule_state_alerts(r->state, true, a, &alerts), count = 0;
    struct rule_alert *copies = arena_array_of(a, struct rule_alert, n + 1);
    struct rule_notice *notices = arena_array_of(a, struct rule_notice, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (alerts[i]->state != RULE_FIRING)
            continue;
        copies[count] = *alerts[i];
        copies[count].state = RULE_INACTIVE;
        copies[count].resolved_ms = now_ms;
        notices[count] = (struct rule_notice){.group = g->group,
                                              .rule = r->rule,
                                              .alert = &copies[count],
                                              .generator_url = r->generator_url,
                                              .changed = true};
        count++;
    }
    if (count > 0 && m->o.notify != NULL)
        m->o.notify(m->o.arg, notices, count);
    arena_free(a);
}

void rule__end(struct rule_manager *m, struct rule_gone *gone)
{
    int64_t now_ms = m->o.now_ms();
    vec_each (&gone->groups, pg) {
        struct group_run *g = *pg;
        for (uint32_t i = 0; i < g->group->n_rules; i++) {
            struct rule_output out;
            if (g->rules[i].rule == NULL)
                continue;
            end_alerts(m, g, &g->rules[i], now_ms);
            rule_state_end(g->rules[i].state, &out);
            rule__write(m, now_ms, out.samples, out.n_samples);
        }
        rule__group_free(&g);
    }
    vec_done(&gone->groups);
}
