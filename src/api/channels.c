/* /api/v1/channels: who is told. */
#include <stdio.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/clock.h"
#include "notify/channel.h"

struct listing {
    struct call *call;
    struct json json;
    const char *q;
    uint64_t n;
};

static bool list_one(void *arg, const struct channel *ch, size_t waiting)
{
    struct listing *l = arg;
    if (l->q && !strcasestr(ch->name, l->q))
        return true;
    channel_json(ch, waiting, &l->json);
    l->n++;
    return true;
}

static void list_on_core(void *arg)
{
    struct listing *l = arg;
    core_channels_each(l->call->api->core, list_one, l);
}

void channels_list(struct call *k)
{
    struct listing l = {.call = k, .json = call_json(k), .q = http_req_query(k->req, "q")};
    json_obj(&l.json);
    json_karr(&l.json, "items");
    on_core(k, list_on_core, &l);
    list_end(&l.json, l.n, 0);
    json_end(&l.json);
}

static void missing(struct change *c)
{
    c->rc = err_set(&c->err, ERR_NOT_FOUND, "no channel has the id %llu",
                    (unsigned long long)c->call->id);
}

struct finding {
    uint64_t id;
    size_t waiting;
};

static bool find_waiting(void *arg, const struct channel *ch, size_t waiting)
{
    struct finding *f = arg;
    if (ch->id == f->id)
        f->waiting = waiting;
    return ch->id != f->id;
}

static void get_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    const struct channel *ch = core_channel_get(k->api->core, k->id);
    struct finding f = {.id = k->id};
    if (!ch) {
        missing(c);
        return;
    }
    core_channels_each(k->api->core, find_waiting, &f);
    struct json j = call_json(k);
    channel_json(ch, f.waiting, &j);
}

void channels_get(struct call *k)
{
    struct change c = {.call = k};
    on_core(k, get_on_core, &c);
    if (c.rc != 0)
        call_fail(k, &c.err);
}

static bool show(struct call *k, struct json *j, const char **name)
{
    const struct channel *ch = k->id ? core_channel_get(k->api->core, k->id) : NULL;
    if (ch) {
        channel_json(ch, 0, j);
        *name = arena_strdup(k->arena, ch->name);
    }
    return ch != NULL;
}

static const struct audited audited = {"channel", show, "pending updated_at"};

/* What runs a command has power over the machine. */
static bool may_run(struct change *c, const struct channel *ch)
{
    if (strcmp(ch->type, "exec") != 0 || c->call->who->role == ROLE_ADMIN)
        return true;
    c->rc = err_set(&c->err, ERR_DENIED,
                    "channels of type exec run commands on the machine: this needs the role admin");
    return false;
}

static void put_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct channel ch;
    const struct channel *old = k->id ? core_channel_get(k->api->core, k->id) : NULL;
    if (k->id && !old) {
        missing(c);
        return;
    }
    c->rc = channel_from_doc(k, c->doc, old, &ch);
    if (c->rc != 0) {
        err_set(&c->err, ERR_INVALID, "the channel's settings are invalid");
        return;
    }
    if (!may_run(c, &ch) || (old && !may_run(c, old)))
        return;
    uint64_t id = 0;
    c->rc = core_channel_put(k->api->core, &ch, &k->problems, c->waiter, &id, &c->err);
    must(c->rc != 0 || (id != 0 && (!k->id || id == k->id)));
    if (c->rc == 0)
        k->id = id;
}

static void enable_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->id != 0);
    c->rc = core_channel_enable(c->call->api->core, c->call->id, c->enabled, c->waiter, &c->err);
}

static void delete_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->id != 0);
    c->rc = core_channel_del(c->call->api->core, c->call->id, c->waiter, &c->err);
}

void channels_put(struct call *k)
{
    static const struct putting how = {&audited, put_on_core, enable_on_core, channels_get,
                                       "/api/v1/channels"};
    change_put(k, &how);
}

void channels_delete(struct call *k)
{
    struct change c = {.call = k, .of = &audited};
    change_commit(&c, delete_on_core);
}

