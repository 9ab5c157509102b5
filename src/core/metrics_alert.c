/* Alerts of rules on the road of all alerts (rule/rule.h tells of them on threads of its own): an alert record with target id 0,
 * group "rules", the rule's name and labels; told to metrics.alert_channels, else to every enabled channel. Main loop, but for
 * core__rule_notify. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/metrics_priv.h"

#define SILENCE_MS INT64_C(900000) /* unheard of for so long after its time: the rule is gone */

struct told {
    uint64_t key;
    const char *name, *message, *instance;
    const struct label *labels;
    uint32_t n_labels;
    enum rule_alert_state state;
    int64_t valid_ms;
};
struct letter { /* of one evaluation */
    struct letter *next;
    struct arena *arena; /* the letter lies in it */
    struct told *told;
    size_t n;
};

/* Outlives the alerts while a call of the loop is under way. */
struct inbox {
    pthread_mutex_t lock;
    struct letter *first, **last;
    bool posted;
    struct rule_alerts *alerts; /* NULL: gone. On the loop only */
};

struct open_alert {
    uint64_t key, alert_id;
    int64_t valid_ms, rung_ms;
};

struct rule_alerts {
    struct core *core;
    struct inbox *inbox;
    struct map_u64 *open; /* key → open_alert */
};

/* --- on the rules' threads --- */

static uint64_t key_of_pair(struct str name, struct str value)
{
    return hash_bytes(value.p, value.n, hash_bytes(name.p, name.n, name.n));
}

static const char *annotation(const struct labels *l, const char *name, struct arena *a)
{
    struct str v = labels_get(l, str_of(name));
    return v.n > 0 ? arena_strndup(a, v.p, v.n) : NULL;
}

static const char *message_of(const struct rule_notice *n, const char *name, struct arena *a)
{
    const struct labels *l = &n->alert->annotations;
    const char *summary = annotation(l, "summary", a), *text = annotation(l, "description", a);
    if (!text)
        text = annotation(l, "message", a);
    if (summary && text && strcmp(summary, text) != 0)
        return arena_printf(a, "%s\n%s", summary, text);
    if (summary || text)
        return summary ? summary : text;
    if (n->alert->state == RULE_INACTIVE)
        return arena_printf(a, "%s does not hold any more", name);
    return arena_printf(a, "%s holds, value %.6g", name, n->alert->value);
}

static void copy_notice(const struct rule_notice *n, struct arena *a, struct told *out)
{
    const struct labels *from = &n->alert->labels;
    struct label *labels = arena_array_of(a, struct label, from->n + 1);
    *out = (struct told){.name = arena_strdup(a, n->rule->name),
                         .instance = "",
                         .labels = labels,
                         .state = n->alert->state,
                         .valid_ms = n->alert->valid_ms};
    for (uint32_t i = 0; i < from->n; i++) {
        const struct label_pair *p = &from->at[i];
        out->key += key_of_pair(p->name, p->value);
        if (str_eqz(p->name, "alertname"))
            continue; /* the record's name */
        labels[out->n_labels] = (struct label){arena_strndup(a, p->name.p, p->name.n),
                                               arena_strndup(a, p->value.p, p->value.n)};
        if (str_eqz(p->name, "instance"))
            out->instance = labels[out->n_labels].value;
        out->n_labels++;
    }
    out->message = message_of(n, out->name, a);
}

static void on_letters(void *arg);

void core__rule_notify(void *arg, const struct rule_notice *n, size_t count)
{
    struct rule_alerts *all = arg;
    struct inbox *in = all->inbox;
    struct arena *a = arena_new();
    struct letter *l = arena_new_of(a, struct letter);
    *l = (struct letter){.arena = a, .told = arena_array_of(a, struct told, count + 1), .n = count};
    for (size_t i = 0; i < count; i++)
        copy_notice(&n[i], a, &l->told[i]);
    pthread_mutex_lock(&in->lock);
    *in->last = l;
    in->last = &l->next;
    bool post = !in->posted;
    in->posted = true;
    pthread_mutex_unlock(&in->lock);
    if (post)
        loop_post(all->core->loop, on_letters, in);
}

/* --- on the loop --- */

static struct id_list channels_of(struct core *c, struct arena *a)
{
    const struct str_list *names = &c->config->metrics.alert_channels;
    if (names->n == 0)
        return core__all_channels(c, a);
    struct id_list ids = {arena_array_of(a, uint64_t, names->n + 1), 0};
    for (size_t i = 0; i < names->n; i++) {
        const struct chan *ch = core__chan_by_name(c, names->at[i]);
        if (ch)
            ids.at[ids.n++] = ch->channel->id;
    }
    return ids;
}

static struct open_alert *open_of(struct rule_alerts *all, uint64_t key)
{
    struct open_alert *o = map_u64_get(all->open, key);
    if (o)
        return o;
    o = calloc(1, sizeof(*o));
    must(o);
    o->key = key;
    map_u64_put(all->open, key, o);
    return o;
}

