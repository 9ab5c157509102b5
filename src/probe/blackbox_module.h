/* A module of blackbox.yml as it is bound by its option tables (blackbox_module.c). For blackbox*.c only. */
#ifndef PROBE_BLACKBOX_MODULE_H
#define PROBE_BLACKBOX_MODULE_H

#include "probe/blackbox.h"

/* X(NAME, "name", our prober's type) */
#define BB_PROBERS(X)       \
    X(HTTP, "http", "http") \
    X(TCP, "tcp", "tcp")    \
    X(DNS, "dns", "dns")    \
    X(ICMP, "icmp", "icmp") \
    X(GRPC, "grpc", "grpc") \
    X(UNIX, "unix", "tcp")  \
    X(WEBSOCKET, "websocket", "websocket")

enum bb_prober {
#define X(name, text, type) BB_##name,
    BB_PROBERS(X)
#undef X
};

enum bb_ip { BB_IP4, BB_IP6 };

/* preferred_ip_protocol and what stands beside it in each section. */
struct bb_way {
    int ip; /* enum bb_ip */
    bool fallback;
    const char *source;
};

struct bb_tls {
    bool skip_verify;
    const char *ca_file, *cert_file, *key_file, *server_name;
    int min_version, max_version;   /* 0: none, then 1.0 … 1.3 */
    const struct node *left_out[3]; /* ca, cert, key: texts in the file itself */
};

struct bb_secret { /* a value, or the file that has it */
    const char *value, *file;
};

struct bb_basic {
    struct bb_secret username, password;
};
struct bb_authorization {
    const char *type;
    struct bb_secret credentials;
};
struct bb_oauth {
    const char *client_id, *token_url;
    struct bb_secret secret;
    struct str_list scopes;
    struct pair_list params;
    const struct node *left_out[5]; /* blackbox_module.c names them */
};

struct bb_header_rule {
    const char *header, *regexp;
    bool allow_missing;
};

#define BB_HTTP_LEFT_OUT 4
#define BB_WS_LEFT_OUT   6
struct bb_http {
    struct range_list status;
    struct str_list versions, body_matches, body_not_matches;
    struct section_list header_matches, header_not_matches; /* struct bb_header_rule */
    struct pair_list headers;
    const struct node *http_headers; /* name → {values, secrets, files} */
    const char *method, *body, *body_file, *body_limit, *compression, *proxy_url, *no_proxy;
    const struct node *proxy_headers; /* name → text or list of texts */
    bool follow, no_follow, http2, fail_ssl, fail_not_ssl, skip_resolve;
    struct bb_basic basic;
    struct bb_authorization authorization;
    struct bb_secret bearer;
    struct bb_oauth oauth2;
    struct bb_tls tls;
    struct bb_way way;
    const struct node *left_out[BB_HTTP_LEFT_OUT]; /* blackbox_module.c names them */
};

struct bb_step {
    const char *expect, *expect_bytes, *send;
    struct section_list labels; /* struct bb_label */
    bool starttls;
};
struct bb_label {
    const char *name, *value;
};

struct bb_tcp {                /* of unix, too: without a way */
    struct section_list steps; /* struct bb_step */
    bool use_tls;
    struct bb_tls tls;
    struct bb_way way;
};

struct bb_rrs {
    struct str_list matches, all_match, not_matches, none_matches;
};
struct bb_dns {
    const char *name;
    int type, class, transport; /* type: of dns_type_choices; transport 1: tcp */
    bool recursion, over_tls;
    struct str_list rcodes;
    struct bb_rrs answer, authority, additional;
    struct bb_tls tls;
    struct bb_way way;
};

struct bb_icmp {
    bool dont_fragment;
    int64_t size, ttl;
    struct bb_way way;
};

struct bb_grpc {
    const char *service;
    bool use_tls;
    const struct node *metadata; /* name → text or list of texts */
    struct bb_tls tls;
    struct bb_way way;
};

struct bb_ws_client { /* http_config of websocket */
    struct bb_basic basic;
    struct bb_authorization authorization;
    struct bb_secret bearer;
    struct bb_tls tls;
    const struct node *left_out[BB_WS_LEFT_OUT], *unheeded[2]; /* blackbox_module.c names them */
};
struct bb_ws {
    struct bb_ws_client client;
    const struct node *headers; /* name → {values, secrets, files} */
    struct section_list steps;  /* struct bb_step */
    struct bb_way way;
};

struct bb_module {
    const char *name;
    const char *dir;         /* relative names of files start here */
    const struct node *node; /* as it was written */
    int prober;              /* enum bb_prober */
    int64_t timeout_ms;
    struct bb_http http;
    struct bb_tcp tcp;
    struct bb_dns dns;
    struct bb_icmp icmp;
    struct bb_grpc grpc;
    struct bb_tcp unix_socket;
    struct bb_ws websocket;
};

/* Binds and checks a module; NULL: problems were added. */
struct bb_module *bb__module(const char *name, const struct node *n, const char *dir,
                             struct arena *a, struct problems *p);
struct node *bb__masked(const struct bb_module *b, struct arena *a);

/* Each section in our own terms (blackbox_http.c, blackbox_ws.c, blackbox_translate.c). */
struct bb_asked {
    const struct bb_module *b;
    const char *target, *hostname; /* hostname NULL: none */
    bool live;
    struct arena *a;
    struct node *config; /* to be filled */
};
int bb__http(struct bb_asked *q, struct err *err);
int bb__tcp(struct bb_asked *q, struct err *err);
int bb__dns(struct bb_asked *q, struct err *err);
int bb__icmp(struct bb_asked *q, struct err *err);
int bb__grpc(struct bb_asked *q, struct err *err);
int bb__unix(struct bb_asked *q, struct err *err);
int bb__websocket(struct bb_asked *q, struct err *err);
/* What they share (blackbox_translate.c). */
void bb__put_way(struct bb_asked *q, const struct bb_way *w);
void bb__put_tls(struct bb_asked *q, const struct bb_tls *t, const char *server_name);
struct node *bb__texts(struct bb_asked *q, const struct str_list *list);
/* A pattern in Go's syntax, for pattern.h. */
struct node *bb__regexp(struct bb_asked *q, const char *text);
struct node *bb__regexps(struct bb_asked *q, const struct str_list *list);
/* name → text, or a list of texts as one. */
void bb__put_values(struct bb_asked *q, const char *key, const struct node *map);
/* name → {values, secrets, files} with one value each, into a map of headers. */
int bb__put_given(struct bb_asked *q, const struct node *all, struct node *headers,
                  struct err *err);
/* The entries of query_response that tcp and unix share. */
void bb__put_talk(struct bb_asked *q, const struct bb_tcp *t);
const char *bb__path(const struct bb_module *b, const char *path, struct arena *a);
/* The value, or the file's text without white space around it; *out NULL when there is neither. */
int bb__secret(struct bb_asked *q, const struct bb_secret *s, const char **out, struct err *err);
int bb__file(struct bb_asked *q, const char *path, bool trim, const char **out, struct err *err);

#endif
