/* Slack incoming webhooks (and what imitates them: Mattermost, Rocket.Chat). An attachment with a coloured edge holds a
 * section block of mrkdwn (3000 characters at most). About one message a second. The answer is the text "ok" or one word
 * that says what is wrong. */
#include <string.h>

#include "base/must.h"
#include "notify/channels.h"

#define TEXT_BYTES 2900

struct slack_config {
    struct message_options message;
    struct post_options post;
    bool mention_all;
    const char *channel, *username;
};

static const struct option options[] = {
    POST_OPTION_ROWS(struct slack_config, "https://hooks.slack.com/services/T…/B…/…"),
    {"mention_all", OPT_BOOL, offsetof(struct slack_config, mention_all), .def = "false",
     .help = {"Mention the whole channel.", "@channel，提醒频道所有人。"}},
    {"channel", OPT_STRING, offsetof(struct slack_config, channel), .advanced = true,
     .help = {"Channel to post to; only what imitates Slack obeys.",
              "目标频道；仅 Slack 的兼容软件支持。"},
     .example = "#ops"},
    {"username", OPT_STRING, offsetof(struct slack_config, username), .advanced = true,
     .help = {"Name to post under; only what imitates Slack obeys.",
              "显示名称；仅 Slack 的兼容软件支持。"}},
    MESSAGE_OPTION_ROWS(struct slack_config, "en"),
    OPTION_END,
};

int slack_judge(const struct post_reply *reply, int64_t *retry_after_ms, struct err *err)
{
    static const struct {
        const char *word, *advice;
    } words[] = {
        {"no_service", "the webhook was removed: make a new one and set `webhook_url`"},
        {"no_active_hooks", "the webhook was disabled: enable it or make a new one"},
        {"invalid_token", "the webhook's token is wrong: check `webhook_url`"},
        {"no_team", "the workspace does not exist: check `webhook_url`"},
        {"team_disabled", "the workspace was disabled"},
        {"channel_not_found", "the channel does not exist: check `channel`"},
        {"channel_is_archived", "the channel was archived: choose another"},
        {"action_prohibited", "an administrator's rule forbids the post"},
        {"posting_to_general_channel_denied",
         "posting to #general is forbidden: choose another channel"},
        {"invalid_payload", "it does not understand the message: check `template`"},
        {"no_text", "the message is empty: check `template`"},
    };
    struct str said = str_trim(reply->body);
    *retry_after_ms = reply->retry_after_ms;
    for (size_t i = 0; i < array_len(words); i++)
        if (str_starts(said, str_of(words[i].word)))
            return err_set(err, ERR_DENIED, "Slack refused the message (%s): %s", words[i].word,
                           words[i].advice);
    if (status_judge("Slack", reply, retry_after_ms, err) != 0)
        return -1;
    /* Mattermost and Rocket.Chat say ok or {"success":true}. */
    if (str_starts(said, STR("ok")) || str_starts(said, STR("{\"success\":true")))
        return 0;
    return err_set(
        err, ERR_BUSY,
        "Slack answered something else than ok (a proxy or a wrong `webhook_url`?): %.*s",
        (int)utf8_cut(said.p, said.n, 120), said.p);
}

static const char *colour_of(enum tone tone)
{
    static const char *const colours[] = {[TONE_DOWN] = "#E01E5A",
                                          [TONE_UP] = "#2EB67D",
                                          [TONE_MIXED] = "#E8912D",
                                          [TONE_TEST] = "#36C5F0"};
    return colours[tone];
}

static int render(const struct send *s, struct buf *out, struct err *err)
{
    const struct slack_config *c = s->config;
    struct message m;
    if (message_build(s, &dialect_slack, TEXT_BYTES, &m, err) != 0)
        return -1;
    struct buf title = BUF_INIT(4096);
    if (c->mention_all)
        buf_puts(&title, "<!channel> ");
    dialect_slack.escape(&title, m.title, strlen(m.title));
    struct json j = json_start(out);
    json_obj(&j);
    json_kstr(&j, "text", title.data != NULL ? title.data : "");
    if (c->channel != NULL && c->channel[0] != '\0')
        json_kstr(&j, "channel", c->channel);
    if (c->username != NULL && c->username[0] != '\0')
        json_kstr(&j, "username", c->username);
    json_karr(&j, "attachments");
    json_obj(&j);
    json_kstr(&j, "color", colour_of(m.tone));
    json_kstr(&j, "fallback", m.title);
    json_karr(&j, "blocks");
    json_obj(&j);
    json_kstr(&j, "type", "section");
    json_kobj(&j, "text");
    json_kstr(&j, "type", "mrkdwn");
    json_kstr(&j, "text", m.body);
    for (int i = 0; i < 6; i++)
        json_end(&j);
    buf_done(&title);
    return 0;
}

static int send_message(const struct send *s, struct buf *answer, struct err *err)
{
    const struct slack_config *c = s->config;
    struct buf payload = BUF_INIT(1 << 20);
    struct post_request req = {.options = &c->post, .timeout_ms = c->message.timeout_ms};
    struct post_reply reply = {0};
    int64_t retry_after_ms = 0;
    int rc = render(s, &payload, err);
    if (rc == 0)
        rc = post_send(s, &req, &payload, &reply, err);
    if (rc == 0) {
        utf8_clean(answer, reply.body.p, utf8_cut(reply.body.p, reply.body.n, 500));
        rc = slack_judge(&reply, &retry_after_ms, err);
    }
    if (s->retry_after_ms != NULL)
        *s->retry_after_ms = retry_after_ms;
    buf_done(&payload);
    return rc;
}

static void validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct slack_config *c = config;
    post_validate(&c->post, p, path);
    message_validate(&c->message, a, p, path);
}

const struct channel_ops channel_slack = {
    .type = "slack",
    .title = {"Slack", "Slack"},
    .help = {"Posts to a channel through an incoming webhook.",
             "通过 Incoming Webhook 发送到频道。"},
    .options = options,
    .config_size = sizeof(struct slack_config),
    .rate_per_minute = 55,
    .burst = 3,
    .max_bytes = TEXT_BYTES,
    .validate = validate,
    .render = render,
    .send = send_message,
};
