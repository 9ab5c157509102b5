/* Documents: small things of which the core holds all in memory and the store keeps a row each: accounts, tokens, sessions,
 * silences, status pages, incidents, subscriptions. What a document says is its kind's business; here it is text.
 *
 * On the core's loop. Whoever answers from other threads keeps a copy of its own, fed by core_documents_watch. */
#ifndef CORE_DOCUMENTS_H
#define CORE_DOCUMENTS_H

#include "core/audit.h"
#include "core/core.h"

struct core_document {
    uint64_t id;
    const char *kind; /* "user"; ≤ 30 letters and "_" */
    const char *json; /* an object; borrowed until it is changed */
};

/* *id 0 creates and gets the id; else replaces (NOT_FOUND). w: done at the commit; NULL: nobody waits, it is stored within 100 ms.
 * BUSY while the store fails, TOO_LARGE above 1 MiB or 100,000 documents of a kind. Changes nothing then. */
int core_document_put(struct core *c, const char *kind, uint64_t *id, const char *json,
                      struct waiter *w, struct err *err);
int core_document_del(struct core *c, const char *kind, uint64_t id, struct waiter *w,
                      struct err *err);
bool core_document_get(struct core *c, const char *kind, uint64_t id, struct core_document *out);
/* In order of id; fn returns false to stop, and changes nothing. */
void core_documents_each(struct core *c, const char *kind,
                         bool (*fn)(void *arg, const struct core_document *d), void *arg);

/* fn is called at once for each document there is, then after each change; json NULL: it is gone. At most 16 watchers; they
 * last as long as the core. */
void core_documents_watch(struct core *c, const char *kind,
                          void (*fn)(void *arg, const struct core_document *d), void *arg);

#endif
