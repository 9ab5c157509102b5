/* buf_add_f64: the shortest decimal text that reads back as the same double. Runs on hot paths
 * (query answers, exposition), so the common cases avoid printf. No state. */
#include "base/buf.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void add_by_printf(struct buf *b, double v)
{
    char text[32];
    int digits = fabs(v) < DBL_MIN ? 1 : DBL_DIG; /* subnormals have fewer digits than 15 */
    for (; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (digits == DBL_DECIMAL_DIG || strtod(text, NULL) == v)
            break;
    }
    buf_puts(b, text);
}

void buf_add_f64(struct buf *b, double v)
{
    if (isnan(v))
        buf_puts(b, "NaN");
    else if (isinf(v))
        buf_puts(b, v > 0 ? "+Inf" : "-Inf");
    else if (fabs(v) < 1e15 && v == (double)(int64_t)v && !(v == 0 && signbit(v)))
        buf_add_i64(b, (int64_t)v);
    else
        add_by_printf(b, v);
}
