/* Arithmetic and comparisons between vectors. Series of the "many" side (the left one, unless group_right) are paired with those of
 * the "one" side that have the same signature; which pairs there are depends on labels alone, so the columns of each pair are
 * worked through once. Where several series could meet at one step (equal signatures on one side, results with equal labels) every
 * step is checked, as Prometheus does: errors depend on what is there at that step.
 *
 * fill_right stands for a missing partner on the one side, fill_left for one on the many side. */
#include "promql/eval_priv.h"

#include <stdlib.h>

#define NOBODY UINT32_MAX

struct pair {
    uint32_t many, one; /* NOBODY: filled in */
    uint32_t signature, row;
};

struct match {
    struct query *q;
    const struct promql_node *n;
    bool swapped; /* group_right: the many side is the right one */
    struct frame *many, *one;
    uint32_t steps;
    struct label_choice choice;
    uint32_t *of_many, *of_one; /* signatures */
    uint32_t signatures;
    uint32_t *many_count, *one_count;  /* series by signature */
    uint32_t *one_first, *one_members; /* series of the one side, by signature */
    vec_of(struct pair) pairs;
    struct label_map *rows;
    vec_of(struct labels) labels; /* of rows */
    vec_of(uint32_t) sharers;     /* pairs of each row */
    struct labels_builder builder;
    bool *many_any;     /* by step: has the many side anything */
    bool *many_present; /* by signature, then step; for fill_left */
    bool fill_many, fill_one;
    double many_value, one_value;
    struct frame *out;
};

/* --- labels of results --- */

static bool include_listed(const struct promql_node *n, struct str name)
{
    for (uint32_t i = 0; i < n->binary.n_include; i++) {
        if (str_eq(n->binary.include[i], name))
            return true;
    }
    return false;
}

static bool changes_meaning(enum promql_op op)
{
    return !op_compares(op);
}

static bool result_keeps(const struct match *m, struct str name)
{
    const struct promql_node *n = m->n;
    bool listed = false;
    for (uint32_t i = 0; i < n->binary.n_labels && !listed; i++)
        listed = str_eq(n->binary.labels[i], name);
    if (changes_meaning(n->binary.op) && label_is_meta(name))
        return false;
    if (n->binary.return_bool && !m->q->delayed && label_is_meta(name))
        return false;
    if (n->binary.card == CARD_ONE_TO_ONE && listed != n->binary.on)
        return false;
    return !include_listed(n, name);
}

static struct labels result_labels(struct match *m, const struct labels *many,
                                   const struct labels *one)
{
    labels_builder_clear(&m->builder);
    for (uint32_t i = 0; i < many->n; i++) {
        if (result_keeps(m, many->at[i].name))
            labels_builder_add(&m->builder, many->at[i].name, many->at[i].value);
    }
    for (uint32_t i = 0; i < m->n->binary.n_include; i++) {
        struct str name = m->n->binary.include[i], value = labels_get(one, name);
        if (value.n > 0)
            labels_builder_set(&m->builder, name, value);
    }
    struct labels l;
    must(labels_builder_finish(&m->builder, &l, NULL) == 0);
    return (struct labels){arena_memdup(m->q->arena, l.at, l.n * sizeof(*l.at)), l.n};
}

/* --- pairs --- */

static void add_pair(struct match *m, uint32_t many, uint32_t one)
{
    struct query *q = m->q;
    struct labels many_labels = {0}, one_labels = {0};
    must(many != NOBODY || one != NOBODY);
    if (many != NOBODY)
        many_labels = m->many->labels[many];
    if (one != NOBODY)
        one_labels = m->one->labels[one];
    if (many == NOBODY)
        many_labels = labels_choose(&m->choice, &one_labels, q->arena);
    if (one == NOBODY)
        one_labels = labels_choose(&m->choice, &many_labels, q->arena);
    struct labels l = result_labels(m, &many_labels, &one_labels);
    bool added;
    uint32_t row = label_map_number(m->rows, &l, &added);
    if (added) {
        vec_push(&m->labels, l);
        vec_push(&m->sharers, 0);
    }
    m->sharers.at[row]++;
    uint32_t signature = many != NOBODY ? m->of_many[many] : m->of_one[one];
    vec_push(&m->pairs, ((struct pair){many, one, signature, row}));
}

