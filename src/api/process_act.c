/* What is done to processes: start, stop, restart, reset, signal, monitor on and off; one or many; and the upgrade of
 * Belfry itself.
 *
 * Without `wait` the answer comes when the warden has taken the command: the state is then "starting", "stopping" or
 * already the end of it. With it the answer comes when the process came to rest, well or badly: its status tells. A call
 * that waits has a worker of the HTTP server to itself, and ends when its client leaves. */
#include <fnmatch.h>
#include <string.h>

#include "api/process_doc.h"
#include "base/clock.h"
#include "base/str.h"

#define WAIT_MAX_MS 85000 /* commands give up after 90 s */
#define MANY_MAX    10000

/* --- one --- */

struct acting {
    struct change c;
    enum core_process_action action;
    int number;
    int64_t wait_ms; /* 0: only until it is accepted */
};

struct signal_doc {
    const char *signal;
    int64_t wait_ms;
};

const struct option process_signal_options[] = {
    {"signal", OPT_STRING, offsetof(struct signal_doc, signal), .max = 20,
     .help = {"HUP, USR1, … or a number.", "信号名或编号。"}, .example = "HUP"},
    {"wait", OPT_DURATION, offsetof(struct signal_doc, wait_ms), .max = WAIT_MAX_MS,
     .help = {"Answer when it came to rest, after so long at most.", "等待其稳定的最长时间。"}},
    OPTION_END,
};

static const char *action_name(enum core_process_action action)
{
    static const char *const names[] = {
        [PROCESS_START] = "start",     [PROCESS_STOP] = "stop",     [PROCESS_RESTART] = "restart",
        [PROCESS_RESET] = "reset",     [PROCESS_SIGNAL] = "signal", [PROCESS_ENABLE] = "enable",
        [PROCESS_DISABLE] = "disable",
    };
    must((size_t)action < array_len(names));
    return names[action];
}

/* On the loop. number: of the signal; 0: none. */
static void record(struct call *k, const char *id, enum core_process_action action, int number)
{
    call_audit(k, &(struct audit_entry){
                      .action = action_name(action),
                      .kind = "process",
                      .object = id,
                      .after = number ? arena_printf(k->arena, "{\"signal\":%d}", number) : NULL});
}

static void act_on_core(void *arg)
{
    struct acting *a = arg;
    struct call *k = a->c.call;
    must(a->c.waiter && *k->unit);
    struct core_process p;
    if (!process_find(&a->c, false, &p))
        return;
    a->c.rc = core_process_act(k->api->core, k->unit, a->action, a->number, a->wait_ms > 0,
                               a->c.waiter, &a->c.err);
    if (a->c.rc == 0)
        record(k, k->unit, a->action, a->number);
}

/* `wait` and `signal` stand in the query or in the body. */
static int read_act(struct call *k, struct acting *a, const char **signal)
{
    struct signal_doc d = {0};
    const struct node *doc = call_body(k);
    if (!doc)
        return -1;
    if (!options_bind(process_signal_options, doc, &d, k->arena, &k->problems, "")) {
        call_fail_code(k, ERR_INVALID, "the request is invalid");
        return -1;
    }
    const char *asked = http_req_query(k->req, "signal");
    *signal = asked ? asked : d.signal;
    return call_duration(k, "wait", d.wait_ms, WAIT_MAX_MS, &a->wait_ms);
}

/* Time over (or the server stopping) is no failure: the answer shows how far it came. */
static bool gave_up(const struct err *err)
{
    return err->code == ERR_TIMEOUT || err->code == ERR_CANCELLED;
}

static bool await(struct acting *a)
{
    struct err err = {0};
    must(a->c.waiter && a->wait_ms >= 0 && a->wait_ms <= WAIT_MAX_MS);
    int64_t ms = a->wait_ms ? a->wait_ms : API_COMMIT_WAIT_MS;
    int rc = waiter_wait(a->c.waiter, ms, NULL, &err);
    if (rc == 0 || (a->wait_ms && gave_up(&err)))
        return true;
    call_fail(a->c.call, &err);
    return false;
}

static void act(struct acting *a)
{
    struct call *k = a->c.call;
    a->c.waiter = call_waiter(k);
    on_core(k, act_on_core, a);
    if (a->c.rc != 0)
        call_fail(k, &a->c.err);
    else if (await(a))
        process_answer(k);
    waiter_unref(a->c.waiter);
}

static void act_one(struct call *k, enum core_process_action action)
{
    struct acting a = {.c.call = k, .action = action};
    const char *signal;
    if (read_act(k, &a, &signal) == 0)
        act(&a);
}

void processes_start(struct call *k)
{
    act_one(k, PROCESS_START);
}

void processes_stop(struct call *k)
{
    act_one(k, PROCESS_STOP);
}

void processes_restart(struct call *k)
{
    act_one(k, PROCESS_RESTART);
}

