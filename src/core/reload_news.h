/* What a load of the configuration changed, for one entry of the audit log: names, and how many where they are too many. */
#ifndef CORE_RELOAD_NEWS_H
#define CORE_RELOAD_NEWS_H

#include "config/node.h"
#include "core/core.h"

enum news_change { NEWS_ADDED, NEWS_CHANGED, NEWS_REMOVED, NEWS_CHANGES };
enum news_kind { NEWS_TARGET, NEWS_CHANNEL, NEWS_KINDS };

#define NEWS_NAMES 20 /* of each kind and change; the rest is counted */

#define NEWS_SETTINGS 100

struct news {
    struct news_list {
        const char *names[NEWS_NAMES];
        size_t n;
    } of[NEWS_KINDS][NEWS_CHANGES];
    /* Settings that are others now: "server.listen", "processes.web.command". */
    struct news_setting {
        const char *path;
        const struct node *before, *after; /* NULL: it was, or is, not there */
    } settings[NEWS_SETTINGS];
    size_t n_settings;
    struct arena *arena;
};

/* group NULL: it belongs to none. */
void core__news_add(struct news *n, enum news_kind kind, enum news_change change, const char *group,
                    const char *name);
/* What of the settings differs; before and after are config_settings() of the arena's. */
void core__news_settings(struct news *n, const struct node *before, const struct node *after);
/* Nothing when a start changed nothing; a reload that a person asked for is told in any case. */
void core__news_audit(struct core *c, const struct news *n, bool asked);

#endif
