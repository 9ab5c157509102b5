/* WeCom (企业微信) group robots. Markdown up to 4096 bytes; where somebody is mentioned a text message up
 * to 2048 bytes, since only text can mention. 20 messages a minute and robot. The key in the address is the secret. */
#include "base/must.h"
#include "notify/channels.h"

#define TEXT_BYTES     2048
#define MARKDOWN_BYTES 4096

struct wecom_config {
    struct message_options message;
    struct post_options post;
    bool mention_all;
    struct str_list mentioned_users, mentioned_mobiles;
};

static const struct option options[] = {
    POST_OPTION_ROWS(struct wecom_config,
                     "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-…"),
    {"mention_all", OPT_BOOL, offsetof(struct wecom_config, mention_all), .def = "false",
     .help = {"Mention everybody in the chat.", "@所有人。"}},
    {"mentioned_users", OPT_LIST, offsetof(struct wecom_config, mentioned_users), .max = 100,
     .advanced = true, .help = {"User ids of people to mention.", "要 @ 的成员 userid。"}},
    {"mentioned_mobiles", OPT_LIST, offsetof(struct wecom_config, mentioned_mobiles), .max = 100,
     .advanced = true, .help = {"Mobile numbers of people to mention.", "要 @ 的成员手机号。"}},
    MESSAGE_OPTION_ROWS(struct wecom_config, "zh"),
    OPTION_END,
};

static const struct vendor_code codes[] = {
    {-1, NULL, VERDICT_LATER, 0, "its system is busy"},
    {45009, NULL, VERDICT_LATER, 60000,
     "too many messages (20 a minute are allowed), will try again"},
    {45033, NULL, VERDICT_LATER, 10000, "too many at the same time, will try again"},
    {93000, NULL, VERDICT_NEVER, 0,
     "the robot does not exist (any more): check the key in `webhook_url`"},
    {93004, NULL, VERDICT_NEVER, 0, "the robot was disabled: enable it in the group"},
    {93008, NULL, VERDICT_NEVER, 0, "the robot was removed from its group: add it again"},
    {40058, NULL, VERDICT_NEVER, 0, "a parameter is wrong or the text too long: check `template`"},
    {40008, NULL, VERDICT_NEVER, 0, "it does not know this kind of message"},
    {44004, NULL, VERDICT_NEVER, 0, "the text is empty: check `template`"},
    {60020, NULL, VERDICT_NEVER, 0,
     "this machine's address is not on the robot's list of allowed ones"},
    {0},
};

const struct vendor vendor_wecom = {"WeCom", {"errcode"}, {"errmsg"}, codes};

static void mention_list(struct json *j, const char *key, const struct str_list *list, bool all)
{
    if (list->n == 0 && !all)
        return;
    json_karr(j, key);
    for (size_t i = 0; i < list->n; i++)
        json_str(j, list->at[i]);
    if (all)
        json_str(j, "@all");
    json_end(j);
}

static int render(const struct send *s, struct buf *out, struct err *err)
{
    const struct wecom_config *c = s->config;
    bool text = c->mention_all || c->mentioned_users.n > 0 || c->mentioned_mobiles.n > 0;
    const struct dialect *dialect = text ? &dialect_text : &dialect_wecom;
    struct message m;
    if (message_build_titled(s, dialect, text ? TEXT_BYTES : MARKDOWN_BYTES, &m, err) != 0)
        return -1;
    struct json j = json_start(out);
    json_obj(&j);
    json_kstr(&j, "msgtype", text ? "text" : "markdown");
    json_kobj(&j, text ? "text" : "markdown");
    json_kstr(&j, "content", m.body);
    if (text) {
        mention_list(&j, "mentioned_list", &c->mentioned_users, c->mention_all);
        mention_list(&j, "mentioned_mobile_list", &c->mentioned_mobiles, false);
    }
    json_end(&j);
    json_end(&j);
    return 0;
}

static int send_message(const struct send *s, struct buf *answer, struct err *err)
{
    const struct wecom_config *c = s->config;
    struct buf payload = BUF_INIT(1 << 20);
    struct post_request req = {.options = &c->post, .timeout_ms = c->message.timeout_ms};
    int rc = render(s, &payload, err);
    if (rc == 0)
        rc = robot_send(s, &vendor_wecom, &req, &payload, answer, err);
    buf_done(&payload);
    return rc;
}

static void validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct wecom_config *c = config;
    post_validate(&c->post, p, path);
    message_validate(&c->message, a, p, path);
}

const struct channel_ops channel_wecom = {
    .type = "wecom",
    .title = {"WeCom robot", "企业微信机器人"},
    .help = {"Posts to a group through its robot.", "通过群机器人发送到企业微信群。"},
    .options = options,
    .config_size = sizeof(struct wecom_config),
    .rate_per_minute = 15,
    .burst = 5,
    .max_bytes = MARKDOWN_BYTES,
    .validate = validate,
    .render = render,
    .send = send_message,
};
