/* sftp: can files be reached by SFTP, and is a file or folder there as it should be?
 *
 *   the session of ssh_session.h, logged in → SFTP subsystem → [STAT path]
 *
 * draft-ietf-secsh-filexfer-02, by libssh2. Runs in watchers. */
#include <libssh2_sftp.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/probers.h"
#include "probe/ssh_session.h"

enum path_type { PATH_ANY, PATH_FILE, PATH_FOLDER };
static const char *const path_types[] = {"any", "file", "folder", NULL};

struct sftp_expect {
    int type; /* enum path_type */
    int64_t min_size, max_age_ms;
    struct latency_bound latency;
};

struct sftp_config {
    struct service service;
    struct ssh_keys keys;
    const char *path;
    struct sftp_expect expect;
};

static const struct option expect_options[] = {
    {"type", OPT_ENUM, offsetof(struct sftp_expect, type), .def = "any", .choices = path_types,
     .help = {"What the path must be.", "该路径应当是什么。"}},
    {"min_size", OPT_SIZE, offsetof(struct sftp_expect, min_size),
     .help = {"A smaller file has failed.", "文件小于此值视为失败。"}},
    {"max_age", OPT_DURATION, offsetof(struct sftp_expect, max_age_ms),
     .help = {"Fails when it was last written longer ago than this.",
              "最后修改时间早于此则视为失败。"}},
    EXPECT_LATENCY(struct sftp_expect),
    OPTION_END,
};

