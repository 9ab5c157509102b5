/* dns: is a name server available, and does it answer what it should?
 *
 *   for each server: resolve it → connect (udp, tcp, tls) → query → answer; a truncated answer is asked again by tcp
 *
 * Without a name the servers are asked for the root's name servers and any well-formed answer counts. Several
 * servers (or, by default, all of this system's) are asked one after another, each with its share of the time; each one's
 * answer is in the result. The asking is dns_ask.c's. Runs in watchers. */
#include "base/clock.h"

#include <stdio.h>

#include "base/str.h"
#include "probe/dns_ask.h"
#include "probe/dns_expect.h"
#include "probe/probers.h"
#include "probe/url.h"

#define SERVERS_MAX 8
#define SHOWN_MAX   16 /* records in the result's detail, a server */

struct server {
    const char *text; /* as given */
    char host[HOST_SIZE];
    uint16_t port; /* 0: the transport's */
};

struct dns_config {
    struct str_list server;
    const char *name;
    int type, class;
    bool recursion, edns;
    struct dns_way way;
    struct dns_expect expect;
    struct server *servers; /* compiled from server */
};

static const struct option dns_options[] = {
    {"server", OPT_LIST, offsetof(struct dns_config, server), .max = SERVERS_MAX,
     .example = "[10.0.0.51, \"10.0.0.52:5353\"]",
     .help = {"Name servers, host or host:port; none is all of this system's.",
              "域名服务器，可带端口；留空为本机配置的全部服务器。"}},
    {"name", OPT_STRING, offsetof(struct dns_config, name), .max = 1000,
     .example = "shop.example.com",
     .help = {"What to ask for; none only asks whether the server is available.",
              "要查询的名称；留空只检查服务器是否可用。"}},
    {"type", OPT_ENUM, offsetof(struct dns_config, type), .def = "A", .choices = dns_type_choices,
     .help = {"Type of record.", "记录类型。"}},
    {"transport", OPT_ENUM, offsetof(struct dns_config, way.transport), .def = "udp",
     .choices = dns_transport_choices,
     .help = {"How the server is asked.", "查询所用的传输方式。"}},
    {"class", OPT_ENUM, offsetof(struct dns_config, class), .def = "IN",
     .choices = dns_class_choices, .advanced = true,
     .help = {"Class of record; CH asks a server about itself (version.bind).",
              "记录的类；CH 用于查询服务器自身信息(version.bind)。"}},
    {"recursion", OPT_BOOL, offsetof(struct dns_config, recursion), .def = "true", .advanced = true,
     .help = {"Ask the server to look further; off for an authoritative server.",
              "请求递归查询；检查权威服务器时可关闭。"}},
    {"edns", OPT_BOOL, offsetof(struct dns_config, edns), .def = "false", .advanced = true,
     .help = {"Offer EDNS0, answers of up to 1232 bytes by udp.",
              "使用 EDNS0,允许最多 1232 字节的 udp 应答。"}},
    {"ip_version", OPT_ENUM, offsetof(struct dns_config, way.ip_version), .def = "any",
     .choices = ip_version_choices, .advanced = true,
     .help = {"Use only IPv4 or IPv6 to reach the server, or prefer one.",
              "只用 IPv4 或 IPv6 连接服务器，或优先其一。"}},
    {"tcp_fallback", OPT_BOOL, offsetof(struct dns_config, way.tcp_fallback), .def = "true",
     .advanced = true,
     .help = {"Ask again by tcp when a udp answer was cut short.",
              "udp 应答被截断时改用 tcp 再查一次。"}},
    OPTION_SOURCE(struct dns_config, way.source),
    {"tls", OPT_SECTION, offsetof(struct dns_config, way.tls), .sub = tls_section_options,
     .advanced = true, .help = {"How TLS is spoken and judged.", "TLS 的参数与判断。"}},
    {"expect", OPT_SECTION, offsetof(struct dns_config, expect), .sub = dns_expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* dns://server[:port][,server…][/name][?type=A&…] */
static struct node *dns_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    if (url_parse(text, a, &u, err) != 0)
        return NULL;
    struct node *map = node_map(a), *servers = node_list(a);
    struct str rest = str_of(u.host), one;
    bool v6 = strchr(u.host, ':') && !strchr(u.host, ',');
    if (v6 || u.port)
        node_append(servers, node_text(a, arena_printf(a, v6 ? "[%s]:%u" : "%s:%u", u.host,
                                                       u.port ? u.port : 53)));
    else
        while (*u.host && str_next(&rest, ',', &one))
            node_append(servers, node_text(a, arena_strndup(a, one.p, one.n)));
    if (servers->count)
        node_put(map, a, "server", servers);
    if (u.path[0] == '/' && u.path[1])
        node_put(map, a, "name", node_text(a, u.path + 1));
    return url_query_into(&u, map, a, err) == 0 ? map : NULL;
}

/* --- making ready --- */

static void read_servers(struct dns_config *c, struct arena *a, struct problems *p,
                         const char *path)
{
    char field[200];
    c->servers = arena_array_of(a, struct server, c->server.n + 1);
    for (size_t i = 0; i < c->server.n; i++) {
        struct server *s = &c->servers[i];
        struct err err = {0};
        snprintf(field, sizeof(field), "%s%sserver[%zu]", path, *path ? "." : "", i);
        s->text = c->server.at[i];
        if (hostport_parse(s->text, s->host, sizeof(s->host), &s->port, &err) != 0)
            problem_add(p, NULL, field, "%s", err.msg);
    }
}

static void dns_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct dns_config *c = config;
    struct err err = {0};
    char field[200];
    read_servers(c, a, p, path);
    snprintf(field, sizeof(field), "%s%sname", path, *path ? "." : "");
    if (c->name && dns_check_name(c->name, &err) != 0)
        problem_add(p, NULL, field, "%s", err.msg);
    dns_expect_validate(&c->expect, c->name != NULL, a, p, path);
    c->way.all_sections = dns_expect_needs_all(&c->expect);
    source_validate(c->way.source, p, path);
}

