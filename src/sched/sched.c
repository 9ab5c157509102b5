/* Slots on the monotonic clock in a heap; see sched.h for the rules. Called by watchers, the simulation and tests. */
#include "sched/sched.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"

#define SOON_PER_SECOND 1000
#define APART_NS        (50 * NS_PER_MS)

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

static bool has_grid(const struct sched *s, int64_t interval_ns)
{
    return s->grid_ns > 0 && interval_ns >= NS_PER_S;
}

/* Of a target on the grid, in 10^9 seconds. */
static int64_t rounds_per_gs(const struct sched *s, int64_t interval_ns)
{
    return has_grid(s, interval_ns) ? NS_PER_S * NS_PER_S / interval_ns : 0;
}

int64_t sched_grid_ns(const struct sched *s)
{
    int64_t grid = s->grid_ns;
    must(grid >= 0 && s->rounds_per_gs >= 0);
    while (grid < s->grid_ns * GRID_FACTOR_MAX &&
           s->rounds_per_gs / NS_PER_S * grid * 2 <= GRID_ROUNDS * NS_PER_S)
        grid *= 2;
    return grid;
}

/* On the grid, never earlier. */
static int64_t on_grid(const struct sched *s, int64_t interval_ns, int64_t at_ns)
{
    if (!has_grid(s, interval_ns))
        return at_ns;
    int64_t grid = sched_grid_ns(s);
    must(grid < NS_PER_S && s->grid_phase_ns >= 0);
    int64_t past = (at_ns + grid - s->grid_phase_ns % grid) % grid;
    return past ? at_ns + grid - past : at_ns;
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
    s->rounds_per_gs += rounds_per_gs(s, interval_ns);
    int64_t due = sched_slot(id, interval_ns, now_ns);
    if (fresh && may_start_soon(s, now_ns)) {
        int64_t soon = now_ns + (int64_t)(hash_u64(id) % (uint64_t)(s->soon * NS_PER_MS));
        due = soon < due ? soon : due;
    }
    heap_add(&s->due, &item->node, on_grid(s, interval_ns, due));
}

void sched_del(struct sched *s, struct sched_item *item)
{
    if (item->node.slot != 0)
        s->rounds_per_gs -= rounds_per_gs(s, item->interval_ns);
    heap_del(&s->due, &item->node);
}

void sched_change(struct sched *s, struct sched_item *item, int64_t interval_ns, int64_t now_ns)
{
    must(item->node.slot != 0 && item->interval_ns > 0);
    if (item->interval_ns == interval_ns)
        return;
    s->rounds_per_gs += rounds_per_gs(s, interval_ns) - rounds_per_gs(s, item->interval_ns);
    item->interval_ns = interval_ns;
    int64_t due = sched_slot(item->id, interval_ns, now_ns);
    heap_move(&s->due, &item->node, on_grid(s, interval_ns, due));
}

/* Two looks at a target that are closer than this are one. */
static int64_t apart(int64_t interval_ns)
{
    return interval_ns / 10 < APART_NS ? interval_ns / 10 : APART_NS;
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
        bool in_time = late <= grace(item->interval_ns);
        bool runs = in_time && !item->running;
        /* A fresh target's first round may stand a moment before its slot: it is that slot's round then. */
        int64_t next =
            sched_slot(item->id, item->interval_ns, now_ns + (runs ? apart(item->interval_ns) : 0));
        heap_move(&s->due, n, on_grid(s, item->interval_ns, next));
        must(n->key > now_ns);
        s->missed_late += (uint64_t)passed + !in_time;
        s->missed_running += in_time && item->running;
        if (!runs)
            continue;
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
