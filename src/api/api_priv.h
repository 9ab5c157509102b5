/* Inside of the API: one request, the routing table, and what handlers share. A route that `waits` has a worker of the HTTP
 * server to itself; the others share its few threads and must be quick. Only the small functions given to on_core() run on
 * the core's loop. */
#ifndef API_API_PRIV_H
#define API_API_PRIV_H

#include <pthread.h>

#include "access/access.h"
#include "api/api.h"
#include "api/probe.h"
#include "base/json.h"
#include "config/option.h"
#include "core/process.h"
#include "core/resources.h"
#include "store/store.h"

#define API_READERS        8
#define API_LIST_LIMIT     100
#define API_LIST_LIMIT_MAX 1000
#define API_COMMIT_WAIT_MS 10000

struct api {
    uint32_t magic;
    struct core *core;
    struct sse_hub *events;
    char *run_dir;
    int64_t started_ms;
    void (*metrics)(void *arg, struct api_metrics *out);
    void *metrics_arg;
    pthread_mutex_t lock; /* guards readers, n_readers */
    struct store_reader *readers[API_READERS];
    int n_readers;
    struct door *door;     /* access_priv.h */
    struct status *status; /* NULL: there are no status pages */
    struct probe_gate gate;
    struct probe_history *history;
};
#define API_MAGIC 0xbe1f0a91u

/* One request being answered. */
struct call {
    struct api *api;
    const struct http_req *req;
    struct http_resp *resp;
    struct arena *arena;
    const char *path; /* tail of a route that ends in "*" */
    uint64_t id;      /* of "{id}" */
    const char *unit; /* of "{unit}": a text */
    const struct principal *who;
    struct config *config; /* ask call_config() */
    const char *address;   /* ask call_address() */
    bool bad_token;        /* it came with one that is not good */
    struct problems problems;
};

/* What a caller must be allowed to. OPEN: nothing; SELF: to be signed in with an account; ADMIN: what gives power over Belfry itself
 * or its machine; AGENT: to have a location's token, which is good for nothing else. READ, WRITE, ADMIN: to be viewer, editor, admin. */
enum route_scope { SCOPE_READ, SCOPE_WRITE, SCOPE_ADMIN, SCOPE_OPEN, SCOPE_SELF, SCOPE_AGENT };

struct route {
    const char *method;
    const char *pattern; /* "/api/v1/targets/{id}/results"; a last "*" takes the rest */
    void (*handle)(struct call *k);
    const struct option *body; /* option table of the request's document; NULL: none */
    const char *tag;           /* of the OpenAPI document; NULL: not in it */
    struct text2 summary;
    int success; /* status of success; 0: 200 */
    enum route_scope scope;
    const char *query; /* names of query parameters, space-separated */
    bool waits; /* it reads the store or waits for something; what changes always does (a commit) */
    bool
        by_group; /* the handler itself looks at groups (call_may); the role in some group lets in */
    const char *answer; /* the answer's schema in the OpenAPI document; NULL: an object */
};
/* Tables ended by method NULL; the list is ended by NULL. Searched in this order. */
extern const struct route *const api_tables[];
extern const struct route api_routes[];
extern const struct route access_routes[];
extern const struct route alert_routes[];
extern const struct route audit_routes[];
extern const struct route status_routes[];
extern const struct route config_routes[];
extern const struct route upkeep_routes[];
extern const struct route apply_routes[];
extern const struct route agent_routes[];

/* --- who may (access_who.c) --- */
const struct principal *call_who(struct call *k);
enum verdict { VERDICT_MAY, VERDICT_WHO, VERDICT_MAY_NOT }; /* WHO: 401 */
enum verdict route_verdict(const struct principal *p, const struct route *r);
/* Answers 401 or 403, also to changes from another site; then true. */
bool call_refused(struct call *k, const struct route *r);
bool route_changes(const struct route *r);
/* Where the request comes from: the peer's address without port, or what a trusted proxy says of its; "unix". */
const char *call_address(struct call *k);
/* May the caller do that in the group? NULL: of what belongs to none. False: 403 was answered. */
bool call_may(struct call *k, enum role least, const char *group);

