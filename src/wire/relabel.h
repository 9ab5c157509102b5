/* Prometheus' relabelling: rules that rewrite or drop label sets, relabel_configs verbatim
 * (prometheus.io/docs/prometheus/latest/configuration, relabel_config). Rules are checked and their expressions compiled
 * once; applying them is pure. Any thread. */
#ifndef WIRE_RELABEL_H
#define WIRE_RELABEL_H

#include "config/option.h"
#include "model/labels.h"

/* X(NAME, "name") */
#define RELABEL_ACTIONS(X)    \
    X(REPLACE, "replace")     \
    X(KEEP, "keep")           \
    X(DROP, "drop")           \
    X(KEEPEQUAL, "keepequal") \
    X(DROPEQUAL, "dropequal") \
    X(HASHMOD, "hashmod")     \
    X(LABELMAP, "labelmap")   \
    X(LABELDROP, "labeldrop") \
    X(LABELKEEP, "labelkeep") \
    X(LOWERCASE, "lowercase") \
    X(UPPERCASE, "uppercase")

enum relabel_action {
#define X(name, text) RELABEL_##name,
    RELABEL_ACTIONS(X)
#undef X
};

struct relabel_config { /* one item of relabel_configs, bound by relabel_options */
    struct str_list source_labels;
    const char *separator, *target_label, *regex, *replacement;
    int64_t modulus;
    int action; /* enum relabel_action */
};
extern const struct option relabel_options[]; /* ended by OPTION_END */

struct relabel;
/* NULL when a rule is wrong: what and where was added to p (list: the node that rules were bound from, or NULL; path names it:
 * "remote_write[0].write_relabel_configs"). Copies what it needs. */
struct relabel *relabel_new(const struct relabel_config *rules, size_t n, const struct node *list,
                            struct problems *p, const char *path);
void relabel_free(struct relabel *r); /* NULL is fine */

/* Rewrites the set in b (names once each, in any order); new texts are in a. false: the set is dropped, b is then undefined.
 * Finish b afterwards: labels may have become empty. */
bool relabel_apply(const struct relabel *r, struct labels_builder *b, struct arena *a);

#endif
