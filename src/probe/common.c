/* What several probers share; see common.h. Runs in watchers. */
#include "probe/common.h"

#include <stdio.h>

#include "base/clock.h"

#define NEVER_VERIFIED (-62135596800.0) /* Go's zero time, as blackbox_exporter writes it */

const char *const ip_version_choices[] = {"any", "4", "6", "prefer_4", "prefer_6", NULL};
const char *const latency_action_choices[] = {"warn", "fail", NULL};
static const char *const tls_versions[] = {"default", "1.0", "1.1", "1.2", "1.3", NULL};

const struct option tls_section_options[] = {
    {"verify", OPT_BOOL, offsetof(struct tls_section, verify), .def = "true",
     .help = {"Check the certificate chain and the host name.", "校验证书链和主机名。"}},
    {"ca_file", OPT_STRING, offsetof(struct tls_section, ca_file), .advanced = true,
     .help = {"PEM file of trusted authorities instead of the system's.",
              "受信任 CA 的 PEM 文件，代替系统自带的。"}},
    {"cert_file", OPT_STRING, offsetof(struct tls_section, cert_file), .advanced = true,
     .help = {"Client certificate, PEM.", "客户端证书（PEM）。"}},
    {"key_file", OPT_STRING, offsetof(struct tls_section, key_file), .advanced = true,
     .help = {"Key of the client certificate, PEM.", "客户端证书的私钥（PEM）。"}},
    {"server_name", OPT_STRING, offsetof(struct tls_section, server_name), .advanced = true,
     .help = {"Name to send (SNI) and to verify, when it is not the host.",
              "用于 SNI 和校验的名称，默认为主机名。"}},
    {"min_version", OPT_ENUM, offsetof(struct tls_section, min_version), .def = "default",
     .choices = tls_versions, .advanced = true,
     .help = {"Refuse older protocol versions.", "拒绝更旧的 TLS 版本。"}},
    {"max_version", OPT_ENUM, offsetof(struct tls_section, max_version), .def = "default",
     .choices = tls_versions, .advanced = true,
     .help = {"Refuse newer protocol versions.", "拒绝更新的 TLS 版本。"}},
    {"expiry_warning", OPT_DURATION, offsetof(struct tls_section, expiry_warning_ms), .def = "14d",
     .help = {"Degraded when a certificate ends sooner than this; 0 is never.",
              "证书在此时间内到期则为降级；0 表示不检查。"}},
    OPTION_END,
};

struct tls_options tls_section_apply(const struct tls_section *s, const char *server_name)
{
    static const int versions[] = {0, 10, 11, 12, 13};
    must(s->min_version >= 0 && (size_t)s->min_version < array_len(versions));
    must(s->max_version >= 0 && (size_t)s->max_version < array_len(versions));
    return (struct tls_options){
        .verify = s->verify,
        .ca_file = s->ca_file,
        .cert_file = s->cert_file,
        .key_file = s->key_file,
        .server_name = s->server_name ? s->server_name : server_name,
        .min_version = versions[s->min_version],
        .max_version = versions[s->max_version],
    };
}

void source_validate(const char *source, struct problems *p, const char *path)
{
    struct addr a;
    char field[200];
    snprintf(field, sizeof(field), "%s%ssource", path, *path ? "." : "");
    if (source && !addr_parse_ip(source, 0, &a))
        problem_add(p, NULL, field, "got \"%.60s\"; want an IP address of this host", source);
}

const struct addr *source_addr(const char *source, struct addr *room)
{
    if (!source)
        return NULL;
    must(addr_parse_ip(source, 0, room)); /* validated */
    return room;
}

