/* SMTP dialogue (smtp.h). States in order, all on one fiber:
 *
 *   connect [TLS] → 220 → EHLO 250 [→ STARTTLS 220, TLS, EHLO 250] [→ AUTH 235] → MAIL 250 → RCPT 250… → DATA 354 → body . 250
 *   → QUIT */
#include "notify/smtp.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/must.h"
#include "io/stream.h"

#define LINE_MAX_BYTES 4096
#define LINES_MAX      100

struct smtp {
    const struct smtp_letter *l;
    struct stream *stream;
    bool starttls, plain, login; /* what the server announced */
    struct buf line;             /* last line of the last reply */
};

int smtp_reply_line(struct str line, bool *last)
{
    if (line.n < 3)
        return -1;
    int code = 0;
    for (size_t i = 0; i < 3; i++) {
        if (!isdigit((unsigned char)line.p[i]))
            return -1;
        code = code * 10 + (line.p[i] - '0');
    }
    if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
        return -1;
    *last = line.n == 3 || line.p[3] == ' ';
    return code >= 200 && code <= 599 ? code : -1;
}

static void note_capability(struct smtp *c, struct str line)
{
    char text[256];
    snprintf(text, sizeof(text), "%.*s", (int)(line.n < 255 ? line.n : 255), line.p);
    if (strncasecmp(text + 4, "STARTTLS", 8) == 0)
        c->starttls = true;
    if (strncasecmp(text + 4, "AUTH", 4) != 0)
        return;
    c->plain |= strcasestr(text, "PLAIN") != NULL;
    c->login |= strcasestr(text, "LOGIN") != NULL;
}

/* Reads one reply of up to LINES_MAX lines; its code or -1. */
static int read_reply(struct smtp *c, struct err *err)
{
    for (int i = 0; i < LINES_MAX; i++) {
        buf_clear(&c->line);
        if (stream_read_line(c->stream, &c->line, c->l->deadline_ns, err) != 0)
            return -1;
        struct str line = {c->line.data != NULL ? c->line.data : "", c->line.len};
        bool last;
        int code = smtp_reply_line(line, &last);
        if (code < 0)
            return err_set(err, ERR_BUSY, "%s answered something that is not SMTP: %.*s",
                           c->l->host, (int)utf8_cut(line.p, line.n, 100), line.p);
        if (line.n > 4)
            note_capability(c, line);
        if (last)
            return code;
    }
    return err_set(err, ERR_BUSY, "%s answers without end", c->l->host);
}

/* What a refusal means for the operator. */
static int refused(struct smtp *c, const char *what, int code, struct err *err)
{
    must(code >= 200 && code <= 599);
    const char *hint = "";
    if (code == 535 || code == 534)
        hint =
            "; check `username` and `password` (some providers want a password for applications)";
    else if (code == 530)
        hint = "; it wants authentication or TLS: set `username`, `password`, `security`";
    else if (code == 550 || code == 553 || code == 554)
        hint = "; check `from` and `to`, and whether this account may send as `from`";
    else if (code == 552)
        hint = "; the mailbox is full or the mail too large";
    return err_set(err, code >= 500 ? ERR_DENIED : ERR_BUSY, "%s refused %s: %.*s%s", c->l->host,
                   what, (int)utf8_cut(c->line.data, c->line.len, 160), c->line.data, hint);
}

static int expect(struct smtp *c, const char *what, int want, struct err *err)
{
    int code = read_reply(c, err);
    if (code < 0)
        return -1;
    return code / 10 == want / 10 ? 0 : refused(c, what, code, err);
}

static int say(struct smtp *c, const char *verb, const char *rest, struct err *err)
{
    struct buf b = BUF_INIT(LINE_MAX_BYTES);
    buf_printf(&b, "%s%s\r\n", verb, rest);
    int rc = b.failed ? err_set(err, ERR_TOO_LARGE, "a name or password is too long")
                      : stream_write(c->stream, b.data, b.len, c->l->deadline_ns, err);
    buf_done(&b);
    return rc;
}

static int hello(struct smtp *c, struct err *err)
{
    char host[256] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof(host), "localhost");
    c->starttls = c->plain = c->login = false;
    if (say(c, "EHLO ", host, err) != 0)
        return -1;
    return expect(c, "the greeting", 250, err);
}

static int start_tls(struct smtp *c, struct err *err)
{
    const struct smtp_letter *l = c->l;
    must(c->stream != NULL && l->security != SMTP_NONE);
    struct tls_options tls = {.verify = l->verify, .ca_file = l->ca_file, .server_name = l->host};
    return stream_start_tls(c->stream, &tls, l->deadline_ns, err);
}

static int secure(struct smtp *c, struct err *err)
{
    if (c->l->security != SMTP_STARTTLS)
        return 0;
    if (!c->starttls)
        return err_set(err, ERR_DENIED,
                       "%s offers no STARTTLS: set `security` to tls (port 465) or none",
                       c->l->host);
    if (say(c, "STARTTLS", "", err) != 0 || expect(c, "STARTTLS", 220, err) != 0)
        return -1;
    return start_tls(c, err) == 0 ? hello(c, err) : -1;
}

