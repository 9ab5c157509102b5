/* `belfry agent`: a warden whose core is an uplink. Checks what it was told, writes it where the uplink finds it
 * (agent_settings.h), and becomes the warden. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/agent_settings.h"
#include "app/commands.h"
#include "app/roles.h"
#include "app/warden.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proctitle.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "config/node.h"

#define TOKEN_ENV "BELFRY_AGENT_TOKEN"
#define DATA_DIR  "belfry-agent"
#define DOC_MAX   65536

static const char help[] =
    "usage: belfry agent --server URL --token T [OPTION…]\n\n"
    "Probes from here what the server's targets name this location for, and sends it the results. The\n"
    "location is the name of the token: belfry token add NAME --scope agent, on the server.\n\n"
    "  --server URL        of the server: https://monitor.example.com\n"
    "  --token T           or " TOKEN_ENV " in the environment\n"
    "  --token-file FILE   its only line; read again when the server refuses it\n"
    "  --data DIR          what it keeps, " DATA_DIR " in this directory unless given\n"
    "  --ca-file FILE      certificates (PEM) that the server's is checked against; else the system's\n"
    "  --proxy URL         to the server: http, https, socks4, socks4a, socks5, socks5h; else\n"
    "                      HTTPS_PROXY and NO_PROXY of the environment\n"
    "  --buffer SIZE       room on disk for results while it is cut off: 64MiB, some 700,000 results\n"
    "  --max-in-flight N   probes at once: 5000\n"
    "  --allow-exec        the server may have programs of this machine run (targets of type exec)\n\n"
    "Runs in the foreground until SIGTERM. While the server is away it goes on probing, also after a\n"
    "restart; what it measures is sent later, each result once.\n";

/* Everything a warden needs, for its whole life. */
struct agent {
    struct arena *arena;
    struct agent_settings settings;
    char *data_dir, *log_dir, *settings_path, *run_dir, *exe, *program_path;
    const char *core_args[16], *watcher_args[16];
};

static void put(struct node *doc, struct arena *a, const char *key, const char *value)
{
    if (value)
        node_put(doc, a, key, node_text(a, value));
}

static const char *proxy_of(struct client_args *args, struct arena *a)
{
    const char *given = args_take(args, "--proxy");
    return given || !args->server ? given : agent_proxy_of_environment(args->server, a);
}

static struct node *document(struct client_args *args, struct arena *a)
{
    struct node *doc = node_map(a);
    const char *file = args_take(args, "--token-file"), *token = getenv(TOKEN_ENV);
    put(doc, a, "server", args->server);
    put(doc, a, "token_file", file);
    if (!file)
        put(doc, a, "token", token ? token : args->token);
    put(doc, a, "ca_file", args_take(args, "--ca-file"));
    put(doc, a, "proxy", proxy_of(args, a));
    put(doc, a, "buffer", args_take(args, "--buffer"));
    put(doc, a, "max_in_flight", args_take(args, "--max-in-flight"));
    node_put(doc, a, "allow_exec", node_bool(a, args_take_flag(args, "--allow-exec")));
    return doc;
}

static const char *absolute(const char *path, struct arena *a)
{
    char *here = *path == '/' || !*path ? NULL : getcwd(NULL, 0);
    const char *text = here ? arena_printf(a, "%s/%s", here, path) : arena_strdup(a, path);
    free(here);
    return text;
}

/* False: printed why. */
static bool read_settings(struct agent *g, struct client_args *args)
{
    struct arena *a = g->arena;
    struct problems p;
    struct node *doc = document(args, a);
    unsetenv(TOKEN_ENV);
    problems_init(&p, a);
    bool good = agent_settings_bind(doc, a, &g->settings, &p);
    for (size_t i = 0; i < p.list.n; i++)
        fprintf(stderr, "belfry agent: --%s: %s\n", p.list.at[i].field, p.list.at[i].message);
    problems_done(&p);
    g->settings.token_file = absolute(g->settings.token_file ? g->settings.token_file : "", a);
    g->settings.ca_file = absolute(g->settings.ca_file ? g->settings.ca_file : "", a);
    return good;
}

