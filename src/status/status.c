/* The registry of pages and incidents, fed by their documents, and what is asked of it; the clock of the folder. */
#include "status/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "status/status_priv.h"

#define FRESH_NS      (3 * NS_PER_S)
#define STALE_NS      (30 * NS_PER_S)
#define TICK_NS       NS_PER_S
#define TRIES         10
#define TRIES_NS      (300 * NS_PER_S)
#define SUBSCRIBES    10
#define SUBSCRIBES_NS (3600 * NS_PER_S)
#define CHECKS_MAX    2

static void changed(struct status *s)
{
    atomic_fetch_add(&s->generation, 1);
    cache_expire(s->cache);
}

static void publish(struct status *s, const char *event, uint64_t id)
{
    char text[40];
    if (!s->events)
        return;
    int n = snprintf(text, sizeof(text), "{\"id\":%llu}", (unsigned long long)id);
    sse_publish(s->events, event, text, (size_t)n);
}

/* --- documents → registry; on the loop --- */

static struct status_page *read_page(const struct core_document *d)
{
    struct arena *a = arena_new();
    struct problems p;
    struct err err = {0};
    struct status_page *page = NULL;
    problems_init(&p, a);
    struct node *doc = node_from_json(a, d->json, strlen(d->json), &err);
    if (doc)
        page = page_parse(d->id, doc, &p);
    if (!page)
        log_error("a status page's document cannot be read; the page is not shown",
                  F_INT("id", d->id), F_STR("problem", p.list.n ? p.list.at[0].message : err.msg));
    problems_done(&p);
    arena_free(a);
    return page;
}

static void count_hosts(struct status *s)
{
    int n = 0;
    vec_each (&s->pages, it)
        n += (*it)->domain[0] && (*it)->f.enabled;
    atomic_store(&s->hosts, n);
}

/* Puts, replaces, or (page NULL) removes. */
static void keep_page(struct status *s, uint64_t id, struct status_page *page)
{
    size_t i = 0;
    struct status_page *old = NULL;
    pthread_rwlock_wrlock(&s->lock);
    while (i < s->pages.n && s->pages.at[i]->id < id)
        i++;
    if (i < s->pages.n && s->pages.at[i]->id == id) {
        old = s->pages.at[i];
        memmove(&s->pages.at[i], &s->pages.at[i + 1], (--s->pages.n - i) * sizeof(s->pages.at[0]));
    }
    if (page) {
        vec_push(&s->pages, page);
        memmove(&s->pages.at[i + 1], &s->pages.at[i],
                (s->pages.n - 1 - i) * sizeof(s->pages.at[0]));
        s->pages.at[i] = page;
    }
    must(i == 0 || s->pages.at[i - 1]->id < id); /* by id, each once */
    count_hosts(s);
    pthread_rwlock_unlock(&s->lock);
    page_unref(old);
}

static void on_page(void *arg, const struct core_document *d)
{
    struct status *s = arg;
    check_magic(s, STATUS_MAGIC);
    keep_page(s, d->id, d->json ? read_page(d) : NULL);
    changed(s);
    publish(s, "status_page", d->id);
}

static struct incident *read_incident(const struct core_document *d)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct node *doc = node_from_json(a, d->json, strlen(d->json), &err);
    struct incident *i = incident_read(d->id, doc);
    if (!i)
        log_error("an incident's document cannot be read; it is not shown", F_INT("id", d->id),
                  F_STR("problem", err.msg));
    arena_free(a);
    return i;
}

static void keep_incident(struct status *s, uint64_t id, struct incident *incident)
{
    size_t i = 0;
    struct incident *old = NULL;
    pthread_rwlock_wrlock(&s->lock);
    while (i < s->incidents.n && s->incidents.at[i]->id < id)
        i++;
    if (i < s->incidents.n && s->incidents.at[i]->id == id) {
        old = s->incidents.at[i];
        memmove(&s->incidents.at[i], &s->incidents.at[i + 1],
                (--s->incidents.n - i) * sizeof(s->incidents.at[0]));
    }
    if (incident) {
        vec_push(&s->incidents, incident);
        memmove(&s->incidents.at[i + 1], &s->incidents.at[i],
                (s->incidents.n - 1 - i) * sizeof(s->incidents.at[0]));
        s->incidents.at[i] = incident;
    }
    must(i == 0 || s->incidents.at[i - 1]->id < id);
    pthread_rwlock_unlock(&s->lock);
    incident_unref(old);
}

static void on_incident(void *arg, const struct core_document *d)
{
    struct status *s = arg;
    check_magic(s, STATUS_MAGIC);
    keep_incident(s, d->id, d->json ? read_incident(d) : NULL);
    changed(s);
    publish(s, "incident", d->id);
}

