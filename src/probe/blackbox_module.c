/* The option tables of blackbox.yml's modules, and what is wrong with one that can be known before it is used. The keys are those
 * of blackbox_exporter up to 0.28 and its websocket, the older spellings with them; what this prober cannot do is refused here, where it stands,
 * rather than left out silently. Pure; any thread. */
#include "probe/blackbox_module.h"

#include <stdio.h>
#include <strings.h>

#include "base/regex.h"
#include "base/str.h"
#include "probe/dns_wire.h"
#include "probe/prober.h"
#include "probe/url.h"

#define LIST_MAX 100

static const char *const probers[] = {
#define X(name, text, type) text,
    BB_PROBERS(X)
#undef X
        NULL,
};
static const char *const ips[] = {"ip4", "ip6", NULL};
static const char *const tls_versions[] = {"", "TLS10", "TLS11", "TLS12", "TLS13", NULL};
static const char *const transports[] = {"udp", "tcp", NULL};
static const char *const http_versions[] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2.0", NULL};
static const char *const compressions[] = {"", "gzip", "br", "deflate", "identity", NULL};

/* --- the tables --- */

#define AT(s, field) offsetof(struct s, field)
#define TEXT_OPTION(s, name, field)    \
    {                                  \
        name, OPT_STRING, AT(s, field) \
    }
#define SECRET_OPTION(s, name, field)                       \
    {name, OPT_STRING, AT(s, field.value), .secret = true}, \
    {                                                       \
        name "_file", OPT_STRING, AT(s, field.file)         \
    }
#define FLAG_OPTION(s, name, field, text)         \
    {                                             \
        name, OPT_BOOL, AT(s, field), .def = text \
    }
#define PATTERNS_OPTION(s, name, field)               \
    {                                                 \
        name, OPT_LIST, AT(s, field), .max = LIST_MAX \
    }
#define WAY_OPTIONS(s)                                                                \
    {"preferred_ip_protocol", OPT_ENUM, AT(s, way.ip), .def = "ip6", .choices = ips}, \
    {                                                                                 \
        "ip_protocol_fallback", OPT_BOOL, AT(s, way.fallback), .def = "true"          \
    }
#define SOURCE_OPTION(s)                                   \
    {                                                      \
        "source_ip_address", OPT_STRING, AT(s, way.source) \
    }
#define TLS_OPTION(s)                                             \
    {                                                             \
        "tls_config", OPT_SECTION, AT(s, tls), .sub = tls_options \
    }

static const struct option tls_options[] = {
    FLAG_OPTION(bb_tls, "insecure_skip_verify", skip_verify, "false"),
    TEXT_OPTION(bb_tls, "ca_file", ca_file),
    TEXT_OPTION(bb_tls, "cert_file", cert_file),
    TEXT_OPTION(bb_tls, "key_file", key_file),
    TEXT_OPTION(bb_tls, "server_name", server_name),
    {"min_version", OPT_ENUM, AT(bb_tls, min_version), .def = "", .choices = tls_versions},
    {"max_version", OPT_ENUM, AT(bb_tls, max_version), .def = "", .choices = tls_versions},
    {"ca", OPT_NODE, AT(bb_tls, left_out[0])},
    {"cert", OPT_NODE, AT(bb_tls, left_out[1])},
    {"key", OPT_NODE, AT(bb_tls, left_out[2]), .secret = true},
    OPTION_END,
};

static const struct option basic_options[] = {
    {"username", OPT_STRING, AT(bb_basic, username.value)},
    {"username_file", OPT_STRING, AT(bb_basic, username.file)},
    SECRET_OPTION(bb_basic, "password", password),
    OPTION_END,
};

static const struct option authorization_options[] = {
    {"type", OPT_STRING, AT(bb_authorization, type), .def = "Bearer"},
    SECRET_OPTION(bb_authorization, "credentials", credentials),
    OPTION_END,
};

