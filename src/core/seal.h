/* Secrets on their way to the store and back: plain in memory, sealed in every row (base/seal.h). Only the secret values inside
 * a document are sealed, so that the rest of it stays readable to whoever opens the file.
 *
 * What an older Belfry stored plain, or an older key sealed, is written again when it is loaded. What no key here opens stays
 * as it is, in memory too: option tables refuse it by its look (config/option_types.c), so that it is never sent as a password.
 *
 * On the core's loop. */
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include "core/core.h"

/* data/secret.key. Before anything is loaded. */
int core__seal_open(struct core *c, struct err *err);
void core__seal_close(struct core *c);

/* Into the batch, with secrets sealed. */
void core__store_target(struct core *c, const struct target *t);
void core__store_channel(struct core *c, const struct channel *ch);
void core__store_process(struct core *c, const char *unit, const char *doc_json);
void core__store_document(struct core *c, uint64_t id, const char *kind, const char *json);

/* What a row holds, as it is in memory; what is not sealed with the present key joins the batch again. Texts in a, or the
 * ones that were given. */
struct target core__unseal_target(struct core *c, const struct target *t, struct arena *a);
struct channel core__unseal_channel(struct core *c, const struct channel *ch, struct arena *a);
const char *core__unseal_process(struct core *c, const char *unit, const char *doc_json,
                                 struct arena *a);
const char *core__unseal_document(struct core *c, uint64_t id, const char *kind, const char *json,
                                  struct arena *a);
/* Every row that has secrets joins the batch. Returns how many, about. */
size_t core__seal_all(struct core *c);
/* The batch that was marked with core__commit_reseal is stored. */
void core__seal_stored(struct core *c);
/* All is loaded: tells how many secrets could not be opened, and forgets older keys when the batch is stored. */
void core__seal_loaded(struct core *c);

#endif
