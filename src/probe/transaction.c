/* transaction: several requests one after the other, as a user makes them: log in, take a token from the answer, use it in
 * the next. Cookies are kept between the steps of a run. The first step that is not as expected ends it and names itself.
 *
 *   steps:
 *     - {name: log in, url: https://shop/login, method: POST, body: 'user=mon&pw=…', take: {token: "json:$.token"}}
 *     - {name: cart, url: "https://shop/cart?t={{token}}", expect: {json: [{path: $.items.length(), op: ">", value: 0}]}} */
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/http_url.h"
#include "probe/http_expect.h"
#include "probe/probers.h"
#include "probe/url.h"

#define STEPS_MAX   16
#define TAKES_MAX   16
#define COOKIES_MAX 50 /* of a run; RFC 6265, 6.1 */
#define HOPS_MAX    10
#define TEXT_MAX    65536 /* of a request part with its values put in */

enum take_kind { TAKE_JSON, TAKE_HEADER, TAKE_REGEX };

struct take {
    const char *name, *from; /* from: a JSON path, a header's name or an expression */
    enum take_kind kind;
    struct pattern *pattern;
};

struct step {
    const char *name, *url, *method, *body, *username, *password, *bearer;
    struct pair_list headers, take;
    bool follow_redirects;
    struct http_expect expect;
    struct take *takes; /* take.n, by transaction_validate */
};

struct transaction_expect {
    struct latency_bound latency;
};

struct transaction_config {
    struct section_list steps; /* struct step */
    int64_t max_body;
    int ip_version;
    struct tls_section tls;
    struct transaction_expect expect;
};

static const char *const methods[] = {"GET",    "HEAD",    "POST",  "PUT",
                                      "DELETE", "OPTIONS", "PATCH", NULL};

static const struct option step_options[] = {
    {"name", OPT_STRING, offsetof(struct step, name), .max = 100, .example = "log in",
     .help = {"What messages and figures call it.", "步骤名称，用于消息与指标。"}},
    {"url", OPT_STRING, offsetof(struct step, url), .required = true, .max = URL_MAX,
     .example = "https://shop.example.com/login",
     .help = {"What to request; {{name}} is a value taken before.",
              "请求地址；{{name}} 为此前取得的值。"}},
    {"method", OPT_STRING, offsetof(struct step, method), .def = "GET", .choices = methods,
     .max = 20, .help = {"Request method.", "请求方法。"}},
    {"headers", OPT_MAP, offsetof(struct step, headers), .max = 64,
     .help = {"Request headers.", "请求头。"}},
    {"body", OPT_TEXT, offsetof(struct step, body), .max = 32768,
     .help = {"Request body.", "请求正文。"}},
    {"username", OPT_STRING, offsetof(struct step, username), .advanced = true,
     .help = {"For basic authentication.", "Basic 认证用户名。"}},
    {"password", OPT_STRING, offsetof(struct step, password), .secret = true, .advanced = true,
     .help = {"For basic authentication; in a body or URL it is {{password}}.",
              "Basic 认证密码；在正文或地址中用 {{password}} 引用。"}},
    {"bearer", OPT_STRING, offsetof(struct step, bearer), .secret = true, .advanced = true,
     .help = {"Token for Authorization: Bearer.", "Bearer 令牌。"}},
    {"follow_redirects", OPT_BOOL, offsetof(struct step, follow_redirects), .def = "true",
     .help = {"Follow redirects and judge where they end.", "跟随重定向，判断最终应答。"}},
    {"take", OPT_MAP, offsetof(struct step, take), .max = TAKES_MAX,
     .example = "{token: \"json:$.token\"}",
     .help =
         {"Values for later steps: json:PATH, header:NAME or regex:EXPRESSION (its first group).",
          "供后续步骤使用的值：json:路径、header:名称 或 regex:表达式（取第一个分组）。"}},
    {"expect", OPT_SECTION, offsetof(struct step, expect), .sub = http_expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct transaction_expect),
    OPTION_END,
};

