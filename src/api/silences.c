/* /api/v1/silences: what somebody does not want to hear for a while. */
#include "api/access_whom.h"
#include "api/alert_routes.h"
#include "api/silences_priv.h"

#include <string.h>
#include <strings.h>

#include "api/matcher_doc.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/audit.h"

struct silence_doc {
    const struct node *matchers;
    const char *starts_at, *ends_at, *comment, *created_by;
    int64_t duration;
};

#define AT(field) offsetof(struct silence_doc, field)
const struct option silence_doc_options[] = {
    {"matchers", OPT_NODE, AT(matchers),
     .help = {"Whatever all of these match: {\"name\", \"op\", \"value\"} or text, env=\"prod\".",
              "标签匹配条件，需全部满足。"}},
    {"starts_at", OPT_STRING, AT(starts_at),
     .help = {"RFC 3339; now when absent.", "开始时间（RFC 3339），缺省为现在。"}},
    {"ends_at", OPT_STRING, AT(ends_at), .help = {"RFC 3339.", "结束时间（RFC 3339）。"}},
    {"duration", OPT_DURATION, AT(duration), .min = 1000, .max = (double)SILENCE_LENGTH_MAX,
     .example = "2h", .help = {"Instead of ends_at: for how long.", "代替 ends_at：持续时间。"}},
    {"comment", OPT_STRING, AT(comment), .max = SILENCE_TEXT_MAX, .help = {"Why.", "原因。"}},
    {"created_by", OPT_STRING, AT(created_by), .max = 200,
     .help = {"Who wants it; who asks when absent.", "谁设置；缺省为请求者。"}},
    OPTION_END,
};
#undef AT

/* On the loop. */
static bool is_seen(const struct call *k, const struct core_silence *s)
{
    const struct whom w = whom_of_silence(s);
    return whom_touches(k->who, ROLE_VIEWER, &w);
}

/* Those of them that the one who asks may see. */
static void put_alerts(const struct call *k, const struct id_list *alerts, struct json *j)
{
    json_karr(j, "alert_ids");
    for (uint32_t i = 0; i < alerts->n; i++) {
        const struct alert *a = core_alert_get(k->api->core, alerts->at[i]);
        if (a && principal_role(k->who, a->group) >= ROLE_VIEWER)
            json_uint(j, alerts->at[i]);
    }
    json_end(j);
}

static void put_silence(struct call *k, const struct core_silence *s, struct json *j)
{
    struct id_list alerts = {0};
    enum silence_status status = silence_status(&s->silence, clock_wall_ms());
    if (status == SILENCE_ACTIVE)
        alerts = core_match_alerts(k->api->core, &s->silence.test, k->arena);
    json_obj(j);
    json_kuint(j, "id", s->silence.id);
    matchers_json(s->matchers, s->n_matchers, j);
    json_ktime(j, "starts_at", s->silence.starts_ms);
    json_ktime(j, "ends_at", s->silence.ends_ms);
    json_kstr(j, "created_by", s->silence.created_by);
    json_kstr(j, "comment", s->silence.comment);
    json_kstr(j, "status", silence_status_name(status));
    put_alerts(k, &alerts, j);
    json_ktime(j, "created_at", s->created_ms);
    json_ktime(j, "updated_at", s->updated_ms);
    json_end(j);
}

/* --- listing --- */

struct listing {
    struct call *call;
    struct json json;
    const char *status, *text;
    uint64_t before, limit, n, last, total;
    const struct core_silence **found; /* by id */
    size_t room;
};

static bool says(const struct core_silence *s, const char *text)
{
    if (strcasestr(s->silence.comment, text) || strcasestr(s->silence.created_by, text))
        return true;
    for (uint32_t i = 0; i < s->n_matchers; i++)
        if (strcasestr(s->matchers[i].name, text) || strcasestr(s->matchers[i].value, text))
            return true;
    return false;
}

static bool note_one(void *arg, const struct core_silence *s)
{
    struct listing *l = arg;
    const char *status = silence_status_name(silence_status(&s->silence, clock_wall_ms()));
    if ((!l->status || strcmp(l->status, status) == 0) && (!l->text || says(s, l->text)) &&
        l->total < l->room && is_seen(l->call, s))
        l->found[l->total++] = s;
    return true;
}