void processes_reset(struct call *k)
{
    act_one(k, PROCESS_RESET);
}

void processes_enable(struct call *k)
{
    act_one(k, PROCESS_ENABLE);
}

void processes_disable(struct call *k)
{
    act_one(k, PROCESS_DISABLE);
}

void processes_signal(struct call *k)
{
    struct acting a = {.c.call = k, .action = PROCESS_SIGNAL};
    const char *signal;
    if (read_act(k, &a, &signal) != 0)
        return;
    if (signal && process_stop_signal(signal, &a.number)) {
        act(&a);
        return;
    }
    problem_add(&k->problems, NULL, "signal", "got \"%.20s\"; want HUP, USR1, … or its number",
                signal ? signal : "");
    call_fail_code(k, ERR_INVALID, "the request is invalid");
}

/* --- many --- */

struct many_doc {
    struct str_list ids;
    const char *match;
    bool all, rolling;
    int64_t wait_ms;
};

const struct option process_many_options[] = {
    {"ids", OPT_LIST, offsetof(struct many_doc, ids), .max = MANY_MAX,
     .help = {"These.", "指定的进程。"}},
    {"match", OPT_STRING, offsetof(struct many_doc, match), .max = 200,
     .help = {"Those whose id fits the pattern.", "标识符合该通配符的进程。"},
     .example = "worker-*"},
    {"all", OPT_BOOL, offsetof(struct many_doc, all), .def = "false",
     .help = {"All of them.", "全部进程。"}},
    {"rolling", OPT_BOOL, offsetof(struct many_doc, rolling), .def = "false",
     .help = {"Restart: one after the other, each when the one before is ready; the first failure "
              "ends it.",
              "逐个重启：前一个就绪后再重启下一个，失败即停止。"}},
    {"wait", OPT_DURATION, offsetof(struct many_doc, wait_ms), .max = WAIT_MAX_MS,
     .help = {"Answer when all came to rest, after so long at most.", "等待全部稳定的最长时间。"}},
    OPTION_END,
};

/* One that is acted on. */
struct member {
    const char *id;
    struct waiter *waiter;
    struct err err;
    int rc;
};

struct many {
    struct call *call;
    struct many_doc doc;
    enum core_process_action action;
    vec_of(struct member) members;
    struct waiter *rolling;
    struct err err; /* of the rolling restart */
    int rc;
    struct json json;
};

static bool is_meant(const struct many_doc *d, const struct core_process *p)
{
    const char *id = p->unit->config->id;
    if (d->all || (d->match && *d->match && fnmatch(d->match, id, 0) == 0))
        return true;
    for (size_t i = 0; i < d->ids.n; i++)
        if (streq(d->ids.at[i], id) || streq(d->ids.at[i], p->unit->template_id))
            return true;
    return false;
}

static bool choose_one(void *arg, const struct core_process *p)
{
    struct many *m = arg;
    if (is_meant(&m->doc, p))
        vec_add(&m->members)->id = arena_strdup(m->call->arena, p->unit->config->id);
    return true;
}

/* An id that is not there is told like any other failure. */
static void add_unknown(struct many *m)
{
    size_t n = m->members.n;
    for (size_t i = 0; i < m->doc.ids.n; i++) {
        const char *id = m->doc.ids.at[i];
        struct core_process p;
        bool known = core_process_get(m->call->api->core, id, &p) || strchr(id, '%');
        for (size_t k = 0; !known && k < n; k++)
            known = streq(m->members.at[k].id, id);
        if (known)
            continue;
        struct member *one = vec_add(&m->members);
        one->id = id;
        one->rc = err_set(&one->err, ERR_NOT_FOUND, "no process has the id \"%.130s\"", id);
    }
}

static void start_rolling(struct many *m)
{
    const char **ids = arena_array_of(m->call->arena, const char *, m->members.n + 1);
    size_t n = 0;
    must(m->action == PROCESS_RESTART && !m->rolling);
    vec_each (&m->members, it)
        if (it->rc == 0)
            ids[n++] = it->id;
    must(n <= m->members.n);
    if (n == 0)
        return;
    m->rolling = call_waiter(m->call);
    m->rc = core_process_rolling_restart(m->call->api->core, ids, m->rolling, &m->err);
    for (size_t i = 0; m->rc == 0 && i < n; i++)
        record(m->call, ids[i], PROCESS_RESTART, 0);
}

static void begin_on_core(void *arg)
{
    struct many *m = arg;
    struct core *core = m->call->api->core;
    must(m->members.n == 0);
    core_processes_each(core, choose_one, m);
    add_unknown(m);
    if (m->doc.rolling) {
        start_rolling(m);
        return;
    }
    vec_each (&m->members, it) {
        if (it->rc != 0)
            continue;
        it->waiter = call_waiter(m->call);
        it->rc =
            core_process_act(core, it->id, m->action, 0, m->doc.wait_ms > 0, it->waiter, &it->err);
        if (it->rc == 0)
            record(m->call, it->id, m->action, 0);
    }
}

