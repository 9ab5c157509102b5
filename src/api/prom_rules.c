/* Rules and their alerts, as the Prometheus API lists them. */
#include "api/prom_priv.h"

#include <stdio.h>

#include "base/clock.h"

struct listing {
    struct call *call;
    struct buf *out;
    struct prom_params params;
    struct prom_selectors match;
    bool alerting, recording, exclude_alerts;
    uint32_t group_limit;
    const char *token; /* groups up to and with this one were told before; "" for none */
    bool skipping;
    const char *next; /* token of the page after this one; NULL: none */
    uint32_t groups, items;
};

/* As Go writes %e with the fewest digits: 1e+00. */
static void put_alert_value(struct buf *out, double v)
{
    char text[40];
    int digits = 0;
    buf_puts(out, "\"value\":\"");
    if (v != v || v - v != 0) {
        promql_format_value(out, v);
        buf_putc(out, '"');
        return;
    }
    for (; digits < 17; digits++) {
        double back;
        snprintf(text, sizeof(text), "%.*e", digits, v);
        if (sscanf(text, "%lf", &back) == 1 && back == v)
            break;
    }
    must(digits < 17); /* 17 significant ones tell every double */
    buf_puts(out, text);
    buf_putc(out, '"');
}

static void put_alert(struct buf *out, const struct rule_alert *a)
{
    buf_puts(out, "{\"labels\":");
    prom_put_labels(out, &a->labels);
    buf_puts(out, ",\"annotations\":");
    prom_put_labels(out, &a->annotations);
    buf_putc(out, ',');
    prom_put_text(out, "state", rule_alert_state_name(a->state));
    buf_putc(out, ',');
    prom_put_time(out, "activeAt", a->active_ms);
    if (a->keep_since_ms) {
        buf_putc(out, ',');
        prom_put_time(out, "keepFiringSince", a->keep_since_ms);
    }
    buf_putc(out, ',');
    put_alert_value(out, a->value);
    buf_putc(out, '}');
}

static void put_texts(struct buf *out, const char *key, const struct rule_text *at, uint32_t n)
{
    buf_printf(out, "\"%s\":{", key);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_escape(out, at[i].name.p, at[i].name.n);
        buf_putc(out, ':');
        json_escape(out, at[i].text, strlen(at[i].text));
    }
    buf_putc(out, '}');
}

static void put_alerts(struct buf *out, const struct rule_view *v)
{
    buf_puts(out, ",\"alerts\":[");
    for (uint32_t i = 0; i < v->n_alerts; i++) {
        if (i > 0)
            buf_putc(out, ',');
        put_alert(out, &v->alerts[i]);
    }
    buf_putc(out, ']');
}

/* The expression as Prometheus prints it. */
static void put_expr(struct buf *out, const struct rule *r)
{
    struct buf text = BUF_INIT(4 << 20);
    promql_print(&text, r->ast);
    buf_puts(out, "\"query\":");
    json_escape(out, text.data ? text.data : "", text.len);
    buf_done(&text);
}

static void put_alerting(const struct listing *l, const struct rule_view *v)
{
    struct buf *out = l->out;
    const struct rule *r = v->rule;
    prom_put_text(out, "state", rule_alert_state_name(v->state));
    buf_putc(out, ',');
    prom_put_text(out, "name", r->name);
    buf_putc(out, ',');
    put_expr(out, r);
    buf_putc(out, ',');
    prom_put_seconds(out, "duration", r->for_ms * NS_PER_MS);
    buf_putc(out, ',');
    prom_put_seconds(out, "keepFiringFor", r->keep_ms * NS_PER_MS);
    buf_putc(out, ',');
    put_texts(out, "labels", r->labels, r->n_labels);
    buf_putc(out, ',');
    put_texts(out, "annotations", r->annotations, r->n_annotations);
    if (l->exclude_alerts)
        buf_puts(out, ",\"alerts\":[]");
    else
        put_alerts(out, v);
}

