/* Monit's control file on its way to units: what the import_monit*.c files share. import_monit_words.c divides the text,
 * import_monit_check.c makes a unit of a `check process`, import_monit.c the rest. */
#ifndef CLI_IMPORT_MONIT_H
#define CLI_IMPORT_MONIT_H

#include "cli/import_program.h"

/* A word, a "text" or one of = , { } ( ) < > */
struct monit_word {
    struct str text;
    bool quoted;
    const char *file;
    uint32_t line;
};
typedef vec_of(struct monit_word) monit_words;
void monit_split(const struct import_file *f, monit_words *out);

/* A statement, borrowed from all words: from its first word to the last. Reading is by taking words one after the other. */
struct monit_text {
    const struct monit_word *at;
    size_t n;
};
bool monit_is(const struct monit_word *w, const char *word); /* letter case aside, not quoted */
/* The index of the word; n when it is not there. */
size_t monit_find(struct monit_text t, const char *word);
struct monit_text monit_after(struct monit_text t, size_t i); /* what stands behind word i */
struct str monit_value(struct monit_text t,
                       const char *word); /* the text behind the word, past "=" and noise; "" */
bool monit_number(struct monit_text t, const char *word, double *out);
struct node monit_place(struct monit_text t);
/* The statement as one line, for notes; secrets are not shown (it ends before "password"). */
const char *monit_show(struct monit_text t, struct arena *a);
/* The statements of a `check`: *rest loses the first one. */
struct monit_text monit_statement(struct monit_text *rest);

struct monit {
    struct arena *arena;
    struct import_programs *out;
    double cycle; /* set daemon: seconds */
    bool mail_told;
};
/* One `check process NAME …` with all its statements. */
void monit_check_process(struct monit *m, struct monit_text check);
/* A `check filesystem`, `check file` or `check system` (import_monit_host.c). */
void monit_check_here(struct monit *m, struct monit_text check);
/* A new target of that name, made unique, with the threshold of "for N cycles" in t. */
struct node *monit_target(struct monit *m, struct str name, struct monit_text t);
/* The URL that `failed host H port P protocol X request R` probes; NULL: there is none. `host`: when none is given. */
const char *monit_url(struct monit *m, struct monit_text test, struct str host);

#endif
