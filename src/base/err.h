/* The error value: what went wrong, where in our source, and where in the user's text.
 *
 * A function that can fail returns int 0/-1 (or a pointer/NULL) and takes `struct err *err` as its
 * last parameter; its outputs stay untouched on failure. err may be NULL when the caller only needs
 * the fact. Setting an error never allocates. Message form: "cannot X: got Y; want Z".
 * Libraries return errors; roles, handlers and main log them (STYLE.md 21-24). */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/must.h"

/* X(name, HTTP status it maps to, worth retrying?) */
#define ERR_CODES(X)                                                                               \
    X(OK, 200, false)                                                                              \
    X(INVALID, 422, false)   /* understood, but a value is out of its bounds */                    \
    X(MALFORMED, 400, false) /* cannot be parsed */                                                \
    X(NOT_FOUND, 404, false)                                                                       \
    X(CONFLICT, 409, false) /* name taken, owned by the file, already running */                   \
    X(DENIED, 403, false)                                                                          \
    X(TOO_LARGE, 413, false)   /* a stated limit was passed */                                     \
    X(UNSUPPORTED, 501, false) /* not built in */                                                  \
    X(TIMEOUT, 504, true)      /* the deadline passed */                                           \
    X(CANCELLED, 499, false)   /* whoever asked has left */                                        \
    X(REFUSED, 502, true)      /* the other side refused or reset */                               \
    X(DNS, 502, true)          /* the name could not be resolved */                                \
    X(TLS, 502, false)         /* handshake or certificate */                                      \
    X(PROTOCOL, 502, false)    /* the other side answered something its protocol does not allow */ \
    X(IO, 500, true)           /* the system refused: see sys_errno */                             \
    X(FULL, 503, true)         /* disk, queue or quota is full */                                  \
    X(BUSY, 503, true)         /* locked or not ready yet */                                       \
    X(DAMAGED, 500, false)     /* data on disk fails its checks */                                 \
    X(INTERNAL, 500, false)

enum err_code {
#define X(name, http, retry) ERR_##name,
    ERR_CODES(X)
#undef X
};

struct err {
    enum err_code code;
    int sys_errno;    /* errno at that moment, 0 when none is involved */
    const char *file; /* place in our source */
    int line;
    char msg[400]; /* UTF-8, cut at a character boundary */
    /* Place in the user's text; all 0/empty when there is none. */
    char where[200];  /* file name, or the field's path: "config.port" */
    int at_line;      /* 1-based */
    int at_column;    /* 1-based, in characters */
    size_t at_offset; /* byte offset into a query or URL */
};

/* All of these return -1 so that `return err_set(...)` reads well. err may be NULL. */
#define err_set(err, code, ...) \
    err_failed(err_set_at((err), (code), 0, __FILE__, __LINE__, __VA_ARGS__))
/* As err_set, with errno recorded and ": strerror" appended. */
#define err_sys(err, code, ...) \
    err_failed(err_set_at((err), (code), errno, __FILE__, __LINE__, __VA_ARGS__))

/* Shows compilers and analyzers, which do not see into err.c, that the value is -1. */
static inline int err_failed(int always)
{
    (void)always;
    return -1;
}

int err_set_at(struct err *err, enum err_code code, int sys_errno, const char *file, int line,
               const char *fmt, ...) printf_like(6, 7);

/* Puts "text: " before the message, for a caller that knows more of the story. Returns -1. */
#define err_prefix(err, ...) err_failed(err_prefix_at((err), __VA_ARGS__))
int err_prefix_at(struct err *err, const char *fmt, ...) printf_like(2, 3);

/* Sets the place in the user's text. Returns -1. */
#define err_where(err, where, line, column) \
    err_failed(err_where_at((err), (where), (line), (column)))
int err_where_at(struct err *err, const char *where, int line, int column);

/* Makes *err "no error". */
void err_clear(struct err *err);

/* "file:line:column: message", the form shown to people. Returns buf. */
const char *err_text(const struct err *err, char *buf, size_t size);

const char *err_code_name(enum err_code code); /* "TIMEOUT" */
int err_code_http(enum err_code code);
bool err_code_retry(enum err_code code);

#endif
