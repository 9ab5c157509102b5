/* Whole tables at the start of the core, on its loop's thread, through a connection of their own. */
#include "base/str.h"
#include "store/store_priv.h"

/* Runs sql on a connection of its own; row for each row. */
static int each_row(struct store *s, const char *sql, void (*row)(void *arg, sqlite3_stmt *st),
                    void *arg, struct err *err)
{
    check_magic(s, STORE_MAGIC);
    sqlite3 *db = NULL;
    if (store__open_db(s->path, false, &db, err) < 0)
        return -1;
    int failed = -1;
    sqlite3_stmt *st = store__prepare(db, sql, err);
    if (st) {
        int rc;
        while ((rc = sqlite3_step(st)) == SQLITE_ROW)
            row(arg, st);
        failed = rc == SQLITE_DONE ? 0 : store__fail(db, err, "read");
        sqlite3_finalize(st);
    }
    sqlite3_close(db);
    return failed;
}

static void row_max_ids(void *arg, sqlite3_stmt *st)
{
    struct store_max_ids *out = arg;
    *out = (struct store_max_ids){
        .target = (uint64_t)sqlite3_column_int64(st, 0),
        .result = (uint64_t)sqlite3_column_int64(st, 1),
        .alert = (uint64_t)sqlite3_column_int64(st, 2),
        .delivery = (uint64_t)sqlite3_column_int64(st, 3),
        .channel = (uint64_t)sqlite3_column_int64(st, 4),
        .maintenance = (uint64_t)sqlite3_column_int64(st, 5),
        .process_event = (uint64_t)sqlite3_column_int64(st, 6),
        .document = (uint64_t)sqlite3_column_int64(st, 7),
        .audit = (uint64_t)sqlite3_column_int64(st, 8),
    };
}

int store_load_max_ids(struct store *s, struct store_max_ids *out, struct err *err)
{
#define EVER(table) "(SELECT coalesce(max(seq),0) FROM sqlite_sequence WHERE name='" table "')"
    return each_row(
        s,
        "SELECT " EVER(
            "targets") ","
                       " max((SELECT last_id FROM results_merge),"
                       "  (SELECT coalesce(max(id),0) FROM results_hot_0),"
                       "  (SELECT coalesce(max(id),0) FROM results_hot_1))," EVER("alert_records") "," EVER("deliveries") "," EVER(
                           "notify_channels") "," EVER("maintenances") "," EVER("process_events") "," EVER("documents") "," EVER("audit_log"),
        row_max_ids, out, err);
#undef EVER
}

/* --- targets --- */

struct target_load {
    struct store *s;
    void (*fn)(void *arg, const struct target *t, const struct target_state *st,
               const char *last_message);
    void *arg;
    struct arena *a;
    sqlite3_stmt *channels, *hot[2];
};

#define TARGET_SQL                                                                                 \
    "SELECT t.id,name,type,group_name,config,interval_ms,timeout_ms,connect_timeout_ms,attempts,"  \
    "threshold,resend_interval_ms,burst_times,burst_delta_ms,burst_min_success,"                   \
    "burst_max_mean_ms,enabled,source,labels,depends_on,created_at,updated_at,"                    \
    "status,degraded,fail_count,open_alert_id,since,last_rung_at,last_checked_at,"                 \
    "last_latency_us,last_message,locations,location_quorum,success_threshold,inverted,good_count" \
    " FROM targets t LEFT JOIN target_states s ON s.target_id=t.id"                                \
    " ORDER BY t.id"

