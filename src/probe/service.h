/* What most services have in common: an address, an account, TLS, a bound on latency. A prober embeds
 * `struct service service;` in its configuration, puts the rows below into its option table, and its run function is
 *
 *     int64_t start = clock_mono_ns();
 *     struct stream *s = service_connect(p, &c->service, r);
 *     if (!s)
 *         return;
 *     …the protocol, with stream_read_*, stream_write and p->deadline_ns; result_fail, result_warn, result_metric…
 *     service_end(&s, start, &c->expect, r);
 */
#ifndef PROBE_SERVICE_H
#define PROBE_SERVICE_H

#include "io/stream.h"
#include "probe/common.h"
#include "probe/url.h"

struct service {
    const char *host;
    int64_t port;
    const char *username, *password;
    bool use_tls;
    struct tls_section tls;
    int ip_version;
    const char *source; /* OPTION_SOURCE; NULL: any */
};

struct latency_bound {
    int64_t max_ms;
    int action; /* enum latency_action */
};

/* Rows of an option table; C is the configuration's struct with a `service` in it, port_text the usual port. */
/* clang-format off: initializers in macros */
#define SERVICE_HOST(C)                                                                 \
    {                                                                                   \
        "host", OPT_STRING, offsetof(C, service.host), .required = true, .max = 255,    \
                                                       .example = "10.0.0.5", .help = { \
                                                           "Host name or address.",     \
                                                           "主机名或地址。"      \
                                                       }                                \
    }
#define SERVICE_ADDRESS(C, port_text)                                                         \
    SERVICE_HOST(C),                                                                          \
    {                                                                                         \
        "port", OPT_INT, offsetof(C, service.port), .def = port_text, .min = 1, .max = 65535, \
                                                    .help = {                                 \
                                                        "TCP port.",                          \
                                                        "TCP 端口。"                       \
                                                    }                                         \
    }
#define SERVICE_ACCOUNT(C)                                                                  \
    {"username", OPT_STRING, offsetof(C, service.username), .max = 255,                     \
     .help = {"Whom to log in as.", "登录用户名。"}},                                       \
    {                                                                                       \
        "password", OPT_STRING, offsetof(C, service.password), .secret = true, .max = 1000, \
                                                               .help = {                    \
                                                                   "Its password.",         \
                                                                   "登录密码。"        \
                                                               }                            \
    }
#define SERVICE_TLS(C)                                                     \
    {"tls", OPT_BOOL, offsetof(C, service.use_tls), .def = "false",        \
     .help = {"Speak TLS.", "使用 TLS。"}},                                \
        {"tls_options",                                                    \
         OPT_SECTION,                                                      \
         offsetof(C, service.tls),                                         \
         .sub = tls_section_options,                                       \
         .advanced = true,                                                 \
         .help = {"How TLS is spoken and judged.", "TLS 的参数与判断。"}}, \
        OPTION_IP_VERSION(C, service.ip_version)

/* Rows of a prober's `expect` section; E is its struct with a `struct latency_bound latency` in it. */
#define EXPECT_LATENCY(E)                                                                 \
    {"max_latency", OPT_DURATION, offsetof(E, latency.max_ms),                            \
     .help = {"Slower than this is degraded (or down, see max_latency_action).",          \
              "超过此时间视为降级（或故障，见 max_latency_action）。"}},                  \
    {                                                                                     \
        "max_latency_action", OPT_ENUM, offsetof(E, latency.action),                      \
            .def = "warn", .choices = latency_action_choices, .advanced = true, .help = { \
                "What slowness means.",                                                   \
                "过慢意味着什么。"                                                \
            }                                                                             \
    }
/* clang-format on */

/* Resolves, connects and, when s->use_tls, shakes hands; address, phases and certificate go into *r. NULL: *r has
 * failed and says why. */
struct stream *service_connect(struct probe *p, const struct service *s, struct result *r);
/* Its last step, for streams connected otherwise; stream NULL: *err says why. */
struct stream *service_secured(struct probe *p, const struct service *s, struct stream *stream,
                               const struct err *err, struct result *r);
/* The handshake of a service that is asked for TLS in its own protocol first. 0, or -1: *r has failed. */
int service_start_tls(struct probe *p, const struct service *s, struct stream *stream,
                      struct result *r);
/* Closes, takes the time since start_ns as the latency and judges it. */
void service_end(struct stream **stream, int64_t start_ns, const struct latency_bound *bound,
                 struct result *r);

/* The usual URL, scheme://user:password@host:port/…?option=value, as a configuration; *u for what is special (the path).
 * tls_scheme, such as "rediss", switches tls on. NULL with *err. */
struct node *service_from_url(const char *text, const char *tls_scheme, struct url *u,
                              struct arena *a, struct err *err);
/* The same where no port is usual, so that there must be one. */
struct node *service_url_with_port(const char *text, struct arena *a, struct err *err);
/* The same for a prober that takes nothing of the path; tls_port is the tls_scheme's usual one. */
struct node *service_url(const char *text, const char *tls_scheme, uint16_t tls_port,
                         struct arena *a, struct err *err);
/* "10.0.0.5:5432", "[::1]:5432" */
void service_describe(const struct service *s, struct buf *out);

#endif
