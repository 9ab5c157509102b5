/* The email channel: one mail a message, to several recipients, plain text and HTML, through a mail server. */
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "notify/channels.h"
#include "notify/letter.h"
#include "notify/mail.h"
#include "notify/smtp.h"

#define TEXT_BYTES 65536

struct email_config {
    struct message_options message;
    const char *host;
    int64_t port;
    int security;
    const char *username, *password, *from;
    struct str_list to;
    bool verify;
    const char *ca_file;
};

static const char *const securities[] = {"starttls", "tls", "none", NULL};

static const struct option options[] = {
    {"host", OPT_STRING, offsetof(struct email_config, host), .required = true, .max = 253,
     .help = {"Mail server.", "SMTP 服务器。"}, .example = "smtp.example.com"},
    {"port", OPT_INT, offsetof(struct email_config, port), .def = "0", .min = 0, .max = 65535,
     .help = {"Its port; 0: 587 for starttls, 465 for tls, 25 for none.",
              "端口；0 为自动：starttls 587，tls 465，none 25。"}},
    {"security", OPT_ENUM, offsetof(struct email_config, security), .def = "starttls",
     .choices = securities, .help = {"How the connection is encrypted.", "连接的加密方式。"}},
    {"username", OPT_STRING, offsetof(struct email_config, username),
     .help = {"User name; empty: no authentication.", "用户名；留空则不认证。"}},
    {"password", OPT_STRING, offsetof(struct email_config, password), .secret = true,
     .help = {"Password.", "密码或授权码。"}},
    {"from", OPT_STRING, offsetof(struct email_config, from), .required = true,
     .help = {"Sender.", "发件人。"}, .example = "Belfry <belfry@example.com>"},
    {"to", OPT_LIST, offsetof(struct email_config, to), .required = true, .min = 1, .max = 100,
     .help = {"Recipients.", "收件人。"}, .example = "ops@example.com"},
    {"verify", OPT_BOOL, offsetof(struct email_config, verify), .def = "true", .advanced = true,
     .help = {"Check the server's certificate.", "校验服务器证书。"}},
    {"ca_file", OPT_STRING, offsetof(struct email_config, ca_file), .advanced = true,
     .help = {"PEM file of trusted authorities instead of the system's.",
              "受信任 CA 的 PEM 文件，代替系统自带的。"}},
    MESSAGE_OPTION_ROWS(struct email_config, "both"),
    OPTION_END,
};

static const char *html_page(struct arena *a, const struct message *text, const char *body)
{
    static const char *const colours[] = {[TONE_DOWN] = "#E01E5A",
                                          [TONE_UP] = "#2EB67D",
                                          [TONE_MIXED] = "#E8912D",
                                          [TONE_TEST] = "#36C5F0"};
    struct buf title = BUF_INIT(16384);
    dialect_html.escape(&title, text->title, strlen(text->title));
    const char *page = arena_printf(
        a,
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>%s</title></head>\n"
        "<body style=\"font-family:sans-serif;font-size:14px;line-height:1.6\">\n"
        "<div style=\"border-left:4px solid %s;padding:2px 12px\">\n"
        "<p style=\"font-size:16px;margin:4px 0\"><b>%s</b></p>\n%s\n</div>\n</body></html>\n",
        title.data, colours[text->tone], title.data, body);
    buf_done(&title);
    return page;
}

static int render(const struct send *s, struct buf *out, struct err *err)
{
    const struct email_config *c = s->config;
    const struct notification *note = s->note;
    struct message text, html;
    struct err own;
    if (message_build(s, &dialect_html, TEXT_BYTES, &html, &own) != 0 ||
        message_build(s, &dialect_text, TEXT_BYTES, &text, err) != 0)
        return -1;
    if (text.title[0] == '\0')
        text.title = "Belfry";
    struct mail m = {
        .from = c->from,
        .to = &c->to,
        .subject = text.title,
        .text = text.body,
        .html = html_page(s->arena, &text, html.body),
        .wall_ms = s->wall_ms,
        .delivery_id = note->delivery_id,
        .thread_id =
            note->n_items == 1 && note->items[0].kind != EVENT_TEST ? note->items[0].alert->id : 0,
        .first_of_thread = note->items[0].kind == EVENT_FIRED,
    };
    mail_build(&m, out);
    return out->failed ? err_set(err, ERR_TOO_LARGE, "the mail is over %zu bytes", out->max) : 0;
}

