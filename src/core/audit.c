/* See audit.h. On the loop. */
#include "core/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "core/core_priv.h"

#define DOCUMENT_MAX 65536

static const struct core_actor itself = {"belfry", "belfry"};

void core_acts_for(struct core *c, const struct core_actor *who)
{
    check_magic(c, CORE_MAGIC);
    must(!who || (who->name && *who->name && who->origin));
    c->actor = who;
}

const struct core_actor *core_actor(const struct core *c)
{
    check_magic(c, CORE_MAGIC);
    return c->actor ? c->actor : &itself;
}

static const char *text_or_none(const char *text)
{
    return text ? text : "";
}

/* A document of any size has changed; what the log says of it is bounded. */
static const char *bounded(const char *json, char buf[static 64])
{
    size_t n = json ? strlen(json) : 0;
    if (n <= DOCUMENT_MAX)
        return text_or_none(json);
    snprintf(buf, 64, "{\"too_large\":true,\"bytes\":%zu}", n);
    return buf;
}

void core_audit(struct core *c, const struct audit_entry *e)
{
    char before[64], after[64];
    check_magic(c, CORE_MAGIC);
    must(e->action && *e->action && e->kind && *e->kind);
    const struct audit_entry whole = {
        .id = ++c->ids.audit,
        .at_ms = clock_wall_ms(),
        .actor = e->actor ? e->actor : core_actor(c)->name,
        .origin = e->origin ? e->origin : core_actor(c)->origin,
        .action = e->action,
        .kind = e->kind,
        .object = text_or_none(e->object),
        .before = bounded(e->before, before),
        .after = bounded(e->after, after),
    };
    batch_audit(core__batch(c), &whole);
    core__commit_soon(c);
}
