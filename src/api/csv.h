/* Tables as CSV (RFC 4180): comma, CRLF, quotes where they are needed. Text that a spreadsheet would take for a formula gets a '
 * in front. */
#ifndef API_CSV_H
#define API_CSV_H

#include <stdint.h>

#include "base/buf.h"

struct csv {
    struct buf *out;
    bool begun; /* a comma is due */
};
void csv_text(struct csv *c, const char *s); /* NULL: an empty cell */
void csv_int(struct csv *c, int64_t v);
void csv_f64(struct csv *c, double v);         /* NaN: an empty cell */
void csv_time(struct csv *c, int64_t wall_ms); /* RFC 3339; 0: an empty cell */
void csv_end(struct csv *c);                   /* of the row */
/* A row of texts, space-separated. */
void csv_header(struct csv *c, const char *names);

#endif
