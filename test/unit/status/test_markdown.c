/* Markdown as HTML of ours, and as text; escaping. */
#include "unit.h"

#include "status/escape.h"
#include "status/markdown.h"

static void check(const char *text, const char *html)
{
    struct buf out = BUF_INIT(1 << 20);
    markdown_html(&out, text);
    assert_string_equal(out.data ? out.data : "", html);
    buf_done(&out);
}

static void test_html(void **state)
{
    (void)state;
    check("", "");
    check("a **b** *c* `d<`", "<p>a <strong>b</strong> <em>c</em> <code>d&lt;</code></p>\n");
    check("# x", "<h4>x</h4>\n");
    check("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n");
    check("3. a", "<ol start=\"3\">\n<li>a</li>\n</ol>\n");
    check("a  \nb", "<p>a<br>\nb</p>\n");
    check("```\n<x>\n```", "<pre><code>&lt;x&gt;\n</code></pre>\n");
    check(
        "[a](https://x.example/?a=1&b=2)",
        "<p><a href=\"https://x.example/?a=1&amp;b=2\" rel=\"nofollow noopener noreferrer\">a</a></p>\n");
    check("[a](mailto:x@example.com)",
          "<p><a href=\"mailto:x@example.com\" rel=\"nofollow noopener noreferrer\">a</a></p>\n");
}

static void test_evil(void **state)
{
    (void)state;
    check("<script>alert(1)</script>", "");
    check("a <b onclick=x>b</b>", "<p>a b</p>\n");
    check("[a](javascript:alert(1))", "<p>a</p>\n");
    check("[a](JaVaScRiPt:alert(1))", "<p>a</p>\n");
    check("[a](data:text/html,x)", "<p>a</p>\n");
    check("[a](/api/v1/targets)", "<p>a</p>\n");
    check("[a](//evil.example)", "<p>a</p>\n");
    check("![a](https://evil.example/t.png)", "<p>a</p>\n");
    check(
        "<https://x.example/\"onmouseover=\"x>",
        "<p><a href=\"https://x.example/&quot;onmouseover=&quot;x\" "
        "rel=\"nofollow noopener noreferrer\">https://x.example/&quot;onmouseover=&quot;x</a></p>\n");
}

static void test_deep(void **state)
{
    char text[MARKDOWN_MAX + 100];
    struct buf out = BUF_INIT(1 << 22);
    (void)state;
    memset(text, '>', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    markdown_html(&out, text);
    assert_false(out.failed);
    buf_done(&out);
}

static void test_text(void **state)
{
    struct buf out = BUF_INIT(1 << 16);
    (void)state;
    markdown_text(&out, "# A\n\nb **c** [d](https://e.example)\n\n- f\n- g\n");
    assert_string_equal(out.data, "A\n\nb c d <https://e.example>\n\n- f\n- g");
    buf_done(&out);
}

static void test_escape(void **state)
{
    struct buf out = BUF_INIT(1 << 16);
    (void)state;
    put_escaped(&out, "<a href='x'>\"&\n\x01\xff\xe2\x80\xae中\xef\xbf\xbf");
    assert_string_equal(
        out.data,
        "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd中\xef\xbf\xbd");
    buf_clear(&out);
    put_filled(&out, "a %s b", "<%s>");
    assert_string_equal(out.data, "a &lt;%s&gt; b");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_html), cmocka_unit_test(test_evil),
                                       cmocka_unit_test(test_deep), cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_escape)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
