/* /status/SLUG and /badge/ID.svg: what everybody may see. Answered from copies on HTTP's own threads; only when there is no copy yet does a
 * request wait on a worker (status_waits). The pages and forms for readers stand in status_reader.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/access_priv.h"
#include "api/status_priv.h"
#include "base/clock.h"
#include "base/str.h"
#include "status/form.h"
#include "status/render.h"

#define COPY_WAIT_NS (8 * NS_PER_S)
#define PASS_COOKIE  "belfry_status"

/* --- answering --- */

static void set_header(struct call *k, const char *name, const char *value)
{
    for (int i = 0; i < k->resp->n_headers; i++)
        if (strcmp(k->resp->headers[i].name, name) == 0) {
            k->resp->headers[i].value = value;
            return;
        }
    http_resp_header(k->resp, name, value);
}

bool public_is_zh(const struct call *k, const struct status_page *p)
{
    const char *asked = http_req_query(k->req, "lang");
    if (p && p->f.language != PAGE_AUTO)
        return p->f.language == PAGE_ZH;
    if (asked && (strncmp(asked, "zh", 2) == 0 || strncmp(asked, "en", 2) == 0))
        return asked[0] == 'z';
    return prefers_chinese(http_req_header(k->req, "Accept-Language"));
}

void public_html(struct call *k, struct buf *body, const char *policy)
{
    set_header(k, "Content-Security-Policy", arena_strdup(k->arena, policy));
    k->resp->content_type = "text/html; charset=utf-8";
    buf_clear(&k->resp->body);
    buf_add(&k->resp->body, body->data ? body->data : "", body->len);
}

void public_small(struct call *k, const struct small_page *s, int status)
{
    must(status >= 200 && status < 600);
    struct buf body = BUF_INIT(1 << 18), policy = BUF_INIT(400);
    render_small(s, &body, &policy);
    must(!policy.failed && policy.len > 0); /* a style sheet's hash */
    public_html(k, &body, policy.data);
    http_resp_header(k->resp, "Cache-Control", "no-store");
    k->resp->status = status;
    buf_done(&body);
    buf_done(&policy);
}

static void not_found(struct call *k)
{
    k->resp->status = 404;
    k->resp->content_type = "text/plain; charset=utf-8";
    buf_puts(&k->resp->body, "404: there is no such status page.\n404：没有此状态页。\n");
}

/* --- who may see a private page --- */

static bool carries_pass(const struct call *k, const struct status_page *p)
{
    const char *pass = cookie_value(http_req_header(k->req, "Cookie"), PASS_COOKIE, k->arena);
    return *p->password_hash && pass &&
           pass_good(p->key, p->password_hash, clock_wall_ms() / 1000, pass);
}

static bool may_see(struct call *k, const struct status_page *p, bool feed)
{
    struct addr from;
    const char *address = call_address(k), *key = feed ? http_req_query(k->req, "key") : NULL;
    bool known = addr_parse_ip(address, 0, &from);
    bool signed_in =
        k->who->kind != PRINCIPAL_ANONYMOUS && principal_role(k->who, NULL) >= ROLE_VIEWER;
    return !page_private(p) || signed_in || page_allows(p, known ? &from : NULL) ||
           carries_pass(k, p) || (key && token_good(p->key, "feed", p->id, key));
}

static void ask_password(struct call *k, const struct status_page *p, const char *action,
                         const char *error)
{
    bool zh = public_is_zh(k, p);
    const struct small_page s = {
        .page = p,
        .zh = zh,
        .title = word(zh, *p->password_hash ? W_PASSWORD : W_FORBIDDEN),
        .text = *p->password_hash ? word(zh, W_PASSWORD_HELP) : NULL,
        .form = *p->password_hash ? FORM_PASSWORD : FORM_NONE,
        .action = action,
        .error = error,
    };
    public_small(k, &s, *p->password_hash ? 401 : 403);
}

/* --- copies --- */

static bool takes_gzip(const struct call *k)
{
    const char *accept = http_req_header(k->req, "Accept-Encoding");
    return accept && strstr(accept, "gzip");
}

static void put_copy(struct call *k, const struct status_page *p, struct copy *c, const char *type)
{
    must(c->etag[0] && (c->body || c->n == 0));
    const char *known = http_req_header(k->req, "If-None-Match");
    bool gzip = c->gzip && takes_gzip(k);
    http_resp_header(k->resp, "ETag", arena_strdup(k->arena, c->etag));
    http_resp_header(k->resp, "Vary", "Accept-Encoding, Accept-Language, Cookie");
    http_resp_header(k->resp, "Cache-Control",
                     page_private(p) ? "private, no-cache" : "public, max-age=3");
    k->resp->content_type = type;
    if (c->policy[0])
        set_header(k, "Content-Security-Policy", arena_strdup(k->arena, c->policy));
    if (known && strstr(known, c->etag)) {
        k->resp->status = 304;
        return;
    }
    if (gzip)
        http_resp_header(k->resp, "Content-Encoding", "gzip");
    buf_add(&k->resp->body, gzip ? c->gzip : c->body, gzip ? c->n_gzip : c->n);
}

