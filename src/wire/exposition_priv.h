/* Between the files of the exposition reader. */
#ifndef WIRE_EXPOSITION_PRIV_H
#define WIRE_EXPOSITION_PRIV_H

#include "wire/exposition.h"

/* Where a reader stands in one line. */
struct line_reader {
    const char *start, *p, *end; /* without the newline */
    uint32_t number;
    bool openmetrics;
    struct err *err;
};

/* MALFORMED: "cannot read metrics: got WHAT-STANDS-THERE; want WANT", with line and column. */
int exposition__fail(const struct line_reader *r, const char *want);

/* Bytes of [a-zA-Z_:][a-zA-Z0-9_:]* that p begins with; without colons for labels. */
size_t exposition__name(const char *p, const char *end, bool colons);
/* A quoted string at r->p with its quotes; the content as it stands. Leaves r->p behind it. */
int exposition__quoted(struct line_reader *r, struct str *out);
/* A metric's name, bare or in quotes. */
int exposition__metric_name(struct line_reader *r, struct str *out);
/* {…} at r->p into b, escapes resolved (in a). metric: a name in quotes may stand alone, first. */
int exposition__braces(struct line_reader *r, bool metric, struct arena *a,
                       struct labels_builder *b);

/* One line of each format; the entry's line is set. EXPOSITION_END: nothing of interest stands there. */
enum exposition_item exposition__text_line(struct line_reader *r, struct exposition_entry *e);
enum exposition_item exposition__openmetrics_line(struct line_reader *r, struct exposition_entry *e,
                                                  bool *ended);

#endif
