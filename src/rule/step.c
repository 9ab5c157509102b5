/* The states of rules (step.h). Each step builds a new generation in an arena of its own, which keeps the answer it borrows from. */
#include "rule/step.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"

#define STATE_MAGIC 0x57a7e001u

struct live {
    struct rule_alert alert;
    int64_t sent_ms;
    bool changed; /* by this step: fired or resolved */
};
struct rule_state {
    uint32_t magic;
    struct arena *arena;
    struct promql_result *answer;
    struct live *alerts; /* sorted by labels */
    uint32_t n_alerts;
    struct rule_sample *written; /* last time; without stale markers */
    size_t n_written;
};

static struct rule_state *state_new(struct promql_result *answer)
{
    struct arena *a = arena_new();
    struct rule_state *s = arena_new_of(a, struct rule_state);
    *s = (struct rule_state){.magic = STATE_MAGIC, .arena = a, .answer = answer};
    return s;
}

void rule_state_free(struct rule_state **s)
{
    if (*s == NULL)
        return;
    check_magic(*s, STATE_MAGIC);
    promql_result_free((*s)->answer);
    (*s)->magic = 0;
    arena_free((*s)->arena);
    *s = NULL;
}

static bool is_active(const struct live *l)
{
    return l->alert.state != RULE_INACTIVE;
}

size_t rule_state_alerts(const struct rule_state *s, bool active_only, struct arena *a,
                         const struct rule_alert ***out)
{
    size_t n = 0;
    must(s == NULL || s->magic == STATE_MAGIC);
    *out = arena_array_of(a, const struct rule_alert *, s != NULL ? s->n_alerts + 1 : 1);
    for (uint32_t i = 0; s != NULL && i < s->n_alerts; i++)
        if (!active_only || is_active(&s->alerts[i]))
            (*out)[n++] = &s->alerts[i].alert;
    return n;
}

enum rule_alert_state rule_state_highest(const struct rule_state *s)
{
    enum rule_alert_state highest = RULE_INACTIVE;
    must(s == NULL || s->magic == STATE_MAGIC);
    for (uint32_t i = 0; s != NULL && i < s->n_alerts; i++)
        if (s->alerts[i].alert.state > highest)
            highest = s->alerts[i].alert.state;
    return highest;
}

/* ---- the answer ---- */

static const struct labels no_labels;

/* Series i of the answer: a vector's, or a scalar as one without labels. */
static size_t answer_count(const struct promql_result *r)
{
    return r->type == PROMQL_VECTOR ? r->n_series : 1;
}

static double answer_at(const struct promql_result *r, size_t i, const struct labels **l)
{
    if (r->type != PROMQL_VECTOR) {
        *l = &no_labels;
        return r->scalar;
    }
    *l = &r->series[i].labels;
    must(r->series[i].n >= 1);
    return r->series[i].v[0];
}

int rule_answer_copy(const struct promql_result *r, struct arena *a, struct promql_series **series,
                     size_t *n, struct err *err)
{
    if (r->type != PROMQL_VECTOR && r->type != PROMQL_SCALAR)
        return err_set(err, ERR_INVALID, "query result is not a vector or scalar");
    *n = answer_count(r);
    *series = arena_array_of(a, struct promql_series, *n + 1);
    for (size_t i = 0; i < *n; i++) {
        const struct labels *l;
        double *v = arena_alloc(a, sizeof(*v));
        *v = answer_at(r, i, &l);
        (*series)[i] = (struct promql_series){.labels = labels_dup(a, l), .v = v, .n = 1};
    }
    return 0;
}

static struct labels keep_labels(struct arena *a, struct labels_builder *b)
{
    struct labels l;
    struct err bug;
    int rc = labels_builder_finish(b, &l, &bug);
    must(rc == 0); /* every name was set once */
    struct label_pair *at = arena_array_of(a, struct label_pair, l.n + 1);
    if (l.n > 0)
        memcpy(at, l.at, l.n * sizeof(*at));
    return (struct labels){at, l.n};
}

/* False: the set is there already. */
static bool put_unique(struct map_u64 *seen, const struct labels *l, void *value)
{
    return map_u64_put(seen, labels_hash(l), value) == NULL;
}

