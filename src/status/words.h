/* What a status page says, in English and Chinese; times, spans and shares as readers of each expect them. Any thread; pure. */
#ifndef STATUS_WORDS_H
#define STATUS_WORDS_H

#include "base/buf.h"
#include "base/zone.h"
#include "config/option.h"

/* X(NAME, "English", "中文") */
#define STATUS_WORDS(X)                                                                                                           \
    X(UP, "Operational", "正常")                                                                                                  \
    X(DEGRADED, "Degraded", "性能下降")                                                                                           \
    X(DOWN, "Down", "故障")                                                                                                       \
    X(MAINTENANCE, "Maintenance", "维护中")                                                                                       \
    X(PAUSED, "Paused", "已暂停")                                                                                                 \
    X(UNKNOWN, "No data yet", "暂无数据")                                                                                         \
    X(ALL_UP, "All systems operational", "所有服务运行正常")                                                                      \
    X(ALL_DEGRADED, "Some systems are degraded", "部分服务性能下降")                                                              \
    X(ALL_DOWN, "Some systems are down", "部分服务发生故障")                                                                      \
    X(ALL_OUTAGE, "Major outage", "大范围故障")                                                                                   \
    X(ALL_MAINTENANCE, "Maintenance under way", "正在维护")                                                                       \
    X(ALL_UNKNOWN, "Nothing is known yet", "暂无状态数据")                                                                        \
    X(AS_OF, "As of %s", "更新于 %s")                                                                                             \
    X(INCIDENTS, "Current incidents", "当前事件")                                                                                 \
    X(PLANNED, "Planned maintenance", "计划维护")                                                                                 \
    X(UNDER_WAY, "Under way", "进行中")                                                                                           \
    X(UNTIL_FURTHER, "until further notice", "结束时间待定")                                                                      \
    X(PAST, "Past incidents", "历史事件")                                                                                         \
    X(PAST_NONE, "No incidents in the last 14 days.", "最近 14 天没有事件。")                                                     \
    X(SERVICES, "Services", "服务")                                                                                               \
    X(AFFECTED, "Affected", "受影响")                                                                                             \
    X(TODAY, "today", "今天")                                                                                                     \
    X(UPTIME, "uptime", "可用率")                                                                                                 \
    X(LATENCY, "response time", "响应时间")                                                                                       \
    X(NO_DATA, "no data", "无数据")                                                                                               \
    X(NO_DOWNTIME, "no downtime", "无故障")                                                                                       \
    X(DOWN_FOR, "%s down", "故障 %s")                                                                                             \
    X(EMPTY, "Nothing is shown here yet.", "此页面尚未添加服务。")                                                                \
    X(SUBSCRIBE, "Subscribe", "订阅更新")                                                                                         \
    X(SUBSCRIBE_HELP,                                                                                                             \
      "You will be told of incidents and their updates. Each message has a link that ends it.",                                   \
      "有新事件或进展时通知您；每条消息都附有退订链接。")                                                                         \
    X(BY_MAIL, "By mail", "邮件")                                                                                                 \
    X(BY_WEBHOOK, "By webhook", "Webhook")                                                                                        \
    X(MAIL_ADDRESS, "Mail address", "邮箱地址")                                                                                   \
    X(WEBHOOK_ADDRESS, "Address that takes POST requests", "接收 POST 请求的地址")                                                \
    X(SUBSCRIBED, "Almost there", "还差一步")                                                                                     \
    X(SUBSCRIBED_MAIL,                                                                                                            \
      "If that address can be subscribed, a mail with a link is on its way. Open the link to confirm.",                           \
      "如果该地址可以订阅，确认邮件已经发出，请打开邮件中的链接完成确认。")                                                       \
    X(SUBSCRIBED_WEBHOOK,                                                                                                         \
      "The address is sent a challenge now; once it answers with it, it is subscribed.",                                          \
      "已向该地址发送验证请求；返回其中的验证码后订阅即生效。")                                                                   \
    X(CONFIRM, "Confirm the subscription", "确认订阅")                                                                            \
    X(CONFIRM_HELP, "Incidents of this page will be sent to %s.", "此页面的事件将发送到 %s。")                                    \
    X(CONFIRM_BUTTON, "Confirm", "确认")                                                                                          \
    X(CONFIRMED, "You are subscribed.", "订阅成功。")                                                                             \
    X(UNSUBSCRIBE, "Unsubscribe", "退订")                                                                                         \
    X(UNSUBSCRIBE_HELP, "Nothing will be sent to %s any more.", "将不再向 %s 发送消息。")                                         \
    X(UNSUBSCRIBED, "You are no longer subscribed.", "已退订。")                                                                  \
    X(LINK_OLD, "This link does not work any more.", "此链接已失效。")                                                            \
    X(SUBSCRIBE_NONE, "This page takes no subscriptions.", "此页面不支持订阅。")                                                  \
    X(WRONG_INPUT, "That did not work", "操作未成功")                                                                             \
    X(BACK, "Back to the status page", "返回状态页")                                                                              \
    X(PASSWORD, "Password", "密码")                                                                                               \
    X(PASSWORD_HELP, "This page is private.", "此页面需要密码访问。")                                                             \
    X(PASSWORD_WRONG, "That password is wrong.", "密码错误。")                                                                    \
    X(TOO_OFTEN, "Too many attempts; please wait a few minutes.",                                                                 \
      "尝试次数过多，请几分钟后再试。")                                                                                           \
    X(ENTER, "Show", "查看")                                                                                                      \
    X(FORBIDDEN, "This page is private.", "此页面仅限内部访问。")                                                                 \
    X(FEED, "News feed", "订阅源")                                                                                                \
    X(OTHER_LANGUAGE, "中文", "English")                                                                                          \
    X(MADE_BY, "Watched by Belfry", "由 Belfry 监控")                                                                             \
    X(SKIP, "Skip to the services", "跳到服务列表")                                                                               \
    X(MINOR, "Minor", "轻微")                                                                                                     \
    X(MAJOR, "Major", "严重")                                                                                                     \
    X(CRITICAL, "Critical", "重大")                                                                                               \
    X(IMPACT_MAINTENANCE, "Maintenance", "维护")                                                                                  \
    X(INVESTIGATING, "Investigating", "调查中")                                                                                   \
    X(IDENTIFIED, "Identified", "已定位")                                                                                         \
    X(MONITORING, "Monitoring", "观察中")                                                                                         \
    X(RESOLVED, "Resolved", "已恢复")                                                                                             \
    X(AUTO_ONE, "Disruption of %s", "%s 发生故障")                                                                                \
    X(AUTO_SOME, "Disruption of several services", "多项服务发生故障")                                                            \
    X(AUTO_FELL, "%s does not answer as it should.", "%s 未能正常响应。")                                                         \
    X(AUTO_ROSE, "%s works again.", "%s 已恢复正常。")                                                                            \
    X(A_SERVICE, "a service", "某项服务")                                                                                         \
    X(AND_MORE, "%s more", "另外 %s 项")                                                                                          \
    X(MORE_NOT_SHOWN, "%s more are not shown.", "另有 %s 项未显示。")                                                             \
    X(ZONE, "Times: %s", "时区：%s")                                                                                              \
    X(LOCAL_TIME, "local time of the server", "服务器当地时间")                                                                   \
    X(MAIL_CONFIRM_SUBJECT, "Confirm your subscription: %s", "请确认订阅：%s")                                                    \
    X(MAIL_CONFIRM_TEXT,                                                                                                          \
      "Somebody, hopefully you, asked for news of this status page. Open this link to confirm; without it nothing more is sent:", \
      "有人（希望是您）申请订阅此状态页的动态。请打开以下链接确认；若未确认，不会再发送任何消息：")                               \
    X(MAIL_PAGE, "Status page:", "状态页：")                                                                                      \
    X(MAIL_UNSUBSCRIBE, "To receive no more of these:", "不再接收此类邮件：")

enum word {
#define X(name, en, zh) W_##name,
    STATUS_WORDS(X)
#undef X
};
const char *word(bool zh, enum word w);

/* "Nov 21, 20:05" / "11月21日 20:05", with the year unless it is now's. */
void put_moment(struct buf *out, bool zh, const struct zone *z, int64_t at_ms, int64_t now_ms);
/* "Nov 21" / "11月21日"; days since 1970 of a calendar on the wall. */
void put_day(struct buf *out, bool zh, int64_t days);
/* "2 h 5 min", "3 d 4 h", "under a minute" */
void put_span(struct buf *out, bool zh, int64_t ms);
/* "99.98 %": never 100 unless it is. part: 0 … 1; NaN: "–" */
void put_share(struct buf *out, double part);
/* "12 ms", "1.20 s" */
void put_latency(struct buf *out, double ms);

#endif
