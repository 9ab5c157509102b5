/* Functions of a sliding window whose step costs O(1): counts, first and last, least and greatest with their times, changes and
 * resets. */
#include <math.h>
#include <stdlib.h>

#include "promql/func.h"

/* func_NAME(c): out = expr, of the window w that has a sample */
#define EACH(name, expr)                                         \
    int func_##name(struct range_call *c, struct err *err)       \
    {                                                            \
        (void)err;                                               \
        struct window w = window_first(c);                       \
        for (uint32_t i = 0; i < c->steps; i++)                  \
            c->out[i] = window_step(&w, c, i) ? (expr) : ABSENT; \
        return 0;                                                \
    }

EACH(count_over_time, w.hi - w.lo)
EACH(present_over_time, 1)
EACH(first_over_time, c->v[w.lo])
EACH(last_over_time, c->v[w.hi - 1])
EACH(ts_of_first_over_time, (double)c->t[w.lo] / 1000)
EACH(ts_of_last_over_time, (double)c->t[w.hi - 1] / 1000)

/* --- least and greatest --- */

/* Indexes of samples that may still become the extreme: their values fall (for the greatest) from front to back. */
struct queue {
    uint32_t *at;
    uint32_t front, back; /* front ≤ i < back */
    uint32_t next;        /* the first sample that was not offered yet */
};

/* The last of equal ones stands for them: its time is the one to tell. NaN is never an extreme. */
static void offer(struct queue *q, const struct range_call *c, uint32_t k, double sign)
{
    double v = c->v[k];
    if (isnan(v))
        return;
    while (q->back > q->front && c->v[q->at[q->back - 1]] * sign <= v * sign)
        q->back--;
    q->at[q->back++] = k;
}

/* sign: 1 for the greatest, -1 for the least */
static void extreme(struct range_call *c, double sign, bool time)
{
    struct queue q = {.at = func__scratch(c->n, sizeof(*q.at))};
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        if (!window_step(&w, c, i)) {
            c->out[i] = ABSENT;
            continue;
        }
        if (q.next < w.lo) /* a gap between windows */
            q.next = w.lo;
        while (q.next < w.hi)
            offer(&q, c, q.next++, sign);
        while (q.front < q.back && q.at[q.front] < w.lo)
            q.front++;
        uint32_t k = q.front < q.back ? q.at[q.front] : w.hi - 1; /* the last NaN of only NaN */
        c->out[i] = time ? (double)c->t[k] / 1000 : c->v[k];
    }
    free(q.at);
}

int func_max_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    extreme(c, 1, false);
    return 0;
}

int func_min_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    extreme(c, -1, false);
    return 0;
}

int func_ts_of_max_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    extreme(c, 1, true);
    return 0;
}

int func_ts_of_min_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    extreme(c, -1, true);
    return 0;
}

/* --- changes and resets: differences of a running count --- */

static bool changed(double before, double v)
{
    return v != before && !(isnan(v) && isnan(before));
}

static bool fell(double before, double v)
{
    return v < before;
}

static void count_steps(struct range_call *c, bool (*event)(double before, double v))
{
    uint32_t *upto = func__scratch(c->n, sizeof(*upto));
    upto[0] = 0;
    for (uint32_t k = 1; k < c->n; k++)
        upto[k] = upto[k - 1] + event(c->v[k - 1], c->v[k]);
    if (c->anchored || c->smoothed) {
        func__extended_count(c, upto);
    } else {
        struct window w = window_first(c);
        for (uint32_t i = 0; i < c->steps; i++)
            c->out[i] = window_step(&w, c, i) ? (double)(upto[w.hi - 1] - upto[w.lo]) : ABSENT;
    }
    free(upto);
}

int func_changes(struct range_call *c, struct err *err)
{
    (void)err;
    count_steps(c, changed);
    return 0;
}

int func_resets(struct range_call *c, struct err *err)
{
    (void)err;
    count_steps(c, fell);
    return 0;
}
