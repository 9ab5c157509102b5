/* Places: taking their results, keeping how they stand, looking what follows (located.h). Main loop. */
#include "core/located.h"

#include <stdlib.h>

#include "alert/threshold.h"
#include "base/clock.h"
#include "core/derived.h"
#include "core/location_priv.h"

#define SAVE_MS  INT64_C(30000) /* a steady place's row is written that often */
#define AHEAD_MS INT64_C(1000)  /* own results of one moment are moved apart by so much at most */

/* --- life --- */

static bool is_wanted(const struct entry *e)
{
    return target_is_located(e->target) && !e->inner;
}

static int64_t round_of(const struct target *t)
{
    int64_t burst = t->burst.times > 1 ? (t->burst.times - 1) * t->burst.delta_ms : 0;
    int64_t probe = t->timeout_ms * (t->attempts > 0 ? t->attempts : 1) + burst;
    return probe > t->interval_ms ? probe : t->interval_ms;
}

static void place_done(struct place *p)
{
    free(p->name);
    free(p->message);
    free(p->last);
    *p = (struct place){0};
}

static void list_remove(struct core *c, const struct located *l)
{
    for (size_t i = 0; i < c->located.n; i++)
        if (c->located.at[i] == l) {
            c->located.at[i] = vec_pop(&c->located);
            return;
        }
}

/* Series end of those whose number no place takes: the first `taken` go on, or the writer sees that labels changed. */
static void free_places(struct core *c, struct place *places, uint32_t n, uint64_t target_id,
                        uint32_t taken)
{
    for (uint32_t i = 0; i < n; i++) {
        if (places[i].series_told && i >= taken)
            core__metrics_place_gone(c, core__place_key(target_id, i));
        place_done(&places[i]);
    }
    free(places);
}

static struct place *find_place(struct place *places, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (places[i].name && streq(places[i].name, name))
            return &places[i];
    return NULL;
}

/* How it stands goes over to its new place. */
static void move_place(struct place *to, struct place *from)
{
    bool told = from->series_told;
    char *name = to->name;
    *to = *from;
    to->name = name;
    to->series_told = false;
    *from = (struct place){.name = from->name, .series_told = told};
}

static void save(struct core *c, const struct entry *e, struct place *p, int64_t now_ms)
{
    batch_place_put(core__batch(c), e->target->id, p->name, &p->st, p->message);
    p->saved_ms = now_ms;
}

static struct located *new_located(struct core *c, struct entry *e)
{
    struct located *l = calloc(1, sizeof(*l));
    must(l);
    *l = (struct located){.magic = LOCATED_MAGIC, .core = c, .entry = e};
    vec_push(&c->located, l);
    return l;
}

static void set_places(struct located *l, const struct target *t)
{
    l->n = t->locations.n;
    l->places = calloc(l->n, sizeof(*l->places));
    must(l->places && l->n >= 1 && l->n <= TARGET_LOCATIONS_MAX);
    for (uint32_t i = 0; i < l->n; i++) {
        l->places[i].name = strdup(t->locations.at[i]);
        must(l->places[i].name);
        l->places[i].st.status = TARGET_UNKNOWN;
        l->places[i].waits_since_ms = clock_wall_ms();
    }
    l->least = places_least(l->n, t->location_quorum);
    l->patience_ms = places_patience_ms(round_of(t));
    l->next_ms = 0;
}

/* What a pause interrupts begins anew. */
static void renew(struct core *c, struct located *l, const struct target *t)
{
    struct place *old = l->places;
    uint32_t n = l->n;
    int64_t now_ms = clock_wall_ms();
    bool any = false;
    set_places(l, t);
    for (uint32_t i = 0; i < n; i++)
        any = any || old[i].heard;
    if (any)
        batch_places_del(core__batch(c), t->id);
    for (uint32_t i = 0; i < l->n && t->enabled; i++) {
        struct place *from = find_place(old, n, l->places[i].name);
        if (!from || !from->heard)
            continue;
        move_place(&l->places[i], from);
        save(c, l->entry, &l->places[i], now_ms);
    }
    free_places(c, old, n, t->id, t->enabled ? l->n : 0);
}

void core__located_put(struct core *c, struct entry *e)
{
    struct located *l = e->located;
    if (!is_wanted(e)) {
        if (l)
            batch_places_del(core__batch(c), e->target->id);
        core__located_del(c, e);
        return;
    }
    if (l) {
        check_magic(l, LOCATED_MAGIC);
        renew(c, l, e->target);
    } else {
        l = e->located = new_located(c, e);
        set_places(l, e->target);
    }
}

void core__located_del(struct core *c, struct entry *e)
{
    struct located *l = e->located;
    if (!l)
        return;
    check_magic(l, LOCATED_MAGIC);
    list_remove(c, l);
    free_places(c, l->places, l->n, e->target->id, 0);
    l->magic = 0;
    free(l);
    e->located = NULL;
}

/* --- how they stood when the last core ended --- */

static void load_place(void *arg, uint64_t target_id, const char *location,
                       const struct target_state *st, const char *last_message)
{
    struct entry *e = core__entry(arg, target_id);
    struct place *p =
        e && e->located ? find_place(e->located->places, e->located->n, location) : NULL;
    if (!p)
        return; /* the target names it no longer */
    p->st = *st;
    p->heard = true;
    p->heard_ms = st->last_checked_ms;
    free(p->message);
    p->message = strdup(last_message);
    must(p->message);
}

int core__located_load(struct core *c, struct err *err)
{
    return store_load_places(c->store, load_place, c, err);
}