static void put_recording(struct buf *out, const struct rule *r)
{
    prom_put_text(out, "name", r->name);
    buf_putc(out, ',');
    put_expr(out, r);
    if (r->n_labels > 0) {
        buf_putc(out, ',');
        put_texts(out, "labels", r->labels, r->n_labels);
    }
}

static void put_rule(const struct listing *l, const struct rule_view *v)
{
    must(v->rule && v->rule->ast);
    struct buf *out = l->out;
    bool alerting = v->rule->kind == RULE_ALERT;
    buf_putc(out, '{');
    if (alerting)
        put_alerting(l, v);
    else
        put_recording(out, v->rule);
    buf_putc(out, ',');
    prom_put_text(out, "health", rule_health_name(v->health));
    if (*v->last_error) {
        buf_putc(out, ',');
        prom_put_text(out, "lastError", v->last_error);
    }
    buf_putc(out, ',');
    prom_put_seconds(out, "evaluationTime", v->took_ns);
    buf_putc(out, ',');
    prom_put_time(out, "lastEvaluation", v->last_ms);
    buf_printf(out, ",\"type\":\"%s\"}", alerting ? "alerting" : "recording");
}

/* --- which are wanted --- */

static bool is_wanted(const struct prom_params *p, const char *name, const char *value)
{
    bool given = false;
    for (size_t i = 0; i < p->n; i++) {
        if (!streq(p->at[i].name, name))
            continue;
        if (streq(p->at[i].value, value))
            return true;
        given = true;
    }
    return !given;
}

static bool labels_fit(const struct listing *l, const struct rule *r)
{
    for (size_t i = 0; i < l->match.n; i++) {
        bool fits = true;
        for (size_t j = 0; j < l->match.at[i].n && fits; j++) {
            const struct matcher *m = l->match.at[i].matchers[j];
            struct str value = STR("");
            for (uint32_t n = 0; n < r->n_labels; n++) {
                if (str_eq(r->labels[n].name, matcher_name(m)))
                    value = str_of(r->labels[n].text);
            }
            fits = matcher_test(m, value);
        }
        if (fits)
            return true;
    }
    return l->match.n == 0;
}

static bool rule_wanted(const struct listing *l, const struct rule *r)
{
    bool kind = r->kind == RULE_ALERT ? l->alerting : l->recording;
    return kind && is_wanted(&l->params, "rule_name[]", r->name) && labels_fit(l, r);
}

static bool any_rule_wanted(const struct listing *l, const struct rule_group_view *g)
{
    for (uint32_t i = 0; i < g->group->n_rules; i++) {
        if (rule_wanted(l, g->rules[i].rule))
            return true;
    }
    return !prom_given(&l->params, "rule_name[]") && l->match.n == 0 && l->alerting && l->recording;
}

static bool group_wanted(const struct listing *l, const struct rule_group_view *g)
{
    return is_wanted(&l->params, "rule_group[]", g->group->name) &&
           is_wanted(&l->params, "file[]", g->group->file) && any_rule_wanted(l, g);
}

/* --- groups --- */

static const char *token_of(struct arena *a, const struct rule_group *g)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *p = g->file; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 1099511628211u;
    hash = (hash ^ ';') * 1099511628211u;
    for (const char *p = g->name; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 1099511628211u;
    return arena_printf(a, "%016llx", (unsigned long long)hash);
}

static void put_group_head(struct buf *out, const struct rule_group_view *g)
{
    const struct rule_group *group = g->group;
    buf_putc(out, '{');
    prom_put_text(out, "name", group->name);
    buf_putc(out, ',');
    prom_put_text(out, "file", group->file);
    buf_putc(out, ',');
    prom_put_seconds(out, "interval", group->interval_ms * NS_PER_MS);
    buf_printf(out, ",\"limit\":%u,", group->limit);
    prom_put_seconds(out, "evaluationTime", g->took_ns);
    buf_putc(out, ',');
    prom_put_time(out, "lastEvaluation", g->last_ms);
    buf_puts(out, ",\"rules\":[");
}

