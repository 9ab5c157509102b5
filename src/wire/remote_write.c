/* Remote write 1.0, read (wire/remote_write.h). remote_next is the hot path: of a series that is known already it looks at
 * the lengths of its labels only. */
#include "wire/remote_write.h"

#include <snappy-c.h>

#include "base/must.h"
#include "wire/protobuf.h"

int remote_unpack(struct str body, size_t max, struct buf *out, struct err *err)
{
    size_t n;
    if (snappy_uncompressed_length(body.p, body.n, &n) != SNAPPY_OK)
        return err_set(err, ERR_MALFORMED, "cannot unpack the body: got no snappy block");
    if (n > max)
        return err_set(err, ERR_TOO_LARGE,
                       "cannot unpack the body: it holds %zu bytes; want at most %zu", n, max);
    if (!buf_reserve(out, n))
        return err_set(err, ERR_TOO_LARGE, "cannot unpack the body: no room for %zu bytes", n);
    size_t got = n;
    if (snappy_uncompress(body.p, body.n, out->data + out->len, &got) != SNAPPY_OK)
        return err_set(err, ERR_MALFORMED, "cannot unpack the body: the snappy block is damaged");
    must(got == n);
    out->len += n;
    out->data[out->len] = '\0';
    return 0;
}

void remote_pack(struct str message, struct buf *out)
{
    size_t n = snappy_max_compressed_length(message.n);
    if (!buf_reserve(out, n))
        return;
    must(snappy_compress(message.p, message.n, out->data + out->len, &n) == SNAPPY_OK);
    out->len += n;
    out->data[out->len] = '\0';
}

void remote_reader_init(struct remote_reader *r, struct str message)
{
    *r = (struct remote_reader){.left = message, .start = message.p};
}

static enum remote_item malformed(const struct remote_reader *r, struct str at, struct err *err)
{
    err_set(err, ERR_MALFORMED,
            "cannot read the message: got no protobuf field of a WriteRequest at byte %zu",
            (size_t)(at.p - r->start));
    if (err)
        err->at_offset = (size_t)(at.p - r->start);
    return REMOTE_FAILED;
}

/* TimeSeries' fields. */
enum { SERIES_LABEL = 1, SERIES_SAMPLE, SERIES_EXEMPLAR, SERIES_HISTOGRAM };

/* Any order of fields, any of them missing. */
static bool read_odd_sample(struct str s, int64_t *t_ms, double *v)
{
    struct pb_field f;
    *t_ms = 0;
    *v = 0;
    while (s.n > 0) {
        if (!pb_next(&s, &f))
            return false;
        if (f.number == 1 && f.type == PB_FIXED64)
            *v = f64_from_bits(f.value);
        else if (f.number == 2 && f.type == PB_VARINT)
            *t_ms = (int64_t)f.value;
    }
    return true;
}

/* The form that every sender writes: value, then a time of several bytes, and nothing else. */
static bool read_sample(struct str s, int64_t *t_ms, double *v)
{
    enum { TAG_VALUE = 1 << 3 | PB_FIXED64, TAG_TIME = 2 << 3 | PB_VARINT, AT_TIME = 10 };
    uint64_t t = 0;
    size_t i = AT_TIME;
    if (s.n <= AT_TIME || s.n > AT_TIME + 9 || s.p[0] != TAG_VALUE || s.p[AT_TIME - 1] != TAG_TIME)
        return read_odd_sample(s, t_ms, v);
    for (; i < s.n && (unsigned char)s.p[i] >= 0x80; i++)
        t |= (uint64_t)(s.p[i] & 0x7f) << 7 * (i - AT_TIME);
    if (i + 1 != s.n)
        return read_odd_sample(s, t_ms, v);
    *t_ms = (int64_t)(t | (uint64_t)s.p[i] << 7 * (i - AT_TIME));
    memcpy(v, s.p + 1, sizeof(*v)); /* little endian, as all machines that we build for */
    return true;
}

