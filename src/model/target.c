/* Targets as plain data: names of states, deep copies, equality. Used by the core (live targets, reload)
 * and by whoever builds assignments; no state, any thread. */
#include "model/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "base/str.h"
#include "model/pack.h"

static const char *const status_names[] = {
#define X(name, text) [TARGET_##name] = text,
    TARGET_STATUSES(X)
#undef X
};

const char *target_status_name(enum target_status s)
{
    must((size_t)s < array_len(status_names));
    return status_names[s];
}

bool target_status_parse(const char *text, enum target_status *out)
{
    for (size_t i = 0; i < array_len(status_names); i++) {
        if (streq(text, status_names[i])) {
            *out = (enum target_status)i;
            return true;
        }
    }
    return false;
}

/* In the counting pass the "copies" are the originals, and nothing may be written to them. */
static void copy_labels(struct pack *k, struct label *at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *name = pack_str(k, at[i].name);
        const char *value = pack_str(k, at[i].value);
        if (k->block)
            at[i] = (struct label){name, value};
    }
}

static void copy_names(struct pack *k, const char **at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *name = pack_str(k, at[i]);
        if (k->block)
            at[i] = name;
    }
}

static void copy_target(struct pack *k, const void *of)
{
    const struct target *from = of;
    struct target t = *from;
    struct target *home = pack_mem(k, from, sizeof(*from));
    t.labels = pack_mem(k, from->labels, from->n_labels * sizeof(*from->labels));
    t.channels.at = pack_mem(k, from->channels.at, from->channels.n * sizeof(uint64_t));
    t.depends_on.at = pack_mem(k, from->depends_on.at, from->depends_on.n * sizeof(uint64_t));
    t.locations.at =
        pack_mem(k, from->locations.at, from->locations.n * sizeof(*from->locations.at));
    t.name = pack_str(k, from->name);
    t.type = pack_str(k, from->type);
    t.group = pack_str(k, from->group);
    t.config_json = pack_str(k, from->config_json);
    copy_labels(k, t.labels, t.n_labels);
    copy_names(k, t.locations.at, t.locations.n);
    if (k->block)
        *home = t;
}

const char *location_name_fault(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > LOCATION_NAME_MAX)
        return "want 1 to 64 bytes";
    if (!utf8_valid(name, n))
        return "want UTF-8";
    if (name[0] == '.' || name[0] == ' ' || name[n - 1] == ' ')
        return "want no dot or space at the start and no space at the end";
    for (const char *c = name; *c; c++)
        if (*c == '/' || *c == '\\' || (unsigned char)*c < 0x20 || *c == 0x7f)
            return "want no slash and no control character";
    return NULL;
}

const char *location_agent_fault(const char *name)
{
    const char *fault = location_name_fault(name);
    if (!fault && streq(name, LOCATION_LOCAL))
        fault = "\"local\" is this server; want another name";
    return fault;
}

bool target_is_at(const struct target *t, const char *location)
{
    for (uint32_t i = 0; i < t->locations.n; i++)
        if (streq(t->locations.at[i], location))
            return true;
    return t->locations.n == 0 && streq(location, LOCATION_LOCAL);
}

bool target_is_located(const struct target *t)
{
    return t->locations.n > 1 ||
           (t->locations.n == 1 && !streq(t->locations.at[0], LOCATION_LOCAL));
}

struct target *target_clone(const struct target *t)
{
    must(t != NULL);
    must(t->n_labels == 0 || t->labels != NULL);
    return pack_clone(t, copy_target);
}

void target_free(struct target *t)
{
    free(t);
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_ids(const struct id_list *a, const struct id_list *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->at, b->at, a->n * sizeof(*a->at)) == 0);
}

static bool same_names(const struct name_list *a, const struct name_list *b)
{
    for (uint32_t i = 0; i < a->n && a->n == b->n; i++)
        if (!same_text(a->at[i], b->at[i]))
            return false;
    return a->n == b->n;
}

static bool same_labels(const struct target *a, const struct target *b)
{
    if (a->n_labels != b->n_labels)
        return false;
    for (uint32_t i = 0; i < a->n_labels; i++) {
        if (!same_text(a->labels[i].name, b->labels[i].name) ||
            !same_text(a->labels[i].value, b->labels[i].value))
            return false;
    }
    return true;
}

static bool same_burst(const struct burst *a, const struct burst *b)
{
    return a->times == b->times && a->delta_ms == b->delta_ms && a->min_success == b->min_success &&
           a->max_mean_ms == b->max_mean_ms;
}

bool target_same_spec(const struct target *a, const struct target *b)
{
    must(a != NULL && b != NULL);
    return a->interval_ms == b->interval_ms && a->timeout_ms == b->timeout_ms &&
           a->connect_timeout_ms == b->connect_timeout_ms && a->attempts == b->attempts &&
           a->threshold == b->threshold && a->success_threshold == b->success_threshold &&
           a->invert == b->invert && a->resend_interval_ms == b->resend_interval_ms &&
           a->enabled == b->enabled && a->source == b->source && same_burst(&a->burst, &b->burst) &&
           same_text(a->name, b->name) && same_text(a->type, b->type) &&
           same_text(a->group, b->group) && same_text(a->config_json, b->config_json) &&
           same_labels(a, b) && same_ids(&a->channels, &b->channels) &&
           same_ids(&a->depends_on, &b->depends_on) && same_names(&a->locations, &b->locations) &&
           a->location_quorum == b->location_quorum;
}

static uint64_t hash_text(uint64_t h, const char *s)
{
    return s ? hash_bytes(s, strlen(s), h) : hash_bytes("", 0, h);
}

uint64_t target_spec_hash(const struct target *t)
{
    must(t != NULL);
    uint64_t success_bits;
    memcpy(&success_bits, &t->burst.min_success, sizeof(success_bits));
    const uint64_t numbers[] = {
        (uint64_t)t->interval_ms,
        (uint64_t)t->timeout_ms,
        (uint64_t)t->connect_timeout_ms,
        (uint64_t)t->attempts,
        (uint64_t)t->threshold,
        (uint64_t)t->success_threshold,
        t->invert,
        (uint64_t)t->resend_interval_ms,
        (uint64_t)t->burst.times,
        (uint64_t)t->burst.delta_ms,
        success_bits,
        (uint64_t)t->burst.max_mean_ms,
        t->enabled,
        t->source,
        t->n_labels,
        t->channels.n,
        t->depends_on.n,
        t->locations.n,
        (uint64_t)t->location_quorum,
    };
    uint64_t h = hash_bytes(numbers, sizeof(numbers), 0);
    h = hash_text(h, t->name);
    h = hash_text(h, t->type);
    h = hash_text(h, t->group);
    h = hash_text(h, t->config_json);
    for (uint32_t i = 0; i < t->n_labels; i++)
        h = hash_text(hash_text(h, t->labels[i].name), t->labels[i].value);
    for (uint32_t i = 0; i < t->locations.n; i++)
        h = hash_text(h, t->locations.at[i]);
    h = hash_bytes(t->channels.at, t->channels.n * sizeof(uint64_t), h);
    return hash_bytes(t->depends_on.at, t->depends_on.n * sizeof(uint64_t), h);
}