static const struct option transaction_options[] = {
    {"steps", OPT_SECTIONS, offsetof(struct transaction_config, steps), .sub = step_options,
     .sub_size = sizeof(struct step), .required = true, .min = 1, .max = STEPS_MAX,
     .help = {"The requests, in their order.", "按顺序执行的请求。"}},
    {"max_body", OPT_SIZE, offsetof(struct transaction_config, max_body), .def = "1MiB", .min = 0,
     .max = 67108864, .advanced = true,
     .help = {"Bytes of each body that are read and judged.", "每个正文读取并判断的字节数。"}},
    {"tls", OPT_SECTION, offsetof(struct transaction_config, tls), .sub = tls_section_options,
     .advanced = true, .help = {"How TLS is spoken and judged.", "TLS 的参数与判断。"}},
    OPTION_IP_VERSION(struct transaction_config, ip_version),
    {"expect", OPT_SECTION, offsetof(struct transaction_config, expect), .sub = expect_options,
     .help = {"What counts as good for all of it.", "整体怎样算正常。"}},
    OPTION_END,
};

/* --- validation --- */

static bool good_name(const char *s)
{
    bool good = *s && strlen(s) <= 40;
    for (; *s; s++)
        good = good && (*s == '_' || (*s >= '0' && *s <= '9') ||
                        ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z'));
    return good;
}

static void check_take(struct take *t, struct arena *a, struct problems *p, const char *path)
{
    static const struct {
        const char *prefix;
        enum take_kind kind;
    } kinds[] = {{"json:", TAKE_JSON}, {"header:", TAKE_HEADER}, {"regex:", TAKE_REGEX}};
    const char *from = t->from;
    struct err err = {0};
    t->from = NULL;
    for (size_t i = 0; i < array_len(kinds); i++)
        if (str_starts(str_of(from), str_of(kinds[i].prefix))) {
            t->kind = kinds[i].kind;
            t->from = from + strlen(kinds[i].prefix);
        }
    if (!good_name(t->name))
        problem_add(p, NULL, path, "take: got name \"%.40s\"; want letters, digits and _", t->name);
    if (!t->from)
        problem_add(p, NULL, path,
                    "take.%s: got \"%.80s\"; want json:PATH, header:NAME or regex:EXPRESSION",
                    t->name, from);
    else if (t->kind == TAKE_REGEX)
        t->pattern = pattern_compile_option(t->from, a, p, path, "take");
    else if (t->kind == TAKE_JSON && json_path_check(t->from, &err) != 0)
        problem_add(p, NULL, path, "take.%s: %s", t->name, err.msg);
}

static void check_step(struct step *s, size_t i, struct arena *a, struct problems *p,
                       const char *path)
{
    const char *field = arena_printf(a, "%s%ssteps[%zu]", path, *path ? "." : "", i);
    if (!s->name)
        s->name = arena_printf(a, "step %zu", i + 1);
    bool web =
        str_starts(str_of(s->url), STR("http://")) || str_starts(str_of(s->url), STR("https://"));
    if (!web)
        problem_add(p, NULL, field, "url: got \"%.100s\"; want http://HOST/ or https://HOST/",
                    s->url);
    s->takes = arena_array_of(a, struct take, s->take.n + 1);
    for (size_t k = 0; k < s->take.n; k++) {
        s->takes[k] = (struct take){.name = s->take.at[k].key, .from = s->take.at[k].value};
        check_take(&s->takes[k], a, p, field);
    }
    http_expect_validate(&s->expect, a, p, field);
}

static void transaction_validate(void *config, struct arena *a, struct problems *p,
                                 const char *path)
{
    struct transaction_config *c = config;
    struct step *steps = c->steps.at;
    for (size_t i = 0; i < c->steps.n; i++)
        check_step(&steps[i], i, a, p, path);
}

/* The first step's place, without what may be secret in it. */
static void transaction_describe(const void *config, struct buf *out)
{
    const struct transaction_config *c = config;
    const struct step *first = c->steps.at;
    struct str rest = str_of(first->url), before;
    if (str_cut(rest, '?', &before, &rest))
        rest = before;
    else
        rest = str_of(first->url);
    const char *at = rest.n ? memrchr(rest.p, '@', rest.n) : NULL;
    const char *host = strstr(first->url, "://") + 3;
    if (at && at > host)
        buf_printf(out, "%.*s%.*s", (int)(host - first->url), first->url,
                   (int)(rest.p + rest.n - at - 1), at + 1);
    else
        buf_printf(out, "%.*s", (int)rest.n, rest.p);
}

/* --- a run's memory: values taken, cookies --- */

struct cookie {
    const char *host, *name, *value;
};

struct run {
    struct probe *p;
    struct result *r;
    struct http_header *values; /* name → value */
    size_t n_values, n_cookies;
    struct cookie cookies[COOKIES_MAX];
};

static const char *value_of(const struct run *run, const struct step *s, struct str name)
{
    for (size_t i = run->n_values; i > 0; i--) /* the latest first */
        if (str_eqz(name, run->values[i - 1].name))
            return run->values[i - 1].value;
    return str_eqz(name, "password") ? s->password : NULL;
}

/* text with its {{names}} replaced; NULL: *r failed. */
static const char *fill(struct run *run, const struct step *s, const char *text)
{
    struct buf out = BUF_INIT(TEXT_MAX);
    const char *filled = NULL;
    if (!text || !strstr(text, "{{"))
        return text;
    for (const char *open; (open = strstr(text, "{{")) != NULL;) {
        const char *close = strstr(open, "}}");
        if (!close)
            break;
        struct str name = str_trim((struct str){open + 2, (size_t)(close - open - 2)});
        const char *value = value_of(run, s, name);
        if (!value) {
            result_fail(run->r, "%s: nothing was taken as \"%.*s\"", s->name,
                        (int)(name.n < 40 ? name.n : 40), name.p);
            goto out;
        }
        buf_add(&out, text, (size_t)(open - text));
        buf_puts(&out, value);
        text = close + 2;
    }
    buf_puts(&out, text);
    if (out.failed)
        result_fail(run->r, "%s: longer than %d bytes with its values put in", s->name, TEXT_MAX);
    else
        filled = arena_strndup(run->r->arena, out.data, out.len);
out:
    buf_done(&out);
    return filled;
}

static void keep_cookie(struct run *run, const char *host, struct str line)
{
    struct str pair, name, value, attributes;
    struct arena *a = run->r->arena;
    if (!str_cut(line, ';', &pair, &attributes))
        pair = line;
    if (!str_cut(pair, '=', &name, &value))
        return;
    name = str_trim(name);
    value = str_trim(value);
    size_t i = 0;
    while (i < run->n_cookies &&
           !(str_eqz(name, run->cookies[i].name) && streq(host, run->cookies[i].host)))
        i++;
    if (i == COOKIES_MAX || name.n == 0)
        return;
    run->cookies[i] =
        (struct cookie){host, arena_strndup(a, name.p, name.n), arena_strndup(a, value.p, value.n)};
    run->n_cookies += i == run->n_cookies;
}

/* Set-Cookie of the final answer. A cookie goes back to the host that set it, whatever else it says of itself. */
static void keep_cookies(struct run *run, const char *host, const struct http_response *resp)
{
    static const char name[] = "Set-Cookie:";
    struct str rest = {resp->headers.data, resp->headers.len}, line;
    while (rest.p && str_next(&rest, '\n', &line))
        if (line.n > sizeof(name) - 1 && strncasecmp(line.p, name, sizeof(name) - 1) == 0)
            keep_cookie(run, host,
                        (struct str){line.p + sizeof(name) - 1, line.n - (sizeof(name) - 1)});
    must(run->n_cookies <= COOKIES_MAX);
}

static const char *cookies_for(struct run *run, const char *host)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    for (size_t i = 0; i < run->n_cookies; i++)
        if (streq(run->cookies[i].host, host))
            buf_printf(&b, "%s%s=%s", b.len ? "; " : "", run->cookies[i].name,
                       run->cookies[i].value);
    const char *text = b.len && !b.failed ? arena_strndup(run->r->arena, b.data, b.len) : NULL;
    buf_done(&b);
    return text;
}