/* The newest first. */
static void list_on_core(void *arg)
{
    struct listing *l = arg;
    l->room = SILENCES_MAX;
    l->found = arena_alloc(l->call->arena, l->room * sizeof(*l->found));
    core_silences_each(l->call->api->core, note_one, l);
    must(l->total <= l->room);
    for (uint64_t i = l->total; i > 0 && l->n < l->limit; i--) {
        const struct core_silence *s = l->found[i - 1];
        if (l->before && s->silence.id >= l->before)
            continue;
        put_silence(l->call, s, &l->json);
        l->n++;
        l->last = i > 1 ? s->silence.id : 0;
    }
}

void silences_list(struct call *k)
{
    struct listing l = {
        .call = k, .status = http_req_query(k->req, "status"), .text = http_req_query(k->req, "q")};
    if (l.status && strcmp(l.status, "pending") != 0 && strcmp(l.status, "active") != 0 &&
        strcmp(l.status, "expired") != 0) {
        problem_add(&k->problems, NULL, "status", "got \"%.40s\"; want pending, active or expired",
                    l.status);
        call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
        return;
    }
    if (call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &l.limit) != 0 ||
        call_number(k, "cursor", 0, INT64_MAX, &l.before) != 0)
        return;
    l.json = call_json(k);
    json_obj(&l.json);
    json_karr(&l.json, "items");
    on_core(k, list_on_core, &l);
    list_end(&l.json, l.total, l.n == l.limit ? l.last : 0);
    json_end(&l.json);
}

/* On the loop. NULL: c->rc and c->err are set. */
static const struct core_silence *find(struct change *c)
{
    const struct core_silence *s = core_silence_get(c->call->api->core, c->call->id);
    if (s && !is_seen(c->call, s))
        s = NULL;
    if (!s)
        c->rc = err_set(&c->err, ERR_NOT_FOUND, "no silence has the id %llu",
                        (unsigned long long)c->call->id);
    return s;
}

static void get_on_core(void *arg)
{
    struct change *c = arg;
    const struct core_silence *s = find(c);
    if (!s)
        return;
    struct json j = call_json(c->call);
    put_silence(c->call, s, &j);
}

void silences_get(struct call *k)
{
    struct change c = {.call = k};
    on_core(k, get_on_core, &c);
    if (c.rc != 0)
        call_fail(k, &c.err);
}

/* --- changing --- */

static bool show(struct call *k, struct json *j, const char **name)
{
    const struct core_silence *s = k->id ? core_silence_get(k->api->core, k->id) : NULL;
    if (s) {
        put_silence(k, s, j);
        *name = arena_strdup(k->arena, s->silence.comment);
    }
    return s != NULL;
}

static const struct audited audited = {"silence", show, "status alert_ids updated_at"};

static void bind(struct call *k, const struct node *doc, struct core_silence *out)
{
    struct silence_doc d = {0};
    struct label_match *m = NULL;
    options_bind(silence_doc_options, doc, &d, k->arena, &k->problems, "");
    if (d.matchers) {
        matchers_from_doc(k, d.matchers, "matchers", &m, &out->n_matchers);
        out->matchers = m;
    }
    time_from_doc(k, "starts_at", d.starts_at, &out->silence.starts_ms);
    time_from_doc(k, "ends_at", d.ends_at, &out->silence.ends_ms);
    if (d.duration)
        out->silence.ends_ms = out->silence.starts_ms + d.duration;
    out->silence.comment = d.comment ? d.comment : out->silence.comment;
    out->silence.created_by = d.created_by ? d.created_by : out->silence.created_by;
}

static void check(struct call *k, const struct core_silence *s)
{
    if (k->problems.list.n)
        return;
    if (s->n_matchers == 0)
        problem_add(&k->problems, NULL, "matchers", "none given; want what it is about");
    if (s->silence.ends_ms <= s->silence.starts_ms)
        problem_add(&k->problems, NULL, "ends_at", "%s; want ends_at or duration, after starts_at",
                    s->silence.ends_ms ? "it is not after starts_at" : "it is missing");
    else if (s->silence.ends_ms - s->silence.starts_ms > SILENCE_LENGTH_MAX)
        problem_add(&k->problems, NULL, "ends_at", "want at most 366 days after starts_at");
}

