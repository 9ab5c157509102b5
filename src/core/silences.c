/* See silences.h. Documents in, silences ready to be asked out; and the moment when one ends. */
#include "core/silences.h"

#include <stdlib.h>

#include "base/clock.h"
#include "core/core_priv.h"
#include "core/documents.h"
#include "core/resources.h"

/* One, in an arena of its own. */
struct kept_silence {
    struct core_silence s;
    struct arena *arena;
    bool over; /* its end was dealt with */
    enum silence_status status;
};

struct silences {
    vec_of(struct kept_silence *) all;    /* by id */
    vec_of(const struct silence *) asked; /* those that are not over, for the judge */
};

/* --- documents --- */

static void write_document(const struct core_silence *s, bool over, struct buf *out)
{
    struct json j = json_start(out);
    json_obj(&j);
    matchers_json(s->matchers, s->n_matchers, &j);
    json_kint(&j, "starts_ms", s->silence.starts_ms);
    json_kint(&j, "ends_ms", s->silence.ends_ms);
    json_kstr(&j, "created_by", s->silence.created_by);
    json_kstr(&j, "comment", s->silence.comment);
    json_kint(&j, "created_ms", s->created_ms);
    json_kint(&j, "updated_ms", s->updated_ms);
    json_kbool(&j, "over", over);
    json_end(&j);
    buf_putc(out, '\0');
}

static int put_document(struct core *c, const struct core_silence *s, bool over, struct waiter *w,
                        uint64_t *id, struct err *err)
{
    struct buf out = BUF_INIT(1 << 20);
    write_document(s, over, &out);
    *id = s->silence.id;
    int rc = out.failed ? err_set(err, ERR_TOO_LARGE, "the silence is larger than 1 MiB")
                        : core_document_put(c, SILENCE_KIND, id, out.data, w, err);
    buf_done(&out);
    return rc;
}

static const char *text_at(const struct node *n, const char *key)
{
    const struct node *v = node_get(n, key);
    return v && v->kind == NODE_TEXT ? v->text.p : "";
}

static int64_t time_at(const struct node *n, const char *key)
{
    const struct node *v = node_get(n, key);
    return v && v->kind == NODE_INT ? v->num : 0;
}

static bool read_matchers(const struct node *n, struct kept_silence *k)
{
    const struct node *list = node_get(n, "matchers");
    uint32_t room = list && list->kind == NODE_LIST ? list->count : 0;
    struct label_match *m = arena_array_of(k->arena, struct label_match, room + 1);
    for (const struct node *i = room ? list->first : NULL; i; i = i->next) {
        struct label_match *one = &m[k->s.n_matchers];
        if (!matcher_op_parse(text_at(i, "op"), &one->op))
            return false; /* with one less it would match more */
        one->name = text_at(i, "name");
        one->value = text_at(i, "value");
        k->s.n_matchers++;
    }
    k->s.matchers = m;
    return subject_test_init(&k->s.silence.test, m, k->s.n_matchers, NULL) == 0;
}

static void kept_free(struct kept_silence *k)
{
    subject_test_done(&k->s.silence.test);
    arena_free(k->arena);
    free(k);
}

/* NULL: nobody can say what it means. */
static struct kept_silence *read_document(uint64_t id, const char *json)
{
    struct kept_silence *k = calloc(1, sizeof(*k));
    must(k);
    k->arena = arena_new();
    const struct node *n = node_from_json(k->arena, json, strlen(json), NULL);
    const struct node *over = n ? node_get(n, "over") : NULL;
    k->s = (struct core_silence){
        .silence = {.id = id,
                    .comment = n ? text_at(n, "comment") : "",
                    .created_by = n ? text_at(n, "created_by") : "",
                    .starts_ms = n ? time_at(n, "starts_ms") : 0,
                    .ends_ms = n ? time_at(n, "ends_ms") : 0},
        .created_ms = n ? time_at(n, "created_ms") : 0,
        .updated_ms = n ? time_at(n, "updated_ms") : 0,
    };
    k->over = over && over->kind == NODE_BOOL && over->flag;
    k->status = silence_status(&k->s.silence, clock_wall_ms());
    if (n && read_matchers(n, k))
        return k;
    kept_free(k);
    return NULL;
}

