/* See mqtt_wire.h. */
#include "probe/mqtt_wire.h"

#include <string.h>

static void put_text(struct buf *out, const char *text)
{
    must(strlen(text) <= UINT16_MAX);
    buf_put_be16(out, (uint16_t)strlen(text));
    buf_puts(out, text);
}

static size_t text_size(const char *text)
{
    return text ? 2 + strlen(text) : 0;
}

static void put_head(struct buf *out, unsigned first, size_t length)
{
    must(first <= 0xff && length < (1u << 28));
    buf_putc(out, (char)first);
    do {
        unsigned byte = length & 0x7f;
        length >>= 7;
        buf_putc(out, (char)(length ? byte | 0x80 : byte));
    } while (length);
}

/* No properties. */
static void put_properties(struct buf *out, enum mqtt_version v)
{
    if (v == MQTT_5)
        buf_putc(out, 0);
}

void mqtt_write_connect(struct buf *out, enum mqtt_version v, const struct mqtt_login *login)
{
    unsigned flags = 0x02; /* a clean session */
    must(login->client_id != NULL && (v == MQTT_3_1_1 || v == MQTT_5));
    flags |= login->username ? 0x80 : 0;
    flags |= login->password ? 0x40 : 0;
    put_head(out, MQTT_CONNECT << 4,
             10 + (v == MQTT_5) + text_size(login->client_id) + text_size(login->username) +
                 text_size(login->password));
    put_text(out, "MQTT");
    buf_putc(out, (char)v);
    buf_putc(out, (char)flags);
    buf_put_be16(out, login->keep_alive_s);
    put_properties(out, v);
    put_text(out, login->client_id);
    if (login->username)
        put_text(out, login->username);
    if (login->password)
        put_text(out, login->password);
}

void mqtt_write_subscribe(struct buf *out, enum mqtt_version v, uint16_t id,
                          const char *const *topics, size_t n, int qos)
{
    size_t size = 2 + (v == MQTT_5);
    must(n > 0 && id > 0 && qos >= 0 && qos <= 2);
    for (size_t i = 0; i < n; i++)
        size += text_size(topics[i]) + 1;
    put_head(out, MQTT_SUBSCRIBE << 4 | 2, size);
    buf_put_be16(out, id);
    put_properties(out, v);
    for (size_t i = 0; i < n; i++) {
        put_text(out, topics[i]);
        buf_putc(out, (char)qos);
    }
}

void mqtt_write_publish(struct buf *out, enum mqtt_version v, uint16_t id, const char *topic,
                        struct str payload, int qos)
{
    must(qos == 0 || (qos == 1 && id > 0));
    put_head(out, (unsigned)(MQTT_PUBLISH << 4 | qos << 1),
             text_size(topic) + (qos ? 2 : 0) + (v == MQTT_5) + payload.n);
    put_text(out, topic);
    if (qos)
        buf_put_be16(out, id);
    put_properties(out, v);
    buf_add(out, payload.p, payload.n);
}

void mqtt_write_puback(struct buf *out, uint16_t id)
{
    put_head(out, MQTT_PUBACK << 4, 2);
    buf_put_be16(out, id);
}

void mqtt_write_empty(struct buf *out, enum mqtt_type type)
{
    must(type == MQTT_PINGREQ || type == MQTT_DISCONNECT);
    put_head(out, (unsigned)type << 4, 0);
}

/* A number of 7 bits a byte. Bytes it takes; 0: more are needed; -1: it is too long. */
static int varint(const uint8_t *p, size_t n, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        if ((size_t)i >= n)
            return 0;
        v |= (uint32_t)(p[i] & 0x7f) << (7 * i);
        if (!(p[i] & 0x80)) {
            *out = v;
            return i + 1;
        }
    }
    return -1;
}

/* Flags are fixed for all types but PUBLISH. */
static bool is_first_byte(uint8_t first)
{
    unsigned type = first >> 4, flags = first & 15;
    bool two = type == MQTT_PUBREL || type == MQTT_SUBSCRIBE || type == MQTT_UNSUBSCRIBE;
    return type >= MQTT_CONNACK && type <= MQTT_DISCONNECT &&
           (type == MQTT_PUBLISH || flags == (two ? 2 : 0));
}