static void read_spec(sqlite3_stmt *st, struct arena *a, struct target *t)
{
    *t = (struct target){
        .id = (uint64_t)sqlite3_column_int64(st, 0),
        .name = store__text(st, 1),
        .type = store__text(st, 2),
        .group = store__text(st, 3),
        .config_json = store__text(st, 4),
        .interval_ms = sqlite3_column_int64(st, 5),
        .timeout_ms = sqlite3_column_int64(st, 6),
        .connect_timeout_ms = sqlite3_column_int64(st, 7),
        .attempts = sqlite3_column_int(st, 8),
        .threshold = sqlite3_column_int(st, 9),
        .resend_interval_ms = sqlite3_column_int64(st, 10),
        .burst = {.times = sqlite3_column_int(st, 11),
                  .delta_ms = sqlite3_column_int64(st, 12),
                  .min_success = sqlite3_column_double(st, 13),
                  .max_mean_ms = sqlite3_column_int64(st, 14)},
        .enabled = sqlite3_column_int(st, 15) != 0,
        .source = store__source_of(store__text(st, 16)),
        .created_ms = sqlite3_column_int64(st, 19),
        .updated_ms = sqlite3_column_int64(st, 20),
        .location_quorum = sqlite3_column_int(st, 31),
        .success_threshold = sqlite3_column_int(st, 32),
        .invert = sqlite3_column_int(st, 33) != 0,
    };
    if (strcmp(store__text(st, 17), "{}") != 0)
        store__parse_labels(store__text(st, 17), a, &t->labels, &t->n_labels);
    if (strcmp(store__text(st, 18), "[]") != 0)
        store__parse_ids(store__text(st, 18), a, &t->depends_on);
    if (strcmp(store__text(st, 30), "[]") != 0)
        store__parse_strings(store__text(st, 30), a, &t->locations.at, &t->locations.n);
}

static void read_state(sqlite3_stmt *st, struct target_state *out)
{
    *out = (struct target_state){
        .degraded = sqlite3_column_int(st, 22) != 0,
        .fail_count = sqlite3_column_int(st, 23),
        .good_count = sqlite3_column_int(st, 34),
        .open_alert_id = (uint64_t)sqlite3_column_int64(st, 24),
        .since_ms = sqlite3_column_int64(st, 25),
        .last_rung_ms = sqlite3_column_int64(st, 26),
        .last_checked_ms = sqlite3_column_int64(st, 27),
        .last_latency_us = sqlite3_column_int64(st, 28),
    };
    if (!target_status_parse(store__text(st, 21), &out->status))
        out->status = TARGET_UNKNOWN;
}

static void read_channels(sqlite3_stmt *st, struct arena *a, struct target *t)
{
    vec_of(uint64_t) ids = {0};
    sqlite3_bind_int64(st, 1, (int64_t)t->id);
    while (sqlite3_step(st) == SQLITE_ROW)
        vec_push(&ids, (uint64_t)sqlite3_column_int64(st, 0));
    sqlite3_reset(st);
    if (ids.n > 0)
        t->channels =
            (struct id_list){arena_memdup(a, ids.at, ids.n * sizeof(*ids.at)), (uint32_t)ids.n};
    vec_done(&ids);
}

/* A steady target's row is not written at every result (exec.c): its newest result tells the rest. */
static const char *refresh(struct target_load *l, uint64_t id, struct target_state *state,
                           const char *message)
{
    uint64_t heads[2];
    store__hot_heads(&l->s->hot, id, heads);
    for (int slot = 0; slot < 2; slot++) {
        sqlite3_stmt *st = l->hot[slot];
        if (heads[slot] == 0)
            continue;
        sqlite3_bind_int64(st, 1, (int64_t)heads[slot]);
        if (sqlite3_step(st) == SQLITE_ROW &&
            sqlite3_column_int64(st, 0) > state->last_checked_ms) {
            state->last_checked_ms = sqlite3_column_int64(st, 0);
            state->last_latency_us = sqlite3_column_int64(st, 1);
            message = arena_strdup(l->a, store__text(st, 2));
        }
        sqlite3_reset(st);
    }
    return message;
}

static void row_target(void *arg, sqlite3_stmt *st)
{
    struct target_load *l = arg;
    struct target t;
    struct target_state state;
    arena_reset(l->a);
    read_spec(st, l->a, &t);
    read_state(st, &state);
    read_channels(l->channels, l->a, &t);
    const char *message = refresh(l, t.id, &state, store__text(st, 29));
    l->fn(l->arg, &t, &state, message);
}

int store_load_targets(struct store *s,
                       void (*fn)(void *arg, const struct target *t, const struct target_state *st,
                                  const char *last_message),
                       void *arg, struct err *err)
{
    check_magic(s, STORE_MAGIC);
    struct target_load l = {.s = s, .fn = fn, .arg = arg};
    sqlite3 *db = NULL;
    if (store__open_db(s->path, false, &db, err) < 0)
        return -1;
    int failed = -1;
    l.a = arena_new();
    l.channels = store__prepare(
        db, "SELECT channel_id FROM target_channels WHERE target_id=?1 ORDER BY channel_id", err);
    for (int slot = 0; slot < 2; slot++)
        l.hot[slot] = store__preparef(
            db, err, "SELECT checked_at, latency_us, message FROM results_hot_%d WHERE id=?1",
            slot);
    if (l.channels && l.hot[0] && l.hot[1])
        failed = each_row(s, TARGET_SQL, row_target, &l, err);
    store__finalizep(&l.channels);
    store__finalizep(&l.hot[0]);
    store__finalizep(&l.hot[1]);
    arena_free(l.a);
    sqlite3_close(db);
    return failed;
}

