/* The option tables of belfry.yaml (CONTRACT.md, "Configuration"): the one description that parser,
 * messages and docs/configuration.md share. Tables only. */
#include "config/config_priv.h"

#define DAY_MS (24 * 3600 * 1000.0)
#define KIB    1024.0
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define TEXT(en) \
    {            \
        en, NULL \
    }

static const char *const anonymous_choices[] = {"none", "viewer", "admin", NULL};
static const char *const level_choices[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_choices[] = {"text", "json", NULL};

static const struct option tls_options[] = {
    {"cert_file", OPT_STRING,
     offsetof(struct config_server, tls.cert_file) - offsetof(struct config_server, tls), .def = "",
     .help = TEXT("Certificate chain, PEM. Not used yet by this version.")},
    {"key_file", OPT_STRING,
     offsetof(struct config_server, tls.key_file) - offsetof(struct config_server, tls), .def = "",
     .help = TEXT("Its private key, PEM. Not used yet by this version.")},
    OPTION_END,
};

static const struct option server_options[] = {
    {"listen", OPT_STRING, offsetof(struct config_server, listen), .def = "127.0.0.1:9370",
     .min = 1, .max = 300,
     .help = TEXT(
         "Address and port of page, API and metrics. Until access control arrives only loopback "
         "addresses are accepted.")},
    {"public_url", OPT_STRING, offsetof(struct config_server, public_url), .def = "", .min = 0,
     .max = 1000, .help = TEXT("Address under which people reach the page; messages link to it."),
     .example = "http://monitor.example.com"},
    {"anonymous", OPT_ENUM, offsetof(struct config_server, anonymous), .def = "none",
     .choices = anonymous_choices,
     .help = TEXT("What a caller over TCP without credentials may do.")},
    {"user", OPT_STRING, offsetof(struct config_server, user), .def = "", .min = 0, .max = 100,
     .help = TEXT(
         "User that Belfry's processes run as when it is started as root; empty: the caller's own."),
     .example = "belfry"},
    {"tls", OPT_SECTION, offsetof(struct config_server, tls), .sub = tls_options,
     .help = TEXT("HTTPS for page and API.")},
    OPTION_END,
};

static const struct option log_options[] = {
    {"dir", OPT_STRING, offsetof(struct config_log, dir), .def = "logs", .min = 1, .max = 1000,
     .help = TEXT("Directory of the log files, beside the configuration file unless absolute.")},
    {"level", OPT_ENUM, offsetof(struct config_log, level), .def = "info", .choices = level_choices,
     .help = TEXT("Lines below this level are not written.")},
    {"format", OPT_ENUM, offsetof(struct config_log, format), .def = "json",
     .choices = format_choices, .help = TEXT("One JSON object a line, or text for reading.")},
    {"keep_days", OPT_INT, offsetof(struct config_log, keep_days), .def = "30", .min = 1,
     .max = 3650, .unit = "days", .help = TEXT("Rotated files older than this are removed.")},
    OPTION_END,
};

static const struct option results_options[] = {
    {"keep", OPT_DURATION, offsetof(struct config_results, keep_ms), .def = "30d",
     .min = 3600 * 1000.0, .max = 3660 * DAY_MS, .help = TEXT("How long single results are kept.")},
    {"max_size", OPT_SIZE, offsetof(struct config_results, max_size), .def = "10GB", .min = MIB,
     .max = 1024 * 1024 * GIB,
     .help = TEXT("The oldest results go when the database grows over this.")},
    OPTION_END,
};

#define IN_WATCHER(field) \
    (offsetof(struct config_limits, watcher.field) - offsetof(struct config_limits, watcher))
static const struct option watcher_options[] = {
    {"max_in_flight", OPT_INT, IN_WATCHER(max_in_flight), .def = "5000", .min = 1, .max = 100000,
     .advanced = true,
     .help = TEXT("Probes at once in one watcher; further rounds are missed and counted.")},
    {"memory_limit", OPT_SIZE, IN_WATCHER(memory_limit), .def = "512MiB", .min = 16 * MIB,
     .max = 1024 * GIB, .advanced = true,
     .help = TEXT("A watcher that grows over this is replaced.")},
    {"hang_timeout", OPT_DURATION, IN_WATCHER(hang_timeout_ms), .def = "15s", .min = 1000,
     .max = DAY_MS, .advanced = true,
     .help = TEXT("A watcher whose loop has not turned for so long is killed and replaced.")},
    {"ring_size", OPT_SIZE, IN_WATCHER(ring_size), .def = "8MiB", .min = 64 * KIB, .max = GIB,
     .advanced = true, .help = TEXT("Room for results that the core has not stored yet.")},
    {"targets_per_watcher", OPT_INT, IN_WATCHER(targets_per_watcher), .def = "20000", .min = 1,
     .max = TARGETS_MAX, .advanced = true,
     .help = TEXT("A group with more targets is probed by several processes.")},
    OPTION_END,
};

#define IN_CORE(field) \
    (offsetof(struct config_limits, core.field) - offsetof(struct config_limits, core))
static const struct option core_options[] = {
    {"memory_limit", OPT_SIZE, IN_CORE(memory_limit), .def = "2GiB", .min = 64 * MIB,
     .max = 4096 * GIB, .advanced = true,
     .help = TEXT("The core is replaced when it grows over this.")},
    {"hang_timeout", OPT_DURATION, IN_CORE(hang_timeout_ms), .def = "30s", .min = 1000,
     .max = DAY_MS, .advanced = true,
     .help = TEXT("The core is killed and replaced when its loop has not turned for so long.")},
    OPTION_END,
};

static const struct option limits_options[] = {
    {"watcher", OPT_SECTION, offsetof(struct config_limits, watcher), .sub = watcher_options,
     .help = TEXT("Limits of each process that probes.")},
    {"core", OPT_SECTION, offsetof(struct config_limits, core), .sub = core_options,
     .help = TEXT("Limits of the process that judges, stores and answers.")},
    OPTION_END,
};

static const struct option restart_options[] = {
    {"delay", OPT_DURATION, offsetof(struct config_restart, delay_ms), .def = "1s", .min = 0,
     .max = DAY_MS,
     .help = TEXT("Wait before the second restart in a row; the first is immediate.")},
    {"growth", OPT_F64, offsetof(struct config_restart, growth), .def = "2", .min = 1, .max = 100,
     .help = TEXT("Factor by which the wait grows from one restart to the next.")},
    {"delay_max", OPT_DURATION, offsetof(struct config_restart, delay_max_ms), .def = "1m",
     .min = 0, .max = DAY_MS, .help = TEXT("The wait grows no longer than this.")},
    {"cooldown", OPT_DURATION, offsetof(struct config_restart, cooldown_ms), .def = "1m", .min = 0,
     .max = DAY_MS, .help = TEXT("After running so long the wait starts anew.")},
    {"max_restarts", OPT_INT, offsetof(struct config_restart, max_restarts), .def = "60", .min = 0,
     .max = 100000,
     .help =
         TEXT("Restarts within an hour; after that the process stays down and an alert says so.")},
    OPTION_END,
};

static const struct option network_options[] = {
    {"reference_targets", OPT_LIST, offsetof(struct raw_network, reference_targets),
     .help = TEXT(
         "Targets (NAME or GROUP/NAME) that only fail together when this machine's own network is gone; "
         "Belfry then says that instead of ringing for everything."),
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
     .help = TEXT("Time from one probe to the next.")},                                           \
        {"timeout",                                                                               \
         OPT_DURATION,                                                                            \
         offsetof(type, member timeout_ms),                                                       \
         .def = D("5s"),                                                                          \
         .min = 1,                                                                                \
         .max = 3600 * 1000.0,                                                                    \
         .help = TEXT("A probe fails after this long; at most the interval.")},                   \
        {"connect_timeout",                                                                       \
         OPT_DURATION,                                                                            \
         offsetof(type, member connect_timeout_ms),                                               \
         .def = D("3s"),                                                                          \
         .min = 1,                                                                                \
         .max = 3600 * 1000.0,                                                                    \
         .help = TEXT("Limit for establishing the connection; at most the timeout.")},            \
        {"attempts",                                                                              \
         OPT_INT,                                                                                 \
         offsetof(type, member attempts),                                                         \
         .def = D("1"),                                                                           \
         .min = 1,                                                                                \
         .max = 20,                                                                               \
         .help = TEXT("Tries within one probe; it succeeds when one of them does.")},             \
        {"threshold",                                                                             \
         OPT_INT,                                                                                 \
         offsetof(type, member threshold),                                                        \
         .def = D("3"),                                                                           \
         .min = 1,                                                                                \
         .max = 1000,                                                                             \
         .help = TEXT("Failed probes in a row until the alert.")},                                \
        {"resend_interval",                                                                       \
         OPT_DURATION,                                                                            \
         offsetof(type, member resend_ms),                                                        \
         .def = D("0"),                                                                           \
         .min = 0,                                                                                \
         .max = 366 * DAY_MS,                                                                     \
         .help = TEXT("An alert that still fires is told again after this; 0: never.")},          \
        {"channels", OPT_LIST, offsetof(type, member channels),                                   \
         .help = TEXT("Names of the channels that are told.")},                                   \
    {                                                                                             \
        "labels", OPT_MAP, offsetof(type, member labels),                                         \
            .min = 0, .max = 64,                                                                  \
            .help = TEXT(                                                                         \
                "Labels of metrics and alerts; those of defaults, group and target are merged."), \
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
     .help = TEXT("Requests in one probe.")},
    {"delta", OPT_DURATION, offsetof(struct raw_burst, delta_ms), .def = "1s", .min = 0,
     .max = 3600 * 1000.0, .help = TEXT("Time from one request to the next.")},
    {"min_success", OPT_F64, offsetof(struct raw_burst, min_success), .def = "0.7", .min = 0,
     .max = 1, .help = TEXT("The probe fails when a smaller share of the requests succeeds.")},
    {"max_mean", OPT_DURATION, offsetof(struct raw_burst, max_mean_ms), .def = "5s", .min = 1,
     .max = 3600 * 1000.0,
     .help = TEXT("The probe fails when the mean of the latencies is larger.")},
    OPTION_END,
};

static const struct option target_options[] = {
    {"name", OPT_STRING, offsetof(struct raw_target, name), .min = 1, .max = 300,
     .help = TEXT("Unique in its group; the URL when not given.")},
    {"url", OPT_STRING, offsetof(struct raw_target, url), .min = 1, .max = 4096,
     .help = TEXT("What is probed, in short: the scheme tells the prober."),
     .example = "https://shop.example.com/health"},
    {"type", OPT_STRING, offsetof(struct raw_target, type), .min = 1, .max = 40,
     .help = TEXT("The prober, when there is no URL."), .example = "tcp"},
    {"config", OPT_NODE, offsetof(struct raw_target, config),
     .help = TEXT("The prober's own options, see Probers.")},
    {"expect", OPT_NODE, offsetof(struct raw_target, expect),
     .help = TEXT("What a good answer looks like; short for config.expect."),
     .example = "{status: [200-299], body_contains: ok}"},
    TIMING_OPTIONS(struct raw_target, timing., INHERITED),
    {"burst", OPT_SECTION, offsetof(struct raw_target, burst), .sub = burst_options,
     .help = TEXT("Several requests in one probe, judged by their statistics.")},
    {"depends_on", OPT_LIST, offsetof(struct raw_target, depends_on),
     .help = TEXT(
         "Targets (NAME in the same group, or GROUP/NAME): while one of them fails, this one does not ring.")},
    {"enabled", OPT_BOOL, offsetof(struct raw_target, enabled), .def = "true",
     .help = TEXT("false: known, but not probed.")},
    OPTION_END,
};

static const struct option group_options[] = {
    {"name", OPT_STRING, offsetof(struct raw_group, name), .required = true, .min = 1, .max = 64,
     .help = TEXT("Unique; also the name of its log directory.")},
    TIMING_OPTIONS(struct raw_group, timing., INHERITED),
    {"targets", OPT_NODE, offsetof(struct raw_group, targets),
     .help = TEXT("List of targets, see Targets.")},
    {"targets_file", OPT_LIST, offsetof(struct raw_group, targets_file),
     .help = TEXT("Files with a URL a line and # comments, beside this file unless absolute."),
     .example = "targets_payments.txt"},
    OPTION_END,
};

static const struct option channel_options[] = {
    {"name", OPT_STRING, offsetof(struct raw_channel, name), .required = true, .min = 1, .max = 200,
     .help = TEXT("Unique; what groups and targets name.")},
    {"type", OPT_STRING, offsetof(struct raw_channel, type), .required = true, .min = 1, .max = 40,
     .help = TEXT("See Channels."), .example = "wecom"},
    {"enabled", OPT_BOOL, offsetof(struct raw_channel, enabled), .def = "true",
     .help = TEXT("false: nothing is sent, and nothing is kept for later.")},
    {"webhook_url", OPT_STRING, offsetof(struct raw_channel, webhook_url), .def = "", .min = 0,
     .max = 4096, .secret = true,
     .help = TEXT("Address that messages are posted to, for the types that have one.")},
    {"mention_all", OPT_BOOL, offsetof(struct raw_channel, mention_all), .def = "false",
     .help = TEXT("Mention everybody in the chat, for the types that can.")},
    {"config", OPT_NODE, offsetof(struct raw_channel, config),
     .help = TEXT("The type's own options; they may also stand beside `name` directly.")},
    OPTION_END,
};

#define LATER(key, index, text)                                           \
    {                                                                     \
        key, OPT_NODE, offsetof(struct raw_file, later[index]),           \
            .help = TEXT(text " Accepted, not used yet by this version.") \
    }
static const struct option file_options[] = {
    {"include", OPT_LIST, offsetof(struct raw_file, include),
     .help = TEXT(
         "Further files, patterns allowed; their groups and channels are added to this file's."),
     .example = "[conf.d/*.yaml]"},
    {"server", OPT_SECTION, offsetof(struct raw_file, server), .sub = server_options,
     .help = TEXT("HTTP.")},
    {"data_dir", OPT_STRING, offsetof(struct raw_file, data_dir), .def = "data", .min = 1,
     .max = 1000,
     .help = TEXT("Directory of everything that Belfry keeps, beside this file unless absolute.")},
    {"store", OPT_STRING, offsetof(struct raw_file, store), .def = "sqlite", .min = 1, .max = 1000,
     .secret = true, .help = TEXT("`sqlite`. `postgresql://user@host/db` is for a later version.")},
    {"log", OPT_SECTION, offsetof(struct raw_file, log), .sub = log_options,
     .help = TEXT("Log files.")},
    {"defaults", OPT_SECTION, offsetof(struct raw_file, defaults), .sub = defaults_options,
     .help = TEXT("What groups and targets inherit.")},
    {"channels", OPT_NODE, offsetof(struct raw_file, channels), .help = TEXT("List of channels.")},
    {"groups", OPT_SECTIONS, offsetof(struct raw_file, groups), .sub = group_options,
     .sub_size = sizeof(struct raw_group),
     .help = TEXT("Groups of targets, each probed by a process of its own.")},
    {"own_network", OPT_SECTION, offsetof(struct raw_file, own_network), .sub = network_options,
     .help = TEXT("How Belfry knows that its own network is gone.")},
    {"results", OPT_SECTION, offsetof(struct raw_file, results), .sub = results_options,
     .help = TEXT("How long results are kept.")},
    {"limits", OPT_SECTION, offsetof(struct raw_file, limits), .sub = limits_options,
     .help = TEXT("Limits of Belfry's own processes.")},
    {"restart", OPT_SECTION, offsetof(struct raw_file, restart), .sub = restart_options,
     .help = TEXT("How Belfry's own processes are restarted.")},
    LATER("processes", 0, "Supervised programs."),
    LATER("scrape_configs", 1, "Scraping, as in prometheus.yml."),
    LATER("rule_files", 2, "Files of alerting and recording rules, as in prometheus.yml."),
    LATER("alerting", 3, "Routes, receivers, inhibition, as in alertmanager.yml."),
    LATER("remote_write", 4, "Remote write, as in prometheus.yml."),
    LATER("host", 5, "CPU, memory, disk, network and containers of this machine."),
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
