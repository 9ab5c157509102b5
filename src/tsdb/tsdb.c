/* The facade (tsdb.h): opening and closing, series and their short cuts. */
#include "tsdb/tsdb.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/rng.h"
#include "tsdb/tsdb_priv.h"

#define BLOCK_MS_MAX (INT64_C(31) * 86400000)

int64_t tsdb__now(const struct tsdb *db)
{
    return db->opt.now_ms ? db->opt.now_ms() : clock_wall_ms();
}

static int check_options(const struct tsdb_options *o, struct err *err)
{
    if (!o->dir || !*o->dir)
        return err_set(err, ERR_INVALID, "cannot open the metrics store: got no directory");
    if (o->block_ms < 60000 || o->block_ms > BLOCK_MS_MAX)
        return err_set(err, ERR_INVALID,
                       "cannot open the metrics store: got blocks of %lld ms; want 1m to 31d",
                       (long long)o->block_ms);
    if (o->wal_sync_ms < 0 || o->out_of_order_ms < 0 || o->snapshot_ms <= 0 || o->keep_ms < 0)
        return err_set(err, ERR_INVALID,
                       "cannot open the metrics store: got a negative span of time");
    if (o->max_labels == 0 || o->max_labels > UINT8_MAX || o->max_label_bytes == 0)
        return err_set(err, ERR_INVALID,
                       "cannot open the metrics store: got %u labels a series; want 1 to %u",
                       o->max_labels, UINT8_MAX);
    return 0;
}

static void init_locks(struct tsdb *db)
{
    pthread_mutex_init(&db->keep_lock, NULL);
    pthread_mutex_init(&db->merge_lock, NULL);
    pthread_mutex_init(&db->append_lock, NULL);
    pthread_rwlock_init(&db->rules_lock, NULL);
    pthread_mutex_init(&db->tails_lock, NULL);
    for (uint32_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&db->head.shards[i], NULL);
}

static void done_locks(struct tsdb *db)
{
    pthread_mutex_destroy(&db->keep_lock);
    pthread_mutex_destroy(&db->merge_lock);
    pthread_mutex_destroy(&db->append_lock);
    pthread_rwlock_destroy(&db->rules_lock);
    pthread_mutex_destroy(&db->tails_lock);
    for (uint32_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&db->head.shards[i]);
}

#define RECORD_BYTES ((size_t)4 << 20)

static struct tsdb *new_db(const struct tsdb_options *opt)
{
    struct tsdb *db = calloc(1, sizeof(*db));
    must(db != NULL);
    db->magic = TSDB_MAGIC;
    db->opt = *opt;
    db->dir = strdup(opt->dir);
    must(db->dir != NULL);
    db->opt.dir = db->dir;
    db->head_dir = path_join(db->dir, "head");
    db->wal_dir = path_join(db->dir, "wal");
    db->series_dir = path_join(db->dir, "series");
    db->blocks_dir = path_join(db->dir, "blocks");
    db->lock_fd = -1;
    db->secret = rng_secure_u64();
    db->min_ms = db->max_ms = NO_TIME;
    db->cut.end_ms = NO_TIME;
    init_locks(db);
    index_init(&db->index);
    aliases_init(&db->aliases);
    metadata_init(&db->metadata);
    epoch_init(&db->epoch);
    db->head.block_ms = opt->block_ms;
    db->keep_ms = opt->keep_ms;
    packer_init(&db->packer, &db->head);
    db->appender = calloc(1, sizeof(*db->appender));
    must(db->appender != NULL);
    packer_init(&db->appender->packer, &db->head);
    buf_init(&db->appender->record, RECORD_BYTES);
    return db;
}

static void clear_head(struct tsdb *db)
{
    for (uint32_t slot = 0; slot < db->index.slots; slot++)
        head_clear(&db->head, index_series(&db->index, slot));
}

static void free_db(struct tsdb *db)
{
    clear_head(db);
    epoch_done(&db->epoch);
    wal_close(db->wal);
    series_log_close(db->log);
    head_files_close(db->head.files);
    blocks_close(db->blocks);
    packer_done(&db->packer);
    packer_done(&db->appender->packer);
    buf_done(&db->appender->record);
    free(db->appender);
    metadata_done(&db->metadata);
    aliases_done(&db->aliases);
    index_done(&db->index);
    done_locks(db);
    fd_closep(&db->lock_fd);
    free(db->head_dir);
    free(db->wal_dir);
    free(db->series_dir);
    free(db->blocks_dir);
    free(db->dir);
    db->magic = 0;
    free(db);
}

