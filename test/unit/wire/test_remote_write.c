/* Remote write messages: what was put comes out, in pieces that a receiver can trust; damage is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "wire/protobuf.h"
#include "wire/remote_write.h"

static const struct label_pair pairs[] = {{STR("__name__"), STR("up")},
                                          {STR("instance"), STR("10.0.0.1:9100")},
                                          {STR("job"), STR("节点")}};
static const struct labels up = {pairs, 3};

static struct str text_of(const struct buf *b)
{
    return (struct str){b->data, b->len};
}

static void round_trip(void **state)
{
    struct buf m = BUF_INIT(1 << 20), packed = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
    int64_t t[] = {0, -5, 1732190400000}, t_got;
    double v[] = {1.5, f64_from_bits(STALE_NAN_BITS), -0.0}, v_got;
    struct metric_metadata meta = {STR("up"), METRIC_GAUGE_HISTOGRAM, STR("is it up"), STR("s")};
    remote_put_series(&m, &up, t, v, 3);
    remote_put_metadata(&m, &meta);
    remote_put_series(&m, &up, t, v, 0);
    remote_pack(text_of(&m), &packed);
    assert_int_equal(remote_unpack(text_of(&packed), REMOTE_WRITE_MAX, &back, NULL), 0);
    assert_int_equal(back.len, m.len);
    struct remote_reader r;
    struct remote_entry e;
    struct labels_builder b = {0};
    struct labels l;
    remote_reader_init(&r, text_of(&back));
    assert_int_equal(remote_next(&r, &e, NULL), REMOTE_SERIES);
    assert_int_equal(e.n_samples, 3);
    assert_true(e.key.n > 0 && e.key.p == e.labels.p);
    assert_int_equal(remote_labels(&e, &b, &l, NULL), 0);
    assert_true(labels_equal(&l, &up));
    for (int i = 0; i < 3; i++) {
        assert_true(remote_sample(&e, &t_got, &v_got));
        assert_true(t_got == t[i] && f64_bits(v_got) == f64_bits(v[i]));
    }
    assert_false(remote_sample(&e, &t_got, &v_got));
    assert_int_equal(remote_next(&r, &e, NULL), REMOTE_METADATA);
    assert_true(str_eq(e.metadata.metric, meta.metric) && str_eq(e.metadata.help, meta.help));
    assert_true(str_eq(e.metadata.unit, meta.unit) && e.metadata.type == METRIC_GAUGE_HISTOGRAM);
    assert_int_equal(remote_next(&r, &e, NULL), REMOTE_SERIES);
    assert_int_equal(remote_next(&r, &e, NULL), REMOTE_END);
    assert_true(r.series == 2 && r.samples == 3 && r.metadata == 1);
    labels_builder_done(&b);
    buf_done(&m);
    buf_done(&packed);
    buf_done(&back);
}

/* A series by hand: fields in an order of the test's own. */
static void put_label(struct buf *out, const char *name, const char *value)
{
    struct buf l = BUF_INIT(1 << 16);
    pb_put_bytes(&l, 1, str_of(name));
    pb_put_bytes(&l, 2, str_of(value));
    pb_put_bytes(out, 1, text_of(&l));
    buf_done(&l);
}

static int labels_of(const struct buf *series, struct remote_entry *e, struct labels_builder *b,
                     struct labels *l, struct err *err)
{
    static struct buf const empty = {.max = 1 << 20};
    struct buf m = empty;
    struct remote_reader r;
    buf_puts(&m, "");
    pb_put_bytes(&m, 1, text_of(series));
    remote_reader_init(&r, text_of(&m));
    assert_int_equal(remote_next(&r, e, err), REMOTE_SERIES);
    int rc = remote_labels(e, b, l, err);
    buf_done(&m);
    return rc;
}

static void labels_in_any_order(void **state)
{
    struct buf s = BUF_INIT(1 << 16);
    struct remote_entry e;
    struct labels_builder b = {0};
    struct labels l;
    put_label(&s, "z", "1");
    put_label(&s, "__name__", "m");
    put_label(&s, "empty", "");
    assert_int_equal(labels_of(&s, &e, &b, &l, NULL), 0);
    assert_true(l.n == 2 && e.key.n == s.len);
    pb_put_bytes(&s, 2, STR("")); /* a sample of 0 at 0 between labels: allowed, but no key */
    put_label(&s, "a", "1");
    assert_int_equal(labels_of(&s, &e, &b, &l, NULL), 0);
    assert_true(e.key.n == 0 && e.n_samples == 1);
    labels_builder_done(&b);
    buf_done(&s);
}

static void bad_labels(void **state)
{
    static const struct {
        const char *name, *value;
        enum err_code code;
    } cases[] = {{"", "x", ERR_MALFORMED},     {"a", "\xff", ERR_MALFORMED},
                 {"\xc3", "x", ERR_MALFORMED}, {"__name__", "n", ERR_CONFLICT},
                 {"job", "", ERR_OK},          {"job", "x", ERR_OK}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf s = BUF_INIT(1 << 16);
        struct remote_entry e;
        struct labels_builder b = {0};
        struct labels l;
        struct err err = {0};
        put_label(&s, "__name__", "m");
        put_label(&s, cases[i].name, cases[i].value);
        assert_int_equal(labels_of(&s, &e, &b, &l, &err), cases[i].code == ERR_OK ? 0 : -1);
        assert_int_equal(err.code, cases[i].code);
        labels_builder_done(&b);
        buf_done(&s);
    }
    struct buf s = BUF_INIT(1 << 16);
    struct remote_entry e;
    struct labels_builder b = {0};
    struct labels l;
    put_label(&s, "job", "x");
    assert_int_equal(labels_of(&s, &e, &b, &l, NULL), -1); /* no name */
    labels_builder_done(&b);
    buf_done(&s);
}

static void damage_is_an_error(void **state)
{
    struct buf m = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    int64_t t[] = {5};
    double v[] = {7};
    remote_put_series(&m, &up, t, v, 1);
    for (size_t n = 1; n < m.len; n++) { /* cut anywhere */
        struct remote_reader r;
        struct remote_entry e;
        struct err err = {0};
        remote_reader_init(&r, (struct str){m.data, n});
        assert_int_equal(remote_next(&r, &e, &err), REMOTE_FAILED);
        assert_int_equal(err.code, ERR_MALFORMED);
    }
    struct err err = {0};
    /* Claims 4 GiB in five bytes: refused before memory is taken. */
    assert_int_equal(remote_unpack(STR("\xff\xff\xff\xff\x0f"), REMOTE_WRITE_MAX, &out, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_null(out.data);
    assert_int_equal(remote_unpack(STR("no snappy"), REMOTE_WRITE_MAX, &out, &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_int_equal(remote_unpack(STR(""), REMOTE_WRITE_MAX, &out, &err), -1);
    buf_done(&m);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(labels_in_any_order),
        cmocka_unit_test(bad_labels),
        cmocka_unit_test(damage_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
