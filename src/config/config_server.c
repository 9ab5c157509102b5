/* The section `server:` of belfry.yaml: its option table, and the addresses that it names. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "config/config_priv.h"

#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const char *const anonymous_choices[] = {"none", "viewer", "admin", NULL};

static const struct option tls_options[] = {
    {"cert_file", OPT_STRING,
     offsetof(struct config_server, tls.cert_file) - offsetof(struct config_server, tls), .def = "",
     .help =
         {"Certificate chain, PEM: page and API are served over https. Read again when it changes.",
          "证书链（PEM）；设置后页面与 API 以 https 提供。文件变化时自动重新读取。"}},
    {"key_file", OPT_STRING,
     offsetof(struct config_server, tls.key_file) - offsetof(struct config_server, tls), .def = "",
     .help = {"Its private key, PEM.", "证书的私钥（PEM）。"}},
    OPTION_END,
};

#define IN(field) \
    (offsetof(struct config_server, limits.field) - offsetof(struct config_server, limits))

static const struct option limits_options[] = {
    {"connections", OPT_INT, IN(connections), .def = "8192", .min = 16, .max = 1000000,
     .help = {"Connections at once, event streams included.", "同时的连接数，含事件流。"}},
    {"connections_per_address", OPT_INT, IN(connections_per_address), .def = "1024", .min = 0,
     .max = 1000000,
     .help = {"Those of one address, of IPv6 of one /64; 0: no bound.",
              "单个地址（IPv6 为一个 /64）的连接数；0 为不限。"}},
    {"request_rate", OPT_INT, IN(request_rate), .def = "500", .min = 0, .max = 1000000,
     .unit = "1/s",
     .help = {"Requests of one address in a second; more are answered 429. 0: no bound.",
              "单个地址每秒的请求数，超出以 429 应答；0 为不限。"}},
    {"request_burst", OPT_INT, IN(request_burst), .def = "2000", .min = 1, .max = 1000000,
     .help = {"So many at once after a while of silence.", "静默一段时间后允许的突发请求数。"}},
    {"local", OPT_BOOL, IN(local), .def = "false",
     .help =
         {"Whether the bounds of an address hold for this machine's own, too, where a proxy may stand.",
          "对单个地址的限制是否也适用于本机地址（其上可能有反向代理）。"}},
    {"request_timeout", OPT_DURATION, IN(request_timeout_ms), .def = "30s", .min = 1000,
     .max = 3600 * 1000.0,
     .help =
         {"A request's headers must be there after so long, its body too unless it comes at 16 KiB/s; else the connection is cut.",
          "请求头须在此时间内到达，请求体亦然（除非以 16 KiB/s 以上的速度到达），否则断开连接。"}},
    {"idle_timeout", OPT_DURATION, IN(idle_timeout_ms), .def = "60s", .min = 1000,
     .max = 3600 * 1000.0,
     .help = {"A connection on which nothing moves is closed.", "连接空闲超过此时间即关闭。"}},
    {"max_body", OPT_SIZE, IN(max_body), .def = "32MiB", .min = 64 * KIB, .max = GIB,
     .help = {"Largest body of a request.", "请求体的最大长度。"}},
    {"max_header", OPT_SIZE, IN(max_header), .def = "16KiB", .min = 4 * KIB, .max = MIB,
     .help =
         {"Largest head of a request: its line and headers. Each connection takes twice as much.",
          "请求行与请求头的最大总长度；每个连接占用其两倍内存。"}},
    OPTION_END,
};

const struct option config_server_options[] = {
    {"listen", OPT_STRING, offsetof(struct config_server, listen), .def = "127.0.0.1:9370",
     .min = 1, .max = 300,
     .help = {"Address and port of page, API and metrics.", "页面、API 与指标的监听地址和端口。"}},
    {"public_url", OPT_STRING, offsetof(struct config_server, public_url), .def = "", .min = 0,
     .max = 1000,
     .help = {"Address under which people reach the page; messages link to it.",
              "人们访问页面所用的地址；通知消息中的链接指向它。"},
     .example = "http://monitor.example.com"},
    {"anonymous", OPT_ENUM, offsetof(struct config_server, anonymous), .def = "none",
     .choices = anonymous_choices,
     .help = {"What a caller over TCP without credentials may do.",
              "未带凭据、通过 TCP 访问的调用者可以做什么。"}},
    {"allow_exec", OPT_BOOL, offsetof(struct config_server, allow_exec), .def = "false",
     .help =
         {"Whether editors may add targets of type exec, which run programs on this machine; "
          "else only this file may.",
          "是否允许编辑者通过页面或 API 添加在本机执行程序的 exec 目标；否则只能写在本文件中。"}},
    {"user", OPT_STRING, offsetof(struct config_server, user), .def = "", .min = 0, .max = 100,
     .help =
         {"User that Belfry's processes run as when it is started as root; empty: the caller's own.",
          "以 root 启动时，各进程所用的系统用户；留空则为启动者本人。"},
     .example = "belfry"},
    {"tls", OPT_SECTION, offsetof(struct config_server, tls), .sub = tls_options,
     .help = {"HTTPS for page and API.", "页面与 API 的 HTTPS。"}},
    {"redirect_listen", OPT_STRING, offsetof(struct config_server, redirect_listen), .def = "",
     .min = 0, .max = 300,
     .help = {"With `tls`: address and port where plain HTTP is sent over to https.",
              "启用 `tls` 时，将明文 HTTP 请求重定向到 https 的监听地址和端口。"},
     .example = "0.0.0.0:80"},
    {"cors_origins", OPT_LIST, offsetof(struct config_server, cors_origins),
     .help =
         {"Origins whose pages may read the API from a browser, with a token; \"*\": all. Without it none.",
          "允许其页面在浏览器中（凭令牌）读取 API 的来源；\"*\" 为全部；缺省为无。"},
     .example = "[\"https://grafana.example.com\"]"},
    {"blackbox_file", OPT_STRING, offsetof(struct config_server, blackbox_file), .def = "",
     .max = 4096, .advanced = true, .example = "/etc/prometheus/blackbox.yml",
     .help =
         {"Modules of `/probe`, as blackbox_exporter reads them; without it those that it comes with.",
          "`/probe` 的模块，格式与 blackbox_exporter 相同；缺省为其自带的模块。"}},
    {"limits", OPT_SECTION, offsetof(struct config_server, limits), .sub = limits_options,
     .help = {"What clients may ask of the server. A change needs a restart.",
              "客户端的限制；修改后需重启。"}},
    OPTION_END,
};

static const struct node *setting(const struct loader *l, const char *key)
{
    const struct node *section = node_get(l->root, "server");
    const struct node *at = section ? node_get(section, key) : NULL;
    return at ? at : section;
}

/* "127.0.0.1:9370", "[::1]:9370", "localhost:9370" */
static bool split_listen(const char *text, struct str *host, int64_t *port)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || str_to_i64(str_of(colon + 1), port, NULL) != 0 || *port < 0 ||
        *port > 65535)
        return false;
    *host = (struct str){text, (size_t)(colon - text)};
    if (host->n > 2 && text[0] == '[' && colon[-1] == ']')
        *host = (struct str){text + 1, host->n - 2};
    return true;
}

