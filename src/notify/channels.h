/* The ops of each channel, for the table in channel.c and for tests. */
#ifndef NOTIFY_CHANNELS_H
#define NOTIFY_CHANNELS_H

#include "notify/channel.h"
#include "notify/robot.h"

extern const struct channel_ops channel_wecom;
extern const struct channel_ops channel_dingtalk;
extern const struct channel_ops channel_feishu;
extern const struct channel_ops channel_slack;
extern const struct channel_ops channel_email;
extern const struct channel_ops channel_webhook;
extern const struct channel_ops channel_exec;

extern const struct vendor vendor_wecom;
extern const struct vendor vendor_dingtalk;
extern const struct vendor vendor_feishu;

/* The signed address of a DingTalk robot, and Feishu's signature: test vectors. */
char *dingtalk_url(struct arena *a, const char *url, const char *secret, int64_t wall_ms);
void feishu_sign(const char *secret, int64_t wall_s, struct buf *out);
/* Slack answers "ok" or a word of its own. Pure. */
int slack_judge(const struct post_reply *reply, int64_t *retry_after_ms, struct err *err);

/* Alertmanager's webhook payload, version 4 (also what exec gets on stdin). max_alerts 0: all. */
void alertmanager_json(const struct send *s, int64_t max_alerts, struct buf *out);

#endif