/* On the loop: may the one who asks change it? False: c->rc and c->err are set. */
static bool may_change(struct change *c, const struct core_silence *s, bool old)
{
    const struct whom w = whom_of_silence(s);
    c->rc = call_may_whom(c->call, &w, old, &c->err);
    return c->rc == 0;
}

static void save_on_core(struct change *c, struct core_silence *s)
{
    must(c->waiter);
    struct call *k = c->call;
    check(k, s);
    if (k->problems.list.n) {
        c->rc = err_set(&c->err, ERR_INVALID, "the silence is invalid");
        return;
    }
    if (!may_change(c, s, false))
        return;
    if (!*s->silence.created_by)
        s->silence.created_by = core_actor(k->api->core)->name;
    uint64_t id = 0;
    s->silence.id = k->id;
    c->rc = core_silence_put(k->api->core, s, c->waiter, &id, &c->err);
    must(c->rc != 0 || (id != 0 && (!k->id || id == k->id)));
    if (c->rc == 0)
        k->id = id;
}

static void put_on_core(void *arg)
{
    struct change *c = arg;
    const struct core_silence *old = c->call->id ? find(c) : NULL;
    struct core_silence s = {.silence = {.comment = "", .created_by = ""}};
    if (c->call->id && (!old || !may_change(c, old, true)))
        return;
    if (old)
        s = *old;
    else
        s.silence.starts_ms = clock_wall_ms();
    bind(c->call, c->doc, &s);
    save_on_core(c, &s);
}

static void put(struct call *k)
{
    static const struct putting how = {&audited, put_on_core, NULL, silences_get,
                                       "/api/v1/silences"};
    change_put(k, &how);
}

void silences_create(struct call *k)
{
    put(k);
}

void silences_patch(struct call *k)
{
    put(k);
}

static void expire_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->id != 0);
    const struct core_silence *s = find(c);
    if (s && may_change(c, s, true))
        c->rc = core_silence_expire(c->call->api->core, c->call->id, c->waiter, &c->err);
}

void silences_delete(struct call *k)
{
    struct change c = {.call = k, .of = &audited};
    change_commit(&c, expire_on_core);
}

struct saving {
    struct change change; /* first: it is what change_commit() hands on */
    struct core_silence silence;
};

static void save_given(void *arg)
{
    struct change *c = arg;
    struct saving *s = container_of(c, struct saving, change);
    save_on_core(c, &s->silence);
}

void silence_save(struct call *k, const struct core_silence *s)
{
    struct saving saving = {.change = {.call = k, .of = &audited}, .silence = *s};
    if (change_commit(&saving.change, save_given))
        change_show(k, silences_get, "/api/v1/silences");
}

/* --- one that is not saved --- */

struct preview {
    struct call *call;
    struct subject_test test;
    struct json json;
    size_t targets;
};

static bool count_target(void *arg, const struct core_target *t)
{
    struct preview *p = arg;
    p->targets += principal_role(p->call->who, t->target->group) >= ROLE_VIEWER &&
                  subject_test_holds(&p->test, &(struct subject){t->target, t->instance});
    return true;
}

static void preview_on_core(void *arg)
{
    struct preview *p = arg;
    struct core *core = p->call->api->core;
    struct id_list alerts = core_match_alerts(core, &p->test, p->call->arena);
    put_alerts(p->call, &alerts, &p->json);
    core_targets_each(core, 0, count_target, p);
}

void silences_preview(struct call *k)
{
    struct core_silence s = {.silence = {.comment = "", .created_by = ""}};
    struct preview p = {.call = k};
    const struct node *doc = call_body(k);
    struct err err = {0};
    if (!doc)
        return;
    bind(k, doc, &s);
    if (k->problems.list.n || subject_test_init(&p.test, s.matchers, s.n_matchers, &err) != 0) {
        call_fail_code(k, ERR_INVALID, "the silence is invalid");
        return;
    }
    p.json = call_json(k);
    json_obj(&p.json);
    on_core(k, preview_on_core, &p);
    subject_test_done(&p.test);
    json_kuint(&p.json, "targets", p.targets);
    json_end(&p.json);
}
