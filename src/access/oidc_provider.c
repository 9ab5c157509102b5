/* The talk with an OpenID provider: discovery, keys, the code for a token. Each exchange has a loop of its own on the thread that
 * asks (a worker of HTTP), so that a slow provider holds nobody else up. */
#include <ctype.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "access/jwt.h"
#include "access/oidc.h"
#include "base/clock.h"
#include "io/fiber.h"
#include "io/http_client.h"

#define ANSWER_MAX (1u << 20)
#define TIMEOUT_NS (10 * NS_PER_S)
#define KEEP_NS    (3600 * NS_PER_S)
#define KEYS_AGE_NS \
    (30 * NS_PER_S) /* a key that is not known has them fetched anew, not more often */

struct oidc_provider {
    pthread_mutex_t lock; /* guards the rest, also while the provider is asked */
    struct arena *arena;
    char *issuer; /* that the rest is of; NULL: nothing is known */
    const struct node *discovered, *keys;
    int64_t discovered_ns, keys_ns;
};

struct oidc_provider *oidc_provider_new(void)
{
    struct oidc_provider *p = calloc(1, sizeof(*p));
    must(p);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void forget(struct oidc_provider *p)
{
    free(p->issuer);
    arena_free(p->arena);
    p->issuer = NULL;
    p->arena = NULL;
    p->discovered = p->keys = NULL;
    p->keys_ns = 0;
}

void oidc_provider_free(struct oidc_provider *p)
{
    if (!p)
        return;
    forget(p);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* --- one exchange --- */

struct exchange {
    struct loop *loop;
    struct http_client *http;
    struct http_request req;
    struct http_response resp;
    struct arena *arena;
    struct err *err;
    int rc;
    bool done, waiting;
};

static void exchange_fiber(void *arg)
{
    struct exchange *x = arg;
    x->rc = http_fetch(x->http, &x->req, x->arena, &x->resp, x->err);
    x->done = true;
    if (x->waiting)
        loop_stop(x->loop);
}

static int run(struct exchange *x)
{
    struct resolver *r = NULL;
    x->rc = -1;
    x->loop = loop_new(x->err);
    if (x->loop && (r = resolver_new(x->loop, x->err)) != NULL &&
        (x->http = http_client_new(x->loop, r, x->err)) != NULL &&
        fiber_start(x->loop, exchange_fiber, x, x->err) == 0 && !x->done) {
        x->waiting = true;
        loop_run(x->loop);
    }
    if (x->http)
        http_client_free(x->http);
    if (r)
        resolver_free(r);
    if (x->loop)
        loop_free(x->loop);
    return x->rc;
}

struct question {
    const char *what; /* names the answer in errors */
    const char *url;
    const char *form;   /* NULL: a GET */
    const char *user;   /* with the client's secret; NULL: without */
    const char *bearer; /* NULL: without */
};

/* The JSON object that the provider answers. */
static struct node *ask(const struct config_oidc *cfg, const struct question *q, struct arena *a,
                        struct err *err)
{
    struct http_header headers[2] = {{"Accept", "application/json"}};
    size_t n_headers = 1;
    if (q->form)
        headers[n_headers++] =
            (struct http_header){"Content-Type", "application/x-www-form-urlencoded"};
    else if (q->bearer)
        headers[n_headers++] =
            (struct http_header){"Authorization", arena_printf(a, "Bearer %s", q->bearer)};
    int64_t until = clock_mono_ns() + TIMEOUT_NS;
    struct exchange x = {.arena = a, .err = err};
    x.req = (struct http_request){
        .url = q->url,
        .headers = headers,
        .n_headers = n_headers,
        .body = q->form,
        .body_len = q->form ? strlen(q->form) : 0,
        .username = q->user,
        .password = q->user ? cfg->client_secret : NULL,
        .tls = {.verify = true, .ca_file = cfg->ca_file[0] ? cfg->ca_file : NULL},
        .max_body = ANSWER_MAX,
        .past_max_is_error = true,
        .connect_deadline_ns = until,
        .deadline_ns = until};
    struct node *n = NULL;
    if (run(&x) != 0)
        err_prefix(err, "cannot reach the provider for its %s", q->what);
    else if (x.resp.status != 200)
        err_set(err, ERR_REFUSED, "the provider answered %d to the question for its %s",
                x.resp.status, q->what);
    else if (!(n = node_from_json(a, x.resp.body.data ? x.resp.body.data : "", x.resp.body.len,
                                  NULL)) ||
             n->kind != NODE_MAP)
        err_set(err, ERR_PROTOCOL, "the provider's %s is no JSON object", q->what);
    bool good = n && n->kind == NODE_MAP && x.resp.status == 200;
    http_response_done(&x.resp);
    return good ? n : NULL;
}

static const char *text_of(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_TEXT && strlen(n->text.p) == n->text.n ? n->text.p : NULL;
}

/* "https://x/" is "https://x". */
static bool same_issuer(const char *a, const char *b)
{
    size_t n = strlen(b);
    return a && strncmp(a, b, n) == 0 && (a[n] == '\0' || (a[n] == '/' && a[n + 1] == '\0'));
}

/* --- what is known of it. Under the lock --- */

static int discover(struct oidc_provider *p, const struct config_oidc *cfg, struct err *err)
{
    int64_t now = clock_mono_ns();
    if (p->issuer && streq(p->issuer, cfg->issuer) && now - p->discovered_ns < KEEP_NS)
        return 0;
    struct arena *a = arena_new();
    const char *url = arena_printf(a, "%s/.well-known/openid-configuration", cfg->issuer);
    struct node *n = ask(cfg, &(struct question){"configuration", .url = url}, a, err);
    if (n &&
        (!same_issuer(text_of(n, "issuer"), cfg->issuer) || !text_of(n, "authorization_endpoint") ||
         !text_of(n, "token_endpoint") || !text_of(n, "jwks_uri"))) {
        err_set(err, ERR_PROTOCOL,
                "the provider's configuration lacks an address, or is of another issuer");
        n = NULL;
    }
    if (!n) {
        arena_free(a);
        return -1;
    }
    forget(p);
    p->arena = a;
    p->issuer = strdup(cfg->issuer);
    p->discovered = n;
    p->discovered_ns = now;
    return 0;
}

static int fetch_keys(struct oidc_provider *p, const struct config_oidc *cfg, struct err *err)
{
    const struct question q = {"keys", .url = text_of(p->discovered, "jwks_uri")};
    const struct node *n = ask(cfg, &q, p->arena, err);
    if (!n)
        return -1;
    p->keys = n;
    p->keys_ns = clock_mono_ns();
    return 0;
}

static struct node *verify(struct oidc_provider *p, const struct config_oidc *cfg, struct str token,
                           struct arena *a, struct err *err)
{
    if (!p->keys && fetch_keys(p, cfg, err) != 0)
        return NULL;
    struct node *claims = jwt_verify(token, p->keys, a, err);
    bool other = !claims && err->code == ERR_NOT_FOUND;
    if (!other || clock_mono_ns() - p->keys_ns < KEYS_AGE_NS || fetch_keys(p, cfg, err) != 0)
        return claims;
    return jwt_verify(token, p->keys, a, err);
}

/* --- for the API --- */

static void put(struct buf *out, const char *key, const char *value)
{
    if (out->len && !char_in(out->data[out->len - 1], "?&"))
        buf_putc(out, '&');
    buf_puts(out, key);
    buf_putc(out, '=');
    url_encode(out, str_of(value));
}

static const char *keep(struct buf *text, struct arena *a)
{
    const char *copy = arena_strndup(a, text->data, text->len);
    buf_done(text);
    return copy;
}

static const char *scopes_of(const struct config_oidc *cfg, struct arena *a)
{
    const char *text = "openid";
    if (cfg->scopes.n == 0)
        return "openid profile email";
    for (size_t i = 0; i < cfg->scopes.n; i++)
        if (!streq(cfg->scopes.at[i], "openid"))
            text = arena_printf(a, "%s %s", text, cfg->scopes.at[i]);
    return text;
}

const char *oidc_address(struct oidc_provider *p, const struct config_oidc *cfg,
                         const char *redirect_uri, const struct oidc_pending *s, struct arena *a,
                         struct err *err)
{
    char challenge[SESSION_TEXT];
    struct buf url = BUF_INIT(16384);
    pthread_mutex_lock(&p->lock);
    int rc = discover(p, cfg, err);
    if (rc == 0)
        buf_puts(&url, text_of(p->discovered, "authorization_endpoint"));
    pthread_mutex_unlock(&p->lock);
    if (rc != 0)
        return NULL;
    buf_putc(&url, strchr(url.data, '?') ? '&' : '?');
    put(&url, "response_type", "code");
    put(&url, "client_id", cfg->client_id);
    put(&url, "redirect_uri", redirect_uri);
    put(&url, "scope", scopes_of(cfg, a));
    put(&url, "state", s->state);
    put(&url, "nonce", s->nonce);
    put(&url, "code_challenge", oidc_challenge(s->verifier, challenge));
    put(&url, "code_challenge_method", "S256");
    return keep(&url, a);
}

/* The secret goes in the header unless the provider takes it in the form alone. */
static bool in_the_form(const struct node *discovered)
{
    const struct node *list = node_get(discovered, "token_endpoint_auth_methods_supported");
    bool basic = !list || list->kind != NODE_LIST || !list->first, post = false;
    for (const struct node *n = list && list->kind == NODE_LIST ? list->first : NULL; n;
         n = n->next) {
        basic = basic || (n->kind == NODE_TEXT && str_eqz(n->text, "client_secret_basic"));
        post = post || (n->kind == NODE_TEXT && str_eqz(n->text, "client_secret_post"));
    }
    return post && !basic;
}

static struct node *redeem_code(struct oidc_provider *p, const struct config_oidc *cfg,
                                const char *redirect_uri, const struct oidc_pending *s,
                                const char *code, struct arena *a, struct err *err)
{
    struct buf form = BUF_INIT(65536);
    bool secret = cfg->client_secret[0] != '\0', post = in_the_form(p->discovered);
    put(&form, "grant_type", "authorization_code");
    put(&form, "code", code);
    put(&form, "redirect_uri", redirect_uri);
    put(&form, "code_verifier", s->verifier);
    if (!secret || post)
        put(&form, "client_id", cfg->client_id);
    if (secret && post)
        put(&form, "client_secret", cfg->client_secret);
    const struct question q = {"token", .url = text_of(p->discovered, "token_endpoint"),
                               .form = keep(&form, a),
                               .user = secret && !post ? cfg->client_id : NULL};
    return ask(cfg, &q, a, err);
}

/* RFC 6750, 2.1; so that nothing else comes into the header with it. */
static bool is_bearer(const char *token)
{
    static const char *const others = "-._~+/=";
    size_t n = token ? strlen(token) : 0;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)token[i]) && !char_in(token[i], others))
            return false;
    return n > 0;
}