/* --- life --- */

static void on_tick(struct timer *t)
{
    struct status *s = container_of(t, struct status, tick);
    check_magic(s, STATUS_MAGIC);
    int64_t now = clock_wall_ms();
    s->ticks++;
    status__queue_tick(s, now);
    if (s->ticks % 3 == 0)
        status__auto_tick(s, now);
    timer_start(core_loop(s->core), t, clock_mono_ns() + TICK_NS, on_tick);
}

struct status *status_new(const struct status_options *opt)
{
    struct status *s = calloc(1, sizeof(*s));
    must(s && opt->core);
    s->magic = STATUS_MAGIC;
    s->core = opt->core;
    s->events = opt->events;
    pthread_rwlock_init(&s->lock, NULL);
    pthread_mutex_init(&s->guard, NULL);
    s->tries = limiter_new(TRIES, TRIES_NS);
    s->subscriptions = limiter_new(SUBSCRIBES, SUBSCRIBES_NS);
    s->pasts = pasts_new();
    s->cache = cache_new(&(struct cache_config){.make = status__make,
                                                .idle = status__idle,
                                                .arg = s,
                                                .fresh_ns = FRESH_NS,
                                                .stale_ns = STALE_NS,
                                                .hooks = opt->hooks});
    core_documents_watch(s->core, STATUS_PAGE_KIND, on_page, s);
    core_documents_watch(s->core, STATUS_INCIDENT_KIND, on_incident, s);
    s->queue = status__queue_new(s);
    timer_start(core_loop(s->core), &s->tick, clock_mono_ns() + TICK_NS, on_tick);
    return s;
}

void status_stop(struct status *s)
{
    check_magic(s, STATUS_MAGIC);
    cache_stop(s->cache);
}

void status_free(struct status *s)
{
    if (!s)
        return;
    check_magic(s, STATUS_MAGIC);
    timer_stop(&s->tick);
    status__queue_stop(s);
    cache_free(s->cache);
    status__queue_free(s->queue);
    view_free(s->view);
    pasts_free(s->pasts);
    limiter_free(s->tries);
    limiter_free(s->subscriptions);
    vec_each (&s->pages, it)
        page_unref(*it);
    vec_each (&s->incidents, it)
        incident_unref(*it);
    vec_done(&s->pages);
    vec_done(&s->incidents);
    pthread_rwlock_destroy(&s->lock);
    pthread_mutex_destroy(&s->guard);
    s->magic = 0;
    free(s);
}

void status_figures(struct status *s, struct figures *f)
{
    struct cache_stats st = cache_stats(s->cache);
    check_magic(s, STATUS_MAGIC);
    figure_add(f, "belfry_status_renders_total", "counter",
               "Status pages, feeds and badges that were made.", (double)st.made);
    figure_add(f, "belfry_status_answers_total", "counter", "Those that were given out.",
               (double)st.given);
    figure_add(f, "belfry_status_cache_bytes", "gauge", "Memory of the copies kept.",
               (double)st.bytes);
    figure_add(f, "belfry_status_mails_total", "counter", "Mails to subscribers that were taken.",
               (double)atomic_load(&s->mails_sent));
    figure_add(f, "belfry_status_webhooks_total", "counter",
               "Messages to webhooks of subscribers that were taken.",
               (double)atomic_load(&s->hooks_sent));
    figure_add(f, "belfry_status_failures_total", "counter",
               "Messages to subscribers that were given up.", (double)atomic_load(&s->failed));
}

/* --- questions: any thread --- */

static bool is_called(const struct status_page *p, const char *name, uint64_t id)
{
    return id ? p->id == id : strcmp(p->f.slug, name) == 0;
}

struct status_page *status_page(struct status *s, const char *name)
{
    check_magic(s, STATUS_MAGIC);
    uint64_t id = 0;
    struct status_page *found = NULL;
    if (str_to_u64(str_of(name), &id, NULL) != 0)
        id = 0;
    pthread_rwlock_rdlock(&s->lock);
    vec_each (&s->pages, it)
        if (!found && is_called(*it, name, id))
            found = page_ref(*it);
    pthread_rwlock_unlock(&s->lock);
    return found;
}

struct status_page *status_page_by_id(struct status *s, uint64_t id)
{
    check_magic(s, STATUS_MAGIC);
    struct status_page *found = NULL;
    pthread_rwlock_rdlock(&s->lock);
    vec_each (&s->pages, it)
        if ((*it)->id == id)
            found = page_ref(*it);
    pthread_rwlock_unlock(&s->lock);
    return found;
}

bool status_has_hosts(const struct status *s)
{
    return atomic_load(&s->hosts) > 0;
}