/* ---- stale markers ---- */

/* Appends a marker for each series of `before` that is not in `now`; counts them. */
static size_t add_stale(const struct rule_state *before, struct map_u64 *now, struct arena *a,
                        struct rule_sample *out)
{
    size_t n = 0;
    for (size_t i = 0; before != NULL && i < before->n_written; i++)
        if (map_u64_get(now, labels_hash(&before->written[i].labels)) == NULL)
            out[n++] = (struct rule_sample){labels_dup(a, &before->written[i].labels),
                                            f64_from_bits(STALE_NAN_BITS)};
    return n;
}

/* What s wrote goes out, with markers for what the generation before wrote and this one did not. */
static void finish_samples(struct rule_state *s, const struct rule_state *before,
                           struct rule_output *out)
{
    size_t room = s->n_written + (before != NULL ? before->n_written : 0) + 1;
    struct rule_sample *all = arena_array_of(s->arena, struct rule_sample, room);
    if (s->n_written > 0)
        memcpy(all, s->written, s->n_written * sizeof(*all));
    struct map_u64 *now = map_u64_new();
    for (size_t i = 0; i < s->n_written; i++)
        map_u64_put(now, labels_hash(&s->written[i].labels), s);
    out->samples = all;
    out->n_samples = s->n_written + add_stale(before, now, s->arena, all + s->n_written);
    map_u64_free(now);
    must(out->n_samples < room);
}

void rule_state_end(struct rule_state *s, struct rule_output *out)
{
    *out = (struct rule_output){0};
    if (s == NULL)
        return;
    check_magic(s, STATE_MAGIC);
    for (size_t i = 0; i < s->n_written; i++)
        s->written[i].v = f64_from_bits(STALE_NAN_BITS);
    out->samples = s->written;
    out->n_samples = s->n_written;
}

/* ---- recording rules ---- */

static int step_record(const struct rule_state *before, struct rule_state *s,
                       const struct rule_input *in, struct rule_output *out, struct err *err)
{
    const struct rule *rule = in->rule;
    size_t n = answer_count(s->answer);
    struct labels_builder b = {0};
    struct map_u64 *seen = map_u64_new();
    bool unique = true;
    s->written = arena_array_of(s->arena, struct rule_sample, n + 1);
    for (size_t i = 0; i < n && unique; i++) {
        const struct labels *l;
        double v = answer_at(s->answer, i, &l);
        labels_builder_from(&b, l);
        labels_builder_set(&b, STR(LABEL_METRIC_NAME), str_of(rule->name));
        for (uint32_t k = 0; k < rule->n_labels; k++)
            labels_builder_set(&b, rule->labels[k].name, str_of(rule->labels[k].text));
        s->written[i] = (struct rule_sample){keep_labels(s->arena, &b), v};
        unique = put_unique(seen, &s->written[i].labels, s);
    }
    labels_builder_done(&b);
    map_u64_free(seen);
    if (!unique)
        return err_set(err, ERR_INVALID,
                       "vector contains metrics with the same labelset after applying rule labels");
    if (in->group->limit > 0 && n > in->group->limit)
        return err_set(err, ERR_TOO_LARGE, "exceeded limit of %u with %zu series", in->group->limit,
                       n);
    s->n_written = n;
    finish_samples(s, before, out);
    return 0;
}

/* ---- alerting rules: the alerts that the answer asks for ---- */

struct expander {
    const struct rule_input *in;
    struct arena *arena;
    struct rule_template_data data;
    const char *complaint;
};

static const char *expand(struct expander *x, const struct rule_text *t)
{
    struct err err = {0};
    const char *text = rule_expand(t, &x->data, x->arena, &err);
    if (err.code != ERR_OK && x->complaint == NULL)
        x->complaint = text;
    return text;
}

static struct labels annotations_of(struct expander *x)
{
    const struct rule *rule = x->in->rule;
    struct label_pair *at = arena_array_of(x->arena, struct label_pair, rule->n_annotations + 1);
    for (uint32_t i = 0; i < rule->n_annotations; i++)
        at[i] = (struct label_pair){rule->annotations[i].name,
                                    str_of(expand(x, &rule->annotations[i]))};
    return (struct labels){at, rule->n_annotations};
}

