/* Windows: when a maintenance is, and whom it holds. Pure but for reading the time zone's file at window_new.
 *
 * A weekly window holds each moment at which a clock on the wall in its zone shows a time from `from` to before `to`, on a day
 * that it names (a window over midnight belongs to the day on which it begins): it begins at the first of two equal times and
 * ends at the last; a time that does not exist is the first moment after the gap, and a window that lies wholly in one
 * does not take place. One of a cron expression begins as base/cron.h says and lasts its duration, measured by a clock that
 * is never set. Those that touch or overlap are one. None lies outside the maintenance's own bounds. */
#ifndef ALERT_WINDOW_H
#define ALERT_WINDOW_H

#include "alert/subject.h"
#include "model/maintenance.h"

#define WINDOW_OPEN         INT64_MAX /* ends_ms of one that is ended by hand */
#define WINDOW_DURATION_MAX (INT64_C(366) * 86400 * 1000)

struct window_span {
    int64_t starts_ms, ends_ms; /* ends_ms is the first moment after it */
};

struct window;
/* Of a copy of m. INVALID, NOT_FOUND (the zone), MALFORMED: what is wrong with its schedule or matchers. */
struct window *window_new(const struct maintenance *m, struct err *err);
/* One whose schedule cannot be followed (its zone's file is gone): never active. */
struct window *window_idle(const struct maintenance *m);
void window_free(struct window *w);
const struct maintenance *window_maintenance(const struct window *w);

/* The first that ends after at_ms. Costs some µs. False: there is none any more (within 8 years). */
bool window_next(const struct window *w, int64_t at_ms, struct window_span *out);
/* Is it open? out may be NULL. Remembers the answer for as long as it holds: one thread. */
bool window_active(struct window *w, int64_t now_ms, struct window_span *out);
/* Whom it is about, whenever it is open. */
bool window_holds(const struct window *w, const struct subject *s);

#endif