static int make_pairs(struct match *m)
{
    for (uint32_t i = 0; i < m->many->s.n; i++) {
        uint32_t s = m->of_many[i];
        for (uint32_t j = 0; j < m->one_count[s]; j++)
            add_pair(m, i, m->one_members[m->one_first[s] + j]);
        if (m->fill_one)
            add_pair(m, i, NOBODY);
        if (i % 4096 == 0 && query_stopped(m->q, true))
            return -1;
    }
    for (uint32_t j = 0; m->fill_many && j < m->one->s.n; j++)
        add_pair(m, NOBODY, j);
    return 0;
}

static int sign(struct match *m)
{
    struct query *q = m->q;
    uint32_t many = m->many->s.n, one = m->one->s.n;
    struct block *b = query_block(q, ((size_t)many + 2 * (size_t)one + 1) * sizeof(uint32_t));
    struct label_keys keys;
    if (b == NULL)
        return -1;
    m->of_many = (uint32_t *)b->data;
    m->of_one = m->of_many + many;
    m->one_members = m->of_one + one;
    int rc = label_keys_open(q, &keys);
    if (rc == 0)
        rc = label_keys_number(q, &keys, &m->choice, &m->many->s, m->of_many);
    if (rc == 0)
        rc = label_keys_number(q, &keys, &m->choice, &m->one->s, m->of_one);
    m->signatures = (uint32_t)keys.keys.n;
    label_keys_close(&keys);
    if (rc != 0)
        return -1;
    b = query_block(q, ((size_t)m->signatures + 1) * 3 * sizeof(uint32_t));
    if (b == NULL)
        return -1;
    m->many_count = (uint32_t *)b->data;
    m->one_count = m->many_count + m->signatures;
    m->one_first = m->one_count + m->signatures;
    for (uint32_t i = 0; i < many; i++)
        m->many_count[m->of_many[i]]++;
    for (uint32_t i = 0; i < one; i++)
        m->one_count[m->of_one[i]]++;
    for (uint32_t s = 0; s < m->signatures; s++)
        m->one_first[s + 1] = m->one_first[s] + m->one_count[s];
    uint32_t *next = malloc((m->signatures + 1) * sizeof(*next));
    must(next != NULL);
    memcpy(next, m->one_first, m->signatures * sizeof(*next));
    for (uint32_t i = 0; i < one; i++)
        m->one_members[next[m->of_one[i]]++] = i;
    free(next);
    return 0;
}

/* --- what Prometheus refuses, step by step --- */

static int refuse_duplicate(struct match *m, uint32_t a, uint32_t b)
{
    struct buf group = BUF_INIT(1 << 16), x = BUF_INIT(1 << 16), y = BUF_INIT(1 << 16);
    struct labels l = labels_choose(&m->choice, &m->one->labels[a], m->q->arena);
    labels_format_inside(&group, &l);
    labels_format_inside(&x, &m->one->labels[b]);
    labels_format_inside(&y, &m->one->labels[a]);
    query_fail(m->q, ERR_INVALID,
               "found duplicate series for the match group %s on the %s hand-side of the "
               "operation: [%s, %s];many-to-many matching not allowed: matching labels must be "
               "unique on one side",
               group.data, m->swapped ? "left" : "right", x.data, y.data);
    buf_done(&group);
    buf_done(&x);
    buf_done(&y);
    return -1;
}

static const bool *many_any(struct match *m)
{
    if (m->many_any != NULL)
        return m->many_any;
    m->many_any = arena_array_of(m->q->arena, bool, m->steps);
    for (uint32_t i = 0; i < m->many->s.n; i++) {
        for (uint32_t k = 0; k < m->steps; k++)
            m->many_any[k] |= !is_stale(m->many->columns[i][k]);
    }
    return m->many_any;
}

