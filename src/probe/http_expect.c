/* See http_expect.h. Called by http.c in a watcher; foreign bytes pass through here, within the body limit. */
#include "probe/http_expect.h"

#include <stdio.h>
#include <time.h>

#include "base/str.h"

static const struct option json_options[] = {
    {"path", OPT_STRING, offsetof(struct json_check, path), .required = true,
     .example = "$.data.state",
     .help = {"Where the value is: names and [index] after dots, length() at the end.",
              "值的位置：用点分隔名称，[n] 为下标，末尾可用 length()。"}},
    {"op", OPT_ENUM, offsetof(struct json_check, value.op), .def = "==", .choices = value_ops,
     .help = {"How it is compared.", "比较方式。"}},
    {"value", OPT_STRING, offsetof(struct json_check, value.value),
     .help = {"What it is compared with.", "与之比较的值。"}},
    OPTION_END,
};

static const struct option header_options[] = {
    {"name", OPT_STRING, offsetof(struct header_rule, name), .required = true, .max = 100,
     .help = {"Which response header.", "响应头名称。"}},
    {"matches", OPT_STRING, offsetof(struct header_rule, matches),
     .help = {"Regular expression that it must match.", "必须匹配的正则。"}},
    {"not_matches", OPT_STRING, offsetof(struct header_rule, not_matches),
     .help = {"Regular expression that it must not match.", "不得匹配的正则。"}},
    {"may_be_missing", OPT_BOOL, offsetof(struct header_rule, may_be_missing), .def = "false",
     .help = {"A response without it is good too.", "没有该响应头也算正常。"}},
    OPTION_END,
};

static const char *const tls_wishes[] = {"any", "required", "forbidden", NULL};
static const char *const versions[] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2.0", NULL};

const struct option http_expect_options[] = {
    {"status", OPT_RANGES, offsetof(struct http_expect, status), .def = "200-299", .min = 100,
     .max = 599, .example = "[200-299, 401]",
     .help = {"Status codes that are good.", "正常的状态码，可写范围。"}},
    {"body_contains", OPT_LIST, offsetof(struct http_expect, body_contains), .max = 32,
     .help = {"Texts that the body must contain.", "响应正文必须包含的文本。"}},
    {"body_not_contains", OPT_LIST, offsetof(struct http_expect, body_not_contains), .max = 32,
     .help = {"Texts that the body must not contain.", "响应正文不得包含的文本。"}},
    {"body_matches", OPT_LIST, offsetof(struct http_expect, body_matches), .max = 32,
     .advanced = true,
     .help = {"Regular expressions that the body must match.", "响应正文必须匹配的正则。"}},
    {"body_not_matches", OPT_LIST, offsetof(struct http_expect, body_not_matches), .max = 32,
     .advanced = true,
     .help = {"Regular expressions that the body must not match.", "响应正文不得匹配的正则。"}},
    {"headers", OPT_MAP, offsetof(struct http_expect, headers), .max = 32, .advanced = true,
     .example = "{Content-Type: json}",
     .help =
         {"Response headers and the expression each must match; empty only asks that it is there.",
          "响应头及其必须匹配的正则；留空只要求存在。"}},
    {"header_rules", OPT_SECTIONS, offsetof(struct http_expect, header_rules),
     .sub = header_options, .sub_size = sizeof(struct header_rule), .max = 32, .advanced = true,
     .help = {"More about response headers than `headers` can say.", "对响应头更细的要求。"}},
    {"http_versions", OPT_LIST, offsetof(struct http_expect, http_versions), .choices = versions,
     .max = 4, .advanced = true, .example = "[HTTP/2.0]",
     .help = {"Protocol versions that are good; none given: any.", "可接受的协议版本，留空不限。"}},
    {"tls", OPT_ENUM, offsetof(struct http_expect, tls), .def = "any", .choices = tls_wishes,
     .advanced = true,
     .help = {"Whether the final answer must, or must not, come over TLS.",
              "最终应答是否必须（或不得）经由 TLS。"}},
    {"json", OPT_SECTIONS, offsetof(struct http_expect, json), .sub = json_options,
     .sub_size = sizeof(struct json_check), .max = 32,
     .help = {"Values in a JSON body.", "JSON 正文中的值。"}},
    EXPECT_LATENCY(struct http_expect),
    EXPECT_CONDITIONS(struct http_expect),
    OPTION_END,
};

static void check_json(struct json_check *c, struct arena *a, struct problems *p, const char *path)
{
    struct err err = {0};
    const char *what = arena_printf(a, "json check of %s", c->path);
    value_check_validate(&c->value, what, a, p, arena_printf(a, "%s.json", path));
    if (json_path_check(c->path, &err) != 0)
        problem_add(p, NULL, path, "%s", err.msg);
}

static void check_header_rule(struct header_rule *h, struct arena *a, struct problems *p,
                              const char *path)
{
    if (!h->matches && !h->not_matches)
        problem_add(p, NULL, path, "rule of header %s says nothing; want matches or not_matches",
                    h->name);
    if (h->matches)
        h->want = pattern_compile_option(h->matches, a, p, path, "header_rules.matches");
    if (h->not_matches)
        h->unwanted =
            pattern_compile_option(h->not_matches, a, p, path, "header_rules.not_matches");
}

