/* Decimal numbers in texts of metrics: read fast and exactly. Pure.
 *
 * Go's ParseFloat without hexadecimal and underscores, as Prometheus takes it: digits with a point and an exponent, and
 * inf, infinity, nan in any case with a sign. */
#ifndef WIRE_NUMBER_H
#define WIRE_NUMBER_H

#include <stdint.h>

#include "base/str.h"

/* Reads the number that s begins with; returns its bytes, 0 when there is none. Every NaN is NORMAL_NAN_BITS. */
size_t number_f64(struct str s, double *out);
/* The same for a whole number with a sign; 0 also when it does not fit. */
size_t number_i64(struct str s, int64_t *out);
/* Seconds with a fraction as ms, cut after the third digit as Prometheus does, exactly; what an int64 cannot hold becomes
 * its bound. 0 when it is no decimal number. */
size_t number_seconds(struct str s, int64_t *ms);

#endif
