/* Slots on the monotonic clock in a heap; see sched.h for the rules. Called by watchers, the simulation and tests. */
#include "sched/sched.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"

#define SOON_PER_SECOND 1000

void sched_done(struct sched *s)
{
    heap_done(&s->due);
}

int64_t sched_slot(uint64_t id, int64_t interval_ns, int64_t after_ns)
{
    must(interval_ns > 0);
    int64_t phase = (int64_t)(hash_u64(id) % (uint64_t)interval_ns);
    int64_t k = (after_ns - phase) / interval_ns;
    int64_t slot = phase + k * interval_ns;
    while (slot <= after_ns) /* at most twice: the division rounds towards zero */
        slot += interval_ns;
    return slot;
}

/* On the grid, never earlier. */
static int64_t on_grid(const struct sched *s, int64_t interval_ns, int64_t at_ns)
{
    if (s->grid_ns == 0 || interval_ns < NS_PER_S)
        return at_ns;
    must(s->grid_ns > 0 && s->grid_ns < NS_PER_S && s->grid_phase_ns >= 0);
    int64_t past = (at_ns + s->grid_ns - s->grid_phase_ns % s->grid_ns) % s->grid_ns;
    return past ? at_ns + s->grid_ns - past : at_ns;
}

/* Fresh targets are looked at soon, so that whoever adds one sees it come alive; the thousands of a first
 * start keep to their slots. */
static bool may_start_soon(struct sched *s, int64_t now_ns)
{
    if (now_ns - s->soon_since_ns > NS_PER_S) {
        s->soon_since_ns = now_ns;
        s->soon = 0;
    }
    return s->soon++ < SOON_PER_SECOND;
}

void sched_add(struct sched *s, struct sched_item *item, uint64_t id, int64_t interval_ns,
               bool fresh, int64_t now_ns)
{
    must(item->node.slot == 0 && interval_ns > 0 && now_ns >= 0);
    item->id = id;
    item->interval_ns = interval_ns;
    int64_t due = sched_slot(id, interval_ns, now_ns);
    if (fresh && may_start_soon(s, now_ns)) {
        int64_t soon = now_ns + (int64_t)(hash_u64(id) % (uint64_t)(s->soon * NS_PER_MS));
        due = soon < due ? soon : due;
    }
    heap_add(&s->due, &item->node, on_grid(s, interval_ns, due));
}

void sched_del(struct sched *s, struct sched_item *item)
{
    heap_del(&s->due, &item->node);
}

void sched_change(struct sched *s, struct sched_item *item, int64_t interval_ns, int64_t now_ns)
{
    must(item->node.slot != 0 && item->interval_ns > 0);
    if (item->interval_ns == interval_ns)
        return;
    item->interval_ns = interval_ns;
    int64_t due = sched_slot(item->id, interval_ns, now_ns);
    heap_move(&s->due, &item->node, on_grid(s, interval_ns, due));
}

static int64_t grace(int64_t interval_ns)
{
    must(interval_ns > 0);
    return interval_ns / 2 < NS_PER_S ? interval_ns / 2 : NS_PER_S;
}

struct sched_item *sched_take(struct sched *s, int64_t now_ns, int64_t *late_ns)
{
    for (struct heap_node *n; (n = heap_min(&s->due)) != NULL && n->key <= now_ns;) {
        struct sched_item *item = container_of(n, struct sched_item, node);
        int64_t passed = (now_ns - n->key) / item->interval_ns; /* whole rounds after the due one */
        int64_t late = now_ns - n->key - passed * item->interval_ns;
        int64_t next = sched_slot(item->id, item->interval_ns, now_ns);
        heap_move(&s->due, n, on_grid(s, item->interval_ns, next));
        must(n->key > now_ns);
        s->missed_late += (uint64_t)passed;
        if (late > grace(item->interval_ns)) {
            s->missed_late++;
            continue;
        }
        if (item->running) {
            s->missed_running++;
            continue;
        }
        *late_ns = late;
        return item;
    }
    return NULL;
}

int64_t sched_next_ns(const struct sched *s)
{
    const struct heap_node *n = heap_min(&s->due);
    return n ? n->key : INT64_MAX;
}
