/* What the templates of messages know beyond the language (base/template.h, docs/templates.md).
 *
 * Functions: t ZH EN [N], default D, truncate N, duration, time [ZONE], upper, lower, trim, first N, len, bold, link URL,
 * color NAME, raw, json, urlquery, eq ne lt le gt ge, not, and, or. Every value that is written is escaped
 * for the channel's dialect, unless it came from bold, link, color or raw. Any thread; no state. */
#ifndef NOTIFY_TEMPLATE_H
#define NOTIFY_TEMPLATE_H

#include "base/template.h"
#include "notify/dialect.h"

enum language { LANG_ZH, LANG_EN, LANG_BOTH };

/* template_env.self of these templates. */
struct template_words {
    const struct dialect *dialect;
    enum language lang;
    const char *zone; /* of `time` without argument: see zone_offset; NULL: local */
};
extern const struct template_style message_style;

/* Offset of a zone at a moment, in seconds: "local", "UTC", "+08:00", "Europe/Berlin" and other zones
 * of base/zone.h. MALFORMED otherwise. */
int zone_offset(const char *zone, int64_t wall_ms, int *seconds, struct err *err);
/* "2026-11-20 16:00:00" */
#define ZONE_TIME_SIZE 64
int zone_time(const char *zone, int64_t wall_ms, char *buf, struct err *err);
/* "3m20s", "3分20秒", whole seconds from one second on. */
void duration_words(struct buf *out, int64_t ms, enum language lang);

#endif
