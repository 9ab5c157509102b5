/* /push/TOKEN: a job's heartbeat (core/push.h). The token is the credential; nothing tells an unknown one from a paused one's
 * neighbour but the answer 404. And what GET /api/v1/targets/ID says of targets that the core itself judges.
 *
 *   /push/TOKEN            the job ran well      ?status=up|down ?msg=… ?ping=MS  as Uptime Kuma's clients say it
 *   /push/TOKEN/start      a run begins          ?rid=…  tells runs apart that overlap
 *   /push/TOKEN/fail       it failed             a body is the run's output, of which the end is kept
 *   /push/TOKEN/EXITCODE   it ended so; 0 is well
 *   /push/TOKEN/log        output only; nothing is judged */
#include "core/push.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/access_priv.h"
#include "api/inner.h"
#include "base/str.h"
#include "config/config.h"
#include "core/group.h"

struct hearing {
    struct call *call;
    struct str token;
    struct heartbeat_event event;
    const char *output;
    struct waiter *waiter;
    enum push_outcome outcome;
};

static void hear_on_core(void *arg)
{
    struct hearing *h = arg;
    h->outcome = core_push(h->call->api->core, h->token, &h->event, h->output,
                           h->call->address ? h->call->address : "", h->waiter);
}

/* The end of the body: valid UTF-8, at most PUSH_OUTPUT_MAX bytes. */
static const char *tail_of(struct call *k)
{
    struct str body = k->req->body;
    struct buf out = BUF_INIT(4 * PUSH_OUTPUT_MAX);
    if (body.n > PUSH_OUTPUT_MAX)
        body = (struct str){body.p + body.n - PUSH_OUTPUT_MAX, PUSH_OUTPUT_MAX};
    while (body.n && ((unsigned char)*body.p & 0xc0) == 0x80) { /* a character that was cut */
        body.p++;
        body.n--;
    }
    utf8_clean(&out, body.p, body.n);
    size_t cut = out.len > PUSH_OUTPUT_MAX ? out.len - PUSH_OUTPUT_MAX : 0;
    while (cut && cut < out.len && ((unsigned char)out.data[cut] & 0xc0) == 0x80)
        cut++;
    const char *text = arena_strndup(k->arena, out.data ? out.data + cut : "", out.len - cut);
    buf_done(&out);
    return text;
}

static const char *last_line(struct arena *a, const char *output)
{
    struct str all = str_trim(str_of(output)), line = all;
    for (size_t i = all.n; i > 0; i--)
        if (all.p[i - 1] == '\n') {
            line = (struct str){all.p + i, all.n - i};
            break;
        }
    return arena_strndup(a, line.p ? line.p : "", utf8_cut(line.p, line.n, HEARTBEAT_SAID));
}

/* One line of text, as it stands in messages. */
static const char *one_line(struct arena *a, const char *text)
{
    struct buf out = BUF_INIT(4 * HEARTBEAT_SAID);
    utf8_clean(&out, text, utf8_cut(text, strlen(text), HEARTBEAT_SAID));
    char *line = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&out);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    return line;
}

/* What stands behind the token. false: it is nothing. */
static bool take_suffix(struct heartbeat_event *ev, struct str suffix)
{
    uint64_t code;
    if (suffix.n == 0 || str_eqz(suffix, "success"))
        return true;
    if (str_eqz(suffix, "start"))
        ev->kind = HEARTBEAT_START;
    else if (str_eqz(suffix, "fail"))
        ev->kind = HEARTBEAT_BAD;
    else if (str_eqz(suffix, "log"))
        ev->kind = HEARTBEAT_NOTE;
    else if (suffix.n > 3 || str_to_u64(suffix, &code, NULL) != 0 || code > 255)
        return false;
    else {
        ev->exit_code = (int)code;
        ev->kind = code ? HEARTBEAT_BAD : HEARTBEAT_GOOD;
    }
    return true;
}

/* status, msg, ping and rid. false: one of them is none. */
static bool take_query(struct call *k, struct heartbeat_event *ev)
{
    const char *status = http_req_query(k->req, "status"), *ping = http_req_query(k->req, "ping"),
               *rid = http_req_query(k->req, "rid"), *msg = http_req_query(k->req, "msg");
    double ms;
    if (status && streq(status, "down"))
        ev->kind = HEARTBEAT_BAD;
    else if (status && *status && !streq(status, "up"))
        return false;
    if (ping && *ping) {
        if (str_to_f64(str_of(ping), &ms, NULL) != 0 || !(ms >= 0 && ms < 1e12))
            return false;
        ev->duration_ms = (int64_t)llround(ms);
    }
    if (rid && (strlen(rid) > HEARTBEAT_ID_MAX || !utf8_valid(rid, strlen(rid))))
        return false;
    ev->id = rid ? one_line(k->arena, rid) : "";
    if (msg && *msg)
        ev->said = one_line(k->arena, msg);
    return true;
}

static void answer(struct call *k, const struct hearing *h)
{
    must(h->outcome == PUSH_TAKEN || h->outcome == PUSH_PAUSED);
    if (call_wait(k, h->waiter, API_COMMIT_WAIT_MS, NULL) != 0)
        return;
    struct json j = call_json(k);
    json_obj(&j);
    json_kbool(&j, "ok", true);
    if (h->outcome == PUSH_PAUSED)
        json_kbool(&j, "paused", true);
    json_end(&j);
}

