/* The figures of store, engine and rules: belfry_tsdb_*, belfry_promql_*, belfry_rule_*. Main loop. */
#include "core/figures_priv.h"
#include "core/metrics_priv.h"

#define ADD(rows)                                \
    for (size_t i = 0; i < array_len(rows); i++) \
    figure_add(f, rows[i].name, rows[i].type, rows[i].help, (double)rows[i].value)

/* X(name, type, help, field of struct tsdb_stats) */
#define TSDB_FIGURES(X)                                                                            \
    X("series", "gauge", "Series in the head.", series)                                            \
    X("series_created_total", "counter", "Series made.", series_created)                           \
    X("series_forgotten_total", "counter", "Series that left the head.", series_forgotten)         \
    X("series_refused_total", "counter", "Series refused by a limit.", series_refused)             \
    X("samples_total", "counter", "Samples taken.", samples)                                       \
    X("samples_same_total", "counter", "Samples that were there already.", samples_same)           \
    X("samples_duplicate_total", "counter", "Samples refused: another value at their time.",       \
      samples_duplicate)                                                                           \
    X("samples_out_of_order_total", "counter", "Samples refused: too far behind their series.",    \
      samples_out_of_order)                                                                        \
    X("head_chunks", "gauge", "Chunks in the head.", head_chunks)                                  \
    X("head_bytes", "gauge", "Memory of the head.", head_bytes)                                    \
    X("blocks", "gauge", "Blocks on the disk.", blocks)                                            \
    X("block_bytes", "gauge", "Bytes of blocks of single samples.", block_bytes)                   \
    X("tier_bytes", "gauge", "Bytes of blocks of downsampled steps.", tier_bytes)                  \
    X("wal_bytes", "gauge", "Bytes of the write-ahead log.", wal_bytes)                            \
    X("wal_segments", "gauge", "Files of the write-ahead log.", wal_segments)                      \
    X("wal_syncs_total", "counter", "Syncs of the write-ahead log.", wal_syncs)                    \
    X("wal_failures_total", "counter", "Writes to the write-ahead log that failed.", wal_failures) \
    X("damaged_records_total", "counter", "Records lost to damage.", damaged_records)              \
    X("damaged_chunks_total", "counter", "Chunks lost to damage.", damaged_chunks)                 \
    X("snapshots_total", "counter", "Snapshots of the head.", snapshots)                           \
    X("cuts_total", "counter", "Blocks cut from the head.", cuts)                                  \
    X("merges_total", "counter", "Merges of blocks.", merges)                                      \
    X("merge_failures_total", "counter", "Merges that failed.", merge_failures)                    \
    X("tail_lost_bytes_total", "counter", "Log cut off before remote write had read it.",          \
      tail_lost_bytes)                                                                             \
    X("full", "gauge", "1 while the disk is full.", full)

static void add_tsdb(struct core *c, struct tsdb *db, struct figures *f)
{
    struct tsdb_stats s = {0};
    const struct config_metrics *m = &c->config->metrics;
    if (db)
        tsdb_get_stats(db, &s);
    const struct figure_row rows[] = {
        {"belfry_tsdb_up", "gauge", "0 while samples are not accepted.",
         db && !core_metrics_trouble(c)},
#define X(name, type, help, field) {"belfry_tsdb_" name, type, help, (double)s.field},
        TSDB_FIGURES(X)
#undef X
            {"belfry_tsdb_max_series", "gauge", "Series there may be; 0: no bound.",
             (double)m->limits.series},
        {"belfry_tsdb_max_series_per_source", "gauge",
         "Series that one source may have; 0: no bound.", (double)m->limits.series_per_source},
        {"belfry_tsdb_max_bytes", "gauge", "Bytes that blocks may take; 0: no bound.",
         (double)m->retention.size},
        {"belfry_tsdb_keep_seconds", "gauge", "How long single samples are kept; 0: for ever.",
         (double)m->retention.raw_ms / 1000},
        {"belfry_tsdb_replay_seconds", "gauge", "What the last start took.",
         (double)s.replay_ms / 1000},
    };
    ADD(rows);
}

static void add_writer(const struct metrics_writer *w, struct figures *f)
{
    struct metrics_writer_stats s;
    metrics_writer_get_stats(w, &s);
    const struct figure_row rows[] = {
        {"belfry_series_samples_total", "counter", "Samples of probes and of Belfry itself.",
         (double)s.samples},
        {"belfry_series_dropped_total", "counter", "Results and samples that found no room.",
         (double)s.dropped},
        {"belfry_series_refused_total", "counter", "Samples that the store refused.",
         (double)s.refused},
        {"belfry_series_queue_bytes", "gauge", "What waits to be written.", (double)s.queued_bytes},
        {"belfry_series_queue_max_bytes", "gauge", "Room for it.", (double)s.queue_max},
    };
    ADD(rows);
}

