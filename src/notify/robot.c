/* Posting to robots and judging their answers (robot.h). On fibers of the core; vendor_judge is pure. */
#include "notify/robot.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/must.h"
#include "config/node.h"

#define REPLY_MAX    65536
#define RETRY_MAX_MS (15 * 60 * 1000)

void post_validate(const struct post_options *o, struct problems *p, const char *path)
{
    const char *dot = path[0] != '\0' ? "." : "";
    struct str url = str_of(o->url);
    bool http = str_starts(url, STR("http://")) || str_starts(url, STR("https://"));
    if (url.n > 0 && !http)
        problem_add(p, NULL, arena_printf(p->arena, "%s%swebhook_url", path, dot),
                    "got an address that is not http; want https://…");
}

/* Seconds, as robots and Alertmanager's receivers send it; a date is not worth the trouble. */
static int64_t retry_after(const struct http_response *resp, struct arena *a)
{
    const char *text = http_response_header(resp, "Retry-After", a);
    int64_t seconds;
    if (text == NULL || str_to_i64(str_trim(str_of(text)), &seconds, NULL) != 0 || seconds < 0)
        return 0;
    return seconds > RETRY_MAX_MS / 1000 ? RETRY_MAX_MS : seconds * 1000;
}

int post_send(const struct send *s, const struct post_request *req, const struct buf *body,
              struct post_reply *reply, struct err *err)
{
    must(body->len == 0 || body->data != NULL);
    const struct post_options *o = req->options;
    struct http_header headers[24] = {{"Content-Type", req->content_type != NULL
                                                           ? req->content_type
                                                           : "application/json; charset=utf-8"}};
    size_t n = 1;
    for (size_t i = 0; i < req->n_headers && n < array_len(headers); i++)
        headers[n++] = req->headers[i];
    must(n <= array_len(headers));
    int64_t until = clock_mono_ns() + req->timeout_ms * NS_PER_MS;
    if (until > s->deadline_ns)
        until = s->deadline_ns;
    struct http_request hr = {
        .method = "POST",
        .url = req->url != NULL ? req->url : o->url,
        .headers = headers,
        .n_headers = n,
        .body = body->data,
        .body_len = body->len,
        .username = req->username,
        .password = req->password,
        .bearer = req->bearer,
        .proxy = o->proxy != NULL && o->proxy[0] != '\0' ? o->proxy : NULL,
        .tls = {.verify = o->verify, .ca_file = o->ca_file},
        .max_body = REPLY_MAX,
        .connect_deadline_ns = until,
        .deadline_ns = until,
    };
    struct http_response resp;
    memset(&resp, 0, sizeof(resp));
    int rc = http_fetch(s->env->http, &hr, s->arena, &resp, err);
    if (rc == 0) {
        reply->status = resp.status;
        reply->body = (struct str){
            arena_strndup(s->arena, resp.body.len > 0 ? resp.body.data : "", resp.body.len),
            resp.body.len};
        reply->retry_after_ms = retry_after(&resp, s->arena);
    } else if (err != NULL && err->code != ERR_INVALID && err->code != ERR_MALFORMED &&
               err->code != ERR_CANCELLED && !err_code_retry(err->code)) {
        err->code = ERR_REFUSED; /* certificates and half answers pass: the message must wait */
    }
    http_response_done(&resp);
    return rc;
}

int status_judge(const char *who, const struct post_reply *reply, int64_t *retry_after_ms,
                 struct err *err)
{
    must(who != NULL && retry_after_ms != NULL);
    int status = reply->status;
    if (status >= 200 && status <= 299)
        return 0;
    struct str said = str_trim(reply->body);
    int n = (int)utf8_cut(said.p, said.n, 200);
    bool later = status == 408 || status == 425 || status == 429 || status >= 500;
    *retry_after_ms = reply->retry_after_ms;
    const char *hint = "";
    if (status == 401 || status == 403)
        hint = "; check the credentials in the address or the options";
    else if (status == 404 || status == 410)
        hint = "; check `webhook_url`: there is nothing at this address (any more)";
    else if (status >= 300 && status <= 399)
        hint = "; redirects are not followed: put the final address into `webhook_url`";
    return err_set(err, later ? ERR_BUSY : ERR_DENIED, "%s answered HTTP %d%s%s%.*s", who, status,
                   hint, n > 0 ? ": " : "", n, said.p);
}

