/* The template language by itself, in a style like that of alert rules: what it writes (as Go's text/template does), what it refuses
 * and where, and its limits. */
#include "base/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"

static void plain(const struct template_env *env, struct buf *out, struct str s)
{
    buf_add(out, s.p, s.n);
}

static int moment(const struct template_env *env, const struct tvalue *v, struct str *out,
                  struct err *err)
{
    *out = str_of(arena_printf(env->arena, "at %lld", (long long)v->num));
    return 0;
}

static int method(const struct template_env *env, const struct tvalue *v, struct str name,
                  const struct tvalue *args, int n, struct tvalue *out, struct err *err)
{
    if (v->kind != TV_TIME || !str_eqz(name, "Add"))
        return err_set(err, ERR_NOT_FOUND, "no such method");
    if (n != 1 || args[0].kind != TV_INT)
        return err_set(err, ERR_MALFORMED, "Add wants a number");
    *out = (struct tvalue){.kind = TV_TIME, .num = v->num + args[0].num};
    return 0;
}

static int call_add(const struct template_env *env, const struct tvalue *args, int n,
                    struct tvalue *out, struct err *err)
{
    *out = tv_int(args[0].num + args[1].num);
    return 0;
}

static int call_fails(const struct template_env *env, const struct tvalue *args, int n,
                      struct tvalue *out, struct err *err)
{
    return err_set(err, ERR_INVALID, "always");
}

static int call_now(const struct template_env *env, const struct tvalue *args, int n,
                    struct tvalue *out, struct err *err)
{
    *out = (struct tvalue){.kind = TV_TIME, .num = 1000};
    return 0;
}

static const struct template_function functions[] = {
    {"add", 2, 2, call_add}, {"fails", 0, 0, call_fails}, {"now", 0, 0, call_now}, {0}};
static const char *const vars[] = {"labels", "value", NULL};
static const struct template_style style = {
    .functions = functions,
    .escape = plain,
    .literal = plain,
    .vars = vars,
    .nothing = "<no value>",
    .method = method,
    .moment = moment,
};

static const struct tpair pairs[] = {
    {{"instance", 8}, {.kind = TV_TEXT, .text = {"a:1", 3}}},
    {{"job", 3}, {.kind = TV_TEXT, .text = {"node", 4}}},
};
static const struct tvalue items[] = {{.kind = TV_INT, .num = 7},
                                      {.kind = TV_TEXT, .text = {"x", 1}},
                                      {.kind = TV_FLOAT, .f64 = 2.5}};

static bool root_field(const void *self, struct str name, struct tvalue *out)
{
    if (str_eqz(name, "List"))
        *out = (struct tvalue){.kind = TV_LIST, .list = {items, 3}};
    else if (str_eqz(name, "None"))
        *out = (struct tvalue){.kind = TV_LIST};
    else if (str_eqz(name, "Nil"))
        *out = (struct tvalue){.kind = TV_NULL};
    else if (str_eqz(name, "Self"))
        *out = (struct tvalue){.kind = TV_OBJECT, .object = {root_field, self}};
    else if (str_eqz(name, "Time"))
        *out = (struct tvalue){.kind = TV_TIME, .num = 50};
    else
        return false;
    return true;
}

static int run(const char *source, struct buf *out, struct err *err)
{
    struct arena *a = arena_new();
    struct tvalue values[] = {{.kind = TV_MAP, .texts = true, .map = {pairs, 2}},
                              tv_float(1234567)};
    struct template_env env = {.style = &style,
                               .vars = values,
                               .arena = a,
                               .root = {.kind = TV_OBJECT, .object = {root_field, NULL}}};
    struct template *t = template_parse(a, source, &style, err);
    int rc = t != NULL ? template_run(t, &env, out, err) : -1;
    arena_free(a);
    return rc;
}

struct write_case {
    const char *source, *want;
};

static void check_all(const struct write_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf out = BUF_INIT(4096);
        struct err err = {0};
        if (run(cases[i].source, &out, &err) != 0)
            print_error("%s: %s\n", cases[i].source, err.msg);
        assert_string_equal(out.data != NULL ? out.data : "", cases[i].want);
        buf_done(&out);
    }
}