/* -1: no address; else whether only this machine reaches it. */
static int is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 ? IN6_IS_ADDR_LOOPBACK(&v6) : -1;
}

/* Into a host and a port of the snapshot's. False: it is no address. */
static bool take_listen(struct loader *l, const char *key, const char *text, const char **to_host,
                        uint16_t *to_port)
{
    const struct node *at = setting(l, key);
    const char *field = arena_printf(l->arena, "server.%s", key);
    struct str host;
    int64_t port;
    if (!split_listen(text, &host, &port)) {
        problem_add(l->problems, at, field, "got \"%s\"; want ADDRESS:PORT such as 127.0.0.1:9370",
                    text);
        return false;
    }
    *to_host = str_eqz(host, "localhost") ? "127.0.0.1" : arena_strndup(l->arena, host.p, host.n);
    if (host.n == 0) /* ":9370", as Prometheus takes it */
        *to_host = "0.0.0.0";
    must(port >= 0 && port <= UINT16_MAX);
    *to_port = (uint16_t)port;
    if (is_loopback(*to_host) >= 0)
        return true;
    problem_add(l->problems, at, field,
                "got the host \"%s\"; want an address such as 127.0.0.1, 0.0.0.0 or [::]",
                *to_host);
    return false;
}

static void finish_listen(struct loader *l)
{
    struct config_server *s = &l->cfg->server;
    must(s->listen && s->redirect_listen && s->tls.cert_file);
    if (take_listen(l, "listen", s->listen, &s->listen_host, &s->listen_port) &&
        !is_loopback(s->listen_host) && s->anonymous == ANONYMOUS_ADMIN)
        loader_warn(l, setting(l, "listen"), "server.anonymous",
                    "admin: whoever reaches this address may do everything, and it is more than "
                    "this machine's own (server.listen)");
    if (s->redirect_listen[0] != '\0')
        take_listen(l, "redirect_listen", s->redirect_listen, &s->redirect_host, &s->redirect_port);
    if (s->redirect_listen[0] != '\0' && s->tls.cert_file[0] == '\0')
        problem_add(l->problems, setting(l, "redirect_listen"), "server.redirect_listen",
                    "want server.tls, too: there is no https to send anybody to");
}

static void check_origins(struct loader *l)
{
    const struct str_list *list = &l->cfg->server.cors_origins;
    for (size_t i = 0; i < list->n; i++) {
        struct str o = str_of(list->at[i]);
        const char *after = strstr(o.p, "://");
        bool good = (str_starts(o, STR("http://")) || str_starts(o, STR("https://"))) &&
                    strpbrk(after + 3, "/?#@ ") == NULL && after[3] != '\0';
        if (!good && !str_eqz(o, "*"))
            problem_add(l->problems, setting(l, "cors_origins"),
                        arena_printf(l->arena, "server.cors_origins[%zu]", i),
                        "got \"%s\"; want an origin such as https://grafana.example.com", o.p);
    }
}

void loader_server(struct loader *l)
{
    struct config_server *s = &l->cfg->server;
    finish_listen(l);
    struct str url = str_of(s->public_url);
    if (url.n > 0 && !str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
        problem_add(l->problems, setting(l, "public_url"), "server.public_url",
                    "got \"%s\"; want http://… or https://…", s->public_url);
    if ((s->tls.cert_file[0] == '\0') != (s->tls.key_file[0] == '\0'))
        problem_add(l->problems, setting(l, "tls"), "server.tls",
                    "want both cert_file and key_file");
    check_origins(l);
}
