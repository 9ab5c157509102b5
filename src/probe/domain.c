/* domain: when does the registration of a domain end? The registry is asked by RDAP (RFC 9082, 9083), or by whois (RFC 3912)
 * where a registry has no RDAP. Registries ban who asks often, so a watcher remembers the answer for `remember`. */
#include "base/clock.h"
#include "base/str.h"
#include "probe/condition.h"
#include "probe/memo.h"
#include "probe/probers.h"
#include "probe/service.h"
#include "probe/whois.h"

#define ANSWER_MAX ((size_t)256 << 10)
#define REFERS_MAX 3
#define DAY_MS     INT64_C(86400000)
#define METHODS(X) X(AUTO, "auto") X(RDAP, "rdap") X(WHOIS, "whois")

enum method {
#define X(name, text) BY_##name,
    METHODS(X)
#undef X
};

struct domain_expect {
    int64_t warning_ms, failure_ms;
    struct str_list conditions;
    struct conditions *compiled;
};

struct domain_config {
    const char *domain, *rdap_url, *whois_server;
    int method;
    int64_t remember_ms;
    struct tls_section tls;
    struct domain_expect expect;
};

static const char *const methods[] = {
#define X(name, text) text,
    METHODS(X)
#undef X
        NULL,
};

static const struct option expect_options[] = {
    EXPECT_CONDITIONS(struct domain_expect),
    {"expiry_warning", OPT_DURATION, offsetof(struct domain_expect, warning_ms), .def = "30d",
     .help = {"Degraded when the registration ends sooner than this.",
              "注册在此时间内到期则为降级。"}},
    {"expiry_failure", OPT_DURATION, offsetof(struct domain_expect, failure_ms), .def = "7d",
     .help = {"Down when it ends sooner than this.", "注册在此时间内到期则为故障。"}},
    OPTION_END,
};

