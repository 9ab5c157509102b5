/* Alertmanager's webhook payload, version 4 (prometheus.io/docs/alerting/latest/configuration/#webhook_config), of a
 * notification. Labels are sorted by name as Go writes maps; the fingerprint is Prometheus' own (FNV-1a over
 * sorted labels), so receivers that know Alertmanager's find the same shape. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/must.h"
#include "notify/channels.h"

#define PAIRS_MAX 80 /* labels of one alert */

struct pair_set {
    struct pair at[PAIRS_MAX];
    size_t n;
};

/* The first value of a name stays: ours before the target's own. */
static void add_pair(struct pair_set *set, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0' || set->n == PAIRS_MAX)
        return;
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->at[i].key, name) == 0)
            return;
    set->at[set->n++] = (struct pair){name, value};
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static const char *alert_name(const struct notification *note, uint32_t i)
{
    if (note->items[i].kind == EVENT_TEST)
        return "BelfryTest";
    return note->items[i].alert->target_id == 0 ? "BelfryInternal" : "TargetDown";
}

static void labels_of(const struct notification *note, uint32_t i, struct pair_set *set)
{
    must(i < note->n_items);
    const struct alert *a = note->items[i].alert;
    set->n = 0;
    add_pair(set, "alertname", alert_name(note, i));
    add_pair(set, "target", a->target_name);
    add_pair(set, "group", a->group);
    add_pair(set, "type", a->target_type);
    add_pair(set, "instance", a->instance);
    for (uint32_t k = 0; k < a->n_labels; k++)
        add_pair(set, a->labels[k].name, a->labels[k].value);
    add_pair(set, "severity", "critical");
    qsort(set->at, set->n, sizeof(set->at[0]), by_key);
}

static void annotations_of(const struct send *s, uint32_t i, struct pair_set *set)
{
    must(i < s->note->n_items);
    const struct alert *a = s->note->items[i].alert;
    bool up = s->note->items[i].kind == EVENT_RESOLVED;
    set->n = 0;
    if (up || a->status == ALERT_FIRING)
        add_pair(set, "description", a->message);
    add_pair(set, "summary",
             arena_printf(s->arena, "%s is %s", a->target_name, up ? "up again" : "down"));
}

static uint64_t fnv(uint64_t h, const char *s)
{
    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return (h ^ 255) * UINT64_C(1099511628211);
}

static uint64_t fingerprint(const struct pair_set *labels)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < labels->n; i++)
        h = fnv(fnv(h, labels->at[i].key), labels->at[i].value);
    return h;
}

static void put_pairs(struct json *j, const char *key, const struct pair_set *set)
{
    json_kobj(j, key);
    for (size_t i = 0; i < set->n; i++)
        json_kstr(j, set->at[i].key, set->at[i].value);
    json_end(j);
}

static void put_alert(const struct send *s, uint32_t i, struct json *j)
{
    const struct alert *a = s->note->items[i].alert;
    bool up = s->note->items[i].kind == EVENT_RESOLVED;
    struct pair_set set;
    json_obj(j);
    json_kstr(j, "status", up ? "resolved" : "firing");
    labels_of(s->note, i, &set);
    uint64_t print = fingerprint(&set);
    put_pairs(j, "labels", &set);
    annotations_of(s, i, &set);
    put_pairs(j, "annotations", &set);
    char stamp[RFC3339_SIZE];
    json_kstr(j, "startsAt", time_format(a->fired_ms, stamp));
    json_kstr(j, "endsAt", up ? time_format(a->resolved_ms, stamp) : "0001-01-01T00:00:00Z");
    json_kstr(j, "generatorURL", message_target_url(s->arena, s->note->public_url, a->target_id));
    json_kstr(j, "fingerprint", arena_printf(s->arena, "%016llx", (unsigned long long)print));
    json_end(j);
}

/* Drops from `common` what `set` does not hold alike. */
static void intersect(struct pair_set *common, const struct pair_set *set)
{
    size_t kept = 0;
    for (size_t i = 0; i < common->n; i++)
        for (size_t k = 0; k < set->n; k++)
            if (strcmp(common->at[i].key, set->at[k].key) == 0 &&
                strcmp(common->at[i].value, set->at[k].value) == 0) {
                common->at[kept++] = common->at[i];
                break;
            }
    must(kept <= common->n);
    common->n = kept;
}

static void put_common(const struct send *s, const uint32_t *which, uint32_t n, struct json *j)
{
    must(n > 0);
    struct pair_set labels, notes, set;
    labels_of(s->note, which[0], &labels);
    annotations_of(s, which[0], &notes);
    for (uint32_t i = 1; i < n; i++) {
        labels_of(s->note, which[i], &set);
        intersect(&labels, &set);
        annotations_of(s, which[i], &set);
        intersect(&notes, &set);
    }
    put_pairs(j, "commonLabels", &labels);
    put_pairs(j, "commonAnnotations", &notes);
}

/* Each alert once, as its last event left it. */
static uint32_t distinct(const struct send *s, uint32_t *which)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->note->n_items; i++)
        if (message_is_last(s->note, i))
            which[n++] = i;
    must(n > 0);
    return n;
}

void alertmanager_json(const struct send *s, int64_t max_alerts, struct buf *out)
{
    const struct notification *note = s->note;
    uint32_t *which = arena_array_of(s->arena, uint32_t, note->n_items);
    uint32_t n = distinct(s, which);
    uint32_t shown = max_alerts > 0 && max_alerts < n ? (uint32_t)max_alerts : n;
    bool firing = false;
    for (uint32_t i = 0; i < n; i++)
        firing |= note->items[which[i]].kind != EVENT_RESOLVED;
    must(shown > 0 && shown <= n && n <= note->n_items);
    struct json j = json_start(out);
    json_obj(&j);
    json_kstr(&j, "receiver", s->channel->name);
    json_kstr(&j, "status", firing ? "firing" : "resolved");
    json_karr(&j, "alerts");
    for (uint32_t i = 0; i < shown; i++)
        put_alert(s, which[i], &j);
    json_end(&j);
    struct pair_set group = {.n = 0};
    add_pair(&group, "group", note->group);
    put_pairs(&j, "groupLabels", &group);
    put_common(s, which, n, &j);
    json_kstr(&j, "externalURL", note->public_url != NULL ? note->public_url : "");
    json_kstr(&j, "version", "4");
    json_kstr(&j, "groupKey", arena_printf(s->arena, "{}:{group=\"%s\"}", note->group));
    json_kuint(&j, "truncatedAlerts", n - shown);
    json_end(&j);
}
