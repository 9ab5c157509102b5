/* The modules of /probe that are in force: read anew with each configuration that is taken, which was checked by the same reader
 * (core/hooks.h). On the loop. */
#include "probe/blackbox.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/core_priv.h"

void core__blackbox_sync(struct core *c, const struct config *cfg)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct bb_modules *fresh = bb_read(cfg->server.blackbox_text, cfg->server.blackbox_file, &p);
    if (fresh) {
        bb_unref(&c->blackbox);
        c->blackbox = fresh;
        c->stats.modules_ms = clock_wall_ms();
    } else { /* the same text was good a moment ago: a file that it names is gone */
        log_warn("the modules of /probe stay as they were",
                 F_STR("why", p.list.n ? p.list.at[0].message : ""));
    }
    problems_done(&p);
}

struct bb_modules *core_blackbox(const struct core *c)
{
    check_magic(c, CORE_MAGIC);
    return c->blackbox;
}
