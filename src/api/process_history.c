/* /api/v1/processes/{unit}/restarts: each end and each change of state, newest first, from the store.
 *
 * Whether the restart after a death succeeded is not a record of its own: it is what came next. The rows are read from the
 * newest to the oldest, so that what came next has been seen already ("carry"); the cursor of a page takes it along to
 * the page behind: "1234s1763730000000" is the id, how it went on (s, f, n: success, failure, nothing yet) and when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/process_doc.h"
#include "base/str.h"

#define ROWS_A_TURN 1000
#define TURNS_MAX   50 /* so many rows are looked through for one page */

enum went_on { WENT_NOWHERE, WENT_WELL, WENT_BADLY };

struct carry {
    enum went_on how;
    int64_t at_ms;
};

struct history {
    struct call *call;
    struct json json;
    struct carry carry;
    int kind; /* enum process_event_kind; -1: all */
    uint64_t limit, listed, rows, last_id;
    struct carry last_carry; /* as it was after last_id */
};

/* --- what came next --- */

static bool is_up(uint32_t state)
{
    return state == UNIT_RUNNING || state == UNIT_READY;
}

/* A death is told after its successor was started, so that `to` may know already. */
static struct carry after_death(const struct process_event *e, struct carry next)
{
    if (is_up(e->to))
        return (struct carry){WENT_WELL, e->at_ms};
    if (e->to == UNIT_FATAL)
        return (struct carry){WENT_BADLY, e->at_ms};
    if (e->to == UNIT_STOPPED || e->to == UNIT_CRASHED)
        return (struct carry){0};
    return next;
}

/* What e is to the older rows. */
static struct carry before(const struct process_event *e, struct carry next)
{
    if (e->kind == PROCESS_DEATH)
        return (struct carry){WENT_BADLY, e->at_ms}; /* died again without having run */
    if (e->kind != PROCESS_STATE)
        return next;
    if (is_up(e->to))
        return (struct carry){WENT_WELL, e->at_ms};
    /* The change comes before the death that it tells of, and after that one may come what followed it. */
    if (e->to == UNIT_FATAL || e->to == UNIT_CRASHED || e->to == UNIT_KILLING)
        return (struct carry){WENT_BADLY, e->at_ms};
    return e->to == UNIT_STOPPED ? (struct carry){0} : next;
}

/* --- one row --- */

static void put_restart(struct json *j, const struct process_event *e, struct carry next)
{
    must(e->kind == PROCESS_DEATH);
    json_key(j, "restart");
    if (next.how == WENT_NOWHERE) {
        json_nil(j);
        return;
    }
    json_obj(j);
    json_kbool(j, "success", next.how == WENT_WELL);
    json_ktime(j, "at", next.at_ms);
    json_kint(j, "duration_ms", next.at_ms > e->at_ms ? next.at_ms - e->at_ms : 0);
    json_end(j);
}

static void put_death(struct json *j, const struct process_event *e, const char *tail,
                      struct carry next)
{
    json_kstr(j, "cause", unit_cause_name((enum unit_cause)e->cause));
    json_kbool(j, "failure", e->failure != 0);
    json_kobj(j, "exit");
    process_exit_json(e->status, j);
    json_end(j);
    json_kf64(j, "ran_seconds", (double)e->ran_ms / 1000);
    json_kf64(j, "cpu_seconds", (double)(e->cpu_user_us + e->cpu_system_us) / 1e6);
    json_kint(j, "max_rss_bytes", e->max_rss_bytes);
    json_kstr(j, "output", tail);
    put_restart(j, e, after_death(e, next));
}

static void put_row(struct history *h, uint64_t id, const struct process_event *e, const char *tail)
{
    struct json *j = &h->json;
    json_obj(j);
    json_kuint(j, "id", id);
    json_kstr(j, "kind", process_event_kind_name((enum process_event_kind)e->kind));
    json_ktime(j, "at", e->at_ms);
    json_kstr(j, "from", unit_state_name((enum unit_state)e->from));
    json_kstr(j, "to", unit_state_name((enum unit_state)e->to));
    json_kint(j, "pid", e->pid);
    json_kstr(j, "reason", e->reason);
    json_kuint(j, "restarts", e->restarts);
    json_ktime(j, "next_start_at", e->next_ms);
    if (e->kind == PROCESS_DEATH)
        put_death(j, e, tail, h->carry);
    json_end(j);
}

