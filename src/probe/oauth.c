/* See oauth.h. Runs in watchers. */
#include "probe/oauth.h"

#include "base/str.h"
#include "config/node.h"
#include "probe/url.h"
#include "probe/value.h"

#define ANSWER_MAX ((size_t)64 << 10)
#define FORM_MAX   ((size_t)64 << 10)

const struct option oauth_options[] = {
    {"token_url", OPT_STRING, offsetof(struct oauth, token_url), .required = true, .max = URL_MAX,
     .example = "https://login.example.com/oauth/token",
     .help = {"The authorization server's token endpoint.", "授权服务器的令牌地址。"}},
    {"client_id", OPT_STRING, offsetof(struct oauth, client_id), .required = true,
     .help = {"The client's name.", "客户端 ID。"}},
    {"client_secret", OPT_STRING, offsetof(struct oauth, client_secret), .secret = true,
     .required = true, .help = {"The client's secret.", "客户端密钥。"}},
    {"scopes", OPT_LIST, offsetof(struct oauth, scopes), .max = 32,
     .help = {"Scopes to ask for.", "申请的权限范围。"}},
    {"params", OPT_MAP, offsetof(struct oauth, params), .max = 16, .advanced = true,
     .example = "{audience: shop}",
     .help = {"Further fields of the token request.", "令牌请求的其他字段。"}},
    OPTION_END,
};

void oauth_validate(const struct oauth *o, struct problems *p, const char *path)
{
    bool web = o->token_url && (str_starts(str_of(o->token_url), STR("https://")) ||
                                str_starts(str_of(o->token_url), STR("http://")));
    if (o->token_url && !web)
        problem_add(p, NULL, path, "oauth2.token_url: got \"%.100s\"; want an https or http URL",
                    o->token_url);
}

static void put_field(struct buf *form, const char *key, const char *value)
{
    if (form->len)
        buf_putc(form, '&');
    url_encode(form, str_of(key));
    buf_putc(form, '=');
    url_encode(form, str_of(value));
}

static void put_form(struct buf *form, const struct oauth *o)
{
    struct buf scopes = BUF_INIT(FORM_MAX);
    put_field(form, "grant_type", "client_credentials");
    for (size_t i = 0; i < o->scopes.n; i++)
        buf_printf(&scopes, "%s%s", i ? " " : "", o->scopes.at[i]);
    if (scopes.len)
        put_field(form, "scope", scopes.data);
    for (size_t i = 0; i < o->params.n; i++)
        put_field(form, o->params.at[i].key, o->params.at[i].value);
    buf_done(&scopes);
}

/* access_token of the answer, or what it says instead (RFC 6749, 5.2). */
static const char *token_of(const struct http_response *resp, const struct oauth *o,
                            struct result *r)
{
    struct node *doc =
        node_from_json(r->arena, resp->body.data ? resp->body.data : "", resp->body.len, NULL);
    const struct node *token = node_get(doc, "access_token");
    if (resp->status == 200 && token && token->kind == NODE_TEXT && token->text.n)
        return arena_strndup(r->arena, token->text.p, token->text.n);
    const struct node *error = node_get(doc, "error"), *more = node_get(doc, "error_description");
    result_fail(r, "no token from %s: HTTP status %d%s%s%s%s", o->token_url, resp->status,
                error ? ", " : "", error ? json_value_text(error, r->arena) : "", more ? ": " : "",
                more ? json_value_text(more, r->arena) : "");
    return NULL;
}

const char *oauth_token(struct probe *p, const struct oauth *o, const struct tls_options *tls,
                        struct result *r)
{
    struct buf form = BUF_INIT(FORM_MAX);
    struct http_response resp;
    struct err err = {0};
    const char *token = NULL;
    must(o->token_url && o->client_id && o->client_secret);
    put_form(&form, o);
    static const struct http_header accept = {"Accept", "application/json"};
    struct http_request req = {
        .method = "POST",
        .url = o->token_url,
        .headers = &accept,
        .n_headers = 1,
        .username = o->client_id,
        .password = o->client_secret,
        .body = form.data,
        .body_len = form.len,
        .tls = *tls,
        .max_body = ANSWER_MAX,
        .connect_deadline_ns = p->connect_deadline_ns,
        .deadline_ns = p->deadline_ns,
    };
    req.tls.server_name = NULL;
    if (http_fetch(p->env->http, &req, r->arena, &resp, &err) == 0)
        token = token_of(&resp, o, r);
    else
        result_fail(r, "no token: %s", err.msg);
    http_response_done(&resp);
    buf_done(&form);
    must(token != NULL || !r->success);
    return token;
}
