/* The template language: what it writes, what it refuses and where, and its limits. */
#include "notify/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"

static struct tvalue items[3];

static bool item_field(const void *self, struct str name, struct tvalue *out)
{
    if (!str_eqz(name, "Name"))
        return false;
    *out = tv_text(self);
    return true;
}

static bool root_field(const void *self, struct str name, struct tvalue *out)
{
    if (str_eqz(name, "Name"))
        *out = tv_text("shop <b>");
    else if (str_eqz(name, "Empty"))
        *out = tv_text("");
    else if (str_eqz(name, "N"))
        *out = tv_int(42);
    else if (str_eqz(name, "At"))
        *out = (struct tvalue){.kind = TV_TIME, .num = 1700000000000};
    else if (str_eqz(name, "For"))
        *out = (struct tvalue){.kind = TV_DURATION, .num = 200000};
    else if (str_eqz(name, "Items"))
        *out = (struct tvalue){.kind = TV_LIST, .list = {items, 3}};
    else if (str_eqz(name, "None"))
        *out = (struct tvalue){.kind = TV_LIST};
    else if (str_eqz(name, "Self"))
        *out = (struct tvalue){.kind = TV_OBJECT, .object = {root_field, self}};
    else
        return false;
    return true;
}

static int run(const char *source, const struct dialect *dialect, enum language lang,
               struct buf *out, struct err *err)
{
    struct arena *a = arena_new();
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++)
        items[i] = (struct tvalue){.kind = TV_OBJECT, .object = {item_field, names[i]}};
    struct template_words words = {.dialect = dialect, .lang = lang, .zone = "UTC"};
    struct template_env env = {.style = &message_style,
                               .self = &words,
                               .arena = a,
                               .root = {.kind = TV_OBJECT, .object = {root_field, NULL}}};
    struct template *t = template_parse(a, source, &message_style, err);
    int rc = t != NULL ? template_run(t, &env, out, err) : -1;
    arena_free(a);
    return rc;
}

