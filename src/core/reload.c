/* From a configuration to what runs: channels and targets of the file are compared with those there are; only what
 * differs is written, ids stay, state stays. Used at the start and at each reload; one that does not validate
 * changes nothing. */
#include <stdlib.h>

#include "base/clock.h"
#include "core/core_priv.h"
#include "core/inner.h"
#include "core/seal.h"
#include "core/metrics_priv.h"
#include "core/process_priv.h"
#include "core/hooks.h"
#include "core/reload_news.h"

static bool same_channel(const struct channel *a, const struct channel *b)
{
    return strcmp(a->type, b->type) == 0 && strcmp(a->webhook_url, b->webhook_url) == 0 &&
           strcmp(a->config_json, b->config_json) == 0 && a->mention_all == b->mention_all &&
           a->enabled == b->enabled && a->source == b->source;
}

static struct chan *sync_channel(struct core *c, const struct config_channel *want,
                                 struct problems *p, struct news *news)
{
    struct chan *have = core__chan_by_name(c, want->name);
    struct channel ch = {
        .id = have ? have->channel->id : c->ids.channel + 1,
        .name = want->name,
        .type = want->type,
        .webhook_url = want->webhook_url ? want->webhook_url : "",
        .config_json = want->config_json ? want->config_json : "{}",
        .enabled = have ? core__switched(c, 'c', have->channel->id, want->enabled) : want->enabled,
        .mention_all = want->mention_all,
        .source = SOURCE_FILE,
        .created_ms = have ? have->channel->created_ms : clock_wall_ms(),
        .updated_ms = clock_wall_ms(),
    };
    if (!have || !same_channel(have->channel, &ch)) {
        bool is_new = !have;
        have = core__chan_put(c, &ch, p);
        if (!have)
            return NULL; /* the hooks checked it: cannot happen but for a race with a changed file */
        c->ids.channel += is_new;
        core__news_add(news, NEWS_CHANNEL, is_new ? NEWS_ADDED : NEWS_CHANGED, NULL, ch.name);
        core__store_channel(c, have->channel);
        core__channel_changed(c, have);
    }
    have->seen_reload = c->reload_generation;
    return have;
}

static struct id_list channel_ids(const struct config_target *t, struct chan *const *channels,
                                  struct arena *a)
{
    struct id_list ids = {arena_array_of(a, uint64_t, t->n_channels + 1), 0};
    for (uint32_t i = 0; i < t->n_channels; i++) {
        const struct chan *ch = channels[t->channels[i]];
        bool twice = false;
        for (uint32_t k = 0; ch && k < ids.n; k++)
            twice = twice || ids.at[k] == ch->channel->id;
        if (ch && !twice)
            ids.at[ids.n++] = ch->channel->id;
    }
    return ids;
}

/* Ids first, for depends_on may name targets that come later in the file. */
static uint64_t *give_ids(struct core *c, const struct config *cfg)
{
    uint64_t *ids = calloc(cfg->n_targets + 1, sizeof(*ids));
    must(ids);
    for (uint32_t i = 0; i < cfg->n_targets; i++) {
        const struct target *t = &cfg->targets[i].spec;
        struct entry *e = core__entry_by_name(c, t->group, t->name);
        ids[i] = e ? e->target->id : ++c->ids.target;
    }
    return ids;
}

static const char *instance_of(const char *type, const struct node *config, struct arena *a)
{
    const char *instance = "";
    struct problems p;
    problems_init(&p, a);
    core__check_config(type, config, a, &p, "config", &instance);
    problems_done(&p);
    return instance;
}

/* A job's address stays the same from load to load, though the file does not name it. */
static const struct node *with_token(const struct entry *e, struct target *t,
                                     const struct node *config, struct arena *a)
{
    if (!streq(t->type, "push"))
        return config;
    const struct node *whole = core__push_complete(e, config, a);
    if (whole != config)
        t->config_json = core__config_json(prober_by_type("push", NULL)->options, whole, a);
    must(t->config_json != NULL);
    return whole;
}

static void sync_target(struct core *c, const struct config_target *want, uint64_t id,
                        const uint64_t *ids, struct chan *const *channels, struct arena *a,
                        struct news *news)
{
    struct target t = want->spec;
    struct entry *e = core__entry(c, id);
    const struct node *config = with_token(e, &t, want->config, a);
    int64_t now = clock_wall_ms();
    t.id = id;
    t.source = SOURCE_FILE;
    t.enabled = core__switched(c, 't', id, t.enabled);
    t.channels = channel_ids(want, channels, a);
    t.depends_on =
        (struct id_list){arena_array_of(a, uint64_t, want->n_parents + 1), want->n_parents};
    for (uint32_t i = 0; i < want->n_parents; i++)
        t.depends_on.at[i] = ids[want->parents[i]];
    t.created_ms = e ? e->target->created_ms : now;
    t.updated_ms = now;
    bool same = e && target_same_spec(e->target, &t);
    if (!same) {
        bool was_enabled = !e || e->target->enabled;
        core__news_add(news, NEWS_TARGET, e ? NEWS_CHANGED : NEWS_ADDED, t.group, t.name);
        e = core__entry_put(c, &t, config, instance_of(t.type, config, a));
        core__store_target(c, e->target);
        if (e->watcher)
            e->watcher->dirty = true;
        if (was_enabled != t.enabled)
            core__close_alert(c, e, t.enabled ? TARGET_UNKNOWN : TARGET_DISABLED,
                              t.enabled ? "monitoring was resumed" : "monitoring was paused");
    }
    e->seen_reload = c->reload_generation;
}

