/* ssh: does an SSH server answer with the key it should have, let us in, and run a command well?
 *
 *   connect → banner → key exchange → host key judged → [login → command → exit status and output judged]
 *
 * RFC 4253, 4252, 4254, by libssh2 (ssh_session.h). Runs in watchers. */
#include <stdio.h>

#include "base/clock.h"
#include "probe/condition.h"
#include "probe/pattern.h"
#include "probe/probers.h"
#include "probe/ssh_session.h"

#define OUTPUT_MAX 65536 /* bytes of a command's output that are looked at */

struct ssh_expect {
    const char *banner, *output;
    struct pattern *banner_pattern, *output_pattern; /* compiled */
    int64_t exit_status;
    struct latency_bound latency;
    struct str_list conditions;
    struct conditions *compiled;
};

struct ssh_config {
    struct service service;
    struct ssh_keys keys;
    const char *command;
    struct ssh_expect expect;
};

static const struct option expect_options[] = {
    {"banner", OPT_STRING, offsetof(struct ssh_expect, banner), .example = "OpenSSH_9",
     .help = {"Regular expression that the server's version line must match.",
              "服务器版本行必须匹配的正则表达式。"}},
    {"exit_status", OPT_INT, offsetof(struct ssh_expect, exit_status), .def = "0", .min = 0,
     .max = 255, .help = {"Of the command.", "命令的退出码。"}},
    {"output", OPT_STRING, offsetof(struct ssh_expect, output),
     .help = {"Regular expression that the command's output must match.",
              "命令输出必须匹配的正则表达式。"}},
    EXPECT_LATENCY(struct ssh_expect),
    EXPECT_CONDITIONS(struct ssh_expect),
    OPTION_END,
};