static void answer_form(struct call *k, const struct status_page *p, enum status_form form)
{
    static const char *const types[] = {
        [STATUS_HTML] = "text/html; charset=utf-8",
        [STATUS_HTML_ROOT] = "text/html; charset=utf-8",
        [STATUS_JSON] = "application/json",
        [STATUS_RSS] = "application/rss+xml; charset=utf-8",
        [STATUS_ATOM] = "application/atom+xml; charset=utf-8",
    };
    must((size_t)form < array_len(types) && types[form]);
    struct copy *c = status_copy(k->api->status, p, form, public_is_zh(k, p), COPY_WAIT_NS);
    if (!c) {
        http_resp_header(k->resp, "Retry-After", "2");
        call_status(k, 503, "Not Available", "the page is not made yet; try again");
        return;
    }
    if (p->f.refresh_s && (form == STATUS_HTML || form == STATUS_HTML_ROOT))
        http_resp_header(k->resp, "Refresh", arena_printf(k->arena, "%d", (int)p->f.refresh_s));
    if (form == STATUS_JSON && !page_private(p))
        http_resp_header(k->resp, "Access-Control-Allow-Origin",
                         "*"); /* it is public, and no cookie changes it */
    put_copy(k, p, c, types[form]);
    copy_unref(c);
}

/* A drawing is shown as a picture only; whoever opens it by itself meets a policy that allows nothing. */
static void answer_logo(struct call *k, const struct status_page *p)
{
    if (!p->logo.type) {
        not_found(k);
        return;
    }
    set_header(k, "Content-Security-Policy",
               "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    http_resp_header(k->resp, "Cache-Control",
                     page_private(p) ? "private, max-age=3600" : "public, max-age=3600");
    k->resp->content_type = arena_strdup(k->arena, p->logo.type);
    buf_add(&k->resp->body, p->logo.data, p->logo.n);
}

/* --- addresses: SLUG, SLUG.json, SLUG/WHAT --- */

struct public_path {
    const char *slug, *what; /* "", "json", "rss" … */
};

static struct public_path path_of(const struct call *k)
{
    const char *path = k->path, *slash = strchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : strlen(path);
    if (!slash && n > 5 && strcmp(path + n - 5, ".json") == 0)
        return (struct public_path){arena_strndup(k->arena, path, n - 5), "json"};
    return (struct public_path){arena_strndup(k->arena, path, n), slash ? slash + 1 : ""};
}

static bool form_of(const char *what, enum status_form *form)
{
    static const struct {
        const char *what;
        enum status_form form;
    } forms[] = {
        {"", STATUS_HTML}, {"json", STATUS_JSON}, {"rss", STATUS_RSS}, {"atom", STATUS_ATOM}};
    for (size_t i = 0; i < array_len(forms); i++)
        if (strcmp(forms[i].what, what) == 0) {
            *form = forms[i].form;
            return true;
        }
    return false;
}

static void answer_page(struct call *k, struct status_page *p, const char *what)
{
    enum status_form form;
    bool known = form_of(what, &form), feed = known && form != STATUS_HTML;
    bool free_for_all = strcmp(what, "confirm") == 0 || strcmp(what, "unsubscribe") == 0;
    if (!free_for_all && !may_see(k, p, feed))
        ask_password(k, p, arena_printf(k->arena, "%s%s/enter", *what ? "../" : "", p->f.slug),
                     NULL);
    else if (known)
        answer_form(k, p, form);
    else if (strcmp(what, "logo") == 0)
        answer_logo(k, p);
    else
        public_reader(k, p, what, false);
}

void status_public(struct call *k)
{
    struct public_path at = path_of(k);
    struct status_page *p = k->api->status ? status_page(k->api->status, at.slug) : NULL;
    if (p && p->f.enabled)
        answer_page(k, p, at.what);
    else
        not_found(k);
    page_unref(p);
}

/* --- the password --- */

/* "https://example.com/ops/" → "/ops": where a proxy has put us. */
static const char *prefix_of(const struct call *k, const char *url)
{
    const char *host = url ? strstr(url, "://") : NULL, *path = host ? strchr(host + 3, '/') : NULL;
    size_t n = path ? strcspn(path, "?#; ,") : 0;
    while (n > 0 && path[n - 1] == '/')
        n--;
    return arena_strndup(k->arena, path ? path : "", n);
}

