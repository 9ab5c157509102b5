/* Badges: widths by character, escaping. */
#include "unit.h"

#include "status/render.h"

static void test_badge(void **state)
{
    const struct badge plain = {"uptime", "99.98%", "#1a7f4b"},
                       wide = {"可用率", "正常", "#1a7f4b"}, evil = {"<a>", "\"&", "#000000"};
    struct buf b = BUF_INIT(1 << 16);
    (void)state;
    render_badge(&plain, &b);
    assert_non_null(strstr(b.data, "aria-label=\"uptime: 99.98%\""));
    buf_clear(&b);
    render_badge(&wide, &b);
    assert_non_null(strstr(b.data, "textLength=\"33.0\"")); /* three characters, 11 px each */
    assert_non_null(strstr(b.data, "textLength=\"22.0\""));
    assert_non_null(strstr(b.data, "width=\"79\""));
    buf_clear(&b);
    render_badge(&evil, &b);
    assert_null(strstr(b.data, "<a>"));
    assert_non_null(strstr(b.data, "&lt;a&gt;"));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_badge)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
