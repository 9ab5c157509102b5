/* Series as lines of JSON, the form that VictoriaMetrics exports and imports:
 *
 *   {"metric":{"__name__":"up","job":"node"},"values":[1,0.5,null],"timestamps":[1732190400000,1732190415000,1732190430000]}
 *
 * Times are ms. A value is a number, null or "NaN" for what is no number, "Infinity" or "-Infinity", and, so that an export
 * loses nothing, "StaleNaN" for a stale marker. Keys come in any order, others are passed over. Any thread. */
#ifndef WIRE_JSONLINES_H
#define WIRE_JSONLINES_H

#include "base/arena.h"
#include "model/labels.h"
#include "model/series.h"

struct json_line {
    struct str metric; /* {…} as it stands: names the series for whoever met it before */
    struct str values, timestamps; /* what is left of the arrays */
    const char *start;             /* of the line: columns of errors are bytes from here */
};
/* Reads the frame of one line (without newline). MALFORMED with the column. */
int json_line_parse(struct str line, struct json_line *out, struct err *err);
/* Labels sorted; the view borrows b, the line and a. MALFORMED, CONFLICT. */
int json_line_labels(const struct json_line *l, struct arena *a, struct labels_builder *b,
                     struct labels *out, struct err *err);
/* The next sample: 1; 0: no more; -1 MALFORMED, also when one array is longer. */
int json_line_sample(struct json_line *l, int64_t *t_ms, double *v, struct err *err);

/* Appends a line with its newline; nothing when there are no samples. */
void json_line_write(struct buf *out, const struct labels *labels, const struct samples *s);

#endif
