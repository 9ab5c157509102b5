/* Imports: text, OpenMetrics, lines of JSON into the store (remote/receive.h). On the thread of the HTTP request. */
#include "remote/receive_priv.h"

#include <stdlib.h>
#include <strings.h>

#include "base/must.h"
#include "wire/exposition.h"
#include "wire/jsonlines.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)
#define INGEST_MAGIC   0x1a9e57u

struct ingest {
    uint32_t magic;
    enum ingest_format format;
    int64_t default_ms;
    struct receive_counts counts;
    struct batch batch;
    struct labels_builder builder;
    struct arena *arena; /* of one new series' labels */
    struct exposition x;
    uint32_t json_lines; /* read */
    struct buf left;     /* less than a line */
    bool whole;          /* nothing is left to read at the end */
    int status;          /* of what ended it; 0: nothing did */
    struct err why;
    struct metric_metadata
        metadata; /* text: what is known of the family now; strings in `family` */
    struct arena *family;
};

enum ingest_format ingest_format_of(const char *content_type)
{
    enum exposition_format f;
    if (content_type && strcasestr(content_type, "json"))
        return INGEST_JSON_LINES;
    exposition_format_of(content_type, &f);
    return f == EXPOSITION_OPENMETRICS ? INGEST_OPENMETRICS : INGEST_TEXT;
}

struct ingest *ingest_new(struct tsdb *db, uint32_t source, enum ingest_format format,
                          int64_t default_ms)
{
    struct ingest *in = calloc(1, sizeof(*in));
    must(in != NULL && db != NULL);
    in->magic = INGEST_MAGIC;
    in->format = format;
    in->default_ms = default_ms;
    in->arena = arena_new();
    in->family = arena_new();
    in->left = BUF_INIT(LINE_MAX_BYTES);
    batch_init(&in->batch, db, source, &in->counts);
    exposition_init(&in->x,
                    format == INGEST_OPENMETRICS ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT);
    return in;
}

/* --- metadata of text: told when the family changes --- */

static void tell_metadata(struct ingest *in)
{
    if (in->metadata.metric.n > 0)
        tsdb_set_metadata(in->batch.db, &in->metadata);
    in->metadata = (struct metric_metadata){0};
    arena_reset(in->family);
}

static struct str keep(struct ingest *in, struct str s)
{
    s = exposition_unescape(s, in->x.format, in->family);
    return (struct str){arena_strndup(in->family, s.p, s.n), s.n};
}

static void take_metadata(struct ingest *in, enum exposition_item item,
                          const struct exposition_entry *e)
{
    struct str name = exposition_unescape(e->name, in->x.format, in->arena);
    if (!str_eq(name, in->metadata.metric)) {
        tell_metadata(in);
        in->metadata.metric = keep(in, name);
        in->counts.metadata++;
    }
    if (item == EXPOSITION_TYPE)
        in->metadata.type = e->type;
    else if (item == EXPOSITION_HELP)
        in->metadata.help = keep(in, e->text);
    else
        in->metadata.unit = keep(in, e->text);
    arena_reset(in->arena);
}

/* --- text --- */

/* The series that a sample names; 0: refused (counted), or *stop with in->why. */
static tsdb_ref text_series(struct ingest *in, const struct exposition_entry *e, bool *stop)
{
    struct batch *b = &in->batch;
    struct labels labels;
    tsdb_ref ref = tsdb_by_alias(b->db, b->source, e->series.p, e->series.n);
    if (ref != 0)
        return ref;
    in->counts.series++;
    *stop = exposition_labels(e, in->x.format, in->arena, &in->builder, &labels, &in->why) < 0;
    if (!*stop)
        ref = batch_series(b, &labels, e->series, stop, &in->why);
    in->counts.refused += ref == 0 && !*stop;
    arena_reset(in->arena);
    return ref;
}

static int take_sample(struct ingest *in, const struct exposition_entry *e)
{
    bool stop = false;
    tsdb_ref ref = text_series(in, e, &stop);
    if (stop)
        return -1;
    in->counts.samples++;
    in->counts.exemplars += e->exemplar.n > 0;
    if (ref == 0)
        return 0;
    return batch_add(&in->batch, ref, e->has_t ? e->t_ms : in->default_ms, e->v, &in->why);
}

static int take_text(struct ingest *in, struct str piece, bool last)
{
    struct exposition_entry e;
    enum exposition_item item;
    exposition_feed(&in->x, piece, last);
    while ((item = exposition_next(&in->x, &e, &in->why)) > EXPOSITION_END) {
        if (item != EXPOSITION_SAMPLE)
            take_metadata(in, item, &e);
        else if (take_sample(in, &e) < 0)
            return -1;
    }
    return item == EXPOSITION_FAILED ? -1 : 0;
}

/* --- lines of JSON --- */

