/* Statistics that a service tells as lines of a key and a value (Redis' INFO, memcached's stats, ZooKeeper's mntr), picked by
 * a table. Pure functions over foreign bytes; values are borrowed from the text. */
#ifndef PROBE_FACTS_H
#define PROBE_FACTS_H

#include "base/str.h"
#include "model/result.h"

struct fact {
    const char *key; /* in the text */
    const char *
        metric; /* reported under this name when it is a number, or a state (ok, up, yes: 1); NULL: not reported */
};

/* values: an empty text each before; a key that comes twice keeps its first. */
void facts_read(struct str text, char separator, const struct fact *table, size_t n,
                struct str *values);
/* One line's pair; false when it has no separator. */
bool facts_split(struct str line, char separator, struct str *key, struct str *value);
void facts_put(struct str key, struct str value, const struct fact *table, size_t n,
               struct str *values);
void facts_metrics(const struct fact *table, size_t n, const struct str *values, struct result *r);

/* A number ("12", "0.5", "12.50%") or a state; false for anything else, and then *out stays. */
bool fact_number(struct str value, double *out);
/* As fact_number, `otherwise` when it is none. */
double fact_or(struct str value, double otherwise);
/* A copy of at most RESULT_FACT_MAX bytes. */
const char *fact_text(struct str value, struct arena *a);
/* "1.1 MiB" in buf. */
#define BYTES_TEXT 24
const char *bytes_text(double bytes, char *buf);
/* 0 when there is no whole. */
double percent_of(double part, double whole);

#endif