static void sync_targets(struct core *c, const struct config *cfg, struct chan *const *channels,
                         struct news *news)
{
    uint64_t *ids = give_ids(c, cfg);
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < cfg->n_targets; i++) {
        sync_target(c, &cfg->targets[i], ids[i], ids, channels, a, news);
        arena_reset(a);
    }
    c->references.n = 0;
    c->references.at = realloc(c->references.at, (cfg->n_reference_targets + 1) * sizeof(uint64_t));
    must(c->references.at);
    for (uint32_t i = 0; i < cfg->n_reference_targets; i++)
        c->references.at[c->references.n++] = ids[cfg->reference_targets[i]];
    arena_free(a);
    free(ids);
}

static void drop_vanished(struct core *c, struct news *news)
{
    for (size_t i = c->order.n; i-- > 0;) {
        struct entry *e = c->order.at[i];
        if (e->target->source != SOURCE_FILE || e->seen_reload == c->reload_generation)
            continue;
        core__news_add(news, NEWS_TARGET, NEWS_REMOVED, e->target->group, e->target->name);
        core__target_remove(c, e);
    }
    for (size_t i = c->channel_order.n; i-- > 0;) {
        struct chan *ch = c->channel_order.at[i];
        if (ch->channel->source != SOURCE_FILE || ch->seen_reload == c->reload_generation)
            continue;
        core__news_add(news, NEWS_CHANNEL, NEWS_REMOVED, NULL, ch->channel->name);
        core__channel_remove(c, ch);
    }
    core__forget_parents(c);
}

static void note_settings(const struct config *old, const struct config *fresh, struct news *news)
{
    core__news_settings(news, config_settings(old, core_config_hooks(), news->arena),
                        config_settings(fresh, core_config_hooks(), news->arena));
}

int core__sync_config(struct core *c, const struct config *old, struct config *config,
                      struct err *err)
{
    must(config->targets || config->n_targets == 0);
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct news news = {.arena = a};
    if (old)
        note_settings(old, config, &news);
    c->reload_generation++;
    struct chan **channels = arena_array_of(a, struct chan *, config->n_channels + 1);
    for (uint32_t i = 0; i < config->n_channels; i++)
        channels[i] = sync_channel(c, &config->channels[i], &p, &news);
    sync_targets(c, config, channels, &news);
    drop_vanished(c, &news);
    core__news_audit(c, &news, c->reload_generation > 1);
    core__blackbox_sync(c, config);
    int rc = 0;
    if (p.list.n)
        rc = err_set(err, ERR_INVALID, "%s: %s", p.list.at[0].field, p.list.at[0].message);
    problems_done(&p);
    arena_free(a);
    config_drop_targets(config);
    core__commit_soon(c);
    return rc;
}

const char *core_config_path(const struct core *c)
{
    check_magic(c, CORE_MAGIC);
    return c->config_path;
}

int core_reload(struct core *c, struct problems *p, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    struct config_input in = {.path = c->config_path};
    int64_t begun = clock_mono_ns();
    struct config *fresh = config_load(&in, core_config_hooks(), p);
    c->stats.last_reload_ms = clock_wall_ms();
    c->stats.last_reload_ok = fresh != NULL;
    if (!fresh) {
        c->stats.reload_failures++;
        size_t n = p->list.n + p->dropped;
        log_error("the configuration was not reloaded; the old one stays in force",
                  F_INT("problems", n), F_STR("first", p->list.n ? p->list.at[0].message : ""));
        return err_set(err, ERR_INVALID, "the configuration has %zu problem%s; nothing was changed",
                       n, n == 1 ? "" : "s");
    }
    c->stats.reloads++;
    for (size_t i = 0; i < fresh->warnings.n; i++)
        log_warn("configuration", F_STR("warning", fresh->warnings.at[i]));
    struct config *old = c->config;
    c->config = fresh;
    int rc = core__sync_config(c, old, fresh, err);
    config_unref(&old);
    core__programs_sync(c);
    core__barred_sync(c);
    core__plan_watchers(c);
    core__metrics_reload(c);
    core__event_simple(c, "config", c->reload_generation);
    log_info("configuration reloaded", F_INT("targets", c->order.n),
             F_INT("took_ms", (clock_mono_ns() - begun) / NS_PER_MS));
    return rc;
}
