/* Names: units, rotated files, cursors, and the line of a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "output/output_priv.h"

#define NOON INT64_C(1795262400)

static void unit_ids(void **state)
{
    static const struct {
        const char *id;
        bool valid;
    } cases[] = {
        {"web", true},
        {"worker-1", true},
        {"A.b_c-9", true},
        {"", false},
        {".", false},
        {"..", false},
        {"...", true},
        {"a/b", false},
        {"a b", false},
        {"a%i", false},
        {"a\n", false},
        {"日", false},
        {"0123456789012345678901234567890123456789012345678901234567890123", true},
        {"01234567890123456789012345678901234567890123456789012345678901234", false},
    };
    (void)state;
    for (size_t i = 0; i < array_len(cases); i++)
        assert_int_equal(output_unit_valid(cases[i].id), cases[i].valid);
    assert_false(output_unit_valid(NULL));
}

static void rotated_names(void **state)
{
    static const struct {
        const char *name;
        bool valid;
    } cases[] = {
        {"output.log.20261121-120000.000", true},
        {"output.log.20261121-120000.000.zst", true},
        {"output.log.20261121-120000.1000", true},
        {"output.log", false},
        {"output.log.20261121-120000", false},
        {"output.log.20261121-120000.00", false},
        {"output.log.20261121-12000.000", false},
        {"output.log.20261121-120000.000.gz", false},
        {"output.log.20261121-120000.000.zst.tmp", false},
        {"output.log.2026112a-120000.000", false},
        {"output.log.20261121-120000.9999999999", false},
        {"", false},
    };
    char back[ROTATED_NAME_SIZE];
    (void)state;
    for (size_t i = 0; i < array_len(cases); i++) {
        struct rotated r;
        assert_int_equal(output__rotated_parse(cases[i].name, &r), cases[i].valid);
        if (!cases[i].valid)
            continue;
        assert_true(r.plain != r.packed);
        output__rotated_name(back, &r, r.packed);
        assert_string_equal(back, cases[i].name);
    }
}

static void next_names_never_go_back(void **state)
{
    char name[ROTATED_NAME_SIZE];
    struct rotated r = {0};
    (void)state;
    output__rotated_next(&r, &(struct rotated){0}, NOON * NS_PER_S);
    output__rotated_name(name, &r, false);
    assert_string_equal(name, "output.log.20261121-120000.000");
    struct rotated again, earlier, later;
    output__rotated_next(&again, &r, NOON * NS_PER_S + 999);
    output__rotated_name(name, &again, false);
    assert_string_equal(name, "output.log.20261121-120000.001");
    output__rotated_next(&earlier, &again, (NOON - 3600) * NS_PER_S);
    output__rotated_name(name, &earlier, true);
    assert_string_equal(name, "output.log.20261121-120000.002.zst");
    output__rotated_next(&later, &earlier, (NOON + 1) * NS_PER_S);
    output__rotated_name(name, &later, false);
    assert_string_equal(name, "output.log.20261121-120001.000");
    assert_int_equal(output__rotated_age_days(&r, (NOON + 86400) * NS_PER_S), 1);
    assert_int_equal(output__rotated_age_days(&r, (NOON + 86399) * NS_PER_S), 0);
}

static void days_begin_at_local_midnight(void **state)
{
    static const struct {
        const char *zone;
        int64_t at, begin, end;
    } cases[] = {
        {"UTC0", NOON, NOON - 43200, NOON + 43200},
        {"CST-8", NOON, NOON - 72000, NOON + 14400},
        /* 2026-10-25: 25 hours; 2026-03-29: 23 */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1792929600, 1792879200, 1792969200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1774785600, 1774738800, 1774821600},
    };
    (void)state;
    for (size_t i = 0; i < array_len(cases); i++) {
        setenv("TZ", cases[i].zone, 1);
        tzset();
        struct day d = output__day(cases[i].at * NS_PER_S);
        assert_int_equal(d.begin_ns / NS_PER_S, cases[i].begin);
        assert_int_equal(d.end_ns / NS_PER_S, cases[i].end);
    }
}

static void lines_are_parsed(void **state)
{
    static const struct {
        const char *line;
        int64_t at_ns; /* 0: not in the format */
        int stream;
        bool whole;
        const char *text;
    } cases[] = {
        {"2026-11-21T12:00:00.123456789Z stdout F hello", NOON * NS_PER_S + 123456789, 1, true,
         "hello"},
        {"2026-11-21T12:00:00.000000000Z stderr P ", NOON * NS_PER_S, 2, false, ""},
        {"2024-02-29T00:00:00.000000001Z stdout F x", INT64_C(1709164800) * NS_PER_S + 1, 1, true,
         "x"},
        {"2026-11-21T12:00:00.123456789Z stdout F", 0, 1, true, NULL},
        {"2026-11-21T12:00:00.123456789Z stdxxx F hello", 0, 1, true, NULL},
        {"2026-11-21T12:00:00.123456789Z stdout X hello", 0, 1, true, NULL},
        {"2026-13-21T12:00:00.123456789Z stdout F hello", 0, 1, true, NULL},
        {"2026-11-21T24:00:00.123456789Z stdout F hello", 0, 1, true, NULL},
        {"2026-11-21T12:00:00.12345678aZ stdout F hello", 0, 1, true, NULL},
        {"2026-11-21 12:00:00.123456789Z stdout F hello", 0, 1, true, NULL},
        {"9999-11-21T12:00:00.123456789Z stdout F hello", 0, 1, true, NULL},
        {"just text", 0, 1, true, NULL},
        {"", 0, 1, true, NULL},
    };
    (void)state;
    for (size_t i = 0; i < array_len(cases); i++) {
        struct output_line l;
        const char *line = cases[i].line, *want = cases[i].text ? cases[i].text : line;
        assert_int_equal(output__line_parse(line, strlen(line), &l), cases[i].at_ns != 0);
        assert_int_equal(l.at_ns, cases[i].at_ns);
        assert_int_equal(l.stream, cases[i].stream);
        assert_int_equal(l.whole, cases[i].whole);
        assert_int_equal(l.n, strlen(want));
        assert_memory_equal(l.text, want, l.n);
    }
}

static void cursors_are_parsed(void **state)
{
    static const char *const bad[] = {
        "",
        "o1",
        "o1-0123456789abcdef-",
        "o2-0123456789abcdef-1",
        "o1-0123456789abcdeg-1",
        "o1-0123456789ABCDEF-1",
        "o1-0123456789abcdef-1x",
        "o1-0123456789abcdef--1",
        "o1-0123456789abcdef-99999999999999999999",
        "o1-0123456789abcdef-9223372036854775808",
    };
    struct cursor c = {UINT64_C(0xfedcba9876543210), 12345}, got;
    char text[CURSOR_SIZE];
    (void)state;
    output__cursor_format(text, &c);
    assert_string_equal(text, "o1-fedcba9876543210-12345");
    assert_true(output__cursor_parse(str_of(text), &got));
    assert_int_equal(got.file, c.file);
    assert_int_equal(got.offset, c.offset);
    for (size_t i = 0; i < array_len(bad); i++)
        assert_false(output__cursor_parse(str_of(bad[i]), &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit_ids),
        cmocka_unit_test(rotated_names),
        cmocka_unit_test(next_names_never_go_back),
        cmocka_unit_test(days_begin_at_local_midnight),
        cmocka_unit_test(lines_are_parsed),
        cmocka_unit_test(cursors_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
