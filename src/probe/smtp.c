/* smtp: does a mail server greet, secure the line, let us in, and would it take a mail?
 *
 *   the dialogue of mail.h, then [MAIL FROM → RCPT TO → RSET]: no mail is sent
 *
 * RFC 5321, 3207 (STARTTLS), 4954 (AUTH). Runs in watchers. */
#include "probe/mail.h"
#include "probe/probers.h"

static const struct option smtp_options[] = {
    MAIL_OPTIONS("25"),
    {"sender", OPT_STRING, offsetof(struct mail_config, sender), .max = 255,
     .example = "belfry@example.com",
     .help = {"Ask whether a mail from this address would be taken; none is sent.",
              "询问服务器是否接受此发件人，不会真的发送邮件。"}},
    {"recipient", OPT_STRING, offsetof(struct mail_config, recipient), .max = 255,
     .example = "postmaster@example.com",
     .help = {"The same for this recipient.", "询问服务器是否接受此收件人。"}},
    OPTION_END,
};

static struct node *smtp_from_url(const char *text, struct arena *a, struct err *err)
{
    return service_url(text, "smtps", 465, a, err);
}

/* The first line is the server's name. */
static void read_capabilities(struct mail *m, struct str line, bool first)
{
    if (!first && line.n > 4)
        mail_add_capability(m, (struct str){line.p + 4, line.n - 4});
}

/* AUTH LOGIN, which old servers have as their only one: name and password are asked for one by one. */
static int auth_login(struct mail *m, struct err *err)
{
    const char *user = m->c->service.username, *password = m->c->service.password;
    const char *what = arena_printf(m->p->arena, "the login of %s", user);
    must(user != NULL && password != NULL);
    if (dialogue_ask(&m->d, what, err, "AUTH LOGIN") != 0 ||
        dialogue_go_on(&m->d, what, err, mail_base64(m, user, strlen(user))) != 0)
        return -1;
    return dialogue_go_on(&m->d, what, err, mail_base64(m, password, strlen(password)));
}

static int login(struct mail *m, struct err *err)
{
    must(m->c->service.username && m->c->service.password);
    if (mail_has(m, "AUTH PLAIN"))
        return mail_auth_plain(m, "AUTH PLAIN", err);
    if (mail_has(m, "AUTH LOGIN"))
        return auth_login(m, err);
    return err_set(err, ERR_INVALID, "%s offers neither AUTH PLAIN nor AUTH LOGIN%s",
                   m->c->service.host,
                   m->c->starttls || m->c->service.use_tls ? "" : "; some do only after starttls");
}

static int try_mail(struct mail *m, struct err *err)
{
    const struct mail_config *c = m->c;
    const char *sender = c->sender ? c->sender : "";
    if (!c->sender && !c->recipient)
        return 0;
    if (dialogue_ask(&m->d, arena_printf(m->p->arena, "the sender <%s>", sender), err,
                     "MAIL FROM:<%s>", sender) != 0)
        return -1;
    if (c->recipient &&
        dialogue_ask(&m->d, arena_printf(m->p->arena, "the recipient <%s>", c->recipient), err,
                     "RCPT TO:<%s>", c->recipient) != 0)
        return -1;
    return dialogue_ask(&m->d, "RSET", err, "RSET");
}

static void smtp_run(struct probe *p, struct result *r)
{
    static const struct mail_protocol protocol = {
        .name = "SMTP",
        .up = "smtp_up",
        .capabilities = "EHLO belfry",
        .starttls = "STARTTLS",
        .goodbye = "QUIT",
        .judge = dialogue_digits,
        .read_capabilities = read_capabilities,
        .login = login,
        .after = try_mail,
    };
    mail_run(p, r, &protocol);
}

static const char *const smtp_schemes[] = {"smtp", "smtps", NULL};

const struct prober_ops smtp_prober = {
    .type = "smtp",
    .kind = PROBER_MAIL,
    .title = {"SMTP", "SMTP"},
    .help = {"Greets a mail server, with TLS and a login if wanted, and may ask whether it would "
             "take a mail.",
             "与邮件服务器对话，可选 TLS 与登录，并可询问是否接受邮件。"},
    .schemes = smtp_schemes,
    .options = smtp_options,
    .config_size = sizeof(struct mail_config),
    .default_port = 25,
    .from_url = smtp_from_url,
    .validate = mail_validate,
    .describe = mail_describe,
    .run = smtp_run,
};