static const struct option oauth_options_bb[] = {
    {"client_id", OPT_STRING, AT(bb_oauth, client_id), .required = true},
    SECRET_OPTION(bb_oauth, "client_secret", secret),
    {"scopes", OPT_LIST, AT(bb_oauth, scopes), .max = 32},
    {"token_url", OPT_STRING, AT(bb_oauth, token_url), .required = true},
    {"endpoint_params", OPT_MAP, AT(bb_oauth, params), .max = 16},
    {"tls_config", OPT_NODE, AT(bb_oauth, left_out[0])},
    {"proxy_url", OPT_NODE, AT(bb_oauth, left_out[1])},
    {"no_proxy", OPT_NODE, AT(bb_oauth, left_out[2])},
    {"proxy_from_environment", OPT_NODE, AT(bb_oauth, left_out[3])},
    {"proxy_connect_header", OPT_NODE, AT(bb_oauth, left_out[4])},
    OPTION_END,
};

static const struct option header_rule_options[] = {
    {"header", OPT_STRING, AT(bb_header_rule, header), .required = true, .max = 100},
    {"regexp", OPT_STRING, AT(bb_header_rule, regexp), .required = true},
    FLAG_OPTION(bb_header_rule, "allow_missing", allow_missing, "false"),
    OPTION_END,
};

#define HEADER_RULES(name, field)                                                            \
    {                                                                                        \
        name, OPT_SECTIONS, AT(bb_http, field), .sub = header_rule_options, .max = LIST_MAX, \
                                                .sub_size = sizeof(struct bb_header_rule)    \
    }

static const struct option http_options[] = {
    {"valid_status_codes", OPT_RANGES, AT(bb_http, status), .min = 100, .max = 999},
    {"valid_http_versions", OPT_LIST, AT(bb_http, versions), .max = 8},
    TEXT_OPTION(bb_http, "method", method),
    {"headers", OPT_MAP, AT(bb_http, headers), .max = 64},
    {"http_headers", OPT_NODE, AT(bb_http, http_headers)},
    TEXT_OPTION(bb_http, "body_size_limit", body_limit),
    {"compression", OPT_STRING, AT(bb_http, compression), .def = ""},
    FLAG_OPTION(bb_http, "follow_redirects", follow, "true"),
    FLAG_OPTION(bb_http, "no_follow_redirects", no_follow, "false"),
    FLAG_OPTION(bb_http, "fail_if_ssl", fail_ssl, "false"),
    FLAG_OPTION(bb_http, "fail_if_not_ssl", fail_not_ssl, "false"),
    PATTERNS_OPTION(bb_http, "fail_if_body_matches_regexp", body_matches),
    PATTERNS_OPTION(bb_http, "fail_if_body_not_matches_regexp", body_not_matches),
    HEADER_RULES("fail_if_header_matches", header_matches),
    HEADER_RULES("fail_if_header_not_matches", header_not_matches),
    TLS_OPTION(bb_http),
    {"basic_auth", OPT_SECTION, AT(bb_http, basic), .sub = basic_options},
    {"authorization", OPT_SECTION, AT(bb_http, authorization), .sub = authorization_options},
    SECRET_OPTION(bb_http, "bearer_token", bearer),
    {"oauth2", OPT_SECTION, AT(bb_http, oauth2), .sub = oauth_options_bb},
    {"proxy_url", OPT_STRING, AT(bb_http, proxy_url), .secret = true},
    {"no_proxy", OPT_STRING, AT(bb_http, no_proxy), .def = ""},
    {"proxy_connect_header", OPT_NODE, AT(bb_http, proxy_headers)},
    FLAG_OPTION(bb_http, "skip_resolve_phase_with_proxy", skip_resolve, "false"),
    FLAG_OPTION(bb_http, "enable_http2", http2, "true"),
    {"body", OPT_TEXT, AT(bb_http, body), .max = 32768},
    TEXT_OPTION(bb_http, "body_file", body_file),
    WAY_OPTIONS(bb_http),
    {"enable_http3", OPT_NODE, AT(bb_http, left_out[0])},
    {"fail_if_body_json_matches_cel", OPT_NODE, AT(bb_http, left_out[1])},
    {"fail_if_body_json_not_matches_cel", OPT_NODE, AT(bb_http, left_out[2])},
    {"proxy_from_environment", OPT_NODE, AT(bb_http, left_out[3])},
    OPTION_END,
};

