/* SNMP version 3 with its user-based security model: see snmp_wire.h. RFC 3414 (HMAC-SHA-96), 7860 (HMAC-SHA-256-192),
 * 3826 (AES-128). */
#include <stdio.h>

#include "probe/snmp_wire.h"

#define FLAG_AUTH       1
#define FLAG_PRIV       2
#define FLAG_REPORTABLE 4
#define MODEL_USM       3
#define SALT            8

static size_t mac_size(enum digest_kind kind)
{
    return kind == DIGEST_SHA256 ? 24 : 12;
}

/* A password's key made the engine's. RFC 3414, 2.6. */
static void localize(enum digest_kind kind, const uint8_t *key, const struct usm_engine *e,
                     uint8_t out[DIGEST_MAX])
{
    uint8_t all[2 * DIGEST_MAX + SNMP_ENGINE_MAX];
    size_t n = digest_size(kind);
    must(e->id_n <= SNMP_ENGINE_MAX);
    memcpy(all, key, n);
    memcpy(all + n, e->id, e->id_n);
    memcpy(all + n + e->id_n, key, n);
    digest_of(kind, all, 2 * n + e->id_n, out);
}

static void crypt_pdu(bool encrypt, const struct usm_user *user, const struct usm_engine *e,
                      const uint8_t salt[SALT], const void *p, size_t n, void *out)
{
    uint8_t key[DIGEST_MAX], iv[AES_BLOCK];
    localize(user->kind, user->priv_key, e, key);
    for (int i = 0; i < 4; i++) {
        iv[i] = (uint8_t)(e->boots >> (24 - 8 * i));
        iv[4 + i] = (uint8_t)(e->time >> (24 - 8 * i));
    }
    memcpy(iv + 8, salt, SALT);
    aes128_cfb(encrypt, key, iv, p, n, out);
}

static void sign(const struct usm_user *user, const struct usm_engine *e, const void *p, size_t n,
                 uint8_t out[DIGEST_MAX])
{
    uint8_t key[DIGEST_MAX];
    localize(user->kind, user->auth_key, e, key);
    digest_hmac(user->kind, key, digest_size(user->kind), p, n, out);
}

/* --- writing --- */

static void put_scoped(struct buf *out, const struct usm_engine *e, const char *context,
                       const struct buf *pdu)
{
    size_t scoped = ber_open(out, BER_SEQUENCE);
    ber_put_bytes(out, BER_OCTETS, e->id, e->id_n);
    ber_put_text(out, BER_OCTETS, context);
    buf_add(out, pdu->data, pdu->len);
    ber_close(out, scoped);
}

static void put_encrypted(struct buf *out, const struct usm_user *user, const struct usm_engine *e,
                          const uint8_t salt[SALT], const struct buf *scoped)
{
    char room[SNMP_MESSAGE_MAX];
    if (scoped->failed || scoped->len > sizeof(room)) {
        out->failed = true;
        return;
    }
    crypt_pdu(true, user, e, salt, scoped->data, scoped->len, room);
    ber_put_bytes(out, BER_OCTETS, room, scoped->len);
}

/* Where the zeros are that the signature will replace. */
static size_t put_security(struct buf *out, const struct usm_user *user, const struct usm_engine *e,
                           bool known, const uint8_t salt[SALT])
{
    static const uint8_t zeros[DIGEST_MAX] = {0};
    size_t octets = ber_open(out, BER_OCTETS), all = ber_open(out, BER_SEQUENCE);
    ber_put_bytes(out, BER_OCTETS, e->id, e->id_n);
    ber_put_int(out, BER_INT, e->boots);
    ber_put_int(out, BER_INT, e->time);
    ber_put_text(out, BER_OCTETS, known ? user->name : "");
    ber_put_bytes(out, BER_OCTETS, zeros, known && user->auth ? mac_size(user->kind) : 0);
    size_t mac = out->len - (known && user->auth ? mac_size(user->kind) : 0);
    ber_put_bytes(out, BER_OCTETS, salt, known && user->priv ? SALT : 0);
    ber_close(out, all);
    ber_close(out, octets);
    return mac;
}

void usm_write(struct buf *out, const struct usm_user *user, const struct usm_engine *engine,
               int64_t id, uint64_t salt, const char *context, const struct buf *pdu)
{
    bool known = engine->id_n > 0;
    uint8_t mac[DIGEST_MAX], salt_bytes[SALT];
    uint8_t flags = FLAG_REPORTABLE | (known && user->auth ? FLAG_AUTH : 0) |
                    (known && user->priv ? FLAG_PRIV : 0);
    must(user->name != NULL && (user->auth || !user->priv));
    memcpy(salt_bytes, &salt, SALT);
    size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_int(out, BER_INT, 3);
    size_t head = ber_open(out, BER_SEQUENCE);
    ber_put_int(out, BER_INT, id);
    ber_put_int(out, BER_INT, SNMP_MESSAGE_MAX);
    ber_put_bytes(out, BER_OCTETS, &flags, 1);
    ber_put_int(out, BER_INT, MODEL_USM);
    ber_close(out, head);
    size_t at = put_security(out, user, engine, known, salt_bytes);
    struct buf scoped = BUF_INIT(SNMP_MESSAGE_MAX);
    put_scoped(&scoped, engine, context, pdu);
    if (flags & FLAG_PRIV)
        put_encrypted(out, user, engine, salt_bytes, &scoped);
    else
        buf_add(out, scoped.data, scoped.len);
    out->failed |= scoped.failed;
    buf_done(&scoped);
    ber_close(out, message);
    if (!(flags & FLAG_AUTH) || out->failed)
        return;
    sign(user, engine, out->data, out->len, mac);
    memcpy(out->data + at, mac, mac_size(user->kind));
}

