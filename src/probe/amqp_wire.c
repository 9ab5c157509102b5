/* See amqp_wire.h. */
#include "probe/amqp_wire.h"

#define METHOD_FRAME 1

/* --- sending --- */

static void put_short(struct buf *out, const char *s)
{
    must(strlen(s) <= UINT8_MAX);
    buf_put_u8(out, (uint8_t)strlen(s));
    buf_puts(out, s);
}

static void put_long(struct buf *out, const char *s, size_t n)
{
    buf_put_be32(out, (uint32_t)n);
    buf_add(out, s, n);
}

/* A frame whose size is known when it ends. Returns where it began. */
static size_t begin(struct buf *out, int channel, enum amqp_method method)
{
    size_t at = out->len;
    buf_put_u8(out, METHOD_FRAME);
    buf_put_be16(out, (uint16_t)channel);
    buf_put_be32(out, 0);
    buf_put_be32(out, method);
    return at;
}

static void end(struct buf *out, size_t at)
{
    if (out->failed)
        return;
    uint32_t size = (uint32_t)(out->len - at - AMQP_HEADER);
    must(out->len >= at + AMQP_HEADER + 4 && size <= AMQP_FRAME_MAX);
    for (int i = 0; i < 4; i++)
        out->data[at + 3 + (size_t)i] = (char)(size >> (24 - 8 * i));
    buf_put_u8(out, AMQP_END);
}

void amqp_put_protocol(struct buf *out)
{
    buf_add(out, "AMQP\0\0\x09\x01", 8);
}

static void put_capability(struct buf *out, const char *name)
{
    put_short(out, name);
    buf_add(out, "t\x01", 2);
}

void amqp_put_start_ok(struct buf *out, const char *username, const char *password)
{
    char room[200];
    struct buf abilities = BUF_FIXED(room);
    put_capability(&abilities, "authentication_failure_close");
    put_capability(&abilities, "connection.blocked");
    must(!abilities.failed);
    size_t at = begin(out, 0, AMQP_START_OK);
    buf_put_be32(out, (uint32_t)(1 + 12 + 1 + 4 + abilities.len + 1 + 7 + 1 + 4 + 6));
    put_short(out, "capabilities");
    buf_putc(out, 'F');
    put_long(out, abilities.data, abilities.len);
    put_short(out, "product");
    buf_putc(out, 'S');
    put_long(out, "Belfry", 6);
    put_short(out, "PLAIN");
    buf_put_be32(out, (uint32_t)(2 + strlen(username) + strlen(password)));
    buf_putc(out, '\0');
    buf_puts(out, username);
    buf_putc(out, '\0');
    buf_puts(out, password);
    put_short(out, "en_US");
    end(out, at);
}

void amqp_put_tune_ok(struct buf *out)
{
    size_t at = begin(out, 0, AMQP_TUNE_OK);
    buf_put_be16(out, 1); /* channels */
    buf_put_be32(out, AMQP_FRAME_MAX);
    buf_put_be16(out, 0); /* no heartbeats */
    end(out, at);
}

void amqp_put_open(struct buf *out, const char *vhost)
{
    size_t at = begin(out, 0, AMQP_OPEN);
    put_short(out, vhost);
    put_short(out, "");
    buf_put_u8(out, 0);
    end(out, at);
}

void amqp_put_channel_open(struct buf *out)
{
    size_t at = begin(out, 1, AMQP_CHANNEL_OPEN);
    put_short(out, "");
    end(out, at);
}

void amqp_put_queue_declare_passive(struct buf *out, const char *queue)
{
    size_t at = begin(out, 1, AMQP_QUEUE_DECLARE);
    buf_put_be16(out, 0);
    put_short(out, queue);
    buf_put_u8(out, 1);   /* passive */
    buf_put_be32(out, 0); /* no arguments */
    end(out, at);
}

void amqp_put_channel_close_ok(struct buf *out)
{
    end(out, begin(out, 1, AMQP_CHANNEL_CLOSE_OK));
}

void amqp_put_close(struct buf *out)
{
    size_t at = begin(out, 0, AMQP_CLOSE);
    buf_put_be16(out, 200);
    put_short(out, "");
    buf_put_be32(out, 0);
    end(out, at);
}

/* --- reading --- */

static struct str get_bytes(struct cur *c, size_t n)
{
    const char *p = cur_bytes(c, n);
    return p ? (struct str){p, n} : (struct str){"", 0};
}

static struct str get_short(struct cur *c)
{
    return get_bytes(c, cur_u8(c));
}

static struct str get_long(struct cur *c)
{
    return get_bytes(c, cur_be32(c));
}

