/* Any bytes as a remote write: as a snappy block when the first byte is odd, as its message otherwise. What can be read is put
 * again and read as the same. */
#include <stdint.h>

#include "base/must.h"
#include "wire/remote_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void series(struct remote_entry *e, struct labels_builder *b)
{
    struct labels l, back_labels;
    struct samples s = {0};
    struct buf again = BUF_INIT(1 << 24);
    struct remote_reader r;
    struct remote_entry back;
    struct labels_builder b2 = {0};
    int64_t t;
    double v;
    uint32_t n = e->n_samples;
    while (remote_sample(e, &t, &v))
        samples_add(&s, t, v);
    must(s.n == n);
    if (remote_labels(e, b, &l, NULL) == 0) {
        remote_put_series(&again, &l, s.t, s.v, s.n);
        remote_reader_init(&r, (struct str){again.data, again.len});
        must(remote_next(&r, &back, NULL) == REMOTE_SERIES && back.n_samples == n);
        must(remote_labels(&back, &b2, &back_labels, NULL) == 0 && labels_equal(&l, &back_labels));
        for (uint32_t i = 0; i < n; i++)
            must(remote_sample(&back, &t, &v) && t == s.t[i] && f64_bits(v) == f64_bits(s.v[i]));
    }
    samples_done(&s);
    buf_done(&again);
    labels_builder_done(&b2);
}

static void message(struct str text)
{
    struct remote_reader r;
    struct remote_entry e;
    struct labels_builder b = {0};
    struct err err = {0};
    enum remote_item item;
    remote_reader_init(&r, text);
    while ((item = remote_next(&r, &e, &err)) > REMOTE_END) {
        if (item == REMOTE_SERIES)
            series(&e, &b);
    }
    must(item == REMOTE_END || err.code == ERR_MALFORMED);
    labels_builder_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    struct buf out = BUF_INIT(1 << 24);
    if (!(data[0] & 1))
        message(text);
    else if (remote_unpack(text, 1 << 20, &out, NULL) == 0)
        message((struct str){out.data, out.len});
    buf_done(&out);
    return 0;
}
