/* Mail headers and addresses, SMTP reply lines. */
#include "notify/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"
#include "notify/smtp.h"

static void test_addresses(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a@b.c", "a@b.c"},
        {" Belfry <a@b.c> ", "a@b.c"},
        {"钟楼 <a@b.c>", "a@b.c"},
        {"a@", NULL},
        {"@b", NULL},
        {"ab", NULL},
        {"", NULL},
        {"a b@c", NULL},
        {"a@b\r\nRCPT TO:<x@y>", NULL},
        {"<a@b", NULL},
        {"x <a@b> y", NULL},
        {"a@b,c@d", NULL},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        const char *got = mail_address(a, cases[i].text);
        if (cases[i].want == NULL)
            assert_null(got);
        else
            assert_string_equal(got, cases[i].want);
    }
    arena_free(a);
}

static void test_words(void **state)
{
    struct buf b = BUF_INIT(65536);
    mail_words(&b, "plain subject");
    assert_string_equal(b.data, "plain subject");
    buf_clear(&b);
    mail_words(&b, "🔴 故障");
    assert_string_equal(b.data, "=?UTF-8?B?8J+UtCDmlYXpmpw=?=");
    buf_clear(&b);
    mail_words(&b, "evil\r\nBcc: x@y");
    assert_null(strstr(b.data, "\nBcc"));
    buf_clear(&b);
    mail_words(&b, "=?UTF-8?Q?trick?=");
    assert_int_equal(strncmp(b.data, "=?UTF-8?B?", 10), 0);
    buf_clear(&b);
    for (int i = 0; i < 200; i++)
        buf_puts(&b, "监控");
    struct buf out = BUF_INIT(65536);
    mail_words(&out, b.data);
    struct str rest = {out.data, out.len}, line;
    while (str_next(&rest, '\n', &line))
        assert_true(line.n <= 77); /* a space, 75, CR */
    buf_done(&out);
    buf_done(&b);
}

static void test_reply_lines(void **state)
{
    static const struct {
        const char *line;
        int want;
        bool last;
    } cases[] = {
        {"250 ok", 250, true}, {"250-more", 250, false}, {"354", 354, true},
        {"250x", -1, false},   {"25", -1, false},        {"abc", -1, false},
        {"", -1, false},       {"199 x", -1, true},      {"600 x", -1, true},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        bool last = false;
        assert_int_equal(smtp_reply_line(str_of(cases[i].line), &last), cases[i].want);
        if (cases[i].want > 0)
            assert_int_equal(last, cases[i].last);
    }
}

static void test_thread(void **state)
{
    const char *to[] = {"a@b"};
    struct str_list list = {to, 1};
    struct mail m = {.from = "x <m@mon.example>",
                     .to = &list,
                     .subject = "s",
                     .text = "t",
                     .html = "h",
                     .wall_ms = 0,
                     .delivery_id = 5,
                     .thread_id = 9};
    struct buf b = BUF_INIT(65536);
    mail_build(&m, &b);
    assert_non_null(strstr(b.data, "Message-ID: <delivery.5@mon.example>\r\n"));
    assert_non_null(strstr(b.data, "In-Reply-To: <alert.9@mon.example>\r\n"));
    assert_non_null(strstr(b.data, "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_reply_lines),
        cmocka_unit_test(test_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
