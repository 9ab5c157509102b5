/* The output's role: reads what users' programs print and writes it to their files (output/output.h). Started by the warden as
 * `belfry --role=output`. One loop over two descriptors; it does nothing while nobody prints, but for a heartbeat every few
 * seconds. SIGUSR1: the warden has read data/run/programs anew, so does this. SIGTERM: take what the pipes hold, stop.
 * It parses nothing but the list of units; what programs print is only copied. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/roles.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "config/process.h"
#include "ipc/beat.h"
#include "ipc/table.h"
#include "output/output.h"
#include "proc/signals.h"

#define BEAT_MS      5000 /* the supervisor wants to see a turn now and then */
#define PUBLISH_MS   1000
#define LOCK_LOOK_MS 50
#define PROGRAMS_MAX ((size_t)256 << 20)

struct output_role {
    const struct output_role_options *opt;
    struct output *output;
    struct beat_page *beat;
    struct table *table; /* NULL: statistics are not published */
    int signals, lock;
    char *programs_path;
    int64_t look_ms;
    struct map_str *units; /* names of those loaded last */
    uint64_t published_bytes;
    int64_t published_ms, publish_ms; /* last time; when next, 0: nothing new */
    struct stat programs; /* the list as it was read last: it is replaced, never changed */
    bool stopping;
};

static int64_t now_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

/* --- the units --- */

static struct output_spec spec_of(const struct process_config *c)
{
    return (struct output_spec){
        .unit = c->id,
        .raw = c->output.format == PROCESS_OUTPUT_RAW,
        .compress = c->output.compress,
        .block_when_full = c->output.on_full == PROCESS_FULL_BLOCK,
        .max_size = c->output.max_size,
        .keep = c->output.keep,
        .keep_days = c->output.keep_days,
    };
}

static void remember_units(struct output_role *r, const struct output_spec *specs, uint32_t n)
{
    const char *key;
    map_str_free(r->units);
    r->units = map_str_new();
    for (uint32_t i = 0; i < n; i++)
        map_str_put(r->units, specs[i].unit, strlen(specs[i].unit), r);
    for (uint32_t it = 0; r->table && table_next(r->table, &it, &key, NULL);)
        if (!map_str_get(r->units, key, strlen(key)))
            table_drop(r->table, key);
}

static int read_programs(struct output_role *r, struct buf *text, struct arena *a, struct err *err)
{
    uint64_t generation;
    uint32_t n = 0;
    if (fs_read_regular(r->programs_path, text, err) < 0)
        return -1;
    const struct process_unit *units = process_read(text->data, text->len, a, &n, &generation, err);
    if (!units)
        return -1;
    struct output_spec *specs = arena_array_of(a, struct output_spec, n + 1);
    for (uint32_t i = 0; i < n; i++)
        specs[i] = spec_of(units[i].config);
    remember_units(r, specs, n);
    output_set(r->output, specs, n);
    log_info("units are loaded", F_INT("units", n), F_INT("generation", generation));
    return 0;
}

/* There is none before the first unit. */
static void load(struct output_role *r)
{
    struct err err = {0};
    struct buf text = BUF_INIT(PROGRAMS_MAX);
    if (stat(r->programs_path, &r->programs) < 0)
        return;
    struct arena *a = arena_new();
    if (read_programs(r, &text, a, &err) < 0)
        log_error("cannot read the list of units; the ones known so far stay", F_ERR(&err));
    arena_free(a);
    buf_done(&text);
}

/* A signal that came while this process was being executed did not arrive. */
static void look_at_programs(struct output_role *r, int64_t now)
{
    struct stat st;
    if (now < r->look_ms)
        return;
    r->look_ms = now + BEAT_MS;
    if (stat(r->programs_path, &st) == 0 &&
        (st.st_ino != r->programs.st_ino || st.st_mtim.tv_sec != r->programs.st_mtim.tv_sec ||
         st.st_mtim.tv_nsec != r->programs.st_mtim.tv_nsec))
        load(r);
}

/* --- statistics --- */

static void publish_unit(struct output_role *r, const char *unit)
{
    struct output_stats now, *there = table_record(r->table, unit, NULL);
    output_stats(r->output, unit, &now);
    if (!there || memcmp(there, &now, sizeof(now)) == 0)
        return;
    *there = now;
    table_show(r->table, there);
}

