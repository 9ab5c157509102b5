/* What a TLS handshake showed of the peer: verification with the chain kept, and its description as
 * struct tls_info. Called by stream_tls.c and http_curl.c on the loop's thread. */
#include "io/tls_priv.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

void tls__seen_done(struct tls_seen *s)
{
    sk_X509_pop_free(s->chain, X509_free);
    s->chain = NULL;
}

int tls__verify(X509_STORE_CTX *ctx, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_seen *s = arg != NULL ? arg : SSL_get_app_data(ssl);
    must(s != NULL);
    tls__seen_done(s);
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(ctx);
    s->chain = sent != NULL ? X509_chain_up_ref(sent) : NULL;
    tls__seen_session(s, ssl);
    if ((SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) == 0) {
        return 1; /* not asked for: its cost is spared too */
    }
    s->verified = X509_verify_cert(ctx) > 0;
    s->error = X509_STORE_CTX_get_error(ctx);
    s->depth = X509_STORE_CTX_get_error_depth(ctx);
    return s->verified;
}

/* "TLSv1.3" is "TLS 1.3" in blackbox_exporter's metrics. */
void tls__seen_session(struct tls_seen *s, const SSL *ssl)
{
    const char *v = SSL_get_version(ssl);
    if (strncmp(v, "TLSv", 4) == 0) {
        snprintf(s->version, sizeof(s->version), "TLS %.8s%s", v + 4, strchr(v, '.') ? "" : ".0");
    } else {
        snprintf(s->version, sizeof(s->version), "%.15s", v);
    }
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    if (cipher == NULL) { /* TLS 1.2, in the middle of the handshake */
        cipher = SSL_get_pending_cipher(ssl);
    }
    snprintf(s->cipher, sizeof(s->cipher), "%.47s", cipher ? SSL_CIPHER_get_name(cipher) : "");
}

static int64_t asn1_ms(const ASN1_TIME *t)
{
    struct tm tm = {0};
    return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

/* Certificates are foreign bytes: what is printed is bounded and made valid UTF-8. */
static char *bio_text(BIO *b, struct arena *a, size_t max)
{
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);
    struct buf clean = BUF_INIT(4 * max);
    utf8_clean(&clean, p, (size_t)n > max ? max : (size_t)n);
    char *out = arena_strndup(a, clean.data != NULL ? clean.data : "", clean.len);
    buf_done(&clean);
    return out;
}

static char *name_text(const X509_NAME *name, struct arena *a)
{
    BIO *b = BIO_new(BIO_s_mem());
    must(b != NULL);
    X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    char *out = bio_text(b, a, 512);
    BIO_free(b);
    return out;
}

static char *serial_text(const X509 *x, struct arena *a)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = n != NULL ? BN_bn2hex(n) : NULL;
    char *out = arena_strndup(a, hex != NULL ? hex : "", hex != NULL ? strnlen(hex, 80) : 0);
    OPENSSL_free(hex);
    BN_free(n);
    return out;
}

static char *alt_names_text(const X509 *x, struct arena *a)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    BIO *b = BIO_new(BIO_s_mem());
    must(b != NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        const char *comma = BIO_ctrl_pending(b) > 0 ? "," : "";
        if (g->type == GEN_DNS) {
            BIO_printf(b, "%s%.*s", comma, ASN1_STRING_length(g->d.dNSName),
                       (const char *)ASN1_STRING_get0_data(g->d.dNSName));
        } else if (g->type == GEN_IPADD) {
            const unsigned char *p = ASN1_STRING_get0_data(g->d.iPAddress);
            struct addr_bytes {
                unsigned char b[16];
            } ip = {0};
            int n = ASN1_STRING_length(g->d.iPAddress);
            if (n == 4) {
                BIO_printf(b, "%s%u.%u.%u.%u", comma, p[0], p[1], p[2], p[3]);
            } else if (n == 16) {
                memcpy(&ip, p, 16);
                BIO_printf(b, "%s", comma);
                for (int k = 0; k < 16; k += 2) {
                    BIO_printf(b, "%s%x", k ? ":" : "", ip.b[k] << 8 | ip.b[k + 1]);
                }
            }
        }
    }
    char *out = bio_text(b, a, 4096);
    BIO_free(b);
    GENERAL_NAMES_free(names);
    return out;
}

static void describe(const X509 *x, struct arena *a, struct tls_cert *c)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    c->subject = name_text(X509_get_subject_name(x), a);
    c->issuer = name_text(X509_get_issuer_name(x), a);
    c->serial = serial_text(x, a);
    c->alt_names = alt_names_text(x, a);
    if (X509_digest(x, EVP_sha256(), md, &n) == 1) {
        must(n == 32);
        for (unsigned i = 0; i < n; i++) {
            snprintf(c->fingerprint + (size_t)2 * i, 3, "%02x", md[i]);
        }
    }
    c->not_before_ms = asn1_ms(X509_get0_notBefore(x));
    c->not_after_ms = asn1_ms(X509_get0_notAfter(x));
}

void tls__info(const struct tls_seen *s, struct arena *a, struct tls_info *info)
{
    memset(info, 0, sizeof(*info));
    memcpy(info->version, s->version, sizeof(info->version));
    memcpy(info->cipher, s->cipher, sizeof(info->cipher));
    info->verified = s->verified;
    if (s->error != X509_V_OK) {
        snprintf(info->verify_error, sizeof(info->verify_error), "%s",
                 X509_verify_cert_error_string(s->error));
    }
    int n = s->chain != NULL ? sk_X509_num(s->chain) : 0;
    n = n > 16 ? 16 : n; /* the peer decides how many it sends */
    if (n == 0 || a == NULL) {
        return;
    }
    info->chain = arena_array_of(a, struct tls_cert, n);
    info->chain_len = n;
    for (int i = 0; i < n; i++) {
        struct tls_cert *c = &info->chain[i];
        describe(sk_X509_value(s->chain, i), a, c);
        if (info->earliest_expiry_ms == 0 || c->not_after_ms < info->earliest_expiry_ms) {
            info->earliest_expiry_ms = c->not_after_ms;
        }
    }
}