static const struct option label_options[] = {
    {"name", OPT_STRING, AT(bb_label, name), .required = true, .max = RESULT_NAME_MAX},
    {"value", OPT_STRING, AT(bb_label, value), .def = ""},
    OPTION_END,
};

static const struct option step_options[] = {
    TEXT_OPTION(bb_step, "expect", expect),
    TEXT_OPTION(bb_step, "expect_bytes", expect_bytes),
    {"labels", OPT_SECTIONS, AT(bb_step, labels), .sub = label_options,
     .sub_size = sizeof(struct bb_label), .max = RESULT_LABELS_MAX},
    {"send", OPT_TEXT, AT(bb_step, send)},
    FLAG_OPTION(bb_step, "starttls", starttls, "false"),
    OPTION_END,
};

static const struct option tcp_options[] = {
    {"query_response", OPT_SECTIONS, AT(bb_tcp, steps), .sub = step_options,
     .sub_size = sizeof(struct bb_step), .max = 32},
    FLAG_OPTION(bb_tcp, "tls", use_tls, "false"),
    TLS_OPTION(bb_tcp),
    WAY_OPTIONS(bb_tcp),
    SOURCE_OPTION(bb_tcp),
    OPTION_END,
};

static const struct option rrs_options[] = {
    PATTERNS_OPTION(bb_rrs, "fail_if_matches_regexp", matches),
    PATTERNS_OPTION(bb_rrs, "fail_if_all_match_regexp", all_match),
    PATTERNS_OPTION(bb_rrs, "fail_if_not_matches_regexp", not_matches),
    PATTERNS_OPTION(bb_rrs, "fail_if_none_matches_regexp", none_matches),
    OPTION_END,
};

static const struct option dns_options[] = {
    {"query_name", OPT_STRING, AT(bb_dns, name), .required = true, .max = 1000},
    {"query_type", OPT_ENUM, AT(bb_dns, type), .def = "ANY", .choices = dns_type_choices},
    {"query_class", OPT_ENUM, AT(bb_dns, class), .def = "IN", .choices = dns_class_choices},
    FLAG_OPTION(bb_dns, "recursion_desired", recursion, "true"),
    {"transport_protocol", OPT_ENUM, AT(bb_dns, transport), .def = "udp", .choices = transports},
    FLAG_OPTION(bb_dns, "dns_over_tls", over_tls, "false"),
    TLS_OPTION(bb_dns),
    {"valid_rcodes", OPT_LIST, AT(bb_dns, rcodes), .max = 32},
    {"validate_answer_rrs", OPT_SECTION, AT(bb_dns, answer), .sub = rrs_options},
    {"validate_authority_rrs", OPT_SECTION, AT(bb_dns, authority), .sub = rrs_options},
    {"validate_additional_rrs", OPT_SECTION, AT(bb_dns, additional), .sub = rrs_options},
    WAY_OPTIONS(bb_dns),
    SOURCE_OPTION(bb_dns),
    OPTION_END,
};

static const struct option icmp_options[] = {
    FLAG_OPTION(bb_icmp, "dont_fragment", dont_fragment, "false"),
    {"payload_size", OPT_INT, AT(bb_icmp, size), .def = "0", .min = 0, .max = 65400},
    {"ttl", OPT_INT, AT(bb_icmp, ttl), .def = "64", .min = 0, .max = 255},
    WAY_OPTIONS(bb_icmp),
    SOURCE_OPTION(bb_icmp),
    OPTION_END,
};

static const struct option grpc_options[] = {
    {"service", OPT_STRING, AT(bb_grpc, service), .def = ""},
    FLAG_OPTION(bb_grpc, "tls", use_tls, "false"),
    TLS_OPTION(bb_grpc),
    {"metadata", OPT_NODE, AT(bb_grpc, metadata)},
    WAY_OPTIONS(bb_grpc),
    OPTION_END,
};

