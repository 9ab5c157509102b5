/* Rows gathered and handed to the store together, verdicts counted (remote/receive_priv.h). */
#include "remote/receive_priv.h"

#include <stdlib.h>

#include "base/must.h"

void batch_init(struct batch *b, struct tsdb *db, uint32_t source, struct receive_counts *counts)
{
    *b = (struct batch){.db = db, .source = source, .counts = counts};
    b->rows = malloc(BATCH_ROWS * sizeof(*b->rows));
    b->verdicts = malloc(BATCH_ROWS);
    must(b->rows != NULL && b->verdicts != NULL);
}

void batch_done(struct batch *b)
{
    free(b->rows);
    free(b->verdicts);
    b->rows = NULL;
    b->verdicts = NULL;
}

void batch_refused(struct batch *b, const struct err *why)
{
    must(why->code != ERR_OK);
    if (b->first.code == ERR_OK)
        b->first = *why;
}

static void refuse_row(struct batch *b, const char *why, const struct tsdb_row *row)
{
    struct err err = {0};
    err_set(&err, ERR_MALFORMED, "cannot take a sample of time %lld: %s", (long long)row->t_ms,
            why);
    batch_refused(b, &err);
}

static void judge(struct batch *b, size_t i)
{
    struct receive_counts *c = b->counts;
    switch ((enum tsdb_verdict)b->verdicts[i]) {
    case TSDB_TAKEN:
    case TSDB_SAME:
        c->taken++;
        return;
    case TSDB_DUPLICATE:
        c->duplicate++;
        refuse_row(b, "another value of that time is there already", &b->rows[i]);
        return;
    case TSDB_OUT_OF_ORDER:
        c->out_of_order++;
        refuse_row(b, "it is out of order, beyond the window", &b->rows[i]);
        return;
    case TSDB_GONE:
        b->gone++;
        return;
    }
    must(!"a verdict that exists");
}

int batch_flush(struct batch *b, struct err *err)
{
    size_t n = b->n;
    b->n = 0;
    if (n == 0)
        return 0;
    must(n <= BATCH_ROWS);
    if (tsdb_append(b->db, b->rows, n, b->verdicts, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (b->verdicts[i] == TSDB_TAKEN)
            b->counts->taken++;
        else
            judge(b, i);
    }
    return 0;
}

tsdb_ref batch_series(struct batch *b, const struct labels *l, struct str key, bool *stop,
                      struct err *err)
{
    struct err why = {0};
    tsdb_ref ref = tsdb_series(b->db, b->source, l, &why);
    if (ref != 0) {
        if (key.n > 0)
            tsdb_alias(b->db, b->source, key.p, key.n, ref);
        return ref;
    }
    *stop = why.code == ERR_FULL || why.code == ERR_IO || why.code == ERR_BUSY;
    if (*stop && err)
        *err = why;
    else
        batch_refused(b, &why);
    return 0;
}

int batch_status(const struct batch *b, struct err *err)
{
    if (b->first.code == ERR_OK)
        return 204;
    const struct receive_counts *c = b->counts;
    if (err) {
        *err = b->first;
        err_prefix(err, "%llu of %llu samples were refused; the first",
                   (unsigned long long)(c->samples - c->taken), (unsigned long long)c->samples);
    }
    return 400;
}

int receive__status(const struct err *err)
{
    switch (err->code) {
    case ERR_TOO_LARGE:
        return 413;
    case ERR_FULL:
    case ERR_BUSY:
        return 503;
    case ERR_IO:
    case ERR_INTERNAL:
    case ERR_DAMAGED:
        return 500;
    default:
        return 400;
    }
}
