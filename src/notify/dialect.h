/* Dialects: how each vendor writes bold, links and colours, and how a stranger's text is made harmless in it.
 *
 * A target's message may hold anything: `<@all>`, `](http://evil)`, `<!channel>`. escape() makes such text
 * show as it is and never mention people, link or start a heading: control characters and line ends become spaces.
 * Any thread; no state. */
#ifndef NOTIFY_DIALECT_H
#define NOTIFY_DIALECT_H

#include "base/buf.h"
#include "base/str.h"

struct dialect {
    const char *name;
    void (*escape)(struct buf *out, const char *s, size_t n); /* a value */
    void (*literal)(struct buf *out, const char *s,
                    size_t n); /* the operator's own template text */
    const char *bold_open, *bold_close;
    /* text is in the dialect already */
    void (*link)(struct buf *out, struct str url, struct str text);
    void (*color)(struct buf *out, struct str name, struct str text); /* red green orange grey */
};

extern const struct dialect dialect_text;     /* plain */
extern const struct dialect dialect_wecom;    /* WeCom markdown */
extern const struct dialect dialect_dingtalk; /* DingTalk markdown */
extern const struct dialect dialect_lark;     /* Feishu lark_md */
extern const struct dialect dialect_slack;    /* Slack mrkdwn */
extern const struct dialect dialect_html;     /* mail */

#endif