/* What the token lacks. info NULL after it: the provider has no user info, or gave no right to it. */
static int ask_for_info(struct oidc_provider *p, const struct config_oidc *cfg,
                        const struct node *answer, struct arena *a, const struct node **info,
                        struct err *err)
{
    const struct question q = {"user info", .url = text_of(p->discovered, "userinfo_endpoint"),
                               .bearer = text_of(answer, "access_token")};
    *info = NULL;
    if (!q.url || !is_bearer(q.bearer))
        return 0;
    *info = ask(cfg, &q, a, err);
    return *info ? 0 : -1;
}

static int identify(struct oidc_provider *p, const struct config_oidc *cfg,
                    const struct node *answer, const char *nonce, struct arena *a,
                    struct oidc_identity *out, struct err *err)
{
    const char *token = text_of(answer, "id_token"), *issuer = text_of(p->discovered, "issuer");
    const struct node *info = NULL;
    if (!token)
        return err_set(err, ERR_PROTOCOL, "the provider gave no id_token");
    struct node *claims = verify(p, cfg, str_of(token), a, err);
    if (!claims || oidc_check(claims, cfg, issuer, nonce, clock_wall_ms(), err) != 0)
        return -1;
    if (oidc_lacks(claims, cfg) && ask_for_info(p, cfg, answer, a, &info, err) != 0)
        return -1;
    return oidc_identify(claims, info, cfg, out, err);
}

int oidc_redeem(struct oidc_provider *p, const struct config_oidc *cfg, const char *redirect_uri,
                const struct oidc_pending *s, const char *code, struct arena *a,
                struct oidc_identity *out, struct err *err)
{
    int rc = -1;
    pthread_mutex_lock(&p->lock);
    struct node *answer =
        discover(p, cfg, err) == 0 ? redeem_code(p, cfg, redirect_uri, s, code, a, err) : NULL;
    if (answer)
        rc = identify(p, cfg, answer, s->nonce, a, out, err);
    pthread_mutex_unlock(&p->lock);
    return rc;
}
