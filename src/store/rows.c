/* Rows of alert_records and deliveries as structs, and the texts that stand for enums. Any thread. */
#include "base/str.h"
#include "store/store_priv.h"

const char *store__source_name(enum target_source s)
{
    return s == SOURCE_FILE ? "file" : "api";
}

enum target_source store__source_of(const char *text)
{
    return strcmp(text, "file") == 0 ? SOURCE_FILE : SOURCE_API;
}

static const char *const event_names[] = {"fired", "resolved", "reminder", "test"};

const char *store__event_name(enum event_kind k)
{
    must((size_t)k < array_len(event_names));
    return event_names[k];
}

static enum event_kind event_of(const char *text)
{
    for (size_t i = 0; i < array_len(event_names); i++) {
        if (strcmp(text, event_names[i]) == 0)
            return (enum event_kind)i;
    }
    return EVENT_FIRED;
}

static enum suppression suppression_of(const char *text)
{
    static const enum suppression all[] = {
#define X(name, text) SUPPRESSED_##name,
        SUPPRESSIONS(X)
#undef X
    };
    for (size_t i = 0; i < array_len(all); i++) {
        if (strcmp(text, suppression_name(all[i])) == 0)
            return all[i];
    }
    return SUPPRESSED_NONE;
}

void store__row_alert(sqlite3_stmt *st, struct arena *a, struct alert *out)
{
    must(sqlite3_column_count(st) == 18);
    *out = (struct alert){
        .id = (uint64_t)sqlite3_column_int64(st, 0),
        .target_id = (uint64_t)sqlite3_column_int64(st, 1),
        .target_name = arena_strdup(a, store__text(st, 2)),
        .target_type = arena_strdup(a, store__text(st, 3)),
        .group = arena_strdup(a, store__text(st, 4)),
        .instance = arena_strdup(a, store__text(st, 5)),
        .status = strcmp(store__text(st, 7), "firing") == 0 ? ALERT_FIRING : ALERT_RESOLVED,
        .message = arena_strdup(a, store__text(st, 8)),
        .fail_count = sqlite3_column_int(st, 9),
        .fired_ms = sqlite3_column_int64(st, 10),
        .resolved_ms = sqlite3_column_int64(st, 11),
        .suppressed = suppression_of(store__text(st, 12)),
        .suppressed_by = arena_strdup(a, store__text(st, 13)),
        .suppressed_id = (uint64_t)sqlite3_column_int64(st, 14),
        .acked_ms = sqlite3_column_int64(st, 15),
        .acked_by = arena_strdup(a, store__text(st, 16)),
        .ack_note = arena_strdup(a, store__text(st, 17)),
    };
    store__parse_labels(store__text(st, 6), a, &out->labels, &out->n_labels);
}

void store__row_delivery(sqlite3_stmt *st, struct delivery *out)
{
    must(sqlite3_column_count(st) == 11);
    const char *state = store__text(st, 5);
    *out = (struct delivery){
        .id = (uint64_t)sqlite3_column_int64(st, 0),
        .channel_id = (uint64_t)sqlite3_column_int64(st, 1),
        .alert_id = (uint64_t)sqlite3_column_int64(st, 2),
        .kind = event_of(store__text(st, 3)),
        .group = store__text(st, 4),
        .state = strcmp(state, "sent") == 0     ? DELIVERY_SENT
                 : strcmp(state, "failed") == 0 ? DELIVERY_FAILED
                                                : DELIVERY_PENDING,
        .attempts = sqlite3_column_int(st, 6),
        .created_ms = sqlite3_column_int64(st, 7),
        .next_ms = sqlite3_column_int64(st, 8),
        .done_ms = sqlite3_column_int64(st, 9),
        .answer = store__text(st, 10),
    };
}
