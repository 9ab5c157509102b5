/* One message to one subscriber, on a fiber of the core. A stranger chose a webhook's address: each address that its name resolves to must be
 * public, the connection goes to just that address (so that the name cannot change in between), and no redirect is followed. */
#include <stdio.h>

#include "base/clock.h"
#include "core/notify.h"
#include "io/http_url.h"
#include "notify/letter.h"
#include "status/status_priv.h"

#define POST_NS    (10 * NS_PER_S)
#define ANSWER_MAX 4096

static int check_addresses(const struct posting *p, const struct http_url *u,
                           struct resolved *found, struct err *err)
{
    char text[ADDR_TEXT];
    const struct notify_env *env = core_notify(p->core);
    if (resolve(env->resolver, u->host, u->port, IP_ANY, clock_mono_ns() + POST_NS, found, err) !=
        0)
        return -1;
    must(found->n > 0);
    for (int i = 0; i < found->n && !p->allow_private; i++)
        if (!addr_is_public(&found->at[i]))
            return err_set(err, ERR_DENIED, "%s is %s, which is no public address", u->host,
                           addr_ip(&found->at[i], text));
    return 0;
}

/* The same request by address: the name stays in Host, SNI and the certificate's check. */
static const char *url_by_address(const struct http_url *u, const struct addr *to, struct arena *a)
{
    char text[ADDR_TEXT];
    bool six = to->sa.sa_family == AF_INET6;
    addr_ip(to, text);
    return arena_printf(a, "%s://%s%s%s:%u%s", u->https ? "https" : "http", six ? "[" : "", text,
                        six ? "]" : "", u->port, u->target);
}

static int judge(const struct http_response *resp, struct err *err)
{
    if (resp->status >= 200 && resp->status < 300)
        return 0;
    bool later = resp->status >= 500 || resp->status == 429 || resp->status == 408;
    return err_set(err, later ? ERR_REFUSED : ERR_DENIED, "the webhook answered HTTP %d",
                   resp->status);
}

static bool echoes(const struct http_response *resp, const char *challenge)
{
    return resp->body.len && memmem(resp->body.data, resp->body.len, challenge, strlen(challenge));
}

static int fetch(const struct posting *p, const struct http_url *u, const struct addr *to,
                 bool *confirmed, struct err *err)
{
    struct buf sign = BUF_INIT(200);
    struct http_response resp = {0};
    buf_puts(&sign, "sha256=");
    sign_text(p->secret, p->texts->json, strlen(p->texts->json), &sign);
    const struct http_header headers[] = {
        {"Host", http_url_authority(u, p->arena)},
        {"Content-Type", "application/json"},
        {"X-Belfry-Delivery", arena_printf(p->arena, "%llu-%llu", (unsigned long long)p->number,
                                           (unsigned long long)p->sub->id)},
        {"X-Belfry-Signature", sign.data},
    };
    struct http_request req = {
        .method = "POST",
        .url = url_by_address(u, to, p->arena),
        .headers = headers,
        .n_headers = array_len(headers),
        .body = p->texts->json,
        .body_len = strlen(p->texts->json),
        .tls = {.verify = true, .server_name = u->host},
        .max_body = ANSWER_MAX,
        .deadline_ns = clock_mono_ns() + POST_NS,
    };
    int rc = http_fetch(core_notify(p->core)->http, &req, p->arena, &resp, err);
    if (rc == 0)
        rc = judge(&resp, err);
    *confirmed = rc == 0 && p->texts->challenge && echoes(&resp, p->texts->challenge);
    http_response_done(&resp);
    buf_done(&sign);
    return rc;
}

static int post_webhook(const struct posting *p, bool *confirmed, struct err *err)
{
    struct http_url u;
    struct resolved found;
    if (http_url_parse(p->sub->to, p->arena, &u, err) != 0 ||
        check_addresses(p, &u, &found, err) != 0)
        return -1;
    return fetch(p, &u, &found.at[0], confirmed, err);
}

static int post_mail(const struct posting *p, struct err *err)
{
    if (!p->channel || !p->channel->enabled)
        return err_set(err, ERR_BUSY, "the page's mail channel is %s",
                       p->channel ? "disabled" : "gone");
    const struct letter l = {
        .to = p->sub->to,
        .subject = p->texts->subject,
        .text = p->texts->text,
        .html = p->texts->html,
        .leave_url = p->texts->leave_url,
        .number = p->number * 1000000 + p->sub->id,
        .wall_ms = clock_wall_ms(),
        .deadline_ns = clock_mono_ns() + 3 * POST_NS,
    };
    return letter_send(core_notify(p->core), p->channel, &l, p->arena, err);
}

int status__post(const struct posting *p, bool *confirmed, struct err *err)
{
    *confirmed = false;
    must(p->texts && p->sub && p->arena);
    return p->sub->type == SUBSCRIBER_MAIL ? post_mail(p, err) : post_webhook(p, confirmed, err);
}