static const struct node *first_of(const struct node *body, const char *const keys[2])
{
    const struct node *n = node_get(body, keys[0]);
    return n != NULL || keys[1] == NULL ? n : node_get(body, keys[1]);
}

static bool code_of(const struct node *n, int64_t *code)
{
    if (n == NULL)
        return false;
    if (n->kind == NODE_INT) {
        *code = n->num;
        return true;
    }
    return n->kind == NODE_TEXT && str_to_i64(n->text, code, NULL) == 0;
}

static bool mentions(const char *text, const char *word)
{
    return word == NULL || strcasestr(text, word) != NULL;
}

static int refuse(const struct vendor *v, int64_t code, const char *said,
                  const struct post_reply *reply, int64_t *retry_after_ms, struct err *err)
{
    must(code != 0);
    int n = (int)utf8_cut(said, strlen(said), 160);
    *retry_after_ms = reply->retry_after_ms;
    for (const struct vendor_code *c = v->codes; c->code != 0; c++) {
        if (c->code != code || !mentions(said, c->contains))
            continue;
        if (c->retry_after_ms > *retry_after_ms)
            *retry_after_ms = c->retry_after_ms;
        return err_set(err, c->verdict == VERDICT_LATER ? ERR_BUSY : ERR_DENIED,
                       "%s refused the message (%lld): %s; it said: %.*s", v->name, (long long)code,
                       c->advice, n, said);
    }
    return err_set(err, ERR_BUSY, "%s refused the message (%lld), will try again; it said: %.*s",
                   v->name, (long long)code, n, said);
}

int vendor_judge(const struct vendor *v, const struct post_reply *reply, struct arena *a,
                 int64_t *retry_after_ms, struct err *err)
{
    must(v->codes != NULL && v->code_key[0] != NULL);
    must(retry_after_ms != NULL);
    *retry_after_ms = 0;
    struct node *body = NULL;
    if (reply->body.n > 0 && reply->body.n < REPLY_MAX)
        body = node_from_json(a, reply->body.p, reply->body.n, NULL);
    int64_t code;
    if (code_of(first_of(body, v->code_key), &code)) {
        const struct node *m = first_of(body, v->message_key);
        const char *said =
            m != NULL && m->kind == NODE_TEXT ? arena_strndup(a, m->text.p, m->text.n) : "";
        return code == 0 ? 0 : refuse(v, code, said, reply, retry_after_ms, err);
    }
    if (reply->status < 200 || reply->status > 299)
        return status_judge(v->name, reply, retry_after_ms, err);
    int n = (int)utf8_cut(reply->body.p, reply->body.n, 120);
    return err_set(err, ERR_BUSY,
                   "%s answered something else than its robots do (a proxy or a wrong "
                   "`webhook_url`?): %.*s",
                   v->name, n, reply->body.p);
}

int robot_send(const struct send *s, const struct vendor *v, const struct post_request *req,
               const struct buf *payload, struct buf *answer, struct err *err)
{
    must(payload != NULL && answer != NULL);
    struct post_reply reply = {0};
    int64_t retry_after_ms = 0;
    if (post_send(s, req, payload, &reply, err) != 0)
        return -1;
    size_t n = utf8_cut(reply.body.p, reply.body.n, 500);
    utf8_clean(answer, reply.body.p, n);
    int rc = vendor_judge(v, &reply, s->arena, &retry_after_ms, err);
    if (s->retry_after_ms != NULL)
        *s->retry_after_ms = retry_after_ms;
    return rc;
}

void robot_sign(const char *key, const char *message, struct buf *out)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state st;
    crypto_auth_hmacsha256_init(&st, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&st, (const unsigned char *)message, strlen(message));
    crypto_auth_hmacsha256_final(&st, mac);
    base64_encode(out, mac, sizeof(mac));
}