static void check_versions(const struct http_expect *e, struct problems *p, const char *path)
{
    for (size_t i = 0; i < e->http_versions.n; i++) {
        bool known = false;
        for (const char *const *v = versions; *v; v++)
            known = known || streq(*v, e->http_versions.at[i]);
        if (!known)
            problem_add(p, NULL, path,
                        "http_versions: got \"%.20s\"; want HTTP/1.0, HTTP/1.1 or HTTP/2.0",
                        e->http_versions.at[i]);
    }
}

void http_expect_validate(struct http_expect *e, struct arena *a, struct problems *p,
                          const char *path)
{
    char field[200];
    snprintf(field, sizeof(field), "%s%sexpect", path, *path ? "." : "");
    e->matches = pattern_compile_list(&e->body_matches, a, p, field, "body_matches");
    e->not_matches = pattern_compile_list(&e->body_not_matches, a, p, field, "body_not_matches");
    e->header_patterns = arena_array_of(a, struct pattern *, e->headers.n + 1);
    for (size_t i = 0; i < e->headers.n; i++)
        if (*e->headers.at[i].value)
            e->header_patterns[i] =
                pattern_compile_option(e->headers.at[i].value, a, p, field, "headers");
    struct header_rule *rules = e->header_rules.at;
    for (size_t i = 0; i < e->header_rules.n; i++)
        check_header_rule(&rules[i], a, p, field);
    struct json_check *checks = e->json.at;
    for (size_t i = 0; i < e->json.n; i++)
        check_json(&checks[i], a, p, field);
    check_versions(e, p, field);
    e->compiled = conditions_compile(&e->conditions, a, p, path);
}

static void judge_json(const struct http_expect *e, const struct http_response *resp,
                       struct result *r)
{
    struct err err = {0};
    const struct json_check *checks = e->json.at;
    if (e->json.n == 0 || !r->success)
        return;
    struct node *root =
        node_from_json(r->arena, resp->body.data ? resp->body.data : "", resp->body.len, &err);
    if (!root) {
        result_fail(r, "the body is not JSON: %s", err.msg);
        return;
    }
    for (size_t i = 0; i < e->json.n && r->success; i++) {
        const struct node *n = json_at(root, checks[i].path, r->arena, &err);
        const char *got = n ? json_value_text(n, r->arena) : NULL;
        if (!got)
            result_fail(r, "JSON %s: nothing there", checks[i].path);
        else if (!value_check_holds(&checks[i].value, got))
            result_fail(r, "JSON %s: got %.200s; want %s %s", checks[i].path, got,
                        value_ops[checks[i].value.op], checks[i].value.value);
    }
}

/* --- status, headers, body --- */

/* nginx answers a client certificate that it does not like with a page, and says in its title alone what is wrong. */
static const char *certificate_complaint(const struct http_response *resp, struct arena *a)
{
    static const char start[] = "<title>400 ";
    if (resp->status != 400 || !resp->body.data)
        return "";
    const char *at = strstr(arena_strndup(a, resp->body.data, resp->body.len), start);
    const char *end = at ? strstr(at, "</title>") : NULL;
    const char *about = at ? strstr(at, "SSL certificate") : NULL;
    if (!end || !about || about > end || end - at > 200)
        return "";
    at += sizeof(start) - 1;
    return arena_printf(a, " (%.*s)", (int)(end - at), at);
}

static void judge_status(const struct http_expect *e, const struct http_response *resp,
                         struct result *r)
{
    if (range_has(&e->status, resp->status) || conditions_name(e->compiled, "[STATUS]"))
        return;
    struct buf want = BUF_INIT(512);
    for (size_t i = 0; i < e->status.n; i++) {
        const struct range *g = &e->status.at[i];
        buf_printf(&want, g->from == g->to ? "%s%lld" : "%s%lld-%lld", i ? ", " : "",
                   (long long)g->from, (long long)g->to);
    }
    result_fail(r, "HTTP status %d%s; want %s", resp->status, certificate_complaint(resp, r->arena),
                want.data ? want.data : "");
    buf_done(&want);
}

static void judge_headers(const struct http_expect *e, const struct http_response *resp,
                          struct result *r)
{
    struct err err = {0};
    for (size_t i = 0; i < e->headers.n && r->success; i++) {
        const struct pair *want = &e->headers.at[i];
        const char *got = http_response_header(resp, want->key, r->arena);
        if (!got)
            result_fail(r, "the header %s is missing", want->key);
        else if (e->header_patterns[i] &&
                 pattern_match(e->header_patterns[i], got, strlen(got), &err) <= 0)
            result_fail(r, "header %s: got \"%.100s\"; want a match of \"%.80s\"", want->key, got,
                        want->value);
    }
}

