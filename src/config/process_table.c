/* The option tables of `processes:` and of one unit (config/process.h): the one description that the file, the API, the
 * page's form, data/run/programs and docs/configuration.md share. Tables only. */
#include "config/process.h"

#define SECOND_MS 1000.0
#define HOUR_MS   (3600 * SECOND_MS)
#define DAY_MS    (24 * HOUR_MS)
#define MIB       (1024.0 * 1024)
#define PIB       (MIB * 1024 * 1024 * 1024)

static const char *const kind_choices[] = {"daemon", "oneshot", NULL};
static const char *const restart_choices[] = {"always", "on-failure", "never", NULL};
static const char *const ready_choices[] = {"time", "notify", "health", NULL};
static const char *const overlap_choices[] = {"skip", "queue", "replace", NULL};
static const char *const io_choices[] = {"default", "realtime", "best-effort", "idle", NULL};
static const char *const output_choices[] = {"cri", "raw", NULL};
static const char *const full_choices[] = {"drop", "block", NULL};
static const char *const language_choices[] = {"en", "zh", NULL};

/* D(text) is the default; a unit has none, it inherits. */
#define MONITOR_OPTIONS(D)                                                                        \
    {"enable", OPT_BOOL, offsetof(struct process_monitor, enable), .def = D("false"),             \
     .help = {"Whether programs that die or fail are restarted; deaths are told in any case.",    \
              "是否重启退出或异常的程序；无论是否启用，退出都会记录并通知。"}},                   \
        {"check_interval",                                                                        \
         OPT_DURATION,                                                                            \
         offsetof(struct process_monitor, check_interval_ms),                                     \
         .def = D("30s"),                                                                         \
         .min = 100,                                                                              \
         .max = DAY_MS,                                                                           \
         .help = {"Time from one check to the next: health probe, memory, files. A death is "     \
                  "noticed at once, without it.",                                                 \
                  "两次检查的间隔：健康探测、内存、文件数。进程退出会立即发现，不依赖检查。"}},   \
        {"restart_cooldown",                                                                      \
         OPT_DURATION,                                                                            \
         offsetof(struct process_monitor, restart_cooldown_ms),                                   \
         .def = D("1m"),                                                                          \
         .min = 0,                                                                                \
         .max = DAY_MS,                                                                           \
         .help = {"Least time from one restart to the next.", "两次重启之间的最短间隔。"}},       \
        {"max_restarts",                                                                          \
         OPT_INT,                                                                                 \
         offsetof(struct process_monitor, max_restarts),                                          \
         .def = D("10"),                                                                          \
         .min = 0,                                                                                \
         .max = 100000,                                                                           \
         .help = {"Restarts within an hour; then it is `fatal` and an alert fires. 0: no bound.", \
                  "每小时最大重启次数；超过后进入 `fatal` 并告警。0 为不限。"}},                  \
        {"health_timeout",                                                                        \
         OPT_DURATION,                                                                            \
         offsetof(struct process_monitor, health_timeout_ms),                                     \
         .def = D("5s"),                                                                          \
         .min = 1,                                                                                \
         .max = HOUR_MS,                                                                          \
         .help = {"A health probe fails after this long.", "健康探测的超时时间。"}},              \
    {                                                                                             \
        "health_failures", OPT_INT, offsetof(struct process_monitor, health_failures),            \
            .def = D("3"), .min = 1, .max = 1000, .help = {                                       \
                "Failed health probes in a row until it is replaced.",                            \
                "健康探测连续失败多少次后替换进程。"                             \
            }                                                                                     \
    }
#define GIVEN(text)     text
#define INHERITED(text) NULL

const struct option process_monitor_options[] = {MONITOR_OPTIONS(GIVEN), OPTION_END};
static const struct option unit_monitor_options[] = {MONITOR_OPTIONS(INHERITED), OPTION_END};

const struct option process_health_options[] = {
    {"url", OPT_STRING, offsetof(struct process_health, url), .min = 1, .max = 4096,
     .help = {"What is probed; the scheme tells the prober.", "探测对象；由 URL 的协议决定探针。"},
     .example = "tcp://127.0.0.1:8388"},
    {"type", OPT_STRING, offsetof(struct process_health, type), .min = 1, .max = 40,
     .help = {"The prober, when there is no URL.", "没有 URL 时的探针类型。"}},
    {"config", OPT_NODE, offsetof(struct process_health, config),
     .help = {"The prober's own options, see Probers.", "探针自己的选项，见“探针”一节。"}},
    {"expect", OPT_NODE, offsetof(struct process_health, expect),
     .help = {"What a good answer looks like; short for config.expect.",
              "怎样的应答算正常；config.expect 的简写。"}},
    OPTION_END,
};

