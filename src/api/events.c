/* GET /api/v1/events: the stream of changes, cut to what the page shows. `targets` names whose results are wanted (absent:
 * everybody's; empty: nobody's), `kinds` which events. Changes of state come of all targets that the caller may see. */
#include <stdlib.h>
#include <string.h>

#include "api/access_priv.h"
#include "base/clock.h"
#include "base/str.h"

#define TARGETS_MAX 2000

/* False: answered. */
static bool take_targets(struct call *k, struct sse_filter *f)
{
    const char *text = http_req_query(k->req, "targets");
    struct str rest = str_of(text), part;
    f->by_subject = text != NULL;
    if (!text || !*text)
        return true;
    f->subjects = calloc(TARGETS_MAX, sizeof(*f->subjects));
    must(f->subjects);
    while (str_next(&rest, ',', &part))
        if (f->n_subjects == TARGETS_MAX ||
            str_to_u64(part, &f->subjects[f->n_subjects++], NULL) != 0) {
            free(f->subjects);
            call_fail_code(k, ERR_MALFORMED,
                           "cannot read targets; want at most %d ids, separated by commas",
                           TARGETS_MAX);
            return false;
        }
    return true;
}

/* What the caller may see, copied: the stream outlives the request. */
static void take_groups(const struct call *k, struct sse_filter *f)
{
    struct seen_groups seen = call_groups(k);
    size_t n = 0;
    if (!seen.groups)
        return;
    while (seen.groups[n])
        n++;
    f->groups = calloc(n + 1, sizeof(*f->groups));
    must(f->groups);
    for (size_t i = 0; i < n; i++) {
        f->groups[i] = strdup(seen.groups[i]);
        must(f->groups[i]);
    }
    f->groups_hidden = seen.hidden;
}

/* Whose stream it is, and what that one might when it came. */
struct guest {
    struct access *access;
    struct principal who; /* without its texts: they are the request's */
    uint64_t standing;
};

static bool may_stay(const void *arg)
{
    const struct guest *g = arg;
    return access_standing(g->access, &g->who, clock_wall_ms()) == g->standing;
}

static void take_guest(const struct call *k, struct sse_filter *f)
{
    struct guest *g = calloc(1, sizeof(*g));
    must(g && k->who);
    g->access = k->api->door->access;
    g->who.kind = k->who->kind;
    g->who.id = k->who->id;
    g->standing =
        k->who->standing ? k->who->standing : access_standing(g->access, &g->who, clock_wall_ms());
    f->may_stay = may_stay;
    f->guest = g;
}

void events_stream(struct call *k)
{
    const char *last = http_req_header(k->req, "Last-Event-ID"),
               *kinds = http_req_query(k->req, "kinds");
    struct sse_filter *f = arena_new_of(k->arena, struct sse_filter);
    if (!take_targets(k, f))
        return;
    take_guest(k, f);
    take_groups(k, f);
    f->kinds = kinds && *kinds ? strdup(kinds) : NULL;
    k->resp->sse = k->api->events;
    k->resp->sse_want = f;
    if (last)
        str_to_u64(str_of(last), &k->resp->sse_last_id, NULL);
}