/* Behind the labels of ordinary length that a series begins with: nearly always all of them, and most of the message. */
static const char *skip_labels(const char *p, const char *end)
{
    while (end - p >= 2 && *p == (SERIES_LABEL << 3 | PB_BYTES) && (unsigned char)p[1] < 0x80 &&
           p[1] <= end - p - 2)
        p += 2 + p[1];
    must(p <= end);
    return p;
}

static bool read_series(struct remote_reader *r, struct str *s, struct remote_entry *e)
{
    struct str whole = *s;
    struct pb_field f;
    const char *labels_end = skip_labels(s->p, s->p + s->n);
    bool together = true;
    e->n_samples = 0;
    *s = (struct str){labels_end, (size_t)(s->p + s->n - labels_end)};
    while (s->n > 0) {
        const char *before = s->p;
        if (!pb_next(s, &f))
            return false;
        if (f.type != PB_BYTES)
            continue;
        if (f.number == SERIES_LABEL) {
            together &= before == labels_end;
            labels_end = s->p;
        }
        if (f.number == SERIES_SAMPLE) {
            if (!read_sample(f.bytes, &e->t_ms, &e->v))
                return false;
            e->n_samples++;
        }
        r->exemplars += f.number == SERIES_EXEMPLAR;
        r->histograms += f.number == SERIES_HISTOGRAM;
    }
    size_t n = (size_t)(labels_end - whole.p);
    e->key = together ? (struct str){whole.p, n} : STR("");
    e->labels = together ? e->key : whole;
    e->samples = together ? (struct str){labels_end, whole.n - n} : whole;
    r->series++;
    r->samples += e->n_samples;
    return true;
}

static bool read_metadata(struct remote_reader *r, struct str *s, struct remote_entry *e)
{
    static const enum metric_type types[] = {
        METRIC_UNKNOWN,         METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM,
        METRIC_GAUGE_HISTOGRAM, METRIC_SUMMARY, METRIC_INFO,  METRIC_STATESET};
    struct metric_metadata *m = &e->metadata;
    struct pb_field f;
    *m = (struct metric_metadata){STR(""), METRIC_UNKNOWN, STR(""), STR("")};
    while (s->n > 0) {
        if (!pb_next(s, &f))
            return false;
        if (f.number == 1 && f.type == PB_VARINT)
            m->type = f.value < array_len(types) ? types[f.value] : METRIC_UNKNOWN;
        else if (f.type == PB_BYTES && f.number == 2)
            m->metric = f.bytes;
        else if (f.type == PB_BYTES && f.number == 4)
            m->help = f.bytes;
        else if (f.type == PB_BYTES && f.number == 5)
            m->unit = f.bytes;
    }
    r->metadata++;
    return true;
}

enum remote_item remote_next(struct remote_reader *r, struct remote_entry *e, struct err *err)
{
    enum { REQUEST_SERIES = 1, REQUEST_METADATA = 3 };
    struct pb_field f;
    while (r->left.n > 0) {
        struct str at = r->left;
        if (!pb_next(&r->left, &f))
            return malformed(r, at, err);
        if (f.type != PB_BYTES || (f.number != REQUEST_SERIES && f.number != REQUEST_METADATA))
            continue;
        bool series = f.number == REQUEST_SERIES;
        if (!(series ? read_series(r, &f.bytes, e) : read_metadata(r, &f.bytes, e)))
            return malformed(r, f.bytes, err);
        return series ? REMOTE_SERIES : REMOTE_METADATA;
    }
    return REMOTE_END;
}

bool remote_sample(struct remote_entry *e, int64_t *t_ms, double *v)
{
    struct pb_field f;
    while (e->samples.n > 0) {
        must(pb_next(&e->samples, &f)); /* read_series came by here */
        if (f.number == SERIES_SAMPLE && f.type == PB_BYTES) {
            return read_sample(f.bytes, t_ms, v);
        }
    }
    return false;
}

