/* /api/v1/alerts: what is firing and what was, with every delivery. Open alerts and history both come from the store. */
#include <string.h>

#include "api/api_priv.h"
#include "base/str.h"

struct listing {
    struct call *call;
    struct store_reader *reader;
    struct json json;
    uint64_t n, last_id, room;
    struct alert **alerts; /* copies: a reader answers one query at a time */
};

static const char *kind_name(enum event_kind kind)
{
    static const char *const names[] = {"fired", "resolved", "reminder", "test"};
    must((size_t)kind < array_len(names));
    return names[kind];
}

struct naming {
    uint64_t id;
    const char *name;
    struct arena *arena;
    struct core *core;
};

static void name_on_core(void *arg)
{
    struct naming *n = arg;
    const struct channel *ch = core_channel_get(n->core, n->id);
    n->name = ch ? arena_strdup(n->arena, ch->name) : "";
}

static const char *channel_name(struct call *k, uint64_t id)
{
    must(id != 0);
    struct naming n = {id, "", k->arena, k->api->core};
    on_core(k, name_on_core, &n);
    return n.name;
}

static void put_delivery(void *arg, const struct delivery *d)
{
    struct listing *l = arg;
    struct json *j = &l->json;
    json_obj(j);
    json_kuint(j, "channel_id", d->channel_id);
    json_kstr(j, "channel", channel_name(l->call, d->channel_id));
    json_kstr(j, "kind", kind_name(d->kind));
    json_kstr(j, "status", delivery_state_name(d->state));
    json_kint(j, "attempts", d->attempts);
    json_kstr(j, "answer", d->answer);
    json_ktime(j, "at", d->done_ms ? d->done_ms : d->created_ms);
    json_end(j);
}

static int put_alert(struct listing *l, const struct alert *a, struct err *err)
{
    alert_json_open(a, &l->json);
    json_karr(&l->json, "notified");
    int rc = store_deliveries_of(l->reader, a->id, put_delivery, l, err);
    json_end(&l->json);
    json_end(&l->json);
    return rc;
}

static void keep_alert(void *arg, const struct alert *a)
{
    struct listing *l = arg;
    must(l->n < l->room);
    l->alerts[l->n++] = alert_clone(a);
    l->last_id = a->id;
}

static int query_of(struct call *k, struct alerts_query *q)
{
    const char *status = http_req_query(k->req, "status");
    uint64_t limit;
    *q = (struct alerts_query){
        .status = !status                         ? -1
                  : strcmp(status, "firing") == 0 ? ALERT_FIRING
                                                  : ALERT_RESOLVED,
        .group = http_req_query(k->req, "group"),
        .text = http_req_query(k->req, "q"),
    };
    if (status && strcmp(status, "firing") != 0 && strcmp(status, "resolved") != 0) {
        problem_add(&k->problems, NULL, "status", "got \"%.40s\"; want firing or resolved", status);
        call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
        return -1;
    }
    if (call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &limit) != 0 ||
        call_number(k, "target_id", 0, UINT64_MAX, &q->target_id) != 0 ||
        call_number(k, "cursor", 0, UINT64_MAX, &q->before_id) != 0 ||
        call_time(k, "since", 0, &q->since_ms) != 0 || call_time(k, "until", 0, &q->until_ms) != 0)
        return -1;
    q->limit = (uint32_t)limit;
    return 0;
}

static int put_alerts(struct listing *l, const struct alerts_query *q, struct err *err)
{
    uint64_t total = 0;
    int rc = store_alerts(l->reader, q, &total, keep_alert, l, err);
    json_obj(&l->json);
    json_karr(&l->json, "items");
    for (uint64_t i = 0; i < l->n; i++) {
        if (rc == 0)
            rc = put_alert(l, l->alerts[i], err);
        alert_free(l->alerts[i]);
    }
    list_end(&l->json, total, l->n == q->limit && q->limit ? l->last_id : 0);
    json_end(&l->json);
    return rc;
}

void alerts_list(struct call *k)
{
    struct alerts_query q;
    struct err err = {0};
    if (query_of(k, &q) != 0)
        return;
    struct listing l = {.call = k, .reader = reader_take(k->api, &err), .json = call_json(k)};
    l.alerts = arena_array_of(k->arena, struct alert *, q.limit + 1);
    l.room = q.limit;
    int rc = l.reader ? put_alerts(&l, &q, &err) : -1;
    reader_give(k->api, l.reader);
    if (rc != 0)
        call_fail(k, &err);
}

void alerts_get(struct call *k)
{
    struct alerts_query q = {.id = k->id, .status = -1, .limit = 1};
    struct err err = {0};
    uint64_t total;
    struct alert *one[2] = {0};
    struct listing l = {.call = k,
                        .reader = reader_take(k->api, &err),
                        .json = call_json(k),
                        .alerts = one,
                        .room = 1};
    int rc = l.reader ? store_alerts(l.reader, &q, &total, keep_alert, &l, &err) : -1;
    if (rc == 0 && l.n == 0)
        rc = err_set(&err, ERR_NOT_FOUND, "no alert has the id %llu", (unsigned long long)k->id);
    if (rc == 0)
        rc = put_alert(&l, one[0], &err);
    alert_free(one[0]);
    reader_give(k->api, l.reader);
    if (rc != 0)
        call_fail(k, &err);
}
