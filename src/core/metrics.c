/* The life of the time-series store, the query engine and the rules in the core: the writer's thread opens the store, then
 * the rest stands on it; while it is away or full, Belfry rings on and says so. Main loop. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "core/metrics_priv.h"

#define FIGURES_NS  (15 * NS_PER_S)
#define PATIENCE_NS (5 * NS_PER_S) /* trouble shorter than this is not worth an alert */

/* --- for everybody --- */

struct tsdb *core_tsdb(struct core *c)
{
    return c->metrics ? atomic_load(&c->metrics->db) : NULL;
}

struct promql_engine *core_promql(struct core *c)
{
    return c->metrics ? atomic_load(&c->metrics->engine) : NULL;
}

struct rule_manager *core_rules(struct core *c)
{
    return c->metrics ? atomic_load(&c->metrics->rules) : NULL;
}

const char *core_metrics_trouble(struct core *c)
{
    struct metrics *m = c->metrics;
    if (!m)
        return NULL;
    if (metrics_writer_trouble(m->writer, &m->trouble))
        return m->trouble.msg;
    return NULL;
}

/* --- rules --- */

static void start_rules(struct core *c, struct rule_set *set)
{
    struct metrics *m = c->metrics;
    const struct pair_list *external = &c->config->metrics.external_labels;
    struct arena *a cleanup(arena_freep) = arena_new();
    struct label_pair *labels = arena_array_of(a, struct label_pair, external->n + 1);
    for (size_t i = 0; i < external->n; i++)
        labels[i] = (struct label_pair){str_of(external->at[i].key), str_of(external->at[i].value)};
    m->rule_sink = tsdb_sink(m->db, tsdb_source_id(m->db, "rules"));
    struct rule_manager_options o = {
        .engine = m->engine,
        .source = tsdb_source(m->db),
        .sink = m->rule_sink,
        .external = labels,
        .n_external = external->n,
        .external_url = c->config->server.public_url,
        .notify = core__rule_notify,
        .arg = m->alerts,
    };
    atomic_store(&m->rules, rule_manager_new(&o, set));
}

/* --- remote write --- */

static void sync_remote(struct core *c)
{
    struct metrics *m = c->metrics;
    struct err err = {0};
    if (!c->config->remote_write && !m->remote)
        return;
    char *dir = path_join(c->config->data_dir, "remote");
    if (!m->remote)
        m->remote = remote_writers_new(&(struct remote_options){.db = m->db, .dir = dir}, &err);
    if (!m->remote || remote_writers_reload(m->remote, c->config->remote_write,
                                            &c->config->metrics.external_labels, &err) != 0)
        log_error("nothing is sent by remote write as configured now", F_ERR(&err));
    free(dir);
}

/* --- what was before --- */

static void start_import(struct core *c)
{
    struct metrics *m = c->metrics;
    struct arena *a = arena_new();
    struct import_target *targets = arena_array_of(a, struct import_target, c->order.n + 1);
    for (size_t i = 0; i < c->order.n; i++) {
        const struct entry *e = c->order.at[i];
        const struct core_target view = {.target = e->target, .instance = e->instance};
        const struct label *labels = core_target_labels(&view, a, &targets[i].n_labels);
        struct label *copy = arena_array_of(a, struct label, targets[i].n_labels + 1);
        for (uint32_t k = 0; k < targets[i].n_labels; k++) /* those of the target may go */
            copy[k] =
                (struct label){arena_strdup(a, labels[k].name), arena_strdup(a, labels[k].value)};
        targets[i].id = e->target->id;
        targets[i].labels = copy;
    }
    const struct metrics_import_options o = {
        .store = c->store,
        .db = m->db,
        .dir = m->dir,
        .keep_ms = c->config->results.keep_ms,
        .arena = a,
        .targets = targets,
        .n_targets = c->order.n,
        .hooks = c->store_hooks,
    };
    m->import = metrics_import_new(&o);
}

void core__metrics_stop_import(struct core *c)
{
    if (!c->metrics)
        return;
    metrics_import_free(c->metrics->import);
    c->metrics->import = NULL;
}

/* --- life --- */

static void opened(struct core *c)
{
    struct metrics *m = c->metrics;
    struct promql_options o = core__promql_options(c->config);
    struct tsdb_stats st;
    atomic_store(&m->engine, promql_engine_new(&o));
    atomic_store(&m->db, metrics_writer_tsdb(m->writer));
    struct rule_set *set = core__rule_set(c->config);
    start_rules(c, set);
    rule_set_unref(&set);
    sync_remote(c);
    start_import(c);
    tsdb_get_stats(m->db, &st);
    log_info("the metrics store is open", F_INT("series", st.series), F_INT("blocks", st.blocks),
             F_INT("replay_ms", st.replay_ms));
}

