/* Any bytes as a line of JSON: what can be read as a whole is written and read again as the same. */
#include <stdint.h>

#include "base/must.h"
#include "wire/jsonlines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct line {
    struct labels_builder b;
    struct labels labels;
    struct samples s;
};

static int read_line(struct str text, struct arena *a, struct line *out)
{
    struct json_line l;
    struct err err = {0};
    int64_t t;
    double v;
    int rc = json_line_parse(text, &l, &err);
    if (rc == 0)
        rc = json_line_labels(&l, a, &out->b, &out->labels, &err);
    while (rc == 0 && (rc = json_line_sample(&l, &t, &v, &err)) > 0) {
        samples_add(&out->s, t, v);
        rc = 0;
    }
    must(rc == 0 || err.code == ERR_MALFORMED || err.code == ERR_CONFLICT);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536)
        return 0;
    struct arena *a = arena_new();
    struct line first = {0}, second = {0};
    struct buf out = BUF_INIT(1 << 24);
    if (read_line((struct str){(const char *)data, size}, a, &first) == 0 && first.s.n > 0) {
        json_line_write(&out, &first.labels, &first.s);
        must(out.len > 0 && out.data[out.len - 1] == '\n');
        must(read_line((struct str){out.data, out.len - 1}, a, &second) == 0);
        must(labels_equal(&first.labels, &second.labels) && first.s.n == second.s.n);
        for (uint32_t i = 0; i < first.s.n; i++)
            must(first.s.t[i] == second.s.t[i] &&
                 f64_bits(first.s.v[i]) == f64_bits(second.s.v[i]));
    }
    labels_builder_done(&first.b);
    labels_builder_done(&second.b);
    samples_done(&first.s);
    samples_done(&second.s);
    buf_done(&out);
    arena_free(a);
    return 0;
}