struct place_load {
    void (*fn)(void *arg, uint64_t target_id, const char *location, const struct target_state *st,
               const char *last_message);
    void *arg;
};

static void row_place(void *arg, sqlite3_stmt *st)
{
    const struct place_load *l = arg;
    struct target_state state = {
        .degraded = sqlite3_column_int(st, 3) != 0,
        .fail_count = sqlite3_column_int(st, 4),
        .since_ms = sqlite3_column_int64(st, 5),
        .last_checked_ms = sqlite3_column_int64(st, 6),
        .last_latency_us = sqlite3_column_int64(st, 7),
        .good_count = sqlite3_column_int(st, 9),
    };
    if (!target_status_parse(store__text(st, 2), &state.status))
        state.status = TARGET_UNKNOWN;
    l->fn(l->arg, (uint64_t)sqlite3_column_int64(st, 0), store__text(st, 1), &state,
          store__text(st, 8));
}

int store_load_places(struct store *s,
                      void (*fn)(void *arg, uint64_t target_id, const char *location,
                                 const struct target_state *st, const char *last_message),
                      void *arg, struct err *err)
{
    check_magic(s, STORE_MAGIC);
    return each_row(s,
                    "SELECT target_id,location,status,degraded,fail_count,since,last_checked_at,"
                    "last_latency_us,last_message,good_count FROM target_places ORDER BY target_id",
                    row_place, &(struct place_load){fn, arg}, err);
}

/* --- the smaller tables --- */

struct channel_load {
    void (*fn)(void *arg, const struct channel *c);
    void *arg;
};

static void row_channel(void *arg, sqlite3_stmt *st)
{
    struct channel_load *l = arg;
    const struct channel c = {
        .id = (uint64_t)sqlite3_column_int64(st, 0),
        .name = store__text(st, 1),
        .type = store__text(st, 2),
        .webhook_url = store__text(st, 3),
        .config_json = store__text(st, 4),
        .enabled = sqlite3_column_int(st, 5) != 0,
        .mention_all = sqlite3_column_int(st, 6) != 0,
        .source = store__source_of(store__text(st, 7)),
        .created_ms = sqlite3_column_int64(st, 8),
        .updated_ms = sqlite3_column_int64(st, 9),
    };
    l->fn(l->arg, &c);
}

int store_load_channels(struct store *s, void (*fn)(void *arg, const struct channel *c), void *arg,
                        struct err *err)
{
    return each_row(s,
                    "SELECT id,name,type,webhook_url,config,enabled,mention_all,source,created_at,"
                    "updated_at FROM notify_channels ORDER BY id",
                    row_channel, &(struct channel_load){fn, arg}, err);
}

struct alert_load {
    void (*fn)(void *arg, const struct alert *a);
    void *arg;
    struct arena *a;
};

static void row_alert(void *arg, sqlite3_stmt *st)
{
    struct alert_load *l = arg;
    struct alert alert;
    arena_reset(l->a);
    store__row_alert(st, l->a, &alert);
    l->fn(l->arg, &alert);
}

int store_load_open_alerts(struct store *s, void (*fn)(void *arg, const struct alert *a), void *arg,
                           struct err *err)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    return each_row(s,
                    "SELECT " ALERT_COLUMNS " FROM alert_records WHERE status='firing' ORDER BY id",
                    row_alert, &(struct alert_load){fn, arg, a}, err);
}

struct delivery_load {
    void (*fn)(void *arg, const struct delivery *d);
    void *arg;
};

static void row_delivery(void *arg, sqlite3_stmt *st)
{
    struct delivery_load *l = arg;
    struct delivery d;
    store__row_delivery(st, &d);
    l->fn(l->arg, &d);
}

int store_load_pending_deliveries(struct store *s, void (*fn)(void *arg, const struct delivery *d),
                                  void *arg, struct err *err)
{
    return each_row(s,
                    "SELECT " DELIVERY_COLUMNS " FROM deliveries WHERE state='pending' ORDER BY id",
                    row_delivery, &(struct delivery_load){fn, arg}, err);
}

