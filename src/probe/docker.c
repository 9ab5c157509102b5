/* docker, podman: a container, asked of its engine over the Unix socket, or over TCP of another machine's (Docker Engine API, "Inspect a container" and "Get container
 * stats based on resource usage"; Podman speaks the same). Names of metrics are cAdvisor's. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/common.h"
#include "probe/facts.h"
#include "probe/probers.h"
#include "probe/url.h"

#define ANSWER_MAX ((size_t)1 << 20)
#define PLAIN_PORT 2375
#define TLS_PORT   2376

struct docker_expect {
    const char *state;
    bool healthy;
    int64_t max_restarts, min_uptime_ms;
    double max_memory;
};

struct docker_config {
    const char *container, *socket;
    const char *host; /* tcp://HOST:PORT; NULL: the socket */
    const char *base; /* of the addresses that are asked: "http://localhost" */
    bool use_tls, stats;
    struct tls_section tls;
    struct docker_expect expect;
};

#define EXPECT(field) offsetof(struct docker_expect, field)

static const char *const states[] = {"running", "exited", "paused", "created", NULL};

static const struct option expect_options[] = {
    {"state", OPT_STRING, EXPECT(state), .def = "running", .choices = states, .max = 40,
     .help = {"The state that it must be in.", "应处的状态。"}},
    {"healthy", OPT_BOOL, EXPECT(healthy), .def = "false",
     .help =
         {"It must have a health check and be healthy; without that, only one that fails is down.",
          "必须有健康检查且为 healthy；否则仅在健康检查失败时视为故障。"}},
    {"max_restarts", OPT_INT, EXPECT(max_restarts), .def = "0", .min = 0, .max = 1e9,
     .help = {"More restarts by the engine are degraded; 0 is off.",
              "引擎自动重启超过此次数为降级；0 表示不检查。"}},
    {"min_uptime", OPT_DURATION, EXPECT(min_uptime_ms),
     .help = {"Running for less is degraded: it was restarted.", "运行不足此时间为降级。"}},
    {"max_memory", OPT_F64, EXPECT(max_memory), .def = "95", .min = 0, .max = 100, .unit = "%",
     .help = {"More of its memory limit in use is degraded; 0 is off.",
              "内存用量超过其上限的此百分比为降级；0 表示不检查。"}},
    OPTION_END,
};

#define DOCKER_OPTIONS(table, where)                                                              \
    static const struct option table[] = {                                                        \
        {"container", OPT_STRING, offsetof(struct docker_config, container), .required = true,    \
         .min = 1, .max = 200, .example = "shop-db", .help = {"Its name or id.", "名称或 id。"}}, \
        {"socket", OPT_STRING, offsetof(struct docker_config, socket), .def = where, .max = 100,  \
         .advanced = true,                                                                        \
         .help = {"The engine's Unix socket; Belfry's user must be allowed to use it.",           \
                  "引擎的 Unix 套接字；运行 Belfry 的用户须有权限。"}},                           \
        {"host", OPT_STRING, offsetof(struct docker_config, host), .max = 300, .advanced = true,  \
         .example = "tcp://10.0.0.9:2376",                                                        \
         .help = {"The engine of another machine instead, as DOCKER_HOST has it.",                \
                  "改为询问另一台机器的引擎，写法同 DOCKER_HOST。"}},                             \
        {"tls", OPT_BOOL, offsetof(struct docker_config, use_tls), .def = "false",                \
         .advanced = true, .help = {"Speak TLS with that host.", "与该主机使用 TLS。"}},          \
        {"tls_options", OPT_SECTION, offsetof(struct docker_config, tls),                         \
         .sub = tls_section_options, .advanced = true,                                            \
         .help = {"How TLS is spoken and judged; engines usually want a client certificate.",     \
                  "TLS 的参数与判断；引擎通常要求客户端证书。"}},                                 \
        {"stats", OPT_BOOL, offsetof(struct docker_config, stats), .def = "true",                 \
         .advanced = true,                                                                        \
         .help = {"Also asks for its use of memory and processors.",                              \
                  "同时查询内存与处理器用量。"}},                                                 \
        {"expect", OPT_SECTION, offsetof(struct docker_config, expect), .sub = expect_options,    \
         .help = {"What counts as good.", "怎样算正常。"}},                                       \
        OPTION_END,                                                                               \
    }

