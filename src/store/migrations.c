/* The schema, as numbered migrations: number N takes the file from user_version N-1 to N. Writer thread's
 * connection, at open. A migration that was released is never changed; append a new one.
 *
 * AUTOINCREMENT is not for giving out ids (the core does) but keeps the highest that ever was, so that a deleted
 * target's id and history never come to another. Times are Unix milliseconds, latencies microseconds, durations milliseconds; the views probe_targets and
 * probe_results show the names and units of the seed to whoever opens the file. */
#include "store/store_priv.h"

static const char *const migrations[] = {
    /* 1 */
    "CREATE TABLE targets("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, type TEXT NOT NULL, group_name TEXT NOT NULL,"
    " config TEXT NOT NULL, interval_ms INTEGER NOT NULL, timeout_ms INTEGER NOT NULL,"
    " connect_timeout_ms INTEGER NOT NULL, attempts INTEGER NOT NULL, threshold INTEGER NOT NULL,"
    " resend_interval_ms INTEGER NOT NULL, burst_times INTEGER NOT NULL,"
    " burst_delta_ms INTEGER NOT NULL, burst_min_success REAL NOT NULL,"
    " burst_max_mean_ms INTEGER NOT NULL, enabled INTEGER NOT NULL, source TEXT NOT NULL,"
    " labels TEXT NOT NULL, depends_on TEXT NOT NULL, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL) STRICT;"

    "CREATE TABLE target_states("
    " target_id INTEGER PRIMARY KEY, status TEXT NOT NULL DEFAULT 'unknown',"
    " degraded INTEGER NOT NULL DEFAULT 0, fail_count INTEGER NOT NULL DEFAULT 0,"
    " open_alert_id INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL DEFAULT 0,"
    " last_rung_at INTEGER NOT NULL DEFAULT 0, last_checked_at INTEGER NOT NULL DEFAULT 0,"
    " last_latency_us INTEGER NOT NULL DEFAULT 0, last_message TEXT NOT NULL DEFAULT '') STRICT;"

    "CREATE TABLE notify_channels("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, type TEXT NOT NULL, webhook_url TEXT NOT NULL,"
    " config TEXT NOT NULL, enabled INTEGER NOT NULL, mention_all INTEGER NOT NULL,"
    " source TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;"

    "CREATE TABLE target_channels("
    " target_id INTEGER NOT NULL, channel_id INTEGER NOT NULL,"
    " PRIMARY KEY(target_id, channel_id)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE alert_records("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, target_id INTEGER NOT NULL, target_name TEXT NOT NULL,"
    " target_type TEXT NOT NULL, group_name TEXT NOT NULL, instance TEXT NOT NULL,"
    " labels TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL,"
    " fail_count INTEGER NOT NULL, fired_at INTEGER NOT NULL, resolved_at INTEGER,"
    " suppressed TEXT NOT NULL, suppressed_by TEXT NOT NULL) STRICT;"
    "CREATE INDEX alert_records_target ON alert_records(target_id, id);"
    "CREATE INDEX alert_records_firing ON alert_records(id) WHERE status='firing';"

    "CREATE TABLE deliveries("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, channel_id INTEGER NOT NULL, alert_id INTEGER NOT NULL,"
    " kind TEXT NOT NULL, group_name TEXT NOT NULL, state TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, next_at INTEGER NOT NULL,"
    " done_at INTEGER, answer TEXT NOT NULL) STRICT;"
    "CREATE INDEX deliveries_alert ON deliveries(alert_id, id);"
    "CREATE INDEX deliveries_channel ON deliveries(channel_id, id);"
    "CREATE INDEX deliveries_pending ON deliveries(id) WHERE state='pending';"

    "CREATE TABLE maintenances("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, targets TEXT NOT NULL, groups TEXT NOT NULL,"
    " starts_at INTEGER NOT NULL, ends_at INTEGER, created_at INTEGER NOT NULL) STRICT;"

    "CREATE TABLE ring_cursors(ring_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;"
    "CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"

    /* Results: see store_priv.h. */
    "CREATE TABLE results_hot_0("
    " id INTEGER PRIMARY KEY, prev INTEGER NOT NULL, target_id INTEGER NOT NULL,"
    " checked_at INTEGER NOT NULL, success INTEGER NOT NULL, latency_us INTEGER NOT NULL,"
    " resolve_us INTEGER NOT NULL, message TEXT NOT NULL, address TEXT NOT NULL, metrics TEXT,"
    " warnings TEXT) STRICT;"
    "CREATE TABLE results_hot_1("
    " id INTEGER PRIMARY KEY, prev INTEGER NOT NULL, target_id INTEGER NOT NULL,"
    " checked_at INTEGER NOT NULL, success INTEGER NOT NULL, latency_us INTEGER NOT NULL,"
    " resolve_us INTEGER NOT NULL, message TEXT NOT NULL, address TEXT NOT NULL, metrics TEXT,"
    " warnings TEXT) STRICT;"
    "CREATE TABLE results_merge("
    " one INTEGER PRIMARY KEY CHECK(one=1), active INTEGER NOT NULL, upto INTEGER NOT NULL,"
    " last_id INTEGER NOT NULL) STRICT;"
    "INSERT INTO results_merge VALUES(1,0,0,0);"
    "CREATE TABLE result_parts("
    " name TEXT PRIMARY KEY, day INTEGER NOT NULL, no INTEGER NOT NULL, rows INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"

    "CREATE VIEW probe_targets AS SELECT t.id, t.name, t.type, t.group_name AS \"group\", t.config,"
    " t.interval_ms/1000.0 AS interval_seconds, t.timeout_ms/1000.0 AS timeout_seconds, t.enabled,"
    " CASE WHEN t.enabled THEN coalesce(s.status,'unknown') ELSE 'disabled' END AS status,"
    " s.degraded, s.fail_count, s.last_message, s.last_checked_at,"
    " s.last_latency_us/1000.0 AS last_latency_ms, t.threshold, t.attempts, t.labels, t.depends_on,"
    " (SELECT json_group_array(channel_id) FROM target_channels c WHERE c.target_id=t.id)"
    " AS notify_channel_ids, t.source, t.created_at, t.updated_at"
    " FROM targets t LEFT JOIN target_states s ON s.target_id=t.id;",

    /* 2: supervised programs. States and causes are the numbers of proc/supervisor.h. */
    "CREATE TABLE process_events("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, unit TEXT NOT NULL, kind TEXT NOT NULL,"
    " state_from INTEGER NOT NULL, state_to INTEGER NOT NULL, pid INTEGER NOT NULL,"
    " status INTEGER NOT NULL, cause INTEGER NOT NULL, failure INTEGER NOT NULL,"
    " restarts INTEGER NOT NULL, at INTEGER NOT NULL, ran_ms INTEGER NOT NULL,"
    " next_at INTEGER NOT NULL, cpu_user_us INTEGER NOT NULL, cpu_system_us INTEGER NOT NULL,"
    " max_rss_bytes INTEGER NOT NULL, reason TEXT NOT NULL, tail TEXT NOT NULL) STRICT;"
    "CREATE INDEX process_events_unit ON process_events(unit, id);"
    "CREATE TABLE process_units("
    " unit TEXT PRIMARY KEY, document TEXT NOT NULL, updated_at INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;",

    /* 3: documents are small things that the core holds in memory whole: accounts, tokens, silences, status pages …
     * The audit log is what people changed. An alert can be acknowledged; windows can come again (schedule: JSON), and be of labels. */
    "CREATE TABLE documents("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, document TEXT NOT NULL,"
    " updated_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE audit_log("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL,"
    " origin TEXT NOT NULL, action TEXT NOT NULL, kind TEXT NOT NULL, object TEXT NOT NULL,"
    " before TEXT NOT NULL, after TEXT NOT NULL) STRICT;"
    "CREATE INDEX audit_log_object ON audit_log(kind, object, id);"
    "ALTER TABLE alert_records ADD COLUMN acked_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE alert_records ADD COLUMN acked_by TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE alert_records ADD COLUMN ack_note TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE alert_records ADD COLUMN suppressed_id INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE maintenances ADD COLUMN schedule TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE maintenances ADD COLUMN labels TEXT NOT NULL DEFAULT '[]';",

    /* 4: targets that are probed from several locations; how each of those stands. */
    "ALTER TABLE targets ADD COLUMN locations TEXT NOT NULL DEFAULT '[]';"
    "ALTER TABLE targets ADD COLUMN location_quorum INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE target_places("
    " target_id INTEGER NOT NULL, location TEXT NOT NULL, status TEXT NOT NULL,"
    " degraded INTEGER NOT NULL, fail_count INTEGER NOT NULL, since INTEGER NOT NULL,"
    " last_checked_at INTEGER NOT NULL, last_latency_us INTEGER NOT NULL,"
    " last_message TEXT NOT NULL, PRIMARY KEY(target_id, location)) STRICT, WITHOUT ROWID;",

    /* 5: how often one that is down must be good to be up again; targets that must not answer. */
    ("ALTER TABLE targets ADD COLUMN success_threshold INTEGER NOT NULL DEFAULT 1;"
     "ALTER TABLE targets ADD COLUMN inverted INTEGER NOT NULL DEFAULT 0;"),

    /* 6: how often one that is down was good in a row. */
    ("ALTER TABLE target_states ADD COLUMN good_count INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE target_places ADD COLUMN good_count INTEGER NOT NULL DEFAULT 0;"),
};

