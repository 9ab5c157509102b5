/* What building a result and its wire form share; for result*.c only. */
#ifndef MODEL_RESULT_PRIV_H
#define MODEL_RESULT_PRIV_H

#include "model/result.h"

#define RESULT_LEFT_OUT "probe_metrics_left_out"

/* Room for one more; there must be less than RESULT_METRICS_MAX. */
struct metric *result__new_metric(struct result *r);

#endif
