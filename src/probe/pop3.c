/* pop3: does a mailbox server greet, secure the line, let us in, and how many messages wait?
 *
 *   the dialogue of mail.h, then, logged in, STAT
 *
 * RFC 1939, 2449 (CAPA), 2595 (STLS), 5034 (AUTH). Runs in watchers. */
#include <stdio.h>

#include "probe/mail.h"
#include "probe/probers.h"

static const struct option pop3_options[] = {
    MAIL_OPTIONS("110"),
    OPTION_END,
};

static struct node *pop3_from_url(const char *text, struct arena *a, struct err *err)
{
    return service_url(text, "pop3s", 995, a, err);
}

static void read_capabilities(struct mail *m, struct str line, bool first)
{
    if (!first && !str_eqz(line, "."))
        mail_add_capability(m, line);
}

static int login(struct mail *m, struct err *err)
{
    const struct service *s = &m->c->service;
    const char *what = arena_printf(m->p->arena, "the login of %s", s->username);
    must(s->username && s->password);
    if (mail_has(m, "SASL PLAIN"))
        return mail_auth_plain(m, "AUTH PLAIN", err);
    if (dialogue_ask(&m->d, what, err, "USER %s", s->username) != 0)
        return -1;
    return dialogue_ask(&m->d, what, err, "PASS %s", s->password);
}

static int count(struct mail *m, struct err *err)
{
    unsigned long long messages, bytes;
    if (!m->c->service.username)
        return 0;
    if (dialogue_ask(&m->d, "STAT", err, "STAT") != 0)
        return -1;
    if (sscanf(m->d.answer.data, "%*s %llu %llu", &messages, &bytes) != 2)
        return err_set(err, ERR_PROTOCOL, "no numbers in the answer to STAT");
    result_metric(m->r, "pop3_mailbox_messages", (double)messages);
    result_metric(m->r, "pop3_mailbox_bytes", (double)bytes);
    result_ok(m->r, "POP3, %llu messages", messages);
    return 0;
}

static void pop3_run(struct probe *p, struct result *r)
{
    static const struct mail_protocol protocol = {
        .name = "POP3",
        .up = "pop3_up",
        .capabilities = "CAPA",
        .starttls = "STLS",
        .goodbye = "QUIT",
        .listing = true,
        .judge = dialogue_pop3,
        .read_capabilities = read_capabilities,
        .login = login,
        .after = count,
    };
    mail_run(p, r, &protocol);
}

static const char *const pop3_schemes[] = {"pop3", "pop3s", NULL};

const struct prober_ops pop3_prober = {
    .type = "pop3",
    .kind = PROBER_MAIL,
    .title = {"POP3", "POP3"},
    .help = {"Greets a mailbox server, with TLS and a login if wanted, and counts the messages.",
             "与 POP3 服务器对话，可选 TLS 与登录，并统计邮件数。"},
    .schemes = pop3_schemes,
    .options = pop3_options,
    .config_size = sizeof(struct mail_config),
    .default_port = 110,
    .from_url = pop3_from_url,
    .validate = mail_validate,
    .describe = mail_describe,
    .run = pop3_run,
};
