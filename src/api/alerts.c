/* /api/v1/alerts: what is firing and what was, with every delivery, and what keeps a bell of it quiet now. Open alerts and history
 * both come from the store; holds and the channels' names from the core, in one turn. */
#include "api/alert_routes.h"
#include "api/alerts_priv.h"

#include <string.h>

#include "base/str.h"
#include "base/vec.h"

struct row { /* a delivery; texts in the call's arena */
    struct delivery d;
    const char *channel;
    bool enabled;
};
struct item {
    struct alert *alert; /* a copy: a reader answers one query at a time */
    vec_of(struct row) rows;
    struct core_hold *holds;
    size_t n_holds;
};
struct listing {
    struct call *call;
    struct store_reader *reader;
    uint64_t n, last_id, room;
    struct item *items;
};

const char *event_kind_name(enum event_kind kind)
{
    static const char *const names[] = {"fired", "resolved", "reminder", "test"};
    must((size_t)kind < array_len(names));
    return names[kind];
}

/* --- reading --- */

static void keep_alert(void *arg, const struct alert *a)
{
    struct listing *l = arg;
    must(l->n < l->room);
    l->items[l->n++].alert = alert_clone(a);
    l->last_id = a->id;
}

struct gathering {
    struct arena *arena;
    struct item *item;
};

static void keep_delivery(void *arg, const struct delivery *d)
{
    struct gathering *g = arg;
    struct row row = {.d = *d, .channel = ""};
    row.d.group = NULL;
    row.d.answer = arena_strdup(g->arena, d->answer);
    vec_push(&g->item->rows, row);
}

static int read_all(struct listing *l, const struct alerts_query *q, uint64_t *total,
                    struct err *err)
{
    l->reader = reader_take(l->call->api, err);
    int rc = l->reader ? store_alerts(l->reader, q, total, keep_alert, l, err) : -1;
    for (uint64_t i = 0; i < l->n && rc == 0; i++) {
        struct gathering g = {l->call->arena, &l->items[i]};
        rc = store_deliveries_of(l->reader, l->items[i].alert->id, keep_delivery, &g, err);
    }
    reader_give(l->call->api, l->reader);
    return rc;
}

static void look_at_item(struct call *k, struct item *it)
{
    struct core_hold holds[CORE_HOLDS_MAX];
    struct core *core = k->api->core;
    it->n_holds = core_alert_holds(core, it->alert->id, holds);
    it->holds = arena_memdup(k->arena, holds, it->n_holds * sizeof(*holds));
    for (size_t i = 0; i < it->n_holds; i++)
        it->holds[i].name = arena_strdup(k->arena, holds[i].name);
    vec_each (&it->rows, row) {
        const struct channel *ch = core_channel_get(core, row->d.channel_id);
        row->channel = ch ? arena_strdup(k->arena, ch->name) : "";
        row->enabled = ch && ch->enabled;
    }
}

static void look_on_core(void *arg)
{
    struct listing *l = arg;
    for (uint64_t i = 0; i < l->n; i++)
        look_at_item(l->call, &l->items[i]);
}

/* --- writing --- */

static void put_row(struct json *j, const struct row *r)
{
    const struct delivery *d = &r->d;
    json_obj(j);
    json_kuint(j, "delivery_id", d->id);
    json_kuint(j, "channel_id", d->channel_id);
    json_kstr(j, "channel", r->channel);
    json_kbool(j, "channel_enabled", r->enabled);
    json_kstr(j, "kind", event_kind_name(d->kind));
    json_kstr(j, "status", delivery_state_name(d->state));
    json_kint(j, "attempts", d->attempts);
    json_kstr(j, "answer", d->answer);
    json_ktime(j, "created_at", d->created_ms);
    json_ktime(j, "next_at", d->state == DELIVERY_PENDING ? d->next_ms : 0);
    json_ktime(j, "at", d->done_ms ? d->done_ms : d->created_ms);
    json_end(j);
}

static void put_item(struct json *j, const struct item *it)
{
    alert_json_open(it->alert, j);
    json_karr(j, "holds");
    for (size_t i = 0; i < it->n_holds; i++) {
        const struct core_hold *h = &it->holds[i];
        json_obj(j);
        json_kstr(j, "reason", h->reason);
        json_kuint(j, "id", h->id);
        json_kstr(j, "name", h->name);
        json_ktime(j, "until", h->until_ms);
        json_end(j);
    }
    json_end(j);
    json_karr(j, "notified");
    vec_each (&it->rows, row)
        put_row(j, row);
    json_end(j);
    json_end(j);
}

static void listing_done(struct listing *l)
{
    for (uint64_t i = 0; i < l->n; i++) {
        alert_free(l->items[i].alert);
        vec_done(&l->items[i].rows);
    }
}

/* --- asking --- */

/* Groups as a JSON list: those that the caller sees though it does not see all, or those that it alone does not see. */
static const char *groups_where(struct call *k, bool seen)
{
    struct buf out = BUF_INIT(1 << 20);
    struct json j = json_start(&out);
    json_arr(&j);
    for (uint32_t i = 0; i < k->who->n_groups; i++)
        if ((k->who->groups[i].role >= ROLE_VIEWER) == seen)
            json_str(&j, k->who->groups[i].group);
    json_end(&j);
    const char *text = arena_strndup(k->arena, out.data, out.len);
    buf_done(&out);
    return text;
}

