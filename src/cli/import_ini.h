/* INI files, as three families read them: the importers of connection_monitor, supervisord and systemd use it. Pure; any
 * process. */
#ifndef CLI_IMPORT_INI_H
#define CLI_IMPORT_INI_H

#include "cli/import_priv.h"

enum ini_style {
    INI_PLAIN,  /* key=value or key:value, a line each; # and ; begin a comment line */
    INI_PYTHON, /* also: " ;" and " #" end a value, an indented line goes on with the one above */
    INI_SYSTEMD /* key=value alone; a backslash at the end goes on, comment lines between are skipped */
};

struct ini_entry {
    struct str section, key, value;
    const char *file;
    uint32_t line;
    bool used;
};
typedef vec_of(struct ini_entry) ini;

/* Appends the entries; texts are borrowed from `text` and `a`. Lines that are none are told in p. */
void ini_parse(struct str text, const char *file, enum ini_style style, struct arena *a, ini *out,
               struct problems *p);
/* The last entry of the key that is not empty, letter case aside; NULL. All of them are marked as used. */
struct ini_entry *ini_get(ini *conf, struct str section, const char *key);
struct str ini_text(ini *conf, struct str section, const char *key); /* "" */
bool ini_same(struct str a, const char *b);                          /* letter case aside */
struct node ini_place(const struct ini_entry *e);                    /* for problem_add */
/* true, yes, on, 1; anything else is false. */
bool ini_is_true(struct str s);

#endif
