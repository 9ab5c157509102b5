/* The supervised programs that there are, and their list for the warden: data/run/programs. A program's struct lives as
 * long as its unit is configured, whatever else changes. Main loop. */
#include "core/process.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "core/process_priv.h"
#include "core/seal.h"

#define LIST_MAX  ((size_t)256 << 20)
#define RING_SIZE ((size_t)4 << 20)

struct program *core__program(struct core *c, const char *id)
{
    return map_str_get(c->programs->by_id, id, strlen(id));
}

static void program_free(struct program *p)
{
    check_magic(p, PROGRAM_MAGIC);
    core__health_forget(p);
    core__job_forget(p);
    core__output_forget(p);
    core__event_forget(p);
    free(p->refused);
    p->magic = 0;
    free(p);
}

static struct program *program_new(struct programs *all, const char *id)
{
    struct program *p = calloc(1, sizeof(*p));
    must(p);
    p->magic = PROGRAM_MAGIC;
    p->all = all;
    p->health.good = -1;
    map_str_put(all->by_id, id, strlen(id), p);
    return p;
}

/* True when something of it changed that others see. */
static bool take_unit(struct programs *all, size_t i)
{
    const struct process_unit *u = &all->roster.units.at[i];
    struct program *p = core__program(all->core, u->config->id);
    bool is_new = !p;
    if (is_new)
        p = program_new(all, u->config->id);
    bool enabled = u->config->monitor.enable && u->config->enabled;
    bool changed = is_new || p->enabled != enabled;
    p->unit = u;
    p->document = all->roster.documents.at[i];
    p->from_file = i < all->roster.n_file;
    p->enabled = enabled;
    p->seen_sync = all->sync;
    vec_push(&all->order, p);
    return changed;
}

static void drop_vanished(struct programs *all)
{
    const char *key;
    size_t len;
    void *value;
    for (size_t it = 0; map_str_next(all->by_id, &it, &key, &len, &value);) {
        struct program *p = value;
        if (p->seen_sync == all->sync)
            continue;
        char *id = strndup(key, len);
        must(id);
        map_str_del(all->by_id, id, len);
        core__program_gone(p);
        core__event_program_gone(all->core, id);
        core__unswitch_unit(all->core, id);
        program_free(p);
        free(id);
    }
}

static void write_list(struct programs *all)
{
    struct core *c = all->core;
    struct buf out = BUF_INIT(LIST_MAX);
    struct err err = {0};
    process_write(all->roster.units.at, (uint32_t)all->roster.units.n, 0, &out);
    uint64_t hash = hash_bytes(out.data, out.len, 0) | 1;
    if (hash == all->written && !all->dirty) {
        buf_done(&out);
        return;
    }
    buf_clear(&out);
    process_write(all->roster.units.at, (uint32_t)all->roster.units.n, ++all->generation, &out);
    char *path = path_join(c->run_dir, "programs");
    bool was_dirty = all->dirty;
    all->dirty = out.failed || fs_write_atomic(path, out.data, out.len, 0600, false, &err) != 0;
    if (all->dirty && !was_dirty)
        log_error("cannot tell the warden which programs to run; trying again each second",
                  F_ERR(&err));
    if (!all->dirty) {
        all->written = hash;
        core__warden_load(all->link);
    }
    free(path);
    buf_done(&out);
}

void core__programs_take(struct core *c, struct roster *r)
{
    struct programs *all = c->programs;
    struct roster old = all->roster;
    vec_of(struct program *) changed = {0};
    all->sync++;
    all->roster = *r;
    vec_clear(&all->order);
    for (size_t i = 0; i < r->units.n; i++)
        if (take_unit(all, i))
            vec_push(&changed, all->order.at[i]);
    drop_vanished(all);
    vec_each (&all->order, it) {
        core__health_changed(*it);
        core__job_changed(*it);
    }
    core__health_plan(all);
    core__roster_done(&old);
    write_list(all);
    core__jobs_schedule(c);
    vec_each (&changed, it)
        core__event_program(*it);
    vec_done(&changed);
}

void core__programs_sync(struct core *c)
{
    struct roster r;
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    problems_init(&p, a);
    bool good = core__roster_make(c, NULL, &r, &p);
    must(good); /* only a change can be refused */
    core__programs_take(c, &r);
    problems_done(&p);
}

/* --- life --- */

