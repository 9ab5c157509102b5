/* The notation of series in unit tests, as promtool reads it: `name{a="b"}` and `0+10x5 _ _x3 stale 7 1-2x4 5x3`.
 * Pure; any thread. */
#ifndef RULE_NOTATION_H
#define RULE_NOTATION_H

#include "model/series.h"

#define NOTATION_VALUES_MAX 10000000

/* Appends the values; t counts from from_ms in steps of step_ms, what is left out (_) takes a step, too. MALFORMED with at_offset; TOO_LARGE. */
int notation_values(struct str text, int64_t from_ms, int64_t step_ms, struct samples *out,
                    struct err *err);

#endif
