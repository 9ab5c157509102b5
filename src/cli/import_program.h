/* Programs of another supervisor on their way to `processes.units`: the importers of supervisord, systemd and Monit fill
 * them in, import_programs_write makes the fragment of belfry.yaml. What Belfry refuses is found by loading the fragment:
 * it is left out and told, so that what is printed always loads. Any process. */
#ifndef CLI_IMPORT_PROGRAM_H
#define CLI_IMPORT_PROGRAM_H

#include "cli/import_priv.h"

#define IMPORT_UNITS_MAX 2000 /* more is an error at the end */

struct import_unit {
    struct node *doc;  /* as `processes.units` takes it */
    struct str origin; /* what it was called where it comes from */
    const char *file;  /* where it stood there */
    uint32_t line;
    vec_of(const char *) notes; /* become comments */
};
struct import_programs {
    struct arena *arena;
    struct problems *problems;
    vec_of(struct import_unit *) units;
    struct import_unit whole; /* its notes are about the whole file; doc NULL */
    struct node *monitor;     /* `processes.monitor`: enable is true */
    struct node *targets;     /* what was watched and is no program: targets of one group */
    struct map_str *ids;      /* those taken */
};
void import_programs_init(struct import_programs *ps, struct arena *a, struct problems *p);
void import_programs_done(struct import_programs *ps);

/* A unit whose id is like `origin`, made unique and of the letters that ids may have. `several`: with %i at its end. */
struct import_unit *import_unit_add(struct import_programs *ps, struct str origin, bool several,
                                    const struct node *at);
struct import_unit *import_unit_find(const struct import_programs *ps, struct str origin);
const char *import_unit_id(const struct import_unit *u);

/* Key may be "section.key". Texts are cleaned of control characters, and their dollar signs doubled. Empty ones set
 * nothing. */
void import_set(struct import_programs *ps, struct import_unit *u, const char *key,
                struct node *value);
void import_set_text(struct import_programs *ps, struct import_unit *u, const char *key,
                     struct str value);
void import_drop(struct import_programs *ps, struct import_unit *u, const char *key);
/* A text as a node; NULL when it is empty. */
struct node *import_text(struct import_programs *ps, struct str s);
/* "5m", from seconds; nothing when seconds is negative or no number. */
void import_set_seconds(struct import_programs *ps, struct import_unit *u, const char *key,
                        double seconds);
/* To a list of texts; an empty one counts. */
void import_append(struct import_programs *ps, struct import_unit *u, const char *key,
                   struct str value);
void import_append_int(struct import_programs *ps, struct import_unit *u, const char *key,
                       int64_t value);

/* Tells what was changed or left out, as a comment above the unit (u NULL: at the top) and in problems. */
void import_note(struct import_programs *ps, struct import_unit *u, const struct node *at,
                 const char *fmt, ...) printf_like(4, 5);

/* head: the first comment, lines with #. */
int import_programs_write(struct import_programs *ps, const char *head, struct buf *yaml,
                          struct err *err);

/* A whole number; false: it is none. */
bool import_int(struct str s, int64_t *out);
#define SHOW_MAX 80
#define SHOW(s)  (int)utf8_cut((s).p, (s).n, SHOW_MAX), (s).n > 0 ? (s).p : "" /* for "%.*s" */

#endif