static void forget(struct rule_alerts *all, struct open_alert *o)
{
    must(map_u64_del(all->open, o->key) == o);
    free(o);
}

static bool is_due_again(const struct core *c, const struct open_alert *o, int64_t now)
{
    int64_t resend = c->config->metrics.alert_resend_ms;
    return resend > 0 && o->alert_id != 0 && now - o->rung_ms >= resend;
}

static void judge(struct rule_alerts *all, struct open_alert *o, const struct told *t, bool failing)
{
    struct core *c = all->core;
    struct arena *a cleanup(arena_freep) = arena_new();
    int64_t now = clock_wall_ms();
    struct judge_own own = {
        .name = t->name,
        .type = "rule",
        .group = RULES_GROUP,
        .instance = t->instance,
        .channels = channels_of(c, a),
        .labels = t->labels,
        .n_labels = t->n_labels,
        .suppressible = true,
        .resend = failing && is_due_again(c, o, now),
    };
    if (o->alert_id == 0 || own.resend)
        o->rung_ms = now;
    core__judge_own(c, &own, &o->alert_id, failing, t->message, a);
}

static void take(struct rule_alerts *all, const struct told *t)
{
    struct open_alert *o = map_u64_get(all->open, t->key);
    if (t->state == RULE_FIRING) {
        o = o ? o : open_of(all, t->key);
        o->valid_ms = t->valid_ms;
        judge(all, o, t, true);
    } else if (o && t->state == RULE_INACTIVE) {
        judge(all, o, t, false);
        forget(all, o);
    }
}

static void on_letters(void *arg)
{
    struct inbox *in = arg;
    pthread_mutex_lock(&in->lock);
    struct letter *l = in->first, *next;
    in->first = NULL;
    in->last = &in->first;
    in->posted = false;
    pthread_mutex_unlock(&in->lock);
    bool live = in->alerts && !in->alerts->core->closing;
    for (; l; l = next) {
        next = l->next;
        for (size_t i = 0; live && i < l->n; i++)
            take(in->alerts, &l->told[i]);
        arena_free(l->arena);
    }
    if (in->alerts)
        return;
    pthread_mutex_destroy(&in->lock);
    free(in);
}

/* Told by nobody but its record. message NULL: the record's. */
static void judge_record(struct rule_alerts *all, struct open_alert *o, bool failing,
                         const char *message)
{
    const struct alert *open = core__alert(all->core, o->alert_id);
    if (!open)
        return;
    struct alert *copy = alert_clone(open); /* the record is replaced meanwhile */
    struct told t = {.name = copy->target_name,
                     .instance = copy->instance,
                     .labels = copy->labels,
                     .n_labels = copy->n_labels,
                     .message = message ? message : copy->message};
    judge(all, o, &t, failing);
    alert_free(copy);
}

/* The rule was removed while no core ran, or its evaluation fails for long. */
static void end_silent(struct rule_alerts *all, struct open_alert *o)
{
    judge_record(all, o, false, "the rule says nothing of it any more");
    forget(all, o);
}

void core__rule_alerts_tick(struct rule_alerts *all)
{
    int64_t now = clock_wall_ms();
    uint64_t key;
    void *value;
    for (size_t it = 0; map_u64_next(all->open, &it, &key, &value);) {
        struct open_alert *o = value;
        if (now > o->valid_ms + SILENCE_MS)
            end_silent(all, o);
        else if (core__alert_is_due(all->core, o->alert_id))
            judge_record(all, o, true, NULL); /* what was held back may ring now */
    }
}

bool core__rule_alert_load(struct core *c, const struct alert *al)
{
    if (!c->metrics || al->target_id != 0 || strcmp(al->group, RULES_GROUP) != 0 ||
        strcmp(al->target_type, "rule") != 0)
        return false;
    uint64_t key = key_of_pair(STR("alertname"), str_of(al->target_name));
    for (uint32_t i = 0; i < al->n_labels; i++)
        key += key_of_pair(str_of(al->labels[i].name), str_of(al->labels[i].value));
    struct open_alert *o = open_of(c->metrics->alerts, key);
    o->alert_id = al->id;
    o->valid_ms = o->rung_ms = clock_wall_ms();
    return true;
}

/* --- life --- */

struct rule_alerts *core__rule_alerts_new(struct core *c)
{
    struct rule_alerts *all = calloc(1, sizeof(*all));
    struct inbox *in = calloc(1, sizeof(*in));
    must(all && in);
    all->core = c;
    all->inbox = in;
    all->open = map_u64_new();
    pthread_mutex_init(&in->lock, NULL);
    in->last = &in->first;
    in->alerts = all;
    return all;
}

void core__rule_alerts_free(struct rule_alerts *all)
{
    if (!all)
        return;
    uint64_t key;
    void *value;
    for (size_t it = 0; map_u64_next(all->open, &it, &key, &value);)
        free(value);
    map_u64_free(all->open);
    struct inbox *in = all->inbox;
    in->alerts = NULL; /* nobody writes to it any more */
    if (!in->posted) {
        pthread_mutex_destroy(&in->lock);
        free(in);
    }
    free(all);
}
