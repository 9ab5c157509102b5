/* See subject.h. */
#include "alert/subject.h"

#include <stdlib.h>

#include "base/must.h"

struct subject subject_of_alert(const struct alert *a, struct target *as)
{
    must(a != NULL && as != NULL);
    *as = (struct target){
        .id = a->target_id,
        .name = a->target_name,
        .type = a->target_type,
        .group = a->group,
        .labels = a->labels,
        .n_labels = a->n_labels,
        .enabled = true,
    };
    return (struct subject){as, a->instance};
}

static struct str built_in(const struct subject *s, struct str name)
{
    const struct target *t = s->target;
    if (str_eqz(name, "target") || str_eqz(name, "alertname"))
        return str_of(t->name);
    if (str_eqz(name, "group"))
        return str_of(t->group);
    if (str_eqz(name, "type"))
        return str_of(t->type);
    if (str_eqz(name, "instance") && s->instance != NULL)
        return str_of(s->instance);
    return STR("");
}

struct str subject_label(const struct subject *s, struct str name)
{
    must(s->target != NULL);
    for (uint32_t i = 0; i < s->target->n_labels; i++)
        if (str_eqz(name, s->target->labels[i].name))
            return str_of(s->target->labels[i].value);
    return built_in(s, name);
}

int subject_test_init(struct subject_test *t, const struct label_match *m, uint32_t n,
                      struct err *err)
{
    *t = (struct subject_test){.at = calloc(n + 1, sizeof(*t->at))};
    must(t->at != NULL);
    for (; t->n < n; t->n++) {
        const struct label_match *one = &m[t->n];
        t->at[t->n] = matcher_new(one->op, str_of(one->name), str_of(one->value), err);
        if (t->at[t->n] == NULL) {
            subject_test_done(t);
            return err_prefix(err, "%.60s", one->name);
        }
    }
    return 0;
}

void subject_test_done(struct subject_test *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        matcher_free(t->at[i]);
    free(t->at);
    *t = (struct subject_test){0};
}

bool subject_test_holds(const struct subject_test *t, const struct subject *s)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (!matcher_test(t->at[i], subject_label(s, matcher_name(t->at[i]))))
            return false;
    return t->n > 0;
}