/* The groups that the caller may see (target_list.c), ended by NULL; NULL: all. hidden: those that it may not. */
struct seen_groups {
    const char *const *groups;
    bool hidden;
};
struct seen_groups call_groups(const struct call *k);

/* --- public status pages (status_public.c) --- */
/* Answers what is asked of a host that a status page has for itself; false: it is none, or the routes know the address. */
bool status_site(struct call *k);
/* Is the request for a status page or a badge? Then *waits says whether there is no copy yet to answer it from. */
bool status_takes(struct call *k, bool *waits);

/* --- answering --- */
void call_fail(struct call *k, const struct err *err); /* problem+json with k->problems' fields */
void call_fail_code(struct call *k, enum err_code code, const char *fmt, ...) printf_like(3, 4);
void call_status(struct call *k, int status, const char *title,
                 const char *detail);  /* other statuses */
struct json call_json(struct call *k); /* starts the answer's document */
/* Ends "items" and adds "total" and "next", the cursor of the next page; 0: there is none. The document stays open. */
void list_end(struct json *j, uint64_t total, uint64_t next);

/* A list that is answered whole. */
struct whole_list {
    struct call *call;
    struct json json; /* in "items" */
    uint64_t n;       /* how many were written */
};
/* fill runs on the core's loop: it writes the items and counts them. */
void list_whole(struct call *k, void (*fill)(struct whole_list *l));

/* --- asking --- */
/* The request's JSON document, a map. NULL: answered already (415, 400). An empty body is an empty map. */
struct node *call_body(struct call *k);
/* A query parameter as number; `absent` when it is not there. -1: answered already. */
int call_number(struct call *k, const char *name, uint64_t absent, uint64_t max, uint64_t *out);
/* A duration ("30s"), or a bare number of seconds. */
int call_duration(struct call *k, const char *name, int64_t absent, int64_t max_ms, int64_t *out);
/* RFC 3339 or Unix seconds; `absent` when it is not there. */
int call_time(struct call *k, const char *name, int64_t absent, int64_t *out);

/* --- core and store --- */
/* Runs fn on the core's loop, in the name of who asks (core/audit.h), and waits for its end. fn may use k freely. */
void on_core(struct call *k, void (*fn)(void *arg), void *arg);
struct store_reader *reader_take(struct api *a, struct err *err);
void reader_give(struct api *a, struct store_reader *r);
/* A waiter that also ends when nobody waits for the answer of k any more. */
struct waiter *call_waiter(struct call *k);
/* Waits for a commit or an answer; on failure the problem is answered and -1 returned. out may be NULL. */
int call_wait(struct call *k, struct waiter *w, int64_t timeout_ms, struct buf *out);

/* --- changing: what a request does to the core's state (change.c) --- */

/* What the audit log says of changes of one kind of objects: one constant a kind. */
struct audited {
    const char *kind; /* "target" */
    /* On the loop: writes the object that k->id or k->unit names, as it is now and with its secrets masked, and its name.
     * false: there is none (k->id 0: not yet). NULL: there is nothing to show. */
    bool (*show)(struct call *k, struct json *j, const char **name);
    const char *live;   /* keys that change by themselves, left out: "status updated_at" */
    const char *action; /* NULL: "create", "update" or "delete", by what there was and is */
};

struct change {
    struct call *call;
    const struct audited *of; /* NULL: the log says only which request it was */
    const struct node *doc;   /* NULL: none */
    struct waiter *waiter;    /* done at the commit */
    struct err err;
    int rc;
    bool enabled; /* what change_only_enables() found */
};
/* Runs fn(c) on the core's loop, adds to the audit log in the same batch, then waits for the commit. False: the failure was
 * answered. */
