/* See dialogue.h. Runs in watchers, over bytes that anybody may have sent. */
#include "probe/dialogue.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define COMMAND_MAX 4096
#define SHOWN       200 /* bytes of a line in messages */

void dialogue_init(struct dialogue *d, struct stream *s, int64_t deadline_ns)
{
    must(s != NULL);
    *d = (struct dialogue){.s = s, .deadline_ns = deadline_ns};
    d->answer = BUF_INIT(DIALOGUE_ANSWER_MAX);
}

void dialogue_done(struct dialogue *d)
{
    buf_done(&d->answer);
}

struct str dialogue_last(const struct dialogue *d)
{
    must(d->last <= d->answer.len);
    size_t n = d->answer.len - d->last;
    struct str line = {d->answer.data ? d->answer.data + d->last : "", n};
    if (n && line.p[n - 1] == '\n')
        line.n--;
    return line;
}

static int told(const struct dialogue *d, enum dialogue_verdict v, struct str line,
                const char *what, struct err *err)
{
    char name[ADDR_TEXT];
    int shown = (int)(line.n < SHOWN ? line.n : SHOWN);
    must(v != DIALOGUE_MORE && what != NULL);
    addr_text(stream_peer(d->s), name);
    if (v == DIALOGUE_GOOD)
        return 0;
    if (v == DIALOGUE_REFUSED)
        return err_set(err, ERR_REFUSED, "%s refused %s: \"%.*s\"", name, what, shown, line.p);
    return err_set(err, ERR_PROTOCOL, "%s does not speak %s: got \"%.*s\" for %s", name,
                   d->protocol, shown, line.p, what);
}

int dialogue_hear(struct dialogue *d, const char *what, struct err *err)
{
    struct buf line = BUF_INIT(DIALOGUE_LINE_MAX);
    enum dialogue_verdict v = DIALOGUE_MORE;
    int rc = 0;
    must(d->judge != NULL && d->protocol != NULL);
    buf_clear(&d->answer);
    while (v == DIALOGUE_MORE && rc == 0) {
        buf_clear(&line);
        rc = stream_read_line(d->s, &line, d->deadline_ns, err);
        if (rc != 0) {
            err_prefix(err, "%s", what);
            break;
        }
        struct str got = {line.data ? line.data : "", line.len};
        v = d->judge(d, got);
        d->last = d->answer.len;
        buf_add(&d->answer, got.p, got.n);
        buf_putc(&d->answer, '\n');
        if (d->answer.failed)
            rc = err_set(err, ERR_TOO_LARGE, "the answer to %s has more than %d bytes", what,
                         DIALOGUE_ANSWER_MAX);
        else if (v != DIALOGUE_MORE)
            rc = told(d, v, got, what, err);
    }
    buf_done(&line);
    return rc;
}

static int send_line(struct dialogue *d, const char *what, const char *line, struct err *err)
{
    size_t n = strlen(line);
    must(n >= 2);
    if (strcspn(line, "\r\n") != n - 2)
        return err_set(err, ERR_INVALID, "%s: got a line break or too long a text; want one line",
                       what);
    return stream_write(d->s, line, n, d->deadline_ns, err);
}

int dialogue_go_on(struct dialogue *d, const char *what, struct err *err, const char *text)
{
    char line[COMMAND_MAX];
    must(d->asked > 0);
    snprintf(line, sizeof(line) - 2, "%s", text);
    memcpy(line + strlen(line), "\r\n", 3);
    return send_line(d, what, line, err) == 0 ? dialogue_hear(d, what, err) : -1;
}

int dialogue_ask(struct dialogue *d, const char *what, struct err *err, const char *fmt, ...)
{
    char command[COMMAND_MAX - 16], line[COMMAND_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(command))
        return err_set(err, ERR_TOO_LARGE, "%s: the command has %d bytes; want less than %zu", what,
                       n, sizeof(command));
    d->asked++;
    if (d->tagged)
        snprintf(line, sizeof(line), "a%d %s\r\n", d->asked, command);
    else
        snprintf(line, sizeof(line), "%s\r\n", command);
    return send_line(d, what, line, err) == 0 ? dialogue_hear(d, what, err) : -1;
}

