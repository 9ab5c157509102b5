/* What comes in over HTTP: statuses, counts, partial writes, aliases, pieces of an import. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fake_tsdb.h"
#include "remote/receive.h"
#include "wire/remote_write.h"

static void put(struct buf *m, const char *metric, const char *job, int64_t t, double v)
{
    struct label_pair pairs[] = {{STR("__name__"), str_of(metric)}, {STR("job"), str_of(job)}};
    struct labels l = {pairs, 2};
    remote_put_series(m, &l, &t, &v, 1);
}

static int receive(struct tsdb *db, const struct buf *m, struct receive_counts *c, struct err *err)
{
    struct buf packed = BUF_INIT(1 << 24);
    remote_pack((struct str){m->data, m->len}, &packed);
    struct receive_request req = {{packed.data, packed.len}, "application/x-protobuf", "snappy"};
    int status = remote_write_receive(db, 1, &req, c, err);
    buf_done(&packed);
    return status;
}

static void expect_dump(struct tsdb *db, const char *want)
{
    struct buf out = BUF_INIT(1 << 20);
    buf_puts(&out, "");
    fake_tsdb_dump(db, &out);
    assert_string_equal(out.data, want);
    buf_done(&out);
}

static void series_are_learned_once(void **state)
{
    struct tsdb *db = fake_tsdb_new();
    struct buf m = BUF_INIT(1 << 20);
    struct receive_counts c;
    for (int turn = 1; turn <= 3; turn++) {
        buf_clear(&m);
        put(&m, "up", "a", turn * 1000, turn);
        put(&m, "up", "b", turn * 1000, -turn);
        assert_int_equal(receive(db, &m, &c, NULL), 204);
        assert_true(c.samples == 2 && c.taken == 2 && c.series == 2);
    }
    assert_int_equal(db->parsed, 2);
    assert_int_equal(db->by_alias_hits, 4);
    expect_dump(db, "up{job=\"a\"} 1000:1 2000:2 3000:3\nup{job=\"b\"} 1000:-1 2000:-2 3000:-3\n");
    buf_done(&m);
    fake_tsdb_free(db);
}

static void bad_samples_cost_only_themselves(void **state)
{
    struct tsdb *db = fake_tsdb_new();
    struct buf m = BUF_INIT(1 << 20);
    struct receive_counts c;
    struct err err = {0};
    db->max_series = 2;
    put(&m, "up", "a", 5000, 1);
    put(&m, "up", "a", 5000, 1); /* the same: fine */
    put(&m, "up", "a", 5000, 2); /* another value */
    put(&m, "up", "a", 4000, 2); /* out of order */
    put(&m, "up", "a", -1, 2);   /* so is one from before 1970 */
    put(&m, "", "a", 5000, 2);   /* no name */
    put(&m, "up", "\xff", 5000, 2);
    put(&m, "up", "b", 5000, 3);
    put(&m, "up", "c", 5000, 3); /* over the limit */
    assert_int_equal(receive(db, &m, &c, &err), 400);
    assert_true(c.samples == 9 && c.taken == 3 && c.duplicate == 1 && c.out_of_order == 2);
    assert_true(c.invalid == 2 && c.refused == 1);
    assert_non_null(strstr(err.msg, "6 of 9 samples were refused"));
    expect_dump(db, "up{job=\"a\"} 5000:1\nup{job=\"b\"} 5000:3\n");
    buf_done(&m);
    fake_tsdb_free(db);
}

static void statuses(void **state)
{
    struct tsdb *db = fake_tsdb_new();
    struct receive_counts c;
    struct err err = {0};
    struct receive_request req = {STR("xx"), "application/x-protobuf", "snappy"};
    assert_int_equal(remote_write_receive(db, 1, &req, &c, &err), 400);
    req.content_type = "application/json";
    assert_int_equal(remote_write_receive(db, 1, &req, &c, &err), 415);
    req.content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    assert_int_equal(remote_write_receive(db, 1, &req, &c, &err), 415);
    req.content_type = "application/x-protobuf; proto=prometheus.WriteRequest";
    req.content_encoding = "zstd";
    assert_int_equal(remote_write_receive(db, 1, &req, &c, &err), 415);
    req.content_type = req.content_encoding = NULL;
    req.body = STR("\x00");
    assert_int_equal(remote_write_receive(db, 1, &req, &c, &err), 204); /* nothing in it */
    req.body = STR("\xff\xff\xff\xff\x0f");
    assert_int_equal(remote_write_receive(db, 1, &req, &c, &err), 413);
    struct buf m = BUF_INIT(1 << 20);
    put(&m, "up", "a", 1, 1);
    db->full = true;
    assert_int_equal(receive(db, &m, &c, &err), 503);
    db->full = false;
    buf_puts(&m, "\xff");
    assert_int_equal(receive(db, &m, &c, &err), 400);
    buf_done(&m);
    fake_tsdb_free(db);
}

static void a_forgotten_series_is_asked_for_again(void **state)
{
    struct tsdb *db = fake_tsdb_new();
    struct buf m = BUF_INIT(1 << 20);
    struct receive_counts c;
    put(&m, "up", "a", 1000, 1);
    put(&m, "up", "b", 1000, 1);
    db->gone_once = 1;
    assert_int_equal(receive(db, &m, &c, NULL), 204);
    assert_true(c.taken == 2);
    expect_dump(db, "up{job=\"a\"} 1000:1\nup{job=\"b\"} 1000:1\n");
    buf_done(&m);
    fake_tsdb_free(db);
}

