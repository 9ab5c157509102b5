/* What the rest of the core asks of locations (location.h). On the main loop. */
#ifndef CORE_LOCATION_PRIV_H
#define CORE_LOCATION_PRIV_H

#include "core/core_priv.h"
#include "core/location.h"

#define LOCATION_ASK_MS 3000                /* until an agent was told, and its answer is here */
#define LOCATION_ALERT  "Belfry: location " /* and its name: alerts about silent agents */

struct figures;
struct location;

/* One that targets name, or whose agent was heard. */
struct location {
    char *name, *address, *software;
    uint64_t ring;  /* of the agent that speaks for it; 0: none was heard */
    uint64_t agent; /* its number; 0: it does not say */
    struct {
        uint64_t ring, seq;
    } former;           /* that spoke before, and what was taken of it */
    uint64_t read_seq;  /* last number taken */
    uint64_t cursor;    /* last number known to be stored, when the ring was met */
    uint64_t committed; /* last number in the database */
    uint64_t stored;    /* … and in the series */
    uint64_t series_at; /* the writer's number that makes `series_seq` stored; 0: none is awaited */
    uint64_t series_seq;
    int64_t heard_ns;           /* when it was heard, or when waiting for it began */
    int64_t heard_ms, since_ms; /* wall */
    int64_t skew_ms;
    uint64_t generation, has; /* of the assignment; what the agent has */
    bool dirty;               /* generation must be found anew */
    uint32_t targets;         /* enabled ones that name it */
    uint64_t alert;           /* open: it is silent */
    uint64_t results, replayed, dropped, waiting, refused;
    vec_of(struct core_location_check) checks;
};

struct locations {
    vec_of(struct location *) all; /* by name */
    bool dirty;                    /* which names targets use must be found anew */
};

struct locations *core__locations_new(void);
void core__locations_free(struct core *c);
/* What a target is, or whether it is there, changed. */
void core__locations_changed(struct core *c);
/* Each second: silent agents. */
void core__locations_tick(struct core *c);
/* An open alert of an earlier life. False: it is none of ours. */
bool core__location_alert_load(struct core *c, const struct alert *al);
/* Has the target probed there; the result carries the number. False: too much waits to be told already. */
bool core__location_ask(struct location *l, uint64_t request_id, uint64_t target_id);
/* Belfry's figures of them. */
void core__figures_locations(struct core *c, struct figures *f);

/* --- among location*.c --- */
struct location *core__location(struct core *c, const char *name); /* made when there is none */
struct location *core__location_known(struct core *c, const char *name);
bool core__location_connected(const struct location *l);
/* DENIED: no agent may speak for what is called so (an old token's name). */
int core__location_refuses(const char *name, struct err *err);
/* location_assign.c: of what it must probe now; never 0. */
uint64_t core__location_generation(struct core *c, struct location *l);
void core__locations_settle(struct core *c); /* all of them are there, their targets counted */

#endif
