/* Targets that name locations: each location ("place") is judged by itself with the target's threshold, and the target's own
 * result follows from how the places stand (alert/places.h): stored, alerted and fed to the series as any other, when
 * something changed and each interval. Each place's results become series of their own with the label `location`, at the
 * time at which they were probed.
 *
 * A target without locations, or with `local` alone, has none of this (entry->located is NULL). A result of "local" of such a
 * target is the local watcher's (ingest.c). How the places stand is stored with the target's state, in the batch that holds
 * the result it follows from, so a restart neither fires nor resolves anything by itself. On the main loop. */
#ifndef CORE_LOCATED_H
#define CORE_LOCATED_H

#include "alert/places.h"
#include "core/core_priv.h"

/* A result of e from a location; its encoded form goes to the series. Those of a location that e does not name, and of a
 * target that is paused, are dropped. What follows (the target's own result, state, alert) is in the batch when it
 * returns, so that the caller's cursor in the same batch makes it exactly once. */
void core__located_result(struct core *c, struct entry *e, const char *location,
                          const struct result *r, const void *record, size_t n);
/* The same for one that was judged and stored by an earlier life, which may have died before its series were written. */
void core__located_again(struct core *c, struct entry *e, const char *location, const void *record,
                         size_t n);

/* The registry changed: makes, renews or ends e->located. How places stand that it still names stays. */
void core__located_put(struct core *c, struct entry *e);
void core__located_del(struct core *c, struct entry *e);
int core__located_load(struct core *c, struct err *err); /* after the targets */
void core__located_again_all(struct core *c); /* into the batch: the database was begun anew */
void core__located_tick(struct core *c);      /* each second: silence, and results that are due */

/* --- among located*.c --- */
struct place {
    char *name;
    bool heard;             /* ever */
    struct target_state st; /* no alert of its own */
    char *message;          /* of its last result; NULL: none */
    void *last;             /* encoded; NULL: none in this life */
    uint32_t last_n;
    int64_t heard_ms, skew_ms; /* by our clock; its clock less ours */
    int64_t
        waits_since_ms; /* named, resumed, or Belfry began: not silent before its patience is over */
    int64_t saved_ms;
    enum place_say says; /* as the last look found it */
    bool series_told;    /* the writer of series has its labels */
};

struct located {
    uint32_t magic;
    struct core *core;
    struct entry *entry;
    struct place *places;
    uint32_t n, least;
    int64_t patience_ms; /* silent after it */
    int64_t next_ms;     /* the target's own result is due; wall clock */
};
#define LOCATED_MAGIC 0xbe1f10c0u

/* How the place stands now. */
enum place_say core__place_says(const struct located *l, const struct place *p, int64_t now_ms);
/* "has said nothing for 45s", in a; for one that is AWAITED or SILENT. */
const char *core__place_silence(const struct located *l, const struct place *p, int64_t now_ms,
                                struct arena *a);
/* Fills *r from p->says of all. false: nothing can be said. */
bool core__located_judge(const struct located *l, int64_t now_ms, struct result *r);
/* The number under which the writer of series knows the i-th place of a target. */
uint64_t core__place_key(uint64_t target_id, uint32_t i);

#endif
