/* The wire form of a result: what stands in a ring record. Written by watchers (result_encode), read by
 * the core (result_decode), which trusts no byte of it. No state, any thread.
 *
 *   u8      version, 1
 *   u8      flags: 1 success, 2 request_id present, 4 address, 8 detail
 *   varint  target_id                          LEB128, unsigned
 *   [varint request_id]
 *   zigzag  checked_ms, latency_us, resolve_us LEB128 of zigzag
 *   text    message                            varint length, bytes: valid UTF-8 without NUL
 *   [text   address]
 *   varint  number of warnings, then a text each
 *   metrics, each:  u8 kind: 1 integer (zigzag), 2 double (8 bytes, little endian), 3 text;
 *                            +8 with one label, +16 with several
 *                   text name, [+16: u8 number of labels, 2 to 8], [text label, text its value] …, value
 *   u8      0 ends the metrics
 *   [text   detail: a JSON object]
 *
 * Nothing may follow. A tcp result without metrics takes about 70 bytes. */
#include "model/result.h"

#include <math.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "model/result_priv.h"

#define VERSION       1
#define LEFT_OUT_ROOM 32 /* of probe_metrics_left_out */

enum { HAS_SUCCESS = 1, HAS_REQUEST = 2, HAS_ADDRESS = 4, HAS_DETAIL = 8, FLAGS_ALL = 15 };
enum { KIND_END = 0, KIND_INT = 1, KIND_F64 = 2, KIND_TEXT = 3, KIND_LABEL = 8, KIND_LABELS = 16 };

static void put_varint(struct buf *out, uint64_t v)
{
    char bytes[10];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (char)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (char)v;
    buf_add(out, bytes, n);
}

static void put_zigzag(struct buf *out, int64_t v)
{
    put_varint(out, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static void put_text(struct buf *out, const char *s, size_t max)
{
    size_t n = strlen(s);
    if (n > max)
        n = utf8_cut(s, n, max);
    put_varint(out, n);
    buf_add(out, s, n);
}

/* Integers up to 2^53 travel as such: most counts, codes and flags then take one or two bytes. */
static bool is_integer(double v)
{
    return v >= -9007199254740992.0 && v <= 9007199254740992.0 && v == (double)(int64_t)v &&
           !(v == 0 && signbit(v));
}

static void put_metric(struct buf *out, const struct metric *m)
{
    int kind = m->is_text ? KIND_TEXT : is_integer(m->num) ? KIND_INT : KIND_F64;
    int labelled = m->n_labels == 0 ? 0 : m->n_labels == 1 ? KIND_LABEL : KIND_LABELS;
    must(m->n_labels <= RESULT_LABELS_MAX);
    buf_put_u8(out, (uint8_t)(kind | labelled));
    put_text(out, m->name, RESULT_NAME_MAX);
    if (labelled == KIND_LABELS)
        buf_put_u8(out, (uint8_t)m->n_labels);
    for (uint32_t i = 0; i < m->n_labels; i++) {
        put_text(out, m->labels[i].name, RESULT_NAME_MAX);
        put_text(out, m->labels[i].value, RESULT_FACT_MAX);
    }
    if (kind == KIND_TEXT) {
        put_text(out, m->text, RESULT_FACT_MAX);
    } else if (kind == KIND_INT) {
        put_zigzag(out, (int64_t)m->num);
    } else {
        uint64_t bits;
        memcpy(&bits, &m->num, sizeof(bits));
        buf_put_u64(out, bits);
    }
}

/* Up to the first that leaves no room for the count of those left out and the end mark; detail has the rest. */
static void put_metrics(struct buf *out, size_t start, const struct result *r)
{
    int left_out = r->n_left_out;
    for (int i = 0; i < r->n_metrics; i++) {
        size_t before = out->len;
        put_metric(out, &r->metrics[i]);
        if (out->len - start < RESULT_ENCODED_MAX - LEFT_OUT_ROOM)
            continue;
        out->len = before;
        left_out += r->n_metrics - i;
        break;
    }
    if (left_out > 0)
        put_metric(out, &(struct metric){.name = RESULT_LEFT_OUT, .num = left_out});
    buf_put_u8(out, KIND_END);
}

static size_t warnings_room(const struct result *r)
{
    return r->n_warnings <= 4 ? RESULT_MESSAGE_MAX : RESULT_FACT_MAX;
}

void result_encode(const struct result *r, struct buf *out)
{
    must(r != NULL && r->message != NULL && r->address != NULL);
    must(r->n_warnings >= 0 && r->n_warnings <= RESULT_WARNINGS_MAX);
    must(r->n_metrics >= 0 && r->n_metrics <= RESULT_METRICS_MAX);
    size_t start = out->len;
    size_t detail = r->detail_json ? strlen(r->detail_json) : 0;
    buf_put_u8(out, VERSION);
    buf_put_u8(out, 0); /* flags: known at the end */
    int flags = (r->success ? HAS_SUCCESS : 0) | (r->request_id ? HAS_REQUEST : 0) |
                (r->address[0] ? HAS_ADDRESS : 0);
    put_varint(out, r->target_id);
    if (r->request_id)
        put_varint(out, r->request_id);
    put_zigzag(out, r->checked_ms);
    put_zigzag(out, r->latency_us);
    put_zigzag(out, r->resolve_us);
    put_text(out, r->message, RESULT_MESSAGE_MAX);
    if (r->address[0])
        put_text(out, r->address, RESULT_FACT_MAX);
    put_varint(out, (uint64_t)r->n_warnings);
    for (int i = 0; i < r->n_warnings; i++)
        put_text(out, r->warnings[i], warnings_room(r));
    put_metrics(out, start, r);
    if (detail > 0 && out->len - start + detail + 10 <= RESULT_ENCODED_MAX) {
        flags |= HAS_DETAIL;
        put_text(out, r->detail_json, detail);
    }
    if (!out->failed)
        out->data[start + 1] = (char)flags;
    must(out->failed || out->len - start <= RESULT_ENCODED_MAX);
}

static uint64_t get_varint(struct cur *c)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cur_u8(c);
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return v;
    }
    c->failed = true;
    return 0;
}

