/* lines.c: every cut of the same bytes into reads gives the same lines, and none is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "output/output_priv.h"

#define PREFIX "2026-11-21T12:00:00.123456789Z stdout F "

struct sink {
    struct lines lines;
    struct chunk chunk;
    struct buf all;
    uint64_t count;
};

static void sink_init(struct sink *s, bool raw)
{
    *s = (struct sink){.lines.raw = raw, .all = BUF_INIT((size_t)256 << 20)};
    s->chunk.data = malloc(CHUNK_SIZE);
    buf_puts(&s->all, "");
}

static void sink_empty(struct sink *s)
{
    buf_add(&s->all, s->chunk.data, s->chunk.n);
    s->count += s->chunk.lines;
    s->chunk.n = s->chunk.lines = 0;
}

static void sink_done(struct sink *s)
{
    output__lines_done(&s->lines);
    free(s->chunk.data);
    buf_done(&s->all);
}

static void feed(struct sink *s, const char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t took = output__lines_take(&s->lines, PREFIX, p + at, n - at, &s->chunk);
        assert_true(took > 0 || s->chunk.n > 0);
        at += took;
        sink_empty(s);
    }
}

static void flush(struct sink *s, bool whole)
{
    output__lines_flush(&s->lines, PREFIX, whole, &s->chunk);
    sink_empty(s);
}

/* What the program wrote, from the lines of the file. */
static void undo(const struct buf *file, struct buf *out)
{
    buf_puts(out, "");
    for (const char *p = file->data, *end; p < file->data + file->len; p = end + 1) {
        end = memchr(p, '\n', (size_t)(file->data + file->len - p));
        assert_non_null(end);
        assert_true(end - p >= 40 && (size_t)(end - p) <= 40 + OUTPUT_LINE_MAX);
        buf_add(out, p + 40, (size_t)(end - p) - 40);
        if (p[38] == 'F')
            buf_putc(out, '\n');
        else
            assert_int_equal(p[38], 'P');
    }
}

static void prefix_is_40_bytes(void **state)
{
    char prefix[PREFIX_SIZE + 1];
    (void)state;
    output__prefix(prefix, INT64_C(1795262400123456789), 1);
    assert_string_equal(prefix, PREFIX);
    output__prefix(prefix, 0, 2);
    assert_string_equal(prefix, "1970-01-01T00:00:00.000000000Z stderr F ");
}

static void lines_are_prefixed(void **state)
{
    static const struct {
        const char *reads[4];
        const char *want; /* $ stands for the prefix up to the flag */
    } cases[] = {
        {{"one\n"}, "$F one\n"},           {{"one\ntwo\n"}, "$F one\n$F two\n"},
        {{"\n\n"}, "$F \n$F \n"},          {{"on", "e\ntw", "o\n"}, "$F one\n$F two\n"},
        {{"one", "\n"}, "$F one\n"},       {{"no end"}, "$F no end\n"},
        {{"\xff\xfe\n"}, "$F \xff\xfe\n"}, {{""}, ""},
    };
    (void)state;
    for (size_t i = 0; i < array_len(cases); i++) {
        struct sink s;
        struct buf want = BUF_INIT(1000);
        sink_init(&s, false);
        for (size_t k = 0; k < 4 && cases[i].reads[k]; k++)
            feed(&s, cases[i].reads[k], strlen(cases[i].reads[k]));
        flush(&s, true);
        for (const char *p = cases[i].want; *p; p++)
            if (*p == '$')
                buf_add(&want, PREFIX, 38);
            else
                buf_putc(&want, *p);
        assert_string_equal(s.all.data, want.data ? want.data : "");
        buf_done(&want);
        sink_done(&s);
    }
}

