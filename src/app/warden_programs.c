/* The list of users' programs (warden_programs.h): data/run/programs read and made so, units added, changed, removed. The
 * warden's one thread.
 *
 *     not there ──listed──▶ supervised ◀──listed again──▶ removing ──the supervisor forgot it──▶ gone
 *         └──listed, but not allowed──▶ refused (a line for the log, the core and the answer; the others run)
 *
 * A record in the table whose unit is listed no more is a process that a killed warden was about to stop: it is added with
 * what little is needed to stop it, and removed at once. */
#include "app/warden_programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/fs.h"
#include "base/str.h"
#include "output/output.h"

#define FILE_MAX       ((size_t)64 << 20)
#define ORPHAN_STOP_MS 10000
#define RECORDS_MAX    (2 * PROCESS_UNITS_MAX)
#define HASH_NOT_YET   0

/* --- one program ---------------------------------------------------------------------------- */

struct program *program_of(const struct unit_view *u)
{
    if (strncmp(u->name, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) != 0)
        return NULL;
    struct program *g = u->spec->tag;
    check_magic(g, PROGRAM_MAGIC);
    return g;
}

struct program *program_find(const struct programs *p, const char *id)
{
    check_magic(p, PROGRAMS_MAGIC);
    return map_str_get(p->by_id, id, strlen(id));
}

static struct program *program_new(struct programs *p, const char *id)
{
    struct program *g = calloc(1, sizeof(*g));
    must(g);
    *g = (struct program){
        .magic = PROGRAM_MAGIC, .owner = p, .hash = HASH_NOT_YET, .hold = {-1, -1}, .notify = -1};
    must(asprintf(&g->name, PROGRAM_PREFIX "%s", id) > 0);
    g->id = g->name + strlen(PROGRAM_PREFIX);
    map_str_put(p->by_id, g->id, strlen(g->id), g);
    program_inherit(g);
    return g;
}

static void program_free(struct program *g)
{
    check_magic(g, PROGRAM_MAGIC);
    program_close_files(g);
    program_forget_environment(g);
    free(g->environment);
    free(g->refused);
    free(g->name);
    g->magic = 0;
    free(g);
}

/* supervisor_config.forget: its process is gone, nothing will be told of it any more. */
void program_forget(void *arg, const char *name)
{
    struct warden *w = arg;
    struct programs *p = w->programs;
    if (strncmp(name, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) != 0)
        return;
    struct program *g = program_find(p, name + strlen(PROGRAM_PREFIX));
    must(g && g->supervised);
    g->supervised = false;
    if (g->record)
        table_drop(p->table, g->id);
    g->record = NULL;
    if (p->cgroups)
        cgroup_unit_remove(p->cgroups, g->id);
    map_str_del(p->by_id, g->id, strlen(g->id));
    vec_push(&p->gone, g);
    log_info("program removed", F_STR("unit", g->id));
}

void programs_sweep(struct programs *p)
{
    check_magic(p, PROGRAMS_MAGIC);
    while (p->gone.n > 0) {
        struct program *g = vec_pop(&p->gone);
        program_free(g);
    }
}

/* --- one unit of the list ------------------------------------------------------------------- */

static uint64_t hash_of(const struct node *doc)
{
    cleanup(buf_done) struct buf b = BUF_INIT(FILE_MAX);
    node_encode(doc, &b);
    uint64_t hash = hash_bytes(b.data, b.len, 0);
    return hash == HASH_NOT_YET ? 1 : hash;
}

static void refuse(struct program *g, const char *why, struct buf *said)
{
    program_refuse(g, why);
    if (said)
        buf_printf(said, "%s: %s\n", g->id, why);
}

static void allow(struct program *g)
{
    free(g->refused);
    g->refused = NULL;
}

static void supervise(struct program *g, const struct process_config *c,
                      const struct unit_spec *spec)
{
    struct supervisor *s = g->owner->w->supervisor;
    uint64_t run_hash = program_run_hash(c);
    if (g->supervised && !g->removing) {
        supervisor_change(s, spec, run_hash != g->run_hash, warden_now_ms());
    } else { /* new, or wanted again before it has ended */
        g->supervised = true;
        g->removing = false;
        supervisor_add(s, spec, warden_now_ms());
    }
    g->run_hash = run_hash;
}

