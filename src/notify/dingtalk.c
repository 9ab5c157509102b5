/* DingTalk (钉钉) custom robots. Markdown within a body of 20,000 bytes, 20 messages a minute and robot (over it: shut out
 * for ten minutes). Security by signature (secret), keyword, or list of addresses.
 * Signature: base64(HMAC-SHA256(key = secret, timestamp_ms "\n" secret)), URL-encoded, with the timestamp in the address. */
#include <string.h>

#include "base/must.h"
#include "notify/channels.h"

#define TEXT_BYTES 9000 /* JSON escapes at most double it */

struct dingtalk_config {
    struct message_options message;
    struct post_options post;
    const char *secret, *keyword;
    bool mention_all;
    struct str_list mentioned_users, mentioned_mobiles;
};

static const struct option options[] = {
    POST_OPTION_ROWS(struct dingtalk_config, "https://oapi.dingtalk.com/robot/send?access_token=…"),
    {"secret", OPT_STRING, offsetof(struct dingtalk_config, secret), .secret = true,
     .help = {"Key of the robot's signature (SEC…).", "机器人的加签密钥（SEC…）。"}},
    {"keyword", OPT_STRING, offsetof(struct dingtalk_config, keyword),
     .help = {"Keyword that the robot demands in each message.",
              "机器人要求每条消息包含的关键词。"}},
    {"mention_all", OPT_BOOL, offsetof(struct dingtalk_config, mention_all), .def = "false",
     .help = {"Mention everybody in the chat.", "@所有人。"}},
    {"mentioned_users", OPT_LIST, offsetof(struct dingtalk_config, mentioned_users), .max = 100,
     .advanced = true, .help = {"User ids of people to mention.", "要 @ 的成员 userid。"}},
    {"mentioned_mobiles", OPT_LIST, offsetof(struct dingtalk_config, mentioned_mobiles), .max = 100,
     .advanced = true, .help = {"Mobile numbers of people to mention.", "要 @ 的成员手机号。"}},
    MESSAGE_OPTION_ROWS(struct dingtalk_config, "zh"),
    OPTION_END,
};

static const struct vendor_code codes[] = {
    {-1, NULL, VERDICT_LATER, 0, "its system is busy"},
    {130101, NULL, VERDICT_LATER, 600000,
     "too many messages (20 a minute are allowed): it takes none for ten minutes"},
    {410100, NULL, VERDICT_LATER, 600000, "too many messages: it takes none for a while"},
    {310000, "sign", VERDICT_NEVER, 0, "it refused the signature: check `secret` and the clock"},
    {310000, "timestamp", VERDICT_NEVER, 0, "it refused the timestamp: check this machine's clock"},
    {310000, "keyword", VERDICT_NEVER, 0,
     "the text lacks the robot's keyword: set `keyword` to one of them"},
    {310000, "ip", VERDICT_NEVER, 0,
     "this machine's address is not on the robot's list of allowed ones"},
    {310000, NULL, VERDICT_NEVER, 0,
     "its security settings refuse it: check `secret`, `keyword`, the clock and the allowed addresses"},
    {300001, NULL, VERDICT_NEVER, 0,
     "the robot does not exist: check access_token in `webhook_url`"},
    {300005, NULL, VERDICT_NEVER, 0,
     "the robot does not exist: check access_token in `webhook_url`"},
    {400013, NULL, VERDICT_NEVER, 0, "the group was dissolved: choose another robot"},
    {400101, NULL, VERDICT_NEVER, 0,
     "the robot does not exist: check access_token in `webhook_url`"},
    {400102, NULL, VERDICT_NEVER, 0, "the robot was stopped: enable it in the group"},
    {460101, NULL, VERDICT_NEVER, 0, "the message is too long: check `template`"},
    {40035, NULL, VERDICT_NEVER, 0, "a parameter is wrong: check `template` and the mentions"},
    {0},
};

const struct vendor vendor_dingtalk = {"DingTalk", {"errcode"}, {"errmsg"}, codes};

