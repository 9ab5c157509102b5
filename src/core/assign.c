/* What each watcher must do: which watchers there are (one or several a group), which targets each has, and the files
 * that tell them (data/run/assign/KEY) and the warden (data/run/units). */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "core/location_priv.h"

/* A file name for a group of any name: itself when plain, else a hash. */
static char *key_of(const char *group, uint32_t shard)
{
    char *key;
    bool plain = strlen(group) <= 64 && *group;
    for (const char *p = group; *p; p++)
        plain = plain && (isalnum((unsigned char)*p) || *p == '-' || *p == '_');
    if (plain)
        must(asprintf(&key, "%s.%u", group, shard) > 0);
    else
        must(asprintf(&key, "g%016llx.%u", (unsigned long long)hash_bytes(group, strlen(group), 0),
                      shard) > 0);
    return key;
}

static struct watcher_slot *slot_of(struct core *c, const char *group, uint32_t shard)
{
    vec_each (&c->watchers, it)
        if ((*it)->shard == shard && strcmp((*it)->group, group) == 0)
            return *it;
    return NULL;
}

struct watcher_slot *core__watcher_by_name(struct core *c, const char *key)
{
    vec_each (&c->watchers, it)
        if (strcmp((*it)->key, key) == 0)
            return *it;
    return NULL;
}

/* Takes key over. */
static struct watcher_slot *slot_new(struct core *c, char *key, const char *group, uint32_t shard)
{
    struct watcher_slot *s = calloc(1, sizeof(*s));
    must(s);
    *s = (struct watcher_slot){
        .core = c, .group = strdup(group), .shard = shard, .key = key, .dirty = true};
    must(s->group && asprintf(&s->name, "%s/%u", group, shard) > 0);
    vec_push(&c->watchers, s);
    core__attach_ring(c, s);
    return s;
}

void core__adopt_rings(struct core *c)
{
    char *path = path_join(c->run_dir, "rings");
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        bool plain =
            e->d_name[0] != '.' && !strstr(e->d_name, ".damaged") && !strstr(e->d_name, ".tmp");
        if (!plain || core__watcher_by_name(c, e->d_name))
            continue;
        log_info("a ring of a group that is gone is taken in", F_STR("ring", e->d_name));
        slot_new(c, strdup(e->d_name), e->d_name, UINT32_MAX)->dirty = false;
    }
    if (d)
        closedir(d);
    free(path);
}

#define FIRST_GROUP "default" /* as the API's documents say */

struct group_count {
    const char *group;
    uint32_t targets, shards;
};

static uint32_t shards_for(const struct core *c, uint32_t targets)
{
    uint32_t per = (uint32_t)c->config->limits.watcher.targets_per_watcher;
    must(per > 0);
    return targets == 0 ? 1 : (targets + per - 1) / per;
}

static struct group_count *group_of(struct map_str *groups, const char *name, struct arena *a)
{
    struct group_count *g = map_str_get(groups, name, strlen(name));
    if (!g) {
        g = arena_new_of(a, struct group_count);
        g->group = name;
        map_str_put(groups, name, strlen(name), g);
    }
    return g;
}

/* Without any target that is probed from here one watcher runs all the same: somebody must try what is about to be added. */
static struct map_str *count_groups(struct core *c, struct arena *a)
{
    struct map_str *groups = map_str_new();
    bool any = false;
    for (size_t i = 0; i < c->order.n; i++) {
        const struct target *t = c->order.at[i]->target;
        if (!target_is_at(t, LOCATION_LOCAL))
            continue;
        group_of(groups, t->group, a)->targets++;
        any = true;
    }
    if (!any)
        group_of(groups, FIRST_GROUP, a);
    return groups;
}

/* A slot by its files' name: it may be an adopted one, whose group nobody knew. */
static struct watcher_slot *slot_by_key(struct core *c, const char *key, const char *group,
                                        uint32_t shard)
{
    struct watcher_slot *s = core__watcher_by_name(c, key);
    if (!s)
        return NULL;
    must(s->shard == UINT32_MAX); /* another would have been found by group and shard */
    free(s->group);
    free(s->name);
    s->group = strdup(group);
    must(s->group && asprintf(&s->name, "%s/%u", group, shard) > 0);
    s->shard = shard;
    s->dirty = true;
    return s;
}

static void want_group(struct core *c, struct group_count *g)
{
    g->shards = shards_for(c, g->targets);
    for (uint32_t i = 0; i < g->shards; i++) {
        struct watcher_slot *s = slot_of(c, g->group, i);
        if (!s) {
            char *key = key_of(g->group, i);
            s = slot_by_key(c, key, g->group, i);
            if (s)
                free(key);
            else
                s = slot_new(c, key, g->group, i);
        }
        s->wanted = true;
    }
}

static void write_units(struct core *c)
{
    struct buf out = BUF_INIT(1 << 20);
    struct err err = {0};
    char *path = path_join(c->run_dir, "units");
    vec_each (&c->watchers, it)
        if ((*it)->wanted)
            buf_printf(&out, "%s\t%s\n", (*it)->key, (*it)->name);
    bool was_dirty = c->units_dirty;
    c->units_dirty =
        fs_write_atomic(path, out.data ? out.data : "", out.len, 0600, false, &err) != 0;
    if (c->units_dirty && !was_dirty)
        log_error("cannot tell the warden which watchers to run; trying again each second",
                  F_ERR(&err));
    if (!c->units_dirty && c->units_changed)
        c->units_changed(c->units_arg);
    buf_done(&out);
    free(path);
}