#define WITHIN(part, field) \
    (offsetof(struct process_config, part.field) - offsetof(struct process_config, part))

static const struct option priority_options[] = {
    {"nice", OPT_INT, WITHIN(priority, nice), .min = -20, .max = 19, .advanced = true,
     .help = {"Nice value; absent: Belfry's own.", "nice 值；缺省为 Belfry 自身的值。"}},
    {"io_class", OPT_ENUM, WITHIN(priority, io_class), .def = "default", .choices = io_choices,
     .advanced = true, .help = {"Class of its disk I/O.", "磁盘 I/O 的调度类别。"}},
    {"io_level", OPT_INT, WITHIN(priority, io_level), .def = "4", .min = 0, .max = 7,
     .advanced = true,
     .help = {"Level within the class; 0 goes first.", "类别内的级别；0 最优先。"}},
    {"oom_score", OPT_INT, WITHIN(priority, oom_score), .min = -1000, .max = 1000, .advanced = true,
     .help =
         {"How soon the kernel ends it when memory is short: oom_score_adj; absent: Belfry's own.",
          "内存不足时被内核终止的倾向：oom_score_adj；缺省为 Belfry 自身的值。"}},
    OPTION_END,
};

#define COUNT_LIMIT(key, field, en, zh)                                                          \
    {                                                                                            \
        key, OPT_INT, WITHIN(limits, field), .def = "0", .min = 0, .max = 1e9, .advanced = true, \
                                             .help = {                                           \
                                                 en,                                             \
                                                 zh                                              \
                                             }                                                   \
    }
#define SIZE_LIMIT(key, field, en, zh)                                                            \
    {                                                                                             \
        key, OPT_SIZE, WITHIN(limits, field), .def = "0", .min = 0, .max = PIB, .advanced = true, \
                                              .help = {                                           \
                                                  en,                                             \
                                                  zh                                              \
                                              }                                                   \
    }
static const struct option limits_options[] = {
    COUNT_LIMIT("open_files", open_files, "RLIMIT_NOFILE; 0 here and below: as Belfry's.",
                "RLIMIT_NOFILE；此处及以下 0 表示与 Belfry 相同。"),
    COUNT_LIMIT("processes", processes, "RLIMIT_NPROC: processes of its user.",
                "RLIMIT_NPROC：其用户的进程数。"),
    SIZE_LIMIT("stack", stack, "RLIMIT_STACK.", "RLIMIT_STACK。"),
    SIZE_LIMIT("file_size", file_size, "RLIMIT_FSIZE: largest file it may write.",
               "RLIMIT_FSIZE：可写入的最大文件。"),
    SIZE_LIMIT("core_size", core_size, "RLIMIT_CORE.", "RLIMIT_CORE。"),
    SIZE_LIMIT("address_space", address_space, "RLIMIT_AS.", "RLIMIT_AS。"),
    SIZE_LIMIT("locked_memory", locked_memory, "RLIMIT_MEMLOCK.", "RLIMIT_MEMLOCK。"),
    {"memory", OPT_SIZE, WITHIN(limits, memory), .def = "0", .min = 0, .max = PIB,
     .help =
         {"Memory of all its processes: a cgroup's memory.max where Belfry can make one, else watched and replaced when over; 0: no bound.",
          "其全部进程的内存上限：能建 cgroup 时为 memory.max，否则监视并在超限时替换；0 为不限。"},
     .example = "512MiB"},
    {"memory_high", OPT_SIZE, WITHIN(limits, memory_high), .def = "0", .min = 0, .max = PIB,
     .advanced = true,
     .help =
         {"Over this the kernel slows it down and takes memory back (memory.high); 0: no bound.",
          "超过此值后内核会减慢并回收其内存（memory.high）；0 为不限。"}},
    {"cpu", OPT_F64, WITHIN(limits, cpu), .def = "0", .min = 0, .max = 10000,
     .help = {"Cores that it may use (cpu.max): 0.5 is half of one; 0: no bound.",
              "可使用的 CPU 核数（cpu.max）：0.5 为半个核；0 为不限。"}},
    COUNT_LIMIT("tasks", tasks, "Processes and threads of its cgroup (pids.max); 0: no bound.",
                "其 cgroup 的进程与线程总数（pids.max）；0 为不限。"),
    {"watch_memory", OPT_SIZE, WITHIN(limits, watch_memory), .def = "0", .min = 0, .max = PIB,
     .help = {"It is replaced when its own memory grows over this; 0: never.",
              "其自身内存超过此值时被替换；0 为不检查。"}},
    {"watch_files", OPT_INT, WITHIN(limits, watch_files), .def = "0", .min = 0, .max = 1e9,
     .help = {"It is replaced when it has more descriptors open than this; 0: never.",
              "其打开的文件描述符超过此数时被替换；0 为不检查。"}},
    OPTION_END,
};

