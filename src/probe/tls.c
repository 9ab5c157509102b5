/* tls: is a service's certificate right, long enough valid, and its TLS new enough?
 *
 *   connect → [STARTTLS of a mail, FTP or database protocol] → handshake → chain, dates, version and fingerprint judged
 *
 * The chain and the name are judged in the handshake itself (io/tls.h). Runs in watchers. */
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/condition.h"
#include "probe/pattern.h"
#include "probe/probers.h"
#include "probe/service.h"
#include "probe/starttls.h"

static const char *const floor_choices[] = {"any", "1.0", "1.1", "1.2", "1.3", NULL};

struct tls_expect {
    int64_t valid_for_ms;
    int min_version; /* of floor_choices */
    struct str_list fingerprints;
    const char *issuer;
    struct pattern *issuer_pattern; /* compiled */
    struct latency_bound latency;
    struct str_list conditions;
    struct conditions *compiled;
};

struct tls_config {
    struct service service;
    int starttls;
    struct tls_expect expect;
};

static const struct option expect_options[] = {
    {"valid_for", OPT_DURATION, offsetof(struct tls_expect, valid_for_ms), .def = "0",
     .example = "3d",
     .help = {"Fails when a certificate of the chain ends sooner than this; "
              "tls_options.expiry_warning warns before.",
              "证书链中任一证书在此时间内到期即为失败；更早的警告见 tls_options.expiry_warning。"}},
    {"min_version", OPT_ENUM, offsetof(struct tls_expect, min_version), .def = "any",
     .choices = floor_choices,
     .help = {"Fails when the server speaks no newer TLS than this one's elders.",
              "服务器协商的 TLS 版本低于此值即为失败。"}},
    {"fingerprint", OPT_LIST, offsetof(struct tls_expect, fingerprints), .max = 16,
     .help = {"The certificate must have one of these SHA-256 fingerprints (hexadecimal, colons or "
              "not).",
              "证书的 SHA-256 指纹必须是其中之一（十六进制，可带冒号）。"}},
    {"issuer", OPT_STRING, offsetof(struct tls_expect, issuer), .example = "O=Let's Encrypt",
     .help = {"Regular expression that the certificate's issuer must match.",
              "证书颁发者必须匹配的正则表达式。"}},
    EXPECT_LATENCY(struct tls_expect),
    EXPECT_CONDITIONS(struct tls_expect),
    OPTION_END,
};