static void load_unit(void *arg, const char *unit, const char *doc_json)
{
    struct programs *all = arg;
    struct arena *a cleanup(arena_freep) = arena_new();
    char *copy = strdup(core__unseal_process(all->core, unit, doc_json, a));
    must(copy);
    free(map_str_put(all->api_docs, unit, strlen(unit), copy));
}

static int load_settings(struct core *c, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct store_reader *r = store_reader_open(c->store, err);
    if (!r)
        return -1;
    core__process_stats_load(c, store_setting(r, "process_stats", a));
    core__jobs_load(c, store_setting(r, "process_jobs", a));
    store_reader_close(&r);
    return 0;
}

struct programs *core__programs_new(struct core *c, struct err *err)
{
    struct programs *all = calloc(1, sizeof(*all));
    must(all);
    all->core = c;
    all->by_id = map_str_new();
    all->api_docs = map_str_new();
    all->own_alerts = map_str_new();
    all->job_times = map_str_new();
    all->generation = (uint64_t)clock_wall_ms() << 8; /* above those of an earlier life */
    c->programs = all;
    if (store_load_processes(c->store, load_unit, all, err) != 0 || load_settings(c, err) != 0)
        return NULL; /* core_free ends it */
    return all;
}

static void open_ring(struct core *c)
{
    c->programs->tap.core = c;
    c->programs->tap.path = path_join(c->run_dir, "events");
    c->programs->tap.size = RING_SIZE;
    core__programs_open_ring(c);
}

void core__programs_start(struct core *c)
{
    struct programs *all = c->programs;
    all->link = core__warden_new(c);
    core__programs_sync(c);
    open_ring(c);
    core__program_alerts_settle(c);
}

/* The warden begins a new table after a restart of the machine, so it is opened anew at each of its lives. */
static void open_table(struct programs *all)
{
    char *path = path_join(all->core->run_dir, "table");
    table_close(&all->table);
    all->table = table_open(path, PROCESS_TABLE_VERSION, sizeof(struct unit_record), NULL);
    free(path);
}

void core__programs_connected(struct core *c)
{
    struct programs *all = c->programs;
    open_table(all);
    if (!all->tap.ring && all->tap.path)
        core__tap_open(&all->tap);
    core__tap_drain(&all->tap);
    core__jobs_retry(c);
    core__errands_look(c);
}

void core__programs_tick(struct core *c)
{
    struct programs *all = c->programs;
    if (all->dirty)
        write_list(all);
    if (!all->table && all->order.n > 0)
        open_table(all);
    if (!all->tap.ring && all->tap.path)
        core__tap_open(&all->tap);
    core__tap_drain(&all->tap); /* a warden killed before its WAKE went out */
    core__warden_expire(all->link);
    core__program_alerts_tick(c);
    core__own_children_tick(c);
    core__process_stats_save(c);
    core__output_look(c);
}

void core__programs_again(struct core *c)
{
    const char *id;
    size_t len;
    void *json;
    for (size_t it = 0; map_str_next(c->programs->api_docs, &it, &id, &len, &json);)
        core__store_process(c, id, json);
    c->programs->stats_changed = c->programs->jobs_changed = true;
}

void core__programs_stop(struct core *c)
{
    struct programs *all = c->programs;
    timer_stop(&all->health_timer);
    timer_stop(&all->job_timer);
    core__tails_now(c);
    core__process_stats_save(c);
}

static void free_docs(struct map_str *docs)
{
    const char *id;
    size_t len;
    void *json;
    for (size_t it = 0; map_str_next(docs, &it, &id, &len, &json);)
        free(json);
    map_str_free(docs);
}

void core__programs_free(struct core *c)
{
    struct programs *all = c->programs;
    if (!all)
        return;
    timer_stop(&all->health_timer);
    timer_stop(&all->job_timer);
    timer_stop(&all->tail_timer);
    timer_stop(&all->event_timer);
    core__warden_free(&all->link); /* answers what was asked */
    core__errands_free(c);
    core__tap_close(&all->tap);
    free(all->tap.path);
    vec_each (&all->order, it)
        program_free(*it);
    vec_done(&all->order);
    vec_done(&all->queue);
    vec_done(&all->tails);
    vec_done(&all->changed);
    map_str_free(all->by_id);
    free_docs(all->api_docs);
    core__own_children_free(c);
    core__jobs_free(c);
    core__plog_close(c);
    table_close(&all->table);
    core__roster_done(&all->roster);
    free(all);
    c->programs = NULL;
}
