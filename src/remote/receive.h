/* What comes in over HTTP, into the store: remote write 1.0, and imports as text, OpenMetrics or lines of JSON.
 *
 * A series that its sender has named before is found by the bytes of its name alone (tsdb_by_alias). What is good is
 * taken, what is not is counted and the first reason told (partial writes, as the protocol has them). Any thread. */
#ifndef REMOTE_RECEIVE_H
#define REMOTE_RECEIVE_H

#include "tsdb/tsdb.h"

/* Samples of one request, unless said otherwise. */
struct receive_counts {
    uint64_t samples;      /* read */
    uint64_t taken;        /* now in the store, or there already */
    uint64_t duplicate;    /* another value at the same time */
    uint64_t out_of_order; /* further behind its series than the window */
    uint64_t invalid;      /* of series with bad labels */
    uint64_t refused;      /* of series over a limit */
    uint64_t series, exemplars, histograms,
        metadata; /* those; exemplars and histograms are left out */
};

#define RECEIVE_RETRY_AFTER "5" /* for status 503 */

struct receive_request {
    struct str body;
    const char *content_type, *content_encoding; /* headers; NULL: absent */
};
/* Answers the HTTP status:
 *   204 all is taken (and on the disk with the next sync)
 *   400 the body cannot be read (nothing after the fault was taken), or some samples were refused (the rest was taken)
 *   413 larger than REMOTE_WRITE_MAX    415 not this protocol    500 failed, 503 the disk is full: send again later
 * From 400 on *err says why. counts are set (not added to) in every case. */
int remote_write_receive(struct tsdb *db, uint32_t source, const struct receive_request *req,
                         struct receive_counts *counts, struct err *err);

enum ingest_format { INGEST_TEXT, INGEST_OPENMETRICS, INGEST_JSON_LINES };
/* By a Content-Type: JSON lines for anything with "json", else as exposition_format_of. */
enum ingest_format ingest_format_of(const char *content_type);
/* An import of a whole text, or piece by piece. Samples without time get default_ms. Status as above (204, 400, 500, 503);
 * 400 names line and column of the first line that cannot be read, where it ends: what stood before it is taken. */
int text_ingest(struct tsdb *db, uint32_t source, enum ingest_format format, struct str text,
                int64_t default_ms, struct receive_counts *counts, struct err *err);

struct ingest;
struct ingest *ingest_new(struct tsdb *db, uint32_t source, enum ingest_format format,
                          int64_t default_ms);
/* 0, or -1 when the import ended with an error; then no more is to be fed. Lines may be cut anywhere; one of more than 64 MiB
 * is TOO_LARGE. */
int ingest_feed(struct ingest *in, struct str piece, struct err *err);
/* Takes the rest in, frees. The status. */
int ingest_end(struct ingest *in, struct receive_counts *counts, struct err *err);

#endif