/* --- a real test message --- */

static void test_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    const struct channel *old = c->doc ? NULL : core_channel_get(k->api->core, k->id);
    struct channel draft;
    if (!c->doc && !old) {
        missing(c);
        return;
    }
    if (!old && channel_from_doc(k, c->doc, NULL, &draft) != 0) {
        c->rc = err_set(&c->err, ERR_INVALID, "the channel's settings are invalid");
        return;
    }
    if (!may_run(c, old ? old : &draft))
        return;
    c->rc = core_channel_test(k->api->core, old ? old : &draft, &k->problems, c->waiter, &c->err);
}

/* The vendor's refusal is an answer, not an error of ours: 200 with success false. */
static void test(struct call *k, const struct node *doc)
{
    struct change c = {.call = k, .doc = doc, .waiter = call_waiter(k)};
    struct buf answer = BUF_INIT(65536);
    struct err err = {0};
    int64_t begun = clock_mono_ns();
    on_core(k, test_on_core, &c);
    if (c.rc != 0) {
        call_fail(k, &c.err);
    } else {
        int rc = waiter_wait(c.waiter, 30000, &answer, &err);
        struct json j = call_json(k);
        json_obj(&j);
        json_kbool(&j, "success", rc == 0);
        json_kstr(&j, "answer", rc == 0 ? (answer.data ? answer.data : "") : err.msg);
        json_kf64(&j, "duration_ms", (double)((clock_mono_ns() - begun) / 1000) / 1000);
        json_end(&j);
    }
    waiter_unref(c.waiter);
    buf_done(&answer);
}

void channels_test(struct call *k)
{
    test(k, NULL);
}

void channels_test_draft(struct call *k)
{
    const struct node *doc = call_body(k);
    if (doc)
        test(k, doc);
}

static void put_delivery(void *arg, const struct delivery *d)
{
    struct json *j = arg;
    json_obj(j);
    json_kuint(j, "id", d->id);
    json_kuint(j, "alert_id", d->alert_id);
    json_kstr(j, "status", delivery_state_name(d->state));
    json_kint(j, "attempts", d->attempts);
    json_kstr(j, "answer", d->answer);
    json_ktime(j, "created_at", d->created_ms);
    json_ktime(j, "at", d->done_ms);
    json_end(j);
}

void channels_deliveries(struct call *k)
{
    struct err err = {0};
    uint64_t limit;
    if (call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &limit) != 0)
        return;
    struct store_reader *r = reader_take(k->api, &err);
    struct json j = call_json(k);
    json_obj(&j);
    json_karr(&j, "items");
    int rc =
        r ? store_deliveries_by_channel(r, k->id, (uint32_t)limit, put_delivery, &j, &err) : -1;
    reader_give(k->api, r);
    if (rc != 0) {
        call_fail(k, &err);
        return;
    }
    json_end(&j);
    json_end(&j);
}

struct preview {
    struct change c;
    struct channel *copy; /* for what needs it after the core was left */
    struct notification note;
};

static void copy_on_core(void *arg)
{
    struct preview *p = arg;
    struct call *k = p->c.call;
    const struct channel *ch = core_channel_get(k->api->core, k->id);
    if (!ch) {
        missing(&p->c);
        return;
    }
    p->copy = channel_clone(ch);
    core_sample_note(k->api->core, k->arena, &p->note);
}

void channels_preview(struct call *k)
{
    struct preview p = {.c.call = k};
    struct err err = {0};
    on_core(k, copy_on_core, &p);
    if (p.c.rc != 0) {
        call_fail(k, &p.c.err);
        return;
    }
    must(p.copy != NULL);
    struct buf payload = BUF_INIT(1 << 20);
    int rc = notify_preview(p.copy, &p.note, k->arena, &payload, &k->problems, &err);
    if (rc != 0) {
        call_fail(k, &err);
    } else {
        struct json j = call_json(k);
        json_obj(&j);
        json_kstr(&j, "payload", payload.data ? payload.data : "");
        json_end(&j);
    }
    buf_done(&payload);
    channel_free(p.copy);
}