/* Two series of the one side with a signature must not meet at a step where there is anything to match. */
static int check_one_side(struct match *m)
{
    bool fills = m->fill_many || m->fill_one;
    for (uint32_t s = 0; s < m->signatures; s++) {
        if (m->one_count[s] < 2)
            continue;
        const uint32_t *at = m->one_members + m->one_first[s];
        for (uint32_t k = 0; k < m->steps; k++) {
            uint32_t seen = NOBODY;
            if (!fills && !many_any(m)[k])
                continue;
            for (uint32_t j = 0; j < m->one_count[s]; j++) {
                if (is_stale(m->one->columns[at[j]][k]))
                    continue;
                if (seen != NOBODY)
                    return refuse_duplicate(m, seen, at[j]);
                seen = at[j];
            }
        }
    }
    return 0;
}

/* --- columns --- */

static double pair_value(const struct match *m, double many, double one)
{
    enum promql_op op = m->n->binary.op;
    double a = m->swapped ? one : many, b = m->swapped ? many : one;
    if (!op_compares(op))
        return op_apply(op, a, b);
    bool holds = op_holds(op, a, b);
    if (m->n->binary.return_bool)
        return holds;
    return holds ? a : ABSENT;
}

/* Usual pairs: both are there by themselves, and nobody else fills the row. */
static void fast_pair(const struct match *m, const struct pair *p)
{
    const double *many = m->many->columns[p->many], *one = m->one->columns[p->one];
    double *out = m->out->columns[p->row];
    for (uint32_t k = 0; k < m->steps; k++) {
        if (!is_stale(many[k]) && !is_stale(one[k]))
            out[k] = pair_value(m, many[k], one[k]);
    }
}

static bool one_present(const struct match *m, uint32_t s, uint32_t k)
{
    for (uint32_t j = 0; j < m->one_count[s]; j++) {
        if (!is_stale(m->one->columns[m->one_members[m->one_first[s] + j]][k]))
            return true;
    }
    return false;
}

/* Do both stand at step k, by themselves or filled in? */
static bool pair_stands(const struct match *m, const struct pair *p, uint32_t k, double *many,
                        double *one)
{
    if (p->many != NOBODY && is_stale(*many = m->many->columns[p->many][k]))
        return false;
    if (p->one != NOBODY && is_stale(*one = m->one->columns[p->one][k]))
        return false;
    if (p->one == NOBODY) {
        *one = m->one_value;
        return !one_present(m, p->signature, k);
    }
    if (p->many == NOBODY) {
        *many = m->many_value;
        return !m->many_present[(size_t)p->signature * m->steps + k];
    }
    return true;
}

/* Marks which signature (+ 1) has filled a row, or that a signature was matched, at a step. */
struct marks {
    uint32_t **rows, **signatures;
};

static uint32_t *mark_column(struct match *m, uint32_t **at)
{
    if (*at == NULL) {
        struct block *b = query_block(m->q, m->steps * sizeof(uint32_t));
        *at = b == NULL ? NULL : (uint32_t *)b->data;
    }
    return *at;
}

static int careful_pair(struct match *m, const struct pair *p, struct marks *marks)
{
    bool one_to_one = m->n->binary.card == CARD_ONE_TO_ONE;
    double *out = m->out->columns[p->row];
    uint32_t *mark =
        mark_column(m, one_to_one ? &marks->signatures[p->signature] : &marks->rows[p->row]);
    if (mark == NULL)
        return -1;
    for (uint32_t k = 0; k < m->steps; k++) {
        double many = 0, one = 0;
        if (!pair_stands(m, p, k, &many, &one))
            continue;
        if (mark[k] == p->signature + 1)
            return query_fail(m->q, ERR_INVALID, "%s",
                              one_to_one ? "multiple matches for labels: many-to-one matching "
                                           "must be explicit (group_left/group_right)"
                                         : "multiple matches for labels: grouping labels must "
                                           "ensure unique matches");
        mark[k] = p->signature + 1;
        double v = pair_value(m, many, one);
        if (is_stale(v))
            continue;
        if (!is_stale(out[k]))
            return query_fail(m->q, ERR_INVALID,
                              "vector cannot contain metrics with the same labelset");
        out[k] = v;
    }
    return 0;
}

