/* What the list's filters would find, counted by state, group, type and label; and groups in their order. */
#include <stdlib.h>
#include <string.h>

#include "core/target_find_priv.h"

#define LABELS_TOLD 200 /* a label that is different for each target is no filter */

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n + 1, size);
    must(p);
    return p;
}

static bool nothing_filtered(const struct finding *f)
{
    const struct index_query *q = f->q;
    return !f->n_words && !q->states && !q->statuses && !q->degraded && !q->group && !q->type &&
           !q->source && !q->enabled && !q->label && !q->ids && !f->seen;
}

void index__counts_begin(struct finding *f)
{
    const struct target_index *ix = f->ix;
    if (f->q->facets || f->q->grouped || f->q->sort == INDEX_BY_GROUP)
        f->groups = zeroed(ix->groups.at.n, sizeof(*f->groups));
    f->everything = nothing_filtered(f);
    if (!f->q->facets || f->everything)
        return;
    f->types = zeroed(ix->types.at.n, sizeof(uint32_t));
    f->labels = zeroed(ix->labels.at.n, sizeof(uint32_t));
    f->group_names = zeroed(ix->groups.at.n, sizeof(uint32_t));
}

/* --- counting --- */

void index__count_group(struct finding *f, const struct cell *c, enum shown_state shown)
{
    must(c->group < f->ix->groups.at.n && shown < N_SHOWN);
    struct index_group *g = &f->groups[c->group];
    g->targets++;
    g->by_state[shown]++;
    if (shown <= SHOWN_DEGRADED && (g->worst_id == 0 || shown < g->worst)) {
        g->worst_id = c->id;
        g->worst = shown;
    }
}

void index__count(struct finding *f, const struct cell *c, enum shown_state shown, unsigned missed)
{
    must(f->group_names && f->types && (c->n_labels == 0 || f->labels));
    if ((missed & ~(unsigned)BY_STATE) == 0)
        f->out->by_state[shown]++;
    if ((missed & ~(unsigned)BY_GROUP) == 0)
        f->group_names[c->group]++;
    if ((missed & ~(unsigned)BY_TYPE) == 0)
        f->types[c->type]++;
    if ((missed & ~(unsigned)BY_LABEL) == 0)
        for (uint32_t i = 0; i < c->n_labels; i++)
            f->labels[c->labels[i]]++;
}

/* --- groups --- */

struct group_place {
    const struct finding *f;
    uint32_t number;
};

/* Only trouble moves a group up; otherwise groups keep their places and the eye its map. */
static int by_trouble(const void *a, const void *b)
{
    const struct group_place *x = a, *y = b;
    const struct index_group *g = &x->f->groups[x->number], *h = &y->f->groups[y->number];
    int rank_g = g->worst_id ? (int)g->worst : N_SHOWN,
        rank_h = h->worst_id ? (int)h->worst : N_SHOWN;
    if (x->f->q->sort != INDEX_BY_NAME && rank_g != rank_h)
        return rank_g < rank_h ? -1 : 1;
    return index__compare_names(str_of(x->f->ix->groups.at.at[x->number]),
                                str_of(y->f->ix->groups.at.at[y->number]));
}

static int by_group_name(const void *a, const void *b)
{
    const struct group_place *x = a, *y = b;
    return index__compare_names(str_of(x->f->ix->groups.at.at[x->number]),
                                str_of(y->f->ix->groups.at.at[y->number]));
}

void index__order_groups(struct finding *f)
{
    bool by_names = f->q->sort == INDEX_BY_GROUP && !f->q->grouped;
    size_t n = 0, all = f->ix->groups.at.n;
    struct group_place *at = malloc((all + 1) * sizeof(*at));
    f->group_order = calloc(all + 1, sizeof(uint32_t));
    must(at && f->group_order);
    for (uint32_t i = 0; i < all; i++)
        if (f->groups[i].targets)
            at[n++] = (struct group_place){f, i};
    must(n <= f->n || n == 0); /* each has a target */
    qsort(at, n, sizeof(*at), by_names ? by_group_name : by_trouble);
    f->out->groups = arena_array_of(f->arena, struct index_group, n + 1);
    f->out->n_groups = n;
    for (uint32_t i = 0; i < n; i++) {
        struct index_group *g = &f->out->groups[i];
        f->group_order[at[i].number] = i;
        *g = f->groups[at[i].number];
        g->name = arena_strdup(f->arena, f->ix->groups.at.at[at[i].number]);
    }
    free(at);
}

/* --- facets --- */

static int by_frequency(const void *a, const void *b)
{
    const struct index_count *x = a, *y = b;
    if (x->targets != y->targets)
        return x->targets > y->targets ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_count_name(const void *a, const void *b)
{
    const struct index_count *x = a, *y = b;
    return index__compare_names(str_of(x->name), str_of(y->name));
}

static struct index_count *counts(struct finding *f, const struct names *names, const uint32_t *by,
                                  size_t most, size_t *n)
{
    size_t have = 0;
    for (size_t i = 0; i < names->at.n; i++)
        have += by[i] > 0;
    struct index_count *all = malloc((have + 1) * sizeof(*all));
    must(all);
    have = 0;
    for (size_t i = 0; i < names->at.n; i++)
        if (by[i])
            all[have++] = (struct index_count){names->at.at[i], by[i]};
    if (have > most)
        qsort(all, have, sizeof(*all), by_frequency);
    *n = have < most ? have : most;
    qsort(all, *n, sizeof(*all), by_count_name);
    struct index_count *out = arena_array_of(f->arena, struct index_count, *n + 1);
    for (size_t i = 0; i < *n; i++)
        out[i] = (struct index_count){arena_strdup(f->arena, all[i].name), all[i].targets};
    free(all);
    return out;
}

/* Without a filter each name is as frequent as it is used. */
void index__put_facets(struct finding *f)
{
    const struct target_index *ix = f->ix;
    struct index_answer *out = f->out;
    const uint32_t *groups = f->everything ? ix->groups.uses.at : f->group_names,
                   *types = f->everything ? ix->types.uses.at : f->types,
                   *labels = f->everything ? ix->labels.uses.at : f->labels;
    if (f->everything)
        memcpy(out->by_state, out->all, sizeof(out->by_state));
    out->group_names = counts(f, &ix->groups, groups, SIZE_MAX, &out->n_group_names);
    out->types = counts(f, &ix->types, types, SIZE_MAX, &out->n_types);
    out->labels = counts(f, &ix->labels, labels, LABELS_TOLD, &out->n_labels);
}