static const struct option unix_options[] = {
    {"query_response", OPT_SECTIONS, AT(bb_tcp, steps), .sub = step_options,
     .sub_size = sizeof(struct bb_step), .max = 32},
    FLAG_OPTION(bb_tcp, "tls", use_tls, "false"),
    TLS_OPTION(bb_tcp),
    OPTION_END,
};

/* follow_redirects and enable_http2 have no meaning there, for blackbox_exporter neither. */
static const struct option ws_client_options[] = {
    TLS_OPTION(bb_ws_client),
    {"basic_auth", OPT_SECTION, AT(bb_ws_client, basic), .sub = basic_options},
    {"authorization", OPT_SECTION, AT(bb_ws_client, authorization), .sub = authorization_options},
    SECRET_OPTION(bb_ws_client, "bearer_token", bearer),
    {"follow_redirects", OPT_NODE, AT(bb_ws_client, unheeded[0])},
    {"enable_http2", OPT_NODE, AT(bb_ws_client, unheeded[1])},
    {"oauth2", OPT_NODE, AT(bb_ws_client, left_out[0]), .secret = true},
    {"proxy_url", OPT_NODE, AT(bb_ws_client, left_out[1]), .secret = true},
    {"no_proxy", OPT_NODE, AT(bb_ws_client, left_out[2])},
    {"proxy_from_environment", OPT_NODE, AT(bb_ws_client, left_out[3])},
    {"proxy_connect_header", OPT_NODE, AT(bb_ws_client, left_out[4])},
    {"http_headers", OPT_NODE, AT(bb_ws_client, left_out[5])},
    OPTION_END,
};

static const struct option ws_options[] = {
    {"http_config", OPT_SECTION, AT(bb_ws, client), .sub = ws_client_options},
    {"headers", OPT_NODE, AT(bb_ws, headers)},
    {"query_response", OPT_SECTIONS, AT(bb_ws, steps), .sub = step_options,
     .sub_size = sizeof(struct bb_step), .max = 32},
    WAY_OPTIONS(bb_ws),
    OPTION_END,
};

static const struct option module_options[] = {
    {"prober", OPT_ENUM, AT(bb_module, prober), .choices = probers, .required = true},
    {"timeout", OPT_DURATION, AT(bb_module, timeout_ms), .def = "0", .min = 0, .max = 3600e3},
    {"http", OPT_SECTION, AT(bb_module, http), .sub = http_options},
    {"tcp", OPT_SECTION, AT(bb_module, tcp), .sub = tcp_options},
    {"dns", OPT_SECTION, AT(bb_module, dns), .sub = dns_options},
    {"icmp", OPT_SECTION, AT(bb_module, icmp), .sub = icmp_options},
    {"grpc", OPT_SECTION, AT(bb_module, grpc), .sub = grpc_options},
    {"unix", OPT_SECTION, AT(bb_module, unix_socket), .sub = unix_options},
    {"websocket", OPT_SECTION, AT(bb_module, websocket), .sub = ws_options},
    OPTION_END,
};

/* --- what is wrong --- */

struct check {
    const struct bb_module *b;
    struct arena *a;
    struct problems *p;
    const struct node *at; /* the section being checked; NULL: not in the file */
    const char *path;      /* its own */
};

static void wrong(const struct check *c, const char *key, const char *fmt, ...) printf_like(3, 4);
static void wrong(const struct check *c, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(c->a, fmt, ap);
    va_end(ap);
    const struct node *at = c->at ? node_get(c->at, key) : NULL;
    problem_add(c->p, at ? at : c->at, arena_printf(c->a, "%s.%s", c->path, key), "%s", text);
}

static bool is_set(const struct node *n)
{
    bool off = n && ((n->kind == NODE_BOOL && !n->flag) ||
                     (n->kind == NODE_TEXT && (n->text.n == 0 || str_eqz(n->text, "false"))));
    return n && n->kind != NODE_NULL && !off;
}

static void refuse(const struct check *c, const char *key, const struct node *n, const char *why)
{
    if (is_set(n))
        wrong(c, key, "Belfry cannot do this: %s", why);
}

