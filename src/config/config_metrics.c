/* `metrics:`, `rule_files:` and `remote_write:` of belfry.yaml. Selectors, rule files and the senders' documents belong to
 * higher floors and are checked through struct config_hooks. Runs while a file is loaded. */
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_priv.h"
#include "model/labels.h"

#define SECOND_MS 1000.0
#define DAY_MS    (24 * 3600 * SECOND_MS)
#define YEARS_MS  (100 * 365 * DAY_MS)
#define KIB       1024.0
#define MIB       (1024 * KIB)
#define TIB       (1024 * 1024 * MIB)

#define IN(part, field) \
    (offsetof(struct config_metrics, part.field) - offsetof(struct config_metrics, part))

static const struct option keep_rule_options[] = {
    {"match", OPT_STRING, offsetof(struct config_keep_rule, match), .required = true, .min = 1,
     .max = 4096, .help = {"A selector of PromQL.", "PromQL 选择器。"},
     .example = "{job=\"debug\"}"},
    {"keep", OPT_DURATION, offsetof(struct config_keep_rule, keep_ms), .required = true,
     .min = 3600 * SECOND_MS, .max = YEARS_MS,
     .help = {"How long its samples are kept.", "其样本保留多久。"}},
    OPTION_END,
};

static const struct option retention_options[] = {
    {"raw", OPT_DURATION, IN(retention, raw_ms), .def = "30d", .min = 0, .max = YEARS_MS,
     .help = {"How long single samples are kept; 0: for ever.", "原始样本保留多久；0 为永久。"}},
    {"tier_5m", OPT_DURATION, IN(retention, tier_5m_ms), .def = "1y", .min = 0, .max = YEARS_MS,
     .help = {"How long the figures of each 5 minutes are kept; 0: for ever.",
              "5 分钟汇总数据保留多久；0 为永久。"}},
    {"tier_1h", OPT_DURATION, IN(retention, tier_1h_ms), .def = "5y", .min = 0, .max = YEARS_MS,
     .help = {"How long the figures of each hour are kept; 0: for ever.",
              "1 小时汇总数据保留多久；0 为永久。"}},
    {"size", OPT_SIZE, IN(retention, size), .def = "0", .min = 0, .max = 1024 * TIB,
     .help = {"The oldest samples go when all of them take more than this; 0: no bound.",
              "全部样本超过此大小时删除最旧的；0 为不限。"}},
    {"rules", OPT_SECTIONS, IN(retention, rules), .sub = keep_rule_options,
     .sub_size = sizeof(struct config_keep_rule),
     .help = {"Series that are kept for another time than `raw`; the last that matches holds.",
              "保留时间不同于 `raw` 的序列；以最后匹配的规则为准。"},
     .example = "[{match: '{job=\"debug\"}', keep: 3d}]"},
    OPTION_END,
};

static const struct option limits_options[] = {
    {"series", OPT_INT, IN(limits, series), .def = "1000000", .min = 0, .max = 1e9,
     .help = {"Most series that are written to at once; further ones are refused. 0: no bound.",
              "同时写入的最大序列数，超出的被拒绝；0 为不限。"}},
    {"series_per_source", OPT_INT, IN(limits, series_per_source), .def = "500000", .min = 0,
     .max = 1e9,
     .help = {"The same for one source: a scrape job, the probes, remote write. 0: no bound.",
              "单个来源（抓取任务、探测、远程写入）的最大序列数；0 为不限。"}},
    {"labels", OPT_INT, IN(limits, labels), .def = "64", .min = 2, .max = 1000, .advanced = true,
     .help = {"Most labels of one series.", "单个序列的最大标签数。"}},
    {"label_bytes", OPT_SIZE, IN(limits, label_bytes), .def = "4KiB", .min = 16, .max = 65535,
     .advanced = true, .help = {"Longest name or value of a label.", "标签名或标签值的最大长度。"}},
    OPTION_END,
};