/* --- reading --- */

struct security {
    struct str name, mac, salt;
};

static int read_security(struct ber *message, struct usm_engine *e, struct security *s,
                         struct err *err)
{
    struct str octets = ber_bytes(message, BER_OCTETS);
    struct ber in = ber_of(octets.p, octets.n), all = ber_enter(&in, BER_SEQUENCE);
    struct str id = ber_bytes(&all, BER_OCTETS);
    e->boots = ber_int(&all, BER_INT);
    e->time = ber_int(&all, BER_INT);
    s->name = ber_bytes(&all, BER_OCTETS);
    s->mac = ber_bytes(&all, BER_OCTETS);
    s->salt = ber_bytes(&all, BER_OCTETS);
    if (all.failed || id.n > SNMP_ENGINE_MAX || e->boots < 0 || e->boots > INT32_MAX ||
        e->time < 0 || e->time > INT32_MAX)
        return err_set(err, ERR_PROTOCOL, "a damaged answer of SNMP version 3");
    memcpy(e->id, id.n ? id.p : "", id.n);
    e->id_n = id.n;
    return 0;
}

/* The message with zeros where its signature is must have that signature. */
static int verify(const uint8_t *p, size_t n, const struct usm_user *user,
                  const struct usm_engine *e, struct str mac, struct arena *a, struct err *err)
{
    uint8_t want[DIGEST_MAX], differ = 0;
    size_t size = mac_size(user->kind);
    if (!user->auth || mac.n != size)
        return err_set(err, ERR_PROTOCOL, "the answer is signed in another way than asked for");
    uint8_t *copy = arena_memdup(a, p, n);
    memset(copy + ((const uint8_t *)mac.p - p), 0, size);
    sign(user, e, copy, n, want);
    for (size_t i = 0; i < size; i++)
        differ |= want[i] ^ (uint8_t)mac.p[i];
    return differ ? err_set(err, ERR_PROTOCOL, "the answer's signature is wrong") : 0;
}

static int decrypt(struct ber *message, const struct usm_user *user, const struct usm_engine *e,
                   struct str salt, struct arena *a, struct ber *out, struct err *err)
{
    struct str bytes = ber_bytes(message, BER_OCTETS);
    if (message->failed || !user->priv || salt.n != SALT || bytes.n == 0)
        return err_set(err, ERR_PROTOCOL, "the answer is encrypted in another way than asked for");
    uint8_t *plain = arena_alloc(a, bytes.n);
    crypt_pdu(false, user, e, (const uint8_t *)salt.p, bytes.p, bytes.n, plain);
    *out = ber_of(plain, bytes.n);
    return 0;
}

int usm_read(const uint8_t *p, size_t n, const struct usm_user *user, struct arena *a,
             struct usm_message *out, struct err *err)
{
    struct ber in = ber_of(p, n), message = ber_enter(&in, BER_SEQUENCE);
    int64_t version = ber_int(&message, BER_INT);
    struct ber head = ber_enter(&message, BER_SEQUENCE);
    struct security s;
    *out = (struct usm_message){.id = ber_int(&head, BER_INT)};
    ber_int(&head, BER_INT);
    struct str flag_bytes = ber_bytes(&head, BER_OCTETS);
    if (message.failed || head.failed || version != 3 || flag_bytes.n != 1)
        return err_set(err, ERR_PROTOCOL, "not an SNMP message of version 3");
    uint8_t flags = (uint8_t)flag_bytes.p[0];
    if (read_security(&message, &out->engine, &s, err) != 0)
        return -1;
    if (flags & FLAG_AUTH && verify(p, n, user, &out->engine, s.mac, a, err) != 0)
        return -1;
    out->authentic = flags & FLAG_AUTH;
    struct ber body = message;
    if (flags & FLAG_PRIV && decrypt(&message, user, &out->engine, s.salt, a, &body, err) != 0)
        return -1;
    struct ber scoped = ber_enter(&body, BER_SEQUENCE);
    ber_bytes(&scoped, BER_OCTETS);
    ber_bytes(&scoped, BER_OCTETS);
    return snmp_read_pdu(&scoped, &out->pdu, err);
}

const char *usm_report_text(const char *oid, int *number)
{
    static const char *const texts[] = {"this level of security is not offered to the user",
                                        "the clocks of the engines differ",
                                        "there is no such user",
                                        "the engine is another",
                                        "the password is wrong",
                                        "the encryption's password is wrong"};
    if (sscanf(oid, "1.3.6.1.6.3.15.1.1.%1d", number) != 1 || *number < 1 || *number > 6)
        return NULL;
    return texts[*number - 1];
}
