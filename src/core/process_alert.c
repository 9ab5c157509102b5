/* Ringing for supervised programs: what alert/process.c decides becomes an alert of group "processes" on the road of all
 * alerts; and Belfry's own processes that are down for long, as warden.json says. Main loop. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "core/process_priv.h"

#define STATE_MAX  ((size_t)8 << 20)
#define OWN_PREFIX "Belfry: process "

static struct process_alarm_rule rule_of(const struct program *p)
{
    struct process_alarm_rule rule = PROCESS_ALARM_RULE;
    rule.oneshot = p->unit->config->kind == PROCESS_ONESHOT;
    return rule;
}

static struct id_list channels_of(struct core *c, const struct program *p, struct arena *a)
{
    const struct str_list *names = &p->unit->config->channels;
    struct id_list ids = {arena_array_of(a, uint64_t, names->n + 1), 0};
    for (size_t i = 0; i < names->n; i++) {
        const struct chan *ch = core__chan_by_name(c, names->at[i]);
        if (ch)
            ids.at[ids.n++] = ch->channel->id;
    }
    return ids;
}

static struct label *labels_of(const struct program *p, struct arena *a, uint32_t *n)
{
    const struct pair_list *own = &p->unit->config->labels;
    struct label *all = arena_array_of(a, struct label, own->n + 1);
    *n = 0;
    for (size_t i = 0; i < own->n; i++)
        if (strcmp(own->at[i].key, "unit") != 0)
            all[(*n)++] = (struct label){own->at[i].key, own->at[i].value};
    all[(*n)++] = (struct label){"unit", p->unit->config->id};
    return all;
}

static void step(struct program *p, bool failing, bool again, const char *message)
{
    struct core *c = p->all->core;
    struct arena *a cleanup(arena_freep) = arena_new();
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    struct judge_own own = {
        .name = p->unit->config->id,
        .type = *p->unit->config->type ? p->unit->config->type : "process",
        .group = PROGRAM_GROUP,
        .instance = host,
        .channels = channels_of(c, p, a),
        .suppressible = true,
        .again = again,
    };
    own.labels = labels_of(p, a, &own.n_labels);
    core__judge_own(c, &own, &p->alert_id, failing, message, a);
}

void core__program_alarm(struct program *p, const struct process_verdicts *v)
{
    for (uint32_t i = 0; i < v->n; i++)
        step(p, v->at[i].act != ALARM_RESOLVE, v->at[i].act == ALARM_TELL_AGAIN, v->at[i].message);
}

void core__program_alarm_event(struct program *p, const struct process_event *e)
{
    char text[SPAWN_STATUS_SIZE] = "";
    struct process_alarm_rule rule = rule_of(p);
    struct process_verdicts v;
    if (e->kind == PROCESS_DEATH && e->status != UNIT_STATUS_UNKNOWN)
        spawn_status_text(e->status, text);
    process_alarm_event(&p->alarm, &rule, e, text, &v);
    core__program_alarm(p, &v);
}

void core__program_gone(struct program *p)
{
    if (p->alert_id)
        step(p, false, false, "the program was removed");
}

static void tick(struct program *p)
{
    struct unit_record r;
    struct process_alarm_rule rule = rule_of(p);
    struct process_verdicts v;
    core__program_record(p, &r);
    process_alarm_tick(&p->alarm, &rule, r.state == UNIT_RUNNING || r.state == UNIT_READY,
                       clock_wall_ms(), &v);
    core__program_alarm(p, &v);
    if (p->alert_id && v.n == 0)
        step(p, true, false, ""); /* what a maintenance held back may ring now */
}

void core__program_alerts_tick(struct core *c)
{
    vec_each (&c->programs->order, it)
        if ((*it)->alert_id || (*it)->alarm.given_up)
            tick(*it);
}

/* --- open ones of an earlier life --- */

/* Before the roster is made: kept by name. */
struct own_child {
    uint64_t alert_id;
    bool failing, seen;
};

static struct own_child *open_alert(struct core *c, const char *name)
{
    struct map_str *m = c->programs->own_alerts;
    struct own_child *o = map_str_get(m, name, strlen(name));
    if (!o) {
        o = calloc(1, sizeof(*o));
        must(o);
        map_str_put(m, name, strlen(name), o);
    }
    return o;
}