/* Lengths around the greatest, cut anywhere. */
static void long_lines_are_parts(void **state)
{
    static const struct {
        size_t n;
        const char *flags;
    } cases[] = {
        {OUTPUT_LINE_MAX - 1, "F"},  {OUTPUT_LINE_MAX, "F"},           {OUTPUT_LINE_MAX + 1, "PF"},
        {2 * OUTPUT_LINE_MAX, "PF"}, {2 * OUTPUT_LINE_MAX + 1, "PPF"}, {3 * OUTPUT_LINE_MAX, "PPF"},
    };
    (void)state;
    for (size_t i = 0; i < array_len(cases); i++)
        for (size_t cut = 1; cut < 5 * OUTPUT_LINE_MAX; cut = cut * 3 + 1) {
            struct sink s;
            struct buf back = BUF_INIT(1 << 20);
            char *text = malloc(cases[i].n + 1), flags[8] = "";
            memset(text, 'x', cases[i].n);
            text[cases[i].n] = '\n';
            sink_init(&s, false);
            for (size_t at = 0; at <= cases[i].n; at += cut) {
                size_t left = cases[i].n + 1 - at;
                feed(&s, text + at, left < cut ? left : cut);
            }
            size_t n = 0;
            for (const char *p = s.all.data; *p; p = strchr(p, '\n') + 1)
                flags[n++] = p[38];
            assert_string_equal(flags, cases[i].flags);
            assert_int_equal(s.count, n);
            undo(&s.all, &back);
            assert_int_equal(back.len, cases[i].n + 1);
            assert_memory_equal(back.data, text, back.len);
            assert_null(s.lines.held);
            buf_done(&back);
            sink_done(&s);
            free(text);
        }
}

static void fill(struct rng *rng, char *p, size_t n)
{
    uint64_t mean = 1 + rng_below(rng, 300);
    for (size_t i = 0; i < n; i++)
        p[i] = rng_below(rng, mean) == 0 ? '\n' : (char)rng_below(rng, 256);
}

static void no_byte_is_lost(void **state)
{
    struct rng rng;
    size_t n = 300000;
    char *text = malloc(n);
    (void)state;
    rng_seed(&rng, 7);
    for (int round = 0; round < 60; round++) {
        bool raw = round % 2;
        struct sink s;
        struct buf back = BUF_INIT(1 << 20);
        sink_init(&s, raw);
        fill(&rng, text, n);
        for (size_t at = 0, step; at < n; at += step) {
            step = 1 + rng_below(&rng, round % 3 ? 300 : 140000);
            step = step < n - at ? step : n - at;
            feed(&s, text + at, step);
            if (rng_below(&rng, 10) == 0)
                flush(&s, false);
        }
        flush(&s, false);
        if (raw) {
            assert_int_equal(s.all.len, n);
            assert_memory_equal(s.all.data, text, n);
        } else {
            undo(&s.all, &back);
            assert_int_equal(back.len, n);
            assert_memory_equal(back.data, text, n);
            assert_int_equal(output__lines_payload(false, s.all.data, s.all.len), n);
        }
        buf_done(&back);
        sink_done(&s);
    }
    free(text);
}

static void an_ended_line_that_was_shown_is_closed(void **state)
{
    struct sink s;
    (void)state;
    sink_init(&s, false);
    feed(&s, "half", 4);
    flush(&s, false);
    flush(&s, false); /* nothing more came */
    flush(&s, true);
    flush(&s, true);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.all.data[38], 'P');
    assert_int_equal(s.all.data[45 + 38], 'F');
    sink_done(&s);
}

static void raw_lines_are_not_mixed(void **state)
{
    struct sink s;
    (void)state;
    sink_init(&s, true);
    feed(&s, "a\nb", 3);
    assert_string_equal(s.all.data, "a\n");
    feed(&s, "c", 1);
    assert_string_equal(s.all.data, "a\n");
    feed(&s, "\nd", 2);
    assert_string_equal(s.all.data, "a\nbc\n");
    flush(&s, true);
    assert_string_equal(s.all.data, "a\nbc\nd\n");
    assert_int_equal(s.count, 3);
    sink_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefix_is_40_bytes),
        cmocka_unit_test(lines_are_prefixed),
        cmocka_unit_test(long_lines_are_parts),
        cmocka_unit_test(no_byte_is_lost),
        cmocka_unit_test(an_ended_line_that_was_shown_is_closed),
        cmocka_unit_test(raw_lines_are_not_mixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