static int take_one(struct run *run, const struct step *s, const struct take *t,
                    const struct http_response *resp)
{
    struct arena *a = run->r->arena;
    struct str body = {resp->body.data ? resp->body.data : "", resp->body.len}, found;
    const char *value = NULL;
    if (t->kind == TAKE_HEADER)
        value = http_response_header(resp, t->from, a);
    else if (t->kind == TAKE_REGEX && pattern_find(t->pattern, body.p, body.n, &found, NULL) > 0)
        value = arena_strndup(a, found.p, found.n);
    else if (t->kind == TAKE_JSON) {
        const struct node *root = node_from_json(a, body.p, body.n, NULL);
        const struct node *at = root ? json_at(root, t->from, a, NULL) : NULL;
        value = at ? json_value_text(at, a) : NULL;
    }
    if (!value) {
        result_fail(run->r, "%s: cannot take %s: nothing at %.100s", s->name, t->name, t->from);
        return -1;
    }
    run->values[run->n_values++] = (struct http_header){t->name, value};
    return 0;
}

/* --- a step --- */

static int fill_request(struct run *run, const struct step *s, struct http_request *req)
{
    struct arena *a = run->r->arena;
    struct http_header *headers = arena_array_of(a, struct http_header, s->headers.n + 1);
    struct url u;
    struct err err = {0};
    size_t n = 0;
    req->url = fill(run, s, s->url);
    req->body = fill(run, s, s->body);
    req->bearer = fill(run, s, s->bearer);
    for (; n < s->headers.n; n++)
        headers[n] =
            (struct http_header){s->headers.at[n].key, fill(run, s, s->headers.at[n].value)};
    if (!run->r->success)
        return -1;
    if (url_parse(req->url, a, &u, &err) != 0) {
        result_fail(run->r, "%s: %s", s->name, err.msg);
        return -1;
    }
    req->headers = headers;
    req->n_headers = n;
    req->body_len = req->body ? strlen(req->body) : 0;
    return 0;
}

