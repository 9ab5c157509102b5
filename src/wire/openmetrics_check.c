/* Whether a text is OpenMetrics 1.0 in every point that spans lines (wire/exposition.h). What a single sample may be is
 * openmetrics_sample.c's, what the samples of one label set may be together openmetrics_group.c's.
 *
 * A family begins with the first line that names it, and ends with the first that does not: its names must not come
 * again. */
#include "wire/openmetrics_priv.h"

#include "base/must.h"
#include "wire/number.h"

static const struct str suffixes[OM_SUFFIXES] = {
    [OM_NONE] = {"", 0},          [OM_TOTAL] = {"_total", 6}, [OM_CREATED] = {"_created", 8},
    [OM_COUNT] = {"_count", 6},   [OM_SUM] = {"_sum", 4},     [OM_BUCKET] = {"_bucket", 7},
    [OM_GCOUNT] = {"_gcount", 7}, [OM_GSUM] = {"_gsum", 5},   [OM_INFO] = {"_info", 5},
};

#define BIT(s) (1u << OM_##s)
static const unsigned allowed[] = {
    [METRIC_UNKNOWN] = BIT(NONE),
    [METRIC_COUNTER] = BIT(TOTAL) | BIT(CREATED),
    [METRIC_GAUGE] = BIT(NONE),
    [METRIC_HISTOGRAM] = BIT(COUNT) | BIT(SUM) | BIT(BUCKET) | BIT(CREATED),
    [METRIC_GAUGE_HISTOGRAM] = BIT(GCOUNT) | BIT(GSUM) | BIT(BUCKET),
    [METRIC_SUMMARY] = BIT(NONE) | BIT(COUNT) | BIT(SUM) | BIT(CREATED),
    [METRIC_INFO] = BIT(INFO),
    [METRIC_STATESET] = BIT(NONE),
};

struct checker {
    struct arena *arena;
    struct labels_builder builder;
    struct map_str *names; /* of all families that ended, with their suffixes */
    struct {
        struct str name;
        enum metric_type type;
        struct str unit;
        bool begun, has_type, has_help, has_unit, has_samples;
    } family;
    struct om_group group;
};

static int wrong(struct err *err, const char *what)
{
    return err_set(err, ERR_MALFORMED, "cannot accept as OpenMetrics: %s", what);
}

static int end_family(struct checker *c, struct err *err)
{
    if (!c->family.begun)
        return 0;
    must((size_t)c->family.type < array_len(allowed));
    struct buf name = BUF_INIT(1 << 20);
    int rc = om_group_end(&c->group, c->family.type, err);
    for (int s = 0; s < OM_SUFFIXES && rc == 0; s++) {
        if (s != OM_NONE && !(allowed[c->family.type] & 1u << s))
            continue;
        buf_clear(&name);
        buf_add(&name, c->family.name.p, c->family.name.n);
        buf_add(&name, suffixes[s].p, suffixes[s].n);
        if (map_str_put(c->names, name.data, name.len, c))
            rc = err_set(err, ERR_MALFORMED,
                         "cannot accept as OpenMetrics: \"%s\" belongs to an earlier family, too",
                         name.data);
    }
    buf_done(&name);
    struct str unit = c->family.unit;
    if (rc == 0 && unit.n > 0) {
        struct str n = c->family.name;
        if (!str_ends(n, unit) || n.n == unit.n || n.p[n.n - unit.n - 1] != '_')
            rc = wrong(err, "the family's name does not end with its unit");
        else if (c->family.type == METRIC_INFO || c->family.type == METRIC_STATESET)
            rc = wrong(err, "an info or a stateset has no unit");
    }
    return rc;
}

static void begin_family(struct checker *c, struct str name)
{
    memset(&c->family, 0, sizeof(c->family));
    c->family.name = name;
    c->family.begun = true;
    om_group_done(&c->group);
    om_group_init(&c->group);
}

static int once(bool *has, struct err *err)
{
    if (*has)
        return wrong(err, "the same metadata stands twice");
    *has = true;
    return 0;
}

