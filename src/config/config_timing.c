/* Inheritance: defaults → group → target, for times, counts, channels and labels. What one level
 * gives is put over what it inherits, and what is given is checked there: a timeout that is written
 * must fit the interval; one that is only inherited shrinks to it, as in Prometheus. Runs while a
 * file is loaded. */
#include <string.h>

#include "base/clock.h"
#include "config/config_priv.h"

static const char *const reserved_labels[] = {"target", "group", "type", "instance"};

static bool label_name_ok(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        if (!letter && (c == name || *c < '0' || *c > '9'))
            return false;
    }
    return name[0] != '\0' && strncmp(name, "__", 2) != 0;
}

static bool check_label(struct loader *l, const char *name, const struct node *map,
                        const char *field)
{
    const struct node *at = node_get(map, name);
    if (!label_name_ok(name)) {
        problem_add(l->problems, at, field,
                    "labels: got the name \"%s\"; want letters, digits and _, not starting "
                    "with a digit or __",
                    name);
        return false;
    }
    for (size_t i = 0; i < array_len(reserved_labels); i++) {
        if (!streq(name, reserved_labels[i]))
            continue;
        problem_add(l->problems, at, field, "labels: the name \"%s\" is Belfry's own", name);
        return false;
    }
    return true;
}

static void put_label(struct label *labels, uint32_t *n, const char *name, const char *value)
{
    for (uint32_t i = 0; i < *n; i++) {
        if (!streq(labels[i].name, name))
            continue;
        labels[i].value = value;
        return;
    }
    labels[(*n)++] = (struct label){name, value};
}

static bool apply_labels(struct loader *l, const struct raw_timing *given, const struct node *map,
                         const char *field, struct arena *a, struct inherited *io)
{
    if (given->labels.n == 0)
        return true;
    bool good = true;
    struct label *merged = arena_array_of(a, struct label, io->n_labels + given->labels.n);
    uint32_t n = io->n_labels;
    if (n > 0)
        memcpy(merged, io->labels, n * sizeof(*merged));
    for (size_t i = 0; i < given->labels.n; i++) {
        const struct pair *p = &given->labels.at[i];
        good &= check_label(l, p->key, node_get(map, "labels"), field);
        put_label(merged, &n, p->key, p->value);
    }
    must(n <= io->n_labels + given->labels.n);
    io->labels = merged;
    io->n_labels = n;
    return good;
}

static void over(int64_t *value, int64_t given)
{
    if (given > 0)
        *value = given;
}

/* *value must not be above max: an error when it is given here, else it shrinks. */
static bool fit(struct loader *l, const struct node *map, const char *field, const char *key,
                const char *max_name, int64_t *value, int64_t given, int64_t max)
{
    if (*value <= max)
        return true;
    if (given <= 0) {
        *value = max;
        return true;
    }
    char got[DURATION_SIZE], want[DURATION_SIZE];
    problem_add(l->problems, node_get(map, key), field, "got %s %s; want at most the %s %s", key,
                duration_format(given, got), max_name, duration_format(max, want));
    return false;
}

bool timing_apply(struct loader *l, const struct raw_timing *given, const struct node *map,
                  const char *field, struct arena *a, struct inherited *io)
{
    struct raw_timing *t = &io->timing;
    over(&t->interval_ms, given->interval_ms);
    over(&t->timeout_ms, given->timeout_ms);
    over(&t->connect_timeout_ms, given->connect_timeout_ms);
    over(&t->attempts, given->attempts);
    over(&t->threshold, given->threshold);
    over(&t->success_threshold, given->success_threshold);
    if (given->resend_ms != RESEND_INHERITED)
        t->resend_ms = given->resend_ms;
    must(t->interval_ms > 0 && t->timeout_ms > 0 && t->connect_timeout_ms > 0);
    bool good = fit(l, map, field, "timeout", "interval", &t->timeout_ms, given->timeout_ms,
                    t->interval_ms);
    good &= fit(l, map, field, "connect_timeout", "timeout", &t->connect_timeout_ms,
                given->connect_timeout_ms, t->timeout_ms);
    good &= location_apply(l, given, map, field, t);
    good &= apply_labels(l, given, map, field, a, io);
    if (given->channels.at != NULL)
        good &= loader_channel_names(l, &given->channels, node_get(map, "channels"), field,
                                     &io->channels, &io->n_channels);
    return good;
}
