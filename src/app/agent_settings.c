/* See agent_settings.h. */
#include "app/agent_settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/str.h"
#include "config/node.h"
#include "io/addr.h"
#include "io/http_url.h"

#define MIB       1048576.0
#define FILE_MAX  ((size_t)64 << 10)
#define TOKEN_MAX ((size_t)1000)

#define AT(field) offsetof(struct agent_settings, field)
const struct option agent_options[] = {
    {"server", OPT_STRING, AT(server), .required = true, .min = 1, .max = 1000},
    {"token", OPT_STRING, AT(token), .def = "", .max = TOKEN_MAX, .secret = true},
    {"token_file", OPT_STRING, AT(token_file), .def = "", .max = 4000},
    {"ca_file", OPT_STRING, AT(ca_file), .def = "", .max = 4000},
    {"proxy", OPT_STRING, AT(proxy), .def = "", .max = 1000, .secret = true},
    {"buffer", OPT_SIZE, AT(buffer), .def = "64MiB", .min = MIB, .max = 1024 * MIB},
    {"max_in_flight", OPT_INT, AT(max_in_flight), .def = "5000", .min = 1, .max = 100000},
    {"allow_exec", OPT_BOOL, AT(allow_exec), .def = "false"},
    OPTION_END,
};
#undef AT

static void check_server(struct agent_settings *s, struct arena *a, struct problems *p)
{
    struct http_url url;
    struct err err = {0};
    size_t n = strlen(s->server);
    while (n > 0 && s->server[n - 1] == '/')
        n--;
    s->server = arena_strndup(a, s->server, n);
    if (http_url_parse(s->server, a, &url, &err) != 0)
        problem_add(p, NULL, "server", "%s; want https://HOST[:PORT]", err.msg);
    else if (strcspn(url.target, "?#") != strlen(url.target) || url.user)
        problem_add(p, NULL, "server", "want an address without user, query and fragment");
}

/* The words never show the address: an account may stand in it. */
static void check_proxy(struct agent_settings *s, struct arena *a, struct problems *p)
{
    static const char *const schemes[] = {"http",    "https",  "socks4",
                                          "socks4a", "socks5", "socks5h"};
    const char *end = strstr(s->proxy, "://");
    if (!*s->proxy)
        return;
    if (!end) { /* "proxy:3128", as the environment has it */
        s->proxy = arena_printf(a, "http://%s", s->proxy);
        return;
    }
    for (size_t i = 0; i < array_len(schemes); i++)
        if (str_eqz((struct str){s->proxy, (size_t)(end - s->proxy)}, schemes[i]))
            return;
    problem_add(p, NULL, "proxy",
                "got the scheme \"%.*s\"; want http, https, socks4, socks4a, socks5 or socks5h",
                (int)(end - s->proxy < 20 ? end - s->proxy : 20), s->proxy);
}

bool agent_settings_bind(const struct node *doc, struct arena *a, struct agent_settings *out,
                         struct problems *p)
{
    size_t before = p->list.n;
    *out = (struct agent_settings){0};
    if (!options_bind(agent_options, doc, out, a, p, ""))
        return false;
    check_server(out, a, p);
    check_proxy(out, a, p);
    if ((out->token[0] != '\0') == (out->token_file[0] != '\0'))
        problem_add(p, NULL, "token",
                    "want either --token T (or BELFRY_AGENT_TOKEN) or --token-file F");
    return p->list.n == before;
}

int agent_settings_read(const char *path, struct arena *a, struct agent_settings *out,
                        struct err *err)
{
    cleanup(buf_done) struct buf text = BUF_INIT(FILE_MAX);
    struct problems p;
    if (fs_read_regular(path, &text, err) != 0)
        return -1;
    const struct node *doc = node_from_json(a, text.data ? text.data : "", text.len, err);
    if (!doc)
        return -1;
    problems_init(&p, a);
    bool good = agent_settings_bind(doc, a, out, &p);
    if (!good)
        err_set(err, ERR_INVALID, "%s: %s: %s", path, p.list.at[0].field, p.list.at[0].message);
    problems_done(&p);
    return good ? 0 : -1;
}

const char *agent_token(const struct agent_settings *s, struct arena *a, struct err *err)
{
    cleanup(buf_done) struct buf text = BUF_INIT(TOKEN_MAX);
    if (s->token[0])
        return s->token;
    if (fs_read(s->token_file, &text, err) != 0)
        return NULL;
    struct str token = str_trim((struct str){text.data ? text.data : "", text.len});
    if (token.n > 0 && !memchr(token.p, '\n', token.n))
        return arena_strndup(a, token.p, token.n);
    err_set(err, ERR_INVALID, "%s: want the token and nothing else", s->token_file);
    return NULL;
}

/* --- the way -------------------------------------------------------------------------------- */

/* One entry of NO_PROXY: "*", a host, or a domain with or without a dot before it. */
static bool covers(struct str entry, const char *host)
{
    size_t n = strlen(host);
    if (str_eqz(entry, "*"))
        return true;
    if (entry.n > 0 && entry.p[0] == '.')
        entry = (struct str){entry.p + 1, entry.n - 1};
    if (entry.n == 0 || entry.n > n || strncasecmp(host + n - entry.n, entry.p, entry.n) != 0)
        return false;
    return entry.n == n || host[n - entry.n - 1] == '.';
}

static const char *of_environment(const char *small, const char *large)
{
    const char *v = getenv(small);
    if (!v && large)
        v = getenv(large);
    return v ? v : "";
}

const char *agent_proxy_of_environment(const char *server, struct arena *a)
{
    struct http_url url;
    struct str rest, one;
    if (http_url_parse(server, a, &url, NULL) != 0)
        return "";
    rest = str_of(of_environment("no_proxy", "NO_PROXY"));
    while (rest.n > 0 && str_next(&rest, ',', &one))
        if (covers(str_trim(one), url.host))
            return "";
    /* HTTP_PROXY in capitals can be set by a web client of a CGI program: only small letters, as curl has it */
    return url.https ? of_environment("https_proxy", "HTTPS_PROXY")
                     : of_environment("http_proxy", NULL);
}

bool agent_is_readable(const char *server, struct arena *a)
{
    struct http_url url;
    if (http_url_parse(server, a, &url, NULL) != 0 || url.https)
        return false;
    return !streq(url.host, "localhost") && !streq(url.host, "::1") &&
           strncmp(url.host, "127.", 4) != 0;
}
