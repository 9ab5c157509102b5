/* run, start, stop, status, install: from a configuration file to a warden; and the arguments by which the warden
 * starts the other roles. */
#include "app/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/rights.h"
#include "app/roles.h"
#include "base/fs.h"
#include "base/proctitle.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"

static const char help[] =
    "usage: belfry run|start|stop|status|upgrade|install [-c FILE]\n\n"
    "  run      in the foreground (what systemd and Docker start)\n"
    "  start    in the background; returns when it is ready\n"
    "  stop     gracefully: probes under way end, everything is committed\n"
    "  upgrade  run the program file that lies on disk now; programs run on\n"
    "  status   is it running, and its processes (--json)\n"
    "  install  write a systemd unit (as root), hardened unless there are programs to run;\n"
    "           uninstall removes it\n\n"
    "FILE is belfry.yaml in this directory, else /etc/belfry/belfry.yaml, unless given.\n";

/* Everything a warden needs, kept alive for its whole life: copies, since the configuration with all its targets and
 * programs would be most of its memory. */
struct setting {
    struct arena *arena;
    struct warden_config warden;
    bool has_programs;
    char *exe, *program_path, *run_dir, *ring_size, *max_in_flight;
    const char *watcher_args[16];
    struct rights rights;
};

static void fill_watcher_args(struct setting *s, const char *log_dir)
{
    const char *args[] = {"--run-dir",   s->run_dir,   "--log-dir",       log_dir,
                          "--ring-size", s->ring_size, "--max-in-flight", s->max_in_flight};
    for (size_t i = 0; i < array_len(args); i++)
        s->watcher_args[i] = args[i];
}

static void fill_warden(struct setting *s, const struct config *c, bool foreground)
{
    struct arena *a = s->arena;
    s->warden = (struct warden_config){
        .version = BELFRY_VERSION,
        .data_dir = arena_strdup(a, c->data_dir),
        .log_dir = arena_strdup(a, c->log.dir),
        .config_path = arena_strdup(a, c->path),
        .exe = s->exe,
        .program_path = s->program_path,
        .user = c->server.user ? arena_strdup(a, c->server.user) : NULL,
        .policy = {.delay_ms = c->restart.delay_ms,
                   .factor = c->restart.growth,
                   .cap_ms = c->restart.delay_max_ms,
                   .stable_ms = c->restart.cooldown_ms,
                   .max_restarts = (uint32_t)c->restart.max_restarts},
        .core = {(uint64_t)c->limits.core.memory_limit, c->limits.core.hang_timeout_ms},
        .watcher = {(uint64_t)c->limits.watcher.memory_limit, c->limits.watcher.hang_timeout_ms},
        .watcher_args = s->watcher_args,
        .log_level = (enum log_level)c->log.level,
        .log_format = (enum log_format)c->log.format,
        .log_keep_days = (int)c->log.keep_days,
        .foreground = foreground,
        .program_users = s->rights.users.at,
        .program_groups = s->rights.groups.at,
    };
    fill_watcher_args(s, s->warden.log_dir);
}

/* NULL: printed why. */
static struct setting *setting_new(const char *path, bool foreground)
{
    struct config *cfg = load_config(path);
    if (!cfg)
        return NULL;
    struct setting *s = calloc(1, sizeof(*s));
    must(s);
    s->arena = arena_new();
    s->exe = spawn_self("belfry");
    s->program_path = warden_program_path();
    s->has_programs = cfg->n_units > 0;
    rights_collect(&s->rights, cfg, s->arena);
    s->run_dir = path_join(cfg->data_dir, "run");
    must(asprintf(&s->ring_size, "%lld", (long long)cfg->limits.watcher.ring_size) > 0);
    must(asprintf(&s->max_in_flight, "%lld", (long long)cfg->limits.watcher.max_in_flight) > 0);
    fill_warden(s, cfg, foreground);
    config_unref(&cfg);
    return s;
}

static void setting_free(struct setting *s)
{
    rights_done(&s->rights);
    arena_free(s->arena);
    free(s->exe);
    free(s->program_path);
    free(s->run_dir);
    free(s->ring_size);
    free(s->max_in_flight);
    free(s);
}

