/* Incidents: what people say about a disturbance, and when. Read from their documents, immutable, shared by reference. An automatic
 * one holds no words of its own: its updates say which target fell or rose, and the view finds the words. Any thread; pure. */
#ifndef STATUS_INCIDENT_H
#define STATUS_INCIDENT_H

#include <stdatomic.h>

#include "config/option.h"
#include "model/target.h"

#define INCIDENTS_MAX        1000 /* the oldest resolved one makes room */
#define INCIDENT_UPDATES_MAX 200

enum incident_impact { IMPACT_MINOR, IMPACT_MAJOR, IMPACT_CRITICAL, IMPACT_MAINTENANCE };
enum incident_status {
    INCIDENT_INVESTIGATING,
    INCIDENT_IDENTIFIED,
    INCIDENT_MONITORING,
    INCIDENT_RESOLVED
};
extern const char *const incident_impacts[], *const incident_statuses[]; /* NULL-terminated */

struct incident_update {
    uint64_t id; /* 1 … within the incident */
    int64_t at_ms;
    enum incident_status status;
    const char *markdown, *by;
    uint64_t fell, rose; /* of an automatic one: the target; 0 */
};

struct incident {
    uint32_t magic;
    atomic_uint refs;
    struct arena *arena; /* NULL: somebody else's memory, as of a draft */
    uint64_t id;
    const char *title;
    enum incident_impact impact;
    enum incident_status status;
    bool automatic;
    struct id_list pages, targets;
    int64_t started_ms, resolved_ms, created_ms, updated_ms; /* resolved_ms 0: open */
    struct incident_update *updates;                         /* oldest first */
    uint32_t n_updates;
};

/* NULL when the document is none of ours. */
struct incident *incident_read(uint64_t id, const struct node *doc);
struct incident *incident_ref(struct incident *i);
void incident_unref(struct incident *i); /* NULL is fine */
void incident_document(const struct incident *i, struct buf *out);
bool incident_on(const struct incident *i, uint64_t page);

/* Adds an update (strings are borrowed) in a; the incident's status and times follow. u->id is given. -1: there are too many. */
int incident_add(struct incident *i, struct incident_update *u, struct arena *a, struct err *err);
/* After updates or the status changed: resolved_ms. */
void incident_settle(struct incident *i, int64_t now_ms);

#endif