static void test_language(void **state)
{
    static const struct write_case cases[] = {
        {"{{ $labels.job }}-{{ $labels.absent }}.", "node-."},
        {"{{ $value }} {{ 1.5 }} {{ 0.00001 }} {{ 100000.0 }} {{ 1e6 }}",
         "1.234567e+06 1.5 1e-05 100000 1e+06"},
        {"{{ $labels }} {{ .List }} {{ .Nil }}", "map[instance:a:1 job:node] [7 x 2.5] <no value>"},
        {"{{ $x := 1 }}{{ $x }}{{ $x = 2 }}{{ $x }}", "12"},
        {"{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"},
        {"{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"},
        {"{{ if $y := 3 }}{{ $y }}{{ end }}", "3"},
        {"{{ with $y := \"\" }}a{{ else }}[{{ $y }}]{{ end }}", "[]"},
        {"{{ range $i, $e := .List }}{{ $i }}={{ $e }} {{ end }}", "0=7 1=x 2=2.5 "},
        {"{{ range $e := .List }}{{ $e }}{{ end }}", "7x2.5"},
        {"{{ range $k, $v := $labels }}{{ $k }}:{{ $v }};{{ end }}", "instance:a:1;job:node;"},
        {"{{ range $labels }}{{ . }} {{ end }}", "a:1 node "},
        {"{{ range .Nil }}x{{ else }}none{{ end }}", "none"},
        {"{{ range $i, $e := .List }}{{ if $i }}{{ break }}{{ end }}{{ $e }}{{ end }}.", "7."},
        {"{{ range $i, $e := .List }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $e }} {{ end }}",
         "7 2.5 "},
        {"{{ range .List }}{{ range $.List }}{{ break }}{{ end }}{{ . }}{{ end }}", "7x2.5"},
        {"{{ with .Self }}{{ len .List }}{{ end }}{{ with .None }}x{{ else }}y{{ end }}", "3y"},
        {"{{ with .None }}x{{ else with 5 }}{{ . }}{{ end }}", "5"},
        {"{{ define \"a\" }}<{{ . }}{{ $ }}>{{ end }}{{ template \"a\" 5 }}{{ template \"a\" }}",
         "<55><<no value><no value>>"},
        {"{{ block \"b\" $labels }}{{ .job }}{{ end }}", "node"},
        {"{{ (.Self).Self.List | len }} {{ (index .List 1) }}", "3 x"},
        {"{{ .Time }} {{ .Time.Add 5 }} {{ (now).Add 1 }} {{ 7 | .Time.Add }}",
         "at 50 at 55 at 1001 at 57"},
        {"{{ add (add 1 2) 3 }} {{ 1 | add 4 }}", "6 5"},
        {"{{ 'a' }} {{ '\\n' }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} {{ +3 }} {{ '世' }}",
         "97 10 31 5 15 1000 3 19990"},
        {"{{ \"\\u4e16\\x41\\101\\U0001F600\\t\" }}", "世AA😀\t"},
        {"{{ true }} {{ false }} {{ nil | print }}", "true false <no value>"},
        {"{{ or 0 (and 1 \"\" fails) \"z\" }} {{ or 5 fails }}", "z 5"},
    };
    check_all(cases, array_len(cases));
}

static void test_functions(void **state)
{
    static const struct write_case cases[] = {
        {"{{ eq 1 1 }} {{ eq 1 2 3 1 }} {{ ne \"a\" \"b\" }} {{ eq 1.0 1.0 }} {{ eq true false }}",
         "true true true true false"},
        {"{{ lt 1 2 }} {{ le 2 2 }} {{ gt $value 2.0 }} {{ ge \"a\" \"b\" }}",
         "true true true false"},
        {"{{ eq nil .Nil }} {{ eq .Nil 1 }} {{ not .None }}", "true false true"},
        {"{{ len \"世\" }} {{ len $labels }} {{ len .List }}", "3 2 3"},
        {"{{ index $labels \"job\" }}{{ index $labels \"no\" }}{{ index .List 0 }}", "node7"},
        {"{{ slice \"abcdef\" 2 }} {{ slice \"abcdef\" 1 3 }} {{ slice .List 1 2 }}",
         "cdef bc [x]"},
        {"{{ print 1 2 \"a\" \"b\" 3 }}|{{ println 1 \"a\" }}", "1 2ab3|1 a\n"},
        {"{{ html \"<a href='x'>&\\\"\" }} {{ js \"it's <b>\" }} {{ urlquery \"a b&c/世\" }}",
         "&lt;a href=&#39;x&#39;&gt;&amp;&#34; it\\'s \\u003Cb\\u003E a+b%26c%2F%E4%B8%96"},
    };
    check_all(cases, array_len(cases));
}

static void test_printf(void **state)
{
    static const struct write_case cases[] = {
        {"{{ printf \"%v|%g|%.2f|%e|%f\" $value $value $value $value 1.5 }}",
         "1.234567e+06|1.234567e+06|1234567.00|1.234567e+06|1.500000"},
        {"{{ printf \"%d|%5d|%-5d|%05d|%+d|%x|%X|%#x|%o|%b|%c|%U\" 42 42 42 42 42 255 255 255 8 5 "
         "19990 19990 }}",
         "42|   42|42   |00042|+42|ff|FF|0xff|10|101|世|U+4E16"},
        {"{{ printf \"%s|%6s|%-6s|%.2s|%q|%x|%6.2f|%06.1f\" \"世a\" \"世a\" \"世a\" \"世abc\" "
         "\"a\\\"\\n\" \"hi\" 3.14159 2.5 }}",
         "世a|    世a|世a    |世a|\"a\\\"\\n\"|6869|  3.14|0002.5"},
        {"{{ printf \"%t %v %T %T %T %%\" true true 1 1.5 \"x\" }}",
         "true true int float64 string %"},
        {"{{ printf \"%d %s %z\" $value 5 1 }}", "%!d(float64=1.234567e+06) %!s(int=5) %!z(int=1)"},
        {"{{ printf \"%d\" }} {{ printf \"x\" 1 \"a\" }} {{ printf \"%\" }}",
         "%!d(MISSING) x%!(EXTRA int=1, string=a) %!(NOVERB)"},
        {"{{ printf \"%*d|%.*f|%v|%s\" 5 42 1 2.25 .List .List }}",
         "   42|2.2|[7 x 2.5]|[%!s(int=7) x %!s(float64=2.5)]"},
        {"{{ printf \"%v %v %v %s\" nil $labels 0.1 $labels.job }}",
         "<nil> map[instance:a:1 job:node] 0.1 node"},
        {"{{ printf \"%.3g %g %G %.0f %5.1f%%\" 1234.5 1e-7 1e-7 2.5 99.95 }}",
         "1.23e+03 1e-07 1E-07 2 100.0%"},
        {"{{ $value | printf \"%.1f\" }}", "1234567.0"},
    };
    check_all(cases, array_len(cases));
}