/* --- the list --- */

static size_t place_of(const struct silences *all, uint64_t id)
{
    size_t at = 0;
    while (at < all->all.n && all->all.at[at]->s.silence.id < id)
        at++;
    return at;
}

static struct kept_silence *kept(const struct silences *all, uint64_t id)
{
    size_t at = place_of(all, id);
    struct kept_silence *k = at < all->all.n ? all->all.at[at] : NULL;
    return k && k->s.silence.id == id ? k : NULL;
}

static void list_asked(struct silences *all)
{
    all->asked.n = 0;
    vec_each (&all->all, it)
        if (!(*it)->over)
            vec_push(&all->asked, &(*it)->s.silence);
}

static void drop(struct silences *all, uint64_t id)
{
    size_t at = place_of(all, id);
    if (at == all->all.n || all->all.at[at]->s.silence.id != id)
        return;
    kept_free(all->all.at[at]);
    memmove(&all->all.at[at], &all->all.at[at + 1], (--all->all.n - at) * sizeof(all->all.at[0]));
}

static void insert(struct silences *all, struct kept_silence *k)
{
    size_t at = place_of(all, k->s.silence.id);
    vec_push(&all->all, k);
    memmove(&all->all.at[at + 1], &all->all.at[at], (all->all.n - 1 - at) * sizeof(all->all.at[0]));
    all->all.at[at] = k;
}

static void on_document(void *arg, const struct core_document *d)
{
    struct core *c = arg;
    struct kept_silence *k = d->json ? read_document(d->id, d->json) : NULL;
    if (d->json && !k)
        log_error("a silence cannot be read; it holds nothing back", F_INT("id", d->id));
    drop(c->silences, d->id);
    if (k)
        insert(c->silences, k);
    list_asked(c->silences);
    core__event_simple(c, "silence", d->id);
}

void core__silences_init(struct core *c)
{
    must(!c->silences);
    c->silences = calloc(1, sizeof(*c->silences));
    must(c->silences);
    core_documents_watch(c, SILENCE_KIND, on_document, c);
}

void core__silences_free(struct core *c)
{
    if (!c->silences)
        return;
    vec_each (&c->silences->all, it)
        kept_free(*it);
    vec_done(&c->silences->all);
    vec_done(&c->silences->asked);
    free(c->silences);
    c->silences = NULL;
}

const struct silence *const *core__silences(const struct core *c, size_t *n)
{
    *n = c->silences ? c->silences->asked.n : 0;
    return *n ? c->silences->asked.at : NULL;
}

/* --- changing --- */

static int check(const struct core *c, const struct core_silence *s, struct err *err)
{
    if (s->n_matchers == 0 || s->n_matchers > SILENCE_MATCHERS)
        return err_set(err, ERR_INVALID, "got %u matchers; want 1 to %d", s->n_matchers,
                       SILENCE_MATCHERS);
    if (s->silence.ends_ms <= s->silence.starts_ms ||
        s->silence.ends_ms - s->silence.starts_ms > SILENCE_LENGTH_MAX)
        return err_set(err, ERR_INVALID, "ends_at is not after starts_at by at most 366 days");
    if (s->silence.id == 0 && c->silences->all.n >= SILENCES_MAX)
        return err_set(err, ERR_TOO_LARGE, "there are %d silences already; want no more",
                       SILENCES_MAX);
    struct subject_test test;
    if (subject_test_init(&test, s->matchers, s->n_matchers, err) != 0)
        return -1;
    subject_test_done(&test);
    return 0;
}