static struct rule_alert wanted_alert(struct expander *x, struct labels_builder *b,
                                      const struct labels *l, double v)
{
    const struct rule *rule = x->in->rule;
    x->data.labels = l;
    x->data.value = v;
    labels_builder_from(b, l);
    labels_builder_del(b, STR(LABEL_METRIC_NAME));
    for (uint32_t i = 0; i < rule->n_labels; i++)
        labels_builder_set(b, rule->labels[i].name, str_of(expand(x, &rule->labels[i])));
    labels_builder_set(b, STR("alertname"), str_of(rule->name));
    return (struct rule_alert){.labels = keep_labels(x->arena, b),
                               .annotations = annotations_of(x),
                               .state = RULE_PENDING,
                               .value = v,
                               .active_ms = x->in->at_ms};
}

/* The answer's alerts as new ones into s->alerts. */
static int want_alerts(struct rule_state *s, const struct rule_input *in, struct rule_output *out,
                       struct err *err)
{
    size_t n = answer_count(s->answer);
    struct expander x = {.in = in, .arena = s->arena, .data = in->data};
    x.data.at_ms = in->at_ms;
    struct labels_builder b = {0};
    struct map_u64 *seen = map_u64_new();
    bool unique = true;
    for (size_t i = 0; i < n && unique; i++) {
        const struct labels *l;
        double v = answer_at(s->answer, i, &l);
        s->alerts[i] = (struct live){.alert = wanted_alert(&x, &b, l, v)};
        unique = put_unique(seen, &s->alerts[i].alert.labels, s);
    }
    labels_builder_done(&b);
    map_u64_free(seen);
    s->n_alerts = (uint32_t)n;
    out->complaint = x.complaint;
    if (unique)
        return 0;
    return err_set(err, ERR_INVALID,
                   "vector contains metrics with the same labelset after applying alert labels");
}

/* ---- alerting rules: state ---- */

/* An alert that the answer asks for and that was there before goes on; else it is new. */
static void go_on(struct live *now, const struct live *before)
{
    if (before == NULL || !is_active(before))
        return;
    struct rule_alert a = before->alert;
    a.labels = now->alert.labels;
    a.annotations = now->alert.annotations;
    a.value = now->alert.value;
    a.keep_since_ms = 0;
    now->alert = a;
    now->sent_ms = before->sent_ms;
}

/* An alert that the answer does not ask for. False: it is forgotten. */
static bool let_go(struct live *l, const struct rule *rule, int64_t at_ms)
{
    struct rule_alert *a = &l->alert;
    l->changed = false;
    if (a->state == RULE_PENDING)
        return false;
    if (a->state == RULE_FIRING && rule->keep_ms > 0) {
        if (a->keep_since_ms == 0)
            a->keep_since_ms = at_ms;
        if (at_ms - a->keep_since_ms < rule->keep_ms)
            return true;
    }
    if (a->state == RULE_INACTIVE)
        return at_ms - a->resolved_ms <= RULE_RESOLVED_KEEP_MS;
    must(a->state == RULE_FIRING && a->resolved_ms == 0);
    a->state = RULE_INACTIVE;
    a->resolved_ms = at_ms;
    l->changed = true;
    return true;
}

static void fire_when_due(struct live *l, const struct rule *rule, int64_t at_ms)
{
    struct rule_alert *a = &l->alert;
    if (a->state != RULE_PENDING || at_ms - a->active_ms < rule->for_ms)
        return;
    a->state = RULE_FIRING;
    a->fired_ms = at_ms;
    l->changed = true;
}

static struct live live_dup(struct arena *a, const struct live *l)
{
    struct live copy = *l;
    copy.alert.labels = labels_dup(a, &l->alert.labels);
    copy.alert.annotations = labels_dup(a, &l->alert.annotations);
    return copy;
}

static int by_labels(const void *a, const void *b)
{
    const struct live *x = a, *y = b;
    return labels_compare(&x->alert.labels, &y->alert.labels);
}

