/* Belfry's own figures, belfry_*: what it does, how full its queues are, what its limits are. One walk gathers them; /metrics
 * writes them as text, and the core puts them into the time-series store (metrics.h).
 *
 * Rows of one family stand together. A row's strings are constants or in the arena. */
#ifndef CORE_FIGURES_H
#define CORE_FIGURES_H

#include "base/vec.h"
#include "core/core.h"

struct figure {
    const char *name, *type,
        *help;                  /* "belfry_results_total", "counter" (then …_total) or "gauge" */
    const struct label *labels; /* names as label_name_clean makes them, none twice */
    uint32_t n_labels;
    double value;
};
struct figures {
    struct arena *arena; /* borrowed */
    vec_of(struct figure) rows;
};
void figures_init(struct figures *f, struct arena *a);
void figures_done(struct figures *f);
void figure_add(struct figures *f, const char *name, const char *type, const char *help,
                double value);
/* labels: borrowed. */
void figure_add_labelled(struct figures *f, const char *name, const char *type, const char *help,
                         const struct label *labels, uint32_t n, double value);

/* Appends all that the core knows. On the loop. */
void core_figures(struct core *c, struct figures *f);
/* Whoever stands above adds what it knows when the core writes figures to its store: called on the loop. */
void core_figures_more(struct core *c, void (*fn)(void *arg, struct figures *f), void *arg);

/* Label names of what people call their targets' and units' labels: [a-zA-Z_][a-zA-Z0-9_]*, else becomes "_". */
void label_name_clean(struct buf *out, const char *s);
/* Whether both become the same name: a series must not have a label twice. */
bool label_name_same(const char *a, const char *b);
/* target, group, type, instance, then the target's own that are none of what Belfry's metrics use. In a, but
 * texts may be the target's. */
const struct label *core_target_labels(const struct core_target *t, struct arena *a, uint32_t *n);
/* What a metric of a prober, or belfry_target_…, means; "" when nothing is known. */
const char *probe_metric_help(const char *name);
/* `first`, then those of `more` whose cleaned names are neither in `reserved` (NULL-terminated; may be NULL) nor there
 * already. In a. */
const struct label *labels_joined(struct arena *a, const struct label *first, uint32_t n_first,
                                  const struct label *more, uint32_t n_more,
                                  const char *const *reserved, uint32_t *n);

#endif