/* Documents come from the core, which has checked them; the id names files, so it is looked at again. */
static void apply(struct programs *p, const struct process_unit *unit, struct arena *a,
                  struct buf *said)
{
    struct err err = {0};
    struct unit_spec spec;
    const struct process_config *c = unit->config;
    if (!output_unit_valid(c->id)) {
        log_error("a program without a good id is passed over", F_STR("unit", c->id));
        return;
    }
    struct program *g = program_find(p, c->id);
    if (!g)
        g = program_new(p, c->id);
    g->listed = true;
    uint64_t hash = hash_of(unit->doc);
    if (g->hash == hash && !g->refused && !g->removing)
        return;
    if (program_spec(g, c, a, &spec, &err) < 0) {
        refuse(g, err.msg, said);
        return;
    }
    allow(g);
    g->hash = hash;
    supervise(g, c, &spec);
}

static void remove_program(struct programs *p, struct program *g)
{
    if (g->supervised && !g->removing) {
        g->removing = true;
        supervisor_remove(p->w->supervisor, g->name, warden_now_ms());
    } else if (!g->supervised) { /* refused: nobody else knows it */
        map_str_del(p->by_id, g->id, strlen(g->id));
        vec_push(&p->gone, g);
    }
}

static void remove_unlisted(struct programs *p)
{
    const char *id;
    size_t it = 0, n;
    void *value;
    while (map_str_next(p->by_id, &it, &id, &n, &value)) {
        struct program *g = value;
        if (!g->listed)
            remove_program(p, g);
    }
}

/* --- records without a unit ----------------------------------------------------------------- */

static void end_orphan(struct programs *p, const char *id)
{
    struct program *g = program_new(p, id);
    const char *const argv[] = {"/bin/false", NULL}; /* it is never started */
    struct unit_spec spec = {.name = g->name,
                             .spawn = {.path = argv[0], .argv = argv, .in_fd = SPAWN_NULL},
                             .restart = RESTART_NEVER,
                             .stop_timeout_ms = ORPHAN_STOP_MS,
                             .tree = true,
                             .tag = g};
    log_warn("a program that is listed no more still runs; it is being stopped", F_STR("unit", id));
    g->supervised = true;
    supervisor_add(p->w->supervisor, &spec, warden_now_ms());
    remove_program(p, g);
}

static void end_orphans(struct programs *p)
{
    const char *key;
    struct unit_record r;
    vec_of(char *) orphans = {0};
    if (!p->table)
        return;
    for (uint32_t it = 0; table_next(p->table, &it, &key, &r);)
        if (!program_find(p, key))
            vec_push(&orphans, strdup(key));
    while (orphans.n > 0) {
        char *id = vec_pop(&orphans);
        struct unit_record *record = table_record(p->table, id, NULL);
        record->wanted = false;
        if (record->spawned.pid > 0 &&
            process_is(record->spawned.pid, record->spawned.start_time) && output_unit_valid(id))
            end_orphan(p, id);
        else
            table_drop(p->table, id);
        free(id);
    }
    vec_done(&orphans);
}

/* --- the whole list ------------------------------------------------------------------------- */

static char *programs_path(const struct programs *p)
{
    return path_join(p->w->run_dir, "programs");
}

static void mark_unlisted(struct programs *p)
{
    const char *id;
    size_t it = 0, n;
    void *value;
    while (map_str_next(p->by_id, &it, &id, &n, &value))
        ((struct program *)value)->listed = false;
}

static int by_start_order(const void *a, const void *b)
{
    const struct process_unit *x = *(const struct process_unit *const *)a;
    const struct process_unit *y = *(const struct process_unit *const *)b;
    int64_t i = x->config->start_order, k = y->config->start_order;
    return i != k ? (i < k ? -1 : 1) : (x < y ? -1 : x > y);
}

/* The supervisor starts them in the order in which they come. */
static const struct process_unit **in_order(const struct process_unit *units, uint32_t n,
                                            struct arena *a)
{
    const struct process_unit **sorted = arena_array_of(a, const struct process_unit *, n + 1);
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = &units[i];
    qsort(sorted, n, sizeof(sorted[0]), by_start_order);
    return sorted;
}

