/* Between target_find.c (which targets fit, and their order), target_facets.c (counts and groups) and target_cursor.c (pages that
 * follow). All of it runs on the thread that asks, under the index' read lock. */
#ifndef CORE_TARGET_FIND_PRIV_H
#define CORE_TARGET_FIND_PRIV_H

#include "core/target_index_priv.h"

/* Filters that have facets of their own: what each kind counts fits all others. */
enum { BY_STATE = 1, BY_GROUP = 2, BY_TYPE = 4, BY_LABEL = 8, BY_OTHER = 16 };

struct hit {
    uint64_t hi, lo; /* ascending */
    uint32_t slot;
};

struct finding {
    struct target_index *ix;
    const struct index_query *q;
    struct arena *arena;
    struct index_answer *out;
    struct str words[INDEX_WORDS_MAX]; /* folded */
    size_t n_words;
    uint32_t group, type, label; /* numbers */
    size_t label_name_n;         /* of a label that is wanted with any value; 0: not */
    const bool *seen;            /* group number → may be seen; NULL: all */
    struct hit *hits;
    size_t n, room;
    uint64_t forgotten; /* hits of groups before the wanted part: forget_far_groups */
    uint16_t *scanned;  /* slot → bits of the words that its text has; NULL: not looked for */
    /* Counts by number. NULL: they are not asked for, or as nothing is filtered, known: see `everything`. */
    uint32_t *types, *labels, *group_names;
    bool everything;            /* no filter: the facets are what there is */
    struct index_group *groups; /* by number; targets 0: none fits */
    uint32_t *group_order;      /* number → place */
};

static inline bool before(const struct hit *a, const struct hit *b)
{
    return a->hi != b->hi ? a->hi < b->hi : a->lo < b->lo;
}

/* --- target_facets.c --- */
void index__counts_begin(struct finding *f);
/* missed: bits of the filters that it does not fit; none but one, if any. */
void index__count(struct finding *f, const struct cell *c, enum shown_state shown, unsigned missed);
void index__count_group(struct finding *f, const struct cell *c, enum shown_state shown);
/* Puts the groups in order: for the keys (group_order), and for the answer. */
void index__order_groups(struct finding *f);
void index__put_facets(struct finding *f);

/* --- target_cursor.c --- */
const char *index__cursor_text(struct finding *f, const struct hit *last); /* of what follows it */
/* Forgets the hits that an earlier page told. MALFORMED: the cursor is none of this order. */
int index__skip_told(struct finding *f, struct err *err);

#endif