/* Once a second while something is printed, and once after that. */
static void publish(struct output_role *r, int64_t now)
{
    struct output_stats all;
    const char *unit;
    size_t n;
    void *value;
    if (!r->table || !r->units)
        return;
    output_stats(r->output, NULL, &all);
    if (all.bytes != r->published_bytes && r->publish_ms == 0)
        r->publish_ms = r->published_ms + PUBLISH_MS;
    if (r->publish_ms == 0 || now < r->publish_ms)
        return;
    for (size_t it = 0; map_str_next(r->units, &it, &unit, &n, &value);)
        publish_unit(r, unit);
    r->published_bytes = all.bytes;
    r->published_ms = now;
    r->publish_ms = 0;
}

/* --- the loop --- */

static void on_signals(struct output_role *r)
{
    for (int signo; (signo = signals_next(r->signals)) != 0;) {
        if (signo == SIGUSR1 && r->output)
            load(r);
        else if (signo == SIGTERM || signo == SIGINT)
            r->stopping = true;
    }
}

static int patience(const struct output_role *r, int64_t now)
{
    int ms = output_timeout(r->output);
    if (ms < 0 || ms > BEAT_MS)
        ms = BEAT_MS;
    if (r->publish_ms != 0 && r->publish_ms - now < ms)
        ms = r->publish_ms > now ? (int)(r->publish_ms - now) : 0;
    return ms;
}

static void run(struct output_role *r)
{
    while (!r->stopping) {
        struct pollfd p[] = {{.fd = r->signals, .events = POLLIN},
                             {.fd = output_fd(r->output), .events = POLLIN}};
        poll(p, array_len(p), patience(r, now_ms()));
        atomic_store_explicit(&r->beat->turned_ns, clock_mono_ns(), memory_order_relaxed);
        if (p[0].revents != 0)
            on_signals(r);
        look_at_programs(r, now_ms());
        output_turn(r->output);
        publish(r, now_ms());
    }
}

/* A predecessor that has not ended yet must not read from the same pipes: waits for it. */
static bool take_lock(struct output_role *r)
{
    char *path = path_join(r->opt->run_dir, "output.lock");
    struct err err = {0};
    bool told = false;
    while (!r->stopping && (r->lock = fs_lock_pidfile(path, NULL, &err)) < 0) {
        if (!told)
            log_warn("waits until it can have the pipes for itself", F_ERR(&err));
        told = true;
        struct pollfd p = {.fd = r->signals, .events = POLLIN};
        poll(&p, 1, LOCK_LOOK_MS);
        atomic_store_explicit(&r->beat->turned_ns, clock_mono_ns(), memory_order_relaxed);
        on_signals(r);
    }
    free(path);
    return r->lock >= 0;
}

static int open_parts(struct output_role *r, struct err *err)
{
    static const int signos[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    char *beat = path_join(r->opt->run_dir, "beat/output");
    umask(027);               /* folders of output are for the group's log shippers too */
    signal(SIGXFSZ, SIG_IGN); /* a limit of file size is a full disk, not a death */
    signal(SIGPIPE, SIG_IGN);
    r->signals = signals_open(signos, array_len(signos), err);
    if (r->signals >= 0)
        r->beat = beat_map(beat, err);
    free(beat);
    return r->beat ? 0 : -1;
}

static void open_table(struct output_role *r)
{
    struct err err = {0};
    char *path = path_join(r->opt->run_dir, OUTPUT_TABLE);
    struct table_spec spec = {.version = OUTPUT_TABLE_VERSION,
                              .record_size = sizeof(struct output_stats),
                              .max_slots = PROCESS_UNITS_MAX};
    r->table = table_create(path, &spec, &err);
    if (!r->table)
        log_warn("statistics of output are not published", F_ERR(&err));
    free(path);
}

static int start(struct output_role *r, struct err *err)
{
    struct output_config config = {.run_dir = r->opt->run_dir, .log_dir = r->opt->log_dir};
    if (open_parts(r, err) < 0)
        return -1;
    beat_reset(r->beat);
    raise_open_files(); /* two pipes and a file a unit */
    if (!take_lock(r))
        return 0;
    open_table(r);
    r->output = output_new(&config, err);
    if (!r->output)
        return -1;
    load(r);
    return 0;
}

static void done(struct output_role *r)
{
    output_free(&r->output);
    map_str_free(r->units);
    free(r->programs_path);
    table_close(&r->table);
    beat_unmap(&r->beat);
    fd_closep(&r->signals);
    fd_closep(&r->lock);
}

int role_output(const struct output_role_options *opt)
{
    struct output_role r = {.opt = opt, .signals = -1, .lock = -1};
    r.programs_path = path_join(opt->run_dir, "programs");
    struct err err = {0};
    int status = 0;
    if (start(&r, &err) < 0) {
        log_error("output cannot start", F_ERR(&err));
        status = 1;
    } else if (r.output) {
        run(&r);
    }
    done(&r);
    log_info("output stopped");
    return status;
}
