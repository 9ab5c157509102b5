/* The core's life: opening the store and loading what there is, the slow tick, views for those who ask, and a stop that
 * loses nothing. Main loop of the core process. */
#include "core/core.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/rng.h"
#include "core/core_priv.h"
#include "core/derived.h"
#include "core/inner.h"
#include "core/located.h"
#include "core/location_priv.h"
#include "core/metrics_priv.h"
#include "core/process_priv.h"
#include "core/seal.h"
#include "io/fiber.h"
#include "probe/blackbox.h"

#define TICK_NS             NS_PER_S
#define EVENT_SILENCE_TICKS 15
#define STOP_NS             (8 * NS_PER_S)
#define TOLD_NS             (10 * NS_PER_S)
#define STORE_ALERT         "Belfry: store"
#define NETWORK_ALERT       "Belfry: own network"

/* The database was damaged and begun anew: everything that memory still knows is written again. */
static void write_all_again(struct core *c)
{
    struct batch *b = core__batch(c);
    uint64_t id;
    void *value;
    vec_each (&c->channel_order, it)
        core__store_channel(c, (*it)->channel);
    for (size_t i = 0; i < c->order.n; i++) {
        const struct entry *e = c->order.at[i];
        core__store_target(c, e->target);
        batch_target_state(b, e->target->id, &e->state, e->last_message);
        if (e->state.open_alert_id && core__alert(c, e->state.open_alert_id))
            batch_alert_put(b, core__alert(c, e->state.open_alert_id));
    }
    for (size_t it = 0; map_u64_next(c->deliveries, &it, &id, &value);) {
        const struct delivery *d = value;
        if (core__alert(c, d->alert_id))
            batch_alert_put(b, core__alert(c, d->alert_id));
        batch_delivery_put(b, d);
    }
    vec_each (&c->windows, it)
        batch_maintenance_put(b, window_maintenance(*it));
    core__documents_again(c);
    core__switched_save(c);
    core__programs_again(c);
    core__push_again(c);
    core__located_again_all(c);
    core__commit_now(c);
}

/* Told for some seconds at least: fired and resolved in one moment would be one message, "works again". */
static void tell_damage(struct core *c, const char *message)
{
    c->store_told_ns = clock_mono_ns() + TOLD_NS;
    c->store_damaged = true;
    core__own_alert(c, &c->own_store, STORE_ALERT, true, message);
}

/* Ends the alert when its time has come; also one that an earlier life of the core left open. */
static void settle_store(struct core *c)
{
    if (c->own_store == 0 || c->store_err.code != ERR_OK || clock_mono_ns() < c->store_told_ns)
        return;
    core__own_alert(c, &c->own_store, STORE_ALERT, false,
                    c->store_damaged ? "a new database is in use; the damaged one lies beside it"
                                     : "the store works again");
    c->store_damaged = false;
}

static void on_store_health(void *arg, const struct err *err)
{
    struct core *c = arg;
    check_magic(c, CORE_MAGIC);
    if (err && err->code == ERR_DAMAGED) {
        log_error("the database was damaged while running; it was set aside and begun anew",
                  F_ERR(err));
        write_all_again(c);
        tell_damage(c, err->msg);
        return;
    }
    if (err) {
        c->store_err = *err;
        log_error("the store does not accept writes; ringing goes on from memory", F_ERR(err));
    } else {
        err_clear(&c->store_err);
        log_info("the store works again");
    }
    if (err)
        core__own_alert(c, &c->own_store, STORE_ALERT, true, err->msg);
    else
        settle_store(c);
}

struct loading {
    struct core *core;
    struct err *err;
    bool failed;
};

static void load_channel(void *arg, const struct channel *ch)
{
    struct loading *l = arg;
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    const struct channel plain = core__unseal_channel(l->core, ch, a);
    if (!core__chan_put(l->core, &plain, &p)) {
        log_error("a stored channel cannot be used now; it does not ring",
                  F_STR("channel", ch->name), F_STR("error", p.list.n ? p.list.at[0].message : ""));
        core__chan_keep(l->core, &plain);
    }
    problems_done(&p);
    arena_free(a);
}

