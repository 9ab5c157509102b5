/* /federate: the newest sample of each selected series, with its time, as Prometheus answers it: families sorted by name and
 * series within them by labels, untyped, stale series and those without a name left out, external labels added where a series
 * has none of that name, and an empty instance where there is none, so that the scraper's own does not take its place. */
#ifndef WIRE_FEDERATE_H
#define WIRE_FEDERATE_H

#include <stdatomic.h>

#include "model/series.h"
#include "wire/exposition.h"

struct federate_selector { /* of one match[] */
    const struct matcher *const *matchers;
    size_t n;
};
struct federate_request {
    struct series_source source;
    const struct federate_selector *selectors; /* a series that several select is told once */
    size_t n_selectors;
    int64_t now_ms, lookback_ms; /* samples in [now - lookback, now] */
    struct labels external;
    enum exposition_format format; /* exposition_negotiate */
    uint32_t limit;                /* most series of a selector; 0: none. Past it: TOO_LARGE */
    const atomic_bool *cancelled;  /* or NULL */
};
/* Finds the series and their samples, and keeps copies of them: neither the request nor the source is needed any more. NULL: the
 * source's error. */
struct federation;
struct federation *federate_open(const struct federate_request *q, struct err *err);
uint64_t federate_bytes(const struct federation *f); /* about what it holds */
/* Appends about `most` bytes. True: that was all. */
bool federate_next(struct federation *f, struct buf *out, size_t most);
void federate_free(struct federation *f); /* NULL is fine */
/* All at once: appends the text to out. Errors are the source's; TOO_LARGE when out is full. */
int federate_write(const struct federate_request *q, struct buf *out, struct err *err);

#endif