static const struct option ssh_options[] = {
    SSH_OPTIONS(struct ssh_config),
    {"command", OPT_STRING, offsetof(struct ssh_config, command), .max = 4000,
     .example = "systemctl is-active shop",
     .help = {"Run this after the login.", "登录后执行的命令。"}},
    {"expect", OPT_SECTION, offsetof(struct ssh_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *ssh_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    return service_from_url(text, NULL, &u, a, err);
}

static void ssh_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct ssh_config *c = config;
    struct ssh_expect *e = &c->expect;
    ssh_keys_validate(&c->service, &c->keys, p, path);
    e->compiled = conditions_compile(&e->conditions, a, p, path);
    e->banner_pattern = pattern_compile_option(e->banner, a, p, path, "expect.banner");
    e->output_pattern = pattern_compile_option(e->output, a, p, path, "expect.output");
    if (c->command && !c->service.username)
        problem_add(p, NULL, path, "got a command without a username; want both");
}

static void ssh_describe(const void *config, struct buf *out)
{
    const struct ssh_config *c = config;
    service_describe(&c->service, out);
}

static int judge_text(const struct pattern *pattern, const char *what, const char *text, size_t n,
                      struct err *err)
{
    must(what != NULL && text != NULL);
    if (!pattern)
        return 0;
    int rc = pattern_match(pattern, text, n, err);
    if (rc == 0)
        err_set(err, ERR_INVALID, "%s is \"%.*s\"; want one that matches \"%.80s\"", what,
                (int)(n < 150 ? n : 150), text, pattern_text(pattern));
    return rc > 0 ? 0 : -1;
}

/* --- the command --- */

static LIBSSH2_CHANNEL *open_channel(struct ssh *s, struct err *err)
{
    LIBSSH2_CHANNEL *channel;
    while (!(channel = libssh2_channel_open_session(ssh_session(s)))) {
        if (libssh2_session_last_errno(ssh_session(s)) != LIBSSH2_ERROR_EAGAIN) {
            ssh_failed(s, "open a channel at", err);
            return NULL;
        }
        if (ssh_wait(s, "opening a channel at", err) != 0)
            return NULL;
    }
    return channel;
}

static int start_command(struct ssh *s, LIBSSH2_CHANNEL *channel, const char *command,
                         struct err *err)
{
    int rc;
    libssh2_channel_handle_extended_data2(channel, LIBSSH2_CHANNEL_EXTENDED_DATA_MERGE);
    while ((rc = libssh2_channel_exec(channel, command)) == LIBSSH2_ERROR_EAGAIN)
        if (ssh_wait(s, "starting the command at", err) != 0)
            return -1;
    return rc == 0 ? 0 : ssh_failed(s, "start the command at", err);
}

/* Reads to the end; what is past OUTPUT_MAX is not kept. */
static int read_output(struct ssh *s, LIBSSH2_CHANNEL *channel, struct buf *out, struct err *err)
{
    char room[4096];
    for (;;) {
        ssize_t n = libssh2_channel_read(channel, room, sizeof(room));
        if (n == LIBSSH2_ERROR_EAGAIN && ssh_wait(s, "running the command at", err) != 0)
            return -1;
        if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
            return ssh_failed(s, "read the output of the command at", err);
        if (n == 0 && libssh2_channel_eof(channel))
            return 0;
        if (n > 0 && out->len < OUTPUT_MAX)
            buf_add(out, room, (size_t)n);
    }
}

static int read_status(struct ssh *s, LIBSSH2_CHANNEL *channel, int *status, char *signal_name,
                       size_t size, struct err *err)
{
    int rc;
    char *name = NULL;
    while ((rc = libssh2_channel_wait_closed(channel)) == LIBSSH2_ERROR_EAGAIN)
        if (ssh_wait(s, "running the command at", err) != 0)
            return -1;
    if (rc != 0)
        return ssh_failed(s, "run the command at", err);
    libssh2_channel_get_exit_signal(channel, &name, NULL, NULL, NULL, NULL, NULL);
    snprintf(signal_name, size, "%s", name ? name : "");
    if (name)
        libssh2_free(ssh_session(s), name);
    *status = libssh2_channel_get_exit_status(channel);
    return 0;
}

static int judge_command(const struct ssh_config *c, int status, const char *signal_name,
                         struct buf *out, struct err *err)
{
    while (out->len && char_in(out->data[out->len - 1], "\r\n"))
        out->data[--out->len] = '\0';
    const char *text = out->data ? out->data : "";
    must(strlen(text) <= out->len);
    if (signal_name[0])
        return err_set(err, ERR_INVALID, "the command was ended by signal %s: \"%.150s\"",
                       signal_name, text);
    if (status != c->expect.exit_status)
        return err_set(err, ERR_INVALID, "the command ended with status %d; want %d: \"%.150s\"",
                       status, (int)c->expect.exit_status, text);
    return judge_text(c->expect.output_pattern, "the command's output", text, out->len, err);
}

static int run_command(struct ssh *s, const struct ssh_config *c, struct result *r, struct err *err)
{
    struct buf out = BUF_INIT(2 * OUTPUT_MAX);
    char signal_name[32] = "";
    int status = -1;
    must(c->command != NULL && c->service.username != NULL);
    int64_t start = clock_mono_ns();
    LIBSSH2_CHANNEL *channel = open_channel(s, err); /* ssh_close frees it */
    int rc = channel && start_command(s, channel, c->command, err) == 0 &&
                     read_output(s, channel, &out, err) == 0 &&
                     read_status(s, channel, &status, signal_name, sizeof(signal_name), err) == 0
                 ? 0
                 : -1;
    if (rc == 0) {
        result_metric(r, "ssh_command_exit_status", status);
        result_metric(r, "ssh_command_duration_seconds", (double)(clock_mono_ns() - start) / 1e9);
        rc = judge_command(c, status, signal_name, &out, err);
    }
    if (rc == 0)
        result_ok(r, "the command ended with status %d: %.150s", status, out.data ? out.data : "");
    buf_done(&out);
    return rc;
}

static void ssh_run(struct probe *p, struct result *r)
{
    const struct ssh_config *c = p->config;
    struct err err = {0};
    int64_t start = clock_mono_ns();
    struct ssh *s = ssh_open(p, &c->service, &c->keys, r);
    if (s) {
        const char *banner = arena_strdup(r->arena, ssh_banner(s));
        int rc = judge_text(c->expect.banner_pattern, "the banner", banner, strlen(banner), &err);
        if (rc == 0 && c->command)
            rc = run_command(s, c, r, &err);
        if (rc != 0)
            result_fail_err(r, &err);
        else if (!c->command)
            result_ok(r, "%s%s", banner, c->service.username ? ", logged in" : "");
        ssh_close(&s);
    }
    result_metric(r, "ssh_up", r->success);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    conditions_judge_result(c->expect.compiled, r);
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const ssh_schemes[] = {"ssh", NULL};

const struct prober_ops ssh_prober = {
    .type = "ssh",
    .kind = PROBER_NETWORK,
    .title = {"SSH", "SSH"},
    .help = {"Does an SSH server have the right key, let us in, and run a command well?",
             "SSH 服务器的主机密钥是否正确，能否登录并执行命令。"},
    .schemes = ssh_schemes,
    .options = ssh_options,
    .config_size = sizeof(struct ssh_config),
    .default_port = 22,
    .from_url = ssh_from_url,
    .validate = ssh_validate,
    .describe = ssh_describe,
    .run = ssh_run,
};
