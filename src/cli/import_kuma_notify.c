/* Uptime Kuma's notifications as channels (import_kuma.h). */
#include <string.h>

#include "cli/import_kuma.h"
#include "cli/import_way.h"

#define WECOM "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="

static bool fill_mail(struct kuma *k, const struct node *c, struct node *ch)
{
    double port = kuma_number(k, c, "smtpPort", 0);
    struct import_mail m = {
        .host = kuma_text(k, c, "smtpHost"),
        .port = (int64_t)port,
        .security = kuma_flag(k, c, "smtpSecure") ? "tls"
                    : port == 25                  ? "none"
                                                  : "starttls",
        .username = kuma_text(k, c, "smtpUsername"),
        .password = kuma_text(k, c, "smtpPassword"),
        .from = kuma_text(k, c, "smtpFrom"),
        .to = kuma_text(k, c, "smtpTo"),
        .unverified = kuma_flag(k, c, "smtpIgnoreTLSError"),
    };
    return import_way_mail(&k->doc, ch, &m);
}

static bool fill_wecom(struct kuma *k, const struct node *c, struct node *ch)
{
    const char *key = kuma_text(k, c, "weComBotKey");
    return *key &&
           import_way_hook(&k->doc, ch, "wecom",
                           strstr(key, "://") ? key : arena_printf(k->arena, WECOM "%s", key));
}

static bool fill_discord(struct kuma *k, const struct node *c, struct node *ch)
{
    return import_way_discord(&k->doc, ch, kuma_text(k, c, "discordWebhookUrl"));
}

static bool fill_telegram(struct kuma *k, const struct node *c, struct node *ch)
{
    return import_way_telegram(&k->doc, ch, kuma_text(k, c, "telegramServerUrl"),
                               kuma_text(k, c, "telegramBotToken"),
                               kuma_text(k, c, "telegramChatID"));
}

static bool fill_ntfy(struct kuma *k, const struct node *c, struct node *ch)
{
    kuma_put(k, ch, "username", kuma_text(k, c, "ntfyusername"));
    kuma_put(k, ch, "password", kuma_text(k, c, "ntfypassword"));
    return import_way_ntfy(&k->doc, ch, kuma_text(k, c, "ntfyserverurl"),
                           kuma_text(k, c, "ntfytopic"), kuma_text(k, c, "ntfyaccesstoken"),
                           (int64_t)kuma_number(k, c, "ntfyPriority", 0));
}

static bool fill_gotify(struct kuma *k, const struct node *c, struct node *ch)
{
    return import_way_gotify(&k->doc, ch, kuma_text(k, c, "gotifyserverurl"),
                             kuma_text(k, c, "gotifyapplicationToken"),
                             (int64_t)kuma_number(k, c, "gotifyPriority", 8));
}

static bool fill_google_chat(struct kuma *k, const struct node *c, struct node *ch)
{
    return import_way_google_chat(&k->doc, ch, kuma_text(k, c, "googleChatWebhookURL"));
}

static const struct way {
    const char *kuma;
    bool (*fill)(struct kuma *k, const struct node *c, struct node *ch);
    const char *type, *url, *secret; /* without fill: webhook_url and secret from these fields */
} ways[] = {
    {"slack", NULL, "slack", "slackwebhookURL", NULL},
    {"mattermost", NULL, "slack", "mattermostWebhookUrl", NULL},
    {"rocket.chat", NULL, "slack", "rocketwebhookURL", NULL},
    {"webhook", NULL, "webhook", "webhookURL", NULL},
    {"DingDing", NULL, "dingtalk", "webHookUrl", "secretKey"},
    {"Feishu", NULL, "feishu", "feishuWebHookUrl", NULL},
    {"WeCom", fill_wecom, NULL, NULL, NULL},
    {"smtp", fill_mail, NULL, NULL, NULL},
    {"discord", fill_discord, NULL, NULL, NULL},
    {"telegram", fill_telegram, NULL, NULL, NULL},
    {"ntfy", fill_ntfy, NULL, NULL, NULL},
    {"gotify", fill_gotify, NULL, NULL, NULL},
    {"GoogleChat", fill_google_chat, NULL, NULL, NULL},
};

static bool fill(struct kuma *k, const struct way *w, const struct node *c, struct node *ch)
{
    if (w->fill)
        return w->fill(k, c, ch);
    if (w->secret)
        kuma_put(k, ch, "secret", kuma_text(k, c, w->secret));
    return import_way_hook(&k->doc, ch, w->type, kuma_text(k, c, w->url));
}

static void add_channel(struct kuma *k, struct node *n)
{
    const struct node *config = node_get(n, "config");
    const char *type = kuma_text(k, config, "type");
    const char *name = import_doc_line(k->arena, kuma_text(k, n, "name"), 150, "notification");
    struct node *ch = node_map(k->arena);
    struct err err = {0};
    const struct way *w = ways;
    while (w < ways + array_len(ways) && !streq(w->kuma, type))
        w++;
    if (w == ways + array_len(ways)) {
        kuma_left_out(k, "notification", name,
                      arena_printf(k->arena, "Belfry has no channel for \"%.40s\"", type));
        return;
    }
    kuma_put(k, ch, "name", name);
    const char *taken = fill(k, w, config, ch) ? import_doc_channel(&k->doc, ch, &err) : NULL;
    if (taken)
        node_put(n, k->arena, "taken", node_text(k->arena, taken));
    else
        kuma_left_out(k, "notification", name, *err.msg ? err.msg : "it is incomplete");
}

void kuma_channels(struct kuma *k)
{
    for (struct node *n = k->notifications->first; n; n = n->next)
        add_channel(k, n);
}

static const char *channel_name(const struct kuma *k, const char *id)
{
    for (const struct node *n = k->notifications->first; n; n = n->next)
        if (streq(kuma_text(k, n, "id"), id) && node_get(n, "taken"))
            return kuma_text(k, n, "taken");
    return NULL;
}

void kuma_put_channels(struct kuma *k, const struct node *m, struct node *target)
{
    const struct node *ids = node_get(m, "notificationIDList");
    for (const struct node *i = ids && ids->kind == NODE_MAP ? ids->first : NULL; i; i = i->next) {
        const char *name = channel_name(k, i->key.p);
        if (name && i->kind == NODE_BOOL && i->flag)
            import_doc_append(&k->doc, target, "channels", node_text(k->arena, name));
    }
}
