/* PDUs and the messages of versions 1 and 2c; see snmp_wire.h. Version 3 is in snmp_usm.c. */
#include "probe/snmp_wire.h"

#include <ctype.h>
#include <stdio.h>

#define TYPE_IP        0x40
#define TYPE_COUNTER   0x41
#define TYPE_GAUGE     0x42
#define TYPE_TICKS     0x43
#define TYPE_OPAQUE    0x44
#define TYPE_COUNTER64 0x46
#define NO_OBJECT      0x80 /* to 0x82: no such object, no such instance, end of view */
#define END_OF_VIEW    0x82

#define TEXT_MAX 1024 /* bytes of a value that are shown and compared */

void snmp_write_get(struct buf *out, int64_t id, const char *const *oids, size_t n)
{
    size_t pdu = ber_open(out, SNMP_GET);
    ber_put_int(out, BER_INT, id);
    ber_put_int(out, BER_INT, 0);
    ber_put_int(out, BER_INT, 0);
    size_t list = ber_open(out, BER_SEQUENCE);
    for (size_t i = 0; i < n; i++) {
        size_t one = ber_open(out, BER_SEQUENCE);
        must(ber_put_oid(out, oids[i], NULL) == 0); /* validated */
        ber_put_bytes(out, BER_NULL, "", 0);
        ber_close(out, one);
    }
    ber_close(out, list);
    ber_close(out, pdu);
}

int snmp_read_pdu(struct ber *in, struct snmp_pdu *out, struct err *err)
{
    struct ber body = ber_any(in, &out->type);
    out->id = ber_int(&body, BER_INT);
    out->error_status = ber_int(&body, BER_INT);
    out->error_index = ber_int(&body, BER_INT);
    out->bindings = ber_enter(&body, BER_SEQUENCE);
    if (body.failed || (out->type != SNMP_RESPONSE && out->type != SNMP_REPORT))
        return err_set(err, ERR_PROTOCOL, "not an answer of SNMP");
    return 0;
}

static const char *octets_text(struct str s, struct arena *a)
{
    size_t n = s.n < TEXT_MAX ? s.n : TEXT_MAX;
    bool plain = utf8_valid(s.p, s.n);
    for (size_t i = 0; i < n && plain; i++)
        plain = (unsigned char)s.p[i] >= ' ' || isspace((unsigned char)s.p[i]);
    if (plain)
        return arena_strndup(a, s.p, utf8_whole(s.p, n));
    struct buf hex = BUF_INIT(2 * TEXT_MAX + 4);
    buf_puts(&hex, "0x");
    hex_encode(&hex, s.p, n);
    const char *text = arena_strndup(a, hex.data, hex.len);
    buf_done(&hex);
    return text;
}

static const char *oid_text(struct ber *in, struct arena *a)
{
    struct buf text = BUF_INIT(SNMP_OID_TEXT);
    ber_oid_text(in, &text);
    const char *copy = arena_strndup(a, text.data ? text.data : "", text.len);
    buf_done(&text);
    return copy;
}

static void read_value(uint8_t type, struct ber *in, struct snmp_value *out, struct arena *a)
{
    struct str bytes = {(const char *)in->p, (size_t)(in->end - in->p)};
    *out = (struct snmp_value){.exists = true, .text = ""};
    switch (type) {
    case BER_INT: {
        int64_t v = ber_signed(in);
        *out = (struct snmp_value){true, true, (double)v, arena_printf(a, "%lld", (long long)v)};
        break;
    }
    case TYPE_COUNTER:
    case TYPE_GAUGE:
    case TYPE_TICKS:
    case TYPE_COUNTER64: {
        uint64_t v = ber_unsigned(in);
        *out = (struct snmp_value){true, true, (double)v,
                                   arena_printf(a, "%llu", (unsigned long long)v)};
        break;
    }
    case BER_OID:
        out->text = oid_text(in, a);
        break;
    case TYPE_IP:
        if (bytes.n == 4)
            out->text = arena_printf(a, "%u.%u.%u.%u", in->p[0], in->p[1], in->p[2], in->p[3]);
        break;
    case BER_NULL:
        break;
    default:
        out->text = octets_text(bytes, a);
    }
    if (type >= NO_OBJECT && type <= END_OF_VIEW)
        out->exists = false;
}

int snmp_next(struct snmp_pdu *pdu, struct buf *oid, struct snmp_value *out, struct arena *a,
              struct err *err)
{
    uint8_t type = 0;
    if (ber_peek(&pdu->bindings) < 0)
        return pdu->bindings.failed ? err_set(err, ERR_PROTOCOL, "a damaged answer of SNMP") : 0;
    struct ber one = ber_enter(&pdu->bindings, BER_SEQUENCE), name = ber_enter(&one, BER_OID),
               value = ber_any(&one, &type);
    buf_clear(oid);
    ber_oid_text(&name, oid);
    bool damaged = one.failed || name.failed || oid->failed;
    if (!damaged)
        read_value(type, &value, out, a);
    if (damaged || value.failed)
        return err_set(err, ERR_PROTOCOL, "a damaged answer of SNMP");
    must(out->text != NULL);
    return 1;
}

const char *snmp_error_text(int64_t status, char room[32])
{
    static const char *const texts[] = {NULL,
                                        "the answer would be too big",
                                        "there is no such object",
                                        "bad value",
                                        "it is read-only",
                                        "a general error",
                                        "no access"};
    if (status > 0 && (size_t)status < array_len(texts))
        return texts[status];
    snprintf(room, 32, status == 16 ? "not authorized" : "error status %lld", (long long)status);
    return room;
}

void snmp_write_community(struct buf *out, int version, const char *community,
                          const struct buf *pdu)
{
    must(version == 0 || version == 1);
    size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_int(out, BER_INT, version);
    ber_put_text(out, BER_OCTETS, community);
    buf_add(out, pdu->data, pdu->len);
    ber_close(out, message);
}

int snmp_read_community(const uint8_t *p, size_t n, int version, struct snmp_pdu *out,
                        struct err *err)
{
    struct ber in = ber_of(p, n), message = ber_enter(&in, BER_SEQUENCE);
    int64_t got = ber_int(&message, BER_INT);
    ber_bytes(&message, BER_OCTETS);
    if (message.failed || got != version)
        return err_set(err, ERR_PROTOCOL, "not an SNMP message of version %s",
                       version ? "2c" : "1");
    return snmp_read_pdu(&message, out, err);
}
