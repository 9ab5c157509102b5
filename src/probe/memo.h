/* What a watcher learned and need not ask again soon: registries of domains ban those who ask every minute. Texts by key,
 * each until its time; at most MEMO_MAX, the one that ends first goes. The watcher's thread. */
#ifndef PROBE_MEMO_H
#define PROBE_MEMO_H

#include <stdint.h>

#include "base/arena.h"

#define MEMO_MAX 10000

struct memo;

struct memo *memo_new(void);
void memo_free(struct memo **m);
/* A copy in a; NULL: nothing known, or m is NULL. */
const char *memo_get(struct memo *m, const char *key, int64_t now_ns, struct arena *a);
void memo_put(struct memo *m, const char *key, const char *text, int64_t until_ns);

#endif
