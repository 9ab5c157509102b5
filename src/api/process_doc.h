/* What the handlers of processes share: finding one, answering with one. processes.c owns it. */
#ifndef API_PROCESS_DOC_H
#define API_PROCESS_DOC_H

#include "api/api_priv.h"

/* On the loop. By its id; with `template` also by that of its template ("worker-%i": the first one). False: c->rc and
 * c->err say so, with the nearest id there is. */
bool process_find(struct change *c, bool template, struct core_process *out);
/* Answers with the process of k->unit; 404 when it is gone. */
void process_answer(struct call *k);

#endif
