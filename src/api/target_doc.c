/* A target as the API takes it: the option table (validation, OpenAPI) and its binding to struct target. */
#include <string.h>

#include "api/api_priv.h"
#include "api/target_places.h"
#include "base/str.h"
#include "config/node.h"
#include "probe/prober.h"

#define IDS_MAX 1000

struct burst_doc {
    int64_t times;
    int64_t delta_ms, max_mean_ms;
    double min_success;
};

struct target_doc {
    const char *name, *type, *url, *group;
    const struct node *config, *expect;
    double interval_s, timeout_s, connect_timeout_s, resend_s;
    int64_t attempts, threshold, success_threshold;
    bool enabled, invert;
    struct pair_list labels;
    const struct node *channels, *depends_on;
    struct str_list locations;
    int64_t location_quorum;
    struct burst_doc burst;
};

static const struct option burst_options[] = {
    {"times", OPT_INT, offsetof(struct burst_doc, times), .def = "0", .min = 0, .max = 1000,
     .help = {"Requests in a burst; 0 is a single probe.", "一轮中的请求数；0 为单次探测。"}},
    {"delta_seconds", OPT_DURATION, offsetof(struct burst_doc, delta_ms), .def = "1s",
     .help = {"Spacing of the requests.", "请求间隔。"}},
    {"min_success", OPT_F64, offsetof(struct burst_doc, min_success), .def = "0.7", .min = 0,
     .max = 1, .help = {"Fails below this share of successes.", "成功率低于此值即失败。"}},
    {"max_mean_seconds", OPT_DURATION, offsetof(struct burst_doc, max_mean_ms), .def = "5s",
     .help = {"Fails above this mean response time.", "平均响应时间高于此值即失败。"}},
    OPTION_END,
};

