/* Public status pages: what the outside may see of Belfry, served from copies so that a rush never touches the core; incidents; and
 * who is told of them. docs/status-pages.md.
 *
 *     documents "status_page", "incident" ──watch──► registry (any thread, under a lock)
 *     HTTP ──asks──► cache ──its one thread──► view (a short question to the core's loop; the series store) ──► HTML, JSON, feeds
 *     documents "status_subscriber", "status_message" ◄─► queue ──fibers on the loop──► mails, webhooks
 *
 * Functions say which thread they belong to. */
#ifndef STATUS_STATUS_H
#define STATUS_STATUS_H

#include "core/documents.h"
#include "core/figures.h"
#include "status/cache.h"
#include "status/incident.h"
#include "status/page.h"
#include "status/view.h"

#define STATUS_PAGE_KIND       "status_page"
#define STATUS_INCIDENT_KIND   "incident"
#define STATUS_SUBSCRIBER_KIND "status_subscriber"
#define STATUS_MESSAGE_KIND    "status_message"

#define STATUS_SUBSCRIBERS_MAX 5000 /* of a page */
#define STATUS_PENDING_MAX     200  /* of them unconfirmed */

struct status;
struct status_options {
    struct core *core;
    struct sse_hub *events; /* told of changes; NULL: nobody is */
    struct thread_hooks hooks;
};
struct status *status_new(const struct status_options *opt); /* on the loop */
/* Ends the renderer's thread, which may be asking the loop: from any other thread, while the loop turns. Then status_free, on the
 * loop's thread before core_free, when no more fibers run. */
void status_stop(struct status *s);
void status_free(struct status *s);                       /* NULL is fine */
void status_figures(struct status *s, struct figures *f); /* any thread */

/* --- pages and incidents: any thread. References of the caller --- */
struct status_page *status_page(struct status *s, const char *slug_or_id); /* NULL: there is none */
struct status_page *status_page_by_id(struct status *s, uint64_t id);
/* The enabled page that has this Host ("status.example.com:443") for itself. */
struct status_page *status_page_of_host(struct status *s, const char *host);
bool status_has_hosts(const struct status *s); /* whether any page has one: cheap */
/* All, in order of id; n_max at most. Returns how many. */
size_t status_pages(struct status *s, struct status_page **out, size_t n_max);
struct incident *status_incident(struct status *s, uint64_t id);
/* All, newest first. Free the array with free(), each with incident_unref. */
size_t status_incidents(struct status *s, struct incident ***out);

/* --- copies: any thread but the loop's --- */
enum status_form { STATUS_HTML, STATUS_HTML_ROOT, STATUS_JSON, STATUS_RSS, STATUS_ATOM };
/* NULL: not in time. wait_ns 0: only what there is. */
struct copy *status_copy(struct status *s, const struct status_page *p, enum status_form form,
                         bool zh, int64_t wait_ns);
bool status_copy_ready(struct status *s, const struct status_page *p, enum status_form form,
                       bool zh);

struct badge_facts {
    bool known, public; /* public: it is on an enabled page that is not private */
    char name[256];     /* as it is shown */
    char own_name[256], group[256], location[256]; /* its series' labels */
    enum view_state state;
    double latency_ms, uptime; /* NaN: unknown */
};
enum badge_window { BADGE_DAY, BADGE_WEEK, BADGE_MONTH, BADGE_YEAR };
/* False: there is no such target, or not in time. */
bool status_badge(struct status *s, uint64_t id, enum badge_window w, int64_t wait_ns,
                  struct badge_facts *out);
bool status_badge_ready(struct status *s, uint64_t id, enum badge_window w);

/* --- guards: any thread --- */
/* May this address try a password, subscribe: now? */
bool status_may_try(struct status *s, const struct addr *a);
bool status_may_subscribe(struct status *s, const struct addr *a);
/* argon2id, one at a time. -1: too many try at once. */
int status_check_password(struct status *s, const struct status_page *p, const char *password,
                          bool *good);

/* --- changes: on the loop --- */
/* Tells the subscribers of an incident's pages of an update. */
void status_announce(struct status *s, uint64_t incident, uint64_t update);
int status_incident_put(struct status *s, struct incident *i, struct waiter *w, uint64_t *id,
                        struct err *err);

/* --- subscribers: on the loop --- */
enum subscriber_type { SUBSCRIBER_MAIL, SUBSCRIBER_WEBHOOK };
struct subscriber {
    uint64_t id, page;
    enum subscriber_type type;
    char *to;
    bool zh, active;
    int64_t created_ms, confirmed_ms;
    int32_t failures;
    char *last_error; /* "" */
};
/* Adds one and has the confirmation sent; does nothing (and says nothing) when it is there. FULL, INVALID. */
int status_subscribe(struct status *s, struct status_page *p, enum subscriber_type type,
                     const char *to, bool zh, struct err *err);
/* The subscriber if the token is right for the purpose ("confirm", "leave"); NULL. */
const struct subscriber *status_subscriber(struct status *s, const struct status_page *p,
                                           uint64_t id, const char *purpose, const char *token);
int status_confirm(struct status *s, uint64_t id, struct err *err);
int status_unsubscribe(struct status *s, uint64_t id, struct waiter *w, struct err *err);
void status_subscribers_each(struct status *s, uint64_t page,
                             bool (*fn)(void *arg, const struct subscriber *sub), void *arg);
void status_subscribers_count(struct status *s, uint64_t page, uint32_t *active, uint32_t *pending);

#endif
