/* snmp: does an agent answer, and do its objects have the values they should?
 *
 *   v1, v2c   Get of all objects → Response
 *   v3        Get of nothing → Report: who the engine is → Get, signed and encrypted → Response
 *                                                        (or a Report that its clock is another → Get once more)
 *
 * RFC 3416, 3414; the bytes are snmp_wire.c's and snmp_usm.c's. Runs in watchers. */
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "probe/probers.h"
#include "probe/snmp_wire.h"
#include "probe/udp_talk.h"
#include "probe/value.h"

#define OIDS_MAX     32
#define SYS_UPTIME   "1.3.6.1.2.1.1.3.0"
#define SYS_NAME     "1.3.6.1.2.1.1.5.0"
#define PASSWORD_MIN 8 /* RFC 3414, 11.2 */

enum version { SNMP_V1, SNMP_V2C, SNMP_V3 };
static const char *const version_choices[] = {"1", "2c", "3", NULL};
static const char *const auth_choices[] = {"sha", "sha256", NULL};

struct object {
    const char *oid, *name;
    struct value_check check;
};

struct snmp_expect {
    struct latency_bound latency;
};

struct snmp_config {
    struct service service;
    int version;
    const char *community, *context;
    int auth;
    const char *auth_password, *priv_password;
    struct section_list objects;
    struct snmp_expect expect;
    /* compiled */
    struct usm_user user;
    const char **oids;
    size_t n_oids;
};

static const struct option object_options[] = {
    {"oid", OPT_STRING, offsetof(struct object, oid), .required = true, .max = 500,
     .example = "1.3.6.1.2.1.2.2.1.8.1", .help = {"Which object.", "对象标识符（OID）。"}},
    {"name", OPT_STRING, offsetof(struct object, name), .max = 60, .example = "uplink",
     .help = {"How messages and metrics name it.", "在消息与指标中的名称。"}},
    {"op", OPT_ENUM, offsetof(struct object, check.op), .def = "exists", .choices = value_ops,
     .help = {"How the value is compared.", "比较方式。"}},
    {"value", OPT_STRING, offsetof(struct object, check.value), .max = 1000,
     .help = {"With what.", "期望的值。"}},
    OPTION_END,
};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct snmp_expect),
    OPTION_END,
};

