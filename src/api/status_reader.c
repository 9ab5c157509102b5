/* What readers of a status page do: subscribe, confirm, unsubscribe; by browser or as JSON. Links in mails only show a button, for programs
 * that look at mails follow links, too. */
#include <string.h>

#include "api/status_priv.h"
#include "base/str.h"
#include "status/render.h"

struct asked {
    struct call *call;
    struct status_page *page;
    enum subscriber_type type;
    const char *to, *token, *purpose;
    bool zh, found, reads;
    int rc;
    struct err err;
};

static bool wants_json(const struct call *k)
{
    const char *type = http_req_header(k->req, "Content-Type");
    return type && strncmp(type, "application/json", 16) == 0;
}

static void say(struct call *k, const struct status_page *p, enum word title, enum word text,
                int status)
{
    bool zh = public_is_zh(k, p);
    const struct small_page s = {.page = p,
                                 .zh = zh,
                                 .title = word(zh, title),
                                 .text = word(zh, text),
                                 .back = arena_printf(k->arena, "../%s", p->f.slug)};
    public_small(k, &s, status);
}

/* --- subscribing --- */

static bool takes_mail(const struct status_page *p)
{
    return p->f.mail_channel_id > 0;
}

static void show_subscribe(struct call *k, const struct status_page *p, const char *error,
                           int status)
{
    bool zh = public_is_zh(k, p), mail = takes_mail(p), hook = p->f.subscribe_webhook;
    const struct small_page s = {
        .page = p,
        .zh = zh,
        .title = word(zh, W_SUBSCRIBE),
        .text = word(zh, mail || hook ? W_SUBSCRIBE_HELP : W_SUBSCRIBE_NONE),
        .back = arena_printf(k->arena, "../%s", p->f.slug),
        .form = FORM_SUBSCRIBE,
        .action = "subscribe",
        .error = error,
        .mail = mail,
        .webhook = hook,
    };
    public_small(k, &s, status);
}

static void subscribe_on_core(void *arg)
{
    struct asked *q = arg;
    must(q->page && q->to);
    struct core *core = q->call->api->core;
    const char *site = core_config(core)->server.public_url;
    const char *url = page_url(q->page, site ? site : "", q->call->arena);
    if (q->type == SUBSCRIBER_MAIL && !*url)
        q->rc = err_set(
            &q->err, ERR_BUSY,
            "mails cannot be subscribed: neither the page nor the server has a public_url for the links");
    else
        q->rc = status_subscribe(q->call->api->status, q->page, q->type, q->to, q->zh, &q->err);
}

static void refuse(struct call *k, const struct status_page *p, const struct err *err)
{
    if (wants_json(k))
        call_fail(k, err);
    else
        show_subscribe(k, p, err->msg, err_code_http(err->code));
}

static void subscribed(struct call *k, const struct status_page *p, enum subscriber_type type)
{
    if (!wants_json(k)) {
        say(k, p, W_SUBSCRIBED, type == SUBSCRIBER_MAIL ? W_SUBSCRIBED_MAIL : W_SUBSCRIBED_WEBHOOK,
            202);
        return;
    }
    struct json j = call_json(k);
    k->resp->status = 202;
    json_obj(&j);
    json_kstr(&j, "status", "pending");
    json_end(&j);
}

static int read_wish(struct call *k, struct asked *q)
{
    const char *type = public_field(k, "type"), *language = public_field(k, "language");
    const char *to = public_field(k, "to");
    q->to = to ? arena_strndup(k->arena, str_trim(str_of(to)).p, str_trim(str_of(to)).n) : "";
    q->type = type && strcmp(type, "webhook") == 0 ? SUBSCRIBER_WEBHOOK : SUBSCRIBER_MAIL;
    q->zh = language && *language ? strncmp(language, "zh", 2) == 0 : public_is_zh(k, q->page);
    if (!type || (strcmp(type, "webhook") != 0 && strcmp(type, "mail") != 0))
        return err_set(&q->err, ERR_INVALID, "got type \"%.20s\"; want mail or webhook",
                       type ? type : "");
    if (q->type == SUBSCRIBER_WEBHOOK ? !q->page->f.subscribe_webhook : !takes_mail(q->page))
        return err_set(&q->err, ERR_DENIED, "this page takes no subscriptions by %s", type);
    return 0;
}