const struct option target_doc_options[] = {
    {"name", OPT_STRING, offsetof(struct target_doc, name), .required = true, .min = 1, .max = 200,
     .help = {"Unique in its group.", "组内唯一的名称。"}},
    {"type", OPT_STRING, offsetof(struct target_doc, type), .max = 40,
     .help = {"Prober; guessed from the url's scheme when absent.", "探针类型；缺省由 url 推断。"}},
    {"url", OPT_STRING, offsetof(struct target_doc, url), .max = 4096,
     .help = {"Short form of config.", "config 的简写。"}},
    {"group", OPT_STRING, offsetof(struct target_doc, group), .def = "default", .min = 1,
     .max = 100,
     .help = {"Group; each is probed by a process of its own.", "分组；每组由独立进程探测。"}},
    {"config", OPT_NODE, offsetof(struct target_doc, config),
     .help = {"The prober's own fields, see /api/v1/probers.",
              "探针自己的字段，见 /api/v1/probers。"}},
    {"expect", OPT_NODE, offsetof(struct target_doc, expect),
     .help = {"Short form of config.expect.", "config.expect 的简写。"}},
    {"interval_seconds", OPT_F64, offsetof(struct target_doc, interval_s), .def = "30", .min = 0.1,
     .max = 31536000, .help = {"How often it is probed.", "探测间隔。"}},
    {"timeout_seconds", OPT_F64, offsetof(struct target_doc, timeout_s), .def = "5", .min = 0.05,
     .max = 86400,
     .help = {"When a probe has failed; at most the interval.", "超时时间，不大于间隔。"}},
    {"connect_timeout_seconds", OPT_F64, offsetof(struct target_doc, connect_timeout_s), .def = "3",
     .min = 0.05, .max = 86400, .help = {"When a connection has failed.", "连接超时。"}},
    {"attempts", OPT_INT, offsetof(struct target_doc, attempts), .def = "1", .min = 1, .max = 20,
     .help = {"Tries within one probe.", "单次探测内的尝试次数。"}},
    {"threshold", OPT_INT, offsetof(struct target_doc, threshold), .def = "3", .min = 1,
     .max = 1000, .help = {"Consecutive failures until it rings.", "连续失败多少次后告警。"}},
    {"success_threshold", OPT_INT, offsetof(struct target_doc, success_threshold), .def = "1",
     .min = 1, .max = 1000,
     .help = {"Good probes in a row until a target that is down is up again.",
              "故障后连续成功多少次才算恢复。"}},
    {"invert", OPT_BOOL, offsetof(struct target_doc, invert), .def = "false",
     .help = {"A good probe is a failure and the other way round: for what must not be reachable.",
              "探测成功视为故障，失败视为正常：用于不应可达的目标。"}},
    {"resend_interval_seconds", OPT_F64, offsetof(struct target_doc, resend_s), .def = "0",
     .min = 0, .max = 31536000,
     .help = {"Ring again after this while it is down; 0 is never.",
              "故障期间重复通知的间隔；0 为不重复。"}},
    {"enabled", OPT_BOOL, offsetof(struct target_doc, enabled), .def = "true",
     .help = {"Probed or paused.", "是否启用。"}},
    {"labels", OPT_MAP, offsetof(struct target_doc, labels), .max = 32,
     .help = {"Labels of its metrics and alerts.", "标签。"}},
    {"notify_channel_ids", OPT_NODE, offsetof(struct target_doc, channels),
     .help = {"Channels that are told.", "通知渠道。"}},
    {"depends_on", OPT_NODE, offsetof(struct target_doc, depends_on),
     .help =
         {"Targets without which this one cannot work: while one fails, this one does not ring.",
          "依赖的目标；其故障期间本目标不告警。"}},
    {"locations", OPT_LIST, offsetof(struct target_doc, locations), .min = 0,
     .max = TARGET_LOCATIONS_MAX,
     .help = {"From where it is probed: `local` is this server, others are agents. Absent: from "
              "here alone.",
              "从哪些地点探测：`local` 为本机，其余为代理。缺省仅本机。"}},
    {"location_quorum", OPT_INT, offsetof(struct target_doc, location_quorum), .def = "0", .min = 0,
     .max = TARGET_LOCATIONS_MAX,
     .help = {"It is down when so many of its locations say so; 0: the majority.",
              "有多少个地点判定故障才算故障；0 为过半数。"}},
    {"burst", OPT_SECTION, offsetof(struct target_doc, burst), .sub = burst_options,
     .advanced = true,
     .help = {"Several requests a round, judged together.", "一轮多次请求，合并判断。"}},
    OPTION_END,
};

struct try_doc {
    struct target_doc target;
    int64_t target_id;
};
const struct option try_doc_options[] = {
    {"type", OPT_STRING, offsetof(struct target_doc, type), .max = 40,
     .help = {"Prober.", "探针类型。"}},
    {"url", OPT_STRING, offsetof(struct target_doc, url), .max = 4096,
     .help = {"Short form of config.", "简写。"}},
    {"config", OPT_NODE, offsetof(struct target_doc, config),
     .help = {"The prober's own fields.", "探针字段。"}},
    {"timeout_seconds", OPT_F64, offsetof(struct target_doc, timeout_s), .def = "5", .min = 0.05,
     .max = 60, .help = {"When it has failed.", "超时时间。"}},
    {"invert", OPT_BOOL, offsetof(struct target_doc, invert), .def = "false",
     .help = {"A good probe is a failure and the other way round: for what must not be reachable.",
              "探测成功视为故障，失败视为正常：用于不应可达的目标。"}},
    {"target_id", OPT_INT, offsetof(struct try_doc, target_id), .min = 0, .max = 9e15,
     .help = {"Whose stored secrets stand behind masked ones.", "掩码密文取自该目标。"}},
    OPTION_END,
};

/* Fields that a server sends and a client may send back unchanged. */
static const char *const read_only[] = {
    "id",         "source",          "status",          "degraded",        "address",
    "since",      "last_message",    "last_checked_at", "last_latency_ms", "fail_count",
    "created_at", "updated_at",      "alert_id",        "suppressed",      "recent",
    "uptime",     "watcher",         "last_warnings",   "last_result",     "push",
    "members",    "members_missing", "places"};

