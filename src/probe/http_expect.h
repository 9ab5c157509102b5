/* What an HTTP answer must be: status, headers, body, JSON values. Split from http.c, which makes the request. */
#ifndef PROBE_HTTP_EXPECT_H
#define PROBE_HTTP_EXPECT_H

#include "config/option.h"
#include "io/http_client.h"
#include "probe/pattern.h"
#include "probe/prober.h"

#define JSON_OPS(X)         \
    X(EQ, "==")             \
    X(NE, "!=")             \
    X(LT, "<")              \
    X(LE, "<=")             \
    X(GT, ">")              \
    X(GE, ">=")             \
    X(CONTAINS, "contains") \
    X(MATCHES, "matches")   \
    X(EXISTS, "exists")
enum json_op {
#define X(name, text) JSON_OP_##name,
    JSON_OPS(X)
#undef X
};

struct json_check {
    const char *path; /* "$.data.items[0].state", "data.count" */
    int op;           /* enum json_op */
    const char *value;
    struct pattern *pattern;
};

struct http_expect {
    struct range_list status;
    struct str_list body_contains, body_not_contains, body_matches, body_not_matches;
    struct pair_list headers; /* name → regular expression; "" only asks that it is there */
    struct section_list json; /* struct json_check */
    int64_t max_latency_ms;
    int max_latency_action;
    /* compiled by http_expect_validate */
    struct pattern **matches, **not_matches, **header_patterns;
};
extern const struct option http_expect_options[];

void http_expect_validate(struct http_expect *e, struct arena *a, struct problems *p,
                          const char *path);
/* Judges the answer; result_fail's the first thing that is wrong. Adds probe_failed_due_to_regex. */
void http_expect_judge(const struct http_expect *e, const struct http_response *resp,
                       struct result *r);
/* The value at a path; NULL when there is none. err for a path that cannot be read. */
const struct node *json_at(const struct node *root, const char *path, struct err *err);

#endif