static void test_errors(void **state)
{
    static const struct {
        const char *source;
        int line, column;
        const char *says;
    } cases[] = {
        {"{{ $nope }}", 1, 4, "no variable $nope"},
        {"{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", 1, 39, "no variable $x"},
        {"{{ $x = 1 }}", 1, 4, "not declared"},
        {"{{ $ := 1 }}", 1, 4, "cannot be set"},
        {"{{ $a, $b := .List }}", 1, 4, "only range"},
        {"{{ break }}", 1, 1, "no range"},
        {"{{ range .List }}{{ define \"x\" }}{{ end }}{{ end }}", 1, 18, "outside of all"},
        {"{{ template \"x\" }}", 1, 1, "no template \"x\""},
        {"{{ template x }}", 1, 13, "name in quotes"},
        {"{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" }}", 1, 17, "deep"},
        {"{{ define \"r\" }}{{ else }}{{ end }}", 1, 1, "for this else"},
        {"{{ if true }}{{ else with 1 }}{{ end }}", 1, 1, "else with"},
        {"{{ eq 1 1.0 }}", 1, 4, "incompatible types"},
        {"{{ eq $value 1 }}", 1, 4, "a float and a whole number"},
        {"{{ lt true false }}", 1, 4, "invalid type"},
        {"{{ index .List 3 }}", 1, 4, "out of range"},
        {"{{ index $labels 1 }}", 1, 4, "cannot be indexed"},
        {"{{ slice \"abc\" 2 1 }}", 1, 4, "ends before"},
        {"{{ len 5 }}", 1, 4, "no length"},
        {"{{ .Time.Sub 1 }}", 1, 4, "is no function"},
        {"{{ .Time.Sub }}", 1, 4, "no field .Sub"},
        {"{{ .Time.Add \"x\" }}", 1, 4, "wants a number"},
        {"{{ fails }}", 1, 4, "fails: always"},
        {"{{ .Self }}", 1, 1, "an object cannot be written"},
        {"{{ 1.2.3 }}", 1, 4, "not a number"},
        {"{{ 'ab' }}", 1, 4, "one character"},
        {"{{ add }}", 1, 4, "takes 2 to 2"},
        {"{{ print 1\"a\" }}", 1, 11, "expected | or }}"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf out = BUF_INIT(4096);
        struct err err = {0};
        int rc = run(cases[i].source, &out, &err);
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

static void expect_error(const char *source, const char *says)
{
    struct buf out = BUF_INIT(1 << 20);
    struct err err = {0};
    assert_int_equal(run(source, &out, &err), -1);
    if (strstr(err.msg, says) == NULL)
        print_error("%s\n", err.msg);
    assert_non_null(strstr(err.msg, says));
    buf_done(&out);
}

static void test_limits(void **state)
{
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < 70; i++)
        buf_printf(&b, "{{ $v%d := 1 }}", i);
    expect_error(b.data, "too many variables");
    buf_clear(&b);
    buf_puts(&b, "{{ $x := \"0123456789\" }}");
    for (int i = 0; i < 8; i++)
        buf_puts(&b, "{{ range $.List }}");
    buf_puts(&b, "{{ $x = print $x $x }}");
    for (int i = 0; i < 8; i++)
        buf_puts(&b, "{{ end }}");
    expect_error(b.data, "too long");
    buf_clear(&b);
    buf_puts(&b, "{{ $x := printf \"%9999d\" 1 }}{{ $x = print $x $x $x $x $x $x $x $x $x $x }}");
    for (int i = 0; i < 8; i++)
        buf_puts(&b, "{{ range $.List }}");
    buf_puts(&b, "{{ print $x $x $x }}");
    for (int i = 0; i < 8; i++)
        buf_puts(&b, "{{ end }}");
    expect_error(b.data, "writes over");
    expect_error("{{ printf \"%99999d\" 1 }}", "over 10000");
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_language), cmocka_unit_test(test_functions),
        cmocka_unit_test(test_printf),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
