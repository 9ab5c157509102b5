/* Parcels (parcel.h): written by an agent's uplink (app/uplink_post.c), read by the server (api/agent.c, core/location.c).
 *
 * Little endian:
 *      0  u32 magic "BPCL"  u32 version  u32 crc32c of everything behind
 *     12  u64 ring id  u64 dropped  u64 waiting  u64 generation  u64 sent_ms
 *     52  u32 length and bytes of the software's version
 *      …  u32 number of records, each: u64 seq  u32 length  bytes
 * Nothing may follow. Magic and version stand where they stand in every version. */
#include "ipc/parcel.h"

#include "base/map.h"
#include "base/must.h"

#define MAGIC        0x4c435042u /* "BPCL" */
#define AT_CRC       8
#define AT_REST      12
#define RECORD_HEAD  12
#define SOFTWARE_MAX 64
#define HEAD_MAX     (AT_REST + 40 + 4 + SOFTWARE_MAX + 4)

static void put_u32_at(struct buf *b, size_t at, uint32_t v)
{
    must(b->data && at + 4 <= b->len);
    for (size_t i = 0; i < 4; i++)
        b->data[at + i] = (char)(v >> (8 * i));
}

void parcel_begin(struct parcel_writer *w, const struct parcel *head, size_t max)
{
    must(head->ring != 0 && head->software.n <= SOFTWARE_MAX);
    must(max <= PARCEL_MAX && max >= HEAD_MAX + RECORD_HEAD + PARCEL_RECORD);
    *w = (struct parcel_writer){.out = BUF_INIT(PARCEL_MAX), .max = max};
    buf_put_u32(&w->out, MAGIC);
    buf_put_u32(&w->out, PARCEL_VERSION);
    buf_put_u32(&w->out, 0);
    buf_put_u64(&w->out, head->ring);
    buf_put_u64(&w->out, head->dropped);
    buf_put_u64(&w->out, head->waiting);
    buf_put_u64(&w->out, head->generation);
    buf_put_u64(&w->out, (uint64_t)head->sent_ms);
    buf_put_str(&w->out, head->software.p, head->software.n);
    buf_put_u32(&w->out, 0);
    must(!w->out.failed && w->out.len <= HEAD_MAX);
}

bool parcel_add(struct parcel_writer *w, uint64_t seq, const void *p, size_t n)
{
    must(seq > w->last && n <= PARCEL_RECORD);
    if (w->out.len + RECORD_HEAD + n > w->max)
        return false;
    buf_put_u64(&w->out, seq);
    buf_put_str(&w->out, p, n);
    must(!w->out.failed);
    w->last = seq;
    w->n++;
    return true;
}

/* Where the number of records stands. */
static size_t at_count(const struct buf *b)
{
    struct cur c = CUR_INIT(b->data + AT_REST + 40, 4);
    return AT_REST + 40 + 4 + cur_u32(&c);
}

void parcel_end(struct parcel_writer *w)
{
    must(w->out.len > AT_REST && w->out.len <= w->max);
    put_u32_at(&w->out, at_count(&w->out), w->n);
    put_u32_at(&w->out, AT_CRC, crc32c(0, w->out.data + AT_REST, w->out.len - AT_REST));
}

/* --- reading -------------------------------------------------------------------------------- */

static int check_version(struct cur *c, struct err *err)
{
    uint32_t magic = cur_u32(c), version = cur_u32(c);
    if (c->failed || magic != MAGIC)
        return err_set(err, ERR_MALFORMED, "this is no parcel of results");
    if (version == PARCEL_VERSION)
        return 0;
    return err_set(
        err, ERR_CONFLICT,
        "the agent sends format %u, this server takes format %u: the %s is older; upgrade it",
        version, PARCEL_VERSION, version < PARCEL_VERSION ? "agent" : "server");
}

static int check_records(struct parcel p, struct err *err)
{
    uint64_t last = 0, seq;
    struct str record;
    for (uint32_t i = 0; i < p.n; i++) {
        if (!parcel_next(&p, &seq, &record) || record.n > PARCEL_RECORD)
            return err_set(err, ERR_MALFORMED, "record %u of %u of the parcel is cut or too large",
                           i + 1, p.n);
        if (seq <= last)
            return err_set(err, ERR_MALFORMED,
                           "record %u of the parcel has a number that is not above its "
                           "predecessor's",
                           i + 1);
        last = seq;
    }
    if (cur_left(&p.records) != 0)
        return err_set(err, ERR_MALFORMED, "%zu bytes stand behind the parcel's last record",
                       cur_left(&p.records));
    return 0;
}

int parcel_parse(struct str bytes, struct parcel *out, struct err *err)
{
    struct cur c = CUR_INIT(bytes.p, bytes.n);
    if (bytes.n > PARCEL_MAX)
        return err_set(err, ERR_TOO_LARGE, "the parcel has %zu bytes; want at most %zu", bytes.n,
                       PARCEL_MAX);
    if (check_version(&c, err) < 0)
        return -1;
    uint32_t crc = cur_u32(&c);
    if (c.failed || crc32c(0, c.p, cur_left(&c)) != crc)
        return err_set(err, ERR_MALFORMED, "the parcel fails its check: it was changed on its way");
    struct parcel p = {.ring = cur_u64(&c), .dropped = cur_u64(&c)};
    p.waiting = cur_u64(&c);
    p.generation = cur_u64(&c);
    p.sent_ms = (int64_t)cur_u64(&c);
    p.software.p = cur_str(&c, &p.software.n);
    p.n = cur_u32(&c);
    p.records = c;
    if (c.failed || p.ring == 0 || p.software.n > SOFTWARE_MAX ||
        !utf8_valid(p.software.p, p.software.n))
        return err_set(err, ERR_MALFORMED, "the parcel's head cannot be read");
    if (check_records(p, err) < 0)
        return -1;
    *out = p;
    return 0;
}

bool parcel_next(struct parcel *p, uint64_t *seq, struct str *record)
{
    if (cur_left(&p->records) == 0)
        return false;
    *seq = cur_u64(&p->records);
    record->p = cur_str(&p->records, &record->n);
    return !p->records.failed;
}