static const char *chain_json(const struct tls_info *info, struct arena *a)
{
    if (info->chain.certs_json == NULL)
        return NULL;
    struct buf out = BUF_INIT(16384);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kstr(&j, "tls_version", info->version);
    json_kstr(&j, "tls_cipher", info->cipher);
    json_kbool(&j, "tls_verified", info->verified);
    json_key(&j, "certificates");
    json_raw(&j, info->chain.certs_json, strlen(info->chain.certs_json));
    json_end(&j);
    const char *text = out.failed ? NULL : arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

/* Who the server says it is, in blackbox_exporter's labels. */
static void add_chain_info(struct result *r, const struct tls_names *leaf)
{
    if (!leaf->subject)
        return;
    const struct label labels[] = {{"fingerprint_sha256", leaf->fingerprint},
                                   {"subject", leaf->subject},
                                   {"issuer", leaf->issuer},
                                   {"subjectalternative", leaf->alt_names},
                                   {"serialnumber", leaf->serial}};
    result_metric_labels(r, "probe_ssl_last_chain_info", labels, array_len(labels), 1);
}

void result_add_tls(struct result *r, const struct tls_info *info, int64_t expiry_warning_ms)
{
    must(r != NULL && info != NULL && info->chain.len >= 0);
    if (info->version[0])
        result_metric_label(r, "probe_tls_version_info", "version",
                            arena_strdup(r->arena, info->version), 1);
    if (info->chain.earliest_expiry_ms == 0)
        return;
    result_metric(r, "probe_ssl_earliest_cert_expiry",
                  (double)info->chain.earliest_expiry_ms / 1000);
    result_metric(r, "probe_ssl_last_chain_expiry_timestamp_seconds",
                  info->verified ? (double)info->chain.earliest_expiry_ms / 1000 : NEVER_VERIFIED);
    add_chain_info(r, &info->chain.leaf);
    if (!r->detail_json)
        r->detail_json = chain_json(info, r->arena);
    int64_t left_ms = info->chain.earliest_expiry_ms - r->checked_ms;
    if (expiry_warning_ms == 0 || left_ms >= expiry_warning_ms)
        return;
    if (left_ms < 0)
        result_warn(r, "certificate expired %lld days ago", (long long)(-left_ms / 86400000));
    else
        result_warn(r, "certificate expires in %lld days", (long long)(left_ms / 86400000));
}

void expect_latency(struct result *r, int64_t max_ms, enum latency_action action)
{
    must(action == LATENCY_WARN || action == LATENCY_FAIL);
    if (max_ms <= 0 || r->latency_us <= max_ms * 1000)
        return;
    if (action == LATENCY_FAIL)
        result_fail(r, "slow: took %lld ms; want at most %lld ms",
                    (long long)(r->latency_us / 1000), (long long)max_ms);
    else
        result_warn(r, "slow: took %lld ms; want at most %lld ms",
                    (long long)(r->latency_us / 1000), (long long)max_ms);
}

/* FNV-1a over the raw address, as blackbox_exporter's probe_ip_addr_hash. */
static uint32_t address_hash(const struct addr *a)
{
    const uint8_t *p = a->sa.sa_family == AF_INET6 ? (const uint8_t *)&a->in6.sin6_addr
                                                   : (const uint8_t *)&a->in4.sin_addr;
    size_t n = a->sa.sa_family == AF_INET6 ? 16 : 4;
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

void result_set_address(struct result *r, const struct addr *addr)
{
    char text[ADDR_TEXT];
    if (addr->sa.sa_family != AF_INET && addr->sa.sa_family != AF_INET6)
        return;
    r->address = arena_strdup(r->arena, addr_ip(addr, text));
    result_metric(r, "probe_ip_protocol", addr->sa.sa_family == AF_INET6 ? 6 : 4);
    result_metric(r, "probe_ip_addr_hash", address_hash(addr));
}

int probe_resolve(struct probe *p, const char *host, uint16_t port, enum ip_version version,
                  struct result *r, struct resolved *out)
{
    struct err err = {0};
    must(host != NULL && p->env->resolver != NULL);
    int rc = resolve(p->env->resolver, host, port, version, p->connect_deadline_ns, out, &err);
    if (rc != 0) {
        result_fail_err(r, &err);
        return -1;
    }
    must(out->n >= 1 && out->n <= RESOLVE_MAX && out->took_ns >= 0);
    if (p->one_address)
        resolved_keep_one(out, version);
    r->resolve_us = out->took_ns / 1000;
    result_metric(r, "probe_dns_lookup_time_seconds", (double)out->took_ns / 1e9);
    return 0;
}