static const struct option domain_options[] = {
    {"domain", OPT_STRING, offsetof(struct domain_config, domain), .required = true, .max = 253,
     .example = "example.com", .help = {"The registered domain.", "已注册的域名。"}},
    {"method", OPT_ENUM, offsetof(struct domain_config, method), .def = "auto", .choices = methods,
     .help = {"How the registry is asked; auto is RDAP, then whois.",
              "查询方式；auto 先 RDAP 后 whois。"}},
    {"rdap_url", OPT_STRING, offsetof(struct domain_config, rdap_url), .def = "https://rdap.org/",
     .max = 1000, .advanced = true,
     .help = {"RDAP server; domain/NAME is added.", "RDAP 服务器，会追加 domain/域名。"}},
    {"whois_server", OPT_STRING, offsetof(struct domain_config, whois_server),
     .def = "whois.iana.org:43", .max = 255, .advanced = true,
     .help = {"First whois server; its reference is followed.",
              "首个 whois 服务器，会跟随其指向。"}},
    {"remember", OPT_DURATION, offsetof(struct domain_config, remember_ms), .def = "6h",
     .max = 7 * 86400000.0, .advanced = true,
     .help = {"How long an answer of the registry is good for.", "注册局应答的缓存时间。"}},
    {"tls", OPT_SECTION, offsetof(struct domain_config, tls), .sub = tls_section_options,
     .advanced = true,
     .help = {"How TLS is spoken to the RDAP server.", "与 RDAP 服务器的 TLS 参数。"}},
    {"expect", OPT_SECTION, offsetof(struct domain_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* domain://example.com */
static struct node *domain_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    if (url_parse(text, a, &u, err) != 0)
        return NULL;
    struct node *map = node_map(a);
    node_put(map, a, "domain", node_text(a, u.host));
    return url_query_into(&u, map, a, err) == 0 ? map : NULL;
}

static void domain_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct domain_config *c = config;
    bool plain = strchr(c->domain, '.') != NULL;
    for (const char *s = c->domain; *s; s++)
        plain = plain && (unsigned char)*s > ' ' && !strchr("/:@?#\\", *s) && *s != 0x7f;
    char host[HOST_SIZE];
    uint16_t port = WHOIS_PORT;
    struct err err = {0};
    c->expect.compiled = conditions_compile(&c->expect.conditions, a, p, path);
    if (hostport_parse(c->whois_server, host, sizeof(host), &port, &err) != 0)
        problem_add(p, NULL, path, "whois_server: %s", err.msg);
    if (!plain)
        problem_add(p, NULL, path,
                    "domain: got \"%.80s\"; want a registered name such as example.com", c->domain);
    if (!str_starts(str_of(c->rdap_url), STR("http")))
        problem_add(p, NULL, path, "rdap_url: got \"%.80s\"; want https://HOST/", c->rdap_url);
    if (c->expect.failure_ms > c->expect.warning_ms)
        problem_add(p, NULL, path,
                    "expect: expiry_failure is longer than expiry_warning; want it shorter");
}

static void domain_describe(const void *config, struct buf *out)
{
    buf_puts(out, ((const struct domain_config *)config)->domain);
}

static int ask_rdap(struct probe *p, struct registration *out, struct err *err)
{
    const struct domain_config *c = p->config;
    static const struct http_header accept = {"Accept", "application/rdap+json, application/json"};
    struct http_response resp;
    bool slash = str_ends(str_of(c->rdap_url), STR("/"));
    struct http_request req = {
        .url = arena_printf(p->arena, "%s%sdomain/%s", c->rdap_url, slash ? "" : "/", c->domain),
        .headers = &accept,
        .n_headers = 1,
        .follow_redirects = true, /* rdap.org sends people on to the registry */
        .tls = tls_section_apply(&c->tls, NULL),
        .max_body = ANSWER_MAX,
        .past_max_is_error = true,
        .connect_deadline_ns = p->connect_deadline_ns,
        .deadline_ns = p->deadline_ns,
    };
    int rc = http_fetch(p->env->http, &req, p->arena, &resp, err);
    if (rc == 0 && resp.status == 404)
        rc = err_set(err, ERR_NOT_FOUND, "%s is not registered, says %s", c->domain,
                     resp.effective_url);
    else if (rc == 0 && resp.status != 200)
        rc = err_set(err, ERR_PROTOCOL, "HTTP status %d from %s", resp.status, resp.effective_url);
    else if (rc == 0)
        rc = rdap_read((struct str){resp.body.data ? resp.body.data : "", resp.body.len}, p->arena,
                       out, err);
    http_response_done(&resp);
    return rc;
}

/* One question to one whois server, "host" or "host:port". */
static int whois_once(struct probe *p, const char *server, struct buf *answer, struct err *err)
{
    const struct domain_config *c = p->config;
    struct resolved to;
    struct addr used;
    char host[HOST_SIZE];
    uint16_t port = WHOIS_PORT;
    if (hostport_parse(server, host, sizeof(host), &port, err) != 0)
        return err_prefix(err, "whois server");
    if (resolve(p->env->resolver, host, port, IP_ANY, p->connect_deadline_ns, &to, err) != 0)
        return -1;
    struct stream *s = stream_connect_any(&to, p->connect_deadline_ns, &used, err);
    if (!s)
        return -1;
    const char *line = arena_printf(p->arena, "%s\r\n", c->domain);
    int rc = stream_write(s, line, strlen(line), p->deadline_ns, err);
    ssize_t got = 1;
    while (rc == 0 && got > 0 && buf_reserve(answer, 4096)) {
        got = stream_read(s, answer->data + answer->len, 4096, p->deadline_ns, err);
        rc = got < 0 ? -1 : 0;
        answer->len += got > 0 ? (size_t)got : 0;
    }
    stream_close(&s);
    if (rc == 0 && answer->failed)
        return err_set(err, ERR_TOO_LARGE, "the whois answer is longer than %zu bytes", ANSWER_MAX);
    return rc;
}

static int ask_whois(struct probe *p, struct registration *out, struct err *err)
{
    const struct domain_config *c = p->config;
    struct buf answer = BUF_INIT(ANSWER_MAX);
    const char *server = c->whois_server;
    int rc = 0;
    for (int i = 0; rc == 0 && server && i <= REFERS_MAX; i++) {
        buf_clear(&answer);
        rc = whois_once(p, server, &answer, err);
        server = rc == 0 ? whois_refer((struct str){answer.data, answer.len}, p->arena) : NULL;
    }
    if (rc == 0)
        rc = whois_read((struct str){answer.data, answer.len}, p->arena, out, err);
    buf_done(&answer);
    return rc;
}

static int ask(struct probe *p, struct registration *out, struct err *err)
{
    const struct domain_config *c = p->config;
    struct err first = {0};
    if (c->method == BY_WHOIS)
        return ask_whois(p, out, err);
    int rc = ask_rdap(p, out, &first);
    if (rc == 0 && out->ends_ms == 0)
        rc =
            err_set(&first, ERR_PROTOCOL, "the registry's answer names no end of the registration");
    if (rc == 0 || first.code == ERR_NOT_FOUND || c->method == BY_RDAP) {
        *err = first;
        return rc;
    }
    rc = ask_whois(p, out, err);
    if (rc != 0)
        err_prefix(err, "RDAP: %s; whois", first.msg);
    return rc;
}

/* "ENDS_MS REGISTRAR", as the memo keeps it. */
static bool recall(struct probe *p, struct registration *out)
{
    const struct domain_config *c = p->config;
    const char *text = memo_get(p->env->memo, arena_printf(p->arena, "domain %s", c->domain),
                                clock_mono_ns(), p->arena);
    struct str ends, registrar;
    if (!text || !str_cut(str_of(text), ' ', &ends, &registrar))
        return false;
    *out = (struct registration){.registrar = registrar.p, .status = ""};
    return str_to_i64(ends, &out->ends_ms, NULL) == 0;
}

static void remember(struct probe *p, const struct registration *known)
{
    const struct domain_config *c = p->config;
    memo_put(p->env->memo, arena_printf(p->arena, "domain %s", c->domain),
             arena_printf(p->arena, "%lld %s", (long long)known->ends_ms, known->registrar),
             clock_mono_ns() + c->remember_ms * NS_PER_MS);
}

static void judge(const struct domain_config *c, const struct registration *known, struct result *r)
{
    char day[40];
    int64_t left_ms = known->ends_ms - r->checked_ms;
    long long days = (long long)(left_ms / DAY_MS);
    time_format(known->ends_ms, day)[10] = '\0'; /* the day alone */
    result_metric(r, "probe_domain_expiry_timestamp_seconds", (double)known->ends_ms / 1000);
    if (known->registrar[0])
        result_fact(r, "registrar", known->registrar);
    if (known->status[0])
        result_fact(r, "status", known->status);
    if (left_ms < 0)
        result_fail(r, "the registration of %s ended on %s, %lld days ago", c->domain, day, -days);
    else if (left_ms < c->expect.failure_ms)
        result_fail(r, "the registration of %s ends on %s, in %lld days", c->domain, day, days);
    else if (left_ms < c->expect.warning_ms)
        result_warn(r, "the registration ends on %s, in %lld days", day, days);
    if (r->success)
        result_ok(r, "%s is registered until %s (%lld days)", c->domain, day, days);
}

static void domain_run(struct probe *p, struct result *r)
{
    const struct domain_config *c = p->config;
    struct registration known;
    struct err err = {0};
    if (!recall(p, &known)) {
        if (ask(p, &known, &err) != 0) {
            result_fail_err(r, &err);
            return;
        }
        remember(p, &known);
    }
    must(known.ends_ms != 0);
    judge(c, &known, r);
    conditions_judge_result(c->expect.compiled, r);
}

static const char *const domain_schemes[] = {"domain", NULL};

const struct prober_ops domain_prober = {
    .type = "domain",
    .kind = PROBER_WEB,
    .title = {"Domain registration", "域名注册"},
    .help = {"When the registration of a domain ends, by RDAP or whois.",
             "通过 RDAP 或 whois 检查域名注册到期时间。"},
    .schemes = domain_schemes,
    .options = domain_options,
    .config_size = sizeof(struct domain_config),
    .from_url = domain_from_url,
    .validate = domain_validate,
    .describe = domain_describe,
    .run = domain_run,
};