static void load_target(void *arg, const struct target *stored, const struct target_state *st,
                        const char *last_message)
{
    struct loading *l = arg;
    struct arena *a = arena_new();
    const struct target plain = core__unseal_target(l->core, stored, a), *t = &plain;
    struct err err = {0};
    struct problems p;
    const char *instance = "";
    problems_init(&p, a);
    struct node *config = node_from_json(a, t->config_json, strlen(t->config_json), &err);
    if (!config)
        config = node_map(a);
    if (!core__check_config(t->type, config, a, &p, "config", &instance))
        log_warn("a stored target cannot be probed by this build; its rounds fail",
                 F_STR("target", t->name),
                 F_STR("error", p.list.n ? p.list.at[0].message : err.msg));
    struct entry *e = core__entry_put(l->core, t, config, instance);
    e->state = *st;
    e->last_message = last_message && *last_message ? strdup(last_message) : NULL;
    problems_done(&p);
    arena_free(a);
}

static void load_alert(void *arg, const struct alert *al)
{
    struct loading *l = arg;
    struct core *c = l->core;
    core__alert_put(c, al);
    if (al->target_id == 0 && strcmp(al->target_name, STORE_ALERT) == 0) {
        c->own_store = al->id;
        c->store_told_ns = clock_mono_ns() + TOLD_NS; /* time to find it failing still */
    }
    if (al->target_id == 0 && strcmp(al->target_name, NETWORK_ALERT) == 0)
        c->own_network = al->id;
    if (c->metrics && al->target_id == 0 && strcmp(al->target_name, METRICS_ALERT) == 0)
        c->metrics->alert_id = al->id;
    if (core__rule_alert_load(c, al) || core__location_alert_load(c, al))
        return;
    core__program_alert_load(c, al);
}

static void load_delivery(void *arg, const struct delivery *d)
{
    struct loading *l = arg;
    struct core *c = l->core;
    struct arena *a = arena_new();
    struct err err = {0};
    struct alert al = {0};
    if (!core__alert(c, d->alert_id) && store_load_alert(c->store, d->alert_id, a, &al, &err) == 0)
        core__alert_put(c, &al);
    if (core__alert(c, d->alert_id))
        core__delivery_keep(c, d);
    else
        log_error("a waiting message names an alert that is gone; it is dropped", F_ERR(&err));
    arena_free(a);
}

static void load_window(void *arg, const struct maintenance *m)
{
    struct loading *l = arg;
    core__window_load(l->core, m);
}

static void add_told(void *arg, const struct delivery *d)
{
    struct entry *e = arg;
    if (d->kind != EVENT_FIRED)
        return;
    e->told.at = realloc(e->told.at, (e->told.n + 1) * sizeof(uint64_t));
    must(e->told.at);
    e->told.at[e->told.n++] = d->channel_id;
}

/* Who heard of the alerts that are open: they must hear of the end. */
static int load_told(struct core *c, struct err *err)
{
    struct store_reader *r = store_reader_open(c->store, err);
    int rc = r ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < c->order.n; i++) {
        struct entry *e = c->order.at[i];
        if (e->state.open_alert_id)
            rc = store_deliveries_of(r, e->state.open_alert_id, add_told, e, err);
    }
    store_reader_close(&r);
    return rc;
}

static int load_all(struct core *c, struct err *err)
{
    struct loading l = {.core = c};
    if (!core__programs_new(c, err))
        return -1;
    if (store_load_max_ids(c->store, &c->ids, err) != 0 ||
        store_load_channels(c->store, load_channel, &l, err) != 0 ||
        store_load_targets(c->store, load_target, &l, err) != 0 ||
        store_load_open_alerts(c->store, load_alert, &l, err) != 0 ||
        store_load_pending_deliveries(c->store, load_delivery, &l, err) != 0 ||
        store_load_maintenances(c->store, load_window, &l, err) != 0)
        return -1;
    if (core__switched_load(c, err) != 0 || core__documents_load(c, err) != 0 ||
        core__push_load(c, err) != 0 || core__located_load(c, err) != 0)
        return -1;
    core__seal_loaded(c);
    core__silences_init(c);
    vec_each (&c->order, it)
        core__index_live(c, *it);
    return load_told(c, err);
}