/* Is the group on this page? */
static bool on_page(struct listing *l, const struct rule_group *g)
{
    if (!l->group_limit)
        return true;
    const char *token = token_of(l->call->arena, g);
    if (l->skipping) {
        l->skipping = strcmp(token, l->token) != 0;
        if (l->skipping)
            return false;
    }
    if (l->groups < l->group_limit)
        return true;
    if (!l->next)
        l->next = token;
    return false;
}

static void put_group(void *arg, const struct rule_group_view *g)
{
    struct listing *l = arg;
    must(g->rules || g->group->n_rules == 0);
    if (l->out->failed || !group_wanted(l, g) || !on_page(l, g->group))
        return;
    if (l->groups++ > 0)
        buf_putc(l->out, ',');
    put_group_head(l->out, g);
    bool first = true;
    for (uint32_t i = 0; i < g->group->n_rules; i++) {
        if (!rule_wanted(l, g->rules[i].rule))
            continue;
        if (!first)
            buf_putc(l->out, ',');
        first = false;
        put_rule(l, &g->rules[i]);
    }
    buf_puts(l->out, "]}");
}

static int read_listing(struct call *k, struct listing *l)
{
    prom_params(k, &l->params);
    const char *type = prom_param(&l->params, "type");
    if (*type && !streq(type, "alert") && !streq(type, "record"))
        return prom_bad_param(k, "type", "not supported value \"%.100s\"", type);
    l->alerting = !streq(type, "record");
    l->recording = !streq(type, "alert");
    must(l->alerting || l->recording);
    const char *exclude = prom_param(&l->params, "exclude_alerts");
    l->exclude_alerts = streq(exclude, "true") || streq(exclude, "1");
    l->token = prom_param(&l->params, "group_next_token");
    l->skipping = *l->token != '\0';
    if (prom_limit(&l->params, "group_limit", &l->group_limit) < 0)
        return -1;
    if (l->skipping && !l->group_limit)
        return prom_bad_param(k, "group_limit",
                              "group_limit needs to be set in order to paginate over the groups");
    return prom_selectors(&l->params, "match[]", &l->match);
}

void prom_rules(struct call *k)
{
    struct listing l = {.call = k};
    struct api_metrics m;
    if (read_listing(k, &l) < 0 || !prom_store(k, &m))
        return;
    l.out = prom_begin(k);
    buf_puts(l.out, "{\"groups\":[");
    if (m.rules)
        rule_manager_each_group(m.rules, put_group, &l);
    buf_putc(l.out, ']');
    if (l.next) {
        buf_putc(l.out, ',');
        prom_put_text(l.out, "groupNextToken", l.next);
    }
    buf_putc(l.out, '}');
    must(!l.next || l.group_limit > 0);
    if (l.skipping)
        prom_bad_param(k, "group_next_token",
                       "invalid group_next_token '%.100s'. were rule groups changed?", l.token);
    else
        prom_end(k, NULL);
}

/* --- alerts alone --- */

static void put_group_alerts(void *arg, const struct rule_group_view *g)
{
    struct listing *l = arg;
    for (uint32_t i = 0; i < g->group->n_rules && !l->out->failed; i++) {
        for (uint32_t j = 0; j < g->rules[i].n_alerts; j++) {
            if (l->items++ > 0)
                buf_putc(l->out, ',');
            put_alert(l->out, &g->rules[i].alerts[j]);
        }
    }
}

void prom_alerts(struct call *k)
{
    struct listing l = {.call = k};
    struct api_metrics m;
    if (!prom_store(k, &m))
        return;
    l.out = prom_begin(k);
    buf_puts(l.out, "{\"alerts\":[");
    if (m.rules)
        rule_manager_each_group(m.rules, put_group_alerts, &l);
    buf_puts(l.out, "]}");
    prom_end(k, NULL);
}
