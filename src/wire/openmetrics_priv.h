/* Between the files of openmetrics_check: the family that is being read, and the group of samples within it. */
#ifndef WIRE_OPENMETRICS_PRIV_H
#define WIRE_OPENMETRICS_PRIV_H

#include "base/map.h"
#include "wire/exposition.h"

/* What a sample's name adds to its family's. */
enum om_suffix {
    OM_NONE,
    OM_TOTAL,
    OM_CREATED,
    OM_COUNT,
    OM_SUM,
    OM_BUCKET,
    OM_GCOUNT,
    OM_GSUM,
    OM_INFO,
    OM_SUFFIXES
};

struct om_sample {
    const struct exposition_entry *e;
    const struct labels *labels;
    enum om_suffix suffix;
    double time; /* seconds; when e->has_t */
};

/* Samples of one label set (but le, quantile, a state's) at one time. */
struct om_point {
    bool has_bucket, has_sum, has_gsum, has_count, negative_bucket, negative_gsum;
    double le, value, count;
};

struct om_group {
    struct buf key; /* of the samples now; empty: none yet */
    bool any, has_t;
    double time;
    struct om_point point;
    struct map_str *seen;   /* keys of the family's groups */
    struct map_str *series; /* of the family, without time */
};
void om_group_init(struct om_group *g);
void om_group_done(struct om_group *g);
/* Takes a sample of the family in; -1 with a message without place. */
int om_group_add(struct om_group *g, enum metric_type type, struct str family,
                 const struct om_sample *s, struct err *err);
/* The family ends: is its last point whole? */
int om_group_end(struct om_group *g, enum metric_type type, struct err *err);

/* Values, labels and exemplars that this type does not allow. */
int om_sample_check(enum metric_type type, struct str family, const struct om_sample *s,
                    struct err *err);

#endif
