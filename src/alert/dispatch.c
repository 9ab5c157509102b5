/* Dispatch (dispatch.h): a heap of channels by when each may send next; in each channel a heap of groups by
 * when each is due. Pure; runs on the core's main thread and in the simulation.
 *
 * A channel is in the heap exactly while it is enabled, not busy and has a group with deliveries; channel_place
 * keeps that true after every change. A group lies in its channel's `due` heap while it has deliveries that are not
 * under way, else in `idle` until a quiet minute has passed, when it is freed. */
#include "alert/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/map.h"
#include "base/must.h"
#include "base/vec.h"

#define DISPATCH_MAGIC 0x64737063u
#define FIRST_WAIT_MS  50
#define QUIET_MS       60000
#define TOKEN          60000 /* units a message costs: a bucket gains rate_per_minute units a ms */

static const int64_t spacing_ms[] = {1000, 2000, 4000, 8000, 10000};
static const int64_t pause_ms[] = {1000, 2000, 5000, 10000, 30000, 60000, 300000};

struct lane { /* deliveries of one group for one channel */
    struct heap_node node;
    struct heap *in; /* its channel's `due` or `idle`; NULL: neither */
    char *group;
    vec_of(uint64_t) ids;
    size_t head; /* ids before it are done */
    size_t under_way;
    unsigned level;  /* index of the next spacing */
    int64_t next_ms; /* the spacing after the last message ends */
    int64_t sent_ms; /* last message; INT64_MIN: none yet */
};

struct chan {
    struct heap_node node;
    uint64_t id;
    int32_t rate, burst;
    bool enabled, deleted;
    struct lane *busy; /* lane of the message under way */
    int64_t units, units_at_ms;
    unsigned failures;
    int64_t paused_until_ms;
    size_t waiting;
    struct map_str *lanes;
    struct heap due, idle;
};

struct dispatch {
    uint32_t magic;
    struct map_u64 *chans;
    struct heap ready;
};

struct dispatch *dispatch_new(void)
{
    struct dispatch *d = calloc(1, sizeof(*d));
    must(d != NULL);
    d->magic = DISPATCH_MAGIC;
    d->chans = map_u64_new();
    return d;
}

static size_t lane_waiting(const struct lane *l)
{
    must(l->head + l->under_way <= l->ids.n);
    return l->ids.n - l->head - l->under_way;
}

static void lane_move(struct lane *l, struct heap *to, int64_t key)
{
    if (l->in != NULL)
        heap_del(l->in, &l->node);
    l->in = to;
    if (to != NULL)
        heap_add(to, &l->node, key);
}

static void lane_free(struct chan *c, struct lane *l)
{
    must(c->busy != l);
    lane_move(l, NULL, 0);
    map_str_del(c->lanes, l->group, strlen(l->group));
    vec_done(&l->ids);
    free(l->group);
    free(l);
}

static void chan_free_lanes(struct chan *c)
{
    size_t it = 0, n;
    const char *key;
    void *lane;
    while (map_str_next(c->lanes, &it, &key, &n, &lane))
        lane_free(c, lane);
}

static void chan_free(struct dispatch *d, struct chan *c)
{
    must(c->busy == NULL);
    heap_del(&d->ready, &c->node);
    map_u64_del(d->chans, c->id);
    chan_free_lanes(c);
    map_str_free(c->lanes);
    heap_done(&c->due);
    heap_done(&c->idle);
    free(c);
}

void dispatch_free(struct dispatch *d)
{
    if (d == NULL)
        return;
    check_magic(d, DISPATCH_MAGIC);
    size_t it = 0;
    uint64_t id;
    void *chan;
    while (map_u64_next(d->chans, &it, &id, &chan)) {
        ((struct chan *)chan)->busy = NULL;
        chan_free(d, chan);
    }
    map_u64_free(d->chans);
    heap_done(&d->ready);
    d->magic = 0;
    free(d);
}

static void refill(struct chan *c, int64_t now_ms)
{
    int64_t full = (int64_t)c->burst * TOKEN;
    int64_t passed = now_ms - c->units_at_ms;
    if (passed <= 0)
        return;
    c->units_at_ms = now_ms;
    if (passed >= full / (c->rate > 0 ? c->rate : 1))
        c->units = full;
    else
        c->units += passed * c->rate;
    if (c->units > full)
        c->units = full;
}

