/* What agents ask (belfry agent): to take a parcel of results (ipc/parcel.h), and what to probe. Their location is the name of
 * their token. And GET /api/v1/locations: who is heard. */
#include <stdio.h>

#include "access/documents.h"
#include "api/access_priv.h"
#include "base/str.h"
#include "config/config.h"
#include "core/documents.h"
#include "core/location.h"

#define ASSIGNMENT_MAX ((size_t)256 << 20)
#define AGAIN_S        "1" /* Retry-After, while the store is behind */

/* --- results -------------------------------------------------------------------------------- */

struct taking {
    struct call *call;
    struct core_location_post post;
    struct waiter *waiter;
    struct core_location_answer answer;
    struct err err;
    int rc;
};

static void take_on_core(void *arg)
{
    struct taking *t = arg;
    struct core *core = t->call->api->core;
    t->rc = core_location_take(core, &t->post, t->waiter, &t->err);
}

static void answer_on_core(void *arg)
{
    struct taking *t = arg;
    core_location_answer(t->call->api->core, t->post.name, t->post.parcel.ring, t->post.seq,
                         &t->answer);
}

static void put_answer(struct call *k, const struct core_location_answer *a)
{
    struct json j = call_json(k);
    json_obj(&j);
    json_kuint(&j, "stored", a->stored);
    json_kuint(&j, "generation", a->generation);
    json_karr(&j, "checks");
    for (uint32_t i = 0; i < a->n_checks; i++) {
        json_obj(&j);
        json_kuint(&j, "request_id", a->checks[i].request_id);
        json_kuint(&j, "target_id", a->checks[i].target_id);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

static void refuse(struct call *k, const struct err *err)
{
    if (err->code == ERR_BUSY || err->code == ERR_TIMEOUT)
        http_resp_header(k->resp, "Retry-After", AGAIN_S);
    call_fail(k, err);
}

static void take(struct call *k, struct taking *t)
{
    do
        on_core(k, take_on_core, t);
    while (t->rc > 0);
    if (t->rc == 0 && t->post.wait)
        t->rc = waiter_wait(t->waiter, API_COMMIT_WAIT_MS, NULL, &t->err);
    if (t->rc != 0) {
        refuse(k, &t->err);
        return;
    }
    on_core(k, answer_on_core, t);
    put_answer(k, &t->answer);
}

/* 0: it does not say, or not in a way that is understood. */
static uint64_t agent_of(const struct http_req *req)
{
    const char *text = http_req_header(req, PARCEL_AGENT);
    uint64_t n = 0;
    return text && str_to_u64(str_of(text), &n, NULL) == 0 ? n : 0;
}

void agent_results(struct call *k)
{
    struct taking t = {.call = k};
    struct err err = {0};
    const char *type = http_req_header(k->req, "Content-Type");
    if (!type || !streq(type, PARCEL_TYPE)) {
        call_status(k, 415, "Unsupported Media Type", "want " PARCEL_TYPE);
        return;
    }
    if (parcel_parse(k->req->body, &t.post.parcel, &err) != 0) {
        call_fail(k, &err);
        return;
    }
    t.post.name = k->who->name;
    t.post.address = call_address(k);
    t.post.agent = agent_of(k->req);
    t.waiter = call_waiter(k);
    take(k, &t);
    waiter_unref(t.waiter);
}

/* --- assignment ----------------------------------------------------------------------------- */

static void assignment_on_core(void *arg)
{
    struct taking *t = arg;
    t->rc =
        core_location_assignment(t->call->api->core, t->post.name, &t->call->resp->body, &t->err);
}

void agent_assignment(struct call *k)
{
    struct taking t = {.call = k, .post.name = k->who->name};
    must(k->resp->body.len == 0);
    k->resp->body.max = ASSIGNMENT_MAX;
    on_core(k, assignment_on_core, &t);
    if (t.rc != 0) {
        buf_clear(&k->resp->body);
        call_fail(k, &t.err);
        return;
    }
    k->resp->content_type = "application/x-belfry-assignment";
    http_resp_header(k->resp, "Cache-Control", "no-store");
}

/* --- the list ------------------------------------------------------------------------------- */

/* Who may speak for a location: a name and where it comes from. */
struct known {
    const char *name, *source;
    bool listed;
};
struct listing {
    struct whole_list *list;
    vec_of(struct known) known;
};

static const char *source_of(struct listing *l, const char *name)
{
    vec_each (&l->known, it)
        if (streq(it->name, name)) {
            it->listed = true;
            return it->source;
        }
    return NULL;
}

static bool add_token(void *arg, const struct core_document *d)
{
    struct listing *l = arg;
    struct token t;
    if (token_parse(d->json, l->list->call->arena, &t) && t.agent && !source_of(l, t.name))
        vec_push(&l->known, ((struct known){t.name, "token", false}));
    return true;
}

static void add_rows(struct listing *l, const struct config *cfg)
{
    const struct config_location *rows = cfg->locations.at;
    for (size_t i = 0; i < cfg->locations.n; i++)
        vec_push(&l->known, ((struct known){rows[i].name, "file", false}));
}

static void put_location(struct json *j, const char *source, const struct core_location_info *l)
{
    json_obj(j);
    json_kstr(j, "name", l->name);
    json_kstr(j, "source", source);
    json_kbool(j, "connected", l->connected);
    json_ktime(j, "since", l->since_ms);
    json_ktime(j, "last_heard_at", l->last_heard_ms);
    json_kstr(j, "address", l->address);
    json_kstr(j, "version", l->software);
    json_kuint(j, "targets", l->targets);
    json_kbool(j, "assigned", l->assigned);
    json_kuint(j, "results", l->results);
    json_kuint(j, "replayed", l->replayed);
    json_kuint(j, "dropped", l->dropped);
    json_kuint(j, "buffered", l->waiting);
    json_kuint(j, "refused", l->refused);
    json_kint(j, "clock_skew_ms", l->clock_skew_ms);
    json_end(j);
}

static bool list_one(void *arg, const struct core_location_info *l)
{
    struct listing *all = arg;
    put_location(&all->list->json, source_of(all, l->name), l);
    all->list->n++;
    return true;
}

static void list_all(struct whole_list *list)
{
    struct core *core = list->call->api->core;
    struct listing l = {.list = list};
    add_rows(&l, core_config(core));
    core_documents_each(core, "token", add_token, &l);
    vec_each (&l.known, it)
        it->listed = false;
    core_locations_each(core, list_one, &l);
    vec_each (&l.known, it)
        if (!it->listed) {
            struct core_location_info none = {.name = it->name, .address = "", .software = ""};
            put_location(&list->json, it->source, &none);
            list->n++;
        }
    vec_done(&l.known);
}

void locations_list(struct call *k)
{
    list_whole(k, list_all);
}

const struct route agent_routes[] = {
    {"POST",
     "/api/v1/agent/results",
     agent_results,
     NULL,
     NULL,
     {"An agent's results", "代理上报结果"},
     0,
     SCOPE_AGENT,
     NULL},
    {"GET",
     "/api/v1/agent/assignment",
     agent_assignment,
     NULL,
     NULL,
     {"What an agent probes", "代理的任务清单"},
     0,
     SCOPE_AGENT,
     NULL,
     true},
    {"GET",
     "/api/v1/locations",
     locations_list,
     NULL,
     "nodes",
     {"Places elsewhere that probe, and their agents", "其他探测地点及其代理"},
     0,
     SCOPE_READ,
     NULL},
    {0},
};
