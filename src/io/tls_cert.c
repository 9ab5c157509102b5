/* A certificate for people: names, serial, dates and fingerprint as one JSON object. Called by
 * tls_chain.c on the loop's thread, once a certificate as long as its chain is remembered. */
#include "io/tls_priv.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
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

/* Writes the text and hands it over to *keep, or frees it. */
static void put_text(struct json *j, const char *key, char *text, const char **keep)
{
    must(text != NULL);
    json_kstr(j, key, text);
    if (keep != NULL)
        *keep = text;
    else
        free(text);
}

/* Certificates are foreign bytes: what is printed is bounded and made valid UTF-8. */
static char *bio_text(BIO *b, size_t max)
{
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);
    struct buf clean = BUF_INIT(4 * max);
    utf8_clean(&clean, p, (size_t)n > max ? max : (size_t)n);
    char *text = clean.data != NULL ? strdup(clean.data) : strdup("");
    buf_done(&clean);
    return text;
}

static char *name_text(const X509_NAME *name)
{
    BIO *b = BIO_new(BIO_s_mem());
    must(b != NULL);
    X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    char *text = bio_text(b, 512);
    BIO_free(b);
    return text;
}

static char *serial_text(const X509 *x)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = n != NULL ? BN_bn2hex(n) : NULL;
    char *text = strndup(hex != NULL ? hex : "", 80);
    OPENSSL_free(hex);
    BN_free(n);
    return text;
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

static char *alt_names_text(const X509 *x, bool addresses)
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
        } else if (g->type == GEN_IPADD && addresses) {
            print_address(b, comma, g->d.iPAddress);
        }
    }
    char *text = bio_text(b, 4096);
    BIO_free(b);
    GENERAL_NAMES_free(names);
    return text;
}

static char *fingerprint_text(const X509 *x)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct buf hex = BUF_INIT(64);
    if (X509_digest(x, EVP_sha256(), md, &n) == 1) {
        must(n == 32);
        hex_encode(&hex, md, n);
    }
    char *text = strdup(hex.data != NULL ? hex.data : "");
    buf_done(&hex);
    return text;
}

void tls__cert_json(const X509 *x, struct json *j, struct tls_names *names)
{
    json_obj(j);
    put_text(j, "subject", name_text(X509_get_subject_name(x)), names ? &names->subject : NULL);
    put_text(j, "issuer", name_text(X509_get_issuer_name(x)), names ? &names->issuer : NULL);
    put_text(j, "serial", serial_text(x), names ? &names->serial : NULL);
    put_text(j, "alt_names", alt_names_text(x, true), NULL);
    if (names != NULL) {
        names->alt_names = alt_names_text(x, false);
    }
    put_text(j, "fingerprint_sha256", fingerprint_text(x), names ? &names->fingerprint : NULL);
    json_ktime(j, "not_before", asn1_ms(X509_get0_notBefore(x)));
    json_ktime(j, "not_after", tls__cert_not_after_ms(x));
    json_end(j);
}

void tls__names_free(struct tls_names *names)
{
    free((char *)names->subject);
    free((char *)names->issuer);
    free((char *)names->serial);
    free((char *)names->alt_names);
    free((char *)names->fingerprint);
    *names = (struct tls_names){0};
}