static bool usual(const struct match *m, const struct pair *p)
{
    return p->many != NOBODY && p->one != NOBODY && m->sharers.at[p->row] == 1 &&
           (m->n->binary.card != CARD_ONE_TO_ONE || m->many_count[p->signature] == 1);
}

static void pair_tile(void *arg, struct worker *w, uint32_t from, uint32_t to)
{
    struct match *m = arg;
    for (uint32_t i = from; i < to; i++) {
        if (usual(m, &m->pairs.at[i]))
            fast_pair(m, &m->pairs.at[i]);
    }
}

static int note_presence(struct match *m)
{
    struct block *b = query_block(m->q, (size_t)m->signatures * m->steps + 1);
    if (b == NULL)
        return -1;
    m->many_present = (bool *)b->data;
    for (uint32_t i = 0; i < m->many->s.n; i++) {
        bool *row = m->many_present + (size_t)m->of_many[i] * m->steps;
        for (uint32_t k = 0; k < m->steps; k++)
            row[k] |= !is_stale(m->many->columns[i][k]);
    }
    return 0;
}

static int fill_columns(struct match *m)
{
    if (m->fill_many && note_presence(m) != 0)
        return -1;
    query_tiles(m->q, (uint32_t)m->pairs.n, tile_of(m->steps), pair_tile, m);
    struct marks marks = {
        .rows = arena_array_of(m->q->arena, uint32_t *, m->labels.n + 1),
        .signatures = arena_array_of(m->q->arena, uint32_t *, m->signatures + 1),
    };
    for (size_t i = 0; i < m->pairs.n; i++) {
        const struct pair *p = &m->pairs.at[i];
        if (query_failed(m->q) || (!usual(m, p) && careful_pair(m, p, &marks) != 0))
            return -1;
    }
    return 0;
}

static int make_frame(struct match *m)
{
    m->out = frame_new(m->q, (uint32_t)m->labels.n, m->steps);
    if (m->out == NULL)
        return -1;
    for (size_t i = 0; i < m->labels.n; i++)
        m->out->labels[i] = m->labels.at[i];
    for (size_t i = 0; i < m->pairs.n; i++) {
        const struct pair *p = &m->pairs.at[i];
        m->out->drops[p->row] |= m->n->binary.return_bool && m->q->delayed;
        if (p->many != NOBODY)
            m->out->drops[p->row] |= stream_drops(&m->many->s, p->many);
    }
    if (changes_meaning(m->n->binary.op))
        m->out->s.names = NAMES_NONE;
    return 0;
}

static void match_done(struct match *m)
{
    vec_done(&m->pairs);
    vec_done(&m->labels);
    vec_done(&m->sharers);
    labels_builder_done(&m->builder);
    label_map_free(m->rows);
    stream_done(&m->many->s);
    stream_done(&m->one->s);
}

struct stream *binary_match(struct query *q, const struct promql_node *n, struct frame *l,
                            struct frame *r)
{
    struct match m = {.q = q, .n = n, .many = l, .one = r, .steps = l->s.steps};
    if (n->binary.card == CARD_ONE_TO_MANY) {
        m.swapped = true;
        m.many = r;
        m.one = l;
    }
    m.choice = (struct label_choice){n->binary.labels, n->binary.n_labels, !n->binary.on};
    m.fill_many = n->binary.fill_left;
    m.fill_one = n->binary.fill_right;
    m.many_value = n->binary.fill_left_value;
    m.one_value = n->binary.fill_right_value;
    m.rows = label_map_new();
    bool ok = sign(&m) == 0 && check_one_side(&m) == 0 && make_pairs(&m) == 0 &&
              make_frame(&m) == 0 && fill_columns(&m) == 0;
    match_done(&m);
    if (!ok)
        return NULL;
    frame_compact(m.out);
    return &m.out->s;
}