static const struct option delay_options[] = {
    {"delay", OPT_DURATION, WITHIN(restart_delay, delay_ms), .def = "1s", .min = 0, .max = DAY_MS,
     .help =
         {"Wait before the second restart in a row; the first waits for restart_cooldown alone.",
          "连续第二次重启前的等待时间；第一次只受 restart_cooldown 约束。"}},
    {"growth", OPT_F64, WITHIN(restart_delay, growth), .def = "2", .min = 1, .max = 100,
     .help = {"Factor by which the wait grows; 1: it is fixed.",
              "每次等待时间的增长倍数；1 为固定。"}},
    {"delay_max", OPT_DURATION, WITHIN(restart_delay, delay_max_ms), .def = "1m", .min = 0,
     .max = DAY_MS, .help = {"The wait grows no longer than this.", "等待时间的上限。"}},
    {"jitter", OPT_F64, WITHIN(restart_delay, jitter), .def = "0.1", .min = 0, .max = 1,
     .help = {"Random share added to the wait, so that what died together does not start together.",
              "附加的随机比例，避免同时退出的程序同时启动。"}},
    OPTION_END,
};

static const struct option output_options[] = {
    {"format", OPT_ENUM, WITHIN(output, format), .def = "cri", .choices = output_choices,
     .help = {"`cri`: time, stream and line, as container runtimes write; `raw`: as it comes.",
              "`cri`：时间、流与行，同容器运行时；`raw`：原样写入。"}},
    {"max_size", OPT_SIZE, WITHIN(output, max_size), .def = "10MiB", .min = 0, .max = PIB,
     .help = {"The file is rotated at this size (and at midnight); 0: not by size.",
              "文件达到此大小时轮转（零点也轮转）；0 为不按大小轮转。"}},
    {"keep", OPT_INT, WITHIN(output, keep), .def = "10", .min = 0, .max = 100000,
     .help = {"Rotated files that are kept; 0: no bound.", "保留的历史文件数；0 为不限。"}},
    {"keep_days", OPT_INT, WITHIN(output, keep_days), .def = "30", .min = 0, .max = 3650,
     .unit = "days",
     .help = {"Rotated files older than this are removed; 0: none.",
              "早于此天数的历史文件会被删除；0 为不删除。"}},
    {"compress", OPT_BOOL, WITHIN(output, compress), .def = "true",
     .help = {"Compress rotated files (zstd).", "压缩历史文件（zstd）。"}},
    {"merge", OPT_BOOL, WITHIN(output, merge), .def = "false", .advanced = true,
     .help = {"stderr goes into stdout's pipe, so that the order of their lines is kept.",
              "stderr 并入 stdout 的管道，保持两者各行的先后顺序。"}},
    {"events", OPT_BOOL, WITHIN(output, events), .def = "false", .advanced = true,
     .help = {"Lines are also sent to `/api/v1/events`.", "各行同时发往 `/api/v1/events`。"}},
    {"on_full", OPT_ENUM, WITHIN(output, on_full), .def = "drop", .choices = full_choices,
     .advanced = true,
     .help =
         {"When the disk is full: `drop` what it prints, counted, or `block` it until there is room.",
          "磁盘写满时：`drop` 丢弃输出并计数，或 `block` 让程序等待直到有空间。"}},
    OPTION_END,
};

