/* See client.h. Used by every client command; a process of its own, one thread. */
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "cli/cli.h"
#include "config/config.h"
#include "core/hooks.h"
#include "io/fiber.h"
#include "io/http_client.h"

#define CALL_TIMEOUT_NS   (90 * NS_PER_S)
#define STREAM_TIMEOUT_NS (24 * 3600 * NS_PER_S)

struct client {
    struct loop *loop;
    struct resolver *resolver;
    struct http_client *http;
    char *unix_socket; /* NULL: over TCP */
    char *base;        /* "http://127.0.0.1:9370" */
    const char *token;
};

/* --- arguments --- */

static void drop(struct client_args *args, int at, int n)
{
    must(at > 0 && n > 0 && at + n <= args->argc);
    memmove(&args->argv[at], &args->argv[at + n],
            (size_t)(args->argc - at - n + 1) * sizeof(char *));
    args->argc -= n;
}

const char *args_take(struct client_args *args, const char *name)
{
    must(name[0] == '-' && args->argc > 0);
    size_t len = strlen(name);
    for (int i = 1; i < args->argc; i++) {
        char *arg = args->argv[i];
        if (strcmp(arg, "--") == 0)
            return NULL;
        if (strcmp(arg, name) == 0 && i + 1 < args->argc) {
            const char *value = args->argv[i + 1];
            drop(args, i, 2);
            return value;
        }
        if (strncmp(arg, name, len) == 0 && arg[len] == '=') {
            drop(args, i, 1);
            return arg + len + 1;
        }
    }
    return NULL;
}

bool args_take_flag(struct client_args *args, const char *name)
{
    must(name[0] == '-' && args->argc > 0);
    for (int i = 1; i < args->argc && strcmp(args->argv[i], "--") != 0; i++)
        if (strcmp(args->argv[i], name) == 0) {
            drop(args, i, 1);
            return true;
        }
    return false;
}

bool args_unknown(const struct client_args *args)
{
    for (int i = 1; i < args->argc && strcmp(args->argv[i], "--") != 0; i++)
        if (args->argv[i][0] == '-' && args->argv[i][1]) {
            fprintf(stderr,
                    "belfry %s: unknown option %s (or its value is missing); see belfry help %s\n",
                    args->argv[0], args->argv[i], args->argv[0]);
            return true;
        }
    return false;
}

/* belfry.yaml here, else the machine's; the first is named when there is neither, because that is where it is missed. */
static const char *default_config(void)
{
    return fs_exists(CLI_CONFIG_HERE) || !fs_exists(CLI_CONFIG_SYSTEM) ? CLI_CONFIG_HERE
                                                                       : CLI_CONFIG_SYSTEM;
}

int client_args(int argc, char **argv, struct client_args *out)
{
    must(argc > 0 && argv[argc] == NULL); /* drop() moves the end along */
    *out = (struct client_args){.argc = argc, .argv = argv};
    const char *file = args_take(out, "-c");
    if (!file)
        file = args_take(out, "--config-file");
    out->config = file ? file : default_config();
    const char *server = args_take(out, "--server"), *token = args_take(out, "--token");
    out->server = server ? server : file ? NULL : getenv("BELFRY_SERVER");
    out->token = token ? token : getenv("BELFRY_TOKEN");
    out->json = args_take_flag(out, "--json");
    out->help = args_take_flag(out, "--help") || args_take_flag(out, "-h");
    return 0;
}

/* --- calls --- */

/* Where the socket of a Belfry is whose configuration cannot be loaded any more: its data_dir as far as that can be
 * read, else the default. It is just then that one wants to ask it, and `belfry reload` to tell all that is wrong. */