static void slot_free(struct watcher_slot *s)
{
    core__detach_ring(s);
    beat_unmap(&s->beat);
    free(s->name);
    free(s->key);
    free(s->group);
    free(s);
}

/* A watcher no longer wanted: what its ring still holds is taken first, then its files go. */
static void retire(struct core *c, struct watcher_slot *s)
{
    static const char *const kinds[] = {"assign", "rings", "beat"};
    for (size_t i = 0; i < array_len(kinds); i++) {
        char *path;
        must(asprintf(&path, "%s/%s/%s", c->run_dir, kinds[i], s->key) > 0);
        unlink(path);
        free(path);
    }
    core__commit_forget_ring(c, &s->tap);
    slot_free(s);
}

static void mark_unwanted(struct core *c)
{
    vec_each (&c->watchers, it) {
        (*it)->wanted = false;
        (*it)->targets = 0;
    }
}

static void place_all(struct core *c, struct map_str *groups)
{
    for (size_t i = 0; i < c->order.n; i++) {
        struct entry *e = c->order.at[i];
        if (!target_is_at(e->target, LOCATION_LOCAL)) {
            if (e->watcher)
                e->watcher->dirty = true;
            e->watcher = NULL;
            continue;
        }
        const char *name = e->target->group;
        const struct group_count *g = map_str_get(groups, name, strlen(name));
        struct watcher_slot *s = slot_of(c, name, (uint32_t)(hash_u64(e->target->id) % g->shards));
        must(s);
        if (e->watcher != s) {
            s->dirty = true;
            if (e->watcher)
                e->watcher->dirty = true;
        }
        e->watcher = s;
        s->targets++;
    }
}

static bool same_names(struct core *c, const struct buf *before)
{
    struct buf now = BUF_INIT(1 << 20);
    vec_each (&c->watchers, it)
        if ((*it)->wanted)
            buf_printf(&now, "%s\n", (*it)->key);
    bool same =
        now.len == before->len && (now.len == 0 || memcmp(now.data, before->data, now.len) == 0);
    buf_done(&now);
    return same;
}

static void list_names(struct core *c, struct buf *out)
{
    vec_each (&c->watchers, it)
        if ((*it)->wanted)
            buf_printf(out, "%s\n", (*it)->key);
}

void core_hold_plans(struct core *c, bool hold)
{
    check_magic(c, CORE_MAGIC);
    c->plans_held = hold;
    if (!hold && c->plan_due)
        core__plan_watchers(c);
}

void core__plan_watchers(struct core *c)
{
    c->plan_due = c->plans_held;
    if (c->plans_held)
        return;
    struct arena *a = arena_new();
    struct buf before = BUF_INIT(1 << 20);
    list_names(c, &before);
    core__locations_changed(c);
    mark_unwanted(c);
    struct map_str *groups = count_groups(c, a);
    void *value;
    const char *key;
    size_t len;
    for (size_t it = 0; map_str_next(groups, &it, &key, &len, &value);)
        want_group(c, value);
    place_all(c, groups);
    core__write_assignments(c);
    if (!same_names(c, &before) || !c->ready)
        write_units(c);
    map_str_free(groups);
    buf_done(&before);
    arena_free(a);
}

void core__retire_unwanted(struct core *c)
{
    for (size_t i = 0; i < c->watchers.n;) {
        struct watcher_slot *s = c->watchers.at[i];
        struct ring_stats st = s->tap.ring ? ring_stats(s->tap.ring) : (struct ring_stats){0};
        if (s->wanted || st.used > 0 || link_connected(c->link, s->key)) {
            i++;
            continue;
        }
        memmove(&c->watchers.at[i], &c->watchers.at[i + 1], (--c->watchers.n - i) * sizeof(s));
        retire(c, s);
    }
}

void core__watchers_free(struct core *c)
{
    vec_each (&c->watchers, it)
        slot_free(*it);
    vec_done(&c->watchers);
}

static int write_assignment(struct core *c, struct watcher_slot *s, struct err *err)
{
    struct assign_writer *w = assign_writer_new(++c->assign_generation);
    for (size_t i = 0; i < c->order.n; i++) {
        const struct entry *e = c->order.at[i];
        if (e->watcher != s || !e->target->enabled || e->inner)
            continue;
        bool fresh = e->state.last_checked_ms == 0;
        assign_write(w, e->target, (struct str){e->config, e->config_n}, e->spec_hash, fresh);
    }
    char *path;
    must(asprintf(&path, "%s/assign/%s", c->run_dir, s->key) > 0);
    int rc = assign_writer_commit(&w, path, err);
    free(path);
    return rc;
}

void core__write_assignments(struct core *c)
{
    vec_each (&c->watchers, it) {
        struct watcher_slot *s = *it;
        struct err err = {0};
        if (!s->dirty)
            continue;
        bool told = s->assign_trouble;
        s->assign_trouble = write_assignment(c, s, &err) != 0;
        if (s->assign_trouble && !told)
            log_error(
                "cannot write a watcher's assignment; it goes on with the old one until that works",
                F_STR("watcher", s->name), F_ERR(&err));
        if (s->assign_trouble)
            continue;
        s->dirty = false;
        link_send(c->link, s->key, LINK_RELOAD, 0, NULL, 0,
                  NULL); /* not connected: it loads at start */
    }
}

void core__mend_watchers(struct core *c)
{
    if (c->units_dirty)
        write_units(c);
    core__write_assignments(c);
    vec_each (&c->watchers, it)
        if ((*it)->wanted && !(*it)->tap.ring) {
            core__attach_ring(c, *it);
            core__drain(*it);
        }
}
