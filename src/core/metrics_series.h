/* From results and figures to rows of the time-series store: which series each metric is, remembered per target. The
 * writer's thread only (metrics_writer.h). */
#ifndef CORE_METRICS_SERIES_H
#define CORE_METRICS_SERIES_H

#include "core/metrics_writer.h"

struct series_book;
struct series_book *series_book_new(struct tsdb *db, const char *instance);
void series_book_free(struct series_book *b); /* NULL is fine */

/* Rows to append. The owner of the book appends and clears them. */
struct series_rows {
    struct tsdb_row *at;
    size_t n, cap;
};
struct series_rows *series_book_rows(struct series_book *b);
/* Some series were forgotten by the store: all are asked for again. */
void series_book_renew(struct series_book *b);
uint64_t series_book_refused(const struct series_book *b); /* samples without a series */

void series_book_target(struct series_book *b, uint64_t id, const struct label *labels, uint32_t n,
                        int64_t now_ms);
void series_book_result(struct series_book *b, uint64_t id, const struct metrics_state *st,
                        const void *record, size_t n);
void series_book_forget(struct series_book *b, uint64_t id, int64_t now_ms);
void series_book_figures(struct series_book *b, const struct figures *f, int64_t now_ms);

#endif
