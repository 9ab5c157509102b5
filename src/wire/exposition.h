/* Reads metrics as text: Prometheus' text format 0.0.4 (with UTF-8 names in quotes) and OpenMetrics 1.0.
 *
 * One pass over the caller's bytes, without allocation: an item is a line. A sample comes with the raw bytes that name its
 * series, so that a receiver that has met them before need not look into them; exposition_labels reads them when it has not.
 * Syntax is checked here, except what lies within the braces, which exposition_labels checks. What spans lines (OpenMetrics'
 * families, suffixes, histograms, order) is openmetrics_check's.
 *
 *   struct exposition x;
 *   exposition_init(&x, EXPOSITION_TEXT);
 *   exposition_feed(&x, text, true);
 *   while ((item = exposition_next(&x, &e, err)) > EXPOSITION_END) …
 *
 * Errors are MALFORMED with line and column. Behaviour: the text format's and OpenMetrics' specifications, and Prometheus'
 * own readers where these leave it open. Plain data, no state beside it; any thread. */
#ifndef WIRE_EXPOSITION_H
#define WIRE_EXPOSITION_H

#include "base/arena.h"
#include "model/labels.h"
#include "model/series.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };
/* By a Content-Type; false when it is neither. "" and NULL: text. */
bool exposition_format_of(const char *content_type, enum exposition_format *out);
const char *exposition_content_type(enum exposition_format f);
/* What an Accept header wants of the two, text when it does not care. */
enum exposition_format exposition_negotiate(const char *accept);

enum exposition_item {
    EXPOSITION_FAILED = -1,
    EXPOSITION_END, /* of all (fed with last), or no whole line is left: feed on */
    EXPOSITION_SAMPLE,
    EXPOSITION_HELP,
    EXPOSITION_TYPE,
    EXPOSITION_UNIT,
};

struct exposition_entry {
    uint32_t line;
    /* EXPOSITION_SAMPLE */
    struct str series; /* name{labels} as it stands */
    double v;
    int64_t t_ms;
    bool has_t;
    struct str time;     /* the time as it stands */
    struct str exemplar; /* OpenMetrics: "{labels} value time"; n 0: none */
    /* metadata */
    struct str name; /* unquoted, but escapes as they stand */
    enum metric_type type;
    struct str text; /* of HELP (escapes as they stand) and UNIT */
};

struct exposition {
    enum exposition_format format;
    const char *p, *end;
    const char *line_start;
    uint32_t line;
    bool last, ended; /* ended: # EOF was read */
};
void exposition_init(struct exposition *x, enum exposition_format f);
/* The next piece of text: it begins with what exposition_left of the piece before was. last: nothing follows it. */
void exposition_feed(struct exposition *x, struct str piece, bool last);
/* What no item was made of yet: less than a line. */
struct str exposition_left(const struct exposition *x);
enum exposition_item exposition_next(struct exposition *x, struct exposition_entry *e,
                                     struct err *err);

/* The label set that names a sample's series, name included; values with escapes are copied to a. The view borrows b and
 * the text. MALFORMED, or CONFLICT when a label stands twice. */
int exposition_labels(const struct exposition_entry *e, enum exposition_format f, struct arena *a,
                      struct labels_builder *b, struct labels *out, struct err *err);
/* An exemplar: its labels as above. *t_ms is 0 when it has no time. */
int exposition_exemplar(const struct exposition_entry *e, struct arena *a, struct labels_builder *b,
                        struct labels *out, double *v, int64_t *t_ms, struct err *err);
/* A HELP text, or a quoted name, with its escapes resolved. */
struct str exposition_unescape(struct str s, enum exposition_format f, struct arena *a);

/* Is this text OpenMetrics 1.0 in every point? MALFORMED says what is not. Takes memory for the text's series. */
int openmetrics_check(struct str text, struct err *err);

#endif
