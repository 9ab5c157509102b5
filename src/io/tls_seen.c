/* What a TLS handshake showed of the peer: verification with the chain kept, and its description as
 * struct tls_info (the chain: tls_chain.c). Called by stream_tls.c and http_curl.c on the loop's thread. */
#include "io/tls_priv.h"

#include <stdio.h>
#include <string.h>

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

void tls__info(struct loop *l, const struct tls_seen *s, struct arena *a, struct tls_info *info)
{
    memset(info, 0, sizeof(*info));
    memcpy(info->version, s->version, sizeof(info->version));
    memcpy(info->cipher, s->cipher, sizeof(info->cipher));
    info->verified = s->verified;
    if (s->error != X509_V_OK) {
        snprintf(info->verify_error, sizeof(info->verify_error), "%s",
                 X509_verify_cert_error_string(s->error));
    }
    if (s->chain != NULL && a != NULL) {
        info->chain = tls__chains_look(tls__chains(l), s->chain, a);
    }
}
