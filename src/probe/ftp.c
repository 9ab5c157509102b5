/* ftp: does a file server greet, secure the line, let us in, and is a file there, and can it be fetched?
 *
 *   connect [→ TLS] → greeting [→ AUTH TLS → TLS → PBSZ → PROT P] → USER, PASS
 *     [→ TYPE I → SIZE, MDTM of a file, or CWD into a folder] [→ EPSV or PASV → RETR] → QUIT
 *
 * The data connection goes to the address of the control connection, whatever PASV names, and takes up its TLS session. RFC 959, 2228, 2428, 3659,
 * 4217. Runs in watchers. */
#include <stdio.h>

#include "base/clock.h"
#include "base/civil.h"
#include "probe/dialogue.h"
#include "probe/pattern.h"
#include "probe/probers.h"
#include "probe/service.h"

#define FETCH_MAX (1024 * 1024) /* bytes of a file that are fetched */

struct ftp_expect {
    const char *greeting;
    struct pattern *greeting_pattern; /* compiled */
    int64_t min_size, max_age_ms;
    struct latency_bound latency;
};

struct ftp_config {
    struct service service;
    bool starttls, fetch;
    const char *path;
    struct ftp_expect expect;
};

static const struct option expect_options[] = {
    {"greeting", OPT_STRING, offsetof(struct ftp_expect, greeting),
     .help = {"Regular expression that the greeting must match.", "欢迎语必须匹配的正则表达式。"}},
    {"min_size", OPT_SIZE, offsetof(struct ftp_expect, min_size),
     .help = {"A smaller file has failed.", "文件小于此值视为失败。"}},
    {"max_age", OPT_DURATION, offsetof(struct ftp_expect, max_age_ms),
     .help = {"Fails when it was last written longer ago than this.",
              "最后修改时间早于此则视为失败。"}},
    EXPECT_LATENCY(struct ftp_expect),
    OPTION_END,
};