static int on_metadata(struct checker *c, enum exposition_item item,
                       const struct exposition_entry *e, struct err *err)
{
    struct str name = exposition_unescape(e->name, EXPOSITION_OPENMETRICS, c->arena);
    if (!c->family.begun || !str_eq(name, c->family.name)) {
        if (end_family(c, err) < 0)
            return -1;
        begin_family(c, name);
    }
    if (c->family.has_samples)
        return wrong(err, "metadata stand after the family's samples");
    if (item == EXPOSITION_HELP)
        return once(&c->family.has_help, err);
    if (item == EXPOSITION_UNIT) {
        c->family.unit = e->text;
        return once(&c->family.has_unit, err);
    }
    c->family.type = e->type;
    return once(&c->family.has_type, err);
}

/* What the metric's name adds to the family's; OM_SUFFIXES: it is not this family's. */
static enum om_suffix suffix_of(const struct checker *c, struct str metric)
{
    if (!c->family.begun || !str_starts(metric, c->family.name))
        return OM_SUFFIXES;
    struct str rest = {metric.p + c->family.name.n, metric.n - c->family.name.n};
    for (int s = 0; s < OM_SUFFIXES; s++) {
        if ((allowed[c->family.type] & 1u << s) && str_eq(rest, suffixes[s]))
            return (enum om_suffix)s;
    }
    return OM_SUFFIXES;
}

static int on_sample(struct checker *c, const struct exposition_entry *e, struct err *err)
{
    struct labels labels;
    if (exposition_labels(e, EXPOSITION_OPENMETRICS, c->arena, &c->builder, &labels, err) < 0)
        return -1;
    struct str metric = labels_metric(&labels);
    struct om_sample s = {.e = e, .labels = &labels, .suffix = suffix_of(c, metric)};
    if (s.suffix == OM_SUFFIXES) {
        if (end_family(c, err) < 0)
            return -1;
        begin_family(c, metric);
        s.suffix = OM_NONE;
    }
    c->family.has_samples = true;
    if (e->has_t)
        number_f64(e->time, &s.time);
    if (om_sample_check(c->family.type, c->family.name, &s, err) < 0 ||
        om_group_add(&c->group, c->family.type, c->family.name, &s, err) < 0)
        return -1;
    if (e->exemplar.n == 0)
        return 0;
    double v;
    int64_t t;
    size_t length = 0;
    if (exposition_exemplar(e, c->arena, &c->builder, &labels, &v, &t, err) < 0)
        return -1;
    for (uint32_t i = 0; i < labels.n; i++)
        length += utf8_count(labels.at[i].name.p, labels.at[i].name.n) +
                  utf8_count(labels.at[i].value.p, labels.at[i].value.n);
    return length <= 128 ? 0 : wrong(err, "an exemplar's labels have more than 128 characters");
}

static int check_lines(struct checker *c, struct exposition *x, struct err *err)
{
    struct exposition_entry e;
    enum exposition_item item;
    while ((item = exposition_next(x, &e, err)) > EXPOSITION_END) {
        int rc = item == EXPOSITION_SAMPLE ? on_sample(c, &e, err) : on_metadata(c, item, &e, err);
        if (rc < 0 && err && err->at_line == 0)
            err_where(err, "", (int)e.line, 1);
        if (rc < 0)
            return -1;
    }
    if (item == EXPOSITION_FAILED)
        return -1;
    return end_family(c, err);
}

int openmetrics_check(struct str text, struct err *err)
{
    struct exposition x;
    struct err unused;
    struct checker c = {.arena = arena_new(), .names = map_str_new()};
    err = err ? err : &unused;
    err_clear(err);
    om_group_init(&c.group);
    exposition_init(&x, EXPOSITION_OPENMETRICS);
    exposition_feed(&x, text, true);
    int rc = check_lines(&c, &x, err);
    if (rc < 0 && err->at_line == 0)
        err_where(err, "", (int)x.line, 1);
    om_group_done(&c.group);
    map_str_free(c.names);
    labels_builder_done(&c.builder);
    arena_free(c.arena);
    must(rc == 0 || err->code != ERR_OK);
    return rc;
}