static int say_base64(struct smtp *c, const char *verb, const char *p, size_t n, struct err *err)
{
    struct buf b = BUF_INIT(LINE_MAX_BYTES);
    base64_encode(&b, p, n);
    int rc = say(c, verb, b.data != NULL ? b.data : "", err);
    buf_done(&b);
    return rc;
}

static int auth_plain(struct smtp *c, struct err *err)
{
    struct buf b = BUF_INIT(LINE_MAX_BYTES);
    buf_putc(&b, '\0');
    buf_puts(&b, c->l->username);
    buf_putc(&b, '\0');
    buf_puts(&b, c->l->password);
    int rc = say_base64(c, "AUTH PLAIN ", b.data, b.len, err);
    buf_done(&b);
    return rc == 0 ? expect(c, "user name and password", 235, err) : -1;
}

static int auth_login(struct smtp *c, struct err *err)
{
    const char *user = c->l->username, *pass = c->l->password;
    if (say(c, "AUTH LOGIN", "", err) != 0 || expect(c, "AUTH LOGIN", 334, err) != 0 ||
        say_base64(c, "", user, strlen(user), err) != 0 ||
        expect(c, "the user name", 334, err) != 0)
        return -1;
    return say_base64(c, "", pass, strlen(pass), err) == 0
               ? expect(c, "user name and password", 235, err)
               : -1;
}

static int authenticate(struct smtp *c, struct err *err)
{
    if (c->l->username == NULL || c->l->username[0] == '\0')
        return 0;
    must(c->l->password != NULL);
    if (c->plain)
        return auth_plain(c, err);
    if (c->login)
        return auth_login(c, err);
    return err_set(err, ERR_DENIED,
                   "%s offers no way to log in that Belfry knows (PLAIN, LOGIN): leave `username` "
                   "empty or change `security`",
                   c->l->host);
}

/* One refused recipient does not keep the others from it. */
static int name_recipients(struct smtp *c, struct buf *answer, struct err *err)
{
    char text[300];
    size_t taken = 0;
    for (size_t i = 0; i < c->l->n_to; i++) {
        snprintf(text, sizeof(text), "<%s>", c->l->to[i]);
        if (say(c, "RCPT TO:", text, err) != 0)
            return -1;
        int code = read_reply(c, err);
        if (code < 0)
            return -1;
        taken += code / 10 == 25;
        if (code / 10 != 25) {
            refused(c, text, code, err);
            buf_printf(answer, "%s refused: %.*s; ", text,
                       (int)utf8_cut(c->line.data, c->line.len, 100), c->line.data);
        }
    }
    return taken > 0 ? 0 : -1;
}

/* The body with a dot doubled at each line start, ended by a line with a dot. */
static int write_body(struct smtp *c, struct err *err)
{
    struct buf b = BUF_INIT(8 << 20);
    struct str rest = c->l->body, line;
    while (str_next(&rest, '\n', &line)) {
        if (line.n > 0 && line.p[0] == '.')
            buf_putc(&b, '.');
        buf_add(&b, line.p, line.n);
        if (line.n == 0 || line.p[line.n - 1] != '\r')
            buf_putc(&b, '\r');
        buf_putc(&b, '\n');
    }
    buf_puts(&b, ".\r\n");
    int rc = b.failed ? err_set(err, ERR_TOO_LARGE, "the mail is too large")
                      : stream_write(c->stream, b.data, b.len, c->l->deadline_ns, err);
    buf_done(&b);
    return rc;
}

static int converse(struct smtp *c, struct buf *answer, struct err *err)
{
    char from[300];
    if (c->l->security == SMTP_TLS && start_tls(c, err) != 0)
        return -1;
    if (expect(c, "the connection", 220, err) != 0 || hello(c, err) != 0 || secure(c, err) != 0 ||
        authenticate(c, err) != 0)
        return -1;
    snprintf(from, sizeof(from), "<%s>", c->l->from);
    if (say(c, "MAIL FROM:", from, err) != 0 || expect(c, "the sender", 250, err) != 0 ||
        name_recipients(c, answer, err) != 0)
        return -1;
    if (say(c, "DATA", "", err) != 0 || expect(c, "the mail", 354, err) != 0 ||
        write_body(c, err) != 0 || expect(c, "the mail", 250, err) != 0)
        return -1;
    utf8_clean(answer, c->line.data, utf8_cut(c->line.data, c->line.len, 400));
    say(c, "QUIT", "", NULL); /* it is delivered, whatever comes now */
    return 0;
}

int smtp_send(const struct notify_env *env, const struct smtp_letter *l, struct buf *answer,
              struct err *err)
{
    must((size_t)l->security <= SMTP_NONE && l->from != NULL);
    static const uint16_t ports[] = {[SMTP_STARTTLS] = 587, [SMTP_TLS] = 465, [SMTP_NONE] = 25};
    uint16_t port = l->port != 0 ? l->port : ports[l->security];
    struct resolved to;
    struct addr used;
    must(l->n_to > 0);
    if (resolve(env->resolver, l->host, port, IP_ANY, l->deadline_ns, &to, err) != 0)
        return -1;
    struct smtp c = {.l = l, .line = BUF_INIT(LINE_MAX_BYTES)};
    c.stream = stream_connect_any(&to, l->deadline_ns, &used, err);
    if (c.stream == NULL)
        return -1;
    int rc = converse(&c, answer, err);
    stream_close(&c.stream);
    buf_done(&c.line);
    return rc;
}