int store__schema_newest(void)
{
    return (int)array_len(migrations);
}

static int migrate_to(sqlite3 *db, int version, struct err *err)
{
    must(version >= 1 && version <= store__schema_newest());
    if (store__exec(db, err, "BEGIN IMMEDIATE") < 0)
        return -1;
    if (store__exec(db, err, migrations[version - 1]) < 0 || store__rebuild_view(db, err) < 0 ||
        store__execf(db, err, "PRAGMA user_version=%d", version) < 0 ||
        store__exec(db, err, "COMMIT") < 0) {
        store__rollback(db);
        return err_prefix(err, "migration %d", version);
    }
    return 0;
}

int store__migrate(sqlite3 *db, struct err *err)
{
    int64_t version;
    if (store__int(db, "PRAGMA user_version", &version, err) < 0)
        return -1;
    if (version > store__schema_newest())
        return err_set(err, ERR_CONFLICT,
                       "cannot open the store %s: a newer Belfry wrote it (schema %lld; this one "
                       "knows up to %d); start that Belfry, or point data_dir elsewhere",
                       sqlite3_db_filename(db, "main"), (long long)version, store__schema_newest());
    for (int v = (int)version + 1; v <= store__schema_newest(); v++) {
        if (migrate_to(db, v, err) < 0)
            return -1;
    }
    return 0;
}