static void dns_describe(const void *config, struct buf *out)
{
    const struct dns_config *c = config;
    if (c->name)
        buf_printf(out, "%s %s", c->name, dns_type_choices[c->type]);
    for (size_t i = 0; i < c->server.n; i++)
        buf_printf(out, "%s%s", i ? ", " : c->name ? " @" : "", c->server.at[i]);
    if (!c->name && !c->server.n)
        buf_puts(out, "the system's name servers");
}

/* --- all servers --- */

static int make_question(struct dns_question *q, const struct dns_config *c, struct err *err)
{
    q->q = (struct dns_query){
        .name = c->name ? c->name : ".",
        .type = c->name ? dns_type_code(c->type) : DNS_TYPE_NS,
        .class = dns_class_code(c->class),
        .recursion = c->recursion,
        .edns = c->edns,
    };
    return dns_question_ready(q, err);
}

static void ask_one(struct dns_question *q, const struct dns_config *c, const struct server *s,
                    struct dns_asked *a)
{
    struct err err = {0};
    int64_t start = clock_mono_ns();
    a->server = s->text;
    int rc = dns_ask(q, s->host, s->port, a, &err);
    a->total_ns = clock_mono_ns() - start;
    if (rc == 0)
        rc = dns_expect_judge(&c->expect, c->name != NULL, q->q.type, &a->m, q->p->arena, &err);
    a->good = rc == 0;
    if (rc == 0)
        return;
    must(err.msg[0] != '\0');
    bool silent = err.code == ERR_TIMEOUT && streq(err.msg, "the deadline passed");
    a->message = silent ? "no answer in time" : arena_strdup(q->p->arena, err.msg);
}

static int system_servers(struct probe *p, struct server **out)
{
    char text[SERVERS_MAX][ADDR_TEXT];
    int n = resolver_servers(p->env->resolver, text, SERVERS_MAX);
    struct server *s = arena_array_of(p->arena, struct server, n + 1);
    *out = s;
    int good = 0;
    for (int i = 0; i < n; i++) {
        s[good].text = arena_strdup(p->arena, text[i]);
        good +=
            hostport_parse(text[i], s[good].host, sizeof(s[good].host), &s[good].port, NULL) == 0;
    }
    return good;
}