int core_silence_put(struct core *c, const struct core_silence *s, struct waiter *w, uint64_t *id,
                     struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (check(c, s, err) != 0)
        return -1;
    struct core_silence stamped = *s;
    stamped.updated_ms = clock_wall_ms();
    if (s->silence.id == 0)
        stamped.created_ms = stamped.updated_ms;
    if (put_document(c, &stamped, false, w, id, err) != 0)
        return -1;
    core__silences_tick(c);
    core__recheck_waiting(c);
    return 0;
}

int core_silence_expire(struct core *c, uint64_t id, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    const struct kept_silence *k = kept(c->silences, id);
    int64_t now = clock_wall_ms();
    if (!k || silence_status(&k->s.silence, now) != SILENCE_ACTIVE)
        return core_document_del(c, SILENCE_KIND, id, w, err);
    struct core_silence ended = k->s;
    ended.silence.ends_ms =
        now > k->s.silence.starts_ms ? now : k->s.silence.starts_ms + 1; /* never empty */
    ended.updated_ms = now;
    if (put_document(c, &ended, false, w, &id, err) != 0)
        return -1;
    core__silences_tick(c);
    core__recheck_waiting(c);
    return 0;
}

/* --- its end --- */

/* What rang before rings once more if it still fires; what was held back so far, core__recheck_waiting() rings. */
static void ring_again(struct core *c, const struct silence *s)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct id_list alerts = core_match_alerts(c, &s->test, a);
    for (uint32_t i = 0; i < alerts.n; i++)
        core__alert_again(c, alerts.at[i], s->starts_ms, s->ends_ms);
}

static bool deal_with_end(struct core *c, uint64_t id)
{
    struct kept_silence *k = kept(c->silences, id);
    struct err err = {0};
    k->over = true;
    ring_again(c, &k->s.silence);
    if (put_document(c, &k->s, true, NULL, &id, &err) == 0)
        return true;
    list_asked(c->silences); /* the store fails: after a restart it would be dealt with again */
    return false;
}

/* One a call: a change moves the others. False: nothing is to be done. */
static bool settle_one(struct core *c, int64_t now)
{
    vec_each (&c->silences->all, it) {
        struct kept_silence *k = *it;
        uint64_t id = k->s.silence.id;
        enum silence_status status = silence_status(&k->s.silence, now);
        if (status != k->status) {
            k->status = status;
            core__event_simple(c, "silence", id);
        }
        if (status == SILENCE_EXPIRED && !k->over)
            return deal_with_end(c, id);
        if (now > k->s.silence.ends_ms + SILENCE_KEEP_MS)
            return core_document_del(c, SILENCE_KIND, id, NULL, NULL) == 0;
    }
    return false;
}

void core__silences_tick(struct core *c)
{
    int64_t now = clock_wall_ms();
    while (settle_one(c, now))
        ;
}

/* --- asking --- */

const struct core_silence *core_silence_get(struct core *c, uint64_t id)
{
    check_magic(c, CORE_MAGIC);
    const struct kept_silence *k = kept(c->silences, id);
    return k ? &k->s : NULL;
}

void core_silences_each(struct core *c, bool (*fn)(void *arg, const struct core_silence *s),
                        void *arg)
{
    check_magic(c, CORE_MAGIC);
    vec_each (&c->silences->all, it)
        if (!fn(arg, &(*it)->s))
            return;
}

struct id_list core_match_alerts(struct core *c, const struct subject_test *test, struct arena *a)
{
    check_magic(c, CORE_MAGIC);
    uint64_t id;
    struct id_list out = {arena_array_of(a, uint64_t, core__alerts_count(c) + 1), 0};
    for (size_t it = 0; core__alerts_next(c, &it, &id);) {
        const struct alert *al = core__alert(c, id);
        struct target as;
        struct subject s = core__subject(c, al, &as);
        if (al->status == ALERT_FIRING && subject_test_holds(test, &s))
            out.at[out.n++] = id;
    }
    return out;
}
