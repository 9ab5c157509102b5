/* What the source's files share: finding series of the head, names and values of labels. Any thread. */
#ifndef TSDB_SOURCE_H
#define TSDB_SOURCE_H

#include "tsdb/tsdb_priv.h"

struct tsdb__head_walk {
    struct tsdb *db;
    const struct series_select *q;
    pthread_mutex_t *held;
    void (*fn)(void *arg, uint32_t slot);
    void *arg;
};
/* Calls fn for each series of the head that matches and may have samples in the span, with its shard locked. The caller is in
 * an epoch. */
int tsdb__head_select(struct tsdb *db, const struct series_select *q,
                      void (*fn)(void *arg, uint32_t slot), void *arg, struct err *err);

int tsdb__label_names(void *self, const struct series_select *q,
                      bool (*fn)(void *arg, struct str name), void *arg, struct err *err);
int tsdb__label_values(void *self, struct str name, const struct series_select *q,
                       bool (*fn)(void *arg, struct str value), void *arg, struct err *err);

#endif