static int64_t get_zigzag(struct cur *c)
{
    uint64_t v = get_varint(c);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* "" when the text is not what an encoder writes; c is failed then. */
static const char *get_text(struct cur *c, struct arena *a, size_t max)
{
    uint64_t n = get_varint(c);
    if (n > max || n > cur_left(c))
        c->failed = true;
    if (c->failed || n == 0)
        return "";
    const char *p = cur_bytes(c, (size_t)n);
    if (!p || memchr(p, 0, (size_t)n) || !utf8_valid(p, (size_t)n)) {
        c->failed = true;
        return "";
    }
    return arena_strndup(a, p, (size_t)n);
}

static void get_labels(struct cur *c, struct arena *a, int kind, struct metric *m)
{
    uint32_t n = kind & KIND_LABELS ? cur_u8(c) : 1;
    bool both = (kind & KIND_LABEL) && (kind & KIND_LABELS);
    if (c->failed || both || n > RESULT_LABELS_MAX || (n < 2 && kind & KIND_LABELS)) {
        c->failed = true;
        return;
    }
    struct label *labels = arena_alloc(a, n * sizeof(*labels));
    for (uint32_t i = 0; i < n; i++) {
        labels[i].name = get_text(c, a, RESULT_NAME_MAX);
        labels[i].value = get_text(c, a, RESULT_FACT_MAX);
        c->failed |= labels[i].name[0] == '\0';
    }
    m->labels = labels;
    m->n_labels = n;
}

static void get_metric(struct cur *c, struct arena *a, int kind, struct metric *m)
{
    *m = (struct metric){.name = get_text(c, a, RESULT_NAME_MAX)};
    if (kind & (KIND_LABEL | KIND_LABELS))
        get_labels(c, a, kind, m);
    c->failed |= m->name[0] == '\0';
    switch (kind & ~(KIND_LABEL | KIND_LABELS)) {
    case KIND_INT:
        m->num = (double)get_zigzag(c);
        break;
    case KIND_F64: {
        uint64_t bits = cur_u64(c);
        memcpy(&m->num, &bits, sizeof(bits));
        break;
    }
    case KIND_TEXT:
        m->is_text = true;
        m->text = get_text(c, a, RESULT_FACT_MAX);
        break;
    default:
        c->failed = true;
    }
}

static void get_metrics(struct cur *c, struct result *r)
{
    for (int kind = cur_u8(c); kind != KIND_END && !c->failed; kind = cur_u8(c)) {
        if (r->n_metrics == RESULT_METRICS_MAX)
            c->failed = true;
        else
            get_metric(c, r->arena, kind, result__new_metric(r));
    }
}

static void get_warnings(struct cur *c, struct result *r)
{
    uint64_t n = get_varint(c);
    if (n > RESULT_WARNINGS_MAX)
        c->failed = true;
    for (uint64_t i = 0; i < n && !c->failed; i++)
        r->warnings[r->n_warnings++] = get_text(c, r->arena, RESULT_MESSAGE_MAX);
}

static void get_detail(struct cur *c, struct result *r)
{
    const char *text = get_text(c, r->arena, RESULT_ENCODED_MAX);
    size_t n = strlen(text);
    if (n < 2 || text[0] != '{' || text[n - 1] != '}')
        c->failed = true;
    r->detail_json = text;
}

int result_decode(const void *p, size_t n, struct arena *a, struct result *out, struct err *err)
{
    must(p != NULL || n == 0);
    must(a != NULL && out != NULL);
    struct cur c = CUR_INIT(p, n);
    if (n > RESULT_ENCODED_MAX)
        return err_set(err, ERR_TOO_LARGE, "cannot read result: %zu bytes; want at most %d", n,
                       RESULT_ENCODED_MAX);
    int version = cur_u8(&c);
    if (version != VERSION)
        return err_set(err, ERR_MALFORMED, "cannot read result: version %d; want %d", version,
                       VERSION);
    int flags = cur_u8(&c);
    if (flags & ~FLAGS_ALL)
        return err_set(err, ERR_MALFORMED, "cannot read result: unknown flags %#x", flags);
    result_init(out, a);
    out->success = flags & HAS_SUCCESS;
    out->target_id = get_varint(&c);
    out->request_id = flags & HAS_REQUEST ? get_varint(&c) : 0;
    out->checked_ms = get_zigzag(&c);
    out->latency_us = get_zigzag(&c);
    out->resolve_us = get_zigzag(&c);
    out->message = get_text(&c, a, RESULT_MESSAGE_MAX);
    out->address = flags & HAS_ADDRESS ? get_text(&c, a, RESULT_FACT_MAX) : "";
    get_warnings(&c, out);
    get_metrics(&c, out);
    if (flags & HAS_DETAIL)
        get_detail(&c, out);
    if (c.failed || cur_left(&c) > 0)
        return err_set(err, ERR_MALFORMED, "cannot read result: bytes are damaged at offset %zu",
                       n - cur_left(&c));
    return 0;
}