static void add_promql(struct core *c, struct promql_engine *e, struct figures *f)
{
    struct promql_stats s = {0};
    const struct config_metrics *m = &c->config->metrics;
    promql_get_stats(e, &s);
    const struct figure_row rows[] = {
        {"belfry_promql_queries_total", "counter", "Queries.", (double)s.queries},
        {"belfry_promql_failed_total", "counter", "Queries that failed.", (double)s.failed},
        {"belfry_promql_cancelled_total", "counter", "Queries whose asker left.",
         (double)s.cancelled},
        {"belfry_promql_timed_out_total", "counter", "Queries that took too long.",
         (double)s.timed_out},
        {"belfry_promql_limited_total", "counter", "Queries ended by a limit.", (double)s.limited},
        {"belfry_promql_slow_total", "counter", "Queries written to the log.", (double)s.slow},
        {"belfry_promql_samples_total", "counter", "Samples read.", (double)s.samples},
        {"belfry_promql_cache_hits_total", "counter", "Queries answered in part from the cache.",
         (double)s.cache_hits},
        {"belfry_promql_cache_misses_total", "counter", "Queries that the cache did not know.",
         (double)s.cache_misses},
        {"belfry_promql_cache_bytes", "gauge", "Memory of the cache.", (double)s.cache_bytes},
        {"belfry_promql_cache_max_bytes", "gauge", "Memory that it may take.",
         (double)m->query.cache},
        {"belfry_promql_running", "gauge", "Queries that run.", s.running},
        {"belfry_promql_waiting", "gauge", "Queries that wait for their turn.", s.waiting},
        {"belfry_promql_max_running", "gauge", "Queries at once.", (double)m->query.concurrency},
        {"belfry_promql_max_samples", "gauge", "Samples that one query may read.",
         (double)m->query.max_samples},
        {"belfry_promql_max_series", "gauge", "Series that one query may select.",
         (double)m->query.max_series},
        {"belfry_promql_max_memory_bytes", "gauge", "Memory of one query.",
         (double)m->query.max_memory},
        {"belfry_promql_memory_bytes", "gauge", "Memory of all queries and their results.",
         (double)s.memory},
        {"belfry_promql_max_total_memory_bytes", "gauge", "Such memory at most; 0: no bound.",
         (double)m->query.total_memory},
        {"belfry_promql_memory_refused_total", "counter",
         "Requests for memory that would have passed it.", (double)s.memory_refused},
        {"belfry_promql_timeout_seconds", "gauge", "Time of one query.",
         (double)m->query.timeout_ms / 1000},
    };
    ADD(rows);
}

static void add_rules(struct rule_manager *r, struct figures *f)
{
    struct rule_stats s = {0};
    rule_manager_get_stats(r, &s);
    const struct figure_row rows[] = {
        {"belfry_rule_groups", "gauge", "Groups of rules.", (double)s.groups},
        {"belfry_rules", "gauge", "Rules.", (double)s.rules},
        {"belfry_rule_evaluations_total", "counter", "Evaluations of rules.",
         (double)s.evaluations},
        {"belfry_rule_failures_total", "counter", "Those that failed.", (double)s.failed},
        {"belfry_rule_missed_total", "counter", "Evaluations of groups that were skipped.",
         (double)s.missed},
        {"belfry_rule_late_total", "counter", "Evaluations of groups that began late.",
         (double)s.late},
        {"belfry_rule_samples_total", "counter", "Samples that rules wrote.", (double)s.samples},
        {"belfry_rule_samples_refused_total", "counter", "Samples of rules that were refused.",
         (double)s.samples_refused},
        {"belfry_rule_notices_total", "counter", "What alerts of rules told.", (double)s.notices},
        {"belfry_rule_alerts_pending", "gauge", "Alerts that wait for their time.",
         (double)s.pending},
        {"belfry_rule_alerts_firing", "gauge", "Alerts that fire.", (double)s.firing},
        {"belfry_rule_evaluation_seconds_total", "counter", "Time of evaluations.",
         (double)s.eval_ns / 1e9},
    };
    ADD(rows);
}

/* --- remote write --- */

struct senders {
    struct arena *arena;
    vec_of(struct remote_stats) all;
    vec_of(struct label *) labels;
};

static void copy_sender(void *arg, const struct remote_stats *s)
{
    struct senders *y = arg;
    struct label *labels = arena_array_of(y->arena, struct label, 2);
    labels[0] = (struct label){"remote_name", arena_strdup(y->arena, s->name)};
    labels[1] = (struct label){"url", arena_strdup(y->arena, s->url)};
    vec_push(&y->all, *s);
    vec_push(&y->labels, labels);
}

#define REMOTE_FIGURES(X)                                                                          \
    X("samples_total", "counter", "Samples delivered.", (double)s->sent)                           \
    X("failed_total", "counter", "Samples that the receiver refused for good.", (double)s->failed) \
    X("dropped_total", "counter", "Samples dropped by relabelling or age.", (double)s->dropped)    \
    X("retried_total", "counter", "Samples that were sent again.", (double)s->retried)             \
    X("requests_total", "counter", "Requests.", (double)s->requests)                               \
    X("bytes_total", "counter", "Bytes sent.", (double)s->bytes)                                   \
    X("pending_samples", "gauge", "Samples read and not delivered yet.", (double)s->pending)       \
    X("newest_sent_timestamp_seconds", "gauge", "Time of the newest sample delivered.",            \
      (double)s->newest_sent_ms / 1000)                                                            \
    X("shards", "gauge", "Requests at once.", s->shards)                                           \
    X("failing", "gauge", "1 while attempts fail.", s->failing)

static void add_remote(struct remote_writers *w, struct figures *f)
{
    struct senders y = {.arena = f->arena};
    remote_writers_each(w, copy_sender, &y);
#define X(name, type, help, value)                                                                 \
    for (size_t i = 0; i < y.all.n; i++) {                                                         \
        const struct remote_stats *s = &y.all.at[i];                                               \
        figure_add_labelled(f, "belfry_remote_write_" name, type, help, y.labels.at[i], 2, value); \
    }
    REMOTE_FIGURES(X)
#undef X
    vec_done(&y.all);
    vec_done(&y.labels);
}

void core__figures_metrics(struct core *c, struct figures *f)
{
    struct metrics *m = c->metrics;
    if (!m)
        return;
    add_tsdb(c, m->db, f);
    add_writer(m->writer, f);
    if (m->engine)
        add_promql(c, m->engine, f);
    if (m->rules)
        add_rules(m->rules, f);
    if (m->remote)
        add_remote(m->remote, f);
}