int amqp_parse_header(const void *p, struct amqp_frame *out, struct err *err)
{
    struct cur c = CUR_INIT(p, AMQP_HEADER);
    struct amqp_frame f = {.type = cur_u8(&c)};
    f.channel = (int)cur_be16(&c);
    f.size = cur_be32(&c);
    must(!c.failed);
    if (memcmp(p, "AMQP", 4) == 0)
        return err_set(err, ERR_PROTOCOL, "the broker does not speak AMQP 0-9-1");
    if (f.type < 1 || (f.type > 3 && f.type != 8))
        return err_set(err, ERR_PROTOCOL, "not AMQP: got a frame of type %d", f.type);
    if (f.size > AMQP_FRAME_MAX)
        return err_set(err, ERR_TOO_LARGE, "cannot read a frame of %u bytes; want at most %d",
                       f.size, AMQP_FRAME_MAX);
    *out = f;
    return 0;
}

uint32_t amqp_method(const void *p, size_t n)
{
    struct cur c = CUR_INIT(p, n);
    uint32_t method = cur_be32(&c);
    return c.failed ? 0 : method;
}

/* Sizes of a field's value by its type letter; -1: it says its length itself, -2: unknown. */
static int value_size(char type)
{
    switch (type) {
    case 'V':
        return 0;
    case 't':
    case 'b':
    case 'B':
        return 1;
    case 's':
    case 'u':
        return 2;
    case 'I':
    case 'i':
    case 'f':
        return 4;
    case 'D':
        return 5;
    case 'l':
    case 'L':
    case 'd':
    case 'T':
        return 8;
    case 'S':
    case 'x':
    case 'F':
    case 'A':
        return -1;
    default:
        return -2;
    }
}

/* A field's value as it stands; a text for 'S', the bytes of a table for 'F'. */
static struct str get_value(struct cur *c, char *type)
{
    *type = (char)cur_u8(c);
    int size = value_size(*type);
    if (size == -2)
        c->failed = true;
    if (c->failed)
        return (struct str){"", 0};
    return size < 0 ? get_long(c) : get_bytes(c, (size_t)size);
}

static void take_property(struct amqp_start *s, struct str name, struct str value)
{
    if (str_eqz(name, "product"))
        s->product = value;
    else if (str_eqz(name, "version"))
        s->version = value;
    else if (str_eqz(name, "cluster_name"))
        s->cluster = value;
}

static bool take_properties(struct amqp_start *s, struct str table)
{
    struct cur c = CUR_INIT(table.p, table.n);
    while (cur_left(&c) > 0 && !c.failed) {
        char type;
        struct str name = get_short(&c), value = get_value(&c, &type);
        if (!c.failed && type == 'S')
            take_property(s, name, value);
    }
    return !c.failed;
}

int amqp_parse_start(const void *p, size_t n, struct amqp_start *out, struct err *err)
{
    struct cur c = CUR_INIT(p, n);
    struct amqp_start s = {0};
    uint32_t method = cur_be32(&c);
    cur_be16(&c); /* version 0-9 */
    struct str table = get_long(&c), part;
    s.mechanisms = get_long(&c);
    if (c.failed || method != AMQP_START || !take_properties(&s, table))
        return err_set(err, ERR_PROTOCOL, "cannot read the broker's greeting");
    for (struct str rest = s.mechanisms; str_next(&rest, ' ', &part);)
        s.plain |= str_eqz(part, "PLAIN");
    *out = s;
    return 0;
}

int amqp_parse_close(const void *p, size_t n, struct amqp_close *out, struct err *err)
{
    struct cur c = CUR_INIT(p, n);
    cur_be32(&c);
    struct amqp_close close = {.code = (int)cur_be16(&c)};
    close.text = get_short(&c);
    if (c.failed)
        return err_set(err, ERR_PROTOCOL, "cannot read why the broker closes");
    *out = close;
    return 0;
}

int amqp_parse_queue(const void *p, size_t n, struct amqp_queue *out, struct err *err)
{
    struct cur c = CUR_INIT(p, n);
    cur_be32(&c);
    get_short(&c); /* its name */
    struct amqp_queue q = {.messages = cur_be32(&c)};
    q.consumers = cur_be32(&c);
    if (c.failed)
        return err_set(err, ERR_PROTOCOL, "cannot read the queue's counts");
    *out = q;
    return 0;
}

int amqp_parse_blocked(const void *p, size_t n, struct str *out, struct err *err)
{
    struct cur c = CUR_INIT(p, n);
    cur_be32(&c);
    struct str why = get_short(&c);
    if (c.failed)
        return err_set(err, ERR_PROTOCOL, "cannot read why publishers are blocked");
    *out = why;
    return 0;
}