static void metadata_is_told(void **state)
{
    struct tsdb *db = fake_tsdb_new();
    struct buf m = BUF_INIT(1 << 20);
    struct receive_counts c;
    struct metric_metadata meta = {STR("up"), METRIC_GAUGE, STR("is it?"), STR("")};
    remote_put_metadata(&m, &meta);
    assert_int_equal(receive(db, &m, &c, NULL), 204);
    assert_true(c.metadata == 1 && db->metadata.n == 1);
    assert_int_equal(text_ingest(db, 1, INGEST_TEXT,
                                 STR("# TYPE a counter\n# HELP a x\\ny\na 1\n# TYPE b gauge\n"), 5,
                                 &c, NULL),
                     204);
    assert_int_equal(db->metadata.n, 3);
    assert_true(str_eqz(db->metadata.at[1].help, "x\ny"));
    assert_int_equal(db->metadata.at[2].type, METRIC_GAUGE);
    buf_done(&m);
    fake_tsdb_free(db);
}

static void texts_of_each_format(void **state)
{
    static const struct {
        enum ingest_format format;
        const char *text;
    } cases[] = {
        {INGEST_TEXT, "up{job=\"a\"} 1 1000\nup 2\nup{job=\"a\"} 3 4000"},
        {INGEST_OPENMETRICS, "up{job=\"a\"} 1 1\nup 2\nup{job=\"a\"} 3 4\n# EOF\n"},
        {INGEST_JSON_LINES,
         "{\"metric\":{\"__name__\":\"up\",\"job\":\"a\"},\"values\":[1],\"timestamps\":[1000]}\n\n"
         "{\"metric\":{\"__name__\":\"up\"},\"values\":[2],\"timestamps\":[7]}\n"
         "{\"metric\":{\"__name__\":\"up\",\"job\":\"a\"},\"values\":[3],\"timestamps\":[4000]}"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct tsdb *db = fake_tsdb_new();
        struct receive_counts c;
        assert_int_equal(text_ingest(db, 1, cases[i].format, str_of(cases[i].text), 7, &c, NULL),
                         204);
        assert_true(c.samples == 3 && c.taken == 3);
        expect_dump(db, "up{job=\"a\"} 1000:1 4000:3\nup 7:2\n");
        assert_int_equal(db->parsed, 2);
        fake_tsdb_free(db);
        for (size_t step = 1; step < 40; step += 3) { /* the same in pieces */
            db = fake_tsdb_new();
            struct ingest *in = ingest_new(db, 1, cases[i].format, 7);
            size_t n = strlen(cases[i].text);
            for (size_t at = 0; at < n; at += step)
                assert_int_equal(
                    ingest_feed(in, (struct str){cases[i].text + at, at + step < n ? step : n - at},
                                NULL),
                    0);
            assert_int_equal(ingest_end(in, &c, NULL), 204);
            expect_dump(db, "up{job=\"a\"} 1000:1 4000:3\nup 7:2\n");
            fake_tsdb_free(db);
        }
    }
}

static void an_import_ends_at_its_fault(void **state)
{
    struct tsdb *db = fake_tsdb_new();
    struct receive_counts c;
    struct err err = {0};
    assert_int_equal(
        text_ingest(db, 1, INGEST_TEXT, STR("a 1 1\nb 2 2\nc x\nd 1 1\n"), 7, &c, &err), 400);
    assert_true(err.at_line == 3 && err.at_column == 3 && c.taken == 2);
    assert_int_equal(text_ingest(db, 1, INGEST_TEXT, STR("a{b} 1 9\n"), 7, &c, &err), 400);
    assert_int_equal(text_ingest(db, 1, INGEST_OPENMETRICS, STR("e 1\n"), 7, &c, &err), 400);
    assert_int_equal(err.at_line, 2);
    assert_int_equal(text_ingest(db, 1, INGEST_JSON_LINES, STR("\n{\"metric\":{}}\n"), 7, &c, &err),
                     400);
    assert_int_equal(err.at_line, 2);
    struct ingest *in = ingest_new(db, 1, INGEST_TEXT, 7);
    assert_int_equal(ingest_feed(in, STR("f 1 1\n!\n"), &err), -1);
    assert_int_equal(ingest_end(in, &c, &err), 400);
    assert_int_equal(c.taken, 1);
    db->full = true;
    assert_int_equal(text_ingest(db, 1, INGEST_TEXT, STR("a 1 9\n"), 7, &c, &err), 503);
    assert_int_equal(ingest_format_of("application/json"), INGEST_JSON_LINES);
    assert_int_equal(ingest_format_of(NULL), INGEST_TEXT);
    assert_int_equal(ingest_format_of("application/openmetrics-text; version=1.0.0"),
                     INGEST_OPENMETRICS);
    fake_tsdb_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_are_learned_once),
        cmocka_unit_test(bad_samples_cost_only_themselves),
        cmocka_unit_test(statuses),
        cmocka_unit_test(a_forgotten_series_is_asked_for_again),
        cmocka_unit_test(metadata_is_told),
        cmocka_unit_test(texts_of_each_format),
        cmocka_unit_test(an_import_ends_at_its_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
