/* Feishu (飞书) and Lark custom robots. An interactive card within a body of 20 KB; 100 messages a minute and 5 a second.
 * Signature: base64(HMAC-SHA256(key = timestamp_s "\n" secret, "")): seconds, and key and message are the other way
 * round than DingTalk's. */
#include <string.h>

#include "base/must.h"
#include "notify/channels.h"

#define TEXT_BYTES 9000

struct feishu_config {
    struct message_options message;
    struct post_options post;
    const char *secret, *keyword;
    bool mention_all;
    struct str_list mentioned_users;
};

static const struct option options[] = {
    POST_OPTION_ROWS(struct feishu_config, "https://open.feishu.cn/open-apis/bot/v2/hook/…"),
    {"secret", OPT_STRING, offsetof(struct feishu_config, secret), .secret = true,
     .help = {"Key of the robot's signature.", "机器人的签名校验密钥。"}},
    {"keyword", OPT_STRING, offsetof(struct feishu_config, keyword),
     .help = {"Keyword that the robot demands in each message.",
              "机器人要求每条消息包含的关键词。"}},
    {"mention_all", OPT_BOOL, offsetof(struct feishu_config, mention_all), .def = "false",
     .help = {"Mention everybody in the chat.", "@所有人。"}},
    {"mentioned_users", OPT_LIST, offsetof(struct feishu_config, mentioned_users), .max = 100,
     .advanced = true, .help = {"The open_ids of people to mention.", "要 @ 的成员 open_id。"}},
    MESSAGE_OPTION_ROWS(struct feishu_config, "zh"),
    OPTION_END,
};

static const struct vendor_code codes[] = {
    {11232, NULL, VERDICT_LATER, 10000,
     "too many messages (100 a minute, 5 a second), will try again"},
    {11233, NULL, VERDICT_LATER, 10000, "too many messages, will try again"},
    {9499, "too many", VERDICT_LATER, 10000,
     "too many messages (100 a minute, 5 a second), will try again"},
    {9499, NULL, VERDICT_NEVER, 0, "it does not understand the message: check `template`"},
    {19001, NULL, VERDICT_NEVER, 0, "the robot does not exist (any more): check `webhook_url`"},
    {19002, NULL, VERDICT_NEVER, 0, "it does not understand the message: check `template`"},
    {19021, NULL, VERDICT_NEVER, 0, "it refused the signature: check `secret` and the clock"},
    {19022, NULL, VERDICT_NEVER, 0,
     "this machine's address is not on the robot's list of allowed ones"},
    {19024, NULL, VERDICT_NEVER, 0,
     "the text lacks the robot's keyword: set `keyword` to one of them"},
    {11246, NULL, VERDICT_NEVER, 0, "it does not accept the card: check `template`"},
    {0},
};

const struct vendor vendor_feishu = {
    "Feishu", {"code", "StatusCode"}, {"msg", "StatusMessage"}, codes};

void feishu_sign(const char *secret, int64_t wall_s, struct buf *out)
{
    struct buf key = BUF_INIT(4096);
    buf_printf(&key, "%lld\n%s", (long long)wall_s, secret);
    robot_sign(key.data, "", out);
    buf_done(&key);
}

static void put_signature(const struct feishu_config *c, int64_t wall_ms, struct json *j,
                          struct arena *a)
{
    if (c->secret == NULL || c->secret[0] == '\0')
        return;
    struct buf sign = BUF_INIT(256);
    feishu_sign(c->secret, wall_ms / 1000, &sign);
    json_kstr(j, "timestamp", arena_printf(a, "%lld", (long long)(wall_ms / 1000)));
    json_kstr(j, "sign", sign.data);
    buf_done(&sign);
}

static void put_text(struct json *j, const char *tag, const char *content)
{
    json_kobj(j, strcmp(tag, "plain_text") == 0 ? "title" : "text");
    json_kstr(j, "tag", tag);
    json_kstr(j, "content", content);
    json_end(j);
}

static void put_div(struct json *j, const char *content)
{
    json_obj(j);
    json_kstr(j, "tag", "div");
    put_text(j, "lark_md", content);
    json_end(j);
}

static void put_mentions(const struct feishu_config *c, struct json *j, struct arena *a)
{
    struct buf b = BUF_INIT(16384);
    if (c->mention_all)
        buf_puts(&b, "<at id=all></at>");
    for (size_t i = 0; i < c->mentioned_users.n; i++)
        buf_printf(&b, "<at id=%s></at>", c->mentioned_users.at[i]);
    if (b.len > 0)
        put_div(j, arena_strndup(a, b.data, b.len));
    buf_done(&b);
}

static const char *colour_of(enum tone tone)
{
    static const char *const colours[] = {
        [TONE_DOWN] = "red", [TONE_UP] = "green", [TONE_MIXED] = "orange", [TONE_TEST] = "blue"};
    return colours[tone];
}

static int render(const struct send *s, struct buf *out, struct err *err)
{
    const struct feishu_config *c = s->config;
    struct message m;
    if (message_build(s, &dialect_lark, TEXT_BYTES, &m, err) != 0)
        return -1;
    struct json j = json_start(out);
    json_obj(&j);
    put_signature(c, s->wall_ms, &j, s->arena);
    json_kstr(&j, "msg_type", "interactive");
    json_kobj(&j, "card");
    json_kobj(&j, "config");
    json_kbool(&j, "wide_screen_mode", true);
    json_end(&j);
    json_kobj(&j, "header");
    put_text(&j, "plain_text", m.title);
    json_kstr(&j, "template", colour_of(m.tone));
    json_end(&j);
    json_karr(&j, "elements");
    put_div(&j, m.body);
    put_mentions(c, &j, s->arena);
    if (c->keyword != NULL && c->keyword[0] != '\0')
        put_div(&j, c->keyword);
    json_end(&j);
    json_end(&j);
    json_end(&j);
    return 0;
}

static int send_message(const struct send *s, struct buf *answer, struct err *err)
{
    const struct feishu_config *c = s->config;
    struct buf payload = BUF_INIT(1 << 20);
    struct post_request req = {.options = &c->post, .timeout_ms = c->message.timeout_ms};
    int rc = render(s, &payload, err);
    if (rc == 0)
        rc = robot_send(s, &vendor_feishu, &req, &payload, answer, err);
    buf_done(&payload);
    return rc;
}

static void validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct feishu_config *c = config;
    post_validate(&c->post, p, path);
    message_validate(&c->message, a, p, path);
}

const struct channel_ops channel_feishu = {
    .type = "feishu",
    .title = {"Feishu / Lark robot", "飞书机器人"},
    .help = {"Posts a card to a group through its custom robot.",
             "通过自定义机器人发送卡片到飞书群。"},
    .options = options,
    .config_size = sizeof(struct feishu_config),
    .rate_per_minute = 90,
    .burst = 4,
    .max_bytes = TEXT_BYTES,
    .validate = validate,
    .render = render,
    .send = send_message,
};