static char *guess_socket(const char *config_path, struct arena *a)
{
    cleanup(buf_done) struct buf text = BUF_INIT(NODE_TEXT_MAX);
    const struct node *doc = NULL, *dir;
    if (fs_read(config_path, &text, NULL) == 0 && text.data)
        doc = node_from_yaml(a, text.data, text.len, config_path, NULL);
    dir = doc ? node_get(doc, "data_dir") : NULL;
    const char *name = dir && dir->kind == NODE_TEXT ? dir->text.p : "data";
    const char *slash = strrchr(config_path, '/');
    const char *base = *name == '/' || !slash
                           ? ""
                           : arena_strndup(a, config_path, (size_t)(slash - config_path) + 1);
    char *path;
    must(asprintf(&path, "%s%s/run/belfry.sock", base, name) > 0);
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static int find_socket(struct client *c, const char *config_path, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct config_input in = {.path = config_path};
    struct config *cfg = config_load(&in, core_config_hooks(), &p);
    if (!cfg && (c->unix_socket = guess_socket(config_path, a)) != NULL) {
        c->base = strdup("http://belfry");
    } else if (!cfg) {
        err_set(err, ERR_INVALID, "cannot read %s: %s (use -c FILE or --server URL)", config_path,
                p.list.n ? p.list.at[0].message : "invalid");
    } else {
        char *run = path_join(cfg->data_dir, "run");
        c->unix_socket = path_join(run, "belfry.sock");
        c->base = strdup("http://belfry");
        free(run);
    }
    problems_done(&p);
    config_unref(&cfg);
    must(!c->unix_socket || c->base);
    return c->unix_socket ? 0 : -1;
}

struct client *client_open(const struct client_args *args, struct err *err)
{
    must(args->server || args->config);
    struct client *c = calloc(1, sizeof(*c));
    must(c);
    c->token = args->token;
    if (args->server) {
        size_t n = strlen(args->server);
        c->base = strndup(args->server, n && args->server[n - 1] == '/' ? n - 1 : n);
    }
    if ((!args->server && find_socket(c, args->config, err) != 0) || !(c->loop = loop_new(err)) ||
        !(c->resolver = resolver_new(c->loop, err)) ||
        !(c->http = http_client_new(c->loop, c->resolver, err)))
        client_close(&c);
    return c;
}

void client_close(struct client **cp)
{
    struct client *c = *cp;
    if (!c)
        return;
    http_client_free(c->http);
    resolver_free(c->resolver);
    loop_free(c->loop);
    free(c->unix_socket);
    free(c->base);
    free(c);
    *cp = NULL;
}

struct call {
    struct client *client;
    struct http_request req;
    struct http_response resp;
    struct arena *arena;
    struct err err;
    int rc;
    bool done, waiting; /* a loop stopped before it runs would end the next call's run */
};

static void call_fiber(void *arg)
{
    struct call *k = arg;
    k->rc = http_fetch(k->client->http, &k->req, k->arena, &k->resp, &k->err);
    k->done = true;
    if (k->waiting)
        loop_stop(k->client->loop);
}

/* One of a problem's errors as a compiler would say it: "FILE:LINE:COLUMN: FIELD: MESSAGE". */
static void print_error(const struct node *e, struct arena *a)
{
    const char *file = field_text(e, "file", a), *field = field_text(e, "field", a);
    if (*file)
        fprintf(stderr, "%s:%s:%s: ", file, field_text(e, "line", a), field_text(e, "column", a));
    fprintf(stderr, "%s%s%s\n", field, *field ? ": " : "", field_text(e, "message", a));
}

/* RFC 9457. There may be hundreds of errors: they are printed here, and err gets the summary. */
static int problem_of(const struct http_response *resp, struct arena *a, struct err *err)
{
    must(resp->status >= 400);
    struct node *n =
        node_from_json(a, resp->body.data ? resp->body.data : "", resp->body.len, NULL);
    const struct node *errors = n ? node_get(n, "errors") : NULL;
    for (const struct node *e = errors ? errors->first : NULL; e; e = e->next)
        print_error(e, a);
    const char *text = n ? field_text(n, "detail", a) : "";
    if (n && !*text) /* of the Prometheus API */
        text = field_text(n, "error", a);
    if (n && !*text)
        text = field_text(n, "title", a);
    enum err_code code = resp->status == 404   ? ERR_NOT_FOUND
                         : resp->status == 409 ? ERR_CONFLICT
                         : resp->status == 400 ? ERR_MALFORMED
                                               : ERR_INVALID;
    return err_set(err, code, "%s", *text ? text : "the server answered an error");
}

static int read_answer(const struct http_response *resp, struct arena *a, struct node **answer,
                       struct err *err)
{
    if (resp->status >= 400)
        return problem_of(resp, a, err);
    *answer = NULL;
    if (resp->body.len == 0)
        return 0;
    *answer = node_from_json(a, resp->body.data, resp->body.len, err);
    return *answer ? 0 : -1;
}

int client_call(struct client *c, const char *method, const char *path, const struct node *body,
                struct arena *a, struct node **answer, struct err *err)
{
    must(method && path[0] == '/');
    struct buf text = BUF_INIT(64 << 20); /* apply sends whole files */
    struct json j = json_start(&text);
    if (body)
        node_to_json(body, &j);
    const struct http_header headers[] = {{"Content-Type", "application/json"}};
    struct call k = {
        .client = c,
        .arena = a,
        .req = {.method = method,
                .url = arena_printf(a, "%s%s", c->base, path),
                .headers = headers,
                .n_headers = body ? 1 : 0,
                .body = body ? text.data : NULL,
                .body_len = text.len,
                .bearer = c->token,
                .unix_socket = c->unix_socket,
                .tls = {.verify = true},
                .max_body = 256 << 20,
                .past_max_is_error = true,
                .connect_deadline_ns = clock_mono_ns() + 5 * NS_PER_S,
                .deadline_ns = clock_mono_ns() + CALL_TIMEOUT_NS},
    };
    int rc = fiber_start(c->loop, call_fiber, &k, err);
    k.waiting = rc == 0 && !k.done; /* else it never had to wait */
    if (k.waiting)
        loop_run(c->loop);
    must(rc != 0 || k.done); /* nobody else stops this loop */
    if (rc == 0 && k.rc != 0)
        rc = err_set(err, ERR_REFUSED, "cannot reach Belfry at %s: %s",
                     c->unix_socket ? c->unix_socket : c->base, k.err.msg);
    else if (rc == 0)
        rc = read_answer(&k.resp, a, answer, err);
    http_response_done(&k.resp);
    buf_done(&text);
    return rc;
}

/* An error's document is kept apart from what was asked for. */
struct streaming {
    void (*fn)(void *arg, const char *p, size_t n);
    void *arg;
    struct call *call;
    struct buf error;
};

static void on_streamed(void *arg, int status, const char *p, size_t n)
{
    struct streaming *s = arg;
    if (status < 400)
        s->fn(s->arg, p, n);
    else if (s->error.len + n < s->error.max)
        buf_add(&s->error, p, n);
}

static int end_stream(struct streaming *s, struct arena *a, struct err *err)
{
    struct call *k = s->call;
    must(k->done);
    if (k->rc != 0 && k->resp.status == 0)
        return err_set(err, ERR_REFUSED, "cannot reach Belfry at %s: %s",
                       k->client->unix_socket ? k->client->unix_socket : k->client->base,
                       k->err.msg);
    if (k->rc != 0)
        return err_set(err, ERR_IO, "the answer ended too early: %s", k->err.msg);
    if (k->resp.status < 400)
        return 0;
    buf_done(&k->resp.body);
    k->resp.body = s->error;
    s->error = (struct buf){0};
    return problem_of(&k->resp, a, err);
}

int client_stream(struct client *c, const char *path, struct arena *a,
                  void (*fn)(void *arg, const char *p, size_t n), void *arg, struct err *err)
{
    must(fn && path[0] == '/');
    struct call k = {
        .client = c,
        .arena = a,
        .req = {.method = "GET",
                .url = arena_printf(a, "%s%s", c->base, path),
                .bearer = c->token,
                .unix_socket = c->unix_socket,
                .tls = {.verify = true},
                .max_body = 1 << 20,
                .connect_deadline_ns = clock_mono_ns() + 5 * NS_PER_S,
                .deadline_ns = clock_mono_ns() + STREAM_TIMEOUT_NS},
    };
    struct streaming s = {fn, arg, &k, BUF_INIT(1 << 20)};
    k.req.on_body = on_streamed;
    k.req.on_body_arg = &s;
    int rc = fiber_start(c->loop, call_fiber, &k, err);
    k.waiting = rc == 0 && !k.done;
    if (k.waiting)
        loop_run(c->loop);
    if (rc == 0)
        rc = end_stream(&s, a, err);
    buf_done(&s.error);
    http_response_done(&k.resp);
    return rc;
}

int client_fail(const struct err *err)
{
    fprintf(stderr, "belfry: %s\n", err->msg);
    return err->code == ERR_REFUSED ? EXIT_UNREACHED : EXIT_BAD;
}

void print_json(const struct node *n)
{
    struct buf out = BUF_INIT(512 << 20);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    buf_putc(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
    buf_done(&out);
}

const char *field_text(const struct node *map, const char *key, struct arena *a)
{
    const struct node *n = node_get(map, key);
    if (!n || n->kind == NODE_NULL)
        return "";
    if (n->kind == NODE_TEXT)
        return arena_strndup(a, n->text.p, n->text.n);
    struct buf out = BUF_INIT(1 << 20);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    const char *text = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}