static int read_label(struct str s, struct labels_builder *b, struct err *err)
{
    struct pb_field f;
    struct str name = STR(""), value = STR("");
    while (s.n > 0) {
        if (!pb_next(&s, &f))
            return err_set(err, ERR_MALFORMED, "cannot read a label: got no protobuf field");
        if (f.number == 1 && f.type == PB_BYTES)
            name = f.bytes;
        else if (f.number == 2 && f.type == PB_BYTES)
            value = f.bytes;
    }
    if (name.n == 0)
        return err_set(err, ERR_MALFORMED, "cannot take a label: its name is empty");
    if (!utf8_valid(name.p, name.n) || !utf8_valid(value.p, value.n))
        return err_set(err, ERR_MALFORMED, "cannot take a label: it is not valid UTF-8");
    labels_builder_add(b, name, value);
    return 0;
}

int remote_labels(const struct remote_entry *e, struct labels_builder *b, struct labels *out,
                  struct err *err)
{
    struct str s = e->labels;
    struct pb_field f;
    labels_builder_clear(b);
    while (s.n > 0) {
        must(pb_next(&s, &f));
        if (f.number == SERIES_LABEL && f.type == PB_BYTES && read_label(f.bytes, b, err) < 0)
            return -1;
    }
    if (labels_builder_finish(b, out, err) < 0)
        return -1;
    if (labels_metric(out).n == 0)
        return err_set(err, ERR_MALFORMED,
                       "cannot take a series: got no metric name; want a label __name__");
    return 0;
}

/* --- writing --- */

static size_t bytes_size(struct str s)
{
    return 1 + pb_varint_size(s.n) + s.n;
}

static size_t label_size(const struct label_pair *p)
{
    return bytes_size(p->name) + bytes_size(p->value);
}

#define SAMPLE_SIZE(t) (1 + 8 + 1 + pb_varint_size((uint64_t)(t)))

static size_t series_size(const struct labels *l, const int64_t *t, uint32_t n)
{
    size_t size = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        size_t label = label_size(&l->at[i]);
        size += 1 + pb_varint_size(label) + label;
    }
    for (uint32_t i = 0; i < n; i++)
        size += 2 + SAMPLE_SIZE(t[i]); /* a sample is shorter than 128 bytes */
    return size;
}

void remote_put_series(struct buf *out, const struct labels *l, const int64_t *t, const double *v,
                       uint32_t n)
{
    size_t size = series_size(l, t, n);
    pb_put_varint(out, 1 << 3 | PB_BYTES);
    pb_put_varint(out, size);
    size_t start = out->len;
    for (uint32_t i = 0; i < l->n; i++) {
        pb_put_varint(out, SERIES_LABEL << 3 | PB_BYTES);
        pb_put_varint(out, label_size(&l->at[i]));
        pb_put_bytes(out, 1, l->at[i].name);
        pb_put_bytes(out, 2, l->at[i].value);
    }
    for (uint32_t i = 0; i < n; i++) {
        pb_put_varint(out, SERIES_SAMPLE << 3 | PB_BYTES);
        pb_put_varint(out, SAMPLE_SIZE(t[i]));
        pb_put_varint(out, 1 << 3 | PB_FIXED64);
        buf_put_u64(out, f64_bits(v[i]));
        pb_put_varint(out, 2 << 3 | PB_VARINT);
        pb_put_varint(out, (uint64_t)t[i]);
    }
    must(out->failed || out->len == start + size);
}

void remote_put_metadata(struct buf *out, const struct metric_metadata *m)
{
    static const uint8_t types[] = {
        [METRIC_UNKNOWN] = 0,   [METRIC_COUNTER] = 1,         [METRIC_GAUGE] = 2,
        [METRIC_HISTOGRAM] = 3, [METRIC_GAUGE_HISTOGRAM] = 4, [METRIC_SUMMARY] = 5,
        [METRIC_INFO] = 6,      [METRIC_STATESET] = 7};
    must((size_t)m->type < array_len(types));
    size_t size = 2 + bytes_size(m->metric) + bytes_size(m->help) + bytes_size(m->unit);
    pb_put_varint(out, 3 << 3 | PB_BYTES);
    pb_put_varint(out, size);
    pb_put_varint(out, 1 << 3 | PB_VARINT);
    pb_put_varint(out, types[m->type]);
    pb_put_bytes(out, 2, m->metric);
    pb_put_bytes(out, 4, m->help);
    pb_put_bytes(out, 5, m->unit);
}