/* Whether some value of the header matches; 1, 0, -1: there is no such header. *shown is the first, or the one that does. */
static int header_matches(const struct http_response *resp, const char *name,
                          const struct pattern *re, const char **shown, struct arena *a)
{
    size_t at = 0;
    int rc = -1;
    for (const char *got; (got = http_response_next(resp, name, &at, a));) {
        bool hit = re && pattern_match(re, got, strlen(got), NULL) != 0;
        if (rc < 0 || hit)
            *shown = got;
        rc = hit;
        if (hit)
            break;
    }
    return rc;
}

/* A header may come repeatedly: one good value will do, one bad value is too many. */
static void judge_header_rule(const struct header_rule *h, const struct http_response *resp,
                              struct result *r)
{
    const char *got = "";
    int wanted = header_matches(resp, h->name, h->want, &got, r->arena);
    if (wanted < 0 && !h->may_be_missing)
        result_fail(r, "the header %s is missing", h->name);
    else if (wanted == 0 && h->want)
        result_fail(r, "header %s: got \"%.100s\"; want a match of \"%.80s\"", h->name, got,
                    pattern_text(h->want));
    else if (h->unwanted && header_matches(resp, h->name, h->unwanted, &got, r->arena) > 0)
        result_fail(r, "header %s: got \"%.100s\", which must not match \"%.80s\"", h->name, got,
                    pattern_text(h->unwanted));
}

static const char *version_name(const struct http_response *resp)
{
    return resp->version == 20 ? "HTTP/2.0" : resp->version == 10 ? "HTTP/1.0" : "HTTP/1.1";
}

static void judge_protocol(const struct http_expect *e, const struct http_response *resp,
                           struct result *r)
{
    bool with_tls = resp->tls.version[0] != '\0', good = e->http_versions.n == 0;
    for (size_t i = 0; i < e->http_versions.n; i++)
        good = good || streq(e->http_versions.at[i], version_name(resp));
    if (!good)
        result_fail(r, "the answer came as %s; want %s", version_name(resp),
                    e->http_versions.at[0]);
    if (e->tls == TLS_REQUIRED && !with_tls)
        result_fail(r, "the final answer came without TLS; want https");
    if (e->tls == TLS_FORBIDDEN && with_tls)
        result_fail(r, "the final answer came over TLS; want plain http");
}

static void judge_texts(const struct http_expect *e, struct str body, struct result *r)
{
    for (size_t i = 0; i < e->body_contains.n && r->success; i++)
        if (!str_contains(body, str_of(e->body_contains.at[i])))
            result_fail(r, "the body does not contain \"%.80s\"", e->body_contains.at[i]);
    for (size_t i = 0; i < e->body_not_contains.n && r->success; i++)
        if (str_contains(body, str_of(e->body_not_contains.at[i])))
            result_fail(r, "the body contains \"%.80s\", which it must not",
                        e->body_not_contains.at[i]);
}

static void judge_pattern(const struct pattern *p, bool want, struct str body, struct result *r)
{
    struct err err = {0};
    must(p != NULL && body.p != NULL);
    int rc = pattern_match(p, body.p, body.n, &err);
    if (rc < 0)
        result_fail_err(r, &err);
    else if ((rc > 0) != want)
        result_fail(r,
                    want ? "the body does not match \"%.80s\""
                         : "the body matches \"%.80s\", which it must not",
                    pattern_text(p));
}

static void judge_patterns(const struct http_expect *e, const struct http_response *resp,
                           struct str body, struct result *r)
{
    bool before = r->success;
    const struct header_rule *rules = e->header_rules.at;
    for (size_t i = 0; i < e->header_rules.n && r->success; i++)
        judge_header_rule(&rules[i], resp, r);
    for (size_t i = 0; i < e->body_matches.n && r->success; i++)
        judge_pattern(e->matches[i], true, body, r);
    for (size_t i = 0; i < e->body_not_matches.n && r->success; i++)
        judge_pattern(e->not_matches[i], false, body, r);
    result_metric(r, "probe_failed_due_to_regex", before && !r->success);
}

static void judge_conditions(const struct http_expect *e, const struct http_response *resp,
                             struct str body, struct result *r)
{
    if (!r->success || !e->compiled)
        return;
    struct condition_facts facts = condition_facts_of(r);
    facts.status = resp->status;
    facts.body = body;
    conditions_judge(e->compiled, &facts, r);
}

void http_expect_judge(const struct http_expect *e, const struct http_response *resp,
                       struct result *r)
{
    struct str body = {resp->body.data ? resp->body.data : "", resp->body.len};
    must(e->header_patterns != NULL && e->matches != NULL &&
         e->not_matches != NULL); /* validated */
    must(r->success || r->message[0]);
    judge_status(e, resp, r);
    judge_headers(e, resp, r);
    judge_texts(e, body, r);
    judge_patterns(e, resp, body, r);
    judge_protocol(e, resp, r);
    judge_json(e, resp, r);
    judge_conditions(e, resp, body, r);
}

bool http_expect_date(const char *text, int64_t *unix_s)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    for (size_t i = 0; i < array_len(forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (end && *end == '\0') {
            *unix_s = timegm(&tm);
            return true;
        }
    }
    return false;
}