static void too_often(struct call *k, const struct status_page *p)
{
    http_resp_header(k->resp, "Retry-After", "3600");
    if (wants_json(k))
        call_status(k, 429, "Too Many Requests",
                    "too many subscriptions from this address; try again in an hour");
    else
        show_subscribe(k, p, word(public_is_zh(k, p), W_TOO_OFTEN), 429);
}

static void subscribe(struct call *k, struct status_page *p)
{
    struct asked q = {.call = k, .page = p};
    struct addr from = {0};
    if (!addr_parse_ip(call_address(k), 0, &from))
        from.sa.sa_family = AF_INET;
    if (read_wish(k, &q) != 0) {
        refuse(k, p, &q.err);
        return;
    }
    if (!status_may_subscribe(k->api->status, &from)) {
        too_often(k, p);
        return;
    }
    on_core(k, subscribe_on_core, &q);
    if (q.rc != 0)
        refuse(k, p, &q.err);
    else
        subscribed(k, p, q.type);
}

/* --- links in what was sent --- */

static void look_on_core(void *arg)
{
    struct asked *q = arg;
    must(q->purpose && q->token);
    struct status *s = q->call->api->status;
    const struct subscriber *sub = status_subscriber(s, q->page, q->call->id, q->purpose, q->token);
    q->found = sub != NULL;
    if (!sub)
        return;
    q->to = arena_strdup(q->call->arena, sub->to);
    if (!q->reads)
        q->rc = strcmp(q->purpose, "confirm") == 0 ? status_confirm(s, sub->id, &q->err)
                                                   : status_unsubscribe(s, sub->id, NULL, &q->err);
}

static void show_button(struct call *k, const struct asked *q, bool leave)
{
    must(q->found && q->to);
    bool zh = public_is_zh(k, q->page);
    const struct small_page s = {
        .page = q->page,
        .zh = zh,
        .title = word(zh, leave ? W_UNSUBSCRIBE : W_CONFIRM),
        .text = word(zh, leave ? W_UNSUBSCRIBE_HELP : W_CONFIRM_HELP),
        .about = q->to,
        .form = FORM_BUTTON,
        .action = leave ? "unsubscribe" : "confirm",
        .button = word(zh, leave ? W_UNSUBSCRIBE : W_CONFIRM_BUTTON),
        .id = arena_printf(k->arena, "%llu", (unsigned long long)k->id),
        .token = q->token,
    };
    public_small(k, &s, 200);
}

/* The id and token stand in the address, or in the form that a browser sent. */
static const char *given(struct call *k, const char *name)
{
    const char *text = http_req_query(k->req, name);
    return text ? text : public_field(k, name);
}

static void follow_link(struct call *k, struct status_page *p, bool leave, bool reads)
{
    struct asked q = {.call = k, .page = p, .reads = reads, .purpose = leave ? "leave" : "confirm"};
    const char *id = given(k, "id"), *token = given(k, "token");
    q.token = token ? token : "";
    k->id = 0;
    if (id)
        str_to_u64(str_of(id), &k->id, NULL);
    on_core(k, look_on_core, &q);
    if (!q.found)
        say(k, p, W_WRONG_INPUT, W_LINK_OLD, 404);
    else if (reads)
        show_button(k, &q, leave);
    else if (q.rc != 0)
        call_fail(k, &q.err);
    else
        say(k, p, leave ? W_UNSUBSCRIBE : W_CONFIRM, leave ? W_UNSUBSCRIBED : W_CONFIRMED, 200);
}

void public_reader(struct call *k, struct status_page *p, const char *what, bool post)
{
    must(p && p->f.enabled && what);
    if (strcmp(what, "subscribe") == 0 && post)
        subscribe(k, p);
    else if (strcmp(what, "subscribe") == 0)
        show_subscribe(k, p, NULL, 200);
    else if (strcmp(what, "confirm") == 0 || strcmp(what, "unsubscribe") == 0)
        follow_link(k, p, what[0] == 'u', !post);
    else
        call_status(k, 404, "Not Found", "there is nothing at this address");
}