/* \C, any one byte: the library knows it, Go does not. */
static bool has_one_byte(const char *text)
{
    for (; text && *text; text++) {
        if (*text != '\\' || !text[1])
            continue;
        if (text[1] == 'C')
            return true;
        const char *end = text[1] == 'Q' ? strstr(text, "\\E") : text;
        if (!end)
            return false;
        text = end + 1;
    }
    return false;
}

static void check_regexp(const struct check *c, const char *key, const char *text)
{
    struct err err = {0};
    if (has_one_byte(text))
        wrong(c, key, "cannot parse the regular expression: got \\C; want . or a class");
    struct regex *re = text ? regex_new(str_of(text), 0, &err) : NULL;
    if (text && !re)
        wrong(c, key, "%s", err.msg);
    regex_free(re);
}

static void check_regexps(const struct check *c, const char *key, const struct str_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        check_regexp(c, key, list->at[i]);
}

static void check_header_rules(const struct check *c, const char *key,
                               const struct section_list *rules)
{
    const struct bb_header_rule *r = rules->at;
    for (size_t i = 0; i < rules->n; i++)
        if (r[i].regexp)
            check_regexp(c, key, r[i].regexp);
}

static void check_tls(const struct check *up, const struct bb_tls *t)
{
    struct check c = *up;
    c.at = up->at ? node_get(up->at, "tls_config") : NULL;
    c.path = arena_printf(up->a, "%s.tls_config", up->path);
    static const char *const keys[] = {"ca", "cert", "key"};
    for (size_t i = 0; i < array_len(keys); i++)
        refuse(&c, keys[i], t->left_out[i], "want the name of a file in its place");
    if (!t->cert_file != !t->key_file)
        wrong(&c, t->cert_file ? "cert_file" : "key_file", "want both cert_file and key_file");
    if (t->min_version && t->max_version && t->min_version > t->max_version)
        wrong(&c, "max_version", "got less than min_version; want at least that");
}

static void one_of(const struct check *c, const char *key, const struct bb_secret *s)
{
    if (s->value && s->file)
        wrong(c, key, "want %s or %s_file, not both", key, key);
}

static void check_accounts(const struct check *c, const struct bb_http *h)
{
    one_of(c, "bearer_token", &h->bearer);
    one_of(c, "basic_auth", &h->basic.password);
    one_of(c, "basic_auth", &h->basic.username);
    one_of(c, "authorization", &h->authorization.credentials);
    bool basic = is_set(c->at ? node_get(c->at, "basic_auth") : NULL);
    bool authorization = is_set(c->at ? node_get(c->at, "authorization") : NULL);
    bool oauth = is_set(c->at ? node_get(c->at, "oauth2") : NULL);
    bool bearer = h->bearer.value || h->bearer.file;
    if (basic + authorization + oauth + bearer > 1)
        wrong(c, "",
              "got more than one of basic_auth, authorization, bearer_token and oauth2; want one");
    if (authorization && streq(h->authorization.type, "Basic"))
        wrong(c, "authorization", "got the type Basic; want basic_auth for that");
    for (size_t i = 0; i < array_len(h->oauth2.left_out); i++)
        refuse(c, "oauth2", h->oauth2.left_out[i],
               "the token is asked for with this module's own TLS settings and without a proxy");
}

/* name: {values: […], secrets: […], files: […]}: one value each, as a header may stand once here. */
static void check_http_headers(const struct check *c, const char *key, const struct node *n)
{
    if (!n || n->kind == NODE_NULL)
        return;
    if (n->kind != NODE_MAP) {
        wrong(c, key, "got %s; want a map", node_kind_name(n));
        return;
    }
    for (const struct node *h = n->first; h; h = h->next) {
        size_t values = 0;
        for (const struct node *v = h->kind == NODE_MAP ? h->first : NULL; v; v = v->next) {
            bool known =
                str_eqz(v->key, "values") || str_eqz(v->key, "secrets") || str_eqz(v->key, "files");
            values += known && v->kind == NODE_LIST && v->first && v->first->kind == NODE_TEXT
                          ? v->count
                          : 2;
        }
        if (h->kind != NODE_MAP || values != 1)
            problem_add(c->p, h, arena_printf(c->a, "%s.%s.%s", c->path, key, h->key.p),
                        "want one value in values, secrets or files");
    }
}

