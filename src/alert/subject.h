/* What a maintenance or a silence is asked about: a target, a supervised program or a rule's alert, and the labels that
 * matchers see of it. Pure; strings are borrowed. */
#ifndef ALERT_SUBJECT_H
#define ALERT_SUBJECT_H

#include "model/alert.h"
#include "model/matcher.h"
#include "model/target.h"

struct subject {
    const struct target
        *target;          /* id 0: not a target; then name, type, group and labels say what it is */
    const char *instance; /* NULL: "" */
};
/* An alert's record as a subject; *as is what it then points to. */
struct subject subject_of_alert(const struct alert *a, struct target *as);

/* Its own label of that name; else target and alertname (its name), group, type, instance; else empty. */
struct str subject_label(const struct subject *s, struct str name);

/* Who keeps it from ringing. */
struct held {
    enum suppression why;
    const char *by;   /* the window's title, the silence's comment, the parent's name, or "" */
    uint64_t id;      /* of the maintenance, silence or parent; 0 */
    int64_t until_ms; /* 0: not known */
};

/* Matchers made ready. */
struct subject_test {
    struct matcher **at;
    uint32_t n;
};
/* MALFORMED, with the label's name in the message: an expression cannot be parsed. */
int subject_test_init(struct subject_test *t, const struct label_match *m, uint32_t n,
                      struct err *err);
void subject_test_done(struct subject_test *t);
/* All of them match; none matches nothing. */
bool subject_test_holds(const struct subject_test *t, const struct subject *s);

#endif