/* From what was and what the answer asks for (in s->alerts) to what is. */
static void step_alerts(const struct rule_state *before, struct rule_state *s,
                        const struct rule_input *in)
{
    struct map_u64 *wanted = map_u64_new(), *had = map_u64_new();
    for (uint32_t i = 0; before != NULL && i < before->n_alerts; i++)
        map_u64_put(had, labels_hash(&before->alerts[i].alert.labels), &before->alerts[i]);
    uint32_t n = s->n_alerts;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t hash = labels_hash(&s->alerts[i].alert.labels);
        map_u64_put(wanted, hash, s);
        go_on(&s->alerts[i], map_u64_get(had, hash));
        fire_when_due(&s->alerts[i], in->rule, in->at_ms);
    }
    for (uint32_t i = 0; before != NULL && i < before->n_alerts; i++) {
        if (map_u64_get(wanted, labels_hash(&before->alerts[i].alert.labels)) != NULL)
            continue;
        struct live l = before->alerts[i];
        if (let_go(&l, in->rule, in->at_ms))
            s->alerts[n++] = live_dup(s->arena, &l);
    }
    s->n_alerts = n;
    map_u64_free(wanted);
    map_u64_free(had);
    if (n > 0)
        qsort(s->alerts, n, sizeof(*s->alerts), by_labels);
}

static struct labels state_series(struct arena *a, struct labels_builder *b,
                                  const struct rule_alert *alert, const char *metric,
                                  const char *state)
{
    labels_builder_from(b, &alert->labels);
    labels_builder_set(b, STR(LABEL_METRIC_NAME), str_of(metric));
    if (state != NULL)
        labels_builder_set(b, STR("alertstate"), str_of(state));
    return keep_labels(a, b);
}

static void write_alerts(struct rule_state *s, const struct rule_input *in)
{
    struct labels_builder b = {0};
    s->written = arena_array_of(s->arena, struct rule_sample, 2 * (size_t)s->n_alerts + 1);
    for (uint32_t i = 0; i < s->n_alerts && in->write_alerts; i++) {
        const struct rule_alert *a = &s->alerts[i].alert;
        if (!is_active(&s->alerts[i]))
            continue;
        const char *state = rule_alert_state_name(a->state);
        int64_t since = a->active_ms / 1000 - (a->active_ms % 1000 < 0);
        s->written[s->n_written++] =
            (struct rule_sample){state_series(s->arena, &b, a, "ALERTS", state), 1};
        s->written[s->n_written++] = (struct rule_sample){
            state_series(s->arena, &b, a, "ALERTS_FOR_STATE", NULL), (double)since};
    }
    labels_builder_done(&b);
    must(s->n_written <= 2 * (size_t)s->n_alerts);
}

static bool is_due(const struct live *l, const struct rule_input *in)
{
    if (l->alert.state == RULE_PENDING || in->resend_ms == 0)
        return false;
    return l->sent_ms == 0 || l->alert.resolved_ms > l->sent_ms ||
           l->sent_ms + in->resend_ms < in->at_ms;
}

static void notify(struct rule_state *s, const struct rule_input *in, struct rule_output *out)
{
    struct rule_notice *notices = arena_array_of(s->arena, struct rule_notice, s->n_alerts + 1);
    int64_t interval = in->group->interval_ms;
    for (uint32_t i = 0; i < s->n_alerts; i++) {
        struct live *l = &s->alerts[i];
        if (!is_due(l, in))
            continue;
        l->sent_ms = in->at_ms;
        l->alert.valid_ms = in->at_ms + 4 * (interval > in->resend_ms ? interval : in->resend_ms);
        notices[out->n_notices++] = (struct rule_notice){.group = in->group,
                                                         .rule = in->rule,
                                                         .alert = &l->alert,
                                                         .generator_url = in->generator_url,
                                                         .changed = l->changed};
    }
    out->notices = notices;
    must(out->n_notices <= s->n_alerts);
}

static uint32_t count_active(const struct rule_state *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_alerts; i++)
        n += is_active(&s->alerts[i]);
    return n;
}