static void make_so(struct programs *p, const struct process_unit *units, uint32_t n,
                    struct arena *a, struct buf *said)
{
    mark_unlisted(p);
    if (n > 0)
        warden_need_output(p->w); /* before the first of them prints */
    const struct process_unit **sorted = in_order(units, n, a);
    for (uint32_t i = 0; i < n; i++)
        apply(p, sorted[i], a, said);
    remove_unlisted(p);
    end_orphans(p);
    programs_forget_users(p);
}

static int load(struct programs *p, struct buf *said, struct err *err)
{
    cleanup(buf_done) struct buf text = BUF_INIT(FILE_MAX);
    cleanup(arena_freep) struct arena *a = arena_new();
    char *path = programs_path(p);
    int rc = fs_read_regular(path, &text, err);
    free(path);
    uint32_t n = 0;
    uint64_t generation = 0;
    const struct process_unit *units =
        rc < 0 ? NULL : process_read(text.data ? text.data : "", text.len, a, &n, &generation, err);
    if (!units)
        return -1;
    programs_open_events(p);
    make_so(p, units, n, a, said);
    log_info("programs loaded", F_INT("units", n), F_INT("generation", generation));
    return 0;
}

int programs_load(struct programs *p, struct buf *said, struct err *err)
{
    check_magic(p, PROGRAMS_MAGIC);
    int rc = load(p, said, err);
#ifdef __GLIBC__
    malloc_trim(0); /* what reading a long list left behind */
#endif
    return rc;
}

/* --- the life ------------------------------------------------------------------------------- */

static bool has_records(struct table *t)
{
    const char *key;
    uint32_t it = 0;
    return t && table_next(t, &it, &key, NULL);
}

struct programs *programs_new(struct warden *w)
{
    struct err err = {0};
    struct programs *p = calloc(1, sizeof(*p));
    must(p);
    *p = (struct programs){.magic = PROGRAMS_MAGIC,
                           .w = w,
                           .by_id = map_str_new(),
                           .users = map_str_new(),
                           .gather = warden__gather()};
    char *path = path_join(w->run_dir, "table");
    p->table = table_create(path,
                            &(struct table_spec){PROCESS_TABLE_VERSION, sizeof(struct unit_record),
                                                 PROGRAM_RECORD_STABLE, RECORDS_MAX},
                            &err);
    if (!p->table)
        log_error(
            "cannot keep the state of programs; they will not be taken over if the warden dies",
            F_STR("file", path), F_ERR(&err));
    free(path);
    return p;
}

/* What a predecessor left running goes on before the core is up. Without records nothing runs, and the list may be older
 * than the configuration: then the core says what is to run. */
void programs_take_over(struct programs *p)
{
    struct err err = {0};
    if (has_records(p->table) && programs_load(p, NULL, &err) < 0)
        log_warn("cannot read which programs run; they run on, and the core will say", F_ERR(&err));
}

void programs_free(struct programs **pp)
{
    struct programs *p = *pp;
    *pp = NULL;
    if (!p)
        return;
    check_magic(p, PROGRAMS_MAGIC);
    const char *id;
    size_t it = 0, n;
    void *value;
    programs_sweep(p);
    while (map_str_next(p->by_id, &it, &id, &n, &value))
        program_free(value);
    map_str_free(p->by_id);
    map_str_free(p->users);
    vec_done(&p->gone);
    table_close(&p->table);
    ring_close(&p->events);
    cgroup_close(&p->cgroups);
    fd_closep(&p->gather);
    free(p->token);
    p->magic = 0;
    free(p);
}

/* After an orderly stop nothing of the list is true any more. */
void programs_leave_nothing(struct programs *p)
{
    static const char *const files[] = {"programs", "table", "notify"};
    const char *id;
    size_t at = 0, n;
    void *value;
    while (p->cgroups && map_str_next(p->by_id, &at, &id, &n, &value))
        cgroup_unit_remove(p->cgroups, id);
    for (size_t i = 0; i < array_len(files); i++) {
        char *path = path_join(p->w->run_dir, files[i]);
        unlink(path);
        free(path);
    }
}

bool programs_live(const struct programs *p)
{
    struct unit_view u;
    for (size_t i = 0; supervisor_view(p->w->supervisor, i, &u); i++)
        if (program_of(&u) && unit_state_has_process(u.state))
            return true;
    return false;
}
