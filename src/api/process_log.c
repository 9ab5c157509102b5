/* /api/v1/processes/{unit}/log: what a process printed, read back from its files by output_read. A cursor says where a
 * reader has come to; with `wait` the answer to a reader at the end comes with the next line, on a worker of the HTTP server. */
#include <string.h>
#include <time.h>

#include "api/process_doc.h"
#include "base/clock.h"
#include "base/str.h"
#include "output/output.h"

#define LINES_DEFAULT 200
#define LINES_MAX     10000
#define WAIT_MAX_MS   60000
#define LOOK_NS       (150 * NS_PER_MS) /* how often a waiting call looks */

struct reading {
    struct call *call;
    struct output_query query;
    struct json json;
    uint64_t n;
    const char *cursor;
    bool known; /* the unit is there */
};

static void put_line(void *arg, const struct output_line *l)
{
    struct reading *r = arg;
    struct json *j = &r->json;
    must(l->stream == 1 || l->stream == 2);
    json_obj(j);
    json_ktime(j, "at", l->at_ns / NS_PER_MS);
    json_kstr(j, "stream", l->stream == 2 ? "stderr" : "stdout");
    json_key(j, "text");
    json_strn(j, l->text, l->n);
    json_kbool(j, "whole", l->whole);
    json_end(j);
    r->n++;
}

static int read_stream(struct call *k, int *stream)
{
    const char *text = http_req_query(k->req, "stream");
    *stream = !text ? 0 : streq(text, "stdout") ? 1 : streq(text, "stderr") ? 2 : -1;
    if (*stream >= 0)
        return 0;
    problem_add(&k->problems, NULL, "stream", "got \"%.40s\"; want stdout or stderr", text);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -1;
}

/* What stands in the path need not be able to be a unit's name. */
static bool readable(struct call *k, uint64_t lines)
{
    if (!output_unit_valid(k->unit)) {
        call_fail_code(k, ERR_NOT_FOUND, "no process has the id \"%.130s\"", k->unit);
        return false;
    }
    if (lines > 0)
        return true;
    problem_add(&k->problems, NULL, "lines", "got 0; want a number from 1 to %d", LINES_MAX);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return false;
}

static void prepare_on_core(void *arg)
{
    struct reading *r = arg;
    struct call *k = r->call;
    struct core_process p;
    r->known = core_process_get(k->api->core, k->unit, &p);
    r->query.log_dir = arena_strdup(k->arena, core_config(k->api->core)->log.dir);
}

/* A unit that never wrote is no error; one that nobody knows is. */
static int read_once(struct reading *r, struct err *err)
{
    struct call *k = r->call;
    const char *next = r->cursor;
    r->query.cursor = r->cursor;
    if (output_read(&r->query, put_line, r, k->arena, &next, err) == 0) {
        r->cursor = next;
        return 0;
    }
    if (err->code != ERR_NOT_FOUND || !r->known)
        return -1;
    err_clear(err);
    return 0;
}

static int read_waiting(struct reading *r, int64_t wait_ms, struct err *err)
{
    int64_t end = clock_mono_ns() + wait_ms * NS_PER_MS;
    int rc = read_once(r, err);
    while (rc == 0 && r->n == 0 && clock_mono_ns() < end && !http_req_ended(r->call->req)) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        rc = read_once(r, err);
    }
    return rc;
}

void processes_log(struct call *k)
{
    struct reading r = {.call = k, .cursor = http_req_query(k->req, "cursor")};
    struct err err = {0};
    uint64_t lines;
    int64_t wait_ms;
    if (call_number(k, "lines", LINES_DEFAULT, LINES_MAX, &lines) != 0 ||
        call_time(k, "since", 0, &r.query.since_ms) != 0 ||
        call_duration(k, "wait", 0, WAIT_MAX_MS, &wait_ms) != 0 ||
        read_stream(k, &r.query.stream) != 0 || !readable(k, lines))
        return;
    on_core(k, prepare_on_core, &r);
    r.query.unit = k->unit;
    r.query.lines = (uint32_t)lines;
    r.query.contains = http_req_query(k->req, "contains");
    r.json = call_json(k);
    json_obj(&r.json);
    json_karr(&r.json, "items");
    if (read_waiting(&r, wait_ms, &err) != 0) {
        call_fail(k, &err);
        return;
    }
    json_end(&r.json);
    json_kstr(&r.json, "next", r.cursor);
    json_end(&r.json);
}
