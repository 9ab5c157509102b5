/* The index of targets: which of 100,000 fit a filter, in which order, and how many there are of each kind. It answers on
 * the thread that asks, so that lists of the page never hold the core's loop.
 *
 * The core's loop writes. What changes with every result (state, latency, since when, the reason of a failure) is written
 * without a lock; readers see each field as it is at the moment. What a target is (name, group, labels …) changes under
 * a write lock that waits for searches under way, a few milliseconds. */
#ifndef CORE_TARGET_INDEX_H
#define CORE_TARGET_INDEX_H

#include "base/arena.h"
#include "base/err.h"
#include "model/target.h"

/* What a target is on the page, worst first. X(NAME, "json") */
#define SHOWN_STATES(X)           \
    X(DOWN, "down")               \
    X(DEGRADED, "degraded")       \
    X(UNKNOWN, "unknown")         \
    X(MAINTENANCE, "maintenance") \
    X(UP, "up")                   \
    X(PAUSED, "paused")
enum shown_state {
#define X(name, text) SHOWN_##name,
    SHOWN_STATES(X)
#undef X
        N_SHOWN
};
const char *shown_state_name(enum shown_state s);

/* What is true of a target just now. */
struct index_live {
    enum target_status status; /* as the API tells it, maintenance included */
    bool degraded;             /* healthy with warnings */
    int32_t fail_count;
    int64_t latency_us; /* of the last result; 0 none */
    int64_t since_ms;
};
/* One that fails, but not yet often enough to ring, is shown as degraded. */
enum shown_state shown_state_of(bool enabled, const struct index_live *live);

struct target_index;

struct target_index *target_index_new(void);
void target_index_free(struct target_index **ix);

/* --- the core's loop --- */
/* Adds or replaces the target of t->id. What is live starts as unknown, or stays as it is. */
void target_index_put(struct target_index *ix, const struct target *t, const char *address);
void target_index_del(struct target_index *ix, uint64_t id);
/* message: searched while the target is not well; NULL none. */
void target_index_live(struct target_index *ix, uint64_t id, const struct index_live *live,
                       const char *message);

/* --- any thread --- */
enum index_sort {
    INDEX_BY_ID,
    INDEX_BY_NAME,
    INDEX_BY_GROUP,
    INDEX_WORST,
    INDEX_LATENCY,
    INDEX_SINCE
};
/* "worst" … ; false: no such order. */
bool index_sort_parse(const char *text, enum index_sort *out);

#define INDEX_WORDS_MAX 16

struct index_query {
    const char *q;       /* words, each of which must occur; NULL: all */
    uint32_t states;     /* bits of shown_state; 0: all */
    uint32_t statuses;   /* bits of target_status; 0: all */
    bool degraded;       /* status "degraded": healthy ones with warnings, beside `statuses` */
    const char *group;   /* NULL: all */
    const char *type;    /* NULL: all */
    const char *source;  /* "file", "api"; NULL: all */
    const char *enabled; /* "true", "false"; NULL: all */
    const char *label;   /* "name" or "name=value"; NULL: all */
    const uint64_t *ids; /* only these; NULL: all */
    size_t n_ids;
    const char *const *groups; /* which the caller may see, ended by NULL; NULL: all */
    bool groups_hidden;        /* `groups` are those that it may not see */
    enum index_sort sort;
    /* Groups one after the other, those with trouble first, each in the order `sort`. */
    bool grouped;
    const char *cursor; /* of an earlier answer; NULL: from the beginning. Not when grouped */
    uint64_t offset, limit;
    bool facets;
};

struct index_group {
    const char *name;
    uint64_t targets, by_state[N_SHOWN];
    uint64_t worst_id; /* the worst of them; 0 when none is down or degraded */
    enum shown_state worst;
};
struct index_count {
    const char *name; /* a label's: "name=value" */
    uint64_t targets;
};

/* Everything lives in the arena. */
struct index_answer {
    uint64_t *ids;
    size_t n;
    uint64_t total;
    const char *next; /* cursor of what follows; NULL: nothing does */
    /* With q->facets. Each kind counts what fits all filters but its own. */
    uint64_t all[N_SHOWN]; /* whatever the filters */
    uint64_t by_state[N_SHOWN];
    struct index_group
        *groups; /* in the order of `grouped`: those that fit, with q->group only it */
    size_t n_groups;
    struct index_count *group_names, *types, *labels; /* by name; labels: the most frequent */
    size_t n_group_names, n_types, n_labels;
};
/* INVALID: the cursor is none of this order. */
int target_index_find(struct target_index *ix, const struct index_query *q, struct arena *a,
                      struct index_answer *out, struct err *err);

#endif