static void judge_step(struct run *run, const struct step *s, const struct http_response *resp)
{
    struct result *r = run->r, *one = arena_new_of(r->arena, struct result);
    result_init(
        one,
        r->arena); /* a result of its own: messages get the step's name, metrics do not repeat */
    one->success = true;
    one->latency_us = resp->total_ns / 1000;
    http_expect_judge(&s->expect, resp, one);
    expect_latency(one, s->expect.latency.max_ms, (enum latency_action)s->expect.latency.action);
    for (int i = 0; i < one->n_warnings; i++)
        result_warn(r, "%s: %s", s->name, one->warnings[i]);
    if (!one->success)
        result_fail(r, "%s: %s", s->name, one->message);
    for (size_t i = 0; i < s->take.n && r->success; i++)
        take_one(run, s, &s->takes[i], resp);
}

static const char *redirect_of(const struct http_response *resp, struct arena *a)
{
    bool is = resp->status == 301 || resp->status == 302 || resp->status == 303 ||
              resp->status == 307 || resp->status == 308;
    return is ? http_response_header(resp, "Location", a) : NULL;
}

/* What changes on the way (RFC 9110, 15.4): the method, and whom secrets are told. */
static int redirect(struct http_request *req, int status, const char *location, struct arena *a,
                    struct err *err)
{
    struct http_url from, to;
    const char *next = http_url_join(req->url, location, a, err);
    if (!next || http_url_parse(req->url, a, &from, err) != 0 ||
        http_url_parse(next, a, &to, err) != 0)
        return -1;
    if (!streq(from.host, to.host) || from.port != to.port || from.https != to.https) {
        req->username = req->password = req->bearer = NULL;
        req->n_headers = 0;
    }
    if (status == 303 || (status <= 302 && streq(req->method, "POST"))) {
        req->method = "GET";
        req->body = NULL;
        req->body_len = 0;
    }
    req->url = next;
    return 0;
}

