/* imap: does a mailbox server greet, secure the line, let us in, and how full is a mailbox?
 *
 *   the dialogue of mail.h, then [STATUS mailbox]
 *
 * RFC 3501 (STARTTLS, LOGIN, AUTHENTICATE PLAIN, STATUS). Runs in watchers. */
#include <stdio.h>

#include "probe/mail.h"
#include "probe/probers.h"

static const struct option imap_options[] = {
    MAIL_OPTIONS("143"),
    {"mailbox", OPT_STRING, offsetof(struct mail_config, mailbox), .max = 255, .example = "INBOX",
     .help = {"Look after the login how many messages this mailbox has.",
              "登录后查看此邮箱中的邮件数量。"}},
    OPTION_END,
};

static struct node *imap_from_url(const char *text, struct arena *a, struct err *err)
{
    return service_url(text, "imaps", 993, a, err);
}

static void imap_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct mail_config *c = config;
    mail_validate(config, a, p, path);
    if (c->mailbox && !c->service.username)
        problem_add(p, NULL, path, "got a mailbox without a username; want both");
}

/* "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN" */
static void read_capabilities(struct mail *m, struct str line, bool first)
{
    static const struct str head = STR("* CAPABILITY ");
    struct str word;
    (void)first;
    if (line.n < head.n || strncasecmp(line.p, head.p, head.n) != 0)
        return;
    line = (struct str){line.p + head.n, line.n - head.n};
    while (str_next(&line, ' ', &word))
        mail_add_capability(m, word);
}

/* A quoted string: backslash before backslash and quote. */
static const char *quoted(struct mail *m, const char *text)
{
    struct buf out = BUF_INIT(4096);
    must(text != NULL);
    buf_putc(&out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_putc(&out, '\\');
        buf_putc(&out, *text);
    }
    buf_putc(&out, '"');
    const char *copy = arena_strndup(m->p->arena, out.data, out.len);
    buf_done(&out);
    return copy;
}

static int login(struct mail *m, struct err *err)
{
    const struct service *s = &m->c->service;
    must(s->username && s->password);
    if (mail_has(m, "AUTH=PLAIN"))
        return mail_auth_plain(m, "AUTHENTICATE PLAIN", err);
    if (mail_has(m, "LOGINDISABLED"))
        return err_set(err, ERR_INVALID, "%s takes no login on this line%s", s->host,
                       m->c->starttls || s->use_tls ? ""
                                                    : "; most do only with TLS: want starttls");
    return dialogue_ask(&m->d, arena_printf(m->p->arena, "the login of %s", s->username), err,
                        "LOGIN %s %s", quoted(m, s->username), quoted(m, s->password));
}

/* The number behind a word of "* STATUS INBOX (MESSAGES 3 UNSEEN 1)", or -1. */
static double number_after(const char *answer, const char *word)
{
    const char *line = strstr(answer, "* STATUS"), *end = line ? strchr(line, '\n') : NULL;
    const char *list = end ? memrchr(line, '(', (size_t)(end - line)) : NULL;
    const char *at = list ? strstr(list, word) : NULL;
    double n;
    return at && at < end && sscanf(at + strlen(word), " %lf", &n) == 1 ? n : -1;
}

static int look(struct mail *m, struct err *err)
{
    if (!m->c->mailbox)
        return 0;
    if (dialogue_ask(&m->d, arena_printf(m->p->arena, "the mailbox %s", m->c->mailbox), err,
                     "STATUS %s (MESSAGES UNSEEN)", quoted(m, m->c->mailbox)) != 0)
        return -1;
    double messages = number_after(m->d.answer.data, "MESSAGES"),
           unseen = number_after(m->d.answer.data, "UNSEEN");
    if (!(messages >= 0 && unseen >= 0))
        return err_set(err, ERR_PROTOCOL, "no numbers in the answer about the mailbox %s",
                       m->c->mailbox);
    result_metric(m->r, "imap_mailbox_messages", messages);
    result_metric(m->r, "imap_mailbox_unseen", unseen);
    result_ok(m->r, "IMAP, %s: %.0f messages, %.0f unseen", m->c->mailbox, messages, unseen);
    return 0;
}

static void imap_run(struct probe *p, struct result *r)
{
    static const struct mail_protocol protocol = {
        .name = "IMAP",
        .up = "imap_up",
        .capabilities = "CAPABILITY",
        .starttls = "STARTTLS",
        .goodbye = "LOGOUT",
        .tagged = true,
        .judge = dialogue_imap,
        .read_capabilities = read_capabilities,
        .login = login,
        .after = look,
    };
    mail_run(p, r, &protocol);
}

static const char *const imap_schemes[] = {"imap", "imaps", NULL};

const struct prober_ops imap_prober = {
    .type = "imap",
    .kind = PROBER_MAIL,
    .title = {"IMAP", "IMAP"},
    .help = {"Greets a mailbox server, with TLS and a login if wanted, and counts a mailbox's "
             "messages.",
             "与 IMAP 服务器对话，可选 TLS 与登录，并统计邮箱中的邮件数。"},
    .schemes = imap_schemes,
    .options = imap_options,
    .config_size = sizeof(struct mail_config),
    .default_port = 143,
    .from_url = imap_from_url,
    .validate = imap_validate,
    .describe = mail_describe,
    .run = imap_run,
};