static void check_compression(const struct check *c, const struct bb_http *h)
{
    bool known = false;
    for (const char *const *k = compressions; *k; k++)
        known = known || strcasecmp(*k, h->compression) == 0;
    if (!known)
        wrong(c, "compression", "got \"%s\"; want gzip, br, deflate or identity", h->compression);
}

static void check_http(const struct check *c, const struct bb_http *h)
{
    static const struct {
        const char *key, *why;
    } left_out[] = {
        {"enable_http3", "HTTP/3 is not spoken; without the key, HTTP/2 and HTTP/1.1 are"},
        {"fail_if_body_json_matches_cel",
         "CEL is not understood; want fail_if_body_matches_regexp, or a target of type http with "
         "expect.json"},
        {"fail_if_body_json_not_matches_cel",
         "CEL is not understood; want fail_if_body_not_matches_regexp, or a target of type http "
         "with expect.json"},
        {"proxy_from_environment", "name the proxy as proxy_url"},
    };
    for (size_t i = 0; i < array_len(left_out); i++)
        refuse(c, left_out[i].key, h->left_out[i], left_out[i].why);
    if (h->body && h->body_file)
        wrong(c, "body_file", "want body or body_file, not both");
    for (size_t i = 0; i < h->versions.n; i++)
        if (str_nearest(h->versions.at[i], http_versions, 3) == NULL)
            wrong(c, "valid_http_versions", "got \"%s\"; want HTTP/1.0, HTTP/1.1 or HTTP/2.0",
                  h->versions.at[i]);
    check_accounts(c, h);
    check_http_headers(c, "http_headers", h->http_headers);
    check_compression(c, h);
    check_regexps(c, "fail_if_body_matches_regexp", &h->body_matches);
    check_regexps(c, "fail_if_body_not_matches_regexp", &h->body_not_matches);
    check_header_rules(c, "fail_if_header_matches", &h->header_matches);
    check_header_rules(c, "fail_if_header_not_matches", &h->header_not_matches);
    check_tls(c, &h->tls);
}

static void check_tcp(const struct check *c, const struct bb_tcp *t)
{
    const struct bb_step *s = t->steps.at;
    for (size_t i = 0; i < t->steps.n; i++) {
        check_regexp(c, "query_response", s[i].expect);
        if (s[i].expect && s[i].expect_bytes)
            wrong(c, "query_response", "want expect or expect_bytes in a step, not both");
    }
    check_tls(c, &t->tls);
}

static void check_ws(const struct check *up, const struct bb_ws *w)
{
    static const char *const left_out[BB_WS_LEFT_OUT] = {
        "oauth2",       "proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header",
        "http_headers",
    };
    const struct bb_step *s = w->steps.at;
    struct check c = *up;
    c.at = up->at ? node_get(up->at, "http_config") : NULL;
    c.path = arena_printf(up->a, "%s.http_config", up->path);
    for (size_t i = 0; i < array_len(left_out); i++)
        refuse(&c, left_out[i], w->client.left_out[i],
               "the handshake does without, as blackbox_exporter's does");
    one_of(&c, "bearer_token", &w->client.bearer);
    one_of(&c, "basic_auth", &w->client.basic.password);
    one_of(&c, "authorization", &w->client.authorization.credentials);
    check_tls(&c, &w->client.tls);
    check_http_headers(up, "headers", w->headers);
    for (size_t i = 0; i < w->steps.n; i++) {
        check_regexp(up, "query_response", s[i].expect);
        if (s[i].expect_bytes || s[i].labels.n || s[i].starttls)
            wrong(up, "query_response", "want expect and send alone in a step of websocket");
    }
}

static void check_rrs(const struct check *c, const char *key, const struct bb_rrs *r)
{
    check_regexps(c, key, &r->matches);
    check_regexps(c, key, &r->all_match);
    check_regexps(c, key, &r->not_matches);
    check_regexps(c, key, &r->none_matches);
}

