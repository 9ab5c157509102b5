/* What the process*.c files share: one unit under check, and texts. For this folder only. */
#ifndef CONFIG_PROCESS_PRIV_H
#define CONFIG_PROCESS_PRIV_H

#include "config/option_priv.h"
#include "config/process.h"

/* One unit's document on its way to struct process_config. */
struct process_draft {
    const struct node *doc; /* a map */
    const char *path;       /* "processes.units[3]"; "" */
    struct arena *arena;
    struct problems *problems;
    struct process_config *config;
};
/* The value of a key that is there and not null; NULL. */
const struct node *process_given(const struct process_draft *d, const char *key);
/* Adds a problem about a key, at its value's place (the unit's when it is absent). Returns false. */
bool process_fault(const struct process_draft *d, const char *key, const char *fmt, ...)
    printf_like(3, 4);

/* process_check.c: what single values must be, beyond what the table says; also when binding found problems (a faulty
 * value has its default then). */
bool process_check_values(const struct process_draft *d);
/* Everything that one unit's values must be to each other; true: no problem was added. Called after binding,
 * inheriting and splitting. */
bool process_check(struct process_draft *d);
/* What is wrong with the name of a unit, replicas' numbers filled in; NULL: nothing. */
const char *process_id_fault(const char *id);
bool process_umask(const char *text, int64_t *mode);

/* process_words.c: "a 'b c' d" → a, b c, d. NULL with the message and offset in *err. */
const struct str_list *process_words(const char *text, struct arena *a, struct err *err);
/* Replaces %i in all texts of the tree, in place. */
void process_number(struct node *n, uint32_t number, struct arena *a);

/* process.c: one document, no replicas: bound, inherited, checked. section NULL: nothing is inherited. NULL after
 * problems. */
struct process_config *process_bind(const struct process_section *section, const struct node *doc,
                                    struct arena *a, struct problems *p, const char *path);
/* For a unit that has problems: what bears its name, so that those who need it are not told that it does not exist. NULL
 * when it has none. */
const struct process_unit *process_stand_in(const struct node *doc, struct arena *a,
                                            const char *path, uint32_t *n);
/* The document of a resolved unit. */
const struct node *process_document(const struct process_config *c, struct arena *a);

#endif
