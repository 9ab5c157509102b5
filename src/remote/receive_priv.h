/* Between the files that take samples in: rows that go to the store together. */
#ifndef REMOTE_RECEIVE_PRIV_H
#define REMOTE_RECEIVE_PRIV_H

#include "remote/receive.h"

#define BATCH_ROWS 8192

struct batch {
    struct tsdb *db;
    uint32_t source;
    struct receive_counts *counts;
    struct tsdb_row *rows; /* BATCH_ROWS */
    uint8_t *verdicts;
    size_t n;
    uint64_t gone;    /* rows of series that were forgotten meanwhile */
    struct err first; /* why the first sample was refused */
};
void batch_init(struct batch *b, struct tsdb *db, uint32_t source, struct receive_counts *counts);
void batch_done(struct batch *b);

/* Appends what is gathered. -1: the store cannot take anything now (FULL, IO). */
int batch_flush(struct batch *b, struct err *err);
static inline int batch_add(struct batch *b, tsdb_ref ref, int64_t t_ms, double v, struct err *err)
{
    b->rows[b->n++] = (struct tsdb_row){ref, t_ms, v};
    return b->n < BATCH_ROWS ? 0 : batch_flush(b, err);
}
/* The series of these labels, found by key (may be empty) from now on. 0: refused, which is remembered in b->first; or, with
 * *stop set and err, the store cannot take anything now. */
tsdb_ref batch_series(struct batch *b, const struct labels *l, struct str key, bool *stop,
                      struct err *err);
/* Remembers the reason when it is the first. */
void batch_refused(struct batch *b, const struct err *why);
/* 204, or 400 when something was refused. */
int batch_status(const struct batch *b, struct err *err);
/* The HTTP status of an error that ended all. */
int receive__status(const struct err *err);

#endif