static int write_settings(struct agent *g, struct err *err)
{
    cleanup(buf_done) struct buf text = BUF_INIT(DOC_MAX);
    struct json j = json_start(&text);
    node_to_json(options_document(agent_options, &g->settings, g->arena), &j);
    must(!text.failed && text.data);
    if (fs_mkdirs(g->data_dir, 0750, err) != 0)
        return -1;
    return fs_write_atomic(g->settings_path, text.data, text.len, 0600, true, err);
}

static void fill_args(struct agent *g)
{
    struct arena *a = g->arena;
    const char *ring = arena_printf(a, "%lld", (long long)g->settings.buffer),
               *flight = arena_printf(a, "%lld", (long long)g->settings.max_in_flight);
    const char *core[] = {"--role=uplink", "-c",        g->settings_path, "--run-dir",
                          g->run_dir,      "--log-dir", g->log_dir,       NULL},
               *watcher[] = {"--run-dir",
                             g->run_dir,
                             "--log-dir",
                             g->log_dir,
                             "--ring-size",
                             ring,
                             "--max-in-flight",
                             flight,
                             g->settings.allow_exec ? NULL : "--no-exec",
                             NULL};
    memcpy(g->core_args, core, sizeof(core));
    memcpy(g->watcher_args, watcher, sizeof(watcher));
}

static struct warden_config warden_of(struct agent *g)
{
    fill_args(g);
    return (struct warden_config){
        .version = BELFRY_VERSION,
        .data_dir = g->data_dir,
        .log_dir = g->log_dir,
        .config_path = g->settings_path,
        .exe = g->exe,
        .program_path = g->program_path,
        .policy = {.delay_ms = 1000,
                   .factor = 2,
                   .cap_ms = 60000,
                   .stable_ms = 60000,
                   .max_restarts = 60},
        .core = {(uint64_t)1 << 30, 30000},
        .watcher = {(uint64_t)512 << 20, 15000},
        .core_args = g->core_args,
        .watcher_args = g->watcher_args,
        .log_level = LOG_INFO,
        .log_format = LOG_JSON,
        .log_keep_days = 30,
        .foreground = true,
    };
}

static int start(struct agent *g, const char *data_dir)
{
    struct err err = {0};
    g->data_dir = arena_strdup(g->arena, absolute(data_dir, g->arena));
    g->log_dir = arena_printf(g->arena, "%s/logs", g->data_dir);
    g->run_dir = arena_printf(g->arena, "%s/run", g->data_dir);
    g->settings_path = arena_printf(g->arena, "%s/agent.json", g->data_dir);
    g->exe = spawn_self("belfry");
    g->program_path = warden_program_path();
    if (write_settings(g, &err) != 0) {
        fprintf(stderr, "belfry agent: %s\n", err.msg);
        return EXIT_BAD;
    }
    if (agent_is_readable(g->settings.server, g->arena))
        fprintf(stderr,
                "belfry agent: %s is not https: the token and the targets' secrets travel "
                "readable\n",
                g->settings.server);
    setenv(FOREGROUND_ENV, "1", 1);
    struct warden_config cfg = warden_of(g);
    int status = role_warden(&cfg);
    free(g->exe);
    free(g->program_path);
    return status;
}

int cmd_agent(int argc, char **argv)
{
    struct client_args args;
    struct agent g = {.arena = arena_new()};
    client_args(argc, argv, &args);
    proctitle_set("belfry: agent"); /* the token leaves the list of processes */
    const char *data_dir = args_take(&args, "--data");
    int status = EXIT_USAGE;
    if (args.help) {
        fputs(help, stdout);
        status = EXIT_GOOD;
    } else if (read_settings(&g, &args) && !args_unknown(&args)) {
        if (args.argc > 1)
            fprintf(stderr, "belfry agent: unexpected \"%s\"\n", args.argv[1]);
        else
            status = start(&g, data_dir ? data_dir : DATA_DIR);
    }
    arena_free(g.arena);
    return status;
}
