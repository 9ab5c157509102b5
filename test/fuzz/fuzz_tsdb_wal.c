/* WAL segments with any content: no crash, every record found is sound, and what decodes is encoded and decoded to the same. The first
 * byte says how the rest is taken: as a segment, or as the payload of a record. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tsdb/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(struct str payload)
{
    struct wal_rows rows = {0}, again = {0};
    if (wal_get_rows(payload, &rows, NULL) == 0) {
        struct buf b = BUF_INIT((size_t)64 << 20);
        enum wal_type type;
        struct str p;
        wal_put_rows(&b, rows.at, rows.n);
        const uint8_t *bytes = (const uint8_t *)b.data;
        struct wal_cursor c = {bytes, bytes, bytes + b.len, 0, 0};
        must(wal_next(&c, &type, &p) && type == WAL_ROWS && c.at == c.end && c.damaged == 0);
        must(wal_get_rows(p, &again, NULL) == 0 && again.n == rows.n);
        for (size_t i = 0; i < rows.n; i++) {
            must(rows.at[i].ref == again.at[i].ref && rows.at[i].t_ms == again.at[i].t_ms);
            must(f64_bits(rows.at[i].v) == f64_bits(again.at[i].v));
        }
        buf_done(&b);
    }
    vec_done(&rows);
    vec_done(&again);
}

static void check_others(struct str payload)
{
    struct wal_refs refs = {0};
    struct metric_metadata m;
    int64_t min_ms, max_ms;
    wal_get_delete(payload, &refs, &min_ms, &max_ms, NULL);
    wal_get_metadata(payload, &m, NULL);
    vec_done(&refs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str rest = {(const char *)data + 1, size - 1}, payload;
    if (data[0] == 'r') {
        check_rows(rest);
    } else if (data[0] == 'o') {
        check_others(rest);
    } else {
        struct wal_cursor c = {data, data, data + size, 0, 0};
        enum wal_type type;
        while (wal_next(&c, &type, &payload)) {
            must(c.at <= c.end && (const uint8_t *)payload.p + payload.n == c.at);
            check_rows(payload);
            check_others(payload);
        }
    }
    return 0;
}
