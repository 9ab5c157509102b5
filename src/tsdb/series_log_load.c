/* Reading series logs at a start (series_log.h). Nobody else looks at the index yet.
 *
 * Numbers of pairs and names stand in the entries, so that what a damaged record held leaves a gap and no confusion. A slot that is named again
 * by a later series belonged to one that was forgotten: the higher serial number wins. */
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "tsdb/chunk_priv.h"
#include "tsdb/series_log_priv.h"
#include "tsdb/wal.h"

/* Numbers of a file to those of the index; LOST: in a damaged record, nobody knows. */
#define LOST       UINT32_MAX
#define NUMBER_MAX 65536u     /* names */
#define NUMBER_GAP (1u << 20) /* pairs that a damaged record may have held */
#define SLOT_GAP   (1u << 20) /* series, likewise */
struct reading {
    struct index *x;
    vec_of(struct str) names;
    vec_of(uint32_t) pairs;
    uint64_t series, damaged;
};

int series_log__list(const char *dir, struct numbers *out, struct err *err)
{
    if (numbered_list(dir, ".log", out, err) < 0)
        return -1;
    while (out->n > 0 && out->at[out->n - 1] > UINT32_MAX) /* none of ours */
        out->n--;
    return 0;
}

static int compare_names(struct str a, struct str b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static struct str get_text(struct cur *c)
{
    uint64_t n = cur_varint(c);
    if (n > cur_left(c)) {
        c->failed = true;
        return (struct str){"", 0};
    }
    const char *p = cur_bytes(c, n);
    return (struct str){p ? p : "", p ? n : 0};
}

static void read_name(struct reading *r, struct cur *c)
{
    uint64_t number = cur_varint(c);
    struct str s = get_text(c);
    if (c->failed || number > NUMBER_MAX)
        return;
    while (r->names.n <= number)
        vec_push(&r->names, ((struct str){NULL, 0}));
    r->names.at[number] = s;
}

static void read_pair(struct reading *r, struct cur *c)
{
    uint64_t number = cur_varint(c), name = cur_varint(c);
    struct str value = get_text(c);
    if (c->failed || number > r->pairs.n + NUMBER_GAP)
        return;
    while (r->pairs.n <= number)
        vec_push(&r->pairs, LOST);
    if (name < r->names.n && value.n > 0 && r->names.at[name].n > 0)
        r->pairs.at[number] = pairs_intern(r->x, r->names.at[name], value);
}

static void read_source(struct reading *r, struct cur *c)
{
    uint64_t number = cur_varint(c);
    struct str name = get_text(c);
    struct index *x = r->x;
    if (c->failed || number == 0 || number > UINT16_MAX || name.n == 0)
        return;
    while (x->sources.n < number) { /* one before it was in a damaged record */
        char lost[32];
        int n = snprintf(lost, sizeof(lost), "lost-%zu", x->sources.n);
        index_source(x, lost, (size_t)n);
    }
    if (number == x->sources.n)
        index_source(x, name.p, name.n);
}

/* The hash of the labels; false: their names do not rise as they must. */
static bool hash_pairs(const struct index *x, const uint32_t *pairs, uint32_t n, uint64_t *hash)
{
    struct label_pair at[UINT8_MAX];
    for (uint32_t i = 0; i < n; i++) {
        const struct pair *p = index_pair(x, pairs[i]);
        at[i] = (struct label_pair){p->name_text, pair_value(p)};
        if (i > 0 && compare_names(at[i - 1].name, at[i].name) >= 0)
            return false;
    }
    struct labels l = {at, n};
    *hash = labels_hash(&l);
    return true;
}

static void add_series(struct reading *r, tsdb_ref ref, uint32_t source, const uint32_t *pairs,
                       uint32_t n)
{
    struct index *x = r->x;
    uint32_t slot = ref_slot(ref);
    uint64_t hash;
    if (ref_serial(ref) == 0 || slot > SLOT_MAX || slot > x->slots + SLOT_GAP ||
        !hash_pairs(x, pairs, n, &hash)) {
        r->damaged++;
        return;
    }
    if (slot < x->slots && index_series(x, slot)->ref != 0) {
        struct series *s = index_series(x, slot);
        if (ref_serial(s->ref) >= ref_serial(ref))
            return;
        index_remove(x, slot);
    }
    if (slot < x->slots) {
        free(index_series(x, slot)->pairs);
        index_series(x, slot)->pairs = NULL;
    }
    index_add(x, ref, hash, source < x->per_source.n ? source : 0, pairs, n, 0);
}

static void read_series(struct reading *r, struct cur *c)
{
    tsdb_ref ref = cur_u64(c);
    uint64_t source = cur_varint(c), n = cur_varint(c);
    uint32_t pairs[UINT8_MAX];
    bool lost = n == 0 || n > UINT8_MAX;
    for (uint64_t i = 0; i < n && !c->failed; i++) {
        uint64_t p = cur_varint(c);
        lost = lost || p >= r->pairs.n || r->pairs.at[p] == LOST;
        if (!lost)
            pairs[i] = r->pairs.at[p];
    }
    if (c->failed)
        return;
    r->series++;
    if (lost)
        r->damaged++;
    else
        add_series(r, ref, source <= UINT16_MAX ? (uint32_t)source : 0, pairs, (uint32_t)n);
}

static void read_entries(struct reading *r, const uint8_t *p, size_t n)
{
    struct cur c = CUR_INIT(p, n);
    while (cur_left(&c) > 0 && !c.failed) {
        switch (cur_u8(&c)) {
        case ENTRY_PAIR:
            read_pair(r, &c);
            break;
        case ENTRY_NAME:
            read_name(r, &c);
            break;
        case ENTRY_SOURCE:
            read_source(r, &c);
            break;
        case ENTRY_SERIES:
            read_series(r, &c);
            break;
        default:
            c.failed = true;
        }
    }
    r->damaged += c.failed;
}

void series_log__read(const void *bytes, size_t n, struct index *x, uint64_t *series,
                      uint64_t *damaged)
{
    struct reading r = {.x = x};
    struct wal_cursor c = {bytes, bytes, (const uint8_t *)bytes + n, 0, 0};
    enum wal_type type;
    struct str payload;
    while (wal_next(&c, &type, &payload)) {
        if (type == WAL_SERIES)
            read_entries(&r, (const uint8_t *)payload.p, payload.n);
    }
    *series += r.series;
    *damaged += r.damaged + c.damaged + (c.at != c.end);
    vec_done(&r.names);
    vec_done(&r.pairs);
}

static int load_file(const char *dir, uint32_t number, struct index *x, uint64_t *series,
                     uint64_t *damaged, struct err *err)
{
    char path[LOG_PATH_SIZE];
    series_log__path(dir, number, path);
    struct wal_map m;
    if (wal_map_file(path, LOG_HEAD, &m, err) < 0)
        return -1;
    series_log__read(m.p, m.n, x, series, damaged);
    wal_unmap(&m);
    return 0;
}

int series_log_load(const char *dir, struct index *x, uint64_t *series, uint64_t *damaged,
                    struct err *err)
{
    struct numbers files = {0};
    int rc = fs_mkdirs(dir, 0750, err) < 0 ? -1 : series_log__list(dir, &files, err);
    for (size_t i = 0; rc == 0 && i < files.n; i++)
        rc = load_file(dir, (uint32_t)files.at[i], x, series, damaged, err);
    vec_done(&files);
    return rc;
}
