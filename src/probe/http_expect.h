/* What an HTTP answer must be: status, headers, body, JSON values. Split from http.c, which makes the request. */
#ifndef PROBE_HTTP_EXPECT_H
#define PROBE_HTTP_EXPECT_H

#include "config/option.h"
#include "io/http_client.h"
#include "probe/condition.h"
#include "probe/service.h"
#include "probe/value.h"

struct json_check {
    const char *path; /* value.h */
    struct value_check value;
};

struct header_rule {
    const char *name, *matches, *not_matches;
    bool may_be_missing;
    struct pattern *want, *unwanted;
};

enum tls_wish { TLS_ANY, TLS_REQUIRED, TLS_FORBIDDEN };

struct http_expect {
    struct range_list status;
    struct str_list body_contains, body_not_contains, body_matches, body_not_matches;
    struct pair_list headers; /* name → regular expression; "" only asks that it is there */
    struct section_list header_rules; /* struct header_rule */
    struct section_list json;         /* struct json_check */
    struct str_list http_versions;    /* "HTTP/1.1", "HTTP/2.0"; empty: any */
    int tls;                          /* enum tls_wish */
    struct latency_bound latency;
    struct str_list conditions; /* condition.h */
    /* compiled by http_expect_validate */
    struct pattern **matches, **not_matches, **header_patterns;
    struct conditions *compiled;
};
extern const struct option http_expect_options[];

void http_expect_validate(struct http_expect *e, struct arena *a, struct problems *p,
                          const char *path);
/* Judges the answer; result_fail's the first thing that is wrong. Adds probe_failed_due_to_regex. A condition that names
 * [STATUS] judges it in the place of `status`. Certificate and address are in *r already. */
void http_expect_judge(const struct http_expect *e, const struct http_response *resp,
                       struct result *r);
/* A date of HTTP's (RFC 9110, 5.6.7), seconds since 1970. */
bool http_expect_date(const char *text, int64_t *unix_s);
#endif
