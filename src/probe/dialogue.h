/* Dialogues of lines: a command goes out, lines come in until one says how it went. What SMTP, IMAP, POP3 and FTP share.
 *
 * An answer is at most DIALOGUE_ANSWER_MAX bytes; a service that never comes to its last line hits that limit or the
 * deadline. Errors name the address: REFUSED is what the service declined, in its own words. Runs in watchers. */
#ifndef PROBE_DIALOGUE_H
#define PROBE_DIALOGUE_H

#include "base/buf.h"
#include "base/str.h"
#include "io/stream.h"

#define DIALOGUE_ANSWER_MAX 65536
#define DIALOGUE_LINE_MAX   8192

enum dialogue_verdict {
    DIALOGUE_MORE,    /* the answer goes on */
    DIALOGUE_GOOD,    /* its last line: done, or the service waits for the rest of the command */
    DIALOGUE_REFUSED, /* its last line: no */
    DIALOGUE_STRANGE, /* not this protocol */
};

struct dialogue {
    struct stream *s;
    int64_t deadline_ns;
    /* What a line means; pure. d->answer has the lines of this answer before it. */
    enum dialogue_verdict (*judge)(const struct dialogue *d, struct str line);
    const char *protocol; /* "SMTP" */
    bool tagged;          /* commands are numbered: "a1 CAPABILITY" */
    bool listing;      /* a good first line is followed by more, up to a line with a dot (POP3) */
    int asked;         /* commands so far; 0: the greeting */
    struct buf answer; /* lines of the last answer, each with its '\n' */
    size_t last;       /* where in it the last line begins */
};

void dialogue_init(struct dialogue *d, struct stream *s, int64_t deadline_ns);
void dialogue_done(struct dialogue *d);
/* Waits for an answer. what: for errors, "the greeting", "EHLO". */
int dialogue_hear(struct dialogue *d, const char *what, struct err *err);
/* Sends a command, with its number and CRLF added, and waits for the answer. A line break inside is INVALID. */
int dialogue_ask(struct dialogue *d, const char *what, struct err *err, const char *fmt, ...)
    printf_like(4, 5);
/* The same for the rest of a command that the service waits for. */
int dialogue_go_on(struct dialogue *d, const char *what, struct err *err, const char *text);
/* The last line of the last answer. */
struct str dialogue_last(const struct dialogue *d);

/* Judges: SMTP and FTP (RFC 5321, 959: three digits and a hyphen or space), IMAP (RFC 3501), POP3 (RFC 1939). */
enum dialogue_verdict dialogue_digits(const struct dialogue *d, struct str line);
enum dialogue_verdict dialogue_imap(const struct dialogue *d, struct str line);
enum dialogue_verdict dialogue_pop3(const struct dialogue *d, struct str line);

/* Does a capability such as "AUTH PLAIN LOGIN" have what is wanted: its first word, and the others in any order?
 * Without regard to case. */
bool dialogue_capability(struct str has, struct str wanted);
/* The port in FTP's "227 … (127,0,0,1,200,13)" (RFC 959) or "229 … (|||51213|)" (RFC 2428); 0: there is none. */
int dialogue_passive_port(struct str line);

#endif