ssize_t mqtt_length(const void *bytes, size_t n, struct err *err)
{
    const uint8_t *p = bytes;
    uint32_t length = 0;
    if (n == 0)
        return 0;
    if (!is_first_byte(p[0]))
        return err_set(err, ERR_PROTOCOL, "not an MQTT packet: it begins with 0x%02x", p[0]);
    int head = varint(p + 1, n - 1, &length);
    if (head < 0)
        return err_set(err, ERR_PROTOCOL, "not an MQTT packet: its length has more than 4 bytes");
    if (head == 0)
        return 0;
    if (length > MQTT_PACKET_MAX)
        return err_set(err, ERR_TOO_LARGE, "a packet of %u bytes; want at most %u", length,
                       MQTT_PACKET_MAX);
    size_t whole = 1 + (size_t)head + length;
    return n >= whole ? (ssize_t)whole : 0;
}

static struct str take_text(struct cur *c)
{
    size_t n = cur_be16(c);
    const char *p = cur_bytes(c, n);
    return p ? (struct str){p, n} : (struct str){"", 0};
}

static uint32_t take_varint(struct cur *c)
{
    uint32_t v = 0;
    int n = varint(c->p, cur_left(c), &v);
    if (n <= 0) {
        c->failed = true;
        return 0;
    }
    cur_bytes(c, (size_t)n);
    return v;
}

/* Steps over a property's value; keeps the reason. Types by id: MQTT 5, table 2-4. */
static void take_property(struct cur *c, uint32_t id, struct str *reason)
{
    switch (id) {
    case 0x01:
    case 0x17:
    case 0x19:
    case 0x24:
    case 0x25:
    case 0x28:
    case 0x29:
    case 0x2a:
        cur_bytes(c, 1);
        break;
    case 0x13:
    case 0x21:
    case 0x22:
    case 0x23:
        cur_bytes(c, 2);
        break;
    case 0x02:
    case 0x11:
    case 0x18:
    case 0x27:
        cur_bytes(c, 4);
        break;
    case 0x0b:
        take_varint(c);
        break;
    case 0x26:
        take_text(c);
        take_text(c);
        break;
    case 0x1f:
        *reason = take_text(c);
        break;
    case 0x03:
    case 0x08:
    case 0x09:
    case 0x12:
    case 0x15:
    case 0x16:
    case 0x1a:
    case 0x1c:
        take_text(c);
        break;
    default:
        c->failed = true;
    }
}

static void take_properties(struct cur *c, enum mqtt_version v, struct str *reason)
{
    if (v != MQTT_5 || cur_left(c) == 0)
        return;
    size_t n = take_varint(c);
    const void *p = cur_bytes(c, n);
    struct cur in = CUR_INIT(p, p ? n : 0);
    while (cur_left(&in) > 0 && !in.failed) {
        uint32_t id = take_varint(&in);
        take_property(&in, id, reason);
    }
    c->failed |= in.failed;
}

static void parse_publish(struct cur *c, unsigned flags, enum mqtt_version v,
                          struct mqtt_packet *out)
{
    struct str unused;
    out->qos = flags >> 1 & 3;
    out->retained = flags & 1;
    out->topic = take_text(c);
    if (out->qos)
        out->id = cur_be16(c);
    take_properties(c, v, &unused);
    size_t n = cur_left(c);
    const char *p = n ? cur_bytes(c, n) : NULL;
    out->payload = p ? (struct str){p, n} : (struct str){"", 0};
    c->failed |= out->qos == 3;
}

static void parse_suback(struct cur *c, enum mqtt_version v, struct mqtt_packet *out)
{
    out->id = cur_be16(c);
    take_properties(c, v, &out->reason);
    c->failed |= cur_left(c) == 0;
    while (cur_left(c) > 0) {
        uint8_t code = cur_u8(c);
        out->code = code > out->code ? code : out->code;
    }
}