static int deliver(const struct send *s, const struct buf *body, struct buf *answer,
                   struct err *err)
{
    const struct email_config *c = s->config;
    const char **to = arena_array_of(s->arena, const char *, c->to.n);
    for (size_t i = 0; i < c->to.n; i++)
        to[i] = mail_address(s->arena, c->to.at[i]);
    int64_t until = clock_mono_ns() + c->message.timeout_ms * NS_PER_MS;
    struct smtp_letter l = {
        .host = c->host,
        .port = (uint16_t)c->port,
        .security = (enum smtp_security)c->security,
        .verify = c->verify,
        .ca_file = c->ca_file,
        .username = c->username,
        .password = c->password != NULL ? c->password : "",
        .from = mail_address(s->arena, c->from),
        .to = to,
        .n_to = c->to.n,
        .body = {body->data, body->len},
        .deadline_ns = until < s->deadline_ns ? until : s->deadline_ns,
    };
    must(l.from != NULL);
    if (smtp_send(s->env, &l, answer, err) == 0)
        return 0;
    if (err != NULL && (err->code == ERR_TLS || err->code == ERR_PROTOCOL))
        err->code = ERR_REFUSED; /* certificates are renewed: the mail must wait */
    return -1;
}

static int send_message(const struct send *s, struct buf *answer, struct err *err)
{
    struct buf body = BUF_INIT(4 << 20);
    int rc = render(s, &body, err);
    if (rc == 0)
        rc = deliver(s, &body, answer, err);
    buf_done(&body);
    return rc;
}

static void validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct email_config *c = config;
    message_validate(&c->message, a, p, path);
    if (mail_address(a, c->from) == NULL)
        problem_add(p, NULL, "from", "got \"%.80s\"; want an address like belfry@example.com",
                    c->from);
    for (size_t i = 0; i < c->to.n; i++)
        if (mail_address(a, c->to.at[i]) == NULL)
            problem_add(p, NULL, arena_printf(a, "to[%zu]", i),
                        "got \"%.80s\"; want an address like ops@example.com", c->to.at[i]);
    bool user = c->username != NULL && c->username[0] != '\0';
    if (user && (c->password == NULL || c->password[0] == '\0'))
        problem_add(p, NULL, "password", "a user name without a password");
}

const struct channel_ops channel_email = {
    .type = "email",
    .title = {"Mail", "邮件"},
    .help = {"Sends mail through a mail server (SMTP).", "通过 SMTP 服务器发送邮件。"},
    .options = options,
    .config_size = sizeof(struct email_config),
    .rate_per_minute = 60,
    .burst = 10,
    .max_bytes = TEXT_BYTES,
    .validate = validate,
    .render = render,
    .send = send_message,
};

static void write_letter(const struct email_config *c, const struct letter *l, struct buf *out)
{
    struct mail m = {
        .from = c->from,
        .to = &c->to,
        .subject = l->subject,
        .text = l->text,
        .html = l->html,
        .wall_ms = l->wall_ms,
        .delivery_id = l->number,
        .leave_url = l->leave_url,
    };
    mail_build(&m, out);
}

int letter_send(const struct notify_env *env, const struct channel *ch, const struct letter *l,
                struct arena *a, struct err *err)
{
    struct problems p;
    const char *to[] = {l->to};
    if (strcmp(ch->type, channel_email.type) != 0 || mail_address(a, l->to) == NULL)
        return err_set(err, ERR_INVALID, "cannot mail to %.80s by the channel %.80s of type %s",
                       l->to, ch->name, ch->type);
    problems_init(&p, a);
    struct email_config *c = channel_bind(&channel_email, ch, a, &p);
    problems_done(&p);
    if (c == NULL)
        return err_set(err, ERR_INVALID, "the settings of the channel %.80s are invalid", ch->name);
    c->to = (struct str_list){to, 1};
    struct send s = {
        .env = env, .channel = ch, .config = c, .arena = a, .deadline_ns = l->deadline_ns};
    struct buf body = BUF_INIT(4 << 20), answer = BUF_INIT(4096);
    write_letter(c, l, &body);
    int rc = body.failed ? err_set(err, ERR_TOO_LARGE, "the mail is over %zu bytes", body.max)
                         : deliver(&s, &body, &answer, err);
    buf_done(&body);
    buf_done(&answer);
    return rc;
}