struct maintenance_load {
    void (*fn)(void *arg, const struct maintenance *m);
    void *arg;
    struct arena *a;
};

static void row_maintenance(void *arg, sqlite3_stmt *st)
{
    struct maintenance_load *l = arg;
    arena_reset(l->a);
    struct maintenance m = {
        .id = (uint64_t)sqlite3_column_int64(st, 0),
        .title = store__text(st, 1),
        .starts_ms = sqlite3_column_int64(st, 4),
        .ends_ms = sqlite3_column_int64(st, 5),
        .created_ms = sqlite3_column_int64(st, 6),
    };
    store__parse_ids(store__text(st, 2), l->a, &m.targets);
    store__parse_strings(store__text(st, 3), l->a, &m.groups, &m.n_groups);
    store__parse_schedule(store__text(st, 7), l->a, &m.schedule);
    store__parse_matchers(store__text(st, 8), l->a, &m.matchers, &m.n_matchers);
    l->fn(l->arg, &m);
}

int store_load_maintenances(struct store *s, void (*fn)(void *arg, const struct maintenance *m),
                            void *arg, struct err *err)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    return each_row(s,
                    "SELECT id,title,targets,groups,starts_at,ends_at,created_at,schedule,labels"
                    " FROM maintenances ORDER BY id",
                    row_maintenance, &(struct maintenance_load){fn, arg, a}, err);
}

struct process_load {
    void (*fn)(void *arg, const char *unit, const char *doc_json);
    void *arg;
};

static void row_process(void *arg, sqlite3_stmt *st)
{
    struct process_load *l = arg;
    l->fn(l->arg, store__text(st, 0), store__text(st, 1));
}

int store_load_processes(struct store *s,
                         void (*fn)(void *arg, const char *unit, const char *doc_json), void *arg,
                         struct err *err)
{
    return each_row(s, "SELECT unit,document FROM process_units ORDER BY unit", row_process,
                    &(struct process_load){fn, arg}, err);
}

struct document_load {
    void (*fn)(void *arg, uint64_t id, const char *kind, const char *json);
    void *arg;
};

static void row_document(void *arg, sqlite3_stmt *st)
{
    struct document_load *l = arg;
    l->fn(l->arg, (uint64_t)sqlite3_column_int64(st, 0), store__text(st, 1), store__text(st, 2));
}

int store_load_documents(struct store *s,
                         void (*fn)(void *arg, uint64_t id, const char *kind, const char *json),
                         void *arg, struct err *err)
{
    return each_row(s, "SELECT id,kind,document FROM documents ORDER BY id", row_document,
                    &(struct document_load){fn, arg}, err);
}

struct one_alert {
    struct arena *a;
    struct alert *out;
    bool found;
};

static void row_one_alert(void *arg, sqlite3_stmt *st)
{
    struct one_alert *o = arg;
    store__row_alert(st, o->a, o->out);
    o->found = true;
}

int store_load_alert(struct store *s, uint64_t id, struct arena *a, struct alert *out,
                     struct err *err)
{
    struct one_alert o = {a, out, false};
    char sql[300];
    struct buf text = BUF_FIXED(sql);
    buf_printf(&text, "SELECT " ALERT_COLUMNS " FROM alert_records WHERE id=%llu",
               (unsigned long long)id);
    must(!text.failed);
    if (each_row(s, sql, row_one_alert, &o, err) < 0)
        return -1;
    if (!o.found)
        return err_set(err, ERR_NOT_FOUND, "there is no alert %llu", (unsigned long long)id);
    return 0;
}

static void row_u64(void *arg, sqlite3_stmt *st)
{
    *(uint64_t *)arg = (uint64_t)sqlite3_column_int64(st, 0);
}

int store_load_cursor(struct store *s, uint64_t ring_id, uint64_t *seq, struct err *err)
{
    uint64_t found = 0;
    char sql[100];
    struct buf text = BUF_FIXED(sql);
    buf_printf(&text, "SELECT seq FROM ring_cursors WHERE ring_id=%lld", (long long)ring_id);
    must(!text.failed);
    if (each_row(s, sql, row_u64, &found, err) < 0)
        return -1;
    *seq = found;
    return 0;
}
