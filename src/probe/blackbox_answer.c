/* A result of ours as the metrics of blackbox_exporter (blackbox.h): one table of its families, by name. */
#include <stdio.h>

#include "base/str.h"
#include "probe/blackbox_module.h"
#include "probe/common.h"
#include "probe/dns_wire.h"

#define HTTP    (1u << BB_HTTP)
#define TCP     (1u << BB_TCP)
#define DNS     (1u << BB_DNS)
#define ICMP    (1u << BB_ICMP)
#define GRPC    (1u << BB_GRPC)
#define UNIX    (1u << BB_UNIX)
#define WS      (1u << BB_WEBSOCKET)
#define ALL     (OVER_IP | UNIX)
#define OVER_IP (HTTP | TCP | DNS | ICMP | GRPC | WS)
#define TALKS   (TCP | UNIX)

/* Values of the one label that a family always has all of. */
static const char *const http_phases[] = {"resolve",    "connect",  "tls",
                                          "processing", "transfer", NULL};
static const char *const dns_phases[] = {"resolve", "connect", "request", NULL};
static const char *const icmp_phases[] = {"resolve", "setup", "rtt", NULL};
static const char *const grpc_phases[] = {"resolve", "check", NULL};
static const char *const ws_phases[] = {"resolve", "connect", "processing", "transfer", NULL};
static const char *const servings[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN",
                                       NULL};

struct family {
    const char *name;
    unsigned always,
        learned;       /* by which probers: with 0 in any case, or only when it was found out */
    const char *label; /* of `values`; NULL: it has no label, or those that were found */
    const char *const *values;
    const char *help;
};

/* In the order of names. */
static const struct family families[] = {
    {"probe_dns_additional_rrs", DNS, 0, NULL, NULL, "Records in the additional section."},
    {"probe_dns_answer_rrs", DNS, 0, NULL, NULL, "Records in the answer section."},
    {"probe_dns_authority_rrs", DNS, 0, NULL, NULL, "Records in the authority section."},
    {"probe_dns_duration_seconds", DNS, 0, "phase", dns_phases,
     "How long each phase of the query took."},
    {"probe_dns_lookup_time_seconds", OVER_IP, 0, NULL, NULL,
     "How long the target's name took to resolve."},
    {"probe_dns_query_succeeded", DNS, 0, NULL, NULL, "Whether an answer came."},
    {"probe_dns_serial", 0, DNS, NULL, NULL, "Serial number of the zone."},
    {"probe_duration_seconds", ALL, 0, NULL, NULL, "How long the probe took."},
    {"probe_expect_info", 0, TALKS, NULL, NULL, "What the labels of query_response found."},
    {"probe_failed_due_to_bytes", TALKS, 0, NULL, NULL,
     "Whether the probe failed because of expect_bytes."},
    {"probe_failed_due_to_regex", HTTP | TALKS, 0, NULL, NULL,
     "Whether the probe failed because of a regular expression."},
    {"probe_grpc_duration_seconds", GRPC, 0, "phase", grpc_phases,
     "How long each phase of the call took."},
    {"probe_grpc_healthcheck_response", GRPC, 0, "serving_status", servings,
     "What the health service answered."},
    {"probe_grpc_ssl", GRPC, 0, NULL, NULL, "Whether the call went over TLS."},
    {"probe_grpc_status_code", GRPC, 0, NULL, NULL, "gRPC status of the answer."},
    {"probe_http_content_length", HTTP, 0, NULL, NULL, "Length that the answer says, -1: none."},
    {"probe_http_duration_seconds", HTTP, 0, "phase", http_phases,
     "How long each phase took, over all redirects."},
    {"probe_http_last_modified_timestamp_seconds", 0, HTTP, NULL, NULL,
     "Last-Modified of the answer."},
    {"probe_http_redirects", HTTP, 0, NULL, NULL, "Redirects of the answer."},
    {"probe_http_ssl", HTTP, 0, NULL, NULL, "Whether the final answer came over TLS."},
    {"probe_http_status_code", HTTP, 0, NULL, NULL, "Status of the final answer, 0: none came."},
    {"probe_http_uncompressed_body_length", HTTP, 0, NULL, NULL,
     "Length of the body after unpacking."},
    {"probe_http_version", HTTP, 0, NULL, NULL, "HTTP version of the answer."},
    {"probe_icmp_duration_seconds", ICMP, 0, "phase", icmp_phases,
     "How long each phase of the echo took."},
    {"probe_icmp_reply_hop_limit", 0, ICMP, NULL, NULL, "Hop limit of the answer."},
    {"probe_ip_addr_hash", OVER_IP, 0, NULL, NULL, "A number of the address, to see it change."},
    {"probe_ip_protocol", OVER_IP, 0, NULL, NULL, "IP version used, 4 or 6."},
    {"probe_ssl_earliest_cert_expiry", GRPC, HTTP | TALKS, NULL, NULL,
     "When the first certificate of those sent ends."},
    {"probe_ssl_last_chain_expiry_timestamp_seconds", 0, HTTP | TALKS, NULL, NULL,
     "When the verified chain that lasts longest ends."},
    {"probe_ssl_last_chain_info", 0, HTTP | TALKS | GRPC, NULL, NULL,
     "Who the server's certificate names."},
    {"probe_success", ALL, 0, NULL, NULL, "Whether the probe was a success."},
    {"probe_timeout_seconds", ALL, 0, NULL, NULL, "How long the probe could have taken."},
    {"probe_tls_cipher_info", 0, HTTP, NULL, NULL, "Cipher of the connection."},
    {"probe_tls_version_info", 0, HTTP | TALKS | GRPC, NULL, NULL,
     "TLS version of the connection."},
    {"probe_websocket_connection_upgraded", WS, 0, NULL, NULL,
     "Whether the server took the upgrade."},
    {"probe_websocket_duration_seconds", WS, 0, "phase", ws_phases, "How long each phase took."},
    {"probe_websocket_failed_due_to_regex", WS, 0, NULL, NULL,
     "Whether the probe failed because of a regular expression."},
    {"probe_websocket_status_code", WS, 0, NULL, NULL,
     "HTTP status of the handshake, 0: none came."},
};

