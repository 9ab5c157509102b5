/* From a request to its handler: which route, which reader; who may ask stands in access_who.c. */
#include "api/api_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/access_priv.h"
#include "api/probe_history.h"
#include "api/prom_priv.h"
#include "base/str.h"
#include "page/page.h"

struct api *api_new(const struct api_options *opt, struct err *err)
{
    must(opt->core && opt->run_dir);
    (void)err;
    struct api *a = calloc(1, sizeof(*a));
    must(a);
    a->magic = API_MAGIC;
    a->core = opt->core;
    a->events = opt->events;
    a->run_dir = strdup(opt->run_dir);
    a->started_ms = opt->started_ms;
    a->metrics = opt->metrics;
    a->metrics_arg = opt->metrics_arg;
    a->door = door_new(a->core);
    a->status = opt->status;
    a->history = probe_history_new();
    must(a->run_dir && a->door && pthread_mutex_init(&a->lock, NULL) == 0);
    return a;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    check_magic(a, API_MAGIC);
    must(a->n_readers >= 0 && a->n_readers <= API_READERS);
    for (int i = 0; i < a->n_readers; i++)
        store_reader_close(&a->readers[i]);
    pthread_mutex_destroy(&a->lock);
    door_free(a->door);
    probe_history_free(a->history);
    free(a->run_dir);
    a->magic = 0;
    free(a);
}

void api_configure(struct api *a)
{
    check_magic(a, API_MAGIC);
    access_configure(a->door->access, core_config(a->core));
}

struct store_reader *reader_take(struct api *a, struct err *err)
{
    struct store_reader *r = NULL;
    check_magic(a, API_MAGIC);
    pthread_mutex_lock(&a->lock);
    must(a->n_readers >= 0 && a->n_readers <= API_READERS);
    if (a->n_readers > 0)
        r = a->readers[--a->n_readers];
    pthread_mutex_unlock(&a->lock);
    return r ? r : store_reader_open(core_store(a->core), err);
}

void reader_give(struct api *a, struct store_reader *r)
{
    check_magic(a, API_MAGIC);
    if (!r)
        return;
    pthread_mutex_lock(&a->lock);
    must(a->n_readers >= 0 && a->n_readers <= API_READERS);
    bool kept = a->n_readers < API_READERS;
    if (kept)
        a->readers[a->n_readers++] = r;
    pthread_mutex_unlock(&a->lock);
    if (!kept)
        store_reader_close(&r);
}

static bool nobody_waits(const void *req)
{
    return http_req_ended(req);
}

struct waiter *call_waiter(struct call *k)
{
    struct waiter *w = waiter_new();
    waiter_unless(w, nobody_waits, k->req);
    return w;
}

int call_wait(struct call *k, struct waiter *w, int64_t timeout_ms, struct buf *out)
{
    struct err err = {0};
    must(w != NULL && timeout_ms > 0);
    int rc = waiter_wait(w, timeout_ms, out, &err);
    if (rc != 0)
        call_fail(k, &err);
    return rc;
}

/* --- routing --- */

/* The parameter at the start of path, as far as the next "/". 0: it does not fit. */
static size_t take_id(struct call *k, const char *path)
{
    size_t n = strcspn(path, "/");
    bool good = n > 0 && n <= 20 && str_to_u64((struct str){path, n}, &k->id, NULL) == 0;
    return good && k->id != 0 ? n : 0;
}

static size_t take_unit(struct call *k, const char *path)
{
    size_t n = strcspn(path, "/");
    if (n == 0 || n > UNIT_NAME_MAX)
        return 0;
    k->unit = arena_strndup(k->arena, path, n);
    return n;
}

