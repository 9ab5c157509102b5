/* A belfry.yaml in the making, of channels and groups of targets: what the importers of Gatus and Uptime Kuma share. Each target and
 * channel is checked as `belfry config check` does before it is taken, so that what is written loads, and the reason why one
 * is not taken is the configuration's own. Pure; any process. */
#ifndef CLI_IMPORT_DOC_H
#define CLI_IMPORT_DOC_H

#include "base/map.h"
#include "cli/import_priv.h"

struct import_doc {
    struct arena *arena;
    struct problems *problems;
    bool
        literal; /* texts are as they are meant: their dollar signs are doubled when written. Otherwise ${NAME} in them is
                     the environment's, and "$$" a dollar sign */
    struct node *channels, *groups;
    struct map_str *lists, *names;
};
void import_doc_init(struct import_doc *d, struct arena *a, struct problems *p, bool literal);
void import_doc_done(struct import_doc *d);

/* Adds a target (a map with name; what the group's own keys say may be absent) and returns its name, which is unique in its group
 * then. NULL: it is not taken, *err says why. */
const char *import_doc_target(struct import_doc *d, const char *group, struct node *target,
                              struct err *err);
/* Whether it would be taken. */
int import_doc_check(struct import_doc *d, const struct node *target, struct err *err);
/* The same for a channel. */
const char *import_doc_channel(struct import_doc *d, struct node *channel, struct err *err);
/* The group, made when there is none; its map may be given further keys. Groups stand in the order in which they are made; those
 * without targets are not written. */
struct node *import_doc_group(struct import_doc *d, const char *name);
/* head: the first comment, lines with #; then comes what problems tell. */
int import_doc_write(struct import_doc *d, const char *head, struct buf *yaml, struct err *err);

/* One line of sane length; `other` when nothing is left of it. And as a group may be called. */
const char *import_doc_line(struct arena *a, const char *text, size_t most, const char *other);
const char *import_doc_group_name(struct arena *a, const char *text, const char *other);
/* A label's name: letters, digits and "_"; NULL when none can be made of it. */
const char *import_doc_label(struct arena *a, const char *text);
/* The name that is registered for a host: the last two labels, three under co.uk and the like; NULL: there is none. */
const char *import_doc_domain(struct arena *a, const char *host);
/* A regular expression that finds the text as it is. */
const char *import_doc_regex(struct arena *a, const char *text);

/* Building: empty texts are left out. */
void import_doc_put(struct import_doc *d, struct node *map, const char *key, const char *text);
void import_doc_flag(struct import_doc *d, struct node *map, const char *key, bool on);
void import_doc_int(struct import_doc *d, struct node *map, const char *key, int64_t v);
void import_doc_ms(struct import_doc *d, struct node *map, const char *key, int64_t ms);
/* To the list at key, made when there is none. */
void import_doc_append(struct import_doc *d, struct node *map, const char *key, struct node *value);
/* The map at key, made when there is none. */
struct node *import_doc_section(struct import_doc *d, struct node *map, const char *key);

#endif
