/* Fields of protobuf messages (wire/protobuf.h). */
#include "wire/protobuf.h"

#include "base/must.h"

/* NULL: cut, or longer than ten bytes. */
static const char *read_varint(const char *p, const char *end, uint64_t *out)
{
    uint64_t v = 0;
    for (int shift = 0; p < end && shift < 64; shift += 7) {
        unsigned char c = (unsigned char)*p++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            *out = v;
            return p;
        }
    }
    return NULL;
}

static const char *read_fixed(const char *p, const char *end, size_t n, uint64_t *out)
{
    if ((size_t)(end - p) < n)
        return NULL;
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out |= (uint64_t)(unsigned char)p[i] << 8 * i;
    return p + n;
}

static const char *read_value(const char *p, const char *end, struct pb_field *f)
{
    switch (f->type) {
    case PB_VARINT:
        return read_varint(p, end, &f->value);
    case PB_FIXED64:
        return read_fixed(p, end, 8, &f->value);
    case PB_FIXED32:
        return read_fixed(p, end, 4, &f->value);
    case PB_BYTES:
        p = read_varint(p, end, &f->value);
        if (!p || f->value > (size_t)(end - p))
            return NULL;
        f->bytes = (struct str){p, (size_t)f->value};
        return p + f->value;
    }
    return NULL;
}

bool pb_next(struct str *s, struct pb_field *f)
{
    must(s->n > 0);
    const char *end = s->p + s->n;
    uint64_t tag;
    const char *p = read_varint(s->p, end, &tag);
    if (!p || tag >> 3 == 0 || tag >> 32)
        return false;
    f->number = (uint32_t)(tag >> 3);
    f->type = (enum pb_type)(tag & 7);
    p = read_value(p, end, f);
    if (!p)
        return false;
    *s = (struct str){p, (size_t)(end - p)};
    return true;
}

size_t pb_varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

void pb_put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_putc(out, (char)(v | 0x80));
    buf_putc(out, (char)v);
}

void pb_put_bytes(struct buf *out, uint32_t number, struct str s)
{
    must(number > 0);
    pb_put_varint(out, number << 3 | PB_BYTES);
    pb_put_varint(out, s.n);
    buf_add(out, s.p, s.n);
}