static void on_news(void *arg)
{
    struct core *c = arg;
    check_magic(c, CORE_MAGIC);
    if (c->closing)
        return;
    if (!c->metrics->db && metrics_writer_tsdb(c->metrics->writer))
        opened(c);
    core__metrics_free_rings(c);
}

void core__metrics_new(struct core *c)
{
    if (!c->config->metrics.enable)
        return;
    struct metrics *m = calloc(1, sizeof(*m));
    struct arena *a = arena_new();
    must(m);
    c->metrics = m;
    m->core = c;
    m->dir = path_join(c->config->data_dir, "tsdb");
    m->alerts = core__rule_alerts_new(c);
    vec_push(&m->setups, a);
    struct metrics_writer_options o = {
        .tsdb = core__tsdb_options(c->config, m->dir, a),
        .instance = c->config->server.listen,
        .loop = c->loop,
        .news = on_news,
        .arg = c,
        .hooks = c->store_hooks,
    };
    m->writer = metrics_writer_new(&o);
    m->figures_ns = clock_mono_ns() + FIGURES_NS;
}

void core__metrics_free(struct core *c)
{
    struct metrics *m = c->metrics;
    if (!m)
        return;
    struct rule_manager *rules = m->rules;
    rule_manager_free(&rules); /* its last notices are dropped: c->closing */
    if (m->rule_sink.ops)
        tsdb_sink_free(&m->rule_sink);
    remote_writers_free(m->remote);
    promql_engine_free(m->engine);
    metrics_writer_free(m->writer);
    core__rule_alerts_free(m->alerts);
    vec_each (&m->setups, it)
        arena_free(*it);
    vec_done(&m->setups);
    vec_done(&m->waits);
    free(m->dir);
    free(m);
    c->metrics = NULL;
}

void core__metrics_reload(struct core *c)
{
    struct metrics *m = c->metrics;
    const struct config_metrics *cfg = &c->config->metrics;
    if (cfg->enable != (m != NULL))
        log_warn("metrics.enable changed; it takes effect at the next start");
    if (!m || !m->db)
        return;
    struct arena *a = arena_new();
    size_t n;
    const struct tsdb_keep_rule *rules = core__keep_rules(c->config, a, &n);
    vec_push(&m->setups, a);
    tsdb_set_keep(m->db, cfg->retention.raw_ms, (uint64_t)cfg->retention.size, rules, n);
    struct promql_options o = core__promql_options(c->config);
    promql_engine_set_limits(m->engine, &o.limits);
    struct rule_set *set = core__rule_set(c->config);
    if (set || c->config->rule_files.n == 0)
        rule_manager_reload(m->rules, set);
    rule_set_unref(&set);
    sync_remote(c);
}

/* --- each second --- */

static void put_figures(struct core *c)
{
    struct metrics *m = c->metrics;
    struct figures f;
    m->figures_ns += FIGURES_NS;
    if (m->figures_ns < clock_mono_ns())
        m->figures_ns = clock_mono_ns() + FIGURES_NS;
    figures_init(&f, arena_new());
    core_figures(c, &f);
    if (m->more)
        m->more(m->more_arg, &f);
    metrics_writer_figures(m->writer, &f, clock_wall_ms());
}

static void look_at_trouble(struct core *c)
{
    struct metrics *m = c->metrics;
    const char *trouble = core_metrics_trouble(c);
    int64_t now = clock_mono_ns();
    if (!trouble)
        m->trouble_ns = 0;
    else if (m->trouble_ns == 0)
        m->trouble_ns = now;
    if (trouble && m->alert_id == 0 && now - m->trouble_ns >= PATIENCE_NS)
        core__own_alert(c, &m->alert_id, METRICS_ALERT, true, trouble);
    else if (!trouble && m->alert_id != 0 && m->db)
        core__own_alert(c, &m->alert_id, METRICS_ALERT, false, "the metrics store works again");
}

void core__metrics_tick(struct core *c)
{
    struct metrics *m = c->metrics;
    if (!m)
        return;
    if (clock_mono_ns() >= m->figures_ns)
        put_figures(c);
    if (m->import && metrics_import_ended(m->import))
        core__metrics_stop_import(c);
    core__metrics_seal(c);
    core__metrics_free_rings(c);
    core__rule_alerts_tick(m->alerts);
    look_at_trouble(c);
}

void core_figures_more(struct core *c, void (*fn)(void *arg, struct figures *f), void *arg)
{
    if (!c->metrics)
        return;
    c->metrics->more = fn;
    c->metrics->more_arg = arg;
}