static void take_row(void *arg, uint64_t id, const struct process_event *e, const char *tail)
{
    struct history *h = arg;
    must(h->listed <= h->limit && (h->last_id == 0 || id < h->last_id)); /* newest first */
    must(e->from <= UNIT_FATAL && e->to <= UNIT_FATAL); /* the store decodes with bounds */
    h->rows++;
    if (h->listed == h->limit)
        return;
    if (h->kind < 0 || h->kind == (int)e->kind) {
        put_row(h, id, e, tail);
        h->listed++;
    }
    h->carry = before(e, h->carry);
    h->last_id = id;
    h->last_carry = h->carry;
}

/* --- paging --- */

static int read_cursor(struct call *k, struct process_events_query *q, struct carry *carry)
{
    const char *text = http_req_query(k->req, "cursor");
    char *end = NULL;
    if (!text)
        return 0;
    q->before_id = strtoull(text, &end, 10);
    const char *letter = *end ? strchr("nsf", *end) : NULL;
    if (letter) {
        carry->how = *end == 's' ? WENT_WELL : *end == 'f' ? WENT_BADLY : WENT_NOWHERE;
        carry->at_ms = strtoll(end + 1, &end, 10);
    }
    if (*text >= '0' && *text <= '9' && *end == '\0' && q->before_id != 0)
        return 0;
    problem_add(&k->problems, NULL, "cursor", "got \"%.40s\"; want the \"next\" of a page", text);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -1;
}

static void put_next(struct history *h, bool more)
{
    char cursor[64];
    must(h->last_carry.how >= WENT_NOWHERE && h->last_carry.how <= WENT_BADLY);
    json_key(&h->json, "next");
    if (!more) {
        json_nil(&h->json);
        return;
    }
    snprintf(cursor, sizeof(cursor), "%llu%c%lld", (unsigned long long)h->last_id,
             "nsf"[h->last_carry.how], (long long)h -> last_carry.at_ms);
    json_str(&h->json, cursor);
}

static int read_kind(struct call *k, int *kind)
{
    const char *text = http_req_query(k->req, "kind");
    *kind = -1;
    if (!text)
        return 0;
    for (int i = 0; i <= PROCESS_REFUSED; i++)
        if (streq(text, process_event_kind_name((enum process_event_kind)i)))
            *kind = i;
    if (*kind >= 0)
        return 0;
    problem_add(&k->problems, NULL, "kind", "got \"%.40s\"; want state, death or refused", text);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -1;
}

/* Fills the page. *more: there are older rows. */
static int read_rows(struct history *h, struct process_events_query *q, bool *more, struct err *err)
{
    must(q->limit > 0 && h->listed == 0);
    struct store_reader *r = reader_take(h->call->api, err);
    int rc = r ? 0 : -1;
    *more = rc == 0 && h->limit > 0;
    for (int turn = 0; rc == 0 && *more && h->listed < h->limit && turn < TURNS_MAX; turn++) {
        h->rows = 0;
        rc = store_process_events(r, q, take_row, h, err);
        q->before_id = h->last_id;
        *more = h->rows == q->limit || (h->listed == h->limit && h->rows > 0);
    }
    reader_give(h->call->api, r);
    return rc;
}

static void find_on_core(void *arg)
{
    struct change *c = arg;
    struct core_process p;
    process_find(c, false, &p);
}

/* A unit that is gone has its history still. */
static bool never_was(struct call *k, const struct history *h)
{
    struct change c = {.call = k};
    if (h->last_id != 0)
        return false;
    on_core(k, find_on_core, &c);
    if (c.rc != 0)
        call_fail(k, &c.err);
    return c.rc != 0;
}

void processes_history(struct call *k)
{
    struct history h = {.call = k};
    struct process_events_query q = {.unit = k->unit, .limit = ROWS_A_TURN};
    struct err err = {0};
    bool more;
    if (call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &h.limit) != 0 ||
        read_cursor(k, &q, &h.carry) != 0 || read_kind(k, &h.kind) != 0 ||
        call_time(k, "since", 0, &q.since_ms) != 0 || call_time(k, "until", 0, &q.until_ms) != 0)
        return;
    h.last_id = q.before_id;
    h.json = call_json(k);
    json_obj(&h.json);
    json_karr(&h.json, "items");
    if (read_rows(&h, &q, &more, &err) != 0) {
        call_fail(k, &err);
        return;
    }
    json_end(&h.json);
    json_kuint(&h.json, "total", h.listed);
    put_next(&h, more);
    json_end(&h.json);
    if (never_was(k, &h))
        return;
}
