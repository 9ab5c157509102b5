/* See http_expect.h. Called by http.c in a watcher; foreign bytes pass through here, within the body limit. */
#include "probe/http_expect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "probe/common.h"

static const char *const json_op_choices[] = {
#define X(name, text) text,
    JSON_OPS(X)
#undef X
        NULL,
};

static const struct option json_options[] = {
    {"path", OPT_STRING, offsetof(struct json_check, path), .required = true,
     .example = "$.data.state",
     .help = {"Where the value is: names and [index] after dots.",
              "值的位置：用点分隔名称，[n] 为下标。"}},
    {"op", OPT_ENUM, offsetof(struct json_check, op), .def = "==", .choices = json_op_choices,
     .help = {"How it is compared.", "比较方式。"}},
    {"value", OPT_STRING, offsetof(struct json_check, value),
     .help = {"What it is compared with.", "与之比较的值。"}},
    OPTION_END,
};

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
    {"json", OPT_SECTIONS, offsetof(struct http_expect, json), .sub = json_options,
     .sub_size = sizeof(struct json_check), .max = 32,
     .help = {"Values in a JSON body.", "JSON 正文中的值。"}},
    {"max_latency", OPT_DURATION, offsetof(struct http_expect, max_latency_ms), .example = "800ms",
     .help = {"Slower than this is degraded (or down, see max_latency_action).",
              "超过此时间视为降级（或故障，见 max_latency_action）。"}},
    {"max_latency_action", OPT_ENUM, offsetof(struct http_expect, max_latency_action),
     .def = "warn", .choices = latency_action_choices, .advanced = true,
     .help = {"What slowness means.", "过慢意味着什么。"}},
    OPTION_END,
};

static void check_json(struct json_check *c, struct arena *a, struct problems *p, const char *path)
{
    struct err err = {0};
    const struct node nothing = {.kind = NODE_NULL};
    if (c->op == JSON_OP_MATCHES && c->value)
        c->pattern = pattern_compile_option(c->value, a, p, path, "json.value");
    if (c->op != JSON_OP_EXISTS && !c->value)
        problem_add(p, NULL, path, "json check of %s has no value; want one, or op: exists",
                    c->path);
    json_at(&nothing, c->path, &err);
    if (err.code == ERR_MALFORMED)
        problem_add(p, NULL, path, "%s", err.msg);
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
    struct json_check *checks = e->json.at;
    for (size_t i = 0; i < e->json.n; i++)
        check_json(&checks[i], a, p, field);
}

/* --- JSON paths --- */

static const struct node *child_at(const struct node *n, uint64_t index)
{
    if (n->kind != NODE_LIST || index >= n->count)
        return NULL;
    n = n->first;
    while (index-- > 0)
        n = n->next;
    return n;
}

/* One "[3]"; *s moves behind it. */
static int take_index(struct str *s, uint64_t *index, struct err *err)
{
    const char *close = memchr(s->p, ']', s->n);
    if (!close || str_to_u64((struct str){s->p + 1, (size_t)(close - s->p - 1)}, index, NULL) != 0)
        return err_set(err, ERR_MALFORMED, "not a JSON path: want [NUMBER] at \"%.40s\"", s->p);
    size_t used = (size_t)(close + 1 - s->p);
    *s = (struct str){s->p + used, s->n - used};
    return 0;
}

static const struct node *named_child(const struct node *n, struct str name)
{
    if (!n || n->kind != NODE_MAP)
        return NULL;
    for (const struct node *c = n->first; c; c = c->next)
        if (str_eq(c->key, name))
            return c;
    return NULL;
}

static struct str take_name(struct str *s)
{
    size_t n = 0;
    while (n < s->n && s->p[n] != '.' && s->p[n] != '[')
        n++;
    struct str name = {s->p, n};
    *s = (struct str){s->p + n, s->n - n};
    return name;
}

const struct node *json_at(const struct node *root, const char *path, struct err *err)
{
    struct str s = str_of(path);
    const struct node *n = root;
    if (s.n && s.p[0] == '$')
        s = (struct str){s.p + 1, s.n - 1};
    while (s.n) {
        uint64_t index;
        if (s.p[0] == '[') {
            if (take_index(&s, &index, err) != 0)
                return NULL;
            n = n ? child_at(n, index) : NULL;
            continue;
        }
        if (s.p[0] == '.')
            s = (struct str){s.p + 1, s.n - 1};
        struct str name = take_name(&s);
        if (name.n == 0) {
            err_set(err, ERR_MALFORMED, "not a JSON path: got \"%.80s\"; want $.name.name[0]",
                    path);
            return NULL;
        }
        n = named_child(n, name);
    }
    return n;
}

static const char *node_as_text(const struct node *n, struct arena *a)
{
    if (n->kind == NODE_TEXT)
        return arena_strndup(a, n->text.p, n->text.n);
    struct buf out = BUF_INIT(4096);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    const char *text = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

static bool compare(const struct json_check *c, const char *got)
{
    double x, y;
    if (c->op == JSON_OP_EXISTS) /* may have no value */
        return true;
    must(got != NULL && c->value != NULL && (c->pattern || c->op != JSON_OP_MATCHES));
    bool numbers =
        str_to_f64(str_of(got), &x, NULL) == 0 && str_to_f64(str_of(c->value), &y, NULL) == 0;
    int order = numbers ? (x > y) - (x < y) : strcmp(got, c->value);
    switch ((enum json_op)c->op) {
    case JSON_OP_EQ:
        return order == 0;
    case JSON_OP_NE:
        return order != 0;
    case JSON_OP_LT:
        return numbers && order < 0;
    case JSON_OP_LE:
        return numbers && order <= 0;
    case JSON_OP_GT:
        return numbers && order > 0;
    case JSON_OP_GE:
        return numbers && order >= 0;
    case JSON_OP_CONTAINS:
        return strstr(got, c->value) != NULL;
    case JSON_OP_MATCHES:
        return pattern_match(c->pattern, got, strlen(got), NULL) > 0;
    case JSON_OP_EXISTS:
        break;
    }
    return false;
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
        const struct node *n = json_at(root, checks[i].path, &err);
        const char *got = n ? node_as_text(n, r->arena) : NULL;
        if (!got)
            result_fail(r, "JSON %s: nothing there", checks[i].path);
        else if (!compare(&checks[i], got))
            result_fail(r, "JSON %s: got %.200s; want %s %s", checks[i].path, got,
                        json_op_choices[checks[i].op], checks[i].value);
    }
}

/* --- status, headers, body --- */

static void judge_status(const struct http_expect *e, const struct http_response *resp,
                         struct result *r)
{
    if (range_has(&e->status, resp->status))
        return;
    struct buf want = BUF_INIT(512);
    for (size_t i = 0; i < e->status.n; i++) {
        const struct range *g = &e->status.at[i];
        buf_printf(&want, g->from == g->to ? "%s%lld" : "%s%lld-%lld", i ? ", " : "",
                   (long long)g->from, (long long)g->to);
    }
    result_fail(r, "HTTP status %d; want %s", resp->status, want.data ? want.data : "");
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

static void judge_patterns(const struct http_expect *e, struct str body, struct result *r)
{
    bool before = r->success;
    for (size_t i = 0; i < e->body_matches.n && r->success; i++)
        judge_pattern(e->matches[i], true, body, r);
    for (size_t i = 0; i < e->body_not_matches.n && r->success; i++)
        judge_pattern(e->not_matches[i], false, body, r);
    result_metric(r, "probe_failed_due_to_regex", before && !r->success);
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
    judge_patterns(e, body, r);
    judge_json(e, resp, r);
}
