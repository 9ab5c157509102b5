/* What maintenances and silences are about, against the groups in which somebody may do something. Pure but for asking
 * whose a target is. Used on the core's loop, by the handlers of both. */
#ifndef API_ACCESS_WHOM_H
#define API_ACCESS_WHOM_H

#include "access/access.h"
#include "core/silences.h"

struct whom {
    const uint64_t *targets;
    size_t n_targets;
    const char *const *groups;
    uint32_t n_groups;
    const struct label_match *matchers; /* what all of these match */
    uint32_t n_matchers;
    const char *(*group_of)(void *arg, uint64_t target_id); /* NULL: there is no such target */
    void *arg;
};
struct whom whom_of_maintenance(const struct maintenance *m, struct core *core);
struct whom whom_of_silence(const struct core_silence *s);

/* Has p the role in all groups? Then nobody needs to look at whom something is about. */
bool whom_anybody(const struct principal *p, enum role least);
/* Can it never hold anything but in groups in which p has the role? Labels can only match there when one of the matchers says
 * group="…" or group=~"a|b". strict: what it names must exist, for a target that is made later is somebody's. */
bool whom_within(const struct principal *p, enum role least, const struct whom *w, bool strict);
/* Can it hold something in a group in which p has the role? */
bool whom_touches(const struct principal *p, enum role least, const struct whom *w);

/* On the loop: may the one who asks change it? old: it stands already. DENIED in err. */
struct call;
int call_may_whom(struct call *k, const struct whom *w, bool old, struct err *err);

#endif
