/* STARTTLS dialogues as a table of lines; PostgreSQL and LDAP are binary and have a function each. */
#include "probe/starttls.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"

const char *const starttls_choices[] = {
#define X(name, text) text,
    STARTTLS_PROTOCOLS(X)
#undef X
        NULL,
};

#define TALK_MAX_BYTES 65536 /* of lines before the one waited for */

struct line_step {
    const char *send;   /* NULL: only wait */
    const char *expect; /* prefix of the line that ends the step */
};

static const struct line_step smtp_steps[] = {
    {NULL, "220 "}, {"EHLO belfry\r\n", "250 "}, {"STARTTLS\r\n", "220 "}, {0}};
static const struct line_step imap_steps[] = {{NULL, "* OK"}, {"a1 STARTTLS\r\n", "a1 OK"}, {0}};
static const struct line_step pop3_steps[] = {{NULL, "+OK"}, {"STLS\r\n", "+OK"}, {0}};
static const struct line_step ftp_steps[] = {{NULL, "220 "}, {"AUTH TLS\r\n", "234 "}, {0}};

static bool is_refusal(struct str line)
{
    return line.n >= 4 && (((line.p[0] == '4' || line.p[0] == '5') && line.p[3] == ' ') ||
                           str_starts(line, STR("-ERR")) || str_starts(line, STR("a1 NO")) ||
                           str_starts(line, STR("a1 BAD")) || str_starts(line, STR("* BYE")));
}

static int wait_line(struct stream *s, const char *prefix, int64_t deadline_ns, struct err *err)
{
    struct buf line = BUF_INIT(4096);
    size_t seen = 0;
    int rc;
    do {
        buf_clear(&line);
        if (seen > TALK_MAX_BYTES) {
            rc = err_set(err, ERR_TOO_LARGE, "no \"%s\" in the first %d bytes", prefix,
                         TALK_MAX_BYTES);
            break;
        }
        rc = stream_read_line(s, &line, deadline_ns, err);
        struct str got = {line.data ? line.data : "", line.len};
        if (rc == 0 && is_refusal(got))
            rc = err_set(err, ERR_PROTOCOL, "the service declined STARTTLS: \"%.100s\"", got.p);
        if (rc == 0 && str_starts(got, str_of(prefix)))
            break;
        seen += line.len + 1;
    } while (rc == 0);
    buf_done(&line);
    return rc;
}

static int talk(struct stream *s, const struct line_step *step, int64_t deadline_ns,
                struct err *err)
{
    must(s != NULL && step->expect != NULL);
    for (; step->expect; step++) {
        if (step->send && stream_write(s, step->send, strlen(step->send), deadline_ns, err) != 0)
            return -1;
        if (wait_line(s, step->expect, deadline_ns, err) != 0)
            return err_prefix(err, "STARTTLS");
    }
    return 0;
}

static int ask_postgres(struct stream *s, int64_t deadline_ns, struct err *err)
{
    static const uint8_t ssl_request[8] = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
    char answer;
    if (stream_write(s, ssl_request, sizeof(ssl_request), deadline_ns, err) != 0 ||
        stream_read_full(s, &answer, 1, deadline_ns, err) != 0)
        return -1;
    if (answer != 'S')
        return err_set(err, ERR_PROTOCOL, "PostgreSQL declined TLS (answered '%c')", answer);
    return 0;
}

/* ExtendedRequest 1.3.6.1.4.1.1466.20037 with message id 1; the answer's resultCode must be 0. */
static int ask_ldap(struct stream *s, int64_t deadline_ns, struct err *err)
{
    static const uint8_t request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                                     "1.3.6.1.4.1.1466.20037";
    uint8_t head[2], body[127];
    if (stream_write(s, request, sizeof(request) - 1, deadline_ns, err) != 0 ||
        stream_read_full(s, head, 2, deadline_ns, err) != 0)
        return -1;
    if (head[0] != 0x30 || head[1] > sizeof(body) || head[1] < 8)
        return err_set(err, ERR_PROTOCOL, "not an LDAP answer to StartTLS");
    if (stream_read_full(s, body, head[1], deadline_ns, err) != 0)
        return -1;
    if (body[3] != 0x78 || body[5] != 0x0a || body[7] != 0)
        return err_set(err, ERR_PROTOCOL, "LDAP declined StartTLS (result %u)", body[7]);
    return 0;
}

int starttls_ask(struct stream *s, enum starttls protocol, int64_t deadline_ns, struct err *err)
{
    switch (protocol) {
    case STARTTLS_NONE:
        return 0;
    case STARTTLS_SMTP:
        return talk(s, smtp_steps, deadline_ns, err);
    case STARTTLS_IMAP:
        return talk(s, imap_steps, deadline_ns, err);
    case STARTTLS_POP3:
        return talk(s, pop3_steps, deadline_ns, err);
    case STARTTLS_FTP:
        return talk(s, ftp_steps, deadline_ns, err);
    case STARTTLS_POSTGRES:
        return ask_postgres(s, deadline_ns, err);
    case STARTTLS_LDAP:
        return ask_ldap(s, deadline_ns, err);
    }
    must(false);
    return -1;
}
