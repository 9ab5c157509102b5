/* The text format and OpenMetrics' lines: items, labels, times, errors with their place, pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>

#include "base/must.h"
#include "wire/exposition.h"

/* All items of a text in a form that is easy to compare: "S name{…} 1 @5;", "T a counter;", "H a help;" */
static void describe(enum exposition_format f, struct str text, size_t step, struct buf *out)
{
    struct exposition x;
    struct exposition_entry e;
    struct labels_builder b = {0};
    struct arena *a = arena_new();
    struct labels labels;
    struct err err = {0};
    char line[600];
    size_t fed = 0;
    enum exposition_item item = EXPOSITION_END;
    exposition_init(&x, f);
    while (item >= EXPOSITION_END) {
        struct str left = exposition_left(&x);
        fed = fed + step < text.n ? fed + step : text.n;
        if (fed == step || x.p == NULL)
            left = (struct str){text.p, 0};
        exposition_feed(&x, (struct str){left.p, (size_t)(text.p + fed - left.p)}, fed == text.n);
        while ((item = exposition_next(&x, &e, &err)) > EXPOSITION_END) {
            if (item == EXPOSITION_SAMPLE) {
                if (exposition_labels(&e, f, a, &b, &labels, &err) < 0) {
                    item = EXPOSITION_FAILED;
                    break;
                }
                buf_puts(out, "S ");
                labels_format(out, &labels);
                buf_printf(out, " %g", e.v);
                if (e.has_t)
                    buf_printf(out, " @%lld", (long long)e.t_ms);
                if (e.exemplar.n)
                    buf_printf(out, " #%.*s", (int)e.exemplar.n, e.exemplar.p);
            } else {
                struct str help = exposition_unescape(e.text, f, a);
                buf_printf(out, "%c %.*s %.*s",
                           item == EXPOSITION_HELP   ? 'H'
                           : item == EXPOSITION_TYPE ? 'T'
                                                     : 'U',
                           (int)e.name.n, e.name.p, (int)help.n, help.n ? help.p : "");
                if (item == EXPOSITION_TYPE)
                    buf_puts(out, metric_type_name(e.type));
            }
            buf_puts(out, ";\n");
        }
        if (fed == text.n)
            break;
    }
    if (item == EXPOSITION_FAILED)
        buf_printf(out, "E %s", err_text(&err, line, sizeof(line)));
    labels_builder_done(&b);
    arena_free(a);
}

static void expect(enum exposition_format f, const char *text, const char *want)
{
    struct buf out = BUF_INIT(1 << 20);
    buf_puts(&out, "");
    describe(f, str_of(text), strlen(text) + 1, &out);
    assert_string_equal(out.data, want);
    buf_done(&out);
}

#define T(text, want)  expect(EXPOSITION_TEXT, text, want)
#define OM(text, want) expect(EXPOSITION_OPENMETRICS, text, want)

static void text_samples(void **state)
{
    T("up 1\n", "S up 1;\n");
    T("up 1", "S up 1;\n");
    T("", "");
    T("\n\n \n# any comment\n#\n#x\n", "");
    T("  up\t 1  1395066363000 \r\n", "S up 1 @1395066363000;\n");
    T("a{b=\"c\"} -Inf -5", "S a{b=\"c\"} -inf @-5;\n");
    T("a { b = \"c\" , d=\"}{\" , } NaN", "S a{b=\"c\", d=\"}{\"} nan;\n");
    T("a{} 1", "S a 1;\n");
    T("a{b=\"\"} 1", "S a 1;\n"); /* an empty label is an absent one */
    T("a{b=\"x\\\\y\\n\\\"z\\q\"} 1", "S a{b=\"x\\\\y\\n\\\"z\\\\q\"} 1;\n");
    T("{\"my.name\", \"my.label\"=\"v\",c=\"d\"} 1",
      "S {\"my.name\", c=\"d\", \"my.label\"=\"v\"} 1;\n");
    T("{__name__=\"up\",c=\"d\"} 1", "S up{c=\"d\"} 1;\n");
    T("a:b:c 1", "S a:b:c 1;\n");
}

static void text_metadata(void **state)
{
    T("# HELP a some \\n text \\\\ \\\"\n# TYPE a counter\na 1\n",
      "H a some \n text \\ \\\";\nT a counter;\nS a 1;\n");
    T("# TYPE a untyped\n#\tTYPE\tb\thistogram \n# HELP a\n# TYPED x\n",
      "T a unknown;\nT b histogram;\nH a ;\n");
    T("# TYPE \"x y\" gauge\n", "T x y gauge;\n");
    T("# TYPE a wrong\n",
      "E 1:10: cannot read metrics: got \"wrong\"; want counter, gauge, histogram, summary or untyped");
    T("# HELP 5 x\n", "E 1:8: cannot read metrics: got \"5 x\"; want a metric name");
}

