/* See radius_wire.h. */
#include "probe/radius_wire.h"

#include "base/must.h"
#include "probe/digest.h"

#define HEAD                  20
#define USER_NAME             1
#define USER_PASSWORD         2
#define REPLY_MESSAGE         18
#define CALLED_STATION        30
#define CALLING_STATION       31
#define NAS_IDENTIFIER        32
#define MESSAGE_AUTHENTICATOR 80
#define VALUE_MAX             253

static void put(struct buf *out, uint8_t type, const void *p, size_t n)
{
    must(n <= VALUE_MAX);
    buf_put_u8(out, type);
    buf_put_u8(out, (uint8_t)(n + 2));
    buf_add(out, p, n);
}

static void put_text(struct buf *out, uint8_t type, const char *s)
{
    if (s && *s)
        put(out, type, s, strlen(s));
}

/* c(i) = p(i) xor MD5(secret + c(i-1)), c(0) the authenticator. RFC 2865, 5.2. */
static void put_password(struct buf *out, const struct radius_request *q)
{
    uint8_t hidden[RADIUS_PASSWORD_MAX] = {0}, mask[DIGEST_MAX], room[256 + 16];
    size_t n = strlen(q->password), secret_n = strlen(q->secret);
    must(n <= RADIUS_PASSWORD_MAX && secret_n <= 256);
    size_t padded = n == 0 ? 16 : (n + 15) / 16 * 16;
    memcpy(hidden, q->password, n);
    memcpy(room, q->secret, secret_n);
    for (size_t at = 0; at < padded; at += 16) {
        memcpy(room + secret_n, at ? hidden + at - 16 : q->authenticator, 16);
        digest_of(DIGEST_MD5, room, secret_n + 16, mask);
        for (size_t i = 0; i < 16; i++)
            hidden[at + i] ^= mask[i];
    }
    put(out, USER_PASSWORD, hidden, padded);
}

void radius_write(struct buf *out, const struct radius_request *q)
{
    static const uint8_t zeros[16] = {0};
    uint8_t mac[DIGEST_MAX];
    const uint8_t head[4] = {q->username ? RADIUS_ACCESS_REQUEST : RADIUS_STATUS_SERVER, q->id};
    must(out->len == 0);
    buf_add(out, head, sizeof(head));
    buf_add(out, q->authenticator, sizeof(q->authenticator));
    put(out, MESSAGE_AUTHENTICATOR, zeros, sizeof(zeros));
    put_text(out, USER_NAME, q->username);
    if (q->username)
        put_password(out, q);
    put_text(out, NAS_IDENTIFIER, q->nas);
    put_text(out, CALLED_STATION, q->called);
    put_text(out, CALLING_STATION, q->calling);
    if (out->failed)
        return;
    out->data[2] = (char)(out->len >> 8);
    out->data[3] = (char)out->len;
    digest_hmac(DIGEST_MD5, q->secret, strlen(q->secret), out->data, out->len, mac);
    memcpy(out->data + HEAD + 2, mac, 16);
}

/* MD5(code + id + length + request authenticator + attributes + secret) */
static bool right_authenticator(const uint8_t *p, size_t n, const struct radius_request *q)
{
    uint8_t got[DIGEST_MAX];
    struct buf all = BUF_INIT(2 * RADIUS_PACKET_MAX);
    buf_add(&all, p, 4);
    buf_add(&all, q->authenticator, 16);
    buf_add(&all, p + HEAD, n - HEAD);
    buf_puts(&all, q->secret);
    digest_of(DIGEST_MD5, all.data, all.len, got);
    buf_done(&all);
    return memcmp(got, p + 4, 16) == 0;
}

/* The HMAC of the packet with the request's authenticator and zeros where the HMAC is, at `at`. */
static bool right_mac(const uint8_t *p, size_t n, size_t at, const struct radius_request *q)
{
    uint8_t got[DIGEST_MAX], copy[RADIUS_PACKET_MAX];
    must(n <= sizeof(copy) && at + 16 <= n);
    memcpy(copy, p, n);
    memcpy(copy + 4, q->authenticator, 16);
    memset(copy + at, 0, 16);
    digest_hmac(DIGEST_MD5, q->secret, strlen(q->secret), copy, n, got);
    return memcmp(got, p + at, 16) == 0;
}

/* 0, or -1: an attribute is damaged or its HMAC wrong. */
static int read_attributes(const uint8_t *p, size_t n, const struct radius_request *q,
                           struct arena *a, struct radius_answer *out)
{
    for (size_t at = HEAD; at < n; at += p[at + 1]) {
        if (n - at < 2 || p[at + 1] < 2 || p[at + 1] > n - at)
            return -1;
        size_t length = p[at + 1];
        if (p[at] == REPLY_MESSAGE)
            out->reply = arena_strndup(a, (const char *)p + at + 2, length - 2);
        if (p[at] != MESSAGE_AUTHENTICATOR)
            continue;
        if (length != 18 || !right_mac(p, n, at + 2, q))
            return -1;
        out->signed_too = true;
    }
    return 0;
}

int radius_read(const uint8_t *p, size_t n, const struct radius_request *q, struct arena *a,
                struct radius_answer *out, struct err *err)
{
    size_t length = n >= HEAD ? (size_t)p[2] << 8 | p[3] : 0;
    if (length < HEAD || length > n || length > RADIUS_PACKET_MAX || p[1] != q->id)
        return 0;
    *out = (struct radius_answer){.code = p[0], .reply = ""};
    if (!right_authenticator(p, length, q) || read_attributes(p, length, q, a, out) != 0)
        return err_set(err, ERR_PROTOCOL, "an answer with a wrong signature: another secret?");
    return 1;
}
