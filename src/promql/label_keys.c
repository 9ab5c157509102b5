/* Which series agree in chosen labels: groups of aggregations, signatures of matching. Label values are hashed where they lie,
 * 128 bits stand for them; label sets are not built. */
#include "promql/eval_priv.h"

#include <stdlib.h>

#include "base/map.h"

static bool listed(const struct label_choice *c, struct str name)
{
    for (uint32_t i = 0; i < c->n; i++) {
        if (str_eq(c->names[i], name))
            return true;
    }
    return false;
}

static bool chosen(const struct label_choice *c, struct str name)
{
    if (!c->without)
        return listed(c, name);
    return !str_eqz(name, LABEL_METRIC_NAME) && !listed(c, name);
}

struct labels labels_choose(const struct label_choice *c, const struct labels *l, struct arena *a)
{
    struct label_pair *at = arena_array_of(a, struct label_pair, l->n);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        if (chosen(c, l->at[i].name))
            at[kept++] = l->at[i];
    }
    return (struct labels){at, kept};
}

/* The order in which labels are added does not matter: by() lists them as written. */
static void key_add(struct label_key *k, struct str name, struct str value)
{
    uint64_t a = hash_bytes(value.p, value.n, hash_bytes(name.p, name.n, 0x62656c66));
    uint64_t b = hash_bytes(name.p, name.n, hash_bytes(value.p, value.n, 0x7279));
    k->a += hash_u64(a);
    k->b += hash_u64(b ^ 0x9e3779b97f4a7c15);
}

struct keying {
    const struct label_choice *choice;
    struct stream *s;
    struct label_key *keys;
};

static void key_tile(void *arg, struct worker *w, uint32_t from, uint32_t to)
{
    struct keying *k = arg;
    const struct label_choice *c = k->choice;
    for (uint32_t i = from; i < to; i++) {
        struct label_key key = {0, 0};
        if (c->without) {
            struct labels l = k->s->ops->labels(k->s, i, w->arena);
            for (uint32_t j = 0; j < l.n; j++) {
                if (chosen(c, l.at[j].name))
                    key_add(&key, l.at[j].name, l.at[j].value);
            }
        } else {
            for (uint32_t j = 0; j < c->n; j++) {
                struct str value = k->s->ops->label(k->s, i, c->names[j]);
                if (value.n > 0)
                    key_add(&key, c->names[j], value);
            }
        }
        k->keys[i] = key;
    }
}

int label_keys_open(struct query *q, struct label_keys *k)
{
    *k = (struct label_keys){.mask = 255};
    k->table = calloc(k->mask + 1, sizeof(*k->table));
    must(k->table != NULL);
    return query_failed(q) ? -1 : 0;
}

void label_keys_close(struct label_keys *k)
{
    free(k->table);
    vec_done(&k->keys);
    vec_done(&k->firsts);
}

static uint32_t *find(struct label_keys *k, const struct label_key *key)
{
    uint32_t at = (uint32_t)(key->a ^ key->b) & k->mask;
    for (; k->table[at] != 0; at = (at + 1) & k->mask) {
        const struct label_key *there = &k->keys.at[k->table[at] - 1];
        if (there->a == key->a && there->b == key->b)
            break;
    }
    return &k->table[at];
}

static void grow(struct label_keys *k)
{
    free(k->table);
    k->mask = k->mask * 4 + 3;
    k->table = calloc((size_t)k->mask + 1, sizeof(*k->table));
    must(k->table != NULL);
    for (size_t i = 0; i < k->keys.n; i++)
        *find(k, &k->keys.at[i]) = (uint32_t)i + 1;
}

static uint32_t number(struct label_keys *k, const struct label_key *key, uint32_t series)
{
    uint32_t *at = find(k, key);
    if (*at != 0)
        return *at - 1;
    vec_push(&k->keys, *key);
    vec_push(&k->firsts, series);
    *at = (uint32_t)k->keys.n;
    uint32_t n = (uint32_t)k->keys.n - 1;
    if (k->keys.n * 2 > k->mask)
        grow(k);
    return n;
}

int label_keys_number(struct query *q, struct label_keys *k, const struct label_choice *c,
                      struct stream *s, uint32_t *of)
{
    struct block *b = query_block(q, s->n * sizeof(struct label_key));
    if (b == NULL)
        return -1;
    struct keying keying = {c, s, (struct label_key *)b->data};
    query_tiles(q, s->n, 2048, key_tile, &keying);
    for (uint32_t i = 0; i < s->n && !query_failed(q); i++)
        of[i] = number(k, &keying.keys[i], i);
    query_unblock(q, b);
    return query_failed(q) ? -1 : 0;
}