static void test_writes(void **state)
{
    static const struct {
        const char *source, *want;
    } cases[] = {
        {"", ""},
        {"plain { } }} text", "plain { } }} text"},
        {"{{ .Name }}!", "shop <b>!"},
        {"{{.N}}", "42"},
        {"{{ .Self.Self.N }}", "42"},
        {"{{ $.N }}{{ $.Self.N }}", "4242"},
        {"{{ \"q\\\"\\n\" }}{{ `r\\n` }}", "q\" r\\n"},
        {"a {{- .N -}} b", "a42b"},
        {"a\n{{- /* note */ -}}\nb", "ab"},
        {"{{/* c */}}x", "x"},
        {"{{ if .Name }}y{{ else }}n{{ end }}", "y"},
        {"{{ if .Empty }}y{{ else }}n{{ end }}", "n"},
        {"{{ if .Empty }}1{{ else if .N }}2{{ else }}3{{ end }}", "2"},
        {"{{ if .Empty }}1{{ else if .Empty }}2{{ else }}3{{ end }}", "3"},
        {"{{ range .Items }}[{{ .Name }}{{ $.N }}]{{ end }}", "[a42][b42][c42]"},
        {"{{ range .None }}x{{ else }}none{{ end }}", "none"},
        {"{{ range .Items | first 2 }}{{ .Name }}{{ end }}", "ab"},
        {"{{ len .Items }} {{ len \"中文\" }}", "3 2"},
        {"{{ .Empty | default \"?\" }}", "?"},
        {"{{ .Name | truncate 3 }}", "sho…"},
        {"{{ \"中文字\" | truncate 2 }}", "中文…"},
        {"{{ .Name | truncate 300 | upper }}", "SHOP <B>"},
        {"{{ .At | time }}", "2023-11-14 22:13:20"},
        {"{{ .At | time \"Asia/Shanghai\" }}", "2023-11-15 06:13:20"},
        {"{{ .At | time \"Europe/Berlin\" }}", "2023-11-14 23:13:20"},
        {"{{ .At | time \"-03:30\" }}", "2023-11-14 18:43:20"},
        {"{{ .At }}", "2023-11-14 22:13:20"},
        {"{{ .For }} {{ 3600000 | duration }} {{ 0 | duration }} {{ 90061000 | duration }}",
         "3m20s 1h 0s 1d1h"},
        {"{{ 500 | duration }} {{ 3605000 | duration }}", "500ms 1h"},
        {"{{ t \"故障\" \"DOWN\" }}", "DOWN"},
        {"{{ t \"另有 %d 条\" \"%d more\" .N }}", "42 more"},
        {"{{ if eq .N 42 }}eq{{ end }}{{ if ne .N 42 }}ne{{ end }}", "eq"},
        {"{{ if gt .N 5 }}gt{{ end }}{{ if lt .N 5 }}lt{{ end }}{{ if ge .N 42 }}ge{{ end }}",
         "gtge"},
        {"{{ if eq .Name \"shop <b>\" }}y{{ end }}", "y"},
        {"{{ if and .N (not .Empty) }}y{{ end }}{{ if or .Empty .None }}n{{ end }}", "y"},
        {"{{ (.Name | upper) | lower }}", "shop <b>"},
        {"{{ .Name | json }} {{ .Name | urlquery }}", "\"shop <b>\" shop%20%3Cb%3E"},
        {"{{ -5 }} {{ true }} {{ false }}", "-5 true false"},
        {"{{ link \"http://x\" \"go\" }}", "go: http://x"},
        {"{{ \"  x \" | trim }}", "x"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf out = BUF_INIT(4096);
        struct err err = {0};
        if (run(cases[i].source, &dialect_text, LANG_EN, &out, &err) != 0)
            print_error("%s: %s\n", cases[i].source, err.msg);
        assert_string_equal(out.data != NULL ? out.data : "", cases[i].want);
        buf_done(&out);
    }
}

static void test_dialects(void **state)
{
    static const char source[] =
        "{{ .Name | bold }} {{ link \"http://x/(1)\" .Name }} {{ .Name | color \"green\" }} "
        "{{ \"<raw>\" | raw }} a<b\n{{ \"<@all> ](x\" }}";
    static const struct {
        const struct dialect *dialect;
        const char *want;
    } cases[] = {
        {&dialect_text, "shop <b> shop <b>: http://x/(1) shop <b> <raw> a<b\n<@all> ](x"},
        {&dialect_wecom,
         "**shop < b>** [shop < b>](http://x/%281%29) <font color=\"info\">shop < b></font> <raw> "
         "a<b\n< @all> ] (x"},
        {&dialect_dingtalk,
         "**shop < b>** [shop < b>](http://x/%281%29) <font color=\"#2EB67D\">shop < b></font> "
         "<raw> a<b  \n< @all> ] (x"},
        {&dialect_lark,
         "**shop &#60;b&#62;** [shop &#60;b&#62;](http://x/%281%29) <font color='green'>shop "
         "&#60;b&#62;</font> <raw> a<b\n&#60;@all&#62; &#93;(x"},
        {&dialect_slack,
         "*shop &lt;b&gt;* <http://x/(1)|shop &lt;b&gt;> shop &lt;b&gt; <raw> a<b\n&lt;@all&gt; ](x"},
        {&dialect_html,
         "<b>shop &lt;b&gt;</b> <a href=\"http://x/(1)\">shop &lt;b&gt;</a> <span "
         "style=\"color:#2EB67D\">shop &lt;b&gt;</span> <raw> a&lt;b<br>\n&lt;@all&gt; ](x"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf out = BUF_INIT(4096);
        assert_int_equal(run(source, cases[i].dialect, LANG_EN, &out, NULL), 0);
        assert_string_equal(out.data, cases[i].want);
        buf_done(&out);
    }
}

static void test_languages(void **state)
{
    static const struct {
        enum language lang;
        const char *want;
    } cases[] = {
        {LANG_ZH, "故障 3分20秒"}, {LANG_EN, "DOWN 3m20s"}, {LANG_BOTH, "故障 / DOWN 3m20s"}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf out = BUF_INIT(4096);
        assert_int_equal(
            run("{{ t \"故障\" \"DOWN\" }} {{ .For }}", &dialect_text, cases[i].lang, &out, NULL),
            0);
        assert_string_equal(out.data, cases[i].want);
        buf_done(&out);
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *source;
        int line, column;
        const char *says;
    } cases[] = {
        {"{{ .Nam }}", 1, 4, "no field .Nam"},
        {"中文 {{ .Nam }}", 1, 7, "no field"},
        {"a\nb {{ .Name", 2, 3, "no }}"},
        {"{{ }}", 1, 4, "expected a value"},
        {"{{ upcase .Name }}", 1, 4, "unknown function upcase"},
        {"{{ uper .Name }}", 1, 4, "did you mean upper"},
        {"{{ .Name | }}", 1, 12, "expected a value"},
        {"{{ .Name | .N }}", 1, 12, "only a function"},
        {"{{ \"x }}", 1, 4, "no closing quote"},
        {"{{ if .N }}x", 1, 1, "no {{ end }}"},
        {"x{{ end }}", 1, 2, "to end here"},
        {"{{ else }}", 1, 1, "to end here"},
        {"{{ if .N }}{{ else }}{{ else }}{{ end }}", 1, 1, "second else"},
        {"{{ range .N }}{{ end }}", 1, 1, "wants a list"},
        {"{{ range .Items }}{{ else if .N }}{{ end }}", 1, 1, "no else if"},
        {"{{ .Items }}", 1, 1, "cannot be written"},
        {"{{ truncate .Name }}", 1, 4, "takes 2 to 2"},
        {"{{ truncate \"x\" .Name }}", 1, 4, "wants a number"},
        {"{{ .Name | time }}", 1, 12, "wants a time"},
        {"{{ .At | time \"Mars/Base\" }}", 1, 10, "unknown time zone"},
        {"{{ (.Name }}", 1, 4, "not closed"},
        {"{{ .A..B }}", 1, 6, "field name is missing"},
        {"{{ .Name .N }}", 1, 10, "expected | or }}"},
        {"{{/* x }}", 1, 1, "no */"},
        {"{{ 12x }}", 1, 4, "not a number"},
        {"{{ or .N .N .N .N .N .N .N .N .N .N .N .N .N .N .N .N .N }}", 1, 4, "too many arguments"},
        {"{{ .Name.First }}", 1, 4, "no field .First"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf out = BUF_INIT(4096);
        struct err err = {0};
        int rc = run(cases[i].source, &dialect_text, LANG_EN, &out, &err);
        if (rc == 0 || strstr(err.msg, cases[i].says) == NULL || err.at_line != cases[i].line ||
            err.at_column != cases[i].column)
            print_error("%s: got %d:%d %s\n", cases[i].source, err.at_line, err.at_column, err.msg);
        assert_int_equal(rc, -1);
        assert_non_null(strstr(err.msg, cases[i].says));
        assert_int_equal(err.at_line, cases[i].line);
        assert_int_equal(err.at_column, cases[i].column);
        buf_done(&out);
    }
}

static void expect_error(const char *source, size_t max, const char *says)
{
    struct buf out = BUF_INIT(max);
    struct err err = {0};
    assert_int_equal(run(source, &dialect_text, LANG_EN, &out, &err), -1);
    assert_non_null(strstr(err.msg, says));
    buf_done(&out);
}

static void test_limits(void **state)
{
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < 40; i++)
        buf_puts(&b, "{{ if .N }}");
    expect_error(b.data, 4096, "nested too deeply");
    buf_clear(&b);
    buf_puts(&b, "{{ ");
    for (int i = 0; i < 40; i++)
        buf_puts(&b, "(");
    expect_error(b.data, 4096, "nested too deeply");
    buf_clear(&b);
    for (int i = 0; i < 12; i++)
        buf_puts(&b, "{{ range $.Items }}");
    buf_puts(&b, "{{ $.N }}");
    for (int i = 0; i < 12; i++)
        buf_puts(&b, "{{ end }}");
    expect_error(b.data, 1 << 20, "runs too long");
    buf_clear(&b);
    for (int i = 0; i < 7000; i++)
        buf_puts(&b, "1234567890");
    expect_error(b.data, 4096, "at most 65536");
    expect_error("{{ range .Items }}12345678901234567890{{ end }}", 30, "writes over 30 bytes");
    buf_clear(&b);
    buf_puts(&b, "{{ .N ");
    for (int i = 0; i < 40; i++)
        buf_puts(&b, "| upper ");
    buf_puts(&b, "}}");
    expect_error(b.data, 4096, "too many functions");
    buf_done(&b);
}

static void test_values_are_cleaned(void **state)
{
    struct buf out = BUF_INIT(256);
    dialect_text.escape(&out, "a\x01\x1b[31m\xff\xe2\x80\xae z\xc2\x85\t.", 17);
    assert_string_equal(out.data, "a  [31m\xef\xbf\xbd  z  .");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes),    cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_languages), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_values_are_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
