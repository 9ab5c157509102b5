/* The option tables of belfry.yaml (CONTRACT.md, "Configuration"): the one description that parser,
 * messages and docs/configuration.md share. Tables only. */
#include "config/config_priv.h"

#define DAY_MS (24 * 3600 * 1000.0)
#define KIB    1024.0
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)

static const char *const level_choices[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_choices[] = {"text", "json", NULL};

static const struct option log_options[] = {
    {"dir", OPT_STRING, offsetof(struct config_log, dir), .def = "logs", .min = 1, .max = 1000,
     .help = {"Directory of the log files, beside the configuration file unless absolute.",
              "日志目录；相对路径以配置文件所在目录为准。"}},
    {"level", OPT_ENUM, offsetof(struct config_log, level), .def = "info", .choices = level_choices,
     .help = {"Lines below this level are not written.", "低于此级别的日志不写入。"}},
    {"format", OPT_ENUM, offsetof(struct config_log, format), .def = "json",
     .choices = format_choices,
     .help = {"One JSON object a line, or text for reading.",
              "每行一个 JSON 对象，或便于阅读的文本。"}},
    {"keep_days", OPT_INT, offsetof(struct config_log, keep_days), .def = "30", .min = 1,
     .max = 3650, .unit = "days",
     .help = {"Rotated files older than this are removed.", "早于此天数的历史日志会被删除。"}},
    OPTION_END,
};

static const struct option results_options[] = {
    {"keep", OPT_DURATION, offsetof(struct config_results, keep_ms), .def = "30d",
     .min = 3600 * 1000.0, .max = 3660 * DAY_MS,
     .help = {"How long single results are kept.", "单条探测结果保留多久。"}},
    {"max_size", OPT_SIZE, offsetof(struct config_results, max_size), .def = "10GB", .min = MIB,
     .max = 1024 * 1024 * GIB,
     .help = {"The oldest results go when the database grows over this.",
              "数据库超过此大小时，删除最旧的结果。"}},
    OPTION_END,
};

#define IN_WATCHER(field) \
    (offsetof(struct config_limits, watcher.field) - offsetof(struct config_limits, watcher))
static const struct option watcher_options[] = {
    {"max_in_flight", OPT_INT, IN_WATCHER(max_in_flight), .def = "5000", .min = 1, .max = 100000,
     .advanced = true,
     .help = {"Probes at once in one watcher; further rounds are missed and counted.",
              "单个探测进程同时进行的探测数；超出的轮次跳过并计数。"}},
    {"memory_limit", OPT_SIZE, IN_WATCHER(memory_limit), .def = "512MiB", .min = 16 * MIB,
     .max = 1024 * GIB, .advanced = true,
     .help = {"A watcher that grows over this is replaced.", "探测进程内存超过此值时会被替换。"}},
    {"hang_timeout", OPT_DURATION, IN_WATCHER(hang_timeout_ms), .def = "15s", .min = 1000,
     .max = DAY_MS, .advanced = true,
     .help = {"A watcher whose loop has not turned for so long is killed and replaced.",
              "探测进程的事件循环停滞超过此时间，会被杀掉并替换。"}},
    {"ring_size", OPT_SIZE, IN_WATCHER(ring_size), .def = "8MiB", .min = 64 * KIB, .max = GIB,
     .advanced = true,
     .help = {"Room for results that the core has not stored yet.",
              "核心进程尚未入库的结果所占的空间。"}},
    {"targets_per_watcher", OPT_INT, IN_WATCHER(targets_per_watcher), .def = "20000", .min = 1,
     .max = TARGETS_MAX, .advanced = true,
     .help = {"A group with more targets is probed by several processes.",
              "目标数超过此值的分组由多个进程探测。"}},
    OPTION_END,
};

#define IN_CORE(field) \
    (offsetof(struct config_limits, core.field) - offsetof(struct config_limits, core))
static const struct option core_options[] = {
    {"memory_limit", OPT_SIZE, IN_CORE(memory_limit), .def = "2GiB", .min = 64 * MIB,
     .max = 4096 * GIB, .advanced = true,
     .help = {"The core is replaced when it grows over this.", "核心进程内存超过此值时会被替换。"}},
    {"hang_timeout", OPT_DURATION, IN_CORE(hang_timeout_ms), .def = "30s", .min = 1000,
     .max = DAY_MS, .advanced = true,
     .help = {"The core is killed and replaced when its loop has not turned for so long.",
              "核心进程的事件循环停滞超过此时间，会被杀掉并替换。"}},
    OPTION_END,
};

static const struct option limits_options[] = {
    {"watcher", OPT_SECTION, offsetof(struct config_limits, watcher), .sub = watcher_options,
     .help = {"Limits of each process that probes.", "每个探测进程的限制。"}},
    {"core", OPT_SECTION, offsetof(struct config_limits, core), .sub = core_options,
     .help = {"Limits of the process that judges, stores and answers.",
              "负责判断、存储与应答的核心进程的限制。"}},
    OPTION_END,
};

static const struct option restart_options[] = {
    {"delay", OPT_DURATION, offsetof(struct config_restart, delay_ms), .def = "1s", .min = 0,
     .max = DAY_MS,
     .help = {"Wait before the second restart in a row; the first is immediate.",
              "连续第二次重启前的等待时间；第一次立即重启。"}},
    {"growth", OPT_F64, offsetof(struct config_restart, growth), .def = "2", .min = 1, .max = 100,
     .help = {"Factor by which the wait grows from one restart to the next.",
              "每次重启后等待时间的增长倍数。"}},
    {"delay_max", OPT_DURATION, offsetof(struct config_restart, delay_max_ms), .def = "1m",
     .min = 0, .max = DAY_MS, .help = {"The wait grows no longer than this.", "等待时间的上限。"}},
    {"cooldown", OPT_DURATION, offsetof(struct config_restart, cooldown_ms), .def = "1m", .min = 0,
     .max = DAY_MS,
     .help = {"After running so long the wait starts anew.",
              "连续运行超过此时间后，等待时间重新计算。"}},
    {"max_restarts", OPT_INT, offsetof(struct config_restart, max_restarts), .def = "60", .min = 0,
     .max = 100000,
     .help = {"Restarts within an hour; a further one waits until the hour has room for it.",
              "一小时内的最大重启次数；超过后要等到这一小时内有余量才再次重启。"}},
    OPTION_END,
};

static const struct option network_options[] = {
    {"reference_targets", OPT_LIST, offsetof(struct raw_network, reference_targets),
     .help =
         {"Targets (NAME or GROUP/NAME) that only fail together when this machine's own network is gone; Belfry then says that instead of ringing for everything.",
          "参照目标（名称，或 分组/名称）：只有本机断网时才会同时失败；此时 Belfry 只报告断网，而不为每个目标告警。"},
     .example = "[gateway, payments/dns]"},
    OPTION_END,
};

/* D(text) is the default; only `defaults` has them, groups and targets inherit. */
#define TIMING_OPTIONS(type, member, D)                                                           \
    {"interval",                                                                                  \
     OPT_DURATION,                                                                                \
     offsetof(type, member interval_ms),                                                          \
     .def = D("30s"),                                                                             \
     .min = 100,                                                                                  \
     .max = 7 * DAY_MS,                                                                           \
     .help = {"Time from one probe to the next.", "两次探测之间的间隔。"}},                       \
        {"timeout",                                                                               \
         OPT_DURATION,                                                                            \
         offsetof(type, member timeout_ms),                                                       \
         .def = D("5s"),                                                                          \
         .min = 1,                                                                                \
         .max = 3600 * 1000.0,                                                                    \
         .help = {"A probe fails after this long; at most the interval.",                         \
                  "超过此时间探测即失败；不得大于间隔。"}},                                       \
        {"connect_timeout",                                                                       \
         OPT_DURATION,                                                                            \
         offsetof(type, member connect_timeout_ms),                                               \
         .def = D("3s"),                                                                          \
         .min = 1,                                                                                \
         .max = 3600 * 1000.0,                                                                    \
         .help = {"Limit for establishing the connection; at most the timeout.",                  \
                  "建立连接的时间限制；不得大于超时。"}},                                         \
        {"attempts",                                                                              \
         OPT_INT,                                                                                 \
         offsetof(type, member attempts),                                                         \
         .def = D("1"),                                                                           \
         .min = 1,                                                                                \
         .max = 20,                                                                               \
         .help = {"Tries within one probe; it succeeds when one of them does.",                   \
                  "单次探测内的尝试次数；有一次成功即为成功。"}},                                 \
        {"threshold",                                                                             \
         OPT_INT,                                                                                 \
         offsetof(type, member threshold),                                                        \
         .def = D("3"),                                                                           \
         .min = 1,                                                                                \
         .max = 1000,                                                                             \
         .help = {"Failed probes in a row until the alert.", "连续失败多少次后告警。"}},          \
        {"success_threshold",                                                                     \
         OPT_INT,                                                                                 \
         offsetof(type, member success_threshold),                                                \
         .def = D("1"),                                                                           \
         .min = 1,                                                                                \
         .max = 1000,                                                                             \
         .help = {"Good probes in a row until a target that is down is up again.",                \
                  "故障后连续成功多少次才算恢复。"}},                                             \
        {"resend_interval",                                                                       \
         OPT_DURATION,                                                                            \
         offsetof(type, member resend_ms),                                                        \
         .def = D("0"),                                                                           \
         .min = 0,                                                                                \
         .max = 366 * DAY_MS,                                                                     \
         .help = {"An alert that still fires is told again after this; 0: never.",                \
                  "故障持续时，每隔此时间再次通知；0 为不重复。"}},                               \
        {"locations",                                                                             \
         OPT_LIST,                                                                                \
         offsetof(type, member locations),                                                        \
         .min = 0,                                                                                \
         .max = TARGET_LOCATIONS_MAX,                                                             \
         .help = {"From where it is probed: `local` is this server, others are agents (`belfry "  \
                  "agent`). Absent: from here alone.",                                            \
                  "从哪些地点探测：`local` 为本机，其余为代理（`belfry agent`）。缺省仅本机。"},  \
         .example = "[local, beijing, paris]"},                                                   \
        {"location_quorum",                                                                       \
         OPT_INT,                                                                                 \
         offsetof(type, member location_quorum),                                                  \
         .def = D("0"),                                                                           \
         .min = 0,                                                                                \
         .max = TARGET_LOCATIONS_MAX,                                                             \
         .help = {"It is down when so many of its locations say so; 0: the majority.",            \
                  "有多少个地点判定故障才算故障；0 为过半数。"}},                                 \
        {"channels", OPT_LIST, offsetof(type, member channels),                                   \
         .help = {"Names of the channels that are told.", "要通知的渠道名称。"}},                 \
    {                                                                                             \
        "labels", OPT_MAP, offsetof(type, member labels),                                         \
            .min = 0, .max = 64,                                                                  \
            .help =                                                                               \
                {"Labels of metrics and alerts; those of defaults, group and target are merged.", \
                 "指标与告警的标签；默认值、分组与目标的标签会合并。"},                           \
            .example = "{env: prod}"                                                              \
    }
#define GIVEN(text)     text
#define INHERITED(text) NULL

static const struct option defaults_options[] = {
    TIMING_OPTIONS(struct raw_timing, , GIVEN),
    OPTION_END,
};

static const struct option burst_options[] = {
    {"times", OPT_INT, offsetof(struct raw_burst, times), .required = true, .min = 2, .max = 1000,
     .help = {"Requests in one probe.", "单次探测中的请求数。"}},
    {"delta", OPT_DURATION, offsetof(struct raw_burst, delta_ms), .def = "1s", .min = 0,
     .max = 3600 * 1000.0, .help = {"Time from one request to the next.", "两次请求之间的间隔。"}},
    {"min_success", OPT_F64, offsetof(struct raw_burst, min_success), .def = "0.7", .min = 0,
     .max = 1,
     .help = {"The probe fails when a smaller share of the requests succeeds.",
              "请求成功率低于此值，探测即失败。"}},
    {"max_mean", OPT_DURATION, offsetof(struct raw_burst, max_mean_ms), .def = "5s", .min = 1,
     .max = 3600 * 1000.0,
     .help = {"The probe fails when the mean of the latencies is larger.",
              "平均耗时高于此值，探测即失败。"}},
    OPTION_END,
};

static const struct option target_options[] = {
    {"name", OPT_STRING, offsetof(struct raw_target, name), .min = 1, .max = 300,
     .help = {"Unique in its group; the URL when not given.", "组内唯一的名称；缺省为 URL。"}},
    {"url", OPT_STRING, offsetof(struct raw_target, url), .min = 1, .max = 4096,
     .help = {"What is probed, in short: the scheme tells the prober.",
              "探测对象的简写：由 URL 的协议决定探针。"},
     .example = "https://shop.example.com/health"},
    {"type", OPT_STRING, offsetof(struct raw_target, type), .min = 1, .max = 40,
     .help = {"The prober, when there is no URL.", "没有 URL 时的探针类型。"}, .example = "tcp"},
    {"config", OPT_NODE, offsetof(struct raw_target, config),
     .help = {"The prober's own options, see Probers.", "探针自己的选项，见“探针”一节。"}},
    {"expect", OPT_NODE, offsetof(struct raw_target, expect),
     .help = {"What a good answer looks like; short for config.expect.",
              "怎样的应答算正常；config.expect 的简写。"},
     .example = "{status: [200-299], body_contains: ok}"},
    TIMING_OPTIONS(struct raw_target, timing., INHERITED),
    {"burst", OPT_SECTION, offsetof(struct raw_target, burst), .sub = burst_options,
     .help = {"Several requests in one probe, judged by their statistics.",
              "单次探测发出多次请求，按统计结果判断。"}},
    {"depends_on", OPT_LIST, offsetof(struct raw_target, depends_on),
     .help =
         {"Targets (NAME in the same group, or GROUP/NAME): while one of them fails, this one does not ring.",
          "上级目标（同组的名称，或 分组/名称）：其中之一故障期间，本目标不告警。"}},
    {"enabled", OPT_BOOL, offsetof(struct raw_target, enabled), .def = "true",
     .help = {"Whether it is probed; one that is not stays known.",
              "是否探测；不探测的目标仍会保留。"}},
    {"invert", OPT_BOOL, offsetof(struct raw_target, invert), .def = "false",
     .help = {"A good probe is a failure and the other way round: for what must not be reachable.",
              "探测成功视为故障，失败视为正常：用于不应可达的目标。"}},
    OPTION_END,
};

static const struct option group_options[] = {
    {"name", OPT_STRING, offsetof(struct raw_group, name), .required = true, .min = 1, .max = 64,
     .help = {"Unique; also the name of its log directory.", "唯一的名称；也是其日志目录的名称。"}},
    TIMING_OPTIONS(struct raw_group, timing., INHERITED),
    {"targets", OPT_NODE, offsetof(struct raw_group, targets),
     .help = {"List of targets, see Targets.", "目标列表，见“目标”一节。"}},
    {"targets_file", OPT_LIST, offsetof(struct raw_group, targets_file),
     .help = {"Files with a URL a line and # comments, beside this file unless absolute.",
              "每行一个 URL、# 开头为注释的文件；相对路径以本文件所在目录为准。"},
     .example = "targets_payments.txt"},
    OPTION_END,
};

static const struct option channel_options[] = {
    {"name", OPT_STRING, offsetof(struct raw_channel, name), .required = true, .min = 1, .max = 200,
     .help = {"Unique; what groups and targets name.", "唯一的名称，供分组与目标引用。"}},
    {"type", OPT_STRING, offsetof(struct raw_channel, type), .required = true, .min = 1, .max = 40,
     .help = {"Its type, see Channels.", "渠道类型，见“渠道”一节。"}, .example = "wecom"},
    {"enabled", OPT_BOOL, offsetof(struct raw_channel, enabled), .def = "true",
     .help = {"Whether it is used; while it is off messages wait and go out when it is on again.",
              "是否启用；停用期间的消息会等到重新启用后发送。"}},
    {"webhook_url", OPT_STRING, offsetof(struct raw_channel, webhook_url), .def = "", .min = 0,
     .max = 4096, .secret = true,
     .help = {"Address that messages are posted to, for the types that have one.",
              "消息的发送地址，适用于有此项的类型。"}},
    {"mention_all", OPT_BOOL, offsetof(struct raw_channel, mention_all), .def = "false",
     .help = {"Mention everybody in the chat, for the types that can.",
              "@所有人，适用于支持的类型。"}},
    {"config", OPT_NODE, offsetof(struct raw_channel, config),
     .help = {"The type's own options; they may also stand beside `name` directly.",
              "该类型自己的选项；也可以直接与 `name` 并列书写。"}},
    OPTION_END,
};

static const struct option proxy_options[] = {
    {"monitor", OPT_SECTION, offsetof(struct raw_proxy, monitor), .sub = process_monitor_options,
     .help = {"As processes.monitor.", "同 processes.monitor。"}},
    OPTION_END,
};

#define LATER(key, index, en, zh)                                         \
    {                                                                     \
        key, OPT_NODE, offsetof(struct raw_file, later[index]), .help = { \
            en " Accepted, not used yet by this version.",                \
            zh "可以书写，本版本尚未使用。"                  \
        }                                                                 \
    }
static const struct option file_options[] = {
    {"include", OPT_LIST, offsetof(struct raw_file, include),
     .help =
         {"Further files, patterns allowed; their groups, channels and units are added to this file's.",
          "要包含的其他文件，可用通配符；其分组、渠道与受管程序会加入本文件。"},
     .example = "[conf.d/*.yaml]"},
    {"server", OPT_SECTION, offsetof(struct raw_file, server), .sub = config_server_options,
     .help = {"The HTTP server of page, API and metrics.", "页面、API 与指标的 HTTP 服务。"}},
    {"access", OPT_SECTION, offsetof(struct raw_file, access), .sub = config_access_options,
     .help = {"Accounts and sign-in.", "账号与登录。"}},
    {"data_dir", OPT_STRING, offsetof(struct raw_file, data_dir), .def = "data", .min = 1,
     .max = 1000,
     .help = {"Directory of everything that Belfry keeps, beside this file unless absolute.",
              "Belfry 全部数据的目录；相对路径以本文件所在目录为准。"}},
    {"store", OPT_STRING, offsetof(struct raw_file, store), .def = "sqlite", .min = 1, .max = 1000,
     .secret = true,
     .help = {"`sqlite`. `postgresql://user@host/db` is for a later version.",
              "`sqlite`。`postgresql://user@host/db` 将由后续版本支持。"}},
    {"log", OPT_SECTION, offsetof(struct raw_file, log), .sub = log_options,
     .help = {"Log files.", "日志文件。"}},
    {"defaults", OPT_SECTION, offsetof(struct raw_file, defaults), .sub = defaults_options,
     .help = {"What groups and targets inherit.", "分组与目标继承的默认值。"}},
    {"channels", OPT_NODE, offsetof(struct raw_file, channels),
     .help = {"List of channels.", "渠道列表。"}},
    {"groups", OPT_SECTIONS, offsetof(struct raw_file, groups), .sub = group_options,
     .sub_size = sizeof(struct raw_group),
     .help = {"Groups of targets, each probed by a process of its own.",
              "目标分组，每组由独立进程探测。"}},
    {"locations", OPT_SECTIONS, offsetof(struct raw_file, locations),
     .sub = config_location_options, .sub_size = sizeof(struct config_location),
     .help =
         {"Places elsewhere where an agent (`belfry agent`) probes for this server, and its token; "
          "tokens of scope agent do the same.",
          "由代理（`belfry agent`）代为探测的其他地点及其令牌；scope 为 agent 的令牌作用相同。"},
     .example = "[{name: beijing, token: \"${BEIJING_TOKEN}\"}]"},
    {"own_network", OPT_SECTION, offsetof(struct raw_file, own_network), .sub = network_options,
     .help = {"How Belfry knows that its own network is gone.", "Belfry 如何判断自身断网。"}},
    {"results", OPT_SECTION, offsetof(struct raw_file, results), .sub = results_options,
     .help = {"How long results are kept.", "结果保留多久。"}},
    {"limits", OPT_SECTION, offsetof(struct raw_file, limits), .sub = limits_options,
     .help = {"Limits of Belfry's own processes.", "Belfry 自身进程的限制。"}},
    {"restart", OPT_SECTION, offsetof(struct raw_file, restart), .sub = restart_options,
     .help = {"How Belfry's own processes are restarted.", "Belfry 自身进程的重启策略。"}},
    {"processes", OPT_SECTION, offsetof(struct raw_file, processes), .sub = process_section_options,
     .help = {"Programs that Belfry starts, watches and restarts.",
              "由 Belfry 启动、监视并重启的程序。"}},
    {"proxy", OPT_SECTION, offsetof(struct raw_file, proxy), .sub = proxy_options,
     .help = {"`proxy.monitor` is another name of `processes.monitor`; one of them may be given.",
              "`proxy.monitor` 是 `processes.monitor` 的另一个名称；只能写其中之一。"}},
    {"metrics", OPT_SECTION, offsetof(struct raw_file, metrics), .sub = config_metrics_options,
     .help = {"The time-series store, queries and rules.", "时间序列存储、查询与规则。"}},
    {"rule_files", OPT_LIST, offsetof(struct raw_file, rule_files),
     .help =
         {"Files of recording and alerting rules as Prometheus has them, patterns allowed, beside this file unless absolute. Read again at each reload.",
          "记录规则与告警规则文件，格式同 Prometheus，可用通配符；相对路径以本文件所在目录为准。每次重新加载时重新读取。"},
     .example = "[rules/*.yml]"},
    {"remote_write", OPT_NODE, offsetof(struct raw_file, remote_write),
     .help = {"List of servers that samples are sent to, as in prometheus.yml.",
              "样本要发往的服务器列表，同 prometheus.yml。"}},
    LATER("scrape_configs", 0, "Scraping, as in prometheus.yml.", "抓取配置，同 prometheus.yml。"),
    LATER("alerting", 2, "Routes, receivers, inhibition, as in alertmanager.yml.",
          "路由、接收者与抑制，同 alertmanager.yml。"),
    LATER("host", 4, "CPU, memory, disk, network and containers of this machine.",
          "本机的 CPU、内存、磁盘、网络与容器。"),
    OPTION_END,
};

const struct option *config_target_options(void)
{
    return target_options;
}

const struct option *config_group_options(void)
{
    return group_options;
}

const struct option *config_channel_options(void)
{
    return channel_options;
}

const struct option *config_file_options(void)
{
    return file_options;
}

const struct option *config_burst_options(void)
{
    return burst_options;
}