/* True, and the parameters are set, when the path fits the pattern. */
static bool fits(const char *pattern, const char *path, struct call *k)
{
    must(*pattern == '/');
    while (*pattern) {
        if (*pattern == '*') {
            k->path = path;
            return true;
        }
        if (*pattern == '{') {
            bool number = strncmp(pattern, "{id}", 4) == 0;
            size_t n = number ? take_id(k, path) : take_unit(k, path);
            if (n == 0)
                return false;
            pattern += strcspn(pattern, "}") + 1;
            path += n;
            continue;
        }
        if (*pattern++ != *path++)
            return false;
    }
    return *path == '\0';
}

static bool same_method(const char *route, const char *asked)
{
    return strcmp(route, asked) == 0 || (strcmp(route, "GET") == 0 && strcmp(asked, "HEAD") == 0);
}

/* The last of a table: for what no other one has. */
static bool takes_rest(const struct route *r)
{
    return r->handle == page_serve || r->handle == prom_unknown;
}

static const char *allowed_methods(struct call *k, const char *path)
{
    struct buf list = BUF_INIT(200);
    for (size_t t = 0; api_tables[t]; t++)
        for (const struct route *r = api_tables[t]; r->method; r++)
            if (!takes_rest(r) && fits(r->pattern, path, k))
                buf_printf(&list, "%s%s", list.len ? ", " : "", r->method);
    must(!list.failed); /* a handful of words */
    const char *text = arena_strndup(k->arena, list.data ? list.data : "", list.len);
    buf_done(&list);
    return text;
}

static const struct route *find_route(struct call *k, const char *method, const char *path)
{
    for (size_t t = 0; api_tables[t]; t++)
        for (const struct route *r = api_tables[t]; r->method; r++)
            if (same_method(r->method, method) && fits(r->pattern, path, k))
                return r;
    return NULL;
}

static void handle(struct call *k)
{
    const char *method = k->req->method, *path = k->req->path;
    if (status_site(k))
        return;
    bool known = same_method("GET", method) || strcmp(method, "POST") == 0 ||
                 strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0 ||
                 strcmp(method, "DELETE") == 0;
    const struct route *r = known ? find_route(k, method, path) : NULL;
    const char *allowed = !r || takes_rest(r) ? allowed_methods(k, path) : "";
    if (*allowed && (!r || takes_rest(r))) {
        http_resp_header(k->resp, "Allow", allowed);
        call_status(k, 405, "Method Not Allowed",
                    arena_printf(k->arena, "%s allows %s", path, allowed));
    } else if (!r) {
        call_status(k, 404, "Not Found",
                    arena_printf(k->arena, "there is nothing at %.200s", path));
    } else if (!call_refused(k, r)) {
        must(r->handle && (r->success == 0 || (r->success >= 200 && r->success < 400)));
        if (r->success)
            k->resp->status = r->success;
        r->handle(k);
    }
}

bool api_waits(void *ctx, const struct http_req *req)
{
    struct api *a = ctx;
    check_magic(a, API_MAGIC);
    must(req->arena && req->path);
    struct call k = {.api = a, .req = req, .arena = req->arena};
    bool waits;
    if (status_takes(&k, &waits))
        return waits;
    const struct route *r = find_route(&k, req->method, req->path);
    return r && (r->waits || route_changes(r)) && !prom_quick(&k, r);
}

void api_handle(void *ctx, const struct http_req *req, struct http_resp *resp)
{
    struct api *a = ctx;
    check_magic(a, API_MAGIC);
    struct call k = {
        .api = a, .req = req, .resp = resp, .arena = req->arena, .path = "", .unit = ""};
    k.who = call_who(&k);
    must(req->arena && resp->body.len == 0);
    problems_init(&k.problems, req->arena);
    buf_init(&resp->body, 512 << 20);
    http_resp_header(resp, "X-Content-Type-Options", "nosniff");
    http_resp_header(resp, "Referrer-Policy", "no-referrer");
    http_resp_header(resp, "Content-Security-Policy", PAGE_CONTENT_POLICY);
    handle(&k);
    must(resp->status == 0 || (resp->status >= 200 && resp->status < 600)); /* 0: 200 */
    problems_done(&k.problems);
    config_unref(&k.config);
}