static int lock_dir(struct tsdb *db, struct err *err)
{
    if (fs_mkdirs(db->dir, 0750, err) < 0)
        return -1;
    char *path = path_join(db->dir, "lock");
    db->lock_fd = fs_lock_pidfile(path, NULL, err);
    free(path);
    return db->lock_fd < 0 ? -1 : 0;
}

static int open_parts(struct tsdb *db, struct err *err)
{
    db->head.files = head_files_open(db->head_dir, &db->epoch, err);
    if (!db->head.files)
        return -1;
    db->blocks = blocks_open(db->blocks_dir, err);
    return db->blocks ? tsdb__load(db, err) : -1;
}

struct tsdb *tsdb_open(const struct tsdb_options *opt, struct err *err)
{
    if (check_options(opt, err) < 0)
        return NULL;
    struct tsdb *db = new_db(opt);
    int64_t begun = clock_mono_ns();
    if (lock_dir(db, err) < 0 || open_parts(db, err) < 0) {
        free_db(db);
        return NULL;
    }
    db->snapshot_at = clock_mono_ns() / NS_PER_MS;
    db->replay_ms = (clock_mono_ns() - begun) / NS_PER_MS;
    if (!opt->manual)
        background_start(db);
    return db;
}

void tsdb_close(struct tsdb *db)
{
    if (!db)
        return;
    check_magic(db, TSDB_MAGIC);
    background_stop(db);
    struct err err;
    pthread_mutex_lock(&db->keep_lock);
    if (tsdb_sync(db, &err) < 0 || tsdb__snapshot_head(db, &err) < 0)
        log_warn("metrics store: closed without a snapshot; the next start replays more",
                 F_ERR(&err));
    pthread_mutex_unlock(&db->keep_lock);
    must(db->tails == NULL);
    free_db(db);
}

/* --- series --- */

static int check_labels(const struct tsdb *db, const struct labels *l, struct err *err)
{
    if (l->n == 0)
        return err_set(err, ERR_INVALID, "cannot take a series without labels");
    if (l->n > db->opt.max_labels)
        return err_set(err, ERR_TOO_LARGE, "cannot take a series with %u labels; want %u at most",
                       l->n, db->opt.max_labels);
    for (uint32_t i = 0; i < l->n; i++) {
        size_t longest = l->at[i].name.n > l->at[i].value.n ? l->at[i].name.n : l->at[i].value.n;
        if (longest > db->opt.max_label_bytes)
            return err_set(err, ERR_TOO_LARGE,
                           "cannot take label \"%.*s\": got %zu bytes; want %u at most",
                           (int)(l->at[i].name.n < 80 ? l->at[i].name.n : 80), l->at[i].name.p,
                           longest, db->opt.max_label_bytes);
    }
    return 0;
}

#define WAITING_MAX 64u /* MiB of labels that wait while the disk is full */

static int check_limits(struct tsdb *db, uint32_t source, struct err *err)
{
    const struct index *x = &db->index;
    if (db->opt.max_series > 0 && x->live >= db->opt.max_series)
        return err_set(err, ERR_TOO_LARGE, "cannot take a new series: max_series is %llu",
                       (unsigned long long)db->opt.max_series);
    if (source > 0 && db->opt.max_series_per_source > 0 &&
        x->per_source.at[source] >= db->opt.max_series_per_source)
        return err_set(err, ERR_TOO_LARGE,
                       "cannot take a new series of \"%s\": max_series_per_source is %llu",
                       x->sources.at[source], (unsigned long long)db->opt.max_series_per_source);
    if (db->full && series_log_waiting(db->log) > (size_t)WAITING_MAX << 20)
        return err_set(err, ERR_FULL, "cannot take a new series: the disk is full");
    return 0;
}

/* The lock is held. */
static tsdb_ref add_series(struct tsdb *db, uint32_t source, uint64_t hash, const struct labels *l,
                           struct err *err)
{
    if (check_limits(db, source, err) < 0) {
        db->count.refused++;
        return 0;
    }
    uint32_t pairs[UINT8_MAX];
    for (uint32_t i = 0; i < l->n; i++)
        pairs[i] = pairs_intern(&db->index, l->at[i].name, l->at[i].value);
    uint32_t slot = index_add(&db->index, 0, hash, source, pairs, l->n, db->cuts);
    if (slot == IDTAB_NONE) {
        err_set(err, ERR_TOO_LARGE, "cannot take a new series: there are %u already", SLOT_MAX);
        return 0;
    }
    series_log_add(db->log, &db->index, slot);
    db->count.created++;
    return index_series(&db->index, slot)->ref;
}

