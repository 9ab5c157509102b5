/* POST /api/v1/targets/ID/check of a target that names locations: all of them are asked at once, and each one's answer is told. One that is
 * away is said to be; none is waited for beyond the probe's own deadline and the way there. */
#include <time.h>

#include "api/target_places.h"
#include "base/clock.h"
#include "core/resources.h"

#define RECORD_MAX      (1 << 20)
#define WATCHER_WAIT_NS (3 * NS_PER_S) /* ours may be starting just now */

struct asked {
    const char *location;
    struct waiter *waiter;
    struct result *result; /* NULL: none came, and err says why */
    struct err err;
    bool under_way;
};
struct asking {
    struct call *call;
    struct asked *at;
    size_t n;
};

static void ask(struct call *k, struct asked *a)
{
    err_clear(&a->err);
    a->under_way = core_check(k->api->core, k->id, a->location, a->waiter, &a->err) == 0;
}

static void ask_on_core(void *arg)
{
    struct asking *q = arg;
    for (size_t i = 0; i < q->n; i++)
        ask(q->call, &q->at[i]);
}

static void ask_ours_on_core(void *arg)
{
    struct asking *q = arg;
    for (size_t i = 0; i < q->n; i++)
        if (streq(q->at[i].location, LOCATION_LOCAL) && !q->at[i].under_way)
            ask(q->call, &q->at[i]);
}

static bool ours_begins(const struct asking *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (streq(q->at[i].location, LOCATION_LOCAL))
            return !q->at[i].under_way && q->at[i].err.code == ERR_BUSY;
    return false;
}

static void ask_all(struct asking *q)
{
    int64_t end = clock_mono_ns() + WATCHER_WAIT_NS;
    on_core(q->call, ask_on_core, q);
    while (ours_begins(q) && clock_mono_ns() < end) {
        nanosleep(&(struct timespec){.tv_nsec = 20 * NS_PER_MS}, NULL);
        on_core(q->call, ask_ours_on_core, q);
    }
}

static void await(struct call *k, struct asked *a, int64_t until_ns)
{
    struct buf record = BUF_INIT(RECORD_MAX);
    int64_t left_ms = (until_ns - clock_mono_ns()) / NS_PER_MS;
    struct result *r = arena_new_of(k->arena, struct result);
    must(a->under_way && !a->result);
    if (waiter_wait(a->waiter, left_ms > 1 ? left_ms : 1, &record, &a->err) == 0 &&
        result_decode(record.data, record.len, k->arena, r, &a->err) == 0)
        a->result = r;
    buf_done(&record);
}

/* The server's own, else the first that came. */
static const struct result *first_of(const struct asking *q)
{
    const struct result *first = NULL;
    for (size_t i = 0; i < q->n; i++) {
        if (q->at[i].result && streq(q->at[i].location, LOCATION_LOCAL))
            return q->at[i].result;
        if (!first)
            first = q->at[i].result;
    }
    return first;
}

static void put_asked(struct json *j, const struct asked *a)
{
    json_obj(j);
    json_kstr(j, "location", a->location);
    json_kbool(j, "answered", a->result != NULL);
    json_kstr(j, "message", a->result ? a->result->message : a->err.msg);
    json_key(j, "result");
    if (a->result)
        result_json(a->result, j);
    else
        json_nil(j);
    json_end(j);
}

static void answer(const struct asking *q)
{
    const struct result *first = first_of(q);
    must(q->n > 0);
    if (!first) {
        call_fail(q->call, &q->at[0].err);
        return;
    }
    struct json j = call_json(q->call);
    result_json_open(first, &j);
    json_karr(&j, "places");
    for (size_t i = 0; i < q->n; i++)
        put_asked(&j, &q->at[i]);
    json_end(&j);
    json_end(&j);
}

void places_check(struct call *k, const struct name_list *names, int64_t patience_ms)
{
    struct asking q = {.call = k, .n = names->n};
    must(names->n > 0 && names->n <= TARGET_LOCATIONS_MAX && patience_ms > 0);
    q.at = arena_array_of(k->arena, struct asked, q.n);
    for (size_t i = 0; i < q.n; i++)
        q.at[i] = (struct asked){.location = names->at[i], .waiter = call_waiter(k)};
    ask_all(&q);
    int64_t until_ns = clock_mono_ns() + patience_ms * NS_PER_MS;
    for (size_t i = 0; i < q.n; i++) {
        if (q.at[i].under_way)
            await(k, &q.at[i], until_ns);
        waiter_unref(q.at[i].waiter);
    }
    answer(&q);
}
