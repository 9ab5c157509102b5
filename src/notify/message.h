/* Messages: a notification as title and text in a dialect, from the default or the channel's own template,
 * cut to the vendor's size. Called by each channel's render(); any thread; pure.
 *
 * What templates see (docs/templates.md):
 *   whole:    .Alerts (at most message_options.list) .Count .More (not listed) .Firing .Resolved (counts) .Group
 *             .PublicURL .URL .Now .Channel, and every field of the first alert
 *   an alert: .ID .Kind .Status .Symbol .Word .Name .Type .Group .Instance .Message .FailCount .FiredAt .ResolvedAt
 *             .Duration .URL .Labels.NAME .Suppressed */
#ifndef NOTIFY_MESSAGE_H
#define NOTIFY_MESSAGE_H

#include "notify/channel.h"
#include "notify/template.h"

/* First member of each channel's configuration; MESSAGE_OPTION_ROWS fills it. */
struct message_options {
    int language;         /* enum language */
    const char *title;    /* template; NULL or "": the default */
    const char *template; /* of the text */
    const char *time_zone;
    int64_t list;       /* alerts named in one message */
    int64_t timeout_ms; /* of one attempt */
};
extern const char *const message_languages[];

#define MESSAGE_OPTION_ROWS(type, default_language)                                            \
    {"language",                                                                               \
     OPT_ENUM,                                                                                 \
     offsetof(type, message.language),                                                         \
     .def = (default_language),                                                                \
     .choices = message_languages,                                                             \
     .help = {"Language of the default texts.", "默认文本的语言。"}},                          \
        {"title",                                                                              \
         OPT_STRING,                                                                           \
         offsetof(type, message.title),                                                        \
         .advanced = true,                                                                     \
         .max = 4096,                                                                          \
         .help = {"Template of the title (docs/templates.md); empty: the default.",            \
                  "标题模板（docs/templates.md）；留空用默认标题。"},                          \
         .example = "{{ .Symbol }} {{ .Name }}"},                                              \
        {"template",                                                                           \
         OPT_TEXT,                                                                             \
         offsetof(type, message.template),                                                     \
         .advanced = true,                                                                     \
         .max = TEMPLATE_SOURCE_MAX,                                                           \
         .help = {"Template of the text (docs/templates.md); empty: the default.",             \
                  "正文模板（docs/templates.md）；留空用默认正文。"}},                         \
        {"time_zone",                                                                          \
         OPT_STRING,                                                                           \
         offsetof(type, message.time_zone),                                                    \
         .def = "local",                                                                       \
         .advanced = true,                                                                     \
         .help = {"Time zone of times in messages: local, UTC, +08:00, Asia/Shanghai.",        \
                  "消息中时间的时区：local、UTC、+08:00、Asia/Shanghai。"}},                   \
        {"list",                                                                               \
         OPT_INT,                                                                              \
         offsetof(type, message.list),                                                         \
         .def = "20",                                                                          \
         .min = 1,                                                                             \
         .max = 100,                                                                           \
         .advanced = true,                                                                     \
         .help = {"How many alerts one message names before \"… and 42 more\".",               \
                  "一条消息最多列出多少个告警。"}},                                            \
    {                                                                                          \
        "timeout", OPT_DURATION, offsetof(type, message.timeout_ms),                           \
            .def = "10s", .min = 100, .max = 120000, .unit = "ms", .advanced = true, .help = { \
                "Limit for one attempt to deliver.",                                           \
                "单次发送的时间限制。"                                               \
            }                                                                                  \
    }

enum tone { TONE_DOWN, TONE_UP, TONE_MIXED, TONE_TEST };

struct message {
    const char *title; /* one line, dialect_text */
    const char *body;  /* in the dialect asked for */
    enum tone tone;
};

/* Builds it: while it is longer than max_bytes (title not counted) fewer alerts are listed, at last it is cut on a
 * line or character boundary. TOO_LARGE, MALFORMED for errors of an own template; then the default is
 * used instead and *err tells (returns 0 nonetheless: a wrong template must not silence the bell). */
int message_build(const struct send *s, const struct dialect *dialect, size_t max_bytes,
                  struct message *out, struct err *err);
/* With the title as a bold first line within the body: for vendors whose message has no title of its own. */
int message_build_titled(const struct send *s, const struct dialect *dialect, size_t max_bytes,
                         struct message *out, struct err *err);

/* The bare output of a template that makes the whole payload itself (webhook). */
int message_run(const struct send *s, const char *source, struct buf *out, struct err *err);

/* Adds a problem for each template or time zone that does not work on a sample. */
void message_validate(const struct message_options *o, struct arena *a, struct problems *p,
                      const char *path);

/* "PUBLIC_URL/#/targets/ID", "" without a public_url. */
const char *message_target_url(struct arena *a, const char *public_url, uint64_t target_id);
/* Whether item i stands for the alert's current state: later items about the same alert do not exist. */
bool message_is_last(const struct notification *note, uint32_t i);

/* A made-up notification of n alerts: previews, tests, validation. */
struct notification *message_sample(struct arena *a, enum event_kind kind, uint32_t n,
                                    int64_t now_ms);

#endif