/* The cookie is for this page alone. */
static void give_pass(struct call *k, const struct status_page *p)
{
    must(*p->password_hash);
    char pass[TOKEN_SIZE + 24];
    const char *site = call_config(k)->server.public_url,
               *origin = http_req_header(k->req, "Origin");
    const char *host = http_req_header(k->req, "Host");
    bool own = p->domain[0] && host && strncasecmp(host, p->domain, strlen(p->domain)) == 0;
    int64_t until = clock_wall_ms() / 1000 + 7 * 86400;
    pass_make(p->key, p->password_hash, until, pass);
    http_resp_header(
        k->resp, "Set-Cookie",
        arena_printf(
            k->arena, PASS_COOKIE "=%s; Path=%s; Max-Age=604800; HttpOnly; SameSite=Lax%s", pass,
            own ? "/" : arena_printf(k->arena, "%s/status/%s", prefix_of(k, site), p->f.slug),
            k->req->over_tls || (origin && strncmp(origin, "https:", 6) == 0) ? "; Secure" : ""));
    http_resp_header(k->resp, "Location", own ? "/" : arena_printf(k->arena, "../%s", p->f.slug));
    http_resp_header(k->resp, "Cache-Control", "no-store");
    k->resp->status = 303;
}

static void enter(struct call *k, struct status_page *p)
{
    struct addr from = {0};
    const char *password = public_field(k, "password");
    bool good = false, known = addr_parse_ip(call_address(k), 0, &from), zh = public_is_zh(k, p);
    if (!known)
        from.sa.sa_family = AF_INET;
    if (!*p->password_hash) {
        ask_password(k, p, "enter", NULL);
    } else if (!status_may_try(k->api->status, &from) ||
               status_check_password(k->api->status, p, password ? password : "", &good) != 0) {
        ask_password(k, p, "enter", word(zh, W_TOO_OFTEN));
        http_resp_header(k->resp, "Retry-After", "300");
        k->resp->status = 429;
    } else if (!good) {
        ask_password(k, p, "enter", word(zh, W_PASSWORD_WRONG));
    } else {
        give_pass(k, p);
    }
}

const char *public_field(struct call *k, const char *name)
{
    const char *type = http_req_header(k->req, "Content-Type");
    if (!type || strncasecmp(type, "application/json", 16) != 0)
        return form_value(k->req->body, name, k->arena);
    struct node *doc = node_from_json(k->arena, k->req->body.p, k->req->body.n, NULL);
    const struct node *n = doc && doc->kind == NODE_MAP ? node_get(doc, name) : NULL;
    return n && n->kind == NODE_TEXT && !memchr(n->text.p, '\0', n->text.n) ? n->text.p : NULL;
}

void status_public_post(struct call *k)
{
    struct public_path at = path_of(k);
    struct status_page *p = k->api->status ? status_page(k->api->status, at.slug) : NULL;
    bool free_for_all = strcmp(at.what, "confirm") == 0 || strcmp(at.what, "unsubscribe") == 0;
    if (!p || !p->f.enabled || k->req->body.n > 20000)
        not_found(k);
    else if (strcmp(at.what, "enter") == 0)
        enter(k, p);
    else if (!free_for_all && !may_see(k, p, false))
        ask_password(k, p, "enter", NULL);
    else
        public_reader(k, p, at.what, true);
    page_unref(p);
}

/* --- a host of its own --- */

static struct status_page *site_page(const struct call *k)
{
    const char *host = http_req_header(k->req, "Host");
    if (!k->api->status || !status_has_hosts(k->api->status) || !host || k->req->over_unix)
        return NULL;
    return status_page_of_host(k->api->status, host);
}

static bool is_public_path(const char *path)
{
    return strncmp(path, "/status/", 8) == 0 || strncmp(path, "/badge/", 7) == 0;
}

bool status_site(struct call *k)
{
    struct status_page *p = site_page(k);
    bool reads = strcmp(k->req->method, "GET") == 0 || strcmp(k->req->method, "HEAD") == 0;
    if (!p || is_public_path(k->req->path)) {
        page_unref(p);
        return false;
    }
    if (strcmp(k->req->path, "/") != 0 || !reads)
        not_found(k);
    else if (!may_see(k, p, false))
        ask_password(k, p, arena_printf(k->arena, "status/%s/enter", p->f.slug), NULL);
    else
        answer_form(k, p, STATUS_HTML_ROOT);
    page_unref(p);
    return true;
}

/* --- badges --- */