static const struct option snmp_options[] = {
    UDP_SERVICE_ADDRESS(struct snmp_config, "161"),
    {"version", OPT_ENUM, offsetof(struct snmp_config, version), .def = "2c",
     .choices = version_choices, .help = {"Of SNMP.", "SNMP 版本。"}},
    {"community", OPT_STRING, offsetof(struct snmp_config, community), .def = "public",
     .secret = true, .max = 255, .help = {"Of versions 1 and 2c.", "团体名（版本 1 与 2c）。"}},
    {"username", OPT_STRING, offsetof(struct snmp_config, service.username), .max = 32,
     .help = {"Of version 3.", "用户名（版本 3）。"}},
    {"auth_protocol", OPT_ENUM, offsetof(struct snmp_config, auth), .def = "sha",
     .choices = auth_choices, .help = {"How version 3 signs.", "版本 3 的认证算法。"}},
    {"auth_password", OPT_STRING, offsetof(struct snmp_config, auth_password), .secret = true,
     .max = 255, .help = {"Signs; none is noAuthNoPriv.", "认证密码；留空为 noAuthNoPriv。"}},
    {"priv_password", OPT_STRING, offsetof(struct snmp_config, priv_password), .secret = true,
     .max = 255,
     .help = {"Encrypts with AES-128; none is authNoPriv.",
              "用 AES-128 加密的密码；留空为 authNoPriv。"}},
    {"context", OPT_STRING, offsetof(struct snmp_config, context), .max = 255, .advanced = true,
     .help = {"Context of version 3.", "上下文名（版本 3）。"}},
    {"objects", OPT_SECTIONS, offsetof(struct snmp_config, objects), .sub = object_options,
     .sub_size = sizeof(struct object), .max = OIDS_MAX,
     .help = {"What is asked for, in one request; none: name and uptime of the system.",
              "在一次请求中查询的对象；留空则查询系统名称与运行时间。"}},
    {"expect", OPT_SECTION, offsetof(struct snmp_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* snmp://community@host:port/OID; with a password the name before it is version 3's user */
static struct node *snmp_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    if (url_parse(text, a, &u, err) != 0)
        return NULL;
    const char *user = u.username, *password = u.password;
    u.username = u.password = NULL;
    struct node *map = url_to_config(&u, a, err);
    if (!map)
        return NULL;
    if (user && password)
        node_put(map, a, "version", node_text(a, "3"));
    if (password)
        node_put(map, a, "auth_password", node_text(a, password));
    if (user)
        node_put(map, a, password ? "username" : "community", node_text(a, user));
    if (u.path[0] && u.path[1]) {
        struct node *list = node_list(a), *one = node_map(a);
        node_put(one, a, "oid", node_text(a, u.path + 1));
        node_append(list, one);
        node_put(map, a, "objects", list);
    }
    return map;
}

/* --- making ready --- */

static const char *field_of(struct arena *a, const char *path, const char *name)
{
    return arena_printf(a, "%s%s%s", path, *path ? "." : "", name);
}

static void make_user(struct snmp_config *c, struct arena *a, struct problems *p, const char *path)
{
    const char *auth = c->auth_password, *priv = c->priv_password;
    if (c->version != SNMP_V3)
        return;
    if (!c->service.username)
        problem_add(p, NULL, field_of(a, path, "username"), "missing; version 3 wants one");
    if ((auth && strlen(auth) < PASSWORD_MIN) || (priv && strlen(priv) < PASSWORD_MIN))
        problem_add(p, NULL, path, "got a password that is too short; want at least %d characters",
                    PASSWORD_MIN);
    else if (priv && !auth)
        problem_add(p, NULL, path, "got priv_password without auth_password; want both");
    else
        c->user = (struct usm_user){.name = c->service.username ? c->service.username : "",
                                    .auth = auth != NULL,
                                    .priv = priv != NULL,
                                    .kind = c->auth ? DIGEST_SHA256 : DIGEST_SHA1};
    if (c->user.auth)
        digest_password(c->user.kind, auth, c->user.auth_key);
    if (c->user.priv)
        digest_password(c->user.kind, priv, c->user.priv_key);
}

static void snmp_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct snmp_config *c = config;
    struct object *objects = c->objects.at;
    struct buf out = BUF_INIT(SNMP_MESSAGE_MAX);
    c->oids = arena_array_of(a, const char *, c->objects.n + 2);
    for (size_t i = 0; i < c->objects.n; i++) {
        struct err err = {0};
        const char *field = field_of(a, path, arena_printf(a, "objects[%zu]", i));
        if (ber_put_oid(&out, objects[i].oid, &err) != 0)
            problem_add(p, NULL, field, "%s", err.msg);
        value_check_validate(&objects[i].check, objects[i].oid, a, p, field);
        c->oids[c->n_oids++] = objects[i].oid + (objects[i].oid[0] == '.');
    }
    buf_done(&out);
    if (c->n_oids == 0) {
        c->oids[c->n_oids++] = SYS_NAME;
        c->oids[c->n_oids++] = SYS_UPTIME;
    }
    make_user(c, a, p, path);
}

static void snmp_describe(const void *config, struct buf *out)
{
    const struct snmp_config *c = config;
    service_describe(&c->service, out);
    if (c->objects.n == 1)
        buf_printf(out, " %s", c->oids[0]);
}

/* --- asking --- */

struct asking {
    struct probe *p;
    const struct snmp_config *c;
    int64_t id;
    struct usm_engine engine;
    struct usm_message m; /* of version 3 */
    struct snmp_pdu pdu;
};

static int write_request(void *arg, int nth, struct buf *out, struct err *err)
{
    struct asking *q = arg;
    const struct snmp_config *c = q->c;
    struct buf pdu = BUF_INIT(SNMP_MESSAGE_MAX);
    bool known = c->version != SNMP_V3 || q->engine.id_n > 0;
    (void)nth;
    snmp_write_get(&pdu, q->id, c->oids, known ? c->n_oids : 0);
    if (c->version == SNMP_V3)
        usm_write(out, &c->user, &q->engine, q->id, rng_secure_u64(), c->context, &pdu);
    else
        snmp_write_community(out, c->version, c->community, &pdu);
    bool failed = pdu.failed || out->failed;
    buf_done(&pdu);
    return failed ? err_set(err, ERR_TOO_LARGE, "the request is too long; want fewer objects") : 0;
}

/* What cannot be read is a stranger's: anybody can send datagrams. A wrong signature is told. */
static int read_answer(void *arg, const uint8_t *p, size_t n, struct err *err)
{
    struct asking *q = arg;
    const uint8_t *kept = arena_memdup(q->p->arena, p, n); /* values are read from it later */
    if (q->c->version != SNMP_V3)
        return snmp_read_community(kept, n, q->c->version, &q->pdu, NULL) == 0 &&
               q->pdu.id == q->id && q->pdu.type == SNMP_RESPONSE;
    if (usm_read(kept, n, &q->c->user, q->p->arena, &q->m, err) != 0 || q->m.id != q->id)
        return 0;
    q->pdu = q->m.pdu;
    return 1;
}

static int ask(struct asking *q, struct udp_talk *t, struct err *err)
{
    const struct udp_question question = {q, write_request, read_answer};
    q->id = (int64_t)(rng_secure_u64() & 0x7fffffff);
    return udp_talk_ask(t, &question, err);
}

/* What a Report tells: its number, or -1. */
static int read_report(struct asking *q, const char **text, struct err *err)
{
    struct buf oid = BUF_INIT(SNMP_OID_TEXT);
    struct snmp_value v;
    int number = -1;
    if (snmp_next(&q->pdu, &oid, &v, q->p->arena, err) > 0)
        *text = usm_report_text(oid.data, &number);
    buf_done(&oid);
    return number;
}

#define REPORT_CLOCK 2

static int ask_v3(struct asking *q, struct udp_talk *t, struct err *err)
{
    const char *text = NULL;
    must(q->c->version == SNMP_V3 && q->engine.id_n == 0);
    if (ask(q, t, err) != 0)
        return -1;
    if (q->pdu.type != SNMP_REPORT || q->m.engine.id_n == 0)
        return err_set(err, ERR_PROTOCOL, "%s does not say which engine it is", q->c->service.host);
    q->engine = q->m.engine;
    for (int tries = 0; tries < 2; tries++) {
        if (ask(q, t, err) != 0)
            return -1;
        if (q->pdu.type == SNMP_RESPONSE && (q->m.authentic || !q->c->user.auth))
            return 0;
        int number = q->pdu.type == SNMP_REPORT ? read_report(q, &text, err) : -1;
        if (number != REPORT_CLOCK)
            break;
        q->engine = q->m.engine;
    }
    return err_set(err, ERR_REFUSED, "%s refused the request: %s", q->c->service.host,
                   text ? text : "its answer is not signed");
}

/* --- judging --- */

/* The object of a binding: the same place, and it must have the same OID. */
static const struct object *object_at(const struct snmp_config *c, size_t i, const char *oid)
{
    const struct object *objects = c->objects.at;
    must(i < c->n_oids);
    return i < c->objects.n && strcmp(c->oids[i], oid) == 0 ? &objects[i] : NULL;
}

static void report_value(const struct object *o, const char *oid, const struct snmp_value *v,
                         struct result *r)
{
    const char *name = o && o->name ? o->name : oid;
    const struct label labels[] = {{"oid", arena_strdup(r->arena, oid)},
                                   {"name", arena_strdup(r->arena, o && o->name ? o->name : "")}};
    if (v->is_number)
        result_metric_labels(r, "snmp_value", labels, o && o->name ? 2 : 1, v->num);
    else if (v->exists)
        result_fact(r, arena_printf(r->arena, "snmp_%.80s", name), v->text);
}

static int judge_object(const struct object *o, const struct snmp_value *v, struct err *err)
{
    const char *name = o->name ? o->name : o->oid;
    if (!v->exists)
        return err_set(err, ERR_NOT_FOUND, "there is no object %s", name);
    if (value_check_holds(&o->check, v->text))
        return 0;
    return err_set(err, ERR_INVALID, "%s is \"%.100s\"; want %s %s", name, v->text,
                   value_ops[o->check.op], o->check.value ? o->check.value : "");
}

static int judge(struct asking *q, struct result *r, struct err *err)
{
    struct buf oid = BUF_INIT(SNMP_OID_TEXT);
    char room[32];
    struct snmp_value v = {0};
    const char *said = "";
    size_t i = 0;
    int rc = 0, more = 0;
    if (q->pdu.error_status != 0)
        return err_set(err, ERR_REFUSED, "%s: %s", q->c->service.host,
                       snmp_error_text(q->pdu.error_status, room));
    for (; i < q->c->n_oids && (more = snmp_next(&q->pdu, &oid, &v, q->p->arena, err)) > 0; i++) {
        const struct object *o = object_at(q->c, i, oid.data);
        report_value(o, oid.data, &v, r);
        said = arena_printf(r->arena, "%s%s%.100s", said, i ? ", " : "", v.text);
        if (rc == 0 && q->c->objects.n && !o)
            rc = err_set(err, ERR_PROTOCOL, "the answer is about %.100s, not %.100s", oid.data,
                         q->c->oids[i]);
        else if (rc == 0 && o)
            rc = judge_object(o, &v, err);
    }
    buf_done(&oid);
    if (rc == 0 && more >= 0 && i < q->c->n_oids)
        rc = err_set(err, ERR_PROTOCOL, "%zu objects are missing in the answer", q->c->n_oids - i);
    if (rc == 0 && more >= 0)
        result_ok(r, "SNMP v%s: %s", version_choices[q->c->version], said);
    return rc != 0 || more < 0 ? -1 : 0;
}

static void snmp_run(struct probe *p, struct result *r)
{
    const struct snmp_config *c = p->config;
    struct udp_talk t;
    struct asking q = {.p = p, .c = c};
    struct err err = {0};
    int64_t start = clock_mono_ns();
    if (udp_talk_open(&t, p, &c->service, r) == 0) {
        int rc = c->version == SNMP_V3 ? ask_v3(&q, &t, &err) : ask(&q, &t, &err);
        if (rc != 0 || judge(&q, r, &err) != 0)
            result_fail_err(r, &err);
        if (rc != 0 && err.code == ERR_TIMEOUT && c->version != SNMP_V3)
            r->message =
                arena_printf(r->arena, "%s; a wrong community is not answered either", r->message);
    }
    udp_talk_close(&t);
    result_metric(r, "snmp_up", r->success);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const snmp_schemes[] = {"snmp", NULL};

const struct prober_ops snmp_prober = {
    .type = "snmp",
    .kind = PROBER_NETWORK,
    .title = {"SNMP", "SNMP"},
    .help = {"Asks an agent for objects, by SNMP v1, v2c or v3, and compares their values.",
             "通过 SNMP v1、v2c 或 v3 查询对象并比较其值。"},
    .schemes = snmp_schemes,
    .options = snmp_options,
    .config_size = sizeof(struct snmp_config),
    .default_port = 161,
    .from_url = snmp_from_url,
    .validate = snmp_validate,
    .describe = snmp_describe,
    .run = snmp_run,
};
