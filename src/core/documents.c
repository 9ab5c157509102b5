/* Documents in memory and in the store, and who is told of their changes. On the loop. */
#include "core/documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/core_priv.h"
#include "core/seal.h"

#define DOCUMENT_MAX (1u << 20)
#define OF_A_KIND    100000

struct doc {
    uint64_t id;
    char *kind, *json;
};

static size_t place_of(const struct core *c, uint64_t id)
{
    size_t low = 0, high = c->documents.n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->documents.at[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct doc *doc_of(const struct core *c, const char *kind, uint64_t id)
{
    size_t i = place_of(c, id);
    struct doc *d = i < c->documents.n ? c->documents.at[i] : NULL;
    return d && d->id == id && strcmp(d->kind, kind) == 0 ? d : NULL;
}

static struct core_document seen(const struct doc *d)
{
    return (struct core_document){.id = d->id, .kind = d->kind, .json = d->json};
}

static void tell(struct core *c, const struct core_document *d)
{
    vec_each (&c->document_watchers, w)
        if (strcmp(w->kind, d->kind) == 0)
            w->fn(w->arg, d);
}

static struct doc *doc_new(uint64_t id, const char *kind, const char *json)
{
    struct doc *d = calloc(1, sizeof(*d));
    must(d && id > 0);
    *d = (struct doc){.id = id, .kind = strdup(kind), .json = strdup(json)};
    must(d->kind && d->json);
    return d;
}

static void doc_free(struct doc *d)
{
    free(d->kind);
    free(d->json);
    free(d);
}

static size_t count_of(const struct core *c, const char *kind)
{
    size_t n = 0;
    for (size_t i = 0; i < c->documents.n; i++)
        n += strcmp(c->documents.at[i]->kind, kind) == 0;
    return n;
}

static void commit(struct core *c, struct waiter *w)
{
    if (w)
        core__commit_wait(c, w);
    else
        core__commit_soon(c);
}

static int too_large(const struct core *c, const char *kind, bool fresh, const char *json,
                     struct err *err)
{
    size_t n = strlen(json);
    if (n > DOCUMENT_MAX)
        return err_set(err, ERR_TOO_LARGE, "a %s has %zu bytes; want at most %u", kind, n,
                       DOCUMENT_MAX);
    if (fresh && count_of(c, kind) >= OF_A_KIND)
        return err_set(err, ERR_TOO_LARGE, "there are %d of kind %s already; want no more",
                       OF_A_KIND, kind);
    return 0;
}

int core_document_put(struct core *c, const char *kind, uint64_t *id, const char *json,
                      struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    must(kind && *kind && id && json && *json == '{');
    struct doc *d = *id ? doc_of(c, kind, *id) : NULL;
    if (core__store_refuses(c, err) != 0 || too_large(c, kind, *id == 0, json, err) != 0)
        return -1;
    if (*id && !d)
        return err_set(err, ERR_NOT_FOUND, "no %s has the id %llu", kind, (unsigned long long)*id);
    if (d) {
        char *old = d->json;
        d->json = strdup(json);
        must(d->json);
        free(old);
    } else {
        d = doc_new(++c->ids.document, kind, json);
        vec_push(&c->documents, d); /* ids grow: it is the last */
    }
    *id = d->id;
    core__store_document(c, d->id, kind, json);
    struct core_document told = seen(d);
    tell(c, &told);
    commit(c, w);
    return 0;
}

int core_document_del(struct core *c, const char *kind, uint64_t id, struct waiter *w,
                      struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0)
        return -1;
    struct doc *d = doc_of(c, kind, id);
    if (!d)
        return err_set(err, ERR_NOT_FOUND, "no %s has the id %llu", kind, (unsigned long long)id);
    size_t at = place_of(c, id);
    memmove(&c->documents.at[at], &c->documents.at[at + 1],
            (--c->documents.n - at) * sizeof(c->documents.at[0]));
    batch_document_del(core__batch(c), id);
    tell(c, &(struct core_document){.id = id, .kind = kind});
    doc_free(d);
    commit(c, w);
    return 0;
}

bool core_document_get(struct core *c, const char *kind, uint64_t id, struct core_document *out)
{
    check_magic(c, CORE_MAGIC);
    const struct doc *d = doc_of(c, kind, id);
    if (d)
        *out = seen(d);
    return d != NULL;
}

void core_documents_each(struct core *c, const char *kind,
                         bool (*fn)(void *arg, const struct core_document *d), void *arg)
{
    check_magic(c, CORE_MAGIC);
    for (size_t i = 0; i < c->documents.n; i++) {
        const struct core_document d = seen(c->documents.at[i]);
        if (strcmp(d.kind, kind) == 0 && !fn(arg, &d))
            return;
    }
}

struct first_tell {
    void (*fn)(void *arg, const struct core_document *d);
    void *arg;
};

static bool tell_one(void *arg, const struct core_document *d)
{
    struct first_tell *t = arg;
    t->fn(t->arg, d);
    return true;
}

void core_documents_watch(struct core *c, const char *kind,
                          void (*fn)(void *arg, const struct core_document *d), void *arg)
{
    check_magic(c, CORE_MAGIC);
    must(kind && fn && c->document_watchers.n < DOCUMENT_WATCHERS);
    vec_push(&c->document_watchers,
             ((struct document_watcher){.kind = kind, .fn = fn, .arg = arg}));
    core_documents_each(c, kind, tell_one, &(struct first_tell){fn, arg});
}

static void load_one(void *arg, uint64_t id, const char *kind, const char *json)
{
    struct core *c = arg;
    must(c->documents.n == 0 || c->documents.at[c->documents.n - 1]->id < id);
    struct arena *a cleanup(arena_freep) = arena_new();
    vec_push(&c->documents, doc_new(id, kind, core__unseal_document(c, id, kind, json, a)));
}

size_t core__documents_again(struct core *c)
{
    for (size_t i = 0; i < c->documents.n; i++) {
        const struct doc *d = c->documents.at[i];
        core__store_document(c, d->id, d->kind, d->json);
    }
    return c->documents.n;
}

int core__documents_load(struct core *c, struct err *err)
{
    return store_load_documents(c->store, load_one, c, err);
}

void core__documents_free(struct core *c)
{
    for (size_t i = 0; i < c->documents.n; i++)
        doc_free(c->documents.at[i]);
    vec_done(&c->documents);
    vec_done(&c->document_watchers);
}