bool change_commit(struct change *c, void (*fn)(void *arg));
/* Is the document {"enabled":…} alone? That is allowed for what stands in the file, too. */
bool change_only_enables(struct change *c);
/* After a change: answers with the object call->id as get shows it, under the change's own status; a new one with its place
 * in the collection ("/api/v1/targets"). get may find it removed again. */
void change_show(struct call *k, void (*get)(struct call *k), const char *collection);
/* What all that can be created, replaced and patched share: put or, when the body is {"enabled":…} alone, enable; then
 * change_show(). */
struct putting {
    const struct audited *of;
    void (*put)(void *change);    /* on the loop; sets call->id */
    void (*enable)(void *change); /* the same; NULL: such a body is put, too */
    void (*get)(struct call *k);
    const char *collection;
};
void change_put(struct call *k, const struct putting *how);
/* For what changes no object (a login, a start of a program): an entry in the audit log. actor and origin NULL: who asks. */
void call_audit(struct call *k, const struct audit_entry *e);

/* --- handlers, by file --- */
void targets_list(struct call *k);
void targets_facets(struct call *k);
void targets_recent(struct call *k);
void targets_put(struct call *k); /* create, replace, patch */
void targets_get(struct call *k);
void targets_delete(struct call *k);
void targets_check(struct call *k);
void targets_try(struct call *k);
void targets_results(struct call *k);
void targets_graph(struct call *k);
void groups_list(struct call *k);
void probers_list(struct call *k);
void functions_list(struct call *k);
void channels_list(struct call *k);
void channels_types(struct call *k);
void channels_put(struct call *k); /* create, replace, patch */
void channels_get(struct call *k);
void channels_delete(struct call *k);
void channels_test(struct call *k);
void channels_test_draft(struct call *k);
void channels_deliveries(struct call *k);
void channels_preview(struct call *k);
void processes_list(struct call *k);
void processes_options(struct call *k);
void processes_create(struct call *k);
void processes_get(struct call *k);
void processes_replace(struct call *k);
void processes_patch(struct call *k);
void processes_delete(struct call *k);
void processes_start(struct call *k);
void processes_stop(struct call *k);
void processes_restart(struct call *k);
void processes_reset(struct call *k);
void processes_enable(struct call *k);
void processes_disable(struct call *k);
void processes_signal(struct call *k);
void processes_start_many(struct call *k);
void processes_stop_many(struct call *k);
void processes_restart_many(struct call *k);
void processes_history(struct call *k);
void processes_log(struct call *k);
void processes_status(struct call *k);
void proxy_monitor_status(struct call *k);
void belfry_upgrade(struct call *k);
void nodes_list(struct call *k);
void agent_results(struct call *k);
void agent_assignment(struct call *k);
void locations_list(struct call *k);
void events_stream(struct call *k);
void openapi_document(struct call *k);
void metrics_text(struct call *k);
void health_all(struct call *k);
void health_ready(struct call *k);
void health_live(struct call *k);
void admin_healthy(struct call *k);
void admin_ready(struct call *k);
void admin_reload(struct call *k);
void page_serve(struct call *k);

/* --- documents (target_doc.c, channel_doc.c) --- */
extern const struct option target_doc_options[];
extern const struct option channel_doc_options[];
extern const struct option try_doc_options[];
extern const struct option process_many_options[];
extern const struct option process_signal_options[];
/* Binds a document to a target; *config is its prober configuration. old: masks and what is absent come from it
 * (PATCH); NULL for a new one. Strings borrow from the arena. -1: problems were added. */
int target_from_doc(struct call *k, const struct node *doc, const struct core_target *old,
                    struct target *out, struct node **config);
int channel_from_doc(struct call *k, const struct node *doc, const struct channel *old,
                     struct channel *out);

/* RFC 7396, of all depths: null stands for "remove", the rest replaces. Then the nulls are taken out. */
void doc_merge(struct node *into, const struct node *patch, struct arena *a);
struct node *doc_without_nulls(const struct node *map, struct arena *a);

#endif
