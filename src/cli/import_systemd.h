/* One .service on its way to a unit: what the import_systemd*.c files share. import_systemd.c gathers files and settles
 * what depends on several, import_systemd_keys.c has the table of keys, import_systemd_exec.c the command lines,
 * import_calendar.c the times. */
#ifndef CLI_IMPORT_SYSTEMD_H
#define CLI_IMPORT_SYSTEMD_H

#include "cli/import_ini.h"
#include "cli/import_program.h"

struct service {
    struct arena *arena;
    struct import_programs *out;
    struct import_unit *unit;
    struct str name; /* "web@a.service" */
    struct str type; /* Type= */
    struct str pid_file, restart;
    double start_timeout; /* -1: not given */
    ini conf;             /* of the file and its drop-ins */
    struct buf lost;      /* keys without a counterpart, named in one note */
};

/* The key's last value, specifiers expanded; "" when there is none or it was reset. */
struct str service_last(struct service *s, const char *section, const char *key);
/* All values since the last reset. */
typedef vec_of(struct str) str_vec;
void service_all(struct service *s, const char *section, const char *key, str_vec *out);

/* Everything of [Service] and [Unit] but what comes from several keys. */
void service_take_keys(struct service *s);

/* A command line of ExecX= (all its lines): a list of words where that is enough, else /bin/sh. */
void service_set_exec(struct service *s, const char *key, const char *to);
/* Divides a text into words with systemd's quotes and escapes. */
void service_words(struct str text, struct arena *a, str_vec *out);
struct str service_expand(struct service *s, struct str text); /* specifiers: %i, %n … */

/* "1min 30s" → 90; infinity is 0; NAN: it is none. */
double systemd_span(struct str s);
/* OnCalendar= as a cron expression and time zone, in `a`; NULL: cron cannot say it. */
const char *systemd_calendar(struct str s, struct str *zone, struct arena *a);
/* "every 900 s" as cron; NULL. */
const char *systemd_every(double seconds, struct arena *a);

#endif