static const struct option query_options[] = {
    {"timeout", OPT_DURATION, IN(query, timeout_ms), .def = "2m", .min = 100,
     .max = 24 * 3600 * SECOND_MS,
     .help = {"A query that takes longer is ended.", "查询超过此时间即被终止。"}},
    {"max_samples", OPT_INT, IN(query, max_samples), .def = "50000000", .min = 1000, .max = 1e12,
     .help = {"Most samples that one query reads and holds.", "单次查询读取与持有的最大样本数。"}},
    {"max_series", OPT_INT, IN(query, max_series), .def = "1000000", .min = 1, .max = 4e9,
     .help = {"Most series that one query selects.", "单次查询选取的最大序列数。"}},
    {"max_memory", OPT_SIZE, IN(query, max_memory), .def = "512MiB", .min = MIB, .max = 16 * TIB,
     .help = {"Most memory of one query.", "单次查询的最大内存。"}},
    {"total_memory", OPT_SIZE, IN(query, total_memory), .def = "1GiB", .min = 0, .max = 16 * TIB,
     .help =
         {"Most memory of all queries and their results together; further ones wait, or are answered with 503. 0: no bound.",
          "全部查询及其结果合计的最大内存；超出时查询排队等待，或以 503 应答；0 为不限。"}},
    {"concurrency", OPT_INT, IN(query, concurrency), .def = "20", .min = 1, .max = 1000,
     .help = {"Queries at once; further ones wait.", "同时进行的查询数，超出的排队等待。"}},
    {"lookback", OPT_DURATION, IN(query, lookback_ms), .def = "5m", .min = SECOND_MS, .max = DAY_MS,
     .help = {"How far back an instant selector looks for a sample.",
              "瞬时选择器向前查找样本的时间。"}},
    {"slow", OPT_DURATION, IN(query, slow_ms), .def = "10s", .min = 0, .max = DAY_MS,
     .help = {"Queries that take longer are logged; 0: none.",
              "超过此时间的查询写入日志；0 为不记录。"}},
    {"cache", OPT_SIZE, IN(query, cache), .def = "64MiB", .min = 0, .max = TIB, .advanced = true,
     .help = {"Memory for the finished parts of queries that repeat; 0: none.",
              "重复查询中已完成部分的缓存；0 为不缓存。"}},
    {"experimental", OPT_BOOL, IN(query, experimental), .def = "false",
     .help = {"Allow PromQL's experimental functions.", "允许 PromQL 的实验性函数。"}},
    OPTION_END,
};

const struct option config_metrics_options[] = {
    {"enable", OPT_BOOL, offsetof(struct config_metrics, enable), .def = "true",
     .help =
         {"Whether figures are kept as time series; without it there are no graphs, queries and rules.",
          "是否保存时间序列；关闭后没有图表、查询与规则。"}},
    {"retention", OPT_SECTION, offsetof(struct config_metrics, retention), .sub = retention_options,
     .help = {"How long samples are kept.", "样本保留多久。"}},
    {"wal_sync", OPT_DURATION, offsetof(struct config_metrics, wal_sync_ms), .def = "200ms",
     .min = 0, .max = 60 * SECOND_MS, .advanced = true,
     .help = {"A loss of power costs at most the samples of so long; 0: each write is synced.",
              "断电最多丢失这段时间的样本；0 为每次写入都落盘。"}},
    {"out_of_order", OPT_DURATION, offsetof(struct config_metrics, out_of_order_ms), .def = "10m",
     .min = 0, .max = 2 * 3600 * SECOND_MS,
     .help = {"How much older than the newest of its series a sample may be.",
              "样本可以比其序列最新样本早多久。"}},
    {"external_labels", OPT_MAP, offsetof(struct config_metrics, external_labels), .min = 0,
     .max = 64,
     .help = {"Labels that are added to what leaves: remote write, federation, alerts of rules.",
              "对外发送（远程写入、联邦、规则告警）时附加的标签。"},
     .example = "{site: shanghai}"},
    {"evaluation_interval", OPT_DURATION, offsetof(struct config_metrics, evaluation_interval_ms),
     .def = "1m", .min = 100, .max = DAY_MS,
     .help = {"How often groups of rules that say nothing else are evaluated.",
              "未指定间隔的规则组多久求值一次。"}},
    {"alert_channels", OPT_LIST, offsetof(struct config_metrics, alert_channels),
     .help =
         {"Names of the channels that are told of alerts of rules; without it all that are enabled.",
          "规则告警要通知的渠道名称；缺省为全部已启用的渠道。"}},
    {"alert_resend", OPT_DURATION, offsetof(struct config_metrics, alert_resend_ms), .def = "0",
     .min = 0, .max = 366 * DAY_MS,
     .help = {"An alert of a rule that still fires is told again after this; 0: never.",
              "规则告警持续时，每隔此时间再次通知；0 为不重复。"}},
    {"limits", OPT_SECTION, offsetof(struct config_metrics, limits), .sub = limits_options,
     .help = {"How much may be written.", "写入的限制。"}},
    {"query", OPT_SECTION, offsetof(struct config_metrics, query), .sub = query_options,
     .help = {"What queries may cost.", "查询的限制。"}},
    OPTION_END,
};

static const struct node *in_section(const struct loader *l, const char *key)
{
    const struct node *section = node_get(l->root, "metrics");
    const struct node *at = section ? node_get(section, key) : NULL;
    return at ? at : section;
}

