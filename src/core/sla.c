/* See sla.h. */
#include "core/sla.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/must.h"
#include "base/str.h"
#include "base/zone.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- spans --- */

void sla_spans_add(struct sla_spans *s, int64_t from_ms, int64_t to_ms)
{
    if (from_ms < to_ms)
        vec_push(s, ((struct sla_span){from_ms, to_ms}));
}

static int by_start(const void *a, const void *b)
{
    const struct sla_span *x = a, *y = b;
    return (x->from_ms > y->from_ms) - (x->from_ms < y->from_ms);
}

void sla_spans_settle(struct sla_spans *s, int64_t since_ms, int64_t until_ms)
{
    size_t kept = 0;
    if (s->n > 1)
        qsort(s->at, s->n, sizeof(*s->at), by_start);
    for (size_t i = 0; i < s->n; i++) {
        struct sla_span one = {most(s->at[i].from_ms, since_ms), least(s->at[i].to_ms, until_ms)};
        struct sla_span *last = kept ? &s->at[kept - 1] : NULL;
        if (one.from_ms >= one.to_ms)
            continue;
        if (last && one.from_ms <= last->to_ms)
            last->to_ms = most(last->to_ms, one.to_ms);
        else
            s->at[kept++] = one;
    }
    s->n = kept;
}

bool sla_spans_hold(const struct sla_spans *s, int64_t at_ms)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->at[mid].to_ms <= at_ms)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->n && s->at[low].from_ms <= at_ms;
}

int64_t sla_spans_within(const struct sla_spans *s, int64_t from_ms, int64_t to_ms)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += most(0, least(s->at[i].to_ms, to_ms) - most(s->at[i].from_ms, from_ms));
    return sum;
}

void sla_spans_done(struct sla_spans *s)
{
    free(s->at);
    *s = (struct sla_spans){0};
}

/* --- outages --- */

void sla_outage_add(struct sla_outages *o, int64_t fired_ms, int64_t resolved_ms, int64_t since_ms,
                    int64_t until_ms, const struct sla_spans *out)
{
    int64_t from = most(fired_ms, since_ms);
    int64_t to = resolved_ms != 0 ? least(resolved_ms, until_ms) : until_ms;
    if (from >= until_ms || to < from || (to == from && fired_ms < since_ms))
        return;
    int64_t excluded = out ? sla_spans_within(out, from, to) : 0;
    if (out && (excluded == to - from) && sla_spans_hold(out, from))
        return;
    o->incidents++;
    o->down_ms += to - from - excluded;
}

/* --- budget --- */

struct sla_budget sla_budget(double slo, double counted_s, double uptime)
{
    must(slo > 0 && slo <= 100 && counted_s >= 0);
    struct sla_budget b = {.total_s = counted_s * (1 - slo / 100)};
    b.used_s = isnan(uptime) ? 0 : counted_s * (1 - uptime);
    b.left_s = b.total_s - b.used_s;
    if (b.total_s > 0)
        b.left = b.left_s / b.total_s;
    else
        b.left = b.used_s > 0 ? NAN : 1;
    b.met = b.left_s >= -1e-9;
    return b;
}

/* --- quantiles: buckets of a width of 2 %, from 1e-6 on --- */

#define SKETCH_LEAST 1e-6
#define SKETCH_WIDTH 0.0198026272961797 /* ln 1.02 */

void sla_sketch_add(struct sla_sketch *s, double v, double weight)
{
    double place = v > SKETCH_LEAST ? floor(log(v / SKETCH_LEAST) / SKETCH_WIDTH) : 0;
    must(weight >= 0);
    s->in[place < SLA_BUCKETS ? (size_t)place : SLA_BUCKETS - 1] += weight;
    s->n += weight;
}

void sla_sketch_merge(struct sla_sketch *into, const struct sla_sketch *from)
{
    for (size_t i = 0; i < SLA_BUCKETS; i++)
        into->in[i] += from->in[i];
    into->n += from->n;
}

double sla_sketch_quantile(const struct sla_sketch *s, double q)
{
    double seen = 0;
    must(q >= 0 && q <= 1);
    for (size_t i = 0; i < SLA_BUCKETS && s->n > 0; i++) {
        seen += s->in[i];
        if (s->in[i] > 0 && seen >= q * s->n)
            return SKETCH_LEAST * exp(((double)i + 0.5) * SKETCH_WIDTH);
    }
    return NAN;
}

/* --- months --- */

static int64_t month_begins(const struct zone *z, int year, int month)
{
    return zone_moment(z, civil_days(year, month, 1) * 86400, false) * 1000;
}

int sla_month(const char *text, const char *zone, int64_t *since_ms, int64_t *until_ms,
              struct err *err)
{
    int64_t year, month;
    struct str s = str_of(text), y, m;
    if (s.n != 7 || !str_cut(s, '-', &y, &m) || y.n != 4 || str_to_i64(y, &year, NULL) != 0 ||
        str_to_i64(m, &month, NULL) != 0 || year < 1970 || month < 1 || month > 12)
        return err_set(err, ERR_MALFORMED, "got \"%.20s\"; want a month as 2026-10", text);
    struct zone *z = zone_open(zone, err);
    if (!z)
        return -1;
    *since_ms = month_begins(z, (int)year, (int)month);
    *until_ms = month_begins(z, (int)(year + month / 12), (int)(month % 12 + 1));
    zone_free(&z);
    must(*since_ms < *until_ms);
    return 0;
}

/* --- reasons --- */

/* "status 503", "code 404", "HTTP 500": the number is the reason. */
static bool is_code(const char *message, const char *at, size_t n)
{
    static const char *const before[] = {"status ", "code ", "HTTP ", "status: ", "status code "};
    for (size_t i = 0; n == 3 && i < array_len(before); i++) {
        size_t len = strlen(before[i]);
        if ((size_t)(at - message) >= len && strncasecmp(at - len, before[i], len) == 0)
            return true;
    }
    return false;
}

void sla_reason(const char *message, char *out, size_t size)
{
    struct buf b = BUF_INIT(1 << 16);
    for (const char *p = message; *p && b.len < size + 4;) {
        size_t n = 0;
        while (isdigit((unsigned char)p[n]))
            n++;
        if (n == 0)
            buf_putc(&b, *p++);
        else if (is_code(message, p, n))
            buf_add(&b, p, n);
        else
            buf_putc(&b, '#');
        p += n;
    }
    size_t n = b.len ? utf8_cut(b.data, b.len, size - 1) : 0;
    if (n)
        memcpy(out, b.data, n);
    out[n] = '\0';
    buf_done(&b);
}
