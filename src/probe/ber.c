/* See ber.h. Reads bytes that anybody may have sent; called by the wire formats of ldap and snmp. */
#include "probe/ber.h"

#define LENGTH_BYTES_MAX 4

/* --- writing --- */

size_t ber_open(struct buf *b, uint8_t tag)
{
    const uint8_t head[] = {tag, 0x82, 0, 0};
    buf_add(b, head, sizeof(head));
    return b->len;
}

void ber_close(struct buf *b, size_t at)
{
    if (b->failed)
        return;
    must(at >= 4 && at <= b->len);
    size_t n = b->len - at;
    if (n > 0xffff) {
        b->failed = true;
        return;
    }
    b->data[at - 2] = (char)(n >> 8);
    b->data[at - 1] = (char)n;
}

static void put_head(struct buf *b, uint8_t tag, size_t n)
{
    const uint8_t head[] = {tag, n < 128 ? (uint8_t)n : 0x82, (uint8_t)(n >> 8), (uint8_t)n};
    if (n > 0xffff)
        b->failed = true;
    else
        buf_add(b, head, n < 128 ? 2 : 4);
}

void ber_put_int(struct buf *b, uint8_t tag, int64_t v)
{
    uint8_t bytes[8];
    size_t n = 1;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
    while (n < 8 && (v >> (8 * n - 1)) != 0 && (v >> (8 * n - 1)) != -1)
        n++;
    put_head(b, tag, n);
    buf_add(b, bytes + 8 - n, n);
}

void ber_put_bytes(struct buf *b, uint8_t tag, const void *p, size_t n)
{
    put_head(b, tag, n);
    buf_add(b, p, n);
}

void ber_put_text(struct buf *b, uint8_t tag, const char *s)
{
    ber_put_bytes(b, tag, s ? s : "", s ? strlen(s) : 0);
}

static void put_base128(struct buf *b, uint32_t v)
{
    for (int shift = 28; shift > 0; shift -= 7)
        if (v >> shift)
            buf_putc(b, (char)(0x80 | (v >> shift & 0x7f)));
    buf_putc(b, (char)(v & 0x7f));
}

static int bad_oid(const char *text, struct err *err)
{
    return err_set(err, ERR_MALFORMED,
                   "not an object identifier: got \"%.100s\"; want numbers and dots, such as "
                   "1.3.6.1.2.1.1.3.0",
                   text);
}

int ber_put_oid(struct buf *b, const char *text, struct err *err)
{
    struct str rest = str_of(text + (text[0] == '.')), part;
    struct buf body = BUF_INIT(5 * BER_OID_PARTS);
    uint64_t v, first = 0;
    int n = 0;
    for (; str_next(&rest, '.', &part); n++) {
        if (n == BER_OID_PARTS || str_to_u64(part, &v, NULL) != 0 || v > UINT32_MAX ||
            (n == 0 && v > 2) || (n == 1 && first < 2 && v > 39) || (n == 1 && v > 1000000)) {
            buf_done(&body);
            return bad_oid(text, err);
        }
        if (n == 0)
            first = v;
        else
            put_base128(&body, (uint32_t)(n == 1 ? 40 * first + v : v));
    }
    if (n >= 2)
        ber_put_bytes(b, BER_OID, body.data, body.len);
    buf_done(&body);
    return n >= 2 ? 0 : bad_oid(text, err);
}

/* --- reading --- */

struct ber ber_of(const void *p, size_t n)
{
    return (struct ber){.p = p, .end = n ? (const uint8_t *)p + n : p};
}

int ber_peek(const struct ber *in)
{
    must(in->p <= in->end);
    return in->failed || in->p == in->end ? -1 : *in->p;
}

static struct ber broken(struct ber *in)
{
    in->failed = true;
    in->p = in->end;
    return (struct ber){.p = in->end, .end = in->end, .failed = true};
}

/* The length behind the tag; *head: bytes of both. -1: damaged; -2: cut. */
static int64_t read_length(const uint8_t *p, size_t n, size_t *head)
{
    if (n < 2)
        return -2;
    size_t more = p[1] & 0x7f;
    *head = 2;
    if (p[1] < 0x80)
        return p[1];
    if (more == 0 || more > LENGTH_BYTES_MAX)
        return -1;
    if (n < 2 + more)
        return -2;
    int64_t length = 0;
    for (size_t i = 0; i < more; i++)
        length = length << 8 | p[2 + i];
    *head = 2 + more;
    return length;
}

struct ber ber_any(struct ber *in, uint8_t *tag)
{
    size_t head = 0, left = (size_t)(in->end - in->p);
    int64_t n = in->failed ? -1 : read_length(in->p, left, &head);
    if (n < 0 || (uint64_t)n > left - head)
        return broken(in);
    struct ber content = ber_of(in->p + head, (size_t)n);
    if (tag)
        *tag = *in->p;
    in->p += head + (size_t)n;
    must(in->p <= in->end && content.end <= in->end);
    return content;
}

struct ber ber_enter(struct ber *in, uint8_t tag)
{
    return ber_peek(in) == tag ? ber_any(in, NULL) : broken(in);
}

struct str ber_bytes(struct ber *in, uint8_t tag)
{
    struct ber content = ber_enter(in, tag);
    return (struct str){(const char *)content.p, (size_t)(content.end - content.p)};
}

int64_t ber_signed(struct ber *in)
{
    size_t n = (size_t)(in->end - in->p);
    if (n < 1 || n > 8) {
        broken(in);
        return 0;
    }
    uint64_t v = *in->p & 0x80 ? UINT64_MAX : 0;
    while (in->p < in->end)
        v = v << 8 | *in->p++;
    return (int64_t)v;
}

uint64_t ber_unsigned(struct ber *in)
{
    size_t n = (size_t)(in->end - in->p);
    if (n < 1 || n > 9 || (n == 9 && *in->p != 0)) {
        broken(in);
        return 0;
    }
    uint64_t v = 0;
    while (in->p < in->end)
        v = v << 8 | *in->p++;
    return v;
}

int64_t ber_int(struct ber *in, uint8_t tag)
{
    struct ber content = ber_enter(in, tag);
    int64_t v = ber_signed(&content);
    if (content.failed)
        broken(in);
    return v;
}

void ber_oid_text(struct ber *in, struct buf *out)
{
    uint64_t v = 0;
    bool first = true;
    int bytes = 0;
    while (in->p < in->end) {
        v = v << 7 | (*in->p & 0x7f);
        if (++bytes > 5) {
            broken(in);
            return;
        }
        if (*in->p++ & 0x80)
            continue;
        uint64_t root = v < 40 ? 0 : v < 80 ? 1 : 2;
        if (first)
            buf_printf(out, "%llu.%llu", (unsigned long long)root,
                       (unsigned long long)(v - 40 * root));
        else
            buf_printf(out, ".%llu", (unsigned long long)v);
        first = false;
        v = 0;
        bytes = 0;
    }
    if (first || bytes > 0)
        broken(in);
}

int64_t ber_message_size(const uint8_t *p, size_t n, size_t max)
{
    size_t head = 0;
    int64_t length = read_length(p, n, &head);
    if (length == -2)
        return 0;
    if (length < 0 || (uint64_t)length > max || head + (size_t)length > max)
        return -1;
    return (int64_t)head + length;
}