DOCKER_OPTIONS(docker_options, "/var/run/docker.sock");
DOCKER_OPTIONS(podman_options, "/run/podman/podman.sock");

/* docker:///name?socket=… */
static struct node *docker_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = node_map(a);
    if (url_parse(text, a, &u, err) != 0 || url_query_into(&u, map, a, err) != 0)
        return NULL;
    const char *name = *u.host ? u.host : *u.path == '/' ? u.path + 1 : u.path;
    if (!*name) {
        err_set(err, ERR_MALFORMED, "no container in \"%.100s\"; want %s:///name", text, u.scheme);
        return NULL;
    }
    node_put(map, a, "container", node_text(a, name));
    return map;
}

/* tcp://HOST:PORT → http://HOST:PORT; https:// asks for TLS, too. NULL: it is no such address. */
static const char *base_of(struct docker_config *c, struct arena *a)
{
    struct url u;
    if (!c->host)
        return "http://localhost"; /* which curl wants and the socket does not see */
    if (url_parse(c->host, a, &u, NULL) != 0 || !*u.host || u.query || strlen(u.path) > 1)
        return NULL;
    bool https = streq(u.scheme, "https");
    if (!https && !streq(u.scheme, "tcp") && !streq(u.scheme, "http"))
        return NULL;
    c->use_tls = c->use_tls || https;
    int port = u.port ? u.port : c->use_tls ? TLS_PORT : PLAIN_PORT;
    return arena_printf(a, strchr(u.host, ':') ? "%s://[%s]:%d" : "%s://%s:%d",
                        c->use_tls ? "https" : "http", u.host, port);
}

static void docker_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    struct docker_config *c = config;
    const char *dot = *path ? "." : "";
    c->base = base_of(c, a);
    if (!c->base)
        problem_add(p, NULL, arena_printf(a, "%s%shost", path, dot),
                    "got \"%.100s\"; want tcp://HOST:PORT", c->host);
    if (!c->host && c->use_tls)
        problem_add(p, NULL, arena_printf(a, "%s%stls", path, dot),
                    "got TLS without host; the socket speaks none");
    if (c->container[strspn(c->container, allowed)] || *c->container == '.')
        problem_add(p, NULL, arena_printf(a, "%s%scontainer", path, dot),
                    "got \"%.100s\"; want a container's name or id", c->container);
    if (*c->socket != '/')
        problem_add(p, NULL, arena_printf(a, "%s%ssocket", path, dot),
                    "got \"%.100s\"; want an absolute path", c->socket);
}

static void docker_describe(const void *config, struct buf *out)
{
    const struct docker_config *c = config;
    must(c->container != NULL);
    buf_puts(out, c->container);
    if (c->host)
        buf_printf(out, "@%s", strstr(c->host, "://") + 3);
}

/* --- reading the documents --- */

static const struct node *at(const struct node *n, const char *a, const char *b)
{
    n = n ? node_get(n, a) : NULL;
    return n && b ? node_get(n, b) : n;
}

static const char *text_at(const struct node *doc, const char *a, const char *b)
{
    const struct node *n = at(doc, a, b);
    return n && n->kind == NODE_TEXT ? n->text.p : "";
}

static bool flag_at(const struct node *doc, const char *a, const char *b)
{
    const struct node *n = at(doc, a, b);
    return n && n->kind == NODE_BOOL && n->flag;
}

/* NAN: there is none. */
static double number_at(const struct node *doc, const char *a, const char *b)
{
    const struct node *n = at(doc, a, b);
    if (n && n->kind == NODE_INT)
        return (double)n->num;
    return n && n->kind == NODE_F64 ? n->f64 : NAN;
}

static void take_peer(const struct docker_config *c, const struct http_response *resp,
                      struct result *r)
{
    r->address = c->socket;
    if (!c->host)
        return;
    r->resolve_us = resp->resolve_ns / 1000;
    result_set_address(r, &resp->peer);
    if (c->use_tls)
        result_add_tls(r, &resp->tls, c->tls.expiry_warning_ms);
}