static void check_dns(const struct check *c, const struct bb_dns *d)
{
    check_rrs(c, "validate_answer_rrs", &d->answer);
    check_rrs(c, "validate_authority_rrs", &d->authority);
    check_rrs(c, "validate_additional_rrs", &d->additional);
    if (d->over_tls && d->transport == 0)
        wrong(c, "dns_over_tls", "got udp; want transport_protocol: tcp");
    check_tls(c, &d->tls);
}

static void check_section(const struct check *c)
{
    const struct bb_module *b = c->b;
    if (b->prober == BB_HTTP)
        check_http(c, &b->http);
    else if (b->prober == BB_TCP)
        check_tcp(c, &b->tcp);
    else if (b->prober == BB_DNS)
        check_dns(c, &b->dns);
    else if (b->prober == BB_GRPC)
        check_tls(c, &b->grpc.tls);
    else if (b->prober == BB_UNIX)
        check_tcp(c, &b->unix_socket);
    else if (b->prober == BB_WEBSOCKET)
        check_ws(c, &b->websocket);
}

/* Our own prober's word on it, asked about a target that could be. */
static void check_translated(const struct check *c)
{
    struct bb_probe probe;
    struct err err = {0};
    static const char *const targets[] = {"http://localhost", "localhost:1", "localhost",
                                          "localhost",        "localhost:1", "/run/localhost",
                                          "ws://localhost"};
    if (bb_translate(c->b, targets[c->b->prober], NULL, false, c->a, &probe, &err) != 0) {
        problem_add(c->p, c->at ? c->at : c->b->node, c->path, "%s", err.msg);
        return;
    }
    const struct prober_ops *ops = prober_by_type(probe.type, &err);
    struct problems found;
    problems_init(&found, c->a);
    struct compiled *made = ops ? probe_compile(ops, probe.config, &found, "") : NULL;
    if (!ops)
        problem_add(c->p, c->b->node, c->path, "%s", err.msg);
    vec_each (&found.list, one)
        problem_add(c->p, c->at ? c->at : c->b->node, c->path, "%s%s%s", one->field,
                    *one->field ? ": " : "", one->message);
    compiled_free(made);
    problems_done(&found);
}

struct bb_module *bb__module(const char *name, const struct node *n, const char *dir,
                             struct arena *a, struct problems *p)
{
    struct bb_module *b = arena_new_of(a, struct bb_module);
    const char *path = arena_printf(a, "modules.%s", name);
    size_t before = p->list.n + p->dropped;
    b->name = name;
    b->dir = dir;
    b->node = n;
    if (!options_bind(module_options, n, b, a, p, path))
        return NULL;
    must(b->prober >= 0 && b->prober <= BB_WEBSOCKET);
    struct check c = {.b = b, .a = a, .p = p};
    c.at = node_get(n, probers[b->prober]);
    c.path = arena_printf(a, "%s.%s", path, probers[b->prober]);
    if (b->prober == BB_DNS && !b->dns.name)
        problem_add(p, n, c.path, "query_name: required, but missing");
    check_section(&c);
    if (p->list.n + p->dropped == before)
        check_translated(&c);
    return p->list.n + p->dropped == before ? b : NULL;
}

/* --- showing --- */

static void mask_headers(struct node *section, const char *key, struct arena *a)
{
    struct node *headers = section ? node_get(section, key) : NULL;
    for (struct node *h = headers && headers->kind == NODE_MAP ? headers->first : NULL; h;
         h = h->next) {
        struct node *hidden = node_list(a);
        node_append(hidden, node_text(a, SECRET_MASK));
        if (node_get(h, "secrets"))
            node_put(h, a, "secrets", hidden);
    }
}

struct node *bb__masked(const struct bb_module *b, struct arena *a)
{
    struct node *shown = options_mask(module_options, b->node, a);
    mask_headers(node_get(shown, "http"), "http_headers", a);
    mask_headers(node_get(shown, "websocket"), "headers", a);
    return shown;
}

const char *bb_module_prober(const struct bb_module *b)
{
    must(b->prober >= 0 && b->prober <= BB_WEBSOCKET);
    return probers[b->prober];
}
