/* The series log and the head's snapshot with any content behind right checksums: no crash, and what was loaded can be read. The
 * first byte says which of the two the rest is; for a snapshot there are three series. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tsdb/series_log_priv.h"
#include "tsdb/snapshot_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frame(struct buf *b, enum wal_type type, const uint8_t *data, size_t size)
{
    size_t at = wal_begin_record(b);
    buf_add(b, data, size);
    wal_end_record(b, at, type);
}

static void add_three(struct index *x)
{
    for (uint64_t i = 0; i < 3; i++) {
        char value[8];
        int n = snprintf(value, sizeof(value), "%d", (int)i);
        uint32_t pair = pairs_intern(x, STR("__name__"), (struct str){value, (size_t)n});
        index_add(x, make_ref((uint32_t)i, i + 1), i, 0, &pair, 1, 0);
    }
}

static void read_everything(struct index *x, struct head *h)
{
    struct samples s = {0};
    struct arena *a = arena_new();
    for (uint32_t slot = 0; slot < x->slots; slot++) {
        if (index_series(x, slot)->ref == 0)
            continue;
        must(index_labels(x, slot, a).n > 0);
        s.n = 0;
        head_read(h, index_series(x, slot), slot, INT64_MIN, INT64_MAX, 0, &s, NULL);
        for (uint32_t i = 1; i < s.n; i++)
            must(s.t[i] > s.t[i - 1]);
        head_clear(h, index_series(x, slot));
    }
    arena_free(a);
    samples_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char dir[64];
    snprintf(dir, sizeof(dir), "/tmp/belfry-fuzz-head-%ld", (long)getpid());
    struct epoch e;
    struct index x;
    struct head h = {.block_ms = 7200000};
    struct buf b = BUF_INIT((size_t)64 << 20);
    epoch_init(&e);
    index_init(&x);
    for (uint32_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&h.shards[i], NULL);
    h.files = head_files_open(dir, &e, NULL);
    must(h.files != NULL);
    uint64_t series = 0, damaged = 0;
    if (data[0] == 's') {
        frame(&b, WAL_SERIES, data + 1, size - 1);
        series_log__read(b.data, b.len, &x, &series, &damaged);
    } else {
        struct snapshot_read r = {.index = &x, .head = &h};
        add_three(&x);
        frame(&b, WAL_SNAPSHOT, data + 1, size - 1);
        snapshot__read(&r, b.data, b.len);
    }
    read_everything(&x, &h);
    head_files_close(h.files);
    index_done(&x);
    epoch_done(&e);
    buf_done(&b);
    return 0;
}