/* The document at path; NULL: *err says why. The first call takes address and certificate into *r; r may be NULL. */
static const struct node *ask(struct probe *p, const struct docker_config *c, const char *path,
                              int *status, struct result *r, struct err *err)
{
    struct http_response resp = {0};
    struct http_request req = {
        .url = arena_printf(p->arena, "%s/containers/%s/%s", c->base, c->container, path),
        .unix_socket = c->host ? NULL : c->socket,
        .tls = tls_section_apply(&c->tls, NULL),
        .want_certs = c->use_tls && r,
        .max_body = ANSWER_MAX,
        .past_max_is_error = true,
        .connect_deadline_ns = p->connect_deadline_ns,
        .deadline_ns = p->deadline_ns};
    const struct node *doc = NULL;
    if (http_fetch(p->env->http, &req, p->arena, &resp, err) == 0 && resp.body.data)
        doc = node_from_json(p->arena, resp.body.data, resp.body.len, err);
    else if (err->code == ERR_OK)
        err_set(err, ERR_PROTOCOL, "an empty answer");
    *status = resp.status;
    if (r)
        take_peer(c, &resp, r);
    http_response_done(&resp);
    must(doc != NULL || err->code != ERR_OK);
    return doc;
}

/* --- judging --- */

static void judge_health(const struct docker_config *c, const struct node *state, struct result *r)
{
    const struct node *health = at(state, "Health", NULL);
    const char *is = text_at(health, "Status", NULL);
    const struct node *log = at(health, "Log", NULL), *last = NULL;
    bool has = *is && !streq(is, "none");
    for (const struct node *n = log && log->kind == NODE_LIST ? log->first : NULL; n; n = n->next)
        last = n;
    const char *said = text_at(last, "Output", NULL);
    if (has)
        result_metric(r, "probe_container_healthy", streq(is, "healthy"));
    if (streq(is, "unhealthy"))
        result_fail(r, "%s is unhealthy%s%.300s", c->container, *said ? ": " : "", said);
    else if (streq(is, "starting") && c->expect.healthy)
        result_fail(r, "%s is not healthy yet: its health check is starting", c->container);
    else if (streq(is, "starting"))
        result_warn(r, "the health check of %s is starting", c->container);
    else if (!has && c->expect.healthy)
        result_fail(r, "%s has no health check", c->container);
}

static void judge_state(const struct docker_config *c, const struct node *doc, struct result *r)
{
    const struct node *state = at(doc, "State", NULL);
    const char *is = text_at(state, "Status", NULL), *error = text_at(state, "Error", NULL);
    double code = number_at(state, "ExitCode", NULL);
    bool ended = streq(is, "exited") || streq(is, "dead");
    result_metric(r, "probe_container_running", flag_at(state, "Running", NULL));
    if (!*is)
        result_fail(r, "the engine did not tell the state of %s", c->container);
    else if (!streq(is, c->expect.state) && ended)
        result_fail(r, "%s is %s, exit code %.0f%s%s%.200s", c->container, is,
                    isnan(code) ? -1 : code,
                    flag_at(state, "OOMKilled", NULL) ? ", killed for lack of memory" : "",
                    *error ? ": " : "", error);
    else if (!streq(is, c->expect.state))
        result_fail(r, "%s is %s; want %s", c->container, is, c->expect.state);
    if (ended && !isnan(code))
        result_metric(r, "probe_container_exit_code", code);
    if (streq(is, "running"))
        judge_health(c, state, r);
}

/* Since when it runs, in seconds; -1: it does not. */
static double uptime_s(const struct node *doc)
{
    int64_t started_ms;
    const char *text = text_at(doc, "State", "StartedAt");
    if (!flag_at(doc, "State", "Running") || time_parse(str_of(text), &started_ms, NULL) != 0)
        return -1;
    return (double)(clock_wall_ms() - started_ms) / 1000;
}

static void judge_restarts(const struct docker_config *c, const struct node *doc, struct result *r)
{
    double restarts = number_at(doc, "RestartCount", NULL), up = uptime_s(doc);
    if (!isnan(restarts))
        result_metric(r, "probe_container_restarts", restarts);
    if (up >= 0)
        result_metric(r, "container_start_time_seconds", (double)clock_wall_ms() / 1000 - up);
    if (c->expect.max_restarts && restarts > (double)c->expect.max_restarts)
        result_warn(r, "the engine restarted %s %.0f times; want at most %lld", c->container,
                    restarts, (long long)c->expect.max_restarts);
    if (c->expect.min_uptime_ms && up >= 0 && up * 1000 < (double)c->expect.min_uptime_ms)
        result_warn(r, "%s runs for %.0f s; want at least %.0f s", c->container, up,
                    (double)c->expect.min_uptime_ms / 1000);
}

