/* A certificate for people: names, serial, dates and fingerprint as one JSON object. Called by
 * tls_chain.c on the loop's thread, once a certificate as long as its chain is remembered. */
#include "io/tls_priv.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

static int64_t asn1_ms(const ASN1_TIME *t)
{
    struct tm tm = {0};
    return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

int64_t tls__cert_not_after_ms(const X509 *x)
{
    return asn1_ms(X509_get0_notAfter(x));
}

/* Certificates are foreign bytes: what is printed is bounded and made valid UTF-8. */
static void put_bio(struct json *j, const char *key, BIO *b, size_t max)
{
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);
    struct buf clean = BUF_INIT(4 * max);
    utf8_clean(&clean, p, (size_t)n > max ? max : (size_t)n);
    json_kstr(j, key, clean.data != NULL ? clean.data : "");
    buf_done(&clean);
}

static void put_name(struct json *j, const char *key, const X509_NAME *name)
{
    BIO *b = BIO_new(BIO_s_mem());
    must(b != NULL);
    X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    put_bio(j, key, b, 512);
    BIO_free(b);
}

static void put_serial(struct json *j, const X509 *x)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = n != NULL ? BN_bn2hex(n) : NULL;
    json_key(j, "serial");
    json_strn(j, hex != NULL ? hex : "", hex != NULL ? strnlen(hex, 80) : 0);
    OPENSSL_free(hex);
    BN_free(n);
}

static void print_address(BIO *b, const char *comma, const ASN1_OCTET_STRING *ip)
{
    const unsigned char *p = ASN1_STRING_get0_data(ip);
    int n = ASN1_STRING_length(ip);
    if (n == 4) {
        BIO_printf(b, "%s%u.%u.%u.%u", comma, p[0], p[1], p[2], p[3]);
    } else if (n == 16) {
        BIO_printf(b, "%s", comma);
        for (int k = 0; k < 16; k += 2) {
            BIO_printf(b, "%s%x", k ? ":" : "", p[k] << 8 | p[k + 1]);
        }
    }
}

static void put_alt_names(struct json *j, const X509 *x)
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
            print_address(b, comma, g->d.iPAddress);
        }
    }
    put_bio(j, "alt_names", b, 4096);
    BIO_free(b);
    GENERAL_NAMES_free(names);
}

static void put_fingerprint(struct json *j, const X509 *x)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct buf hex = BUF_INIT(64);
    if (X509_digest(x, EVP_sha256(), md, &n) == 1) {
        must(n == 32);
        hex_encode(&hex, md, n);
    }
    json_kstr(j, "fingerprint_sha256", hex.data != NULL ? hex.data : "");
    buf_done(&hex);
}

void tls__cert_json(const X509 *x, struct json *j)
{
    json_obj(j);
    put_name(j, "subject", X509_get_subject_name(x));
    put_name(j, "issuer", X509_get_issuer_name(x));
    put_serial(j, x);
    put_alt_names(j, x);
    put_fingerprint(j, x);
    json_ktime(j, "not_before", asn1_ms(X509_get0_notBefore(x)));
    json_ktime(j, "not_after", tls__cert_not_after_ms(x));
    json_end(j);
}