struct answer {
    const struct bb_module *b;
    const struct result *r;
    struct buf *out;
    double timeout_s;
};

static void put_value(struct buf *out, const char *s)
{
    for (; *s; s++)
        buf_printf(out, *s == '\n' ? "\\n" : *s == '\\' || *s == '"' ? "\\%c" : "%c", *s);
}

static void put_line(struct answer *a, const char *name, const struct label *labels, uint32_t n,
                     double value)
{
    buf_puts(a->out, name);
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(a->out, "%s%s=\"", i ? "," : "{", labels[i].name);
        put_value(a->out, labels[i].value);
        buf_putc(a->out, '"');
    }
    buf_puts(a->out, n ? "} " : " ");
    buf_add_f64(a->out, value);
    buf_putc(a->out, '\n');
}

static const struct metric *found(const struct result *r, const char *name, const char *label,
                                  const char *value)
{
    for (int i = 0; i < r->n_metrics; i++) {
        const struct metric *m = &r->metrics[i];
        const char *got = label ? metric_label(m, label) : NULL;
        if (!m->is_text && streq(m->name, name) && (!label || streq(got, value)))
            return m;
    }
    return NULL;
}

static bool number_is(const struct answer *a, const char *name, bool (*good)(double v))
{
    const struct metric *m = found(a->r, name, NULL, NULL);
    return m && good(m->num);
}

static bool is_positive(double v)
{
    return v > 0;
}

static bool is_zero(double v)
{
    return v == 0;
}

static bool http_came(const struct answer *a)
{
    return a->b->prober != BB_HTTP || number_is(a, "probe_http_status_code", is_positive);
}

