/* From the watchers' rings (tap.c) to the judge, and what watchers say over the link. Main loop. */
#include <stdio.h>
#include <stdlib.h>

#include "core/located.h"

static void answer_check(struct core *c, const struct result *r, const void *record, size_t n)
{
    struct pending_check *p = map_u64_del(c->checks, r->request_id);
    if (!p)
        return; /* whoever asked has left, or asked an earlier life of the core */
    core__check_done(p, NULL, record, n);
}

static void remember_last(struct entry *e, const void *record, size_t n)
{
    if (n != e->last_result_n) {
        void *room = realloc(e->last_result, n);
        must(room || n == 0);
        e->last_result = room;
        e->last_result_n = (uint32_t)n;
    }
    memcpy(e->last_result, record, n);
}

void core__take_result(struct core *c, struct entry *e, const struct result *r, const void *record,
                       size_t n)
{
    must(e->target->enabled && n > 0);
    remember_last(e, record, n);
    core__judge(c, e, r);
    core__metrics_result(c, e, record, n);
}

static void take_result(struct ring_tap *t, const void *record, size_t n, struct arena *a)
{
    struct core *c = t->core;
    struct err err = {0};
    struct result *r = arena_new_of(a, struct result);
    if (result_decode(record, n, a, r, &err) != 0) {
        log_warn("a watcher published a result that cannot be read; it is dropped",
                 F_STR("ring", t->path), F_ERR(&err));
        return;
    }
    c->stats.results++;
    if (r->request_id)
        answer_check(c, r, record, n);
    struct entry *e = r->target_id ? core__entry(c, r->target_id) : NULL;
    if (!e || !e->target->enabled || e->inner)
        return; /* removed, paused or barred meanwhile */
    if (e->located)
        core__located_result(c, e, LOCATION_LOCAL, r, record, n);
    else
        core__take_result(c, e, r, record, n);
}

/* Judged and stored by an earlier life, which may have died before its series were written. */
static void take_again(struct ring_tap *t, const void *record, size_t n, struct arena *a)
{
    struct core *c = t->core;
    struct result *r = arena_new_of(a, struct result);
    if (!c->metrics || result_decode(record, n, a, r, NULL) != 0)
        return;
    struct entry *e = r->target_id ? core__entry(c, r->target_id) : NULL;
    if (e && e->located)
        core__located_again(c, e, LOCATION_LOCAL, record, n);
    else if (e && e->target->enabled)
        core__metrics_result(c, e, record, n);
}

void core__drain(struct watcher_slot *s)
{
    core__tap_drain(&s->tap);
}

void core__drain_all(struct core *c)
{
    vec_each (&c->watchers, it)
        core__drain(*it);
}

void core__on_link(void *arg, const char *peer, const struct link_message *m)
{
    struct core *c = arg;
    check_magic(c, CORE_MAGIC);
    struct watcher_slot *s = core__watcher_by_name(c, peer);
    if (!s)
        return;
    if (m->type == LINK_HELLO) { /* its assignment may be of an earlier life of ours */
        link_send(c->link, s->key, LINK_RELOAD, 0, NULL, 0, NULL);
    }
    if (m->type == LINK_HELLO || m->type == LINK_WAKE || m->type == LINK_GONE)
        core__drain(s);
}

static char *slot_path(struct core *c, const char *kind, const struct watcher_slot *s)
{
    char *path;
    must(asprintf(&path, "%s/%s/%s", c->run_dir, kind, s->key) > 0);
    return path;
}

void core__attach_ring(struct core *c, struct watcher_slot *s)
{
    s->tap.core = c;
    s->tap.take = take_result;
    s->tap.again = take_again;
    s->tap.size = (size_t)c->config->limits.watcher.ring_size;
    if (!s->tap.path)
        s->tap.path = slot_path(c, "rings", s);
    core__tap_open(&s->tap);
    if (s->beat)
        return;
    char *beat = slot_path(c, "beat", s);
    s->beat = beat_map(beat, NULL);
    free(beat);
}

void core__detach_ring(struct watcher_slot *s)
{
    core__tap_close(&s->tap);
    free(s->tap.path);
    s->tap.path = NULL;
}
