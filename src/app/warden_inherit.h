/* Descriptors that outlast a re-execution of the warden: they stay open, and data/run/inherited names them for the new
 * program. It believes the file only when the environment says that it was executed so.
 *
 * File: lines "KIND FD ID TEXT" (ID and TEXT may be "-"), written by one version of Belfry and read by another: kinds that
 * the reader does not know are closed. The warden's one thread. */
#ifndef APP_WARDEN_INHERIT_H
#define APP_WARDEN_INHERIT_H

#include "base/buf.h"
#include "base/err.h"

#define INHERIT_ENV "BELFRY_INHERITED"

struct inherit;

/* --- the old program --- */
struct inherit *inherit_new(void);
/* fd stays open over exec from now on; -1 is ignored. text may be NULL. */
void inherit_put(struct inherit *i, const char *kind, int fd, const char *id, const char *text);
/* Writes the file and sets the environment. */
int inherit_write(struct inherit *i, const char *run_dir, struct err *err);
/* The exec failed: everything closes on exec again, and the file goes. */
void inherit_undo(struct inherit *i, const char *run_dir);

/* --- the new program --- */
/* Takes file and environment away. Never NULL; empty when this is an ordinary start. */
struct inherit *inherit_read(const char *run_dir);
/* The descriptor, close-on-exec again, now the caller's; -1: none. *text is malloc'ed; may be NULL. */
int inherit_take(struct inherit *i, const char *kind, const char *id, char **text);
/* Closes what nobody took. Both. */
void inherit_free(struct inherit **i);

#endif