static void answer_json(struct json *j, const struct dns_asked *a)
{
    char room[ADDR_TEXT];
    json_obj(j);
    json_kstr(j, "server", a->server);
    json_kstr(j, "address", a->used.sa.sa_family ? addr_ip(&a->used, room) : "");
    json_kbool(j, "success", a->good);
    if (a->message)
        json_kstr(j, "message", a->message);
    json_kf64(j, "latency_ms", (double)(a->total_ns / 1000) / 1000);
    if (a->answered) {
        json_kstr(j, "rcode", dns_rcode_name(a->m.rcode, room));
        json_kbool(j, "authoritative", a->m.authoritative);
        json_karr(j, "answers");
        for (int i = 0; i < a->m.n_kept && i < SHOWN_MAX; i++) {
            const struct dns_rr *rr = &a->m.answers[i];
            json_obj(j);
            json_kstr(j, "name", rr->name);
            json_kstr(j, "type", dns_type_name(rr->type, room));
            json_kuint(j, "ttl", rr->ttl);
            json_kstr(j, "value", rr->value);
            json_end(j);
        }
        json_end(j);
    }
    json_end(j);
}

static const char *detail_json(const struct dns_asked *at, int n, struct arena *a)
{
    struct buf out = BUF_INIT(8192);
    struct json j = json_start(&out);
    json_obj(&j);
    json_karr(&j, "dns_servers");
    for (int i = 0; i < n; i++)
        answer_json(&j, &at[i]);
    json_end(&j);
    json_end(&j);
    const char *text = out.failed ? NULL : arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

static void phase(struct result *r, const char *name, int64_t ns)
{
    result_metric_label(r, "probe_dns_duration_seconds", "phase", name, (double)ns / 1e9);
}

/* Of the server that the result is about: the first that failed, else the slowest. */
static void add_metrics(const struct dns_asked *a, struct result *r)
{
    r->resolve_us = a->resolve_ns / 1000;
    result_set_address(r, &a->used);
    result_metric(r, "probe_dns_lookup_time_seconds", (double)a->resolve_ns / 1e9);
    phase(r, "resolve", a->resolve_ns);
    phase(r, "connect", a->connect_ns);
    phase(r, "request", a->request_ns);
    result_metric(r, "probe_dns_query_succeeded", a->answered);
    if (!a->answered)
        return;
    result_metric(r, "probe_dns_answer_rrs", a->m.n_answers);
    result_metric(r, "probe_dns_authority_rrs", a->m.n_authority);
    result_metric(r, "probe_dns_additional_rrs", a->m.n_additional);
    if (a->m.has_serial && a->m.question_type == DNS_TYPE_SOA)
        result_metric(r, "probe_dns_serial", a->m.serial);
}

static void add_each(const struct dns_asked *at, int n, struct result *r)
{
    for (int i = 0; i < n; i++) {
        const char *server =
            arena_strdup(r->arena, at[i].server); /* may outlive the configuration */
        result_metric_label(r, "probe_dns_server_success", "server", server, at[i].good);
        result_metric_label(r, "probe_dns_server_duration_seconds", "server", server,
                            (double)at[i].total_ns / 1e9);
    }
}

/* "shop.example A: ", or nothing. */
static const char *question(const struct dns_config *c, struct arena *a)
{
    return c->name ? arena_printf(a, "%s %s: ", c->name, dns_type_choices[c->type]) : "";
}

static void judge(const struct dns_config *c, const struct dns_asked *at, int n,
                  const struct dns_asked *about, struct result *r)
{
    int good = 0;
    for (int i = 0; i < n; i++)
        good += at[i].good;
    bool enough = good == n || (good > 0 && c->expect.servers == DNS_NEED_ANY);
    const char *asked = question(c, r->arena);
    if (!enough && n == 1)
        result_fail(r, "%s: %s%s", about->server, asked, about->message);
    else if (!enough)
        result_fail(r, "%d of %d servers failed: %s: %s%s", n - good, n, about->server, asked,
                    about->message);
    for (int i = 0; i < n && enough; i++)
        if (!at[i].good)
            result_warn(r, "%s: %s%s", at[i].server, asked, at[i].message);
    expect_latency(r, c->expect.max_latency_ms, (enum latency_action)c->expect.max_latency_action);
    if (!r->success)
        return;
    char who[40], code[16];
    snprintf(who, sizeof(who), "%d servers", good);
    const char *from = good == 1 ? about->server : who;
    if (!c->name)
        result_ok(r, "%s answered", from);
    else
        result_ok(r, "%s answered %s %s: %s", from, c->name, dns_type_choices[c->type],
                  about->m.n_kept ? dns_values_text(&about->m, r->arena)
                                  : dns_rcode_name(about->m.rcode, code));
}

static void judge_conditions(const struct dns_config *c, const struct dns_asked *about,
                             struct result *r)
{
    char room[16];
    struct condition_facts facts = condition_facts_of(r);
    facts.connected = about->answered;
    if (about->answered) {
        facts.dns_rcode = dns_rcode_name(about->m.rcode, room);
        facts.body = dns_last_value(&about->m, r->arena);
    }
    conditions_judge_good(c->expect.compiled, &facts, r);
}

/* The one that the result is about. */
static const struct dns_asked *pick(const struct dns_asked *at, int n, bool any_will_do)
{
    const struct dns_asked *slowest = NULL, *failed = NULL;
    for (int i = 0; i < n; i++) {
        if (!at[i].good && !failed)
            failed = &at[i];
        if (at[i].good && (!slowest || at[i].total_ns > slowest->total_ns))
            slowest = &at[i];
    }
    return failed && (!any_will_do || !slowest) ? failed : slowest;
}

static void dns_run(struct probe *p, struct result *r)
{
    const struct dns_config *c = p->config;
    struct dns_question *q = arena_new_of(p->arena, struct dns_question);
    struct server *servers = c->servers;
    struct err err = {0};
    *q = (struct dns_question){.p = p, .way = &c->way, .r = r};
    int n = c->server.n ? (int)c->server.n : system_servers(p, &servers);
    if (n == 0) {
        result_fail(r, "this system has no name server configured");
        return;
    }
    must(n <= SERVERS_MAX);
    if (make_question(q, c, &err) != 0) {
        result_fail_err(r, &err);
        return;
    }
    struct dns_asked *at = arena_array_of(p->arena, struct dns_asked, n);
    for (int i = 0; i < n; i++) {
        int64_t now = clock_mono_ns();
        q->deadline_ns = now + (p->deadline_ns - now) / (n - i);
        ask_one(q, c, &servers[i], &at[i]);
    }
    /* with at least one server there is a failed or a good one */
    const struct dns_asked *about = pick(at, n, c->expect.servers == DNS_NEED_ANY);
    must(about != NULL && about->total_ns >= 0);
    r->latency_us = about->total_ns / 1000;
    add_metrics(about, r);
    if (n > 1)
        add_each(at, n, r);
    if (!r->detail_json)
        r->detail_json = detail_json(at, n, p->arena);
    judge(c, at, n, about, r);
    judge_conditions(c, about, r);
}

static const char *const dns_schemes[] = {"dns", NULL};

const struct prober_ops dns_prober = {
    .type = "dns",
    .kind = PROBER_NETWORK,
    .title = {"DNS", "DNS"},
    .help = {"Asks name servers: are they available, and is their answer right?",
             "查询域名服务器：是否可用，解析是否正确。"},
    .schemes = dns_schemes,
    .options = dns_options,
    .config_size = sizeof(struct dns_config),
    .default_port = 53,
    .from_url = dns_from_url,
    .validate = dns_validate,
    .describe = dns_describe,
    .run = dns_run,
};