/* --- judges --- */

static bool has_code(struct str line)
{
    return line.n >= 3 && line.p[0] >= '1' && line.p[0] <= '5' &&
           isdigit((unsigned char)line.p[1]) && isdigit((unsigned char)line.p[2]) &&
           (line.n == 3 || line.p[3] == ' ' || line.p[3] == '-');
}

/* RFC 959 lets the lines between the first ("230-") and the last ("230 ") be anything. */
enum dialogue_verdict dialogue_digits(const struct dialogue *d, struct str line)
{
    bool first = d->answer.len == 0;
    if (!has_code(line))
        return first ? DIALOGUE_STRANGE : DIALOGUE_MORE;
    if (!first && strncmp(line.p, d->answer.data, 3) != 0)
        return DIALOGUE_MORE;
    if (line.n > 3 && line.p[3] == '-')
        return DIALOGUE_MORE;
    return line.p[0] <= '3' ? DIALOGUE_GOOD : DIALOGUE_REFUSED;
}

static bool starts_with(struct str line, const char *word)
{
    size_t n = strlen(word);
    return line.n >= n && strncasecmp(line.p, word, n) == 0;
}

enum dialogue_verdict dialogue_imap(const struct dialogue *d, struct str line)
{
    char tag[16];
    int n = snprintf(tag, sizeof(tag), "a%d ", d->asked);
    must(n > 0 && (size_t)n < sizeof(tag));
    if (d->asked == 0)
        return starts_with(line, "* OK") || starts_with(line, "* PREAUTH") ? DIALOGUE_GOOD
               : starts_with(line, "* BYE")                                ? DIALOGUE_REFUSED
                                                                           : DIALOGUE_STRANGE;
    if (starts_with(line, "+"))
        return DIALOGUE_GOOD;
    if (starts_with(line, "* "))
        return DIALOGUE_MORE;
    if (!starts_with(line, tag))
        return DIALOGUE_STRANGE;
    struct str rest = {line.p + n, line.n - (size_t)n};
    return starts_with(rest, "OK") ? DIALOGUE_GOOD : DIALOGUE_REFUSED;
}

enum dialogue_verdict dialogue_pop3(const struct dialogue *d, struct str line)
{
    if (d->answer.len > 0)
        return str_eqz(line, ".") ? DIALOGUE_GOOD : DIALOGUE_MORE;
    if (starts_with(line, "+OK"))
        return d->listing ? DIALOGUE_MORE : DIALOGUE_GOOD;
    if (starts_with(line, "-ERR"))
        return DIALOGUE_REFUSED;
    return starts_with(line, "+") ? DIALOGUE_GOOD : DIALOGUE_STRANGE;
}

/* --- capabilities --- */

static bool same_word(struct str a, struct str b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static bool has_word(struct str words, struct str wanted)
{
    struct str word;
    while (str_next(&words, ' ', &word))
        if (same_word(word, wanted))
            return true;
    return false;
}

bool dialogue_capability(struct str has, struct str wanted)
{
    struct str first, want, rest = str_trim(wanted), others = str_trim(has);
    must(has.p != NULL && wanted.p != NULL);
    if (!str_next(&rest, ' ', &want) || !str_next(&others, ' ', &first) || !same_word(first, want))
        return false;
    while (str_next(&rest, ' ', &want))
        if (want.n && !has_word(others, want))
            return false;
    return true;
}

int dialogue_passive_port(struct str line)
{
    char text[256];
    int high, low, port = 0;
    snprintf(text, sizeof(text), "%.*s", (int)(line.n < 255 ? line.n : 255), line.p);
    const char *bracket = strchr(text, '(');
    if (!bracket)
        return 0;
    if (strncmp(text, "229", 3) == 0 && sscanf(bracket, "(|||%5d|", &port) != 1)
        return 0;
    if (strncmp(text, "227", 3) == 0 &&
        sscanf(bracket, "(%*3d,%*3d,%*3d,%*3d,%3d,%3d", &high, &low) == 2 && high >= 0 &&
        high <= 255 && low >= 0 && low <= 255)
        port = high << 8 | low;
    return port > 0 && port <= 65535 ? port : 0;
}
