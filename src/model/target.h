/* A monitored target: its specification (from the file or the API) and its live state.
 *
 * A struct target is immutable and reference-free: one allocation, replaced as a whole when it changes.
 * JSON shape: CONTRACT.md, "A target". */
#ifndef MODEL_TARGET_H
#define MODEL_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* X(NAME, "json") */
#define TARGET_STATUSES(X)    \
    X(UNKNOWN, "unknown")     \
    X(HEALTHY, "healthy")     \
    X(UNHEALTHY, "unhealthy") \
    X(DISABLED, "disabled")   \
    X(MAINTENANCE, "maintenance")
enum target_status {
#define X(name, text) TARGET_##name,
    TARGET_STATUSES(X)
#undef X
};
const char *target_status_name(enum target_status s);
bool target_status_parse(const char *text, enum target_status *out);

enum target_source { SOURCE_API, SOURCE_FILE };

struct id_list {
    uint64_t *at;
    uint32_t n;
};
struct name_list {
    const char **at;
    uint32_t n;
};
struct label {
    const char *name, *value;
};
struct burst { /* seed 003: times 0 means no burst */
    int32_t times;
    int64_t delta_ms;
    double min_success;  /* 0.7 */
    int64_t max_mean_ms; /* 5000 */
};

struct target {
    uint64_t id; /* 0: not stored yet */
    const char *name, *type, *group;
    const char *config_json; /* object as the API takes it, secrets included */
    int64_t interval_ms, timeout_ms, connect_timeout_ms;
    int32_t attempts, threshold;
    int32_t success_threshold; /* good ones in a row until it is up again; 0: one */
    bool invert;               /* a good probe is a failure, and the other way round */
    bool one_address; /* of a /probe, never stored: the first address of a name alone is tried */
    int64_t resend_interval_ms; /* 0: never */
    struct burst burst;
    bool enabled;
    enum target_source source;
    struct label *labels;
    uint32_t n_labels;
    struct id_list channels;    /* notify_channel_ids */
    struct id_list depends_on;  /* parents: while one fails, this one does not ring */
    struct name_list locations; /* from where it is probed; none: from here alone */
    int32_t location_quorum;    /* down when so many locations say so; 0: the majority */
    int64_t created_ms, updated_ms;
};

#define TARGET_LOCATIONS_MAX 16
#define LOCATION_LOCAL       "local" /* this server */
#define LOCATION_NAME_MAX    64

/* What is wanted of a location's name that a target gives ("want no slash …"); NULL: it is fine. 1 to LOCATION_NAME_MAX bytes of UTF-8,
 * as a group's. */
const char *location_name_fault(const char *name);
/* The same of one that an agent speaks for (a row of `locations`, a token of scope agent): not LOCATION_LOCAL, either. */
const char *location_agent_fault(const char *name);

/* Names any location but this server. */
bool target_is_located(const struct target *t);
/* Is probed from there? One that names no location: from LOCATION_LOCAL. */
bool target_is_at(const struct target *t, const char *location);

/* Deep copy in one malloc block; free() it with target_free. */
struct target *target_clone(const struct target *t);
void target_free(struct target *t);
/* Equal in everything but id and times. */
bool target_same_spec(const struct target *a, const struct target *b);
uint64_t target_spec_hash(const struct target *t);

struct target_state {
    enum target_status status;
    bool degraded;          /* healthy with warnings */
    int32_t fail_count;     /* consecutive failures; stays while it is down */
    int32_t good_count;     /* in a row since it is down */
    uint64_t open_alert_id; /* alert_records row that is firing; 0 none */
    int64_t since_ms;       /* of this status */
    int64_t last_checked_ms;
    int64_t last_latency_us;
    int64_t last_rung_ms; /* last notification of the open alert, for resend_interval */
};

#endif
