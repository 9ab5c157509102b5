/* Option sections and judgements that several probers share: TLS, latency, IP version. */
#ifndef PROBE_COMMON_H
#define PROBE_COMMON_H

#include "config/option.h"
#include "io/tls.h"
#include "probe/prober.h"

/* `tls:` of http, tcp, dns … */
struct tls_section {
    bool verify;
    const char *ca_file, *cert_file, *key_file, *server_name;
    int min_version, max_version; /* index into tls_versions */
    int64_t expiry_warning_ms;    /* degraded when the earliest certificate ends sooner; 0: off */
};
extern const struct option tls_section_options[];

/* server_name: used when the section has none. */
struct tls_options tls_section_apply(const struct tls_section *s, const char *server_name);
/* Metrics of the handshake in blackbox_exporter's names, the expiry warning, detail for the page. */
#define TLS_FAILED_FACT \
    "tls_handshake_failed" /* the fact of a result whose hands were not shaken */
void result_add_tls(struct result *r, const struct tls_info *info, int64_t expiry_warning_ms);

extern const char *const ip_version_choices[]; /* enum ip_version */

/* The rows `ip_version` and `source`; C's field is an int (enum ip_version) and a text. */
/* clang-format off: initializers in macros */
#define OPTION_IP_VERSION(C, field)                                                                 \
    {                                                                                               \
        "ip_version", OPT_ENUM, offsetof(C, field), .def = "any", .choices = ip_version_choices,    \
                                                    .advanced = true, .help = {                     \
                                                        "Use only IPv4 or IPv6, or prefer one.",    \
                                                        "只用 IPv4 或 IPv6，或优先其一。" \
                                                    }                                               \
    }
#define OPTION_SOURCE(C, field)                                                                 \
    {                                                                                           \
        "source", OPT_STRING, offsetof(C, field), .max = 45, .advanced = true,                  \
                                                  .example = "10.0.0.7", .help = {              \
                                                      "Address of this host to probe from.",    \
                                                      "从本机的哪个地址发起探测。" \
                                                  }                                             \
    }
/* clang-format on */
void source_validate(const char *source, struct problems *p, const char *path);
/* The address in *room; NULL when there is none. */
const struct addr *source_addr(const char *source, struct addr *room);

enum latency_action { LATENCY_WARN, LATENCY_FAIL };
extern const char *const latency_action_choices[];
/* A slow success is degraded, or a failure when action says so. max_ms 0: no bound. */
void expect_latency(struct result *r, int64_t max_ms, enum latency_action action);

/* Resolves host, records time, address and probe_dns_lookup_time_seconds / probe_ip_*; result_fail'ed on -1. */
int probe_resolve(struct probe *p, const char *host, uint16_t port, enum ip_version version,
                  struct result *r, struct resolved *out);
/* Records which address was used. */
void result_set_address(struct result *r, const struct addr *addr);

#endif