static void text_errors_have_places(void **state)
{
    T("ok 1\nb",
      "S ok 1;\nE 2:2: cannot read metrics: got \"\" (the end of the line); want a value, such as 1.5, NaN or +Inf");
    T("a b", "E 1:3: cannot read metrics: got \"b\"; want a value, such as 1.5, NaN or +Inf");
    T("a 1 x", "E 1:5: cannot read metrics: got \"x\"; want a time in whole milliseconds");
    T("a 1 1.5", "E 1:6: cannot read metrics: got \".5\"; want the end of the line after the time");
    T("a 1 2 3", "E 1:7: cannot read metrics: got \"3\"; want the end of the line after the time");
    T("a 0x1", "E 1:4: cannot read metrics: got \"x1\"; want a blank after the value");
    T("a{b=\"c\" 1",
      "E 1:2: cannot read metrics: got \"{b=\"c\" 1\"; want labels that end with a closing brace");
    T("é 1",
      "E 1:1: cannot read metrics: got \"é 1\"; want a metric name, a comment or a blank line");
    T("a{é=\"c\"} 1", "E 1:3: cannot read metrics: got \"é=\"c\"}\"; want a label name");
    T("a{é", "E 1:2: cannot read metrics: got \"{é\"; want labels that end with a closing brace");
    T("a{b=\"é\",} \x01",
      "E 1:11: cannot read metrics: got \"\x01\"; want a value, such as 1.5, NaN or +Inf");
    T("a{b=\"\xff\"} 1", "E 1:5: cannot read metrics: got \"\"\xff\"}\"; want valid UTF-8");
    T("a{b=\"c\",b=\"c\"} 1", "E 1:1: cannot use the label set: label \"b\" stands twice");
    T("a{,} 1", "E 1:3: cannot read metrics: got \",}\"; want a label name");
    T("a{b=\"c\"d=\"e\"} 1",
      "E 1:8: cannot read metrics: got \"d=\"e\"}\"; want a comma or a closing brace after a label");
    T("{b=\"c\"} 1",
      "E 1:8: cannot read metrics: got \"\" (the end of the line); want a metric name, before the braces or first in them");
    T("{\"\"} 1", "E 1:4: cannot read metrics: got \"}\"; want a label name that is not empty");
}

static void openmetrics_lines(void **state)
{
    OM("# TYPE a counter\n# UNIT a s\n# HELP a x\\\"y\na_total{b=\"c\"} 1 1.5 # {d=\"e\"} 2 3.25\n# EOF\n",
       "T a counter;\nU a s;\nH a x\"y;\nS a_total{b=\"c\"} 1 @1500 #{d=\"e\"} 2 3.25;\n");
    OM("a 1 # {} 1\n# EOF", "S a 1 #{} 1;\n");
    OM("a 1\n",
       "S a 1;\nE 2:1: cannot read metrics: got the end of the text; want a last line \"# EOF\"");
    OM("# EOF\n\n",
       "E 2:1: cannot read metrics: got \"\" (the end of the line); want nothing after \"# EOF\"");
    OM("a  1\n", "E 1:3: cannot read metrics: got \" 1\"; want a value, such as 1.5, NaN or +Inf");
    OM("a{b=\"c\",} 1\n", "E 1:9: cannot read metrics: got \"}\"; want a label name");
    OM("a{b= \"c\"} 1\n", "E 1:5: cannot read metrics: got \" \"c\"}\"; want a quoted text");
}

static void exemplars_are_read(void **state)
{
    struct exposition_entry e = {.line = 1, .exemplar = STR("{trace_id=\"a b\"} 0.5 12.25")};
    struct labels_builder b = {0};
    struct arena *a = arena_new();
    struct labels labels;
    double v;
    int64_t t;
    assert_int_equal(exposition_exemplar(&e, a, &b, &labels, &v, &t, NULL), 0);
    assert_int_equal(labels.n, 1);
    assert_true(v == 0.5 && t == 12250);
    e.exemplar = STR("{} 1 z");
    assert_int_equal(exposition_exemplar(&e, a, &b, &labels, &v, &t, NULL), -1);
    labels_builder_done(&b);
    arena_free(a);
}

static void pieces_of_any_size(void **state)
{
    struct str text = STR(
        "# HELP a x\n# TYPE a gauge\na{b=\"c\",d=\"e\"} 1 5\n\na 2\na{b=\"f\"} NaN\n# TYPE c counter\nc 9");
    struct buf whole = BUF_INIT(1 << 16), pieces = BUF_INIT(1 << 16);
    describe(EXPOSITION_TEXT, text, text.n + 1, &whole);
    for (size_t step = 1; step < text.n; step++) {
        buf_clear(&pieces);
        describe(EXPOSITION_TEXT, text, step, &pieces);
        assert_string_equal(pieces.data, whole.data);
    }
    buf_done(&whole);
    buf_done(&pieces);
}

static void negotiation(void **state)
{
    static const struct {
        const char *accept;
        enum exposition_format want;
    } cases[] = {
        {NULL, EXPOSITION_TEXT},
        {"", EXPOSITION_TEXT},
        {"*/*", EXPOSITION_TEXT},
        {"application/json", EXPOSITION_TEXT},
        {"application/openmetrics-text", EXPOSITION_OPENMETRICS},
        {"application/openmetrics-text; version=2.0.0, text/plain", EXPOSITION_TEXT},
        {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
         "version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
         EXPOSITION_OPENMETRICS},
        {"text/plain;version=0.0.4;q=1,application/openmetrics-text;q=0.9", EXPOSITION_TEXT},
        {"text/plain;q=0.1, Application/OpenMetrics-Text; q=\"0.2\"", EXPOSITION_OPENMETRICS},
    };
    for (size_t i = 0; i < array_len(cases); i++)
        assert_int_equal(exposition_negotiate(cases[i].accept), cases[i].want);
    enum exposition_format f;
    assert_true(exposition_format_of("text/plain; version=0.0.4", &f) && f == EXPOSITION_TEXT);
    assert_true(
        exposition_format_of("application/openmetrics-text; version=1.0.0; charset=utf-8", &f));
    assert_int_equal(f, EXPOSITION_OPENMETRICS);
    assert_false(exposition_format_of("text/html", &f));
    assert_true(exposition_format_of(exposition_content_type(EXPOSITION_OPENMETRICS), &f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_samples),
        cmocka_unit_test(text_metadata),
        cmocka_unit_test(text_errors_have_places),
        cmocka_unit_test(openmetrics_lines),
        cmocka_unit_test(exemplars_are_read),
        cmocka_unit_test(pieces_of_any_size),
        cmocka_unit_test(negotiation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