char *dingtalk_url(struct arena *a, const char *url, const char *secret, int64_t wall_ms)
{
    struct buf sign = BUF_INIT(256), encoded = BUF_INIT(1024);
    robot_sign(secret, arena_printf(a, "%lld\n%s", (long long)wall_ms, secret), &sign);
    url_encode(&encoded, (struct str){sign.data, sign.len});
    char *signed_url =
        arena_printf(a, "%s%ctimestamp=%lld&sign=%s", url, strchr(url, '?') != NULL ? '&' : '?',
                     (long long)wall_ms, encoded.data);
    buf_done(&sign);
    buf_done(&encoded);
    return signed_url;
}

/* Mentioned numbers and users must stand in the text too, and so must the keyword. */
static void add_tail(const struct dingtalk_config *c, struct buf *text)
{
    if (c->keyword != NULL && c->keyword[0] != '\0' && strstr(text->data, c->keyword) == NULL)
        buf_printf(text, "  \n%s", c->keyword);
    if (c->mentioned_mobiles.n + c->mentioned_users.n > 0)
        buf_puts(text, "  \n");
    for (size_t i = 0; i < c->mentioned_mobiles.n; i++)
        buf_printf(text, "@%s ", c->mentioned_mobiles.at[i]);
    for (size_t i = 0; i < c->mentioned_users.n; i++)
        buf_printf(text, "@%s ", c->mentioned_users.at[i]);
}

static void put_list(struct json *j, const char *key, const struct str_list *list)
{
    json_karr(j, key);
    for (size_t i = 0; i < list->n; i++)
        json_str(j, list->at[i]);
    json_end(j);
}

static int render(const struct send *s, struct buf *out, struct err *err)
{
    const struct dingtalk_config *c = s->config;
    struct message m;
    if (message_build_titled(s, &dialect_dingtalk, TEXT_BYTES, &m, err) != 0)
        return -1;
    struct buf text = BUF_INIT(4 * TEXT_BYTES);
    buf_puts(&text, m.body);
    add_tail(c, &text);
    struct json j = json_start(out);
    json_obj(&j);
    json_kstr(&j, "msgtype", "markdown");
    json_kobj(&j, "markdown");
    json_kstr(&j, "title", m.title);
    json_kstr(&j, "text", text.data);
    json_end(&j);
    json_kobj(&j, "at");
    put_list(&j, "atMobiles", &c->mentioned_mobiles);
    put_list(&j, "atUserIds", &c->mentioned_users);
    json_kbool(&j, "isAtAll", c->mention_all);
    json_end(&j);
    json_end(&j);
    buf_done(&text);
    return 0;
}

static int send_message(const struct send *s, struct buf *answer, struct err *err)
{
    const struct dingtalk_config *c = s->config;
    struct buf payload = BUF_INIT(1 << 20);
    struct post_request req = {.options = &c->post, .timeout_ms = c->message.timeout_ms};
    if (c->secret != NULL && c->secret[0] != '\0')
        req.url = dingtalk_url(s->arena, c->post.url, c->secret, s->wall_ms);
    int rc = render(s, &payload, err);
    if (rc == 0)
        rc = robot_send(s, &vendor_dingtalk, &req, &payload, answer, err);
    buf_done(&payload);
    return rc;
}

static void validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct dingtalk_config *c = config;
    post_validate(&c->post, p, path);
    message_validate(&c->message, a, p, path);
}

const struct channel_ops channel_dingtalk = {
    .type = "dingtalk",
    .title = {"DingTalk robot", "钉钉机器人"},
    .help = {"Posts to a group through its custom robot.", "通过自定义机器人发送到钉钉群。"},
    .options = options,
    .config_size = sizeof(struct dingtalk_config),
    .rate_per_minute = 15,
    .burst = 4,
    .max_bytes = TEXT_BYTES,
    .validate = validate,
    .render = render,
    .send = send_message,
};
