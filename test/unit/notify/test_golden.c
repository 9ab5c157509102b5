/* The payload of every channel, byte by byte, against golden/CHANNEL-LANGUAGE-CASE.txt.
 * BELFRY_GOLDEN=write makes the files anew: read the difference before committing it. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/must.h"

static const struct {
    const char *type, *config;
} channels[] = {
    {"wecom", "\"webhook_url\":\"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=K\""},
    {"dingtalk",
     "\"webhook_url\":\"https://oapi.dingtalk.com/robot/send?access_token=T\","
     "\"secret\":\"SECbelfry\",\"keyword\":\"告警\",\"mentioned_mobiles\":[\"13800000000\"]"},
    {"feishu", "\"webhook_url\":\"https://open.feishu.cn/open-apis/bot/v2/hook/x\","
               "\"secret\":\"SECbelfry\",\"mention_all\":true"},
    {"slack", "\"webhook_url\":\"https://hooks.slack.com/services/T/B/x\",\"mention_all\":true"},
    {"email", "\"host\":\"smtp.example.com\",\"from\":\"钟楼 <belfry@example.com>\","
              "\"to\":[\"ops@example.com\",\"Boss <boss@example.com>\"]"},
    {"webhook", "\"webhook_url\":\"https://hooks.example.com/\""},
    {"exec", "\"command\":[\"/bin/true\"]"},
};

static const struct {
    const char *name;
    enum event_kind kind;
    uint32_t n;
} cases[] = {
    {"fired", EVENT_FIRED, 1}, {"resolved", EVENT_RESOLVED, 1}, {"reminder", EVENT_REMINDER, 1},
    {"test", EVENT_TEST, 1},   {"many", EVENT_FIRED, 45},
};

static void compare(const char *name, const struct buf *got)
{
    const char *data = getenv("BELFRY_TEST_DATA");
    char path[1024];
    snprintf(path, sizeof(path), "%s/unit/notify/golden/%s.txt", data != NULL ? data : "test",
             name);
    struct buf text = BUF_INIT(1 << 20), want = BUF_INIT(1 << 20);
    for (size_t i = 0; i < got->len; i++)
        if (got->data[i] != '\r')
            buf_putc(&text, got->data[i]);
    if (text.data[text.len - 1] != '\n')
        buf_putc(&text, '\n');
    if (getenv("BELFRY_GOLDEN") != NULL)
        assert_int_equal(fs_write_atomic(path, text.data, text.len, 0644, false, NULL), 0);
    assert_int_equal(fs_read(path, &want, NULL), 0);
    if (want.len != text.len || memcmp(want.data, text.data, want.len) != 0)
        print_error("%s:\n got %s\nwant %s\n", name, text.data, want.data);
    assert_int_equal(want.len, text.len);
    assert_memory_equal(want.data, text.data, want.len);
    buf_done(&text);
    buf_done(&want);
}

static void one(size_t channel, const char *lang, size_t k)
{
    char config[1024], name[128];
    snprintf(config, sizeof(config), "{\"language\":\"%s\",\"time_zone\":\"Asia/Shanghai\",%s}",
             lang, channels[channel].config);
    struct notify_fixture *f = fixture_new(channels[channel].type, config);
    f->send.note = fixture_note(f->arena, cases[k].kind, cases[k].n);
    struct buf out = BUF_INIT(1 << 20);
    struct err err;
    assert_int_equal(f->ops->render(&f->send, &out, &err), 0);
    assert_int_equal(err.code, ERR_OK);
    snprintf(name, sizeof(name), "%s-%s-%s", channels[channel].type, lang, cases[k].name);
    compare(name, &out);
    buf_done(&out);
    fixture_free(f);
}

static void test_golden(void **state)
{
    static const char *const languages[] = {"zh", "en"};
    for (size_t c = 0; c < array_len(channels); c++)
        for (size_t l = 0; l < array_len(languages); l++)
            for (size_t k = 0; k < array_len(cases); k++)
                one(c, languages[l], k);
}

static void test_both_languages(void **state)
{
    one(0, "both", 0);
    one(0, "both", 1);
    one(0, "both", 4);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_both_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