static void check_own_network(struct core *c)
{
    bool gone = c->references.n > 0;
    for (uint32_t i = 0; i < c->references.n; i++) {
        const struct entry *e = core__entry(c, c->references.at[i]);
        gone = gone && e && e->target->enabled && e->state.fail_count > 0;
    }
    if (gone == (c->own_network != 0))
        return;
    core__own_alert(
        c, &c->own_network, NETWORK_ALERT, gone,
        gone
            ? "every reference target fails: Belfry's own network is gone; other alerts are held back"
            : "the reference targets answer again");
}

static void on_tick(struct timer *t)
{
    struct core *c = container_of(t, struct core, tick_timer);
    check_magic(c, CORE_MAGIC);
    if (c->closing)
        return;
    check_own_network(c);
    settle_store(c);
    core__recheck_waiting(c);
    core__silences_tick(c);
    core__expire_checks(c);
    core__inner_tick(c);
    core__located_tick(c);
    core__locations_tick(c);
    core__retire_unwanted(c);
    core__mend_watchers(c);
    core__programs_tick(c);
    core__metrics_tick(c);
    if (c->events)
        sse_check(c->events);
    if (++c->ticks % EVENT_SILENCE_TICKS == 0 && c->events)
        sse_publish(c->events, NULL, NULL, 0); /* keeps proxies from cutting silent streams */
    timer_start(c->loop, t, clock_mono_ns() + TICK_NS, on_tick);
}

static int open_store(struct core *c, struct err *err)
{
    bool damaged = false;
    char *path = path_join(c->config->data_dir, "belfry.db");
    struct store_options opt = {
        .path = path,
        .results_keep_ms = c->config->results.keep_ms,
        .results_max_bytes = c->config->results.max_size,
        .audit_keep_ms = c->config->access.audit_keep_ms,
        .loop = c->loop,
        .on_health = on_store_health,
        .arg = c,
        .hooks = c->store_hooks,
    };
    c->store = store_open(&opt, &damaged, err);
    free(path);
    if (c->store && damaged)
        log_error("the database was damaged; it was set aside and a new one begun",
                  F_STR("data_dir", c->config->data_dir));
    c->store_damaged = damaged;
    return c->store ? 0 : -1;
}

static int open_link(struct core *c, struct err *err)
{
    char *path = path_join(c->run_dir, "link.sock");
    c->link = link_listen(c->loop, path, core__on_link, c, err);
    free(path);
    return c->link ? 0 : -1;
}

static int open_notify(struct core *c, struct err *err)
{
    c->notify.loop = c->loop;
    c->notify.resolver = resolver_new(c->loop, err);
    c->notify.http = c->notify.resolver ? http_client_new(c->loop, c->notify.resolver, err) : NULL;
    return c->notify.http ? 0 : -1;
}

static int make_run_dirs(struct core *c, struct err *err)
{
    static const char *const dirs[] = {"assign", "rings", "beat"};
    for (size_t i = 0; i < array_len(dirs); i++) {
        char *path = path_join(c->run_dir, dirs[i]);
        int rc = fs_mkdirs(path, 0700, err);
        free(path);
        if (rc != 0)
            return -1;
    }
    return 0;
}