static void parse_body(struct cur *c, unsigned flags, enum mqtt_version v, struct mqtt_packet *out)
{
    switch (out->type) {
    case MQTT_CONNACK:
        cur_u8(c); /* session present */
        out->code = cur_u8(c);
        take_properties(c, v, &out->reason);
        break;
    case MQTT_PUBLISH:
        parse_publish(c, flags, v, out);
        break;
    case MQTT_SUBACK:
        parse_suback(c, v, out);
        break;
    case MQTT_PUBACK:
        out->id = cur_be16(c);
        out->code = cur_left(c) ? cur_u8(c) : 0;
        take_properties(c, v, &out->reason);
        break;
    case MQTT_DISCONNECT:
        out->code = cur_left(c) ? cur_u8(c) : 0;
        take_properties(c, v, &out->reason);
        break;
    default:
        break;
    }
}

int mqtt_parse(const void *bytes, size_t n, enum mqtt_version v, struct mqtt_packet *out,
               struct err *err)
{
    const uint8_t *p = bytes;
    uint32_t length = 0;
    must(n >= 2);
    int head = varint(p + 1, n - 1, &length);
    must(head > 0 && 1 + (size_t)head + length == n); /* mqtt_length's */
    struct cur c = CUR_INIT(p + 1 + head, length);
    struct mqtt_packet got = {.type = (enum mqtt_type)(p[0] >> 4)};
    parse_body(&c, p[0] & 15, v, &got);
    if (c.failed)
        return err_set(err, ERR_PROTOCOL, "an MQTT packet of type %d is damaged", (int)got.type);
    *out = got;
    return 0;
}

#define NOT_AUTHORIZED "not authorized: wrong user name or password, or no right to do it"

static const char *code_text_5(uint8_t code)
{
    static const struct {
        uint8_t code;
        const char *text;
    } codes[] = {
        {0x80, "unspecified error"},
        {0x81, "malformed packet"},
        {0x82, "protocol error"},
        {0x83, "the broker's own rules"},
        {0x84, "the broker does not speak this version of MQTT"},
        {0x85, "the client id is not accepted"},
        {0x86, "wrong user name or password"},
        {0x87, NOT_AUTHORIZED},
        {0x88, "the broker is unavailable"},
        {0x89, "the broker is busy"},
        {0x8a, "the client is banned"},
        {0x8b, "the broker is shutting down"},
        {0x8c, "wrong way to authenticate"},
        {0x8d, "the keep-alive time has passed"},
        {0x8e, "another client took the same client id"},
        {0x8f, "the subscription is not valid"},
        {0x90, "the topic is not valid"},
        {0x93, "too many messages at once"},
        {0x95, "the packet is too large"},
        {0x97, "a quota is used up"},
        {0x99, "the payload is not valid"},
        {0x9a, "retained messages are not supported"},
        {0x9b, "this QoS is not supported"},
        {0x9c, "another broker is to be used"},
        {0x9d, "the broker has moved"},
        {0x9f, "too many connections a second"},
    };
    for (size_t i = 0; i < array_len(codes); i++)
        if (codes[i].code == code)
            return codes[i].text;
    return "an unknown reason";
}

const char *mqtt_code_text(enum mqtt_version v, uint8_t code)
{
    static const char *const texts[] = {"accepted",
                                        "the broker does not speak this version of MQTT",
                                        "the client id is not accepted",
                                        "the broker is unavailable",
                                        "wrong user name or password",
                                        NOT_AUTHORIZED};
    if (code < array_len(texts)) /* version 5 uses none of 1 to 5; brokers of 3.1.1 alone do */
        return texts[code];
    return v == MQTT_5 ? code_text_5(code) : "an unknown reason";
}

bool mqtt_topic_ok(const char *text, bool filter)
{
    size_t n = strlen(text);
    if (n == 0 || n > 0xffff || (!filter && strpbrk(text, "+#")))
        return false;
    const char *hash = strchr(text, '#');
    if (hash && (hash[1] || (hash > text && hash[-1] != '/')))
        return false;
    for (const char *plus = strchr(text, '+'); plus; plus = strchr(plus + 1, '+'))
        if ((plus > text && plus[-1] != '/') || (plus[1] && plus[1] != '/'))
            return false;
    return true;
}

bool mqtt_topic_matches(const char *filter, struct str topic)
{
    struct str rest = str_of(filter), level, part;
    while (str_next(&rest, '/', &level)) {
        if (str_eqz(level, "#"))
            return true;
        if (!str_next(&topic, '/', &part) || !(str_eqz(level, "+") || str_eq(level, part)))
            return false;
    }
    return !str_next(&topic, '/', &part);
}