tsdb_ref tsdb_series(struct tsdb *db, uint32_t source, const struct labels *l, struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    if (check_labels(db, l, err) < 0) {
        db->count.refused++;
        return 0;
    }
    uint64_t hash = labels_hash(l);
    pthread_mutex_lock(&db->index.lock);
    must(source < db->index.sources.n);
    uint32_t slot = index_lookup(&db->index, hash, l);
    tsdb_ref ref = slot != IDTAB_NONE ? index_series(&db->index, slot)->ref
                                      : add_series(db, source, hash, l, err);
    pthread_mutex_unlock(&db->index.lock);
    return ref;
}

tsdb_ref tsdb_by_alias(struct tsdb *db, uint32_t source, const void *key, size_t n)
{
    check_magic(db, TSDB_MAGIC);
    uint32_t slot = aliases_get(&db->aliases, source, (struct str){key, n});
    return slot == ALIAS_NONE ? 0 : index_series(&db->index, slot)->ref;
}

void tsdb_by_aliases(struct tsdb *db, uint32_t source, const struct str *keys, size_t n,
                     tsdb_ref *refs)
{
    uint32_t slots[ALIAS_MANY];
    check_magic(db, TSDB_MAGIC);
    must(n <= TSDB_ALIASES && TSDB_ALIASES <= ALIAS_MANY);
    aliases_get_many(&db->aliases, source, keys, n, slots);
    for (size_t i = 0; i < n; i++) {
        if (slots[i] != ALIAS_NONE)
            __builtin_prefetch(index_series(&db->index, slots[i]), 1);
    }
    for (size_t i = 0; i < n; i++)
        refs[i] = slots[i] == ALIAS_NONE ? 0 : index_series(&db->index, slots[i])->ref;
}

void tsdb_alias(struct tsdb *db, uint32_t source, const void *key, size_t n, tsdb_ref ref)
{
    check_magic(db, TSDB_MAGIC);
    pthread_mutex_lock(&db->index.lock); /* it is not being forgotten meanwhile */
    if (index_find(&db->index, ref))
        aliases_put(&db->aliases, source, (struct str){key, n}, ref_slot(ref));
    pthread_mutex_unlock(&db->index.lock);
}

uint32_t tsdb_source_id(struct tsdb *db, const char *name)
{
    check_magic(db, TSDB_MAGIC);
    pthread_mutex_lock(&db->index.lock);
    size_t before = db->index.sources.n;
    uint32_t number = index_source(&db->index, name, strlen(name));
    if (db->index.sources.n > before)
        series_log_add_source(db->log, number, str_of(name));
    pthread_mutex_unlock(&db->index.lock);
    return number;
}

bool tsdb_ref_labels(struct tsdb *db, tsdb_ref ref, struct arena *a, struct labels *out)
{
    check_magic(db, TSDB_MAGIC);
    struct epoch_reader r;
    epoch_enter(&db->epoch, &r);
    bool found = index_find(&db->index, ref) != NULL;
    if (found) {
        struct labels l = index_labels(&db->index, ref_slot(ref), a);
        *out = labels_dup(a, &l);
    }
    epoch_leave(&db->epoch, &r);
    return found;
}

/* --- metadata --- */

void tsdb_set_metadata(struct tsdb *db, const struct metric_metadata *m)
{
    check_magic(db, TSDB_MAGIC);
    if (m->metric.n == 0 || !metadata_set(&db->metadata, m))
        return;
    struct buf record = BUF_INIT(RECORD_BYTES);
    wal_put_metadata(&record, m);
    pthread_mutex_lock(&db->append_lock);
    wal_write(db->wal, record.data, record.len, NULL); /* else it comes with the next snapshot */
    pthread_mutex_unlock(&db->append_lock);
    buf_done(&record);
}

void tsdb_each_metadata(struct tsdb *db, struct str metric,
                        bool (*fn)(void *arg, const struct metric_metadata *m), void *arg)
{
    check_magic(db, TSDB_MAGIC);
    metadata_each(&db->metadata, metric, fn, arg);
}

/* --- retention --- */

void tsdb_set_keep(struct tsdb *db, int64_t keep_ms, uint64_t keep_bytes,
                   const struct tsdb_keep_rule *rules, size_t n_rules)
{
    check_magic(db, TSDB_MAGIC);
    tsdb__stop_merges(db); /* they hold the old rules */
    pthread_rwlock_wrlock(&db->rules_lock);
    db->keep_ms = keep_ms;
    db->opt.keep_bytes = keep_bytes;
    db->opt.rules = rules;
    db->opt.n_rules = n_rules;
    pthread_rwlock_unlock(&db->rules_lock);
    pthread_mutex_unlock(&db->merge_lock);
    db->generation++;
}