static const char *colour_of(enum view_state s)
{
    static const char *const colours[] = {
        [VIEW_DOWN] = "#c8372d", [VIEW_DEGRADED] = "#a86b00", [VIEW_MAINTENANCE] = "#3566c8",
        [VIEW_UP] = "#1a7f4b",   [VIEW_PAUSED] = "#6b7480",   [VIEW_UNKNOWN] = "#6b7480",
    };
    must((size_t)s < array_len(colours));
    return colours[s];
}

static const char *colour_of_share(double share)
{
    return isnan(share)     ? "#6b7480"
           : share >= 0.999 ? "#1a7f4b"
           : share >= 0.99  ? "#5c7f1a"
           : share >= 0.95  ? "#a86b00"
                            : "#c8372d";
}

static bool window_of(const struct call *k, enum badge_window *out, const char **text)
{
    static const char *const windows[] = {"24h", "7d", "30d", "1y"};
    const char *asked = http_req_query(k->req, "window");
    for (size_t i = 0; i < array_len(windows); i++)
        if (strcmp(asked ? asked : "30d", windows[i]) == 0) {
            *out = (enum badge_window)i;
            *text = windows[i];
            return true;
        }
    return false;
}

static void put_badge(struct call *k, const struct badge_facts *f, const char *window)
{
    const char *type = http_req_query(k->req, "type"), *label = http_req_query(k->req, "label");
    bool zh = public_is_zh(k, NULL);
    struct buf text = BUF_INIT(200);
    struct badge b = {.label = f->name, .colour = colour_of(f->state)};
    if (type && strcmp(type, "uptime") == 0) {
        put_share(&text, f->uptime);
        b.colour = colour_of_share(f->uptime);
        b.label = arena_printf(k->arena, "%s %s", word(zh, W_UPTIME), window);
    } else if (type && strcmp(type, "latency") == 0) {
        put_latency(&text, f->latency_ms);
        b.label = word(zh, W_LATENCY);
    } else {
        buf_puts(&text, word(zh, render_word_of(f->state)));
    }
    b.label = label && strlen(label) <= 100 ? label : b.label;
    must(text.len > 0);
    b.text = text.data;
    render_badge(&b, &k->resp->body);
    buf_done(&text);
    k->resp->content_type = "image/svg+xml; charset=utf-8";
    set_header(k, "Content-Security-Policy", "default-src 'none'; sandbox");
    http_resp_header(k->resp, "Cache-Control", "public, max-age=30");
    http_resp_header(k->resp, "Vary", "Accept-Language");
}

static uint64_t badge_id(const char *path)
{
    struct str name = str_of(path);
    uint64_t id = 0;
    if (!str_ends(name, STR(".svg")))
        return 0;
    name.n -= strlen(".svg");
    return str_to_u64(name, &id, NULL) == 0 ? id : 0;
}

void badge_public(struct call *k)
{
    enum badge_window w;
    struct badge_facts f;
    const char *window;
    uint64_t id = badge_id(k->path);
    bool there = id && k->api->status && window_of(k, &w, &window) &&
                 status_badge(k->api->status, id, w, COPY_WAIT_NS, &f);
    if (there && (f.public || principal_role(k->who, f.group) >= ROLE_VIEWER))
        put_badge(k, &f, window);
    else
        not_found(k);
}

/* --- who may hold a thread --- */

static bool page_waits(struct call *k, const struct status_page *p, const char *what)
{
    enum status_form form;
    return !form_of(what, &form) || !status_copy_ready(k->api->status, p, form, public_is_zh(k, p));
}

bool status_takes(struct call *k, bool *waits)
{
    const char *path = k->req->path;
    bool reads = strcmp(k->req->method, "GET") == 0 || strcmp(k->req->method, "HEAD") == 0;
    struct status_page *p = NULL;
    enum badge_window w;
    const char *window;
    *waits = k->api->status && !reads;
    if (!k->api->status)
        return false;
    if (strncmp(path, "/status/", 8) == 0) {
        k->path = path + 8;
        struct public_path at = path_of(k);
        p = reads ? status_page(k->api->status, at.slug) : NULL;
        *waits = *waits || (p && page_waits(k, p, at.what));
    } else if (strncmp(path, "/badge/", 7) == 0) {
        uint64_t id = badge_id(path + 7);
        *waits = id && window_of(k, &w, &window) && !status_badge_ready(k->api->status, id, w);
    } else if ((p = site_page(k)) != NULL) {
        *waits =
            reads && !status_copy_ready(k->api->status, p, STATUS_HTML_ROOT, public_is_zh(k, p));
    } else {
        return false;
    }
    page_unref(p);
    return true;
}
