/* Joining blocks into one (merge.h): a series at a time, so that memory holds one series, the open pages and the new index. */
#include "tsdb/merge.h"
#include "tsdb/merge_priv.h"

struct merge {
    struct join join;
    struct block_writer *writer;
    const struct block_meta *meta;
    const struct keep_policy *keep;
    struct samples samples;
};

/* From when on this series' samples are kept: by rules. What holds for all drops whole blocks, so that a block has all of its
 * time. */
static int64_t oldest_of(const struct merge *m)
{
    if (!m->keep)
        return m->meta->min_ms;
    struct keep_policy rules = *m->keep;
    rules.keep_ms = 0;
    for (size_t i = 0; i < array_len(rules.tiers); i++)
        rules.tiers[i].keep_ms = 0;
    int64_t cutoff = keep_cutoff(&rules, &m->join.labels, m->meta->tier_ms);
    return cutoff > m->meta->min_ms ? cutoff : m->meta->min_ms;
}

static int write_column(struct merge *m, enum series_column c, bool *begun, struct err *err)
{
    m->samples.n = 0;
    int64_t from = oldest_of(m);
    if (from < m->meta->max_ms)
        join_read(&m->join, from, m->meta->max_ms - 1, c, &m->samples);
    if (m->samples.n == 0)
        return 0;
    if (!*begun && block_writer_series(m->writer, &m->join.labels, err) != 0)
        return -1;
    *begun = true;
    return block_writer_samples(m->writer, c, &m->samples, err);
}

static int write_series(struct merge *m, uint64_t *samples, struct err *err)
{
    bool begun = false;
    if (m->meta->tier_ms == 0) {
        int rc = write_column(m, COLUMN_RAW, &begun, err);
        *samples = m->samples.n;
        return rc;
    }
    *samples = 0;
    for (int c = COLUMN_COUNT; c <= COLUMN_INCREASE; c++) {
        if (write_column(m, (enum series_column)c, &begun, err) != 0)
            return -1;
        *samples += m->samples.n;
    }
    return 0;
}

static int write_all(struct merge *m, const struct merge_pace *pace, struct err *err)
{
    while (join_next(&m->join)) {
        uint64_t samples;
        if (write_series(m, &samples, err) != 0)
            return -1;
        if (pace && !pace->fn(pace->arg, samples))
            return err_set(err, ERR_CANCELLED, "cannot merge blocks: it was told to stop");
    }
    return 0;
}

int block_merge(struct block *const *blocks, uint32_t n, const char *blocks_dir,
                const struct block_meta *meta, const struct keep_policy *keep,
                const struct merge_pace *pace, struct block_meta *out, struct err *err)
{
    for (uint32_t i = 0; i < n; i++)
        must(block_meta(blocks[i])->tier_ms == meta->tier_ms);
    struct merge m = {
        .meta = meta, .keep = keep, .writer = block_writer_new(blocks_dir, meta, err)};
    if (!m.writer)
        return -1;
    join_init(&m.join, blocks, n);
    int rc = write_all(&m, pace, err);
    if (rc == 0)
        rc = block_writer_finish(m.writer, out, err);
    else
        block_writer_abort(m.writer);
    join_done(&m.join);
    samples_done(&m.samples);
    return rc;
}
