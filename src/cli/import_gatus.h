/* Gatus' configuration on its way to a belfry.yaml: what the import_gatus*.c files share. import_gatus.c reads and merges the
 * files and takes their sections in turn: import_gatus_alerting.c (providers and the alerts of an endpoint),
 * import_gatus_endpoint.c, import_gatus_client.c and import_gatus_expect.c (endpoints, their clients, their conditions),
 * import_gatus_suite.c (suites, external endpoints).
 *
 * Gatus puts the environment into the text before it reads it: $NAME and ${NAME} become Belfry's ${NAME}, "$$" stays. What
 * has to be understood here (durations, numbers, addresses) is read with the environment of whoever imports. */
#ifndef CLI_IMPORT_GATUS_H
#define CLI_IMPORT_GATUS_H

#include "cli/import_doc.h"

struct gatus {
    struct arena *arena;
    struct problems *problems;
    struct import_doc doc;
    const struct node *root;     /* all files merged */
    const struct node *alerting; /* its providers; NULL */
    struct map_str *channels;    /* "slack" or "slack\nGROUP" → its channel's name */
    bool resolved_told, reminder_told;
};

/* --- reading (import_gatus.c) --- */

/* As Belfry writes it, with references to the environment; NULL when absent, "" for an empty one. */
const char *gatus_text(struct gatus *g, const struct node *map, const char *key);
const char *gatus_text_of(struct gatus *g, const struct node *n);
/* With the environment filled in; a variable that is not set is told and makes it NULL. */
const char *gatus_plain(struct gatus *g, const struct node *map, const char *key);
bool gatus_flag(struct gatus *g, const struct node *map, const char *key, bool absent);
int64_t gatus_number(struct gatus *g, const struct node *map, const char *key, int64_t absent);
int64_t gatus_ms(struct gatus *g, const struct node *map, const char *key, int64_t absent);
/* The items of a list (or the one text as if it were a list of one). */
const struct node *gatus_items(const struct node *map, const char *key);
/* "endpoint \"shop\": what": not carried over, with its place. */
void gatus_tell(struct gatus *g, const struct node *at, const char *what, const char *name,
                const char *fmt, ...) printf_like(5, 6);
/* Names keys of map that are in none of the two lists, and, with its reason, those of `why`. Both end with NULL. */
struct gatus_reason {
    const char *key, *why;
};
void gatus_tell_keys(struct gatus *g, const struct node *map, const char *what, const char *name,
                     const char *const *known, const struct gatus_reason *why);
/* {a: b} as texts, into section `to`. */
void gatus_map(struct gatus *g, const struct node *from, const char *key, struct node *to,
               const char *as);

/* --- alerting --- */

void gatus_alerting(struct gatus *g);
/* channels and threshold of a target. */
void gatus_alerts(struct gatus *g, const struct node *endpoint, const char *group,
                  struct node *target);

/* --- endpoints --- */

#define GATUS_GROUP "gatus" /* of endpoints without one */

const char *gatus_group_of(struct gatus *g, const struct node *endpoint);
void gatus_endpoint(struct gatus *g, const struct node *endpoint);
/* name, enabled, labels, alerts. */
struct node *gatus_target(struct gatus *g, const struct node *endpoint, const char *name,
                          const char *group, const char *type);
/* interval, timeout as far as they are not the group's. */
void gatus_timing(struct gatus *g, const struct node *endpoint, struct node *target,
                  int64_t interval_ms, int64_t timeout_ms);
/* Adds it, or tells why not. */
bool gatus_add(struct gatus *g, const struct node *at, const char *group, struct node *target,
               const char *what, const char *name);
/* A body, in GraphQL's envelope when the endpoint says so. */
const char *gatus_body(struct gatus *g, const struct node *endpoint);

/* --- client --- */

/* client: of an endpoint whose prober is `type` into config. */
void gatus_client(struct gatus *g, const struct node *endpoint, const char *name, const char *type,
                  struct node *config);
int64_t gatus_timeout(struct gatus *g, const struct node *endpoint);

/* --- conditions --- */

/* The conditions of an endpoint whose prober is `type`, into config.expect: as they are where the prober has them, else by its
 * own options. Those that have no counterpart are told. [CONNECTED] == false inverts the target. */
void gatus_expect(struct gatus *g, const struct node *endpoint, const char *name, const char *type,
                  struct node *target);
/* [DOMAIN_EXPIRATION] > 720h: in ms; 0: there is no such condition. */
int64_t gatus_domain_ms(struct gatus *g, const struct node *endpoint);
/* Of a step of a transaction: as they are. */
void gatus_http_conditions(struct gatus *g, const struct node *endpoint, struct node *config);

/* --- suites and external endpoints --- */

void gatus_suite(struct gatus *g, const struct node *suite);
void gatus_external(struct gatus *g, const struct node *endpoint);

#endif
