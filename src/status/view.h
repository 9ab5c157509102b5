/* What a page shows at one moment: the states of its targets, their past, incidents and planned maintenance. Gathered by the renderer's
 * thread, which asks the core's loop one short question; plain data that any renderer may read afterwards. */
#ifndef STATUS_VIEW_H
#define STATUS_VIEW_H

#include "core/core.h"
#include "core/history.h"
#include "status/incident.h"
#include "status/page.h"

/* Worst first. X(NAME, "json") */
#define VIEW_STATES(X)            \
    X(DOWN, "down")               \
    X(DEGRADED, "degraded")       \
    X(MAINTENANCE, "maintenance") \
    X(UP, "up")                   \
    X(PAUSED, "paused")           \
    X(UNKNOWN, "unknown")
enum view_state {
#define X(name, text) VIEW_##name,
    VIEW_STATES(X)
#undef X
        N_VIEW_STATES
};
const char *view_state_name(enum view_state s);

/* The past of a target: element 0 is the first day, the last is today. */
struct past {
    uint32_t n;
    float up[180];   /* share of the day; NaN: nothing known */
    float down[180]; /* minutes */
    double uptime;   /* of all */
};

struct view_target {
    uint64_t id;
    const char *name;             /* as it is shown */
    struct history_target series; /* its labels: never shown */
    enum view_state state;
    int64_t since_ms;
    double latency_ms;       /* NaN: none */
    const struct past *past; /* in the view's arena; NULL: none */
};

struct view_section {
    const char *title; /* "": the first, without a heading */
    struct view_target *at;
    uint32_t n;
    enum view_state state; /* the worst */
};

struct view_window {
    const char *title;
    int64_t starts_ms, ends_ms; /* 0: open */
    bool active;
    const char **names; /* of targets on the page */
    uint32_t n_names;
};

#define VIEW_WINDOWS_MAX   20
#define VIEW_WINDOWS_AHEAD INT64_C(30 * 86400000)
#define VIEW_PAST_MS       INT64_C(14 * 86400000)

struct view {
    struct arena *arena;
    struct status_page *page;
    int64_t now_ms;
    const char *site; /* server.public_url without a slash at its end; "" */
    struct view_section *sections;
    uint32_t n_sections;
    uint32_t n_targets, not_shown;
    struct view_window *windows;
    uint32_t n_windows;
    struct incident *
        *incidents; /* newest first: open ones, and those of the last year for the feeds */
    uint32_t n_incidents;
    enum view_state state; /* the worst of all */
    bool outage;           /* all or a critical incident */
};

/* Any thread but the core's loop. Takes over the references of `incidents` (those of the page). */
struct view *view_new(struct core *core, struct status_page *page, struct incident **incidents,
                      uint32_t n_incidents, int64_t now_ms);
void view_free(struct view *v); /* NULL is fine */

const struct view_target *view_find(const struct view *v, uint64_t id);
/* "https://status.example.com", "https://monitor.example.com/status/main", or "": nobody said where it is. */
const char *view_url(const struct view *v, struct arena *a);
const char *page_url(const struct status_page *p, const char *site, struct arena *a);

/* An incident's title in a language: an automatic one's is made of names. In a. */
const char *view_incident_title(const struct view *v, const struct incident *i, bool zh,
                                struct arena *a);

/* Pasts of targets, remembered for a minute; of one thread. */
struct pasts;
struct pasts *pasts_new(void);
void pasts_free(struct pasts *p);
void pasts_fill(struct pasts *p, struct view *v, struct tsdb *db);
/* Drops what nobody asked for lately. */
void pasts_sweep(struct pasts *p, int64_t now_ms);

enum view_state view_state_of(const struct core_target *t);

#endif