static bool is_read_only(struct str key)
{
    for (size_t i = 0; i < array_len(read_only); i++)
        if (str_eqz(key, read_only[i]))
            return true;
    return false;
}

/* The document without what only the server sets, and without nulls (a null means the default). */
static struct node *settable(struct call *k, const struct node *doc)
{
    struct node *out = node_map(k->arena);
    for (const struct node *n = doc->first; n; n = n->next)
        if (!is_read_only(n->key) && n->kind != NODE_NULL)
            node_put(out, k->arena, arena_strndup(k->arena, n->key.p, n->key.n),
                     node_copy(k->arena, n));
    return out;
}

/* Each once: a channel is told once. */
static void add_id(struct id_list *ids, uint64_t id)
{
    for (uint32_t i = 0; i < ids->n; i++)
        if (ids->at[i] == id)
            return;
    ids->at[ids->n++] = id;
}

static struct id_list ids_of(struct call *k, const struct node *n, const char *field)
{
    struct id_list ids = {0};
    if (!n)
        return ids;
    if (n->kind != NODE_LIST) {
        problem_add(&k->problems, NULL, field, "got %s; want a list of ids", node_kind_name(n));
        return ids;
    }
    if (n->count > IDS_MAX) {
        problem_add(&k->problems, NULL, field, "got %u ids; want at most %d", n->count, IDS_MAX);
        return ids;
    }
    ids.at = arena_array_of(k->arena, uint64_t, n->count + 1);
    for (const struct node *i = n->first; i; i = i->next)
        if (i->kind == NODE_INT && i->num > 0)
            add_id(&ids, (uint64_t)i->num);
        else
            problem_add(&k->problems, NULL, field, "got %s; want a list of ids", node_kind_name(i));
    return ids;
}

/* As config/config_timing.c wants them in files: they become labels of metrics. */
static bool label_name_ok(const char *name)
{
    static const char *const reserved[] = {"target", "group", "type", "instance"};
    for (size_t i = 0; i < array_len(reserved); i++)
        if (strcmp(name, reserved[i]) == 0)
            return false;
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n > 0 && !name[n] && !(*name >= '0' && *name <= '9') && strncmp(name, "__", 2) != 0;
}

static void take_labels(struct call *k, const struct target_doc *d, struct target *out)
{
    out->labels = arena_array_of(k->arena, struct label, d->labels.n + 1);
    out->n_labels = (uint32_t)d->labels.n;
    for (size_t i = 0; i < d->labels.n; i++)
        if (!label_name_ok(d->labels.at[i].key))
            problem_add(&k->problems, NULL, "labels",
                        "got the name \"%.40s\"; want letters, digits and _, not starting with a "
                        "digit or __, and not target, group, type or instance",
                        d->labels.at[i].key);
    for (size_t i = 0; i < d->labels.n; i++)
        out->labels[i] = (struct label){d->labels.at[i].key, d->labels.at[i].value};
}

static int64_t ms_of(double seconds)
{
    return (int64_t)(seconds * 1000 + 0.5);
}

/* Both stand in logs, process titles and files of a line each. */
static void check_printable(struct call *k, const char *field, const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            problem_add(&k->problems, NULL, field,
                        "got a control character; want one line of text");
            return;
        }
}