static const struct option sftp_options[] = {
    SSH_OPTIONS(struct sftp_config),
    {"path", OPT_STRING, offsetof(struct sftp_config, path), .max = 1000,
     .example = "/upload/ready.txt",
     .help = {"A file or folder that must be there; none: logging in is enough.",
              "必须存在的文件或文件夹；留空只检查登录。"}},
    {"expect", OPT_SECTION, offsetof(struct sftp_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *sftp_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u = {0};
    struct node *map = service_from_url(text, NULL, &u, a, err);
    if (map && u.path[0] && u.path[1] && !node_get(map, "path"))
        node_put(map, a, "path", node_text(a, u.path));
    return map;
}

static void sftp_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct sftp_config *c = config;
    (void)a;
    ssh_keys_validate(&c->service, &c->keys, p, path);
    if (!c->service.username)
        problem_add(p, NULL, path, "got no username; want one: SFTP begins with a login");
}

static void sftp_describe(const void *config, struct buf *out)
{
    const struct sftp_config *c = config;
    service_describe(&c->service, out);
    if (c->path)
        buf_printf(out, "%s%s", c->path[0] == '/' ? "" : " ", c->path);
}

static LIBSSH2_SFTP *open_sftp(struct ssh *s, struct err *err)
{
    LIBSSH2_SFTP *sftp;
    while (!(sftp = libssh2_sftp_init(ssh_session(s)))) {
        if (libssh2_session_last_errno(ssh_session(s)) != LIBSSH2_ERROR_EAGAIN) {
            ssh_failed(s, "start SFTP at", err);
            return NULL;
        }
        if (ssh_wait(s, "starting SFTP at", err) != 0)
            return NULL;
    }
    return sftp;
}

static int no_path(const char *path, unsigned long code, struct err *err)
{
    switch (code) {
    case LIBSSH2_FX_NO_SUCH_FILE:
    case LIBSSH2_FX_NO_SUCH_PATH:
        return err_set(err, ERR_NOT_FOUND, "there is no %.200s", path);
    case LIBSSH2_FX_PERMISSION_DENIED:
        return err_set(err, ERR_DENIED, "no permission to look at %.200s", path);
    default:
        return err_set(err, ERR_PROTOCOL, "the server cannot look at %.200s: SFTP status %lu", path,
                       code);
    }
}

static int look(struct ssh *s, LIBSSH2_SFTP *sftp, const char *path, LIBSSH2_SFTP_ATTRIBUTES *at,
                struct err *err)
{
    int rc;
    while ((rc = libssh2_sftp_stat_ex(sftp, path, (unsigned)strlen(path), LIBSSH2_SFTP_STAT, at)) ==
           LIBSSH2_ERROR_EAGAIN)
        if (ssh_wait(s, "asking for the file at", err) != 0)
            return -1;
    if (rc == LIBSSH2_ERROR_SFTP_PROTOCOL)
        return no_path(path, libssh2_sftp_last_error(sftp), err);
    return rc == 0 ? 0 : ssh_failed(s, "ask for the file at", err);
}

static int judge(const struct sftp_config *c, const LIBSSH2_SFTP_ATTRIBUTES *at, struct result *r,
                 struct err *err)
{
    const struct sftp_expect *e = &c->expect;
    bool has_mode = at->flags & LIBSSH2_SFTP_ATTR_PERMISSIONS;
    bool folder = has_mode && LIBSSH2_SFTP_S_ISDIR(at->permissions);
    must(e->type >= PATH_ANY && e->type <= PATH_FOLDER);
    if (at->flags & LIBSSH2_SFTP_ATTR_SIZE)
        result_metric(r, "sftp_file_bytes", (double)at->filesize);
    if (at->flags & LIBSSH2_SFTP_ATTR_ACMODTIME)
        result_metric(r, "sftp_file_modified_timestamp_seconds", (double)at->mtime);
    if (e->type != PATH_ANY && has_mode && folder != (e->type == PATH_FOLDER))
        return err_set(err, ERR_INVALID, "%.200s is a %s; want a %s", c->path,
                       folder ? "folder" : "file", path_types[e->type]);
    if (e->min_size > 0 && (int64_t)at->filesize < e->min_size)
        return err_set(err, ERR_INVALID, "%.200s has %llu bytes; want at least %lld", c->path,
                       (unsigned long long)at->filesize, (long long)e->min_size);
    int64_t age_ms = clock_wall_ms() - (int64_t)at->mtime * 1000;
    if (e->max_age_ms > 0 && age_ms > e->max_age_ms)
        return err_set(err, ERR_INVALID, "%.200s was written %lld s ago; want at most %lld s",
                       c->path, (long long)(age_ms / 1000), (long long)(e->max_age_ms / 1000));
    if (folder)
        result_ok(r, "%.200s is there, a folder", c->path);
    else
        result_ok(r, "%.200s is there, %llu bytes", c->path, (unsigned long long)at->filesize);
    return 0;
}

static int converse(struct ssh *s, const struct sftp_config *c, struct result *r, struct err *err)
{
    LIBSSH2_SFTP_ATTRIBUTES at = {0};
    must(c->service.username != NULL);
    LIBSSH2_SFTP *sftp = open_sftp(s, err); /* ssh_close frees its channel */
    if (!sftp)
        return -1;
    int rc = c->path ? look(s, sftp, c->path, &at, err) : 0;
    if (rc == 0 && c->path)
        rc = judge(c, &at, r, err);
    if (rc == 0 && !c->path)
        result_ok(r, "SFTP, logged in as %s", c->service.username);
    return rc;
}

static void sftp_run(struct probe *p, struct result *r)
{
    const struct sftp_config *c = p->config;
    struct err err = {0};
    int64_t start = clock_mono_ns();
    struct ssh *s = ssh_open(p, &c->service, &c->keys, r);
    if (s && converse(s, c, r, &err) != 0)
        result_fail_err(r, &err);
    ssh_close(&s);
    result_metric(r, "sftp_up", r->success);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const sftp_schemes[] = {"sftp", NULL};

const struct prober_ops sftp_prober = {
    .type = "sftp",
    .kind = PROBER_MAIL,
    .title = {"SFTP", "SFTP"},
    .help = {"Logs in by SFTP and looks whether a file or folder is there.",
             "通过 SFTP 登录并检查文件或文件夹。"},
    .schemes = sftp_schemes,
    .options = sftp_options,
    .config_size = sizeof(struct sftp_config),
    .default_port = 22,
    .from_url = sftp_from_url,
    .validate = sftp_validate,
    .describe = sftp_describe,
    .run = sftp_run,
};