/* One request and what it redirects to: http_fetch follows by itself too, but cookies are set on the way. */
static int exchange(struct run *run, const struct step *s, struct http_request *req,
                    struct http_response *resp, struct err *err)
{
    struct arena *a = run->r->arena;
    struct http_header *headers = arena_array_of(a, struct http_header, s->headers.n + 1);
    for (int hops = 0;; hops++) {
        struct http_url u;
        struct http_request one = *req;
        if (http_url_parse(req->url, a, &u, err) != 0)
            return -1;
        const char *cookies = cookies_for(run, u.host);
        memcpy(headers, req->headers, req->n_headers * sizeof(*headers));
        one.headers = headers;
        if (cookies)
            headers[one.n_headers++] = (struct http_header){"Cookie", cookies};
        if (http_fetch(run->p->env->http, &one, a, resp, err) != 0)
            return -1;
        keep_cookies(run, arena_strdup(a, u.host), resp);
        const char *to = s->follow_redirects ? redirect_of(resp, a) : NULL;
        if (!to)
            return 0;
        if (hops == HOPS_MAX)
            return err_set(err, ERR_PROTOCOL, "more than %d redirects; the last one to \"%.120s\"",
                           HOPS_MAX, to);
        if (redirect(req, resp->status, to, a, err) != 0)
            return -1;
        http_response_done(resp);
    }
}

static void run_step(struct run *run, const struct step *s)
{
    struct probe *p = run->p;
    const struct transaction_config *c = p->config;
    struct http_response resp = {0};
    struct err err = {0};
    struct http_request req = {
        .method = s->method,
        .username = s->username,
        .password = s->password,
        .tls = tls_section_apply(&c->tls, NULL),
        .ip = (enum ip_version)c->ip_version,
        .max_body = (size_t)c->max_body,
        .connect_deadline_ns = p->deadline_ns,
        .deadline_ns = p->deadline_ns,
        .want_certs = true,
    };
    if (fill_request(run, s, &req) != 0)
        return;
    int rc = exchange(run, s, &req, &resp, &err);
    result_metric_label(run->r, "probe_step_duration_seconds", "step", s->name,
                        (double)resp.total_ns / 1e9);
    result_metric_label(run->r, "probe_step_status_code", "step", s->name, resp.status);
    if (!run->r->address || !run->r->address[0])
        result_set_address(run->r, &resp.peer);
    if (!run->r->detail_json && resp.tls.version[0])
        result_add_tls(run->r, &resp.tls, c->tls.expiry_warning_ms);
    if (rc != 0)
        result_fail(run->r, "%s: %s", s->name, err.msg);
    else
        judge_step(run, s, &resp);
    http_response_done(&resp);
}

static void transaction_run(struct probe *p, struct result *r)
{
    const struct transaction_config *c = p->config;
    const struct step *steps = c->steps.at;
    struct run *run = arena_new_of(p->arena, struct run);
    int64_t start = clock_mono_ns();
    *run = (struct run){.p = p, .r = r};
    run->values = arena_array_of(p->arena, struct http_header, STEPS_MAX * TAKES_MAX);
    size_t done = 0;
    must(c->steps.n >= 1 && c->steps.n <= STEPS_MAX);
    for (; done < c->steps.n && r->success; done++)
        run_step(run, &steps[done]);
    must(run->n_values <= STEPS_MAX * TAKES_MAX);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    result_metric(r, "probe_steps_done", (double)(r->success ? done : done - 1));
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
    if (r->success)
        result_ok(r, "%zu steps as expected", done);
}

static const char *const transaction_schemes[] = {NULL};

const struct prober_ops transaction_prober = {
    .type = "transaction",
    .kind = PROBER_WEB,
    .title = {"HTTP transaction", "HTTP 事务"},
    .help =
        {"Several requests in turn, with values and cookies carried on: log in, take a token, use it.",
         "依次执行多个请求并传递值与 Cookie：登录、取令牌、使用。"},
    .schemes = transaction_schemes,
    .options = transaction_options,
    .config_size = sizeof(struct transaction_config),
    .validate = transaction_validate,
    .describe = transaction_describe,
    .run = transaction_run,
};
