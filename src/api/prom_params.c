/* Parameters of the Prometheus API: from the address and from a form (POST), the form's first; times, spans, limits and
 * selectors with Prometheus' words for what is wrong with them. */
#include "api/prom_priv.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"

#define PARAMS_MAX  10000
#define SECONDS_MAX 9e12 /* of a time: beyond all calendars, and its ms fit */

static void add_param(void *arg, const char *name, const char *value)
{
    struct prom_params *p = arg;
    if (p->n == PARAMS_MAX)
        return;
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 8;
        struct prom_param *more = arena_array_of(p->call->arena, struct prom_param, p->cap);
        if (p->n)
            memcpy(more, p->at, p->n * sizeof(*more));
        p->at = more;
    }
    p->at[p->n++] = (struct prom_param){name, value};
}

/* One name or value of a form: percent signs, and + for a blank. What is not well formed stands for itself. */
static const char *form_text(struct arena *a, struct str s)
{
    char *plain = arena_strndup(a, s.p, s.n);
    for (size_t i = 0; i < s.n; i++) {
        if (plain[i] == '+')
            plain[i] = ' ';
    }
    struct buf b = BUF_INIT(s.n + 1);
    bool good = url_decode(&b, (struct str){plain, s.n}, NULL) == 0;
    const char *out = good ? arena_strndup(a, b.data ? b.data : "", b.len) : plain;
    buf_done(&b);
    return out;
}

static bool is_form(const struct http_req *req)
{
    const char *type = http_req_header(req, "Content-Type");
    static const char form[] = "application/x-www-form-urlencoded";
    return type && strncasecmp(type, form, sizeof(form) - 1) == 0;
}

void prom_params(struct call *k, struct prom_params *out)
{
    *out = (struct prom_params){.call = k};
    struct str rest = k->req->body, part, name, value;
    while (is_form(k->req) && rest.n > 0 && str_next(&rest, '&', &part)) {
        if (part.n == 0)
            continue;
        if (!str_cut(part, '=', &name, &value)) {
            name = part;
            value = STR("");
        }
        add_param(out, form_text(k->arena, name), form_text(k->arena, value));
    }
    http_req_each_query(k->req, add_param, out);
}

bool prom_given(const struct prom_params *p, const char *name)
{
    return *prom_param(p, name) != '\0';
}

const char *prom_param(const struct prom_params *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (streq(p->at[i].name, name))
            return p->at[i].value;
    }
    return "";
}

/* --- times --- */

static bool read_seconds(const char *text, double *out)
{
    char *end;
    bool number = (*text >= '0' && *text <= '9') || *text == '-' || *text == '+' || *text == '.';
    if (!number)
        return false;
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

static bool read_time(const char *text, int64_t *ms)
{
    double seconds;
    if (read_seconds(text, &seconds) && fabs(seconds) < SECONDS_MAX) {
        *ms = llround(seconds * 1000);
        return true;
    }
    /* What Prometheus' clients send for the ends of time. */
    if (streq(text, "-292273086-05-16T16:47:06Z") ||
        streq(text, "292277025-08-18T07:12:54.999999999Z")) {
        *ms = *text == '-' ? PROM_MIN_MS : PROM_MAX_MS;
        return true;
    }
    return strchr(text, 'T') && time_parse(str_of(text), ms, NULL) == 0;
}

int prom_time_needed(const struct prom_params *p, const char *name, int64_t *ms)
{
    const char *text = prom_param(p, name);
    if (read_time(text, ms))
        return 0;
    return prom_bad_param(p->call, name, "cannot parse \"%.100s\" to a valid timestamp", text);
}

int prom_time(const struct prom_params *p, const char *name, int64_t absent, int64_t *ms)
{
    *ms = absent;
    const char *text = prom_param(p, name);
    if (*text == '\0' || read_time(text, ms))
        return 0;
    return prom_bad_param(
        p->call, name, "Invalid time value for '%s': cannot parse \"%.100s\" to a valid timestamp",
        name, text);
}

int prom_period(const struct prom_params *p, int64_t *start, int64_t *end)
{
    if (prom_time(p, "start", PROM_MIN_MS, start) < 0 || prom_time(p, "end", PROM_MAX_MS, end) < 0)
        return -1;
    if (*end < *start)
        return prom_bad_param(p->call, "end", "end timestamp must not be before start timestamp");
    return 0;
}

int prom_span(const struct prom_params *p, const char *name, int64_t absent, int64_t *ms)
{
    const char *text = prom_param(p, name);
    double seconds;
    *ms = absent;
    if (*text == '\0')
        return 0;
    if (read_seconds(text, &seconds)) {
        if (fabs(seconds) >= (double)(INT64_MAX / 1000000000))
            return prom_bad_param(p->call, name,
                                  "cannot parse \"%.100s\" to a valid duration. It overflows int64",
                                  text);
        *ms = llround(seconds * 1000);
        return 0;
    }
    if (duration_parse(str_of(text), ms, NULL) == 0)
        return 0;
    return prom_bad_param(p->call, name, "cannot parse \"%.100s\" to a valid duration", text);
}

int prom_limit(const struct prom_params *p, const char *name, uint32_t *out)
{
    const char *text = prom_param(p, name);
    char *end;
    *out = 0;
    if (*text == '\0')
        return 0;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (*end != '\0' || errno != 0 || *text == ' ')
        return prom_bad_param(p->call, name, "strconv.Atoi: parsing \"%.100s\": invalid syntax",
                              text);
    if (n < 0)
        return prom_bad_param(p->call, name, "limit must be non-negative");
    *out = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    return 0;
}

/* --- selectors --- */

static int add_selector(struct call *k, const char *name, const char *text,
                        struct prom_selector *out)
{
    struct err err = {0};
    char shown[sizeof(err.msg) + sizeof(err.where) + 64];
    if (promql_parse_selector(k->arena, str_of(text), false, &out->matchers, &out->n, &err) == 0)
        return 0;
    return prom_bad_param(k, name, "%s", err_text(&err, shown, sizeof(shown)));
}

int prom_selectors(const struct prom_params *p, const char *name, struct prom_selectors *out)
{
    *out = (struct prom_selectors){
        .at = arena_array_of(p->call->arena, struct prom_selector, p->n + 1)};
    for (size_t i = 0; i < p->n; i++) {
        if (!streq(p->at[i].name, name))
            continue;
        if (add_selector(p->call, name, p->at[i].value, &out->at[out->n]) < 0)
            return -1;
        out->n++;
    }
    return 0;
}