static int step_alert(const struct rule_state *before, struct rule_state *s,
                      const struct rule_input *in, struct rule_output *out, struct err *err)
{
    size_t room = answer_count(s->answer) + (before != NULL ? before->n_alerts : 0) + 1;
    s->alerts = arena_array_of(s->arena, struct live, room);
    if (want_alerts(s, in, out, err) != 0)
        return -1;
    step_alerts(before, s, in);
    must(s->n_alerts < room);
    uint32_t active = count_active(s);
    if (in->group->limit > 0 && active > in->group->limit)
        return err_set(err, ERR_TOO_LARGE, "exceeded limit of %u with %u alerts", in->group->limit,
                       active);
    write_alerts(s, in);
    finish_samples(s, before, out);
    notify(s, in, out);
    return 0;
}

/* What is left of a state whose alerts are over the limit: what was written, so that it gets its markers. */
static struct rule_state *without_alerts(const struct rule_state *before)
{
    if (before == NULL)
        return NULL;
    struct rule_state *s = state_new(NULL);
    s->written = arena_array_of(s->arena, struct rule_sample, before->n_written + 1);
    for (size_t i = 0; i < before->n_written; i++)
        s->written[s->n_written++] = (struct rule_sample){
            labels_dup(s->arena, &before->written[i].labels), before->written[i].v};
    return s;
}

int rule_step(const struct rule_state *before, struct rule_state **after,
              const struct rule_input *in, struct promql_result *answer, struct rule_output *out,
              struct err *err)
{
    must(before == NULL || before->magic == STATE_MAGIC);
    must(answer != NULL && in->group != NULL && in->rule != NULL);
    struct rule_state *s = state_new(answer);
    bool record = in->rule->kind == RULE_RECORD;
    struct err why = {0};
    *out = (struct rule_output){.t_ms = in->at_ms - in->group->query_offset_ms};
    *after = NULL;
    int rc;
    if (answer->type != PROMQL_VECTOR && answer->type != PROMQL_SCALAR) {
        rc = err_set(&why, ERR_INVALID, "rule result is not a vector or scalar");
    } else {
        out->n_series = answer_count(answer);
        rc = record ? step_record(before, s, in, out, &why) : step_alert(before, s, in, out, &why);
    }
    if (rc == 0) {
        *after = s;
        return 0;
    }
    rule_state_free(&s);
    if (!record && why.code == ERR_TOO_LARGE)
        *after = without_alerts(before);
    *out = (struct rule_output){.t_ms = out->t_ms};
    if (err != NULL)
        *err = why;
    return -1;
}

/* ---- after a restart ---- */

static void restore_one(struct rule_alert *a, const struct rule *rule, const struct rule_restore *r,
                        int64_t down_ms, int64_t since_ms)
{
    int64_t left = rule->for_ms - (down_ms - since_ms);
    if (left <= 0)
        a->active_ms = since_ms; /* it was firing, and will again with the next step */
    else if (left < r->grace_ms && rule->for_ms >= r->grace_ms)
        a->active_ms = r->at_ms + r->grace_ms - rule->for_ms;
    else
        a->active_ms =
            since_ms + (r->at_ms - down_ms); /* the time that it was down does not count */
}

void rule_state_restore(struct rule_state *s, const struct rule *rule, const struct rule_restore *r)
{
    if (s == NULL || rule->for_ms == 0)
        return;
    check_magic(s, STATE_MAGIC);
    must(rule->kind == RULE_ALERT);
    struct labels_builder b = {0};
    for (uint32_t i = 0; i < s->n_alerts; i++) {
        struct rule_alert *a = &s->alerts[i].alert;
        if (!is_active(&s->alerts[i]))
            continue;
        struct labels l = state_series(s->arena, &b, a, "ALERTS_FOR_STATE", NULL);
        int64_t t_ms;
        double v;
        if (r->find(r->arg, &l, &t_ms, &v) && v > -9e15 && v < 9e15)
            restore_one(a, rule, r, t_ms / 1000 * 1000, (int64_t)v * 1000);
    }
    labels_builder_done(&b);
}

/* ---- names ---- */

const char *rule_alert_state_name(enum rule_alert_state s)
{
    static const char *const names[] = {"inactive", "pending", "firing"};
    must(s < array_len(names));
    return names[s];
}

const char *rule_health_name(enum rule_health h)
{
    static const char *const names[] = {"unknown", "ok", "err"};
    must(h < array_len(names));
    return names[h];
}
