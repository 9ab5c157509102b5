/* Remote write 1.0 into the store (remote/receive.h). On the thread of the HTTP request. */
#include "remote/receive_priv.h"

#include <strings.h>

#include "base/must.h"
#include "wire/remote_write.h"

#define GROUP 32u /* series looked up together */

struct receiver {
    struct tsdb *db;
    struct receive_counts *counts;
    struct batch batch;
    struct labels_builder builder;
    struct err *err;
    struct remote_entry group[GROUP]; /* read, not taken yet */
    size_t grouped;
};

/* "application/x-protobuf", alone or with proto=prometheus.WriteRequest. */
static bool is_version_1(const char *content_type)
{
    static const char want[] = "application/x-protobuf";
    struct str type, rest = str_of(content_type), proto;
    if (!content_type || !content_type[0])
        return true; /* as the protocol asks of receivers */
    if (!str_cut(rest, ';', &type, &proto)) {
        type = rest;
        proto = STR("");
    }
    type = str_trim(type);
    proto = str_trim(proto);
    if (type.n != sizeof(want) - 1 || strncasecmp(type.p, want, type.n) != 0)
        return false;
    return !str_starts(proto, STR("proto=")) || str_eqz(proto, "proto=prometheus.WriteRequest");
}

static int check_headers(const struct receive_request *req, struct err *err)
{
    const char *encoding = req->content_encoding;
    if (!is_version_1(req->content_type)) {
        err_set(err, ERR_UNSUPPORTED,
                "cannot take the body: got Content-Type \"%.100s\"; want application/x-protobuf "
                "of remote write 1.0",
                req->content_type);
        return 415;
    }
    if (encoding && encoding[0] && strcasecmp(encoding, "snappy") != 0) {
        err_set(err, ERR_UNSUPPORTED,
                "cannot take the body: got Content-Encoding \"%.100s\"; want snappy", encoding);
        return 415;
    }
    return 0;
}

/* A series that is not known by these bytes. 0: refused, or *stop. */
static tsdb_ref learn(struct receiver *r, const struct remote_entry *e, bool *stop)
{
    struct labels labels;
    struct err why = {0};
    if (remote_labels(e, &r->builder, &labels, &why) < 0) {
        batch_refused(&r->batch, &why);
        r->counts->invalid += e->n_samples;
        return 0;
    }
    tsdb_ref ref = batch_series(&r->batch, &labels, e->key, stop, r->err);
    if (ref == 0 && !*stop)
        r->counts->refused += e->n_samples;
    return ref;
}

/* ref: the series that its bytes are known to mean; 0: none yet. */
static int take_series(struct receiver *r, struct remote_entry *e, tsdb_ref ref)
{
    bool stop = false;
    r->counts->series++;
    r->counts->samples += e->n_samples;
    if (e->n_samples == 0)
        return 0;
    if (ref == 0)
        ref = learn(r, e, &stop);
    if (ref == 0)
        return stop ? -1 : 0;
    if (e->n_samples == 1)
        return batch_add(&r->batch, ref, e->t_ms, e->v, r->err);
    int64_t t;
    double v;
    while (remote_sample(e, &t, &v)) {
        if (batch_add(&r->batch, ref, t, v, r->err) < 0)
            return -1;
    }
    return 0;
}

/* An empty key is nobody's. */
static int take_group(struct receiver *r)
{
    struct str keys[GROUP];
    tsdb_ref refs[GROUP];
    size_t n = r->grouped;
    must(n <= GROUP && GROUP <= TSDB_ALIASES);
    r->grouped = 0;
    for (size_t i = 0; i < n; i++)
        keys[i] = r->group[i].key;
    tsdb_by_aliases(r->db, r->batch.source, keys, n, refs);
    for (size_t i = 0; i < n; i++) {
        if (take_series(r, &r->group[i], refs[i]) < 0)
            return -1;
    }
    return 0;
}

static void take_metadata(struct receiver *r, const struct metric_metadata *m)
{
    r->counts->metadata++;
    if (m->metric.n > 0 && utf8_valid(m->metric.p, m->metric.n) &&
        utf8_valid(m->help.p, m->help.n) && utf8_valid(m->unit.p, m->unit.n))
        tsdb_set_metadata(r->db, m);
}

/* 0, or -1 with *err: the message is malformed, or the store takes nothing. */
static int take_message(struct receiver *r, struct str message)
{
    struct remote_reader reader;
    enum remote_item item;
    int rc = 0;
    remote_reader_init(&reader, message);
    r->grouped = 0;
    while (rc == 0) {
        struct remote_entry *e = &r->group[r->grouped];
        item = remote_next(&reader, e, r->err);
        if (item == REMOTE_FAILED)
            rc = -1;
        else if (item == REMOTE_METADATA)
            take_metadata(r, &e->metadata);
        else if (item == REMOTE_END || ++r->grouped == GROUP)
            rc = take_group(r);
        if (item == REMOTE_END)
            break;
    }
    r->counts->exemplars = reader.exemplars;
    r->counts->histograms = reader.histograms;
    return rc < 0 ? -1 : batch_flush(&r->batch, r->err);
}

static int take_all(struct receiver *r, struct str message, uint32_t source)
{
    int rc = 0;
    /* Series that were forgotten between finding and appending are asked for again; what was taken is SAME then. */
    for (int turn = 0; turn < 3; turn++) {
        *r->counts = (struct receive_counts){0};
        batch_init(&r->batch, r->db, source, r->counts);
        rc = take_message(r, message);
        int status = rc < 0 ? receive__status(r->err) : batch_status(&r->batch, r->err);
        bool again = rc == 0 && r->batch.gone > 0 && turn < 2;
        batch_done(&r->batch);
        if (!again)
            return status;
    }
    return 204;
}

int remote_write_receive(struct tsdb *db, uint32_t source, const struct receive_request *req,
                         struct receive_counts *counts, struct err *err)
{
    struct err unused = {0};
    err = err ? err : &unused;
    *counts = (struct receive_counts){0};
    must(db != NULL);
    int status = check_headers(req, err);
    if (status != 0)
        return status;
    struct buf message = BUF_INIT(REMOTE_WRITE_MAX);
    if (remote_unpack(req->body, REMOTE_WRITE_MAX, &message, err) < 0) {
        buf_done(&message);
        return receive__status(err);
    }
    struct receiver r = {.db = db, .counts = counts, .err = err};
    status = take_all(&r, (struct str){message.data, message.len}, source);
    labels_builder_done(&r.builder);
    buf_done(&message);
    must(status == 204 || err->code != ERR_OK);
    return status;
}
