/* Parcels: what is written is read back; whatever was changed on the way is refused, and another version in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "ipc/parcel.h"

static const struct parcel head = {.ring = 77,
                                   .dropped = 3,
                                   .waiting = 4711,
                                   .generation = 9,
                                   .sent_ms = 1700000000123,
                                   .software = {"1.2.3", 5}};

static struct buf three(void)
{
    struct parcel_writer w;
    parcel_begin(&w, &head, PARCEL_MAX);
    assert_true(parcel_add(&w, 5, "five", 4));
    assert_true(parcel_add(&w, 6, "", 0));
    assert_true(parcel_add(&w, 1000000007, "later", 5));
    parcel_end(&w);
    return w.out;
}

static int parse(const struct buf *b, struct parcel *p, struct err *err)
{
    *err = (struct err){0};
    return parcel_parse((struct str){b->data, b->len}, p, err);
}

static void round_trip(void **state)
{
    (void)state;
    struct buf b = three();
    struct parcel p;
    struct err err;
    struct str record;
    uint64_t seq;
    assert_int_equal(parse(&b, &p, &err), 0);
    assert_int_equal(p.ring, 77);
    assert_int_equal(p.dropped, 3);
    assert_int_equal(p.waiting, 4711);
    assert_int_equal(p.generation, 9);
    assert_int_equal(p.sent_ms, 1700000000123);
    assert_true(str_eqz(p.software, "1.2.3"));
    assert_int_equal(p.n, 3);
    assert_true(parcel_next(&p, &seq, &record) && seq == 5 && str_eqz(record, "five"));
    assert_true(parcel_next(&p, &seq, &record) && seq == 6 && record.n == 0);
    assert_true(parcel_next(&p, &seq, &record) && seq == 1000000007 && str_eqz(record, "later"));
    assert_false(parcel_next(&p, &seq, &record));
    buf_done(&b);
}

static void an_empty_one_is_a_sign_of_life(void **state)
{
    (void)state;
    struct parcel_writer w;
    struct parcel p;
    struct err err;
    parcel_begin(&w, &head, PARCEL_MAX);
    parcel_end(&w);
    assert_int_equal(parse(&w.out, &p, &err), 0);
    assert_int_equal(p.n, 0);
    buf_done(&w.out);
}

static void it_ends_where_it_is_full(void **state)
{
    (void)state;
    struct parcel_writer w;
    struct parcel p;
    struct err err;
    char *record = calloc(1, PARCEL_RECORD);
    uint64_t seq = 0;
    parcel_begin(&w, &head, 200000);
    while (parcel_add(&w, seq + 1, record, PARCEL_RECORD))
        seq++;
    parcel_end(&w);
    assert_int_equal(seq, 3);
    assert_true(w.out.len <= 200000);
    assert_int_equal(parse(&w.out, &p, &err), 0);
    assert_int_equal(p.n, 3);
    buf_done(&w.out);
    free(record);
}

/* Each byte changed, and each end: refused. */
static void what_was_changed_is_refused(void **state)
{
    (void)state;
    struct buf b = three();
    struct parcel p = {.n = 12345};
    struct err err;
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 0x10;
        assert_int_equal(parse(&b, &p, &err), -1);
        assert_true(err.code == ERR_MALFORMED || err.code == ERR_CONFLICT);
        b.data[i] ^= 0x10;
    }
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(parcel_parse((struct str){b.data, n}, &p, &err), -1);
    assert_int_equal(p.n, 12345);
    buf_done(&b);
}

static void with_crc(struct buf *b)
{
    uint32_t crc = crc32c(0, b->data + 12, b->len - 12);
    memcpy(b->data + 8, &crc, sizeof(crc));
}

static void numbers_grow(void **state)
{
    (void)state;
    struct buf b = three();
    struct parcel p;
    struct err err;
    size_t first = 12 + 40 + 4 + 5 + 4;
    b.data[first] = 6; /* as the second */
    with_crc(&b);
    assert_int_equal(parse(&b, &p, &err), -1);
    assert_non_null(strstr(err.msg, "record 2"));
    b.data[first] = 0;
    with_crc(&b);
    assert_int_equal(parse(&b, &p, &err), -1);
    assert_non_null(strstr(err.msg, "record 1"));
    buf_done(&b);
}

static void another_version_says_who_is_older(void **state)
{
    (void)state;
    struct buf b = three();
    struct parcel p;
    struct err err;
    b.data[4] = (char)(PARCEL_VERSION + 1);
    assert_int_equal(parse(&b, &p, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "the server is older"));
    b.data[4] = 0;
    assert_int_equal(parse(&b, &p, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "the agent is older"));
    buf_done(&b);
}

static void bounds(void **state)
{
    (void)state;
    struct parcel p;
    struct err err = {0};
    char *large = calloc(1, PARCEL_MAX + 1);
    assert_int_equal(parcel_parse((struct str){large, PARCEL_MAX + 1}, &p, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    free(large);
    struct buf b = three();
    memset(b.data + 12, 0, 8); /* no ring */
    with_crc(&b);
    assert_int_equal(parse(&b, &p, &err), -1);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(an_empty_one_is_a_sign_of_life),
        cmocka_unit_test(it_ends_where_it_is_full),
        cmocka_unit_test(what_was_changed_is_refused),
        cmocka_unit_test(numbers_grow),
        cmocka_unit_test(another_version_says_who_is_older),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