static void limit_to_seen(struct call *k, struct alerts_query *q)
{
    if (k->who->n_groups == 0)
        return;
    if (k->who->role >= ROLE_VIEWER)
        q->not_in_groups = groups_where(k, false);
    else
        q->in_groups = groups_where(k, true);
}

/* One of the words; its place, or -1 when absent. -2: answered already. */
static int choice_of(struct call *k, const char *name, const char *const *words)
{
    const char *text = http_req_query(k->req, name);
    if (!text)
        return -1;
    struct buf want = BUF_INIT(500);
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0)
            return i;
        buf_printf(&want, "%s%s", i ? ", " : "", words[i]);
    }
    problem_add(&k->problems, NULL, name, "got \"%.40s\"; want one of %.*s", text, (int)want.len,
                want.data);
    buf_done(&want);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -2;
}

int alerts_query_of(struct call *k, uint64_t most, struct alerts_query *q)
{
    static const char *const states[] = {"firing", "resolved", NULL}, *const yes[] = {"yes", "no",
                                                                                      NULL};
    static const char *const reasons[] = {"yes",    "no",          "maintenance", "silence",
                                          "parent", "own_network", "no_channel",  NULL};
    uint64_t limit;
    *q = (struct alerts_query){
        .status = choice_of(k, "status", states),
        .group = http_req_query(k->req, "group"),
        .type = http_req_query(k->req, "type"),
        .name = http_req_query(k->req, "target"),
        .text = http_req_query(k->req, "q"),
    };
    int why = q->status == -2 ? -2 : choice_of(k, "suppressed", reasons);
    int acked = why == -2 ? -2 : choice_of(k, "acknowledged", yes);
    if (acked == -2 || call_number(k, "limit", API_LIST_LIMIT, most, &limit) != 0 ||
        call_number(k, "target_id", 0, INT64_MAX, &q->target_id) != 0 ||
        call_number(k, "cursor", 0, INT64_MAX, &q->before_id) != 0 ||
        call_time(k, "since", 0, &q->since_ms) != 0 || call_time(k, "until", 0, &q->until_ms) != 0)
        return -1;
    q->suppressed = why >= 0 ? reasons[why] : NULL;
    q->acknowledged = acked < 0 ? 0 : acked == 0 ? 1 : -1;
    q->limit = (uint32_t)limit;
    limit_to_seen(k, q);
    return 0;
}

void alerts_list(struct call *k)
{
    struct alerts_query q;
    struct err err = {0};
    uint64_t total = 0;
    if (alerts_query_of(k, API_LIST_LIMIT_MAX, &q) != 0)
        return;
    struct listing l = {.call = k, .room = q.limit};
    l.items = arena_array_of(k->arena, struct item, q.limit);
    memset(l.items, 0, q.limit * sizeof(*l.items));
    if (read_all(&l, &q, &total, &err) != 0) {
        listing_done(&l);
        call_fail(k, &err);
        return;
    }
    on_core(k, look_on_core, &l);
    struct json j = call_json(k);
    json_obj(&j);
    json_karr(&j, "items");
    for (uint64_t i = 0; i < l.n; i++)
        put_item(&j, &l.items[i]);
    list_end(&j, total, l.n == q.limit ? l.last_id : 0);
    json_end(&j);
    listing_done(&l);
}

static int not_found(struct call *k, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no alert has the id %llu", (unsigned long long)k->id);
}

static int read_one(struct call *k, struct listing *l)
{
    struct alerts_query q = {.id = k->id, .status = -1, .limit = 1};
    struct err err = {0};
    uint64_t total;
    int rc = read_all(l, &q, &total, &err);
    if (rc == 0 && l->n == 0)
        rc = not_found(k, &err);
    if (rc != 0)
        call_fail(k, &err);
    return rc;
}

void alerts_get(struct call *k)
{
    struct item one = {0};
    struct listing l = {.call = k, .room = 1, .items = &one};
    if (read_one(k, &l) == 0 && call_may(k, ROLE_VIEWER, one.alert->group)) {
        on_core(k, look_on_core, &l);
        struct json j = call_json(k);
        put_item(&j, &one);
    }
    listing_done(&l);
}

static void note_alert(void *arg, const struct alert *a)
{
    *(struct alert **)arg = alert_clone(a);
}

struct alert *alert_of_call(struct call *k, enum role least)
{
    struct alerts_query q = {.id = k->id, .status = -1, .limit = 1};
    struct alert *found = NULL;
    struct err err = {0};
    struct store_reader *r = reader_take(k->api, &err);
    int rc = r ? store_alerts(r, &q, NULL, note_alert, &found, &err) : -1;
    reader_give(k->api, r);
    if (rc == 0 && !found)
        rc = not_found(k, &err);
    if (rc != 0)
        call_fail(k, &err);
    if (rc == 0 && call_may(k, least, found->group))
        return found;
    alert_free(found);
    return NULL;
}