/* As `docker stats` counts: without the page cache that can be given back. */
static void judge_stats(const struct docker_config *c, const struct node *doc, struct result *r)
{
    const struct node *memory = at(doc, "memory_stats", NULL);
    double usage = number_at(memory, "usage", NULL), limit = number_at(memory, "limit", NULL);
    double cache = number_at(memory, "stats", "inactive_file");
    double cpu_ns = number_at(at(doc, "cpu_stats", "cpu_usage"), "total_usage", NULL);
    double set = usage - (isnan(cache) ? 0 : cache);
    char have[BYTES_TEXT], all[BYTES_TEXT];
    if (!isnan(cpu_ns))
        result_metric(r, "container_cpu_usage_seconds_total", cpu_ns / 1e9);
    if (isnan(usage))
        return;
    result_metric(r, "container_memory_usage_bytes", usage);
    result_metric(r, "container_memory_working_set_bytes", set);
    if (isnan(limit) || limit <= 0)
        return;
    result_metric(r, "container_spec_memory_limit_bytes", limit);
    if (c->expect.max_memory > 0 && percent_of(set, limit) > c->expect.max_memory)
        result_warn(r, "%s uses %s of %s memory; want at most %.0f %%", c->container,
                    bytes_text(set, have), bytes_text(limit, all), c->expect.max_memory);
}

static void tell_ok(const struct docker_config *c, const struct node *doc, struct result *r)
{
    const char *image = text_at(doc, "Config", "Image");
    double up = uptime_s(doc);
    const char *is = text_at(at(doc, "State", "Health"), "Status", NULL);
    if (*image)
        result_fact(r, "container_image", image);
    result_ok(r, "%s is %s%s%s%s", c->container, text_at(doc, "State", "Status"),
              *is && !streq(is, "none") ? ", " : "", streq(is, "none") ? "" : is,
              up >= 0 ? arena_printf(r->arena, ", for %.1f h, %.60s", up / 3600, image) : "");
}

static void docker_run(struct probe *p, struct result *r)
{
    const struct docker_config *c = p->config;
    struct err err = {0};
    int status = 0;
    const struct node *doc = ask(p, c, "json", &status, r, &err);
    if (status == 404)
        result_fail(r, "there is no container %s", c->container);
    else if (doc && status != 200)
        result_fail(r, "the engine answered %d: %.300s", status, text_at(doc, "message", NULL));
    else if (!doc)
        result_fail(r, "the engine at %s: %s", c->host ? c->host : c->socket, err.msg);
    if (!r->success)
        return;
    judge_state(c, doc, r);
    judge_restarts(c, doc, r);
    if (c->stats && flag_at(doc, "State", "Running")) {
        const struct node *stats =
            ask(p, c, "stats?stream=false&one-shot=true", &status, NULL, &err);
        if (stats && status == 200)
            judge_stats(c, stats, r);
        else
            result_warn(r, "its use of memory is not known: %s",
                        stats ? text_at(stats, "message", NULL) : err.msg);
    }
    tell_ok(c, doc, r);
}

static const char *const docker_schemes[] = {"docker", NULL};
static const char *const podman_schemes[] = {"podman", NULL};

const struct prober_ops docker_prober = {
    .type = "docker",
    .kind = PROBER_HOST,
    .title = {"Docker container", "Docker 容器"},
    .help = {"Whether a container runs and is healthy, and what it uses.",
             "容器是否运行且健康，及其资源用量。"},
    .schemes = docker_schemes,
    .options = docker_options,
    .config_size = sizeof(struct docker_config),
    .from_url = docker_from_url,
    .validate = docker_validate,
    .describe = docker_describe,
    .run = docker_run,
};

const struct prober_ops podman_prober = {
    .type = "podman",
    .kind = PROBER_HOST,
    .title = {"Podman container", "Podman 容器"},
    .help = {"The same of Podman's containers.", "同上，用于 Podman 容器。"},
    .schemes = podman_schemes,
    .options = podman_options,
    .config_size = sizeof(struct docker_config),
    .from_url = docker_from_url,
    .validate = docker_validate,
    .describe = docker_describe,
    .run = docker_run,
};