/* When the bucket holds a message's worth. */
static int64_t token_ms(const struct chan *c)
{
    if (c->rate == 0 || c->units >= TOKEN)
        return INT64_MIN;
    return c->units_at_ms + (TOKEN - c->units + c->rate - 1) / c->rate;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void chan_place(struct dispatch *d, struct chan *c)
{
    struct heap_node *first = heap_min(&c->due);
    if (!c->enabled || c->deleted || c->busy != NULL || first == NULL) {
        heap_del(&d->ready, &c->node);
        return;
    }
    int64_t at = later(first->key, later(c->paused_until_ms, token_ms(c)));
    heap_move(&d->ready, &c->node, at);
}

static void lane_place(struct chan *c, struct lane *l, int64_t due_ms)
{
    must(c->busy != l || l->under_way > 0);
    if (c->busy == l)
        lane_move(l, NULL, 0);
    else if (lane_waiting(l) > 0)
        lane_move(l, &c->due, due_ms);
    else
        lane_move(l, &c->idle, l->sent_ms == INT64_MIN ? due_ms : l->sent_ms + QUIET_MS);
}

static struct chan *chan_get(const struct dispatch *d, uint64_t id)
{
    check_magic(d, DISPATCH_MAGIC);
    return map_u64_get(d->chans, id);
}

static struct chan *chan_need(struct dispatch *d, uint64_t id)
{
    struct chan *c = chan_get(d, id);
    if (c != NULL)
        return c;
    c = calloc(1, sizeof(*c));
    must(c != NULL);
    c->id = id;
    c->burst = 1;
    c->units_at_ms = INT64_MIN / 2; /* the first refill fills the bucket */
    c->lanes = map_str_new();
    map_u64_put(d->chans, id, c);
    return c;
}

void dispatch_channel(struct dispatch *d, uint64_t channel_id, int32_t rate_per_minute,
                      int32_t burst, bool enabled)
{
    must(rate_per_minute >= 0);
    struct chan *c = chan_need(d, channel_id);
    if (rate_per_minute != c->rate && c->units_at_ms > INT64_MIN / 2)
        c->units = c->units < TOKEN ? c->units : TOKEN; /* the old bucket is worth one message */
    c->rate = rate_per_minute;
    c->burst = burst > 0 ? burst : 1;
    c->enabled = enabled;
    c->deleted = false;
    c->failures = 0;
    c->paused_until_ms = 0;
    if (c->units_at_ms == INT64_MIN / 2)
        c->units = (int64_t)c->burst * TOKEN;
    chan_place(d, c);
}

static void hand_over(struct chan *c, void (*fn)(void *arg, uint64_t delivery_id), void *arg)
{
    size_t it = 0, n;
    const char *key;
    void *value;
    while (map_str_next(c->lanes, &it, &key, &n, &value)) {
        struct lane *l = value;
        for (size_t i = l->head + l->under_way; i < l->ids.n && fn != NULL; i++)
            fn(arg, l->ids.at[i]);
        l->ids.n = l->head + l->under_way;
    }
}

void dispatch_channel_del(struct dispatch *d, uint64_t channel_id,
                          void (*fn)(void *arg, uint64_t delivery_id), void *arg)
{
    struct chan *c = chan_get(d, channel_id);
    if (c == NULL)
        return;
    hand_over(c, fn, arg);
    c->waiting = 0;
    c->deleted = true;
    if (c->busy == NULL) {
        chan_free(d, c);
        return;
    }
    struct heap_node *node;
    while ((node = heap_min(&c->due)) != NULL)
        lane_place(c, container_of(node, struct lane, node), 0);
    chan_place(d, c);
}

static struct lane *lane_need(struct chan *c, const char *group)
{
    size_t n = strlen(group);
    struct lane *l = map_str_get(c->lanes, group, n);
    if (l != NULL)
        return l;
    l = calloc(1, sizeof(*l));
    must(l != NULL);
    l->group = strdup(group);
    must(l->group != NULL);
    l->next_ms = l->sent_ms = INT64_MIN;
    map_str_put(c->lanes, group, n, l);
    return l;
}

static void forget_quiet(struct chan *c, int64_t now_ms)
{
    struct heap_node *node;
    while ((node = heap_min(&c->idle)) != NULL && node->key <= now_ms)
        lane_free(c, container_of(node, struct lane, node));
}

void dispatch_add(struct dispatch *d, uint64_t channel_id, const char *group, uint64_t delivery_id,
                  int64_t now_ms)
{
    struct chan *c = chan_need(d, channel_id);
    must(delivery_id != 0);
    if (c->deleted) {
        c->deleted = false;
        c->enabled = false;
    }
    forget_quiet(c, now_ms);
    struct lane *l = lane_need(c, group);
    vec_push(&l->ids, delivery_id);
    c->waiting++;
    if (lane_waiting(l) > 1 || c->busy == l)
        return; /* it has a due time, or gets one in dispatch_done */
    lane_place(c, l, later(now_ms + FIRST_WAIT_MS, l->next_ms));
    chan_place(d, c);
}

size_t dispatch_waiting(const struct dispatch *d, uint64_t channel_id)
{
    const struct chan *c = chan_get(d, channel_id);
    return c != NULL ? c->waiting : 0;
}

int64_t dispatch_paused_until(const struct dispatch *d, uint64_t channel_id)
{
    const struct chan *c = chan_get(d, channel_id);
    return c != NULL ? c->paused_until_ms : 0;
}

int64_t dispatch_next_ms(const struct dispatch *d)
{
    check_magic(d, DISPATCH_MAGIC);
    const struct heap_node *first = heap_min(&d->ready);
    return first != NULL ? first->key : INT64_MAX;
}

bool dispatch_take(struct dispatch *d, int64_t now_ms, struct dispatch_message *out)
{
    if (dispatch_next_ms(d) > now_ms)
        return false;
    struct chan *c = container_of(heap_min(&d->ready), struct chan, node);
    struct lane *l = container_of(heap_min(&c->due), struct lane, node);
    must(c->busy == NULL && c->enabled && !c->deleted);
    refill(c, now_ms);
    must(c->rate == 0 || c->units >= TOKEN);
    c->units -= c->rate > 0 ? TOKEN : 0;

    size_t n = lane_waiting(l);
    must(n > 0 && l->under_way == 0);
    n = n < DISPATCH_MESSAGE_MAX ? n : DISPATCH_MESSAGE_MAX;
    out->channel_id = c->id;
    out->group = l->group;
    out->n = n;
    memcpy(out->ids, l->ids.at + l->head, n * sizeof(out->ids[0]));
    l->under_way = n;
    must(c->waiting >= n);
    c->waiting -= n;
    c->busy = l;
    lane_place(c, l, 0);
    chan_place(d, c);
    return true;
}

/* Drops the message's ids from the front. */
static void lane_drop(struct lane *l)
{
    l->head += l->under_way;
    l->under_way = 0;
    size_t left = l->ids.n - l->head;
    if (l->head < left)
        return;
    if (left > 0)
        memmove(l->ids.at, l->ids.at + l->head, left * sizeof(l->ids.at[0]));
    l->ids.n = left;
    l->head = 0;
}

static void lane_sent(struct lane *l, int64_t now_ms)
{
    if (l->sent_ms != INT64_MIN && now_ms - l->sent_ms >= QUIET_MS)
        l->level = 0;
    l->sent_ms = now_ms;
    l->next_ms = now_ms + spacing_ms[l->level];
    if (l->level + 1 < array_len(spacing_ms))
        l->level++;
}

static void chan_pause(struct chan *c, int64_t retry_after_ms, int64_t now_ms)
{
    int64_t pause = pause_ms[c->failures];
    if (c->failures + 1 < array_len(pause_ms))
        c->failures++;
    c->paused_until_ms = now_ms + later(pause, retry_after_ms);
}

void dispatch_done(struct dispatch *d, const struct dispatch_message *m,
                   enum dispatch_outcome outcome, int64_t retry_after_ms, int64_t now_ms)
{
    struct chan *c = chan_get(d, m->channel_id);
    must(c != NULL && c->busy != NULL);
    struct lane *l = c->busy;
    must(l->under_way == m->n && strcmp(l->group, m->group) == 0);
    c->busy = NULL;
    if (outcome == DISPATCH_SENT) {
        c->failures = 0;
        c->paused_until_ms = 0;
        lane_sent(l, now_ms);
    } else {
        chan_pause(c, retry_after_ms, now_ms);
    }
    if (outcome == DISPATCH_RETRY && !c->deleted) {
        c->waiting += l->under_way;
        l->under_way = 0;
    } else {
        lane_drop(l);
    }
    /* After a failure the other groups go first, so that one bad message does not stop them. */
    lane_place(c, l, later(later(now_ms, l->next_ms), c->paused_until_ms));
    if (c->deleted)
        chan_free(d, c);
    else
        chan_place(d, c);
}
