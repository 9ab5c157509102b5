/* See memo.h. */
#include "probe/memo.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/map.h"

struct note {
    struct heap_node ends; /* key: until_ns */
    size_t key_len;
    char *text;
    char key[];
};

struct memo {
    struct map_str *notes;
    struct heap by_end;
};

struct memo *memo_new(void)
{
    struct memo *m = calloc(1, sizeof(*m));
    must(m != NULL);
    m->notes = map_str_new();
    return m;
}

static void forget(struct memo *m, struct note *n)
{
    must(map_str_del(m->notes, n->key, n->key_len) == n);
    heap_del(&m->by_end, &n->ends);
    free(n->text);
    free(n);
}

static struct note *first_to_end(struct memo *m)
{
    struct heap_node *n = heap_min(&m->by_end);
    return n ? container_of(n, struct note, ends) : NULL;
}

void memo_free(struct memo **m)
{
    if (!*m)
        return;
    for (struct note *n; (n = first_to_end(*m)) != NULL;)
        forget(*m, n);
    map_str_free((*m)->notes);
    heap_done(&(*m)->by_end);
    free(*m);
    *m = NULL;
}

const char *memo_get(struct memo *m, const char *key, int64_t now_ns, struct arena *a)
{
    struct note *n = m ? map_str_get(m->notes, key, strlen(key)) : NULL;
    if (n && n->ends.key <= now_ns)
        forget(m, n);
    else if (n)
        return arena_strdup(a, n->text);
    return NULL;
}

void memo_put(struct memo *m, const char *key, const char *text, int64_t until_ns)
{
    if (!m)
        return;
    size_t len = strlen(key);
    struct note *n = map_str_get(m->notes, key, len);
    if (n)
        forget(m, n);
    else if (map_str_count(m->notes) >= MEMO_MAX)
        forget(m, first_to_end(m));
    n = calloc(1, sizeof(*n) + len + 1);
    must(n != NULL);
    memcpy(n->key, key, len);
    n->key_len = len;
    n->text = strdup(text);
    must(n->text != NULL);
    map_str_put(m->notes, n->key, len, n);
    heap_add(&m->by_end, &n->ends, until_ns);
    must(map_str_count(m->notes) == m->by_end.n && m->by_end.n <= MEMO_MAX);
}