static void take_fields(struct call *k, const struct target_doc *d, struct target *out)
{
    out->name = d->name ? d->name : "";
    out->group = d->group ? d->group : "default";
    check_printable(k, "name", out->name);
    check_printable(k, "group", out->group);
    out->interval_ms = ms_of(d->interval_s);
    out->timeout_ms = ms_of(d->timeout_s);
    out->connect_timeout_ms = ms_of(d->connect_timeout_s);
    out->resend_interval_ms = ms_of(d->resend_s);
    out->attempts = (int32_t)d->attempts;
    out->threshold = (int32_t)d->threshold;
    out->success_threshold = (int32_t)d->success_threshold;
    out->invert = d->invert;
    out->enabled = d->enabled;
    out->burst = (struct burst){(int32_t)d->burst.times, d->burst.delta_ms, d->burst.min_success,
                                d->burst.max_mean_ms};
    take_labels(k, d, out);
    out->channels = ids_of(k, d->channels, "notify_channel_ids");
    out->depends_on = ids_of(k, d->depends_on, "depends_on");
    places_take(k, &d->locations, d->location_quorum, out);
}

static const struct prober_ops *prober_of(struct call *k, const struct target_doc *d)
{
    struct err err = {0};
    const struct prober_ops *ops = NULL;
    if (d->type && *d->type) {
        ops = prober_by_type(d->type, &err);
        if (!ops)
            problem_add(&k->problems, NULL, "type", "%s", err.msg);
    } else if (d->url) {
        ops = prober_by_url(d->url, &err);
        if (!ops)
            problem_add(&k->problems, NULL, "url", "%s", err.msg);
    } else {
        problem_add(&k->problems, NULL, "type", "neither type nor url given; want one of them");
    }
    return ops;
}

/* config, with url put in and masked secrets replaced by the stored ones. */
static struct node *config_of(struct call *k, const struct target_doc *d,
                              const struct core_target *old, const struct prober_ops *ops)
{
    if (d->config && d->config->kind != NODE_MAP) {
        problem_add(&k->problems, NULL, "config", "got %s; want an object",
                    node_kind_name(d->config));
        return NULL;
    }
    struct node *config = d->config ? node_copy(k->arena, d->config) : node_map(k->arena);
    if (d->url)
        node_put(config, k->arena, "url", node_text(k->arena, d->url));
    if (d->expect)
        node_put(config, k->arena, "expect", node_copy(k->arena, d->expect));
    if (!old)
        return config;
    const char *text = old->target->config_json;
    struct node *stored = node_from_json(k->arena, text, strlen(text), NULL);
    return stored ? options_unmask(ops->options, config, stored, k->arena) : config;
}

/* What a PATCH starts from: the stored target as a document. */
static struct node *stored_doc(struct call *k, const struct core_target *old)
{
    struct buf text = BUF_INIT(512 << 20); /* one of the file may be large */
    struct json j = json_start(&text);
    target_json(old, &j);
    must(!text.failed);
    struct node *doc = node_from_json(k->arena, text.data, text.len, NULL);
    buf_done(&text);
    must(doc);
    return settable(k, doc);
}

int target_from_doc(struct call *k, const struct node *doc, const struct core_target *old,
                    struct target *out, struct node **config)
{
    bool patch = strcmp(k->req->method, "PATCH") == 0;
    struct target_doc d = {0};
    struct node *whole = settable(k, doc);
    if (old && patch) {
        struct node *base = stored_doc(k, old);
        const struct node *type = node_get(doc, "type");
        bool other = type && type->kind == NODE_TEXT && !str_eqz(type->text, old->target->type);
        if (other || node_get(doc, "url")) /* replaces what the old one had become */
            node_put(base, k->arena, "config", node_map(k->arena));
        if (!type && node_get(doc, "url")) /* its scheme says which */
            node_put(base, k->arena, "type", node_text(k->arena, ""));
        doc_merge(base, doc, k->arena);
        whole = doc_without_nulls(settable(k, base), k->arena);
    }
    options_bind(target_doc_options, whole, &d, k->arena, &k->problems, "");
    take_fields(k, &d, out);
    const struct prober_ops *ops = prober_of(k, &d);
    *config = ops ? config_of(k, &d, old, ops) : NULL;
    if (!*config || k->problems.list.n)
        return -1;
    out->type = ops->type;
    out->config_json = "{}";
    must(out->interval_ms > 0 && out->timeout_ms > 0 && out->attempts > 0 && out->threshold > 0);
    return 0;
}
