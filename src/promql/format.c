/* Numbers and times as the API of Prometheus writes them: the shortest digits that read back the same, without an exponent
 * between 1e-6 and 1e21. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "promql/eval_priv.h"

/* |v| = 0.d1d2d3… × 10^point */
struct digits {
    char at[32];
    int n, point;
};

static struct digits digits_of(double v)
{
    char text[64];
    struct buf b = BUF_FIXED(text);
    buf_add_f64(&b, fabs(v));
    must(!b.failed);
    struct digits d = {.n = 0};
    int point = -1, exponent = 0;
    for (size_t i = 0; i < b.len; i++) {
        if (text[i] == '.') {
            point = d.n;
        } else if (text[i] == 'e' || text[i] == 'E') {
            exponent = (int)strtol(text + i + 1, NULL, 10);
            break;
        } else if (d.n < (int)sizeof(d.at)) {
            d.at[d.n++] = text[i];
        }
    }
    d.point = (point < 0 ? d.n : point) + exponent;
    int zeros = 0;
    while (zeros < d.n - 1 && d.at[zeros] == '0')
        zeros++;
    memmove(d.at, d.at + zeros, (size_t)(d.n - zeros));
    d.n -= zeros;
    d.point -= zeros;
    while (d.n > 1 && d.at[d.n - 1] == '0')
        d.n--;
    return d;
}

static bool special(struct buf *out, double v)
{
    if (isnan(v))
        buf_puts(out, "NaN");
    else if (isinf(v))
        buf_puts(out, v > 0 ? "+Inf" : "-Inf");
    else if (v == 0)
        buf_puts(out, signbit(v) ? "-0" : "0");
    else
        return false;
    return true;
}

/* Nearly all that is ever measured: what buf_add_f64 writes without an exponent. */
static bool is_usual(double v)
{
    double size = fabs(v);
    return size >= 1e-3 && size < 1e15;
}

void value_format_plain(struct buf *out, double v)
{
    if (is_usual(v)) {
        buf_add_f64(out, v);
        return;
    }
    if (special(out, v))
        return;
    struct digits d = digits_of(v);
    if (v < 0)
        buf_putc(out, '-');
    if (d.point <= 0)
        buf_puts(out, "0.");
    for (int i = d.point; i < 0; i++)
        buf_putc(out, '0');
    for (int i = 0; i < d.n; i++) {
        if (i == d.point && i > 0)
            buf_putc(out, '.');
        buf_putc(out, d.at[i]);
    }
    for (int i = d.n; i < d.point; i++)
        buf_putc(out, '0');
}

void promql_format_value(struct buf *out, double v)
{
    if (is_usual(v)) {
        buf_add_f64(out, v);
        return;
    }
    if (special(out, v))
        return;
    if (fabs(v) >= 1e-6 && fabs(v) < 1e21) {
        value_format_plain(out, v);
        return;
    }
    struct digits d = digits_of(v);
    int exponent = d.point - 1;
    buf_printf(out, "%s%c", v < 0 ? "-" : "", d.at[0]);
    if (d.n > 1) {
        buf_putc(out, '.');
        buf_add(out, d.at + 1, (size_t)d.n - 1);
    }
    buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

void labels_format_inside(struct buf *out, const struct labels *l)
{
    buf_putc(out, '{');
    for (uint32_t i = 0; i < l->n; i++) {
        struct str name = l->at[i].name;
        if (i > 0)
            buf_puts(out, ", ");
        if (label_name_classic(name))
            buf_add(out, name.p, name.n);
        else
            json_escape(out, name.p, name.n);
        buf_putc(out, '=');
        json_escape(out, l->at[i].value.p, l->at[i].value.n);
    }
    buf_putc(out, '}');
}

void promql_format_time(struct buf *out, int64_t ms)
{
    uint64_t u = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    if (ms < 0)
        buf_putc(out, '-');
    buf_add_u64(out, u / 1000);
    if (u % 1000 != 0)
        buf_printf(out, ".%03" PRIu64, u % 1000);
}