struct status_page *status_page_of_host(struct status *s, const char *host)
{
    check_magic(s, STATUS_MAGIC);
    size_t n = strcspn(host, ":");
    struct status_page *found = NULL;
    pthread_rwlock_rdlock(&s->lock);
    vec_each (&s->pages, it)
        if (!found && (*it)->f.enabled && n > 0 && strlen((*it)->domain) == n &&
            strncasecmp((*it)->domain, host, n) == 0)
            found = page_ref(*it);
    pthread_rwlock_unlock(&s->lock);
    return found;
}

size_t status_pages(struct status *s, struct status_page **out, size_t n_max)
{
    check_magic(s, STATUS_MAGIC);
    size_t n = 0;
    pthread_rwlock_rdlock(&s->lock);
    vec_each (&s->pages, it)
        if (n < n_max)
            out[n++] = page_ref(*it);
    pthread_rwlock_unlock(&s->lock);
    return n;
}

struct incident *status_incident(struct status *s, uint64_t id)
{
    check_magic(s, STATUS_MAGIC);
    struct incident *found = NULL;
    pthread_rwlock_rdlock(&s->lock);
    vec_each (&s->incidents, it)
        if ((*it)->id == id)
            found = incident_ref(*it);
    pthread_rwlock_unlock(&s->lock);
    return found;
}

static int newest_first(const void *a, const void *b)
{
    const struct incident *x = *(struct incident *const *)a, *y = *(struct incident *const *)b;
    if (x->started_ms != y->started_ms)
        return x->started_ms < y->started_ms ? 1 : -1;
    return (x->id < y->id) - (x->id > y->id);
}

size_t status_incidents(struct status *s, struct incident ***out)
{
    check_magic(s, STATUS_MAGIC);
    pthread_rwlock_rdlock(&s->lock);
    size_t n = s->incidents.n;
    *out = calloc(n + 1, sizeof(**out));
    must(*out);
    for (size_t i = 0; i < n; i++)
        (*out)[i] = incident_ref(s->incidents.at[i]);
    pthread_rwlock_unlock(&s->lock);
    qsort(*out, n, sizeof(**out), newest_first);
    return n;
}

/* --- guards --- */

static bool take(struct status *s, struct limiter *l, const struct addr *a)
{
    pthread_mutex_lock(&s->guard);
    bool may = limiter_take(l, a, clock_mono_ns());
    pthread_mutex_unlock(&s->guard);
    return may;
}

bool status_may_try(struct status *s, const struct addr *a)
{
    return take(s, s->tries, a);
}

bool status_may_subscribe(struct status *s, const struct addr *a)
{
    return take(s, s->subscriptions, a);
}

int status_check_password(struct status *s, const struct status_page *p, const char *password,
                          bool *good)
{
    check_magic(s, STATUS_MAGIC);
    pthread_mutex_lock(&s->guard);
    bool crowded = s->checking >= CHECKS_MAX;
    s->checking += !crowded;
    pthread_mutex_unlock(&s->guard);
    if (crowded)
        return -1;
    *good = password_good(p->password_hash, password);
    pthread_mutex_lock(&s->guard);
    must(s->checking > 0);
    s->checking--;
    pthread_mutex_unlock(&s->guard);
    return 0;
}

/* --- changes --- */

static uint64_t oldest_resolved(struct status *s)
{
    uint64_t id = 0;
    int64_t at = INT64_MAX;
    vec_each (&s->incidents, it)
        if ((*it)->status == INCIDENT_RESOLVED && (*it)->resolved_ms < at) {
            at = (*it)->resolved_ms;
            id = (*it)->id;
        }
    return id;
}

int status_incident_put(struct status *s, struct incident *i, struct waiter *w, uint64_t *id,
                        struct err *err)
{
    check_magic(s, STATUS_MAGIC);
    struct buf json = BUF_INIT(1 << 20);
    uint64_t old = *id == 0 && s->incidents.n >= INCIDENTS_MAX ? oldest_resolved(s) : 0;
    int rc = -1;
    incident_document(i, &json);
    if (*id == 0 && s->incidents.n >= INCIDENTS_MAX && !old)
        err_set(err, ERR_FULL, "there are %d open incidents; want no more", INCIDENTS_MAX);
    else if (json.failed)
        err_set(err, ERR_TOO_LARGE, "the incident is over 1 MiB");
    else
        rc = core_document_put(s->core, STATUS_INCIDENT_KIND, id, json.data, w, err);
    if (rc == 0 && old)
        core_document_del(s->core, STATUS_INCIDENT_KIND, old, NULL, NULL);
    buf_done(&json);
    return rc;
}