bool core__program_alert_load(struct core *c, const struct alert *a)
{
    bool own = str_starts(str_of(a->target_name), STR(OWN_PREFIX));
    if (a->target_id != 0 || (!own && strcmp(a->group, PROGRAM_GROUP) != 0))
        return false;
    open_alert(c, a->target_name)->alert_id = a->id;
    return true;
}

static void close_orphan(struct core *c, const struct alert *open, uint64_t *id)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct judge_own own = {.name = arena_strdup(a, open->target_name),
                            .type = "process",
                            .group = PROGRAM_GROUP,
                            .instance = ""};
    core__judge_own(c, &own, id, false, "the program was removed", a);
}

/* The warden's answer names a few of many; the others are known by their alerts. */
static void recall_refusal(struct program *p, const char *message)
{
    const char *why = strstr(message, ": ");
    if (p->alarm.trouble == TROUBLE_REFUSED && why)
        core__program_set_refused(p, why + 2);
}

void core__program_alerts_settle(struct core *c)
{
    struct map_str *m = c->programs->own_alerts;
    const char *name;
    size_t len;
    void *value;
    for (size_t it = 0; map_str_next(m, &it, &name, &len, &value);) {
        struct own_child *o = value;
        const struct alert *open = core__alert(c, o->alert_id);
        if (str_starts((struct str){name, len}, STR(OWN_PREFIX)))
            continue;
        struct program *p = map_str_get(c->programs->by_id, name, len);
        if (p && open) {
            p->alert_id = open->id;
            process_alarm_found(&p->alarm, open->message, open->fired_ms, clock_wall_ms());
            recall_refusal(p, open->message);
        } else if (open) {
            close_orphan(c, open, &o->alert_id);
        }
        map_str_del(m, name, len);
        free(o);
    }
}

/* --- Belfry's own processes --- */

static bool is_down(const struct node *child)
{
    const struct node *state = node_get(child, "state");
    return state && state->kind == NODE_TEXT &&
           (str_eqz(state->text, "backoff") || str_eqz(state->text, "fatal"));
}

static void judge_child(struct core *c, const struct node *child, struct arena *a)
{
    const struct node *name = node_get(child, "name");
    if (!name || name->kind != NODE_TEXT)
        return;
    const char *title = arena_printf(a, OWN_PREFIX "%.*s", (int)name->text.n, name->text.p);
    struct own_child *o = map_str_get(c->programs->own_alerts, title, strlen(title));
    bool down = is_down(child);
    if (!down && !o)
        return;
    o = open_alert(c, title);
    o->seen = true;
    if (down != (o->alert_id != 0))
        core__own_alert(c, &o->alert_id, title, down,
                        down ? "it keeps dying: it is started again only after a wait"
                             : "it runs again");
}

/* What is down no longer, or no longer there. */
static void forget_children(struct core *c)
{
    const char *name;
    size_t len;
    void *value;
    for (size_t it = 0; map_str_next(c->programs->own_alerts, &it, &name, &len, &value);) {
        struct own_child *o = value;
        char *title = strndup(name, len);
        must(title);
        if (!o->seen && o->alert_id)
            core__own_alert(c, &o->alert_id, title, false, "it is no longer needed");
        if (o->alert_id == 0) {
            map_str_del(c->programs->own_alerts, title, len);
            free(o);
        } else {
            o->seen = false;
        }
        free(title);
    }
}

static void read_children(struct core *c, const char *path)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct buf text = BUF_INIT(STATE_MAX);
    if (fs_read(path, &text, NULL) == 0) {
        const struct node *doc = node_from_json(a, text.data ? text.data : "", text.len, NULL);
        const struct node *list = doc ? node_get(doc, "children") : NULL;
        for (const struct node *n = list ? list->first : NULL; n; n = n->next)
            judge_child(c, n, a);
        if (list)
            forget_children(c);
    }
    buf_done(&text);
}

void core__own_children_tick(struct core *c)
{
    char *path = path_join(c->run_dir, "warden.json");
    struct stat st;
    if (stat(path, &st) == 0) {
        int64_t seen = (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
        if (seen != c->programs->own_seen_ns)
            read_children(c, path);
        c->programs->own_seen_ns = seen;
    }
    free(path);
}

void core__own_children_free(struct core *c)
{
    const char *name;
    size_t len;
    void *value;
    for (size_t it = 0; map_str_next(c->programs->own_alerts, &it, &name, &len, &value);)
        free(value);
    map_str_free(c->programs->own_alerts);
}
