/* See facts.h. Runs in watchers. */
#include "probe/facts.h"

#include <math.h>
#include <stdio.h>

bool facts_split(struct str line, char separator, struct str *key, struct str *value)
{
    if (!str_cut(line, separator, key, value))
        return false;
    *key = str_trim(*key);
    *value = str_trim(*value);
    return key->n > 0;
}

void facts_put(struct str key, struct str value, const struct fact *table, size_t n,
               struct str *values)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqz(key, table[i].key)) {
            if (values[i].n == 0)
                values[i] = value;
            return;
        }
}

void facts_read(struct str text, char separator, const struct fact *table, size_t n,
                struct str *values)
{
    struct str line, key, value;
    must(table != NULL && n > 0);
    while (str_next(&text, '\n', &line))
        if (facts_split(line, separator, &key, &value))
            facts_put(key, value, table, n, values);
}

bool fact_number(struct str value, double *out)
{
    static const struct {
        const char *text;
        double num;
    } states[] = {{"ok", 1},   {"up", 1},   {"yes", 1}, {"err", 0},
                  {"fail", 0}, {"down", 0}, {"no", 0}};
    for (size_t i = 0; i < array_len(states); i++)
        if (str_eqz(value, states[i].text)) {
            *out = states[i].num;
            return true;
        }
    if (value.n > 0 && value.p[value.n - 1] == '%')
        value.n--;
    return str_to_f64(value, out, NULL) == 0;
}

double fact_or(struct str value, double otherwise)
{
    double v;
    return fact_number(value, &v) ? v : otherwise;
}

void facts_metrics(const struct fact *table, size_t n, const struct str *values, struct result *r)
{
    double v;
    must(r != NULL);
    for (size_t i = 0; i < n; i++)
        if (table[i].metric && fact_number(values[i], &v))
            result_metric(r, table[i].metric, v);
}

const char *fact_text(struct str value, struct arena *a)
{
    return arena_strndup(a, value.p ? value.p : "",
                         value.n < RESULT_FACT_MAX ? value.n : RESULT_FACT_MAX);
}

const char *bytes_text(double bytes, char *buf)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t i = 0;
    for (; fabs(bytes) >= 1024 && i + 1 < array_len(units); i++)
        bytes /= 1024;
    int n = snprintf(buf, BYTES_TEXT, i == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s",
                     bytes < 1e9 ? bytes : 1e9, units[i]);
    must(n > 0 && n < BYTES_TEXT);
    return buf;
}

double percent_of(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}