static const struct option adopt_options[] = {
    {"pid_file", OPT_STRING, WITHIN(adopt, pid_file), .def = "", .min = 0, .max = 1000,
     .help = {"File that its pid stands in.", "记有其 pid 的文件。"}, .example = "/run/nginx.pid"},
    {"name", OPT_STRING, WITHIN(adopt, name), .def = "", .min = 0, .max = 1000,
     .help = {"Pattern (`*`, `?`) of its command line or name.", "其命令行或名称的通配模式。"},
     .example = "nginx: master*"},
    {"systemd", OPT_STRING, WITHIN(adopt, systemd), .def = "", .min = 0, .max = 300,
     .help = {"systemd unit whose main process it is.", "systemd 单元，取其主进程。"},
     .example = "nginx.service"},
    OPTION_END,
};

#define AT(field) offsetof(struct process_config, field)
const struct option process_unit_options[] = {
    {"id", OPT_STRING, AT(id), .required = true, .min = 1, .max = 64,
     .help =
         {"Unique: letters, digits, dot, `_`, `-`. With `replicas` it has `%i`, the replica's number.",
          "唯一标识：字母、数字、点、`_`、`-`。有 `replicas` 时须含 `%i`（副本序号）。"},
     .example = "ss-001"},
    {"type", OPT_STRING, AT(type), .def = "", .min = 0, .max = 64,
     .help = {"A word of yours for logs, metrics and alerts.",
              "自定的类别，用于日志、指标与告警。"},
     .example = "shadowsocks"},
    {"name", OPT_STRING, AT(name), .def = "", .min = 0, .max = 200,
     .help = {"Its name for people; the id when not given.", "显示名称；缺省为 id。"}},
    {"command", OPT_LIST, AT(command), .min = 0, .max = 1000,
     .help =
         {"Program and arguments. One text is split like a shell's words (quotes, backslash), but without a shell. In a unit with replicas `%i` is the number, here and in all other texts.",
          "程序与参数。单个文本按 shell 的规则拆分（引号、反斜杠），但不经过 shell。有副本时，此处及其他文本中的 `%i` 为序号。"},
     .example = "[/usr/bin/ss-server, -c, /etc/ss.json]"},
    {"shell", OPT_BOOL, AT(shell), .def = "false",
     .help = {"Give the command, one text, to `/bin/sh -c`.",
              "将命令（单个文本）交给 `/bin/sh -c`。"}},
    {"directory", OPT_STRING, AT(directory), .def = "", .min = 0, .max = 4000,
     .help = {"Working directory, absolute; empty: the one that Belfry was started in.",
              "工作目录（绝对路径）；留空为启动 Belfry 时所在的目录。"}},
    {"user", OPT_STRING, AT(user), .def = "", .min = 0, .max = 100,
     .help = {"Name or number; empty: Belfry's own (`server.user`).",
              "用户名或编号；留空为 Belfry 自身的用户（`server.user`）。"}},
    {"group", OPT_STRING, AT(group), .def = "", .min = 0, .max = 100,
     .help = {"Primary group; empty: the user's.", "主组；留空为用户的主组。"}},
    {"groups", OPT_LIST, AT(groups), .min = 0, .max = 64, .advanced = true,
     .help = {"Further groups; absent: the user's.", "附加组；缺省为用户的附加组。"}},
    {"umask", OPT_STRING, AT(umask), .def = "", .min = 0, .max = 5, .advanced = true,
     .help = {"File mode mask, octal; empty: 022.", "文件权限掩码（八进制）；留空为 022。"},
     .example = "\"027\""},
    {"environment", OPT_MAP, AT(environment), .min = 0, .max = 1000, .secret = true,
     .help = {"Environment variables.", "环境变量。"}, .example = "{PORT: 8080}"},
    {"environment_file", OPT_STRING, AT(environment_file), .def = "", .min = 0, .max = 4000,
     .help = {"File of `KEY=VALUE` lines, read at each start; `environment` goes over it.",
              "每行 `KEY=VALUE` 的文件，每次启动时读取；`environment` 优先。"}},
    {"clean_environment", OPT_BOOL, AT(clean_environment), .def = "false", .advanced = true,
     .help = {"Start from PATH, HOME, USER and LANG alone, not from Belfry's environment.",
              "只带 PATH、HOME、USER、LANG，不继承 Belfry 的环境。"}},
    {"priority", OPT_SECTION, AT(priority), .sub = priority_options, .advanced = true,
     .help = {"Priority for CPU, disk and memory.", "CPU、磁盘与内存的优先级。"}},
    {"limits", OPT_SECTION, AT(limits), .sub = limits_options,
     .help = {"What it may use.", "资源限制。"}},
    {"allow_setuid", OPT_BOOL, AT(allow_setuid), .def = "false", .advanced = true,
     .help = {"Whether set-user-id programs that it starts (sudo, ping) work.",
              "其启动的 set-user-id 程序（sudo、ping 等）是否有效。"}},
    {"autostart", OPT_BOOL, AT(autostart), .def = "true",
     .help = {"Started with Belfry. Not for jobs.", "随 Belfry 启动。不适用于定时任务。"}},
    {"start_order", OPT_INT, AT(start_order), .def = "0", .min = -1000000, .max = 1000000,
     .advanced = true,
     .help = {"Lower ones are started first, and stopped last.", "数值小的先启动、后停止。"}},
    {"after", OPT_LIST, AT(after), .min = 0, .max = 1000,
     .help =
         {"Units that it waits for, when they are wanted at all. A name with `%i` means all replicas, in a unit with replicas that of the same number.",
          "要等待的单元（若其需要运行）。含 `%i` 的名称指全部副本；在有副本的单元中指同序号的副本。"}},
    {"requires", OPT_LIST, AT(requires), .min = 0, .max = 1000,
     .help =
         {"Units that it needs: they are started with it, it waits until they are ready and is stopped before them.",
          "所依赖的单元：随其启动，等待其就绪，并先于其停止。"}},
    {"replicas", OPT_INT, AT(replicas), .def = "1", .min = 1, .max = PROCESS_REPLICAS_MAX,
     .help = {"So many of it run.", "运行的副本数。"}},
    {"kind", OPT_ENUM, AT(kind), .def = "daemon", .choices = kind_choices,
     .help = {"`daemon` is to run for ever, `oneshot` is to end; with `schedule` it is `oneshot`.",
              "`daemon` 持续运行，`oneshot` 运行后结束；有 `schedule` 时为 `oneshot`。"}},
    {"schedule", OPT_STRING, AT(schedule), .def = "", .min = 0, .max = 300,
     .help =
         {"Cron expression of 5 fields, 6 with seconds in front, or @hourly, @daily …: it is a job.",
          "cron 表达式：5 个字段，6 个字段时最前为秒，或 @hourly、@daily 等：作为定时任务。"},
     .example = "30 2 * * mon-fri"},
    {"timezone", OPT_STRING, AT(timezone), .def = "", .min = 0, .max = 100,
     .help = {"Time zone of the schedule; empty: this machine's.",
              "定时所用的时区；留空为本机时区。"},
     .example = "Asia/Shanghai"},
    {"overlap", OPT_ENUM, AT(overlap), .def = "skip", .choices = overlap_choices,
     .help = {"When it is due and still runs: leave it out, run again afterwards, or replace it.",
              "到时仍在运行：跳过、排队随后再运行，或替换。"}},
    {"catch_up", OPT_BOOL, AT(catch_up), .def = "false",
     .help = {"A due time that passed while Belfry was away is made up for, once.",
              "Belfry 未运行期间错过的任务补运行一次。"}},
    {"run_timeout", OPT_DURATION, AT(run_timeout_ms), .def = "0", .min = 0, .max = 366 * DAY_MS,
     .help = {"A oneshot that runs longer is ended; 0: never.",
              "一次性任务超过此时间即被结束；0 为不限。"}},
    {"pre_start", OPT_LIST, AT(pre_start), .min = 0, .max = 1000,
     .help = {"Command run before each start; when it fails the start has failed.",
              "每次启动前运行的命令；失败则启动失败。"}},
    {"post_stop", OPT_LIST, AT(post_stop), .min = 0, .max = 1000,
     .help = {"Command run after each end.", "每次结束后运行的命令。"}},
    {"ready", OPT_ENUM, AT(ready), .def = "time", .choices = ready_choices,
     .help =
         {"It is ready when it has lived for start_seconds, says READY=1 (sd_notify), or its health probe succeeds.",
          "就绪条件：存活达 start_seconds、自行通知 READY=1（sd_notify），或健康探测成功。"}},
    {"start_seconds", OPT_DURATION, AT(start_ms), .def = "1s", .min = 0, .max = DAY_MS,
     .help = {"So long it must live to count as started.", "存活达到此时间才算启动成功。"}},
    {"start_timeout", OPT_DURATION, AT(start_timeout_ms), .def = "90s", .min = 0, .max = DAY_MS,
     .help = {"Ready by then, or it is replaced; 0: it may take as long as it likes.",
              "到时仍未就绪则替换；0 为不限。"}},
    {"watchdog", OPT_DURATION, AT(watchdog_ms), .def = "0", .min = 0, .max = DAY_MS,
     .help = {"It must say WATCHDOG=1 (sd_notify) this often, or it is replaced; 0: it need not.",
              "须按此间隔发送 WATCHDOG=1（sd_notify），否则被替换；0 为不检查。"}},
    {"stop_signal", OPT_STRING, AT(stop_signal), .def = "TERM", .min = 1, .max = 20,
     .help = {"Signal that asks it to end.", "要求其结束的信号。"}},
    {"stop_timeout", OPT_DURATION, AT(stop_timeout_ms), .def = "10s", .min = 0, .max = DAY_MS,
     .help = {"SIGKILL after this long, to all of its processes.",
              "超过此时间后对其全部进程发送 SIGKILL。"}},
    {"restart", OPT_ENUM, AT(restart), .def = "always", .choices = restart_choices,
     .help =
         {"Whether it is started again when it ends by itself. A oneshot: `never` unless given.",
          "自行结束后是否重新启动。oneshot 未写明时为 `never`。"}},
    {"success_statuses", OPT_RANGES, AT(success_statuses), .def = "0", .min = 0, .max = 255,
     .help = {"Exit statuses of a good end.", "表示正常结束的退出码。"}, .example = "[0, 3]"},
    {"restart_delay", OPT_SECTION, AT(restart_delay), .sub = delay_options,
     .help = {"How long it waits when it dies again and again.", "反复退出时的等待时间。"}},
    {"monitor", OPT_SECTION, AT(monitor), .sub = unit_monitor_options,
     .help = {"Its own values over those of `processes.monitor`.",
              "本单元的设置，覆盖 `processes.monitor`。"}},
    {"health", OPT_NODE, AT(health),
     .help =
         {"Health probe, any of Belfry's: `url`, or `type` with `config`, and `expect`, as for a target.",
          "健康探测，可用任一探针：`url`，或 `type` 与 `config`，以及 `expect`，写法同目标。"},
     .example = "{url: \"http://127.0.0.1:8080/health\"}"},
    {"output", OPT_SECTION, AT(output), .sub = output_options,
     .help = {"What becomes of what it prints.", "输出的处理方式。"}},
    {"adopt", OPT_SECTION, AT(adopt), .sub = adopt_options, .advanced = true,
     .help =
         {"Watch a program that others start or that leaves its parent; one of the three. `command` starts it again.",
          "监视由他人启动或自行脱离父进程的程序；三者取一。`command` 用于重新启动。"}},
    {"channels", OPT_LIST, AT(channels),
     .help = {"Names of the channels that are told; absent: those of `processes.channels`.",
              "要通知的渠道名称；缺省为 `processes.channels`。"}},
    {"labels", OPT_MAP, AT(labels), .min = 0, .max = 64,
     .help = {"Labels of its metrics and alerts.", "指标与告警的标签。"}, .example = "{env: prod}"},
    {"enabled", OPT_BOOL, AT(enabled), .def = "true",
     .help = {"Whether it is monitored; `belfry process disable` turns this off.",
              "是否监控；`belfry process disable` 将其关闭。"}},
    OPTION_END,
};

const struct option process_section_options[] = {
    {"channels", OPT_LIST, offsetof(struct process_section, channels),
     .help = {"Names of the channels that are told.", "要通知的渠道名称。"}},
    {"monitor", OPT_SECTION, offsetof(struct process_section, monitor),
     .sub = process_monitor_options,
     .help = {"How programs are watched; each unit may have its own values.",
              "监控设置；每个单元可以单独设置。"}},
    {"language", OPT_ENUM, offsetof(struct process_section, language), .def = "en",
     .choices = language_choices, .help = {"Language of the log events.", "日志事件的语言。"}},
    {"users", OPT_LIST, offsetof(struct process_section, users),
     .help =
         {"Users that units added by the API may run as, beside those of the file's units. Read by the warden at its start.",
          "除本文件各单元的用户外，经 API 添加的单元还可使用的用户。由守护进程在启动时读取。"}},
    {"units", OPT_NODE, offsetof(struct process_section, units),
     .help = {"List of units, see Processes.", "单元列表，见“受管程序”一节。"}},
    OPTION_END,
};
