/* idtab.h: open addressing with linear probing. A number that is taken out is closed over by moving those behind it, so there are
 * no marks of what is gone. */
#include "tsdb/idtab.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define FIRST_SLOTS 64u

void idtab_done(struct idtab *t)
{
    free(t->slots);
    *t = (struct idtab){0};
}

static void put(struct idtab *t, uint32_t hash, uint32_t id)
{
    uint32_t i = hash & t->mask;
    while (t->slots[i].id != IDTAB_NONE)
        i = (i + 1) & t->mask;
    t->slots[i] = (struct idtab_slot){hash, id};
}

static void resize(struct idtab *t, uint32_t n)
{
    struct idtab old = *t;
    t->slots = malloc(n * sizeof(*t->slots));
    must(t->slots != NULL);
    memset(t->slots, 0xff, n * sizeof(*t->slots));
    t->mask = n - 1;
    for (uint32_t i = 0; old.slots && i <= old.mask; i++) {
        if (old.slots[i].id != IDTAB_NONE)
            put(t, old.slots[i].hash, old.slots[i].id);
    }
    free(old.slots);
}

void idtab_add(struct idtab *t, uint32_t hash, uint32_t id)
{
    must(id != IDTAB_NONE);
    if (!t->slots)
        resize(t, FIRST_SLOTS);
    else if (t->n >= t->mask - t->mask / 4)
        resize(t, (t->mask + 1) * 2);
    put(t, hash, id);
    t->n++;
}

/* Closes the gap at i: whoever stands behind it and does not begin after it moves up. */
static void close_gap(struct idtab *t, uint32_t i)
{
    for (uint32_t j = (i + 1) & t->mask; t->slots[j].id != IDTAB_NONE; j = (j + 1) & t->mask) {
        uint32_t home = t->slots[j].hash & t->mask;
        if (((j - home) & t->mask) < ((j - i) & t->mask))
            continue;
        t->slots[i] = t->slots[j];
        i = j;
    }
    t->slots[i].id = IDTAB_NONE;
}

void idtab_del(struct idtab *t, uint32_t hash, uint32_t id)
{
    must(t->slots != NULL);
    uint32_t i = hash & t->mask;
    while (t->slots[i].id != id) {
        must(t->slots[i].id != IDTAB_NONE);
        i = (i + 1) & t->mask;
    }
    close_gap(t, i);
    t->n--;
}

uint32_t idtab_next(const struct idtab *t, uint32_t hash, uint32_t *it)
{
    if (!t->slots)
        return IDTAB_NONE;
    for (;;) {
        struct idtab_slot s = t->slots[(*it)++ & t->mask];
        if (s.id == IDTAB_NONE || s.hash == hash)
            return s.id;
    }
}