void core__located_again_all(struct core *c)
{
    int64_t now_ms = clock_wall_ms();
    vec_each (&c->located, it)
        for (uint32_t i = 0; i < (*it)->n; i++)
            if ((*it)->places[i].heard)
                save(c, (*it)->entry, &(*it)->places[i], now_ms);
}

/* --- a result --- */

static void set_text(char **at, const char *text)
{
    if (*at && streq(*at, text))
        return;
    free(*at);
    *at = strdup(text);
    must(*at);
}

static void remember_last(struct place *p, const void *record, size_t n)
{
    if (n != p->last_n) {
        void *room = realloc(p->last, n);
        must(room && n > 0);
        p->last = room;
        p->last_n = (uint32_t)n;
    }
    memcpy(p->last, record, n);
}

static int64_t skew_of(struct core *c, const char *location)
{
    const struct location *at = core__location_known(c, location);
    return at ? at->skew_ms : 0; /* ours: none */
}

/* true: more of it changed than its times. */
static bool step(const struct entry *e, struct place *p, const struct result *r)
{
    const struct threshold_rule rule = {.threshold = e->target->threshold,
                                        .success_threshold = e->target->success_threshold};
    struct target_state before = p->st;
    threshold_step(&rule, &p->st, r->success, result_degraded(r), r->checked_ms, r->latency_us);
    must(p->st.open_alert_id == 0);
    return before.status != p->st.status || before.fail_count != p->st.fail_count ||
           before.good_count != p->st.good_count || before.degraded != p->st.degraded || !p->heard;
}

static void take(struct core *c, struct entry *e, struct place *p, const struct result *r,
                 const void *record, size_t n)
{
    int64_t now_ms = clock_wall_ms();
    bool changed = step(e, p, r);
    p->heard = true;
    p->heard_ms = now_ms;
    p->skew_ms = skew_of(c, p->name);
    if (r->checked_ms == p->st.last_checked_ms) { /* else it came late */
        set_text(&p->message, result_degraded(r) ? r->warnings[0] : r->message);
        remember_last(p, record, n);
    }
    if (changed || now_ms - p->saved_ms >= SAVE_MS || now_ms < p->saved_ms)
        save(c, e, p, now_ms);
}

static void feed(struct core *c, struct entry *e, struct place *p, const void *record, size_t n)
{
    struct metrics_place at = {core__place_key(e->target->id, (uint32_t)(p - e->located->places)),
                               p->name, &p->st, &p->series_told};
    core__metrics_place(c, e, &at, record, n);
}

static struct place *place_of(struct entry *e, const char *location)
{
    struct located *l = e->located;
    if (!l || !e->target->enabled)
        return NULL;
    check_magic(l, LOCATED_MAGIC);
    return find_place(l->places, l->n, location);
}

/* --- what follows --- */

static void say(struct located *l, struct result *r)
{
    struct buf record = BUF_INIT(RESULT_ENCODED_MAX + 1000);
    result_encode(r, &record);
    must(!record.failed);
    core__derived_result(l->core, l->entry, r, record.data, record.len);
    buf_done(&record);
}

/* Nobody says anything, and it was well: how it stands is not known any more. An open alert stays. */
static void fade(struct located *l)
{
    struct entry *e = l->entry;
    for (uint32_t i = 0; i < l->n; i++)
        if (l->places[i].says != PLACE_SILENT && l->places[i].says != PLACE_SILENT_DOWN)
            return;
    if (e->state.status != TARGET_HEALTHY || e->state.open_alert_id != 0)
        return;
    core__close_alert(l->core, e, TARGET_UNKNOWN, "none of its locations says anything");
    core__event_target(l->core, e);
    core__commit_soon(l->core);
}

/* Results of one moment, and after a small step of the clock, follow each other. */
static int64_t moment(const struct entry *e, int64_t now_ms)
{
    int64_t last = e->state.last_checked_ms;
    return now_ms <= last && last - now_ms < AHEAD_MS ? last + 1 : now_ms;
}

static bool listen_to(struct located *l, int64_t now_ms)
{
    bool changed = false;
    for (uint32_t i = 0; i < l->n; i++) {
        enum place_say says = core__place_says(l, &l->places[i], now_ms);
        changed = changed || says != l->places[i].says;
        l->places[i].says = says;
    }
    return changed;
}

/* The target's own result: at once when a place changed, else when it is due. */
static void look(struct located *l, int64_t now_ms)
{
    struct entry *e = l->entry;
    check_magic(l, LOCATED_MAGIC);
    if (!l->core->ready || !e->target->enabled)
        return;
    bool changed = listen_to(l, now_ms), set_back = l->next_ms > now_ms + e->target->interval_ms;
    if (!changed && now_ms < l->next_ms && !set_back)
        return;
    l->next_ms = now_ms + e->target->interval_ms;
    struct arena *a cleanup(arena_freep) = arena_new();
    struct result *r = arena_new_of(a, struct result);
    result_init(r, a);
    r->target_id = e->target->id;
    r->checked_ms = moment(e, now_ms);
    if (core__located_judge(l, now_ms, r))
        say(l, r);
    else
        fade(l);
}

void core__located_result(struct core *c, struct entry *e, const char *location,
                          const struct result *r, const void *record, size_t n)
{
    struct place *p = place_of(e, location);
    must(n > 0);
    if (!p)
        return; /* named no longer, or paused */
    take(c, e, p, r, record, n);
    feed(c, e, p, record, n);
    look(e->located, clock_wall_ms());
}

void core__located_again(struct core *c, struct entry *e, const char *location, const void *record,
                         size_t n)
{
    struct place *p = place_of(e, location);
    if (p && c->metrics)
        feed(c, e, p, record, n);
}

void core__located_tick(struct core *c)
{
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < c->located.n; i++)
        look(c->located.at[i], now_ms);
}