static const struct option tls_options[] = {
    SERVICE_ADDRESS(struct tls_config, "443"),
    {"starttls", OPT_ENUM, offsetof(struct tls_config, starttls), .def = "none",
     .choices = starttls_choices,
     .help = {"Ask the service for TLS in its own protocol first.",
              "先用该协议自己的方式请求 TLS。"}},
    {"tls_options", OPT_SECTION, offsetof(struct tls_config, service.tls),
     .sub = tls_section_options, .help = {"How TLS is spoken and judged.", "TLS 的参数与判断。"}},
    OPTION_IP_VERSION(struct tls_config, service.ip_version),
    {"expect", OPT_SECTION, offsetof(struct tls_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *tls_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    return service_from_url(text, NULL, &u, a, err);
}

/* "AB:CD…" and "abcd…" are the same fingerprint: 64 digits. NULL when it is none. */
static const char *plain_fingerprint(const char *text, struct arena *a)
{
    char *out = arena_strdup(a, text), *w = out;
    for (const char *s = text; *s; s++)
        if (*s != ':')
            *w++ = *s;
    *w = '\0';
    return strlen(out) == 64 && strspn(out, "0123456789abcdefABCDEF") == 64 ? out : NULL;
}

static void tls_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct tls_config *c = config;
    struct tls_expect *e = &c->expect;
    const char *field = arena_printf(a, "%s%sexpect.fingerprint", path, *path ? "." : "");
    e->compiled = conditions_compile(&e->conditions, a, p, path);
    e->issuer_pattern = pattern_compile_option(e->issuer, a, p, path, "expect.issuer");
    for (size_t i = 0; i < e->fingerprints.n; i++) {
        const char *plain = plain_fingerprint(e->fingerprints.at[i], a);
        if (!plain)
            problem_add(p, NULL, field,
                        "got \"%.100s\"; want the 64 hexadecimal digits of a SHA-256",
                        e->fingerprints.at[i]);
        else
            e->fingerprints.at[i] = plain;
    }
}

static void tls_describe(const void *config, struct buf *out)
{
    const struct tls_config *c = config;
    service_describe(&c->service, out);
}

/* --- judging --- */

static int judge_version(const struct tls_expect *e, const struct tls_info *info, struct err *err)
{
    const char *floor = floor_choices[e->min_version];
    must(e->min_version >= 0 && (size_t)e->min_version < array_len(floor_choices) - 1);
    if (e->min_version == 0 || strcmp(info->version + strcspn(info->version, "1"), floor) >= 0)
        return 0;
    return err_set(err, ERR_TLS, "the server speaks no newer than %s; want at least TLS %s",
                   info->version, floor);
}

static int judge_dates(const struct tls_expect *e, const struct tls_info *info, int64_t now_ms,
                       struct err *err)
{
    int64_t left_ms = info->chain.earliest_expiry_ms - now_ms;
    if (e->valid_for_ms == 0 || info->chain.earliest_expiry_ms == 0 || left_ms >= e->valid_for_ms)
        return 0;
    long long left_h = left_ms / 3600000, want_h = e->valid_for_ms / 3600000;
    return left_ms < 0 ? err_set(err, ERR_TLS, "the certificate expired %lld hours ago", -left_h)
                       : err_set(err, ERR_TLS,
                                 "the certificate expires in %lld hours (%lld days); want %lld",
                                 left_h, left_h / 24, want_h);
}

static int judge_names(const struct tls_expect *e, const struct tls_names *leaf, struct err *err)
{
    bool known = e->fingerprints.n == 0;
    must(leaf != NULL);
    const char *got = leaf->fingerprint ? leaf->fingerprint : "";
    const char *issuer = leaf->issuer ? leaf->issuer : "";
    for (size_t i = 0; i < e->fingerprints.n; i++)
        known |= strcasecmp(e->fingerprints.at[i], got) == 0;
    if (!known)
        return err_set(err, ERR_TLS, "the certificate's SHA-256 fingerprint is %s; want %s%s", got,
                       e->fingerprints.at[0], e->fingerprints.n > 1 ? " or another" : "");
    int rc = e->issuer_pattern ? pattern_match(e->issuer_pattern, issuer, strlen(issuer), err) : 1;
    if (rc == 0)
        err_set(err, ERR_TLS,
                "the certificate is by \"%.150s\"; want an issuer that matches \"%s\"", issuer,
                e->issuer);
    return rc > 0 ? 0 : -1;
}

static void handshake(struct probe *p, struct stream *s, const struct tls_config *c,
                      struct result *r)
{
    struct err err = {0};
    struct tls_info info = {0};
    if (starttls_ask(s, c->starttls, p->deadline_ns, &err) != 0) {
        result_fail_err(r, &err);
        return;
    }
    if (service_start_tls(p, &c->service, s, r) != 0)
        return;
    stream_tls_info(s, p->arena, &info);
    if (judge_version(&c->expect, &info, &err) != 0 ||
        judge_dates(&c->expect, &info, r->checked_ms, &err) != 0 ||
        judge_names(&c->expect, &info.chain.leaf, &err) != 0) {
        result_fail_err(r, &err);
        return;
    }
    result_ok(r, "%s, %s, valid for %lld days", info.version,
              info.chain.leaf.subject ? info.chain.leaf.subject : "no certificate",
              (long long)((info.chain.earliest_expiry_ms - r->checked_ms) / 86400000));
}

static void tls_run(struct probe *p, struct result *r)
{
    const struct tls_config *c = p->config;
    int64_t start = clock_mono_ns();
    struct stream *s = service_connect(p, &c->service, r);
    if (!s)
        return;
    must(!c->service.use_tls);
    handshake(p, s, c, r);
    service_end(&s, start, &c->expect.latency, r);
    conditions_judge_result(c->expect.compiled, r);
}

static const char *const tls_schemes[] = {"tls", NULL};

const struct prober_ops tls_prober = {
    .type = "tls",
    .kind = PROBER_NETWORK,
    .title = {"TLS certificate", "TLS 证书"},
    .help = {"Judges a service's certificate and TLS: chain, name, dates, version, fingerprint.",
             "检查服务的证书与 TLS：证书链、名称、有效期、版本、指纹。"},
    .schemes = tls_schemes,
    .options = tls_options,
    .config_size = sizeof(struct tls_config),
    .default_port = 443,
    .from_url = tls_from_url,
    .validate = tls_validate,
    .describe = tls_describe,
    .run = tls_run,
};
