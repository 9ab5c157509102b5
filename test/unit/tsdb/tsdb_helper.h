/* A store in a directory of its own, and a plain model of what must be in it: sorted arrays in memory that a forked child shares. */
#ifndef TEST_TSDB_HELPER_H
#define TEST_TSDB_HELPER_H

#include "base/rng.h"
#include "tsdb/tsdb.h"

#define MODEL_SERIES  48u
#define MODEL_SAMPLES 6000u
#define MODEL_START   INT64_C(1700000000000)

struct model_series {
    uint32_t n;
    int64_t newest; /* INT64_MIN: none */
    int64_t t[MODEL_SAMPLES];
    double v[MODEL_SAMPLES];
};
struct model {
    int64_t now;
    struct model_series series[MODEL_SERIES];
};

struct model *model_new(void); /* shared with children */
void model_free(struct model *m);
/* What tsdb_append must say of this sample; takes it. */
enum tsdb_verdict model_append(struct model *m, uint32_t i, int64_t t, double v, int64_t window_ms);
void model_delete(struct model *m, uint32_t i, int64_t min_ms, int64_t max_ms);
/* Every series of the store holds what the model does, no more, no less. */
void model_check(const struct model *m, struct tsdb *db);

char *fresh_dir(void); /* under /tmp; free with drop_dir */
void drop_dir(char *dir);
struct tsdb *open_db(const char *dir,
                     const struct model *m); /* manual, two-hour blocks, its clock is the model's */
tsdb_ref series_of(struct tsdb *db, uint32_t i);
/* A batch of random samples, most in order, appended to both. */
void append_random(struct tsdb *db, struct model *m, struct rng *r, uint32_t rows);

#endif