static bool resolved(const struct answer *a)
{
    return found(a->r, "probe_ip_protocol", NULL, NULL) != NULL;
}

/* Of TLS it tells only what went well: http when something came over it, grpc when the call itself did, a dialogue when hands
 * were shaken. */
static bool tls_is_told(const struct answer *a)
{
    if (a->b->prober == BB_GRPC)
        return number_is(a, "probe_grpc_status_code", is_zero);
    for (int i = 0; i < a->r->n_metrics; i++)
        if (streq(a->r->metrics[i].name, TLS_FAILED_FACT))
            return false;
    return http_came(a);
}

static double own_value(const struct answer *a, const char *name)
{
    const struct metric *m = found(a->r, name, NULL, NULL);
    if (streq(name, "probe_success"))
        return a->r->success;
    if (streq(name, "probe_timeout_seconds"))
        return a->timeout_s;
    bool of_answer = streq(name, "probe_http_content_length") ||
                     streq(name, "probe_http_version") || streq(name, "probe_http_ssl");
    bool of_tls = streq(name, "probe_grpc_ssl") || str_starts(str_of(name), STR("probe_ssl_"));
    bool of_call = streq(name, "probe_grpc_status_code");
    bool told =
        (!of_answer || http_came(a)) && (!of_tls || tls_is_told(a)) && (!of_call || resolved(a));
    return m && told ? m->num : 0;
}

static void put_learned(struct answer *a, const struct family *f)
{
    for (int i = 0; i < a->r->n_metrics; i++) {
        const struct metric *m = &a->r->metrics[i];
        if (!m->is_text && streq(m->name, f->name))
            put_line(a, f->name, m->labels, m->n_labels, m->num);
    }
}

/* Without an address, the phases behind the first are not there, nor what a health service would have said. */
static bool value_is_told(const struct answer *a, const struct family *f, bool first)
{
    if (a->b->prober != BB_HTTP && a->b->prober != BB_GRPC)
        return true;
    return resolved(a) || (first && f->values != servings);
}

static void put_values(struct answer *a, const struct family *f)
{
    for (const char *const *v = f->values; *v; v++) {
        if (!value_is_told(a, f, v == f->values))
            continue;
        const struct metric *m = found(a->r, f->name, f->label, *v);
        struct label label = {f->label, *v};
        put_line(a, f->name, &label, 1, m ? m->num : 0);
    }
}

/* The serial is there, as 0, when the zone's start was asked for and anything was answered. */
static bool serial_is_told(const struct answer *a)
{
    return streq(dns_type_choices[a->b->dns.type], "SOA") &&
           number_is(a, "probe_dns_query_succeeded", is_positive);
}

static bool is_told(const struct answer *a, const struct family *f)
{
    bool tls = str_starts(str_of(f->name), STR("probe_ssl_")) ||
               str_starts(str_of(f->name), STR("probe_tls_"));
    if (streq(f->name, "probe_dns_serial"))
        return serial_is_told(a);
    return found(a->r, f->name, NULL, NULL) && (!tls || tls_is_told(a));
}

void bb_answer(const struct bb_module *b, const struct result *r, int64_t timeout_ms,
               struct buf *out)
{
    unsigned self = 1u << b->prober;
    struct answer a = {b, r, out, (double)timeout_ms / 1000};
    must(b->prober >= 0 && b->prober <= BB_WEBSOCKET);
    for (size_t i = 0; i < array_len(families); i++) {
        const struct family *f = &families[i];
        must(i == 0 || strcmp(families[i - 1].name, f->name) < 0);
        if (!(f->always & self) && !((f->learned & self) && is_told(&a, f)))
            continue;
        buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", f->name, f->help, f->name);
        if ((f->learned & self) && found(r, f->name, NULL, NULL))
            put_learned(&a, f);
        else if (f->label)
            put_values(&a, f);
        else
            put_line(&a, f->name, NULL, 0, own_value(&a, f->name));
    }
}