void push_take(struct call *k)
{
    struct hearing h = {.call = k, .event = {.exit_code = -1, .duration_ms = -1, .said = ""}};
    struct str suffix = {0}, path = str_of(k->path);
    h.event.kind = HEARTBEAT_GOOD;
    if (!str_cut(path, '/', &h.token, &suffix))
        h.token = path;
    bool good = take_suffix(&h.event, suffix) && take_query(k, &h.event);
    h.output = tail_of(k);
    if (!*h.event.said)
        h.event.said = one_line(k->arena, last_line(k->arena, h.output));
    call_address(k);
    if (!good) {
        call_fail_code(
            k, ERR_MALFORMED,
            "want /push/TOKEN, /start, /fail, /log or an exit code from 0 to 255; status up "
            "or down, ping in milliseconds, rid of at most %d bytes",
            HEARTBEAT_ID_MAX);
        return;
    }
    h.waiter = call_waiter(k);
    on_core(k, hear_on_core, &h);
    if (h.outcome == PUSH_UNKNOWN) {
        call_status(k, 404, "Not Found", "no job has this token");
    } else if (h.outcome == PUSH_TOO_OFTEN) {
        http_resp_header(k->resp, "Retry-After", "1");
        call_status(k, 429, "Too Many Requests", "this job reports more than 5 times a second");
    } else {
        answer(k, &h);
    }
    waiter_unref(h.waiter);
}

/* --- in a target's document --- */

void inner_take_push(struct call *k, const struct core_target *t, struct inner_doc *d)
{
    struct core_push_view v;
    if (!streq(t->target->type, "push") || !core_push_view(k->api->core, t->target->id, &v))
        return;
    d->push = arena_new_of(k->arena, struct core_push_view);
    *d->push = v;
    d->push->token = arena_strdup(k->arena, v.token);
    d->may_edit = principal_role(k->who, t->target->group) >= ROLE_EDITOR;
}

static void put_address(struct call *k, const char *token, struct json *j)
{
    const char *path = arena_printf(k->arena, "/push/%s", token);
    struct str base = str_of(call_config(k)->server.public_url);
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    json_kstr(j, "path", path);
    json_kstr(j, "url",
              base.n ? arena_printf(k->arena, "%.*s%s", (int)base.n, base.p, path) : NULL);
}

static void put_running(const struct heartbeat *b, struct json *j)
{
    json_karr(j, "running");
    for (int i = 0; i < b->n_runs; i++) {
        json_obj(j);
        json_kstr(j, "rid", b->runs[i].id);
        json_ktime(j, "started_at", b->runs[i].started_ms);
        json_end(j);
    }
    json_end(j);
}

void inner_put_push(struct call *k, uint64_t id, const struct inner_doc *d, struct json *j)
{
    if (!d->push)
        return;
    const struct heartbeat *b = &d->push->state;
    struct store_reader *r = reader_take(k->api, NULL);
    json_kobj(j, "push");
    if (d->may_edit)
        put_address(k, d->push->token, j);
    json_ktime(j, "due_at", b->due_ms);
    json_ktime(j, "late_at", d->push->late_ms);
    json_ktime(j, "last_at", b->last_ms);
    json_ktime(j, "last_success_at", b->last_good_ms);
    json_key(j, "last_duration_ms");
    if (b->last_duration_ms >= 0)
        json_int(j, b->last_duration_ms);
    else
        json_nil(j);
    put_running(b, j);
    if (r) {
        json_key(j, "runs");
        core_push_runs(r, id, b->ends, k->arena, j);
    }
    json_end(j);
    reader_give(k->api, r);
}

struct listing {
    struct call *call;
    struct json json;
    struct json missing;
};

static void put_member(void *arg, const struct core_target *m, const char *missing)
{
    struct listing *l = arg;
    if (!m) {
        json_str(&l->missing, missing);
        return;
    }
    if (principal_role(l->call->who, m->target->group) < ROLE_VIEWER)
        return; /* what the caller may not see is not there */
    struct json *j = &l->json;
    json_obj(j);
    json_kuint(j, "id", m->target->id);
    json_kstr(j, "name", m->target->name);
    json_kstr(j, "group", m->target->group);
    json_kstr(j, "type", m->target->type);
    json_kstr(j, "status", target_status_name(core_target_status(m)));
    json_kbool(j, "degraded", m->state.degraded);
    json_kstr(j, "last_message", m->last_message);
    json_end(j);
}

void inner_put_members(struct call *k, uint64_t id, struct json *j)
{
    struct buf items = BUF_INIT(16 << 20), missing = BUF_INIT(1 << 20);
    struct listing l = {.call = k, .json = json_start(&items), .missing = json_start(&missing)};
    json_arr(&l.json);
    json_arr(&l.missing);
    bool is_group = core_group_members(k->api->core, id, put_member, &l);
    json_end(&l.json);
    json_end(&l.missing);
    if (is_group && !items.failed && !missing.failed) {
        json_key(j, "members");
        json_raw(j, items.data, items.len);
        json_key(j, "members_missing");
        json_raw(j, missing.data, missing.len);
    }
    buf_done(&items);
    buf_done(&missing);
}