/* --- metrics -------------------------------------------------------------------------------------
 */

static void check_labels(struct loader *l)
{
    const struct pair_list *labels = &l->cfg->metrics.external_labels;
    for (size_t i = 0; i < labels->n; i++)
        if (streq(labels->at[i].key, LABEL_METRIC_NAME) || labels->at[i].key[0] == '\0')
            problem_add(l->problems, in_section(l, "external_labels"), "metrics.external_labels",
                        "got the name \"%s\"; want a label's", labels->at[i].key);
}

static void check_keep_rules(struct loader *l)
{
    const struct section_list *rules = &l->cfg->metrics.retention.rules;
    const struct config_keep_rule *at = rules->at;
    const struct node *list = node_get(in_section(l, "retention"), "rules");
    const struct node *item = list ? list->first : NULL;
    for (size_t i = 0; i < rules->n && l->hooks->check_selector; i++) {
        const struct node *match = item ? node_get(item, "match") : NULL;
        struct err err = {0};
        if (at[i].match && !l->hooks->check_selector(l->hooks->ctx, at[i].match, &err))
            problem_add(l->problems, match ? match : list,
                        arena_printf(l->arena, "metrics.retention.rules[%zu].match", i), "%s",
                        err.msg);
        item = item ? item->next : NULL;
    }
}

static void check_alert_channels(struct loader *l)
{
    const struct str_list *names = &l->cfg->metrics.alert_channels;
    const uint32_t *indices;
    uint32_t n;
    if (names->n > 0)
        loader_channel_names(l, names, in_section(l, "alert_channels"), "metrics.alert_channels",
                             &indices, &n);
}

/* --- rule_files ----------------------------------------------------------------------------------
 */

static void add_rule_file(struct loader *l, const char *path)
{
    char real[PATH_MAX];
    const char *file = realpath(path, real) ? real : path;
    for (size_t i = 0; i < l->rule_files.n; i++)
        if (streq(l->rule_files.at[i], file))
            return; /* a pattern that matches twice */
    loader_used(l, file);
    vec_push(&l->rule_files, arena_strdup(l->arena, file));
    if (l->hooks->check_rule_file)
        l->hooks->check_rule_file(l->hooks->ctx, &l->cfg->metrics, file, l->problems);
}

/* As Prometheus: what matches nothing is no fault. */
static void find_rule_files(struct loader *l, const struct node *at, size_t index)
{
    const char *field = arena_printf(l->arena, "rule_files[%zu]", index);
    if (at->kind != NODE_TEXT)
        return; /* told when the section was bound */
    if (l->in->alone) {
        problem_add(l->problems, at, field, "cannot read files here");
        return;
    }
    glob_t found = {0};
    int rc = glob(loader_path(l, at, at->text.p, l->tree), 0, NULL, &found);
    if (rc == GLOB_NOMATCH)
        loader_warn(l, at, field, "no such file");
    else if (rc != 0)
        problem_add(l->problems, at, field, "cannot read \"%s\"", at->text.p);
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_rule_file(l, found.gl_pathv[i]);
    globfree(&found);
}

static void load_rule_files(struct loader *l)
{
    const struct node *list = node_get(l->root, "rule_files");
    size_t index = 0;
    if (list && list->kind == NODE_LIST)
        for (const struct node *c = list->first; c; c = c->next)
            find_rule_files(l, c, index++);
    else if (list && list->kind != NODE_NULL)
        find_rule_files(l, list, 0);
    l->cfg->rule_files = (struct str_list){NULL, l->rule_files.n};
    if (l->rule_files.n > 0)
        l->cfg->rule_files.at =
            arena_memdup(l->arena, l->rule_files.at, l->rule_files.n * sizeof(const char *));
    vec_done(&l->rule_files);
}

/* --- remote_write --------------------------------------------------------------------------------
 */

static void load_remote_write(struct loader *l)
{
    struct node *list = (struct node *)l->raw.remote_write; /* our own copy: bound a moment ago */
    if (!list)
        return;
    if (list->kind != NODE_LIST) {
        problem_add(l->problems, list, "remote_write", "got %s; want a list of maps",
                    node_kind_name(list));
        return;
    }
    loader_keep_files(l, list);
    l->cfg->remote_write = list;
    if (l->hooks->check_remote_write)
        l->hooks->check_remote_write(l->hooks->ctx, list, l->problems, "remote_write");
}

void loader_metrics(struct loader *l)
{
    l->cfg->metrics = l->raw.metrics;
    check_labels(l);
    check_keep_rules(l);
    check_alert_channels(l);
    load_rule_files(l);
    load_remote_write(l);
}
