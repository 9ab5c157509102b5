/* Targets that run programs of this machine (exec) and came through the API while the file allowed it
 * (server.allow_exec), after it was switched off again: no watcher gets them, and each is down with a message that says why.
 * They are inner targets meanwhile. Main loop. */
#include "core/inner.h"

bool core__is_barred(const struct core *c, const struct target *t)
{
    must(t->type != NULL);
    return t->source != SOURCE_FILE && streq(t->type, "exec") && !c->config->server.allow_exec;
}

void core__barred_check(const struct core *c, const char *type, struct problems *p)
{
    const struct target asked = {.type = type, .source = SOURCE_API};
    if (core__is_barred(c, &asked))
        problem_add(p, NULL, "type",
                    "exec runs a program on this machine; want it in the configuration file, or "
                    "server.allow_exec: true there");
}

static bool judge(struct inner *n, int64_t now_ms, struct result *r, const char **why)
{
    (void)now_ms;
    (void)why;
    must(n->entry != NULL && n->compiled == NULL && n->state == NULL);
    result_fail(r, "not run: this target came through the API, and server.allow_exec is off; want "
                   "it in the configuration file, or server.allow_exec: true there");
    return true;
}

const struct inner_ops barred_inner = {.type = "barred", .judge = judge};

void core__barred_sync(struct core *c)
{
    check_magic(c, CORE_MAGIC);
    for (size_t i = 0; i < c->order.n; i++) {
        struct entry *e = c->order.at[i];
        bool was = e->inner && e->inner->ops == &barred_inner, is = core__is_barred(c, e->target);
        if (was == is)
            continue;
        core__inner_put(c, e);
        must((e->inner != NULL) == is); /* only of a type that watchers probe */
        if (e->watcher)
            e->watcher->dirty = true;
    }
}
