/* See inner.h. */
#include "core/inner.h"

#include <stdlib.h>

#include "base/clock.h"
#include "core/derived.h"

static const struct inner_ops *const kinds[] = {&push_inner, &group_inner};

/* By its type; NULL: a watcher probes it. */
static const struct inner_ops *ops_of(const char *type)
{
    for (size_t i = 0; i < array_len(kinds); i++)
        if (streq(kinds[i]->type, type))
            return kinds[i];
    return NULL;
}

static struct compiled *compile(const char *type, const struct node *config)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct compiled *k = probe_compile(prober_by_type(type, NULL), config, &p, "config");
    problems_done(&p);
    return k; /* NULL: a stored one that this build does not take */
}

static struct compiled *compile_entry(const struct entry *e)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct cur in = CUR_INIT(e->config, e->config_n);
    const struct node *config = node_decode(a, &in, NULL);
    return config ? compile(e->target->type, config) : NULL;
}

static void inner_free(struct inner *n)
{
    check_magic(n, INNER_MAGIC);
    if (n->state)
        n->ops->end(n);
    compiled_free(n->compiled);
    n->magic = 0;
    free(n);
}

static void list_remove(struct core *c, const struct inner *n)
{
    for (size_t i = 0; i < c->inner.n; i++)
        if (c->inner.at[i] == n) {
            c->inner.at[i] = vec_pop(&c->inner);
            return;
        }
}

static void tell_groups(struct core *c, const struct entry *e, bool gone)
{
    vec_each (&c->inner, it)
        if ((*it)->ops == &group_inner && (*it)->state)
            core__group_entry(*it, e, gone);
}

void core__inner_put(struct core *c, struct entry *e)
{
    const struct inner_ops *ops =
        core__is_barred(c, e->target) ? &barred_inner : ops_of(e->target->type);
    if (e->inner && e->inner->ops != ops) {
        core__inner_forget(e);
        list_remove(c, e->inner);
        inner_free(e->inner);
        e->inner = NULL;
    }
    tell_groups(c, e, false);
    struct compiled *compiled = ops && ops->begin ? compile_entry(e) : NULL;
    if (!ops || (ops->begin && !compiled))
        return;
    struct inner *n = e->inner;
    if (!n) {
        n = e->inner = calloc(1, sizeof(*n));
        must(n);
        *n = (struct inner){.magic = INNER_MAGIC, .core = c, .entry = e, .ops = ops};
        vec_push(&c->inner, n);
    }
    struct compiled *old = n->compiled;
    n->compiled = compiled;
    n->config = compiled ? compiled_config(compiled) : NULL;
    if (ops->begin)
        ops->begin(n);
    compiled_free(old);
    n->enabled = e->target->enabled;
    n->next_ms = 0;
}

void core__inner_del(struct core *c, struct entry *e)
{
    if (!c->closing)
        tell_groups(c, e, true);
    if (!e->inner)
        return;
    list_remove(c, e->inner);
    inner_free(e->inner);
    e->inner = NULL;
}

void core__inner_forget(struct entry *e)
{
    if (e->inner && e->inner->state && e->inner->ops->forget)
        e->inner->ops->forget(e->inner);
}

/* --- looking --- */

static bool judge(struct inner *n, int64_t now_ms, struct arena *a, struct result **out,
                  const char **why)
{
    struct result *r = arena_new_of(a, struct result);
    result_init(r, a);
    r->success = true;
    r->checked_ms = now_ms;
    r->target_id = n->entry ? n->entry->target->id : 0;
    if (!n->ops->judge(n, now_ms, r, why))
        return false;
    if (n->entry && n->entry->target->invert && n->ops != &barred_inner)
        result_invert(r);
    result_metric(r, "probe_success", r->success);
    result_metric(r, "probe_duration_seconds", (double)r->latency_us / 1e6);
    *out = r;
    return true;
}