struct core *core_new(const struct core_options *opt, struct err *err)
{
    struct core *c = calloc(1, sizeof(*c));
    must(c);
    c->magic = CORE_MAGIC;
    c->loop = opt->loop;
    c->config = opt->config;
    c->config_path = strdup(opt->config_path);
    c->run_dir = path_join(opt->config->data_dir, "run");
    c->events = opt->events;
    c->units_changed = opt->units_changed;
    c->units_arg = opt->arg;
    c->store_hooks = opt->hooks;
    c->targets = map_u64_new();
    c->index = target_index_new();
    c->target_names = map_str_new();
    c->channels = map_u64_new();
    c->deliveries = map_u64_new();
    c->alerts = map_u64_new();
    c->checks = map_u64_new();
    c->switched = map_u64_new();
    c->switched_units = map_str_new();
    c->push_tokens = map_u64_new();
    c->push_seed = rng_secure_u64();
    c->group_logs = map_str_new();
    c->next_request = (uint64_t)clock_wall_ms()
                      << 16;                /* answers to an earlier life match nothing */
    c->assign_generation = c->next_request; /* not one that watchers know from an earlier life */
    c->dispatch = dispatch_new();
    c->locations = core__locations_new();
    core__commit_init(c);
    core__metrics_new(c); /* before anything is taken from a ring */
    if (make_run_dirs(c, err) != 0 || core__seal_open(c, err) != 0 || open_store(c, err) != 0 ||
        load_all(c, err) != 0 || open_link(c, err) != 0 || open_notify(c, err) != 0) {
        core_free(c);
        return NULL;
    }
    core__deliver_init(c); /* before the file may remove channels and end alerts */
    if (core__sync_config(c, NULL, c->config, err) != 0) {
        core_free(c);
        return NULL;
    }
    core__programs_start(c);
    core__plan_watchers(c);
    core__adopt_rings(c);
    core__derived_open(c);
    core__drain_all(c);
    if (c->store_damaged)
        tell_damage(c, "the database was damaged; it was set aside and a new one begun");
    c->ready = true;
    timer_start(c->loop, &c->tick_timer, clock_mono_ns() + TICK_NS, on_tick);
    log_info("the core is ready", F_INT("targets", c->order.n),
             F_INT("channels", c->channel_order.n), F_INT("watchers", c->watchers.n));
    return c;
}

static void on_stopping(struct timer *t)
{
    struct core *c = container_of(t, struct core, tick_timer);
    check_magic(c, CORE_MAGIC);
    core__drain_all(c);
    core__tap_drain(&c->programs->tap);
    core__commit_now(c);
    bool idle = core__commits_idle(c) && core__metrics_idle(c) && c->sends.n == 0;
    if (!idle && clock_mono_ns() < c->stop_deadline_ns) {
        timer_start(c->loop, t, clock_mono_ns() + 20 * NS_PER_MS, on_stopping);
        return;
    }
    c->stopped(c->stopped_arg);
}

void core_stop(struct core *c, void (*done)(void *arg), void *arg)
{
    check_magic(c, CORE_MAGIC);
    if (c->stopping)
        return;
    c->stopping = true;
    c->stopped = done;
    c->stopped_arg = arg;
    c->stop_deadline_ns = clock_mono_ns() + STOP_NS;
    timer_stop(&c->dispatch_timer);
    core__programs_stop(c);
    timer_start(c->loop, &c->tick_timer, clock_mono_ns(), on_stopping);
}

void core_free(struct core *c)
{
    if (!c)
        return;
    check_magic(c, CORE_MAGIC);
    c->closing = c->stopping = true;
    core__cancel_sends(c);
    core__metrics_stop_import(c);
    store_close(c->store); /* answers what was submitted */
    c->store = NULL;
    timer_stop(&c->tick_timer);
    timer_stop(&c->inner_timer);
    timer_stop(&c->dispatch_timer);
    core__commit_done(c);
    core__metrics_free(c);
    link_server_close(&c->link);
    core__watchers_free(c);
    core__derived_close(c);
    http_client_free(c->notify.http);
    resolver_free(c->notify.resolver);
    dispatch_free(c->dispatch);
    uint64_t id;
    void *value;
    for (size_t it = 0; map_u64_next(c->deliveries, &it, &id, &value);)
        free(value);
    map_u64_free(c->deliveries);
    core__checks_free(c); /* answers health probes */
    core__locations_free(c);
    core__programs_free(c);
    core__alerts_free(c);
    map_u64_free(c->switched);
    map_str_free(c->switched_units);
    core__documents_free(c);
    core__seal_close(c);
    core__registry_free(c);
    vec_done(&c->inner);
    vec_done(&c->located);
    map_u64_free(c->push_tokens);
    core__logs_close(c);
    config_unref(&c->config);
    bb_unref(&c->blackbox);
    free(c->references.at);
    free(c->config_path);
    free(c->run_dir);
    c->magic = 0;
    free(c);
}