/* -1: go on; else the exit status. */
static int begin(int argc, char **argv, struct client_args *args)
{
    client_args(argc, argv, args);
    if (args->help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    if (args_unknown(args))
        return EXIT_USAGE;
    if (args->argc > 1) {
        fprintf(stderr, "belfry %s: unexpected \"%s\"\n", args->argv[0], args->argv[1]);
        return EXIT_USAGE;
    }
    return -1;
}

static int with_setting(int argc, char **argv, bool foreground,
                        int (*fn)(const struct warden_config *cfg))
{
    struct client_args args;
    int status = begin(argc, argv, &args);
    if (status >= 0)
        return status;
    struct setting *s = setting_new(args.config, foreground);
    if (!s)
        return EXIT_BAD;
    if (foreground) {
        proctitle_set("belfry: warden");
        setenv(FOREGROUND_ENV, "1", 1);
    }
    status = fn(&s->warden);
    setting_free(s);
    return status;
}

int cmd_run(int argc, char **argv)
{
    return with_setting(argc, argv, true, role_warden);
}

int cmd_start(int argc, char **argv)
{
    return with_setting(argc, argv, false, daemon_start);
}

/* Here by the warden's door, elsewhere by the API. */
int cmd_upgrade_any(int argc, char **argv)
{
    bool elsewhere = getenv("BELFRY_SERVER") != NULL;
    for (int i = 1; i < argc; i++)
        elsewhere |= strncmp(argv[i], "--server", strlen("--server")) == 0;
    return elsewhere ? cmd_upgrade(argc, argv) : with_setting(argc, argv, false, daemon_upgrade);
}

static int with_data_dir(int argc, char **argv, int (*fn)(const char *data_dir, bool json))
{
    struct client_args args;
    int status = begin(argc, argv, &args);
    if (status >= 0)
        return status;
    struct config *cfg = load_config(args.config);
    if (!cfg)
        return EXIT_BAD;
    status = fn(cfg->data_dir, args.json);
    config_unref(&cfg);
    return status;
}

static int stop(const char *data_dir, bool json)
{
    (void)json;
    return daemon_stop(data_dir);
}

int cmd_stop(int argc, char **argv)
{
    return with_data_dir(argc, argv, stop);
}

int cmd_status(int argc, char **argv)
{
    return with_data_dir(argc, argv, daemon_status);
}

static int install(const struct warden_config *cfg)
{
    const struct setting *s = container_of(cfg, struct setting, warden);
    struct daemon_install in = {
        .exe = cfg->exe,
        .config_path = cfg->config_path,
        .data_dir = cfg->data_dir,
        .log_dir = cfg->log_dir,
        .user = cfg->user && *cfg->user ? cfg->user : NULL,
        .programs = s->has_programs,
        .other_users = rights_any(&s->rights),
    };
    return daemon_install(&in);
}

int cmd_install(int argc, char **argv)
{
    return with_setting(argc, argv, false, install);
}

int cmd_uninstall(int argc, char **argv)
{
    struct client_args args;
    int status = begin(argc, argv, &args);
    return status >= 0 ? status : daemon_uninstall();
}

/* --- roles --- */

static long number(struct client_args *args, const char *name, long absent)
{
    const char *text = args_take(args, name);
    int64_t value;
    return text && str_to_i64(str_of(text), &value, NULL) == 0 ? (long)value : absent;
}

/* In a file of dir, or without one when there can be none. */
static void open_log(const char *dir, struct log_config *log)
{
    struct err err = {0};
    must(dir && log->file && log->component);
    if (fs_mkdirs(dir, 0755, &err) == 0 && log_open(log, &err) == 0)
        return;
    log->file = NULL;
    log_open(log, NULL);
}

static void open_watcher_log(const char *log_dir, const char *name, char *component, size_t size)
{
    const char *slash = strrchr(name, '/');
    char *dir, *file, *group = strndup(name, slash ? (size_t)(slash - name) : strlen(name));
    must(group);
    for (char *p = group; *p; p++) /* as core/events.c names it: it must not lead out of log_dir */
        if (*p == '/')
            *p = '_';
    must(asprintf(&dir, "%s/%s", log_dir, *group == '.' ? "_" : group) > 0);
    free(group);
    must(asprintf(&file, "%s/monitor.log", dir) > 0);
    snprintf(component, size, "watcher:%s", name);
    struct log_config log = {.level = LOG_INFO,
                             .format = LOG_JSON,
                             .component = component,
                             .file = file,
                             .keep_days = 30};
    open_log(dir, &log);
    free(dir);
    free(file);
}

static int start_watcher(struct client_args *args)
{
    char component[200];
    struct watcher_options opt = {
        .key = args_take(args, "--key"),
        .name = args_take(args, "--name"),
        .run_dir = args_take(args, "--run-dir"),
        .ring_size = number(args, "--ring-size", 4 << 20),
        .max_in_flight = number(args, "--max-in-flight", 5000),
        .no_exec = args_take_flag(args, "--no-exec"),
    };
    const char *log_dir = args_take(args, "--log-dir");
    if (!opt.key || !opt.name || !opt.run_dir || !log_dir) {
        fprintf(stderr, "belfry: --role=watcher is started by the warden alone\n");
        return EXIT_USAGE;
    }
    open_watcher_log(log_dir, opt.name, component, sizeof(component));
    install_crash_handlers(opt.run_dir);
    proctitle_set("belfry: watcher %s", opt.name);
    return role_watcher(&opt);
}

static int start_output(struct client_args *args)
{
    struct output_role_options opt = {
        .run_dir = args_take(args, "--run-dir"),
        .log_dir = args_take(args, "--log-dir"),
    };
    if (!opt.run_dir || !opt.log_dir) {
        fprintf(stderr, "belfry: --role=output is started by the warden alone\n");
        return EXIT_USAGE;
    }
    char *dir = path_join(opt.log_dir, "output"), *file = path_join(dir, "output.log");
    struct log_config log = {.level = LOG_INFO,
                             .format = LOG_JSON,
                             .component = "output",
                             .file = file,
                             .keep_days = 30};
    open_log(dir, &log);
    free(dir);
    free(file);
    install_crash_handlers(opt.run_dir);
    proctitle_set("belfry: output");
    return role_output(&opt);
}

static int start_uplink(struct client_args *args)
{
    struct uplink_options opt = {
        .settings_path = args->config,
        .run_dir = args_take(args, "--run-dir"),
        .warden = getppid(),
    };
    const char *log_dir = args_take(args, "--log-dir");
    if (!opt.run_dir || !log_dir) {
        fprintf(stderr, "belfry: --role=uplink is started by an agent's warden alone\n");
        return EXIT_USAGE;
    }
    char *dir = path_join(log_dir, "uplink"), *file = path_join(dir, "uplink.log");
    struct log_config log = {.level = LOG_INFO,
                             .format = LOG_JSON,
                             .component = "uplink",
                             .file = file,
                             .keep_days = 30,
                             .also_stderr = getenv(FOREGROUND_ENV) != NULL};
    open_log(dir, &log);
    free(dir);
    free(file);
    install_crash_handlers(opt.run_dir);
    proctitle_set("belfry: uplink");
    return role_uplink(&opt);
}

/* What a warden executes in its own place (warden_upgrade.c); in front or not as that one was. */
static int start_warden(struct client_args *args)
{
    struct setting *s = setting_new(args->config, getenv(FOREGROUND_ENV) != NULL);
    if (!s)
        return EXIT_CONFIG;
    int status = role_warden(&s->warden);
    setting_free(s);
    return status;
}

int run_role(const char *role, int argc, char **argv)
{
    struct client_args args;
    client_args(argc, argv, &args);
    if (streq(role, "warden"))
        return start_warden(&args);
    if (streq(role, "watcher"))
        return start_watcher(&args);
    if (streq(role, "output"))
        return start_output(&args);
    if (streq(role, "uplink"))
        return start_uplink(&args);
    if (streq(role, "core")) {
        struct core_role_options opt = {.config_path = args.config, .warden = getppid()};
        proctitle_set("belfry: core");
        return role_core(&opt);
    }
    fprintf(stderr, "belfry: no role \"%s\"\n", role);
    return EXIT_USAGE;
}
