/* Channels: one file each, exporting one const ops table; channel.c lists them.
 *
 * A channel renders a notification and hands it to its vendor on a fiber of the core. It never retries or queues:
 * that is core/deliver's work. It tells whether the vendor accepted; robots answer errors with HTTP 200, so
 * the body decides (reference/uptime-peers.md 4f). */
#ifndef NOTIFY_CHANNEL_H
#define NOTIFY_CHANNEL_H

#include "config/option.h"
#include "io/http_client.h"
#include "model/alert.h"

struct notify_env {
    struct loop *loop;
    struct resolver *resolver;
    struct http_client *http;
};

struct send {
    const struct notify_env *env;
    const struct channel *channel;
    const void *config; /* bound from channel.webhook_url, mention_all and config_json */
    const struct notification *note;
    struct arena *arena;
    int64_t deadline_ns;
    int64_t wall_ms; /* for signatures */
    int64_t *
        retry_after_ms; /* out, may be NULL: how long the vendor asks to be left alone; 0 unknown */
};

struct channel_ops {
    const char *type; /* "wecom" */
    struct text2 title, help;
    const struct option
        *options; /* webhook_url, mention_all included where they apply; plus template, language */
    size_t config_size;
    int32_t rate_per_minute; /* the vendor's limit; 0: none */
    int32_t burst;           /* messages at once */
    size_t max_bytes;        /* of the text, cut on a character boundary */
    void (*validate)(void *config, struct arena *a, struct problems *p,
                     const char *path); /* NULL */
    /* The payload as it would be sent (preview, golden tests). */
    int (*render)(const struct send *s, struct buf *out, struct err *err);
    /* Sends, on a fiber. *answer gets the vendor's words, success or not. err->code tells whether to retry
     * (err_code_retry); its message tells the operator what to do. */
    int (*send)(const struct send *s, struct buf *answer, struct err *err);
};

const struct channel_ops *const *channel_table(void); /* NULL-terminated */
const struct channel_ops *channel_by_type(const char *type);

/* A channel's options as the document {webhook_url, mention_all, …config}; bound copy in `a`. */
void *channel_bind(const struct channel_ops *ops, const struct channel *c, struct arena *a,
                   struct problems *p);

/* What the channel would send for this notification, as its render() gives it (JSON, a whole mail). problems of the
 * channel's options go to p; -1 when it cannot be rendered. Network-free: `belfry channel preview`, the page. */
int notify_preview(const struct channel *c, const struct notification *note, struct arena *a,
                   struct buf *out, struct problems *p, struct err *err);

#endif