/* Waits for all, no longer than for one. */
static void await_all(struct many *m)
{
    must(m->doc.wait_ms >= 0 && m->doc.wait_ms <= WAIT_MAX_MS);
    int64_t ms = m->doc.wait_ms ? m->doc.wait_ms : API_COMMIT_WAIT_MS;
    int64_t end = clock_mono_ns() + ms * NS_PER_MS;
    vec_each (&m->members, it) {
        int64_t left = (end - clock_mono_ns()) / NS_PER_MS;
        if (it->rc == 0 && it->waiter)
            it->rc = waiter_wait(it->waiter, left > 1 ? left : 1, NULL, &it->err);
        if (it->rc != 0 && m->doc.wait_ms && gave_up(&it->err))
            it->rc = 0; /* the answer shows how far it came */
        waiter_unref(it->waiter);
    }
}

/* It goes on after the answer, unless one waits for it. */
static void await_rolling(struct many *m)
{
    if (m->rc == 0 && m->rolling && m->doc.wait_ms)
        m->rc = waiter_wait(m->rolling, m->doc.wait_ms, NULL, &m->err);
    if (m->rc != 0 && gave_up(&m->err))
        m->rc = 0;
    waiter_unref(m->rolling);
}

static void answer_on_core(void *arg)
{
    struct many *m = arg;
    struct core_process p;
    vec_each (&m->members, it) {
        if (it->rc != 0 || !core_process_get(m->call->api->core, it->id, &p))
            continue;
        process_json_open(&p, &m->json);
        json_end(&m->json);
    }
}

static void put_failed(struct many *m)
{
    struct json *j = &m->json;
    json_karr(j, "failed");
    vec_each (&m->members, it) {
        if (it->rc == 0)
            continue;
        json_obj(j);
        json_kstr(j, "id", it->id);
        json_kstr(j, "message", it->err.msg);
        json_end(j);
    }
    if (m->rc != 0) {
        json_obj(j);
        json_kstr(j, "id", NULL);
        json_kstr(j, "message", m->err.msg);
        json_end(j);
    }
    json_end(j);
}

static void answer_many(struct many *m)
{
    m->json = call_json(m->call);
    json_obj(&m->json);
    json_karr(&m->json, "items");
    on_core(m->call, answer_on_core, m);
    json_end(&m->json);
    put_failed(m);
    json_kuint(&m->json, "total", m->members.n);
    json_end(&m->json);
    if (m->doc.rolling && !m->doc.wait_ms)
        m->call->resp->status = 202;
}

static bool read_many(struct many *m)
{
    struct call *k = m->call;
    const struct node *doc = call_body(k);
    if (!doc)
        return false;
    bool good = options_bind(process_many_options, doc, &m->doc, k->arena, &k->problems, "");
    if (good && !m->doc.all && m->doc.ids.n == 0 && !(m->doc.match && *m->doc.match)) {
        problem_add(&k->problems, NULL, "ids", "want ids, match or all: which ones are meant");
        good = false;
    }
    if (good && m->doc.rolling && m->action != PROCESS_RESTART) {
        problem_add(&k->problems, NULL, "rolling", "only a restart can be rolling");
        good = false;
    }
    if (!good) {
        call_fail_code(k, ERR_INVALID, "the request is invalid");
        return false;
    }
    return call_duration(k, "wait", m->doc.wait_ms, WAIT_MAX_MS, &m->doc.wait_ms) == 0;
}

static void act_many(struct call *k, enum core_process_action action)
{
    struct many m = {.call = k, .action = action};
    if (!read_many(&m))
        return;
    on_core(k, begin_on_core, &m);
    await_all(&m);
    await_rolling(&m);
    if (m.members.n == 0)
        call_fail_code(k, ERR_NOT_FOUND, "no process fits \"%.100s\"",
                       m.doc.match && *m.doc.match ? m.doc.match : "*");
    else
        answer_many(&m);
    vec_done(&m.members);
}

void processes_start_many(struct call *k)
{
    act_many(k, PROCESS_START);
}

void processes_stop_many(struct call *k)
{
    act_many(k, PROCESS_STOP);
}

void processes_restart_many(struct call *k)
{
    act_many(k, PROCESS_RESTART);
}

/* --- Belfry itself --- */

static void upgrade_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter != NULL);
    c->rc = core_process_upgrade(c->call->api->core, c->waiter, &c->err);
}

void belfry_upgrade(struct call *k)
{
    static const struct audited upgrade = {.kind = "belfry", .action = "upgrade"};
    struct change c = {.call = k, .of = &upgrade};
    if (!change_commit(&c, upgrade_on_core))
        return;
    struct json j = call_json(k);
    json_obj(&j);
    json_kstr(&j, "status", "upgrading");
    json_end(&j);
}