static const struct option ftp_options[] = {
    SERVICE_ADDRESS(struct ftp_config, "21"),
    SERVICE_ACCOUNT(struct ftp_config),
    SERVICE_TLS(struct ftp_config),
    {"starttls", OPT_BOOL, offsetof(struct ftp_config, starttls), .def = "false",
     .help = {"Ask for TLS (AUTH TLS) before the login.", "登录前用 AUTH TLS 请求 TLS。"}},
    {"path", OPT_STRING, offsetof(struct ftp_config, path), .max = 1000,
     .example = "/pub/ready.txt",
     .help = {"A file that must be there, or, with a slash at its end, a folder.",
              "必须存在的文件；以斜杠结尾则为文件夹。"}},
    {"fetch", OPT_BOOL, offsetof(struct ftp_config, fetch), .def = "false",
     .help = {"Also fetch the file (at most 1 MiB of it) by a passive data connection.",
              "同时用被动模式的数据连接下载该文件（最多 1 MiB）。"}},
    {"expect", OPT_SECTION, offsetof(struct ftp_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *ftp_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u = {0};
    struct node *map = service_url(text, "ftps", 990, a, err);
    if (map && url_parse(text, a, &u, err) == 0 && u.path[0] && u.path[1] && !node_get(map, "path"))
        node_put(map, a, "path", node_text(a, u.path));
    return map;
}

static void ftp_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct ftp_config *c = config;
    c->expect.greeting_pattern =
        pattern_compile_option(c->expect.greeting, a, p, path, "expect.greeting");
    if (c->service.use_tls && c->starttls)
        problem_add(p, NULL, path, "got both tls and starttls; want one of them");
    if (c->fetch && !c->path)
        problem_add(p, NULL, path, "got fetch without a path; want the file's");
}

static void ftp_describe(const void *config, struct buf *out)
{
    const struct ftp_config *c = config;
    service_describe(&c->service, out);
    if (c->path)
        buf_printf(out, "%s%s", c->path[0] == '/' ? "" : " ", c->path);
}

struct ftp {
    struct probe *p;
    const struct ftp_config *c;
    struct result *r;
    struct dialogue d;
};

/* --- greeting, TLS, login --- */

static int greet(struct ftp *f, struct err *err)
{
    const struct ftp_expect *e = &f->c->expect;
    if (dialogue_hear(&f->d, "the greeting", err) != 0)
        return -1;
    struct str said = dialogue_last(&f->d);
    const char *text = arena_strndup(f->p->arena, said.p, said.n);
    result_fact(f->r, "greeting", text);
    int rc = e->greeting_pattern ? pattern_match(e->greeting_pattern, text, said.n, err) : 1;
    if (rc == 0)
        err_set(err, ERR_INVALID, "the greeting is \"%.150s\"; want one that matches \"%.80s\"",
                text, e->greeting);
    return rc > 0 ? 0 : -1;
}

/* -1 with an empty *err: the result has failed already. */
static int secure(struct ftp *f, struct err *err)
{
    if (!f->c->starttls && !f->c->service.use_tls)
        return 0;
    if (f->c->starttls && (dialogue_ask(&f->d, "AUTH TLS", err, "AUTH TLS") != 0 ||
                           service_start_tls(f->p, &f->c->service, f->d.s, f->r) != 0))
        return -1;
    if (dialogue_ask(&f->d, "PBSZ", err, "PBSZ 0") != 0)
        return -1;
    return dialogue_ask(&f->d, "PROT P", err, "PROT P");
}

static int login(struct ftp *f, struct err *err)
{
    const char *user = f->c->service.username, *password = f->c->service.password;
    if (!user && !f->c->path)
        return 0;
    const char *what = arena_printf(f->p->arena, "the login of %s", user ? user : "anonymous");
    if (dialogue_ask(&f->d, what, err, "USER %s", user ? user : "anonymous") != 0)
        return -1;
    if (dialogue_last(&f->d).p[0] != '3') /* no password is wanted */
        return 0;
    return dialogue_ask(&f->d, what, err, "PASS %s", password ? password : "belfry@");
}

/* --- the file --- */

static int judge_size(struct ftp *f, double *size, struct err *err)
{
    const char *path = f->c->path;
    if (dialogue_ask(&f->d, "TYPE I", err, "TYPE I") != 0 ||
        dialogue_ask(&f->d, arena_printf(f->p->arena, "the size of %s", path), err, "SIZE %s",
                     path) != 0)
        return -1;
    if (sscanf(dialogue_last(&f->d).p, "213 %lf", size) != 1 || !(*size >= 0 && *size < 1e18))
        return err_set(err, ERR_PROTOCOL, "no number in the answer about the size of %s", path);
    result_metric(f->r, "ftp_file_bytes", *size);
    if (f->c->expect.min_size > 0 && *size < (double)f->c->expect.min_size)
        return err_set(err, ERR_INVALID, "%s has %.0f bytes; want at least %lld", path, *size,
                       (long long)f->c->expect.min_size);
    return 0;
}

/* "213 20261122000000" */
static int judge_age(struct ftp *f, struct err *err)
{
    int year, month, day, hour, minute, second;
    if (f->c->expect.max_age_ms == 0)
        return 0;
    if (dialogue_ask(&f->d, "MDTM", err, "MDTM %s", f->c->path) != 0)
        return -1;
    if (sscanf(dialogue_last(&f->d).p, "213 %4d%2d%2d%2d%2d%2d", &year, &month, &day, &hour,
               &minute, &second) != 6 ||
        month < 1 || month > 12)
        return err_set(err, ERR_PROTOCOL, "no date in the answer about the age of %s", f->c->path);
    int64_t written_s =
        civil_days(year, month, day) * INT64_C(86400) + hour * 3600 + minute * 60 + second;
    result_metric(f->r, "ftp_file_modified_timestamp_seconds", (double)written_s);
    int64_t age_s = clock_wall_ms() / 1000 - written_s;
    if (age_s * 1000 > f->c->expect.max_age_ms)
        return err_set(err, ERR_INVALID, "%s was written %lld s ago; want at most %lld s",
                       f->c->path, (long long)age_s, (long long)f->c->expect.max_age_ms / 1000);
    return 0;
}

static struct stream *open_data(struct ftp *f, struct err *err)
{
    struct err first = {0};
    if (dialogue_ask(&f->d, "EPSV", &first, "EPSV") != 0 &&
        (first.code != ERR_REFUSED || dialogue_ask(&f->d, "PASV", err, "PASV") != 0)) {
        if (first.code != ERR_REFUSED)
            *err = first;
        return NULL;
    }
    int port = dialogue_passive_port(dialogue_last(&f->d));
    if (port == 0) {
        err_set(err, ERR_PROTOCOL, "no port in the answer to EPSV or PASV");
        return NULL;
    }
    struct addr to = *stream_peer(f->d.s);
    addr_set_port(&to, (uint16_t)port);
    struct stream *data = stream_connect(&to, f->p->deadline_ns, err);
    if (!data)
        err_prefix(err, "the data connection");
    return data;
}

static int read_data(struct ftp *f, struct stream *data, size_t *got, struct err *err)
{
    char *room = arena_alloc(f->p->arena, 16384);
    ssize_t n = 1;
    for (*got = 0; *got < FETCH_MAX && n > 0; *got += (size_t)(n > 0 ? n : 0))
        n = stream_read(data, room, 16384, f->p->deadline_ns, err);
    return n < 0 ? err_prefix(err, "the data connection") : 0;
}

static int fetch(struct ftp *f, double size, struct err *err)
{
    size_t got = 0;
    must(f->c->fetch && size >= 0);
    struct stream *data = open_data(f, err);
    if (!data)
        return -1;
    int rc = dialogue_ask(&f->d, "RETR", err, "RETR %s", f->c->path);
    if (rc == 0 && (f->c->starttls || f->c->service.use_tls)) {
        struct tls_options tls = tls_section_apply(&f->c->service.tls, f->c->service.host);
        rc = stream_resume_tls(data, f->d.s, &tls, f->p->deadline_ns, err);
    }
    if (rc == 0)
        rc = read_data(f, data, &got, err);
    stream_close(&data);
    if (rc != 0 || got >= FETCH_MAX) /* the rest is not wanted, nor what is said about it */
        return rc;
    if (dialogue_hear(&f->d, "the end of RETR", err) != 0)
        return -1;
    result_metric(f->r, "ftp_fetched_bytes", (double)got);
    return (double)got == size ? 0
                               : err_set(err, ERR_PROTOCOL, "fetched %zu of the %.0f bytes of %s",
                                         got, size, f->c->path);
}

static int look(struct ftp *f, struct err *err)
{
    const char *path = f->c->path;
    double size = 0;
    must(path != NULL && *path);
    if (path[strlen(path) - 1] == '/') {
        if (dialogue_ask(&f->d, arena_printf(f->p->arena, "the folder %s", path), err, "CWD %s",
                         path) != 0)
            return -1;
        result_ok(f->r, "FTP, %s is there, a folder", path);
        return 0;
    }
    if (judge_size(f, &size, err) != 0 || judge_age(f, err) != 0 ||
        (f->c->fetch && fetch(f, size, err) != 0))
        return -1;
    result_ok(f->r, "FTP, %s is there, %.0f bytes", path, size);
    return 0;
}

static int converse(struct ftp *f, struct err *err)
{
    if (greet(f, err) != 0 || secure(f, err) != 0 || login(f, err) != 0)
        return -1;
    return f->c->path ? look(f, err) : 0;
}

static void ftp_run(struct probe *p, struct result *r)
{
    const struct ftp_config *c = p->config;
    struct err err = {0};
    int64_t start = clock_mono_ns();
    struct stream *s = service_connect(p, &c->service, r);
    if (s) {
        struct ftp *f = arena_new_of(p->arena, struct ftp);
        *f = (struct ftp){.p = p, .c = c, .r = r};
        dialogue_init(&f->d, s, p->deadline_ns);
        f->d.judge = dialogue_digits;
        f->d.protocol = "FTP";
        if (converse(f, &err) == 0) /* a goodbye that fails harms nobody */
            dialogue_ask(&f->d, "the goodbye", NULL, "QUIT");
        else if (err.msg[0])
            result_fail_err(r, &err);
        dialogue_done(&f->d);
        service_end(&s, start, &c->expect.latency, r);
    }
    result_metric(r, "ftp_up", r->success);
    if (r->success && !r->message[0])
        result_ok(r, "FTP%s%s", c->service.use_tls || c->starttls ? ", TLS" : "",
                  c->service.username ? ", logged in" : "");
}

static const char *const ftp_schemes[] = {"ftp", "ftps", NULL};

const struct prober_ops ftp_prober = {
    .type = "ftp",
    .kind = PROBER_MAIL,
    .title = {"FTP", "FTP"},
    .help = {"Logs in at a file server, with TLS if wanted, and looks for a file or fetches it.",
             "登录 FTP 服务器（可选 TLS），检查或下载文件。"},
    .schemes = ftp_schemes,
    .options = ftp_options,
    .config_size = sizeof(struct ftp_config),
    .default_port = 21,
    .from_url = ftp_from_url,
    .validate = ftp_validate,
    .describe = ftp_describe,
    .run = ftp_run,
};
