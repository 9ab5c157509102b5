/* See bson.h. */
#include "probe/bson.h"

#include <string.h>

#define DEPTH_MAX 32
#define TEXT_MAX  256

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get_u64(const uint8_t *p)
{
    return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

static double get_f64(const uint8_t *p)
{
    double v;
    uint64_t bits = get_u64(p);
    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* --- sizes of values --- */

#define DAMAGED SIZE_MAX

static size_t size_of_counted(const uint8_t *p, size_t n, size_t before, size_t min)
{
    if (n < 4)
        return DAMAGED;
    size_t len = get_u32(p);
    return len < min || len > n || before + len > n ? DAMAGED : before + len;
}

static size_t size_of_regex(const uint8_t *p, size_t n)
{
    const uint8_t *first = memchr(p, 0, n);
    size_t left = first ? n - (size_t)(first - p) - 1 : 0;
    const uint8_t *second = left ? memchr(first + 1, 0, left) : NULL;
    return second ? (size_t)(second - p) + 1 : DAMAGED;
}

static size_t size_of_value(uint8_t type, const uint8_t *p, size_t n)
{
    size_t len;
    switch (type) {
    case BSON_TEXT:
    case 0x0d: /* JavaScript */
    case 0x0e: /* symbol */
        len = size_of_counted(p, n, 4, 1);
        return len != DAMAGED && p[len - 1] == 0 ? len : DAMAGED;
    case BSON_DOCUMENT:
    case BSON_ARRAY:
        len = size_of_counted(p, n, 0, 5);
        return len != DAMAGED && p[len - 1] == 0 ? len : DAMAGED;
    case 0x0f: /* JavaScript with scope */
        return size_of_counted(p, n, 0, 14);
    case BSON_BINARY:
        return size_of_counted(p, n, 5, 0);
    case 0x0b: /* regular expression */
        return size_of_regex(p, n);
    case 0x06: /* undefined */
    case BSON_NULL:
    case 0x7f: /* greatest key */
    case 0xff: /* least key */
        return 0;
    case BSON_BOOL:
        return 1;
    case BSON_INT32:
        return 4;
    case BSON_DOUBLE:
    case BSON_DATE:
    case BSON_TIMESTAMP:
    case BSON_INT64:
        return 8;
    case 0x07: /* object id */
        return 12;
    case 0x13: /* decimal */
        return 16;
    case 0x0c: /* pointer */
        len = size_of_counted(p, n, 4, 1);
        return len == DAMAGED ? DAMAGED : len + 12;
    default:
        return DAMAGED;
    }
}

/* --- reading --- */

int bson_open(const void *p, size_t n, struct bson *out, struct err *err)
{
    const uint8_t *bytes = p;
    if (n < 5 || get_u32(bytes) != n || bytes[n - 1] != 0)
        return err_set(err, ERR_PROTOCOL, "not a BSON document: got %zu bytes with a wrong frame",
                       n);
    *out = (struct bson){bytes + 4, n - 5};
    return 0;
}

bool bson_next(struct bson *b, struct bson_element *out)
{
    const uint8_t *nul = b->n > 1 ? memchr(b->p + 1, 0, b->n - 1) : NULL;
    if (!nul)
        return false;
    size_t head = (size_t)(nul - b->p) + 1;
    size_t size = size_of_value(b->p[0], nul + 1, b->n - head);
    if (size == DAMAGED || size > b->n - head)
        return false;
    *out = (struct bson_element){b->p[0], (const char *)b->p + 1, nul + 1, size};
    b->p += head + size;
    b->n -= head + size;
    must(out->value + out->n == b->p);
    return true;
}

static bool sound(struct bson b, int depth)
{
    struct bson_element e;
    struct bson inner;
    if (depth > DEPTH_MAX)
        return false;
    while (bson_next(&b, &e))
        if (bson_document(&e, &inner) && !sound(inner, depth + 1))
            return false;
    return b.n == 0;
}

int bson_check(struct bson b, struct err *err)
{
    return sound(b, 0) ? 0 : err_set(err, ERR_PROTOCOL, "a BSON document is damaged");
}

bool bson_find(struct bson b, const char *name, struct bson_element *out)
{
    while (bson_next(&b, out))
        if (strcmp(out->name, name) == 0)
            return true;
    return false;
}

double bson_number(struct bson b, const char *name, double otherwise)
{
    struct bson_element e;
    if (!bson_find(b, name, &e))
        return otherwise;
    switch (e.type) {
    case BSON_DOUBLE:
        return get_f64(e.value);
    case BSON_INT32:
        return (int32_t)get_u32(e.value);
    case BSON_INT64:
    case BSON_DATE:
        return (double)(int64_t)get_u64(e.value);
    case BSON_BOOL:
        return e.value[0] != 0;
    default:
        return otherwise;
    }
}

const char *bson_text(struct bson b, const char *name, struct arena *a)
{
    struct bson_element e;
    if (!bson_find(b, name, &e) || e.type != BSON_TEXT)
        return NULL;
    must(e.n >= 5);
    return arena_strndup(
        a, (const char *)e.value + 4,
        strnlen((const char *)e.value + 4, e.n - 5 < TEXT_MAX ? e.n - 5 : TEXT_MAX));
}

bool bson_document(const struct bson_element *e, struct bson *out)
{
    *out = (struct bson){0};
    if (e->type != BSON_DOCUMENT && e->type != BSON_ARRAY)
        return false;
    must(e->n >= 5);
    *out = (struct bson){e->value + 4, e->n - 5};
    return true;
}

bool bson_sub(struct bson b, const char *name, struct bson *out)
{
    struct bson_element e;
    *out = (struct bson){0};
    return bson_find(b, name, &e) && bson_document(&e, out);
}

const uint8_t *bson_binary(struct bson b, const char *name, size_t *n)
{
    struct bson_element e;
    if (!bson_find(b, name, &e) || e.type != BSON_BINARY)
        return NULL;
    must(e.n >= 5);
    *n = e.n - 5;
    return e.value + 5;
}

/* --- writing --- */

static void put_name(struct buf *out, enum bson_type type, const char *name)
{
    buf_put_u8(out, (uint8_t)type);
    buf_add(out, name, strlen(name) + 1);
}

size_t bson_begin(struct buf *out)
{
    size_t start = out->len;
    buf_put_u32(out, 0);
    return start;
}

void bson_end(struct buf *out, size_t start)
{
    buf_put_u8(out, 0);
    if (out->failed)
        return;
    must(start + 5 <= out->len);
    uint32_t n = (uint32_t)(out->len - start);
    for (int i = 0; i < 4; i++)
        out->data[start + (size_t)i] = (char)(n >> (8 * i));
}

size_t bson_begin_sub(struct buf *out, const char *name)
{
    put_name(out, BSON_DOCUMENT, name);
    return bson_begin(out);
}

void bson_put_int(struct buf *out, const char *name, int32_t v)
{
    put_name(out, BSON_INT32, name);
    buf_put_u32(out, (uint32_t)v);
}

void bson_put_bool(struct buf *out, const char *name, bool v)
{
    put_name(out, BSON_BOOL, name);
    buf_put_u8(out, v);
}

void bson_put_text(struct buf *out, const char *name, const char *text)
{
    put_name(out, BSON_TEXT, name);
    buf_put_u32(out, (uint32_t)strlen(text) + 1);
    buf_add(out, text, strlen(text) + 1);
}

void bson_put_binary(struct buf *out, const char *name, const void *p, size_t n)
{
    put_name(out, BSON_BINARY, name);
    buf_put_u32(out, (uint32_t)n);
    buf_put_u8(out, 0); /* generic */
    buf_add(out, p, n);
}