static tsdb_ref json_series(struct ingest *in, const struct json_line *l, bool *stop)
{
    struct batch *b = &in->batch;
    struct labels labels;
    tsdb_ref ref = tsdb_by_alias(b->db, b->source, l->metric.p, l->metric.n);
    if (ref != 0)
        return ref;
    in->counts.series++;
    *stop = json_line_labels(l, in->arena, &in->builder, &labels, &in->why) < 0;
    if (!*stop)
        ref = batch_series(b, &labels, l->metric, stop, &in->why);
    arena_reset(in->arena);
    return ref;
}

static int take_json_line(struct ingest *in, struct str line)
{
    struct json_line l;
    int64_t t;
    double v;
    int more;
    bool stop = false;
    if (json_line_parse(line, &l, &in->why) < 0)
        return -1;
    tsdb_ref ref = json_series(in, &l, &stop);
    if (stop)
        return -1;
    while ((more = json_line_sample(&l, &t, &v, &in->why)) > 0) {
        in->counts.samples++;
        in->counts.refused += ref == 0;
        if (ref != 0 && batch_add(&in->batch, ref, t, v, &in->why) < 0)
            return -1;
    }
    return more;
}

/* Whole lines; what follows the last newline only when nothing comes after it. Returns the bytes taken, or -1. */
static int take_json(struct ingest *in, struct str piece, bool last, size_t *taken)
{
    const char *p = piece.p, *end = piece.p + piece.n;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline && !last)
            break;
        struct str line = {p, (size_t)((newline ? newline : end) - p)};
        p = newline ? newline + 1 : end;
        in->json_lines++;
        if (str_trim(line).n > 0 && take_json_line(in, line) < 0) {
            if (in->why.at_line > 0)
                err_where(&in->why, "", (int)in->json_lines, in->why.at_column);
            return -1;
        }
    }
    *taken = (size_t)(p - piece.p);
    return 0;
}

/* --- pieces --- */

static int take_piece(struct ingest *in, struct str piece, bool last)
{
    size_t taken = 0;
    int rc;
    if (in->format == INGEST_JSON_LINES) {
        rc = take_json(in, piece, last, &taken);
    } else {
        rc = take_text(in, piece, last);
        taken = piece.n - exposition_left(&in->x).n;
    }
    if (rc < 0)
        return -1;
    must(taken <= piece.n);
    if (piece.p == in->left.data) {
        buf_drop_front(&in->left, taken);
        return 0;
    }
    buf_clear(&in->left);
    buf_add(&in->left, piece.p + taken, piece.n - taken);
    if (in->left.failed)
        return err_set(&in->why, ERR_TOO_LARGE, "cannot import: a line has more than 64 MiB");
    return 0;
}

static int ended(struct ingest *in, int rc, struct err *err)
{
    if (rc < 0) {
        must(in->why.code != ERR_OK);
        in->status = receive__status(&in->why);
        if (err)
            *err = in->why;
    }
    return rc;
}

int ingest_feed(struct ingest *in, struct str piece, struct err *err)
{
    check_magic(in, INGEST_MAGIC);
    must(in->status == 0);
    if (piece.n == 0)
        return 0;
    if (in->left.len == 0)
        return ended(in, take_piece(in, piece, false), err);
    buf_add(&in->left, piece.p, piece.n);
    if (in->left.failed)
        return ended(in,
                     err_set(&in->why, ERR_TOO_LARGE, "cannot import: a line has more than 64 MiB"),
                     err);
    return ended(in, take_piece(in, (struct str){in->left.data, in->left.len}, false), err);
}

/* Rare: a series was forgotten between finding it and appending. */
static void tell_gone(struct ingest *in)
{
    struct err why = {0};
    if (in->batch.gone == 0)
        return;
    err_set(&why, ERR_BUSY,
            "cannot take a sample: its series was forgotten just now; send it again");
    batch_refused(&in->batch, &why);
    in->counts.refused += in->batch.gone;
}

int ingest_end(struct ingest *in, struct receive_counts *counts, struct err *err)
{
    check_magic(in, INGEST_MAGIC);
    if (in->status == 0 && !in->whole) {
        struct str rest = {in->left.data ? in->left.data : "", in->left.len};
        ended(in, take_piece(in, rest, true), err);
    }
    int status = in->status;
    if (batch_flush(&in->batch, &in->why) < 0 && status < 500)
        status = receive__status(&in->why);
    tell_metadata(in);
    tell_gone(in);
    if (status == 0)
        status = batch_status(&in->batch, err);
    else if (err)
        *err = in->why;
    *counts = in->counts;
    batch_done(&in->batch);
    labels_builder_done(&in->builder);
    arena_free(in->arena);
    arena_free(in->family);
    buf_done(&in->left);
    in->magic = 0;
    free(in);
    return status;
}

int text_ingest(struct tsdb *db, uint32_t source, enum ingest_format format, struct str text,
                int64_t default_ms, struct receive_counts *counts, struct err *err)
{
    struct ingest *in = ingest_new(db, source, format, default_ms);
    size_t taken;
    int rc =
        format == INGEST_JSON_LINES ? take_json(in, text, true, &taken) : take_text(in, text, true);
    in->whole = true;
    ended(in, rc, err);
    return ingest_end(in, counts, err);
}
