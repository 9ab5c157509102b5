/* The last probes of /probe with what their debug=true would have shown: the last hundred, and of the older ones the last hundred
 * that failed, so that what went wrong in the night is there in the morning. In memory alone; any thread. */
#ifndef API_PROBE_HISTORY_H
#define API_PROBE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define PROBE_HISTORY_MAX  100   /* of either kind */
#define PROBE_HISTORY_TEXT 32768 /* bytes of one's text; longer is cut, and says so */

struct probe_history;

/* Strings are the history's own (probe_history_add copies them), or the arena's of whom they were given to. */
struct past_probe {
    uint64_t id; /* from 1 on */
    int64_t at_ms;
    const char *module, *target; /* target without a password */
    const char *text;            /* NULL in a list */
    bool success;
};

struct probe_history *probe_history_new(void);
void probe_history_free(struct probe_history *h); /* NULL is fine */
/* Its id is given by the history, and returned. A password in the target's URL is not kept, in the text neither. */
uint64_t probe_history_add(struct probe_history *h, const struct past_probe *p);
/* The newest first; what the count is goes to *n. */
struct past_probe *probe_history_list(struct probe_history *h, struct arena *a, size_t *n);
/* By id; id 0: the newest of that target and, when module is not NULL, module. false: there is none. */
bool probe_history_find(struct probe_history *h, uint64_t id, const char *target,
                        const char *module, struct arena *a, struct past_probe *out);
/* The URL with *** for its password; the text itself when there is none. */
const char *probe_shown_target(const char *target, struct arena *a);

#endif
