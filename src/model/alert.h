/* Alerts, notifications and deliveries as plain data. One road for all alerts (DESIGN.md): whatever
 * fires becomes a struct alert; each change of one is told to channels by deliveries. */
#ifndef MODEL_ALERT_H
#define MODEL_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/maintenance.h"
#include "model/target.h"

enum alert_status { ALERT_FIRING, ALERT_RESOLVED };
const char *alert_status_name(enum alert_status s); /* "firing" */

/* Why an alert does not ring. */
#define SUPPRESSIONS(X)           \
    X(NONE, "")                   \
    X(MAINTENANCE, "maintenance") \
    X(PARENT, "parent")           \
    X(OWN_NETWORK, "own_network") \
    X(NO_CHANNEL, "no_channel")   \
    X(SILENCE, "silence")
enum suppression {
#define X(name, text) SUPPRESSED_##name,
    SUPPRESSIONS(X)
#undef X
};
const char *suppression_name(enum suppression s);

/* A row of alert_records. */
struct alert {
    uint64_t id;
    uint64_t target_id; /* 0: Belfry's own (store full, own network gone) */
    const char *target_name, *target_type, *group, *instance;
    struct label *labels;
    uint32_t n_labels;
    enum alert_status status;
    const char *message; /* of the result that fired it, or that resolved it */
    int32_t fail_count;
    int64_t fired_ms, resolved_ms; /* resolved_ms 0 while firing */
    enum suppression suppressed;
    const char
        *suppressed_by;     /* the window's title, the parent's name, the silence's comment; "" */
    uint64_t suppressed_id; /* and its id; 0 */
    int64_t acked_ms;       /* somebody looks after it: 0 nobody */
    const char *acked_by, *ack_note;
};
struct alert *alert_clone(const struct alert *a);
void alert_free(struct alert *a);

enum event_kind { EVENT_FIRED, EVENT_RESOLVED, EVENT_REMINDER, EVENT_TEST };

/* What a channel is told: one message about one or many alerts of one group. */
struct notification {
    uint64_t delivery_id; /* idempotency key for receivers */
    const char *group;
    struct {
        enum event_kind kind;
        const struct alert *alert;
    } * items;
    uint32_t n_items;
    int64_t now_ms;
    const char *public_url; /* "" when not configured */
};

enum delivery_state { DELIVERY_PENDING, DELIVERY_SENT, DELIVERY_FAILED };
const char *delivery_state_name(enum delivery_state s);

/* A row of the durable queue: one event of one alert for one channel, written in the transaction that
 * changes the alert. Rows that wait for the same channel and group go out as one message (alert/dispatch)
 * and then share its outcome. PENDING until the vendor accepted it or it was given up. */
struct delivery {
    uint64_t id;
    uint64_t channel_id;
    uint64_t alert_id;
    enum event_kind kind;
    const char *group;
    enum delivery_state state;
    int32_t attempts;
    int64_t created_ms;
    int64_t next_ms;    /* not before, after a failed attempt; wall clock */
    int64_t done_ms;    /* sent or given up; 0 while pending */
    const char *answer; /* the vendor's last answer or our error, ≤ 500 bytes */
};

/* A row of notify_channels. */
struct channel {
    uint64_t id;
    const char *name, *type, *webhook_url;
    const char *config_json; /* further options, secrets included */
    bool enabled, mention_all;
    enum target_source source;
    int64_t created_ms, updated_ms;
};
struct channel *channel_clone(const struct channel *c);
void channel_free(struct channel *c);

#endif