static void plan(struct inner *n, int64_t now_ms)
{
    n->next_ms = now_ms + n->entry->target->interval_ms;
    int64_t change = n->ops->next ? n->ops->next(n, now_ms) : INT64_MAX;
    if (change < n->next_ms)
        n->next_ms = change;
    must(n->next_ms > now_ms);
}

/* record gets the encoded result. false: nothing can be said yet. */
static bool look(struct inner *n, struct buf *record, const char **why, struct arena *a)
{
    check_magic(n, INNER_MAGIC);
    int64_t now_ms = clock_wall_ms();
    struct result *r = NULL;
    bool known = judge(n, now_ms, a, &r, why);
    plan(n, now_ms);
    if (!known)
        return false;
    result_encode(r, record);
    must(!record->failed);
    core__derived_result(n->core, n->entry, r, record->data, record->len);
    return true;
}

void core__inner_look(struct inner *n)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct buf record = BUF_INIT(RESULT_ENCODED_MAX + 1000);
    const char *why = "";
    if (n->entry->target->enabled && n->core->ready)
        look(n, &record, &why, a);
    buf_done(&record);
}

static bool is_due(const struct inner *n, int64_t now_ms)
{
    bool set_back = n->next_ms > now_ms + n->entry->target->interval_ms + 1000;
    return n->entry->target->enabled && (now_ms >= n->next_ms || set_back);
}

static void look_at_due(struct core *c)
{
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < c->inner.n; i++)
        if (is_due(c->inner.at[i], now_ms))
            core__inner_look(c->inner.at[i]);
}

void core__inner_tick(struct core *c)
{
    check_magic(c, CORE_MAGIC);
    look_at_due(c);
}

static void on_touched(struct timer *t)
{
    struct core *c = container_of(t, struct core, inner_timer);
    check_magic(c, CORE_MAGIC);
    if (!c->closing && !c->stopping)
        look_at_due(c);
}

void core__inner_member(struct core *c, const struct entry *e)
{
    bool any = false;
    vec_each (&c->inner, it) {
        if ((*it)->ops != &group_inner || !core__group_has(*it, e->target->id))
            continue;
        (*it)->next_ms = 0;
        any = true;
    }
    if (any && !timer_active(&c->inner_timer))
        timer_start(c->loop, &c->inner_timer, clock_mono_ns(), on_touched);
}

/* --- for those who ask --- */

int core__inner_check(struct inner *n, struct waiter *w, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct buf record = BUF_INIT(RESULT_ENCODED_MAX + 1000);
    const char *why = "";
    int rc = 0;
    if (look(n, &record, &why, a))
        waiter_finish(w, NULL, record.data, record.len);
    else
        rc = err_set(err, ERR_CONFLICT, "nothing can be said yet: %s", why);
    buf_done(&record);
    return rc;
}

int core__inner_try(struct core *c, const struct target *t, const struct node *config,
                    struct waiter *w, struct err *err)
{
    struct inner n = {.magic = INNER_MAGIC, .core = c, .ops = ops_of(t->type)};
    must(n.ops);
    if (n.ops == &push_inner)
        return err_set(err, ERR_INVALID,
                       "a push target is not probed: save it, then let its job "
                       "report to its address");
    n.compiled = compile(t->type, config);
    must(n.compiled); /* it was checked */
    n.config = compiled_config(n.compiled);
    n.ops->begin(&n);
    struct arena *a cleanup(arena_freep) = arena_new();
    struct buf record = BUF_INIT(RESULT_ENCODED_MAX + 1000);
    struct result *r = NULL;
    const char *why = "";
    int rc = 0;
    if (judge(&n, clock_wall_ms(), a, &r, &why)) {
        result_encode(r, &record);
        waiter_finish(w, NULL, record.data, record.len);
    } else {
        rc = err_set(err, ERR_CONFLICT, "nothing can be said yet: %s", why);
    }
    n.ops->end(&n);
    compiled_free(n.compiled);
    buf_done(&record);
    return rc;
}
