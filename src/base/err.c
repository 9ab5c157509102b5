/* The error value (err.h). Used by every folder; no state, never allocates.
 *
 * Messages are formatted into a local first, since their arguments may point into *err. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct code {
    const char *name;
    int http;
    bool retry;
} codes[] = {
#define X(name, http, retry) [ERR_##name] = {#name, http, retry},
    ERR_CODES(X)
#undef X
};

/* Ends what snprintf(text, size) wrote at a whole character, when it had to cut. */
static void trim_cut(char *text, size_t size, int wanted)
{
    must(wanted >= 0);
    if ((size_t)wanted >= size)
        text[utf8_whole(text, size - 1)] = '\0';
}

static void append(char *text, size_t size, const char *more)
{
    size_t n = strlen(text);
    must(n < size);
    trim_cut(text + n, size - n, snprintf(text + n, size - n, "%s", more));
}

int err_set_at(struct err *err, enum err_code code, int sys_errno, const char *file, int line,
               const char *fmt, ...)
{
    must(code != ERR_OK && (size_t)code < array_len(codes));
    if (!err)
        return -1;
    char msg[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    trim_cut(msg, sizeof(msg), vsnprintf(msg, sizeof(msg), fmt, ap));
    va_end(ap);
    if (sys_errno != 0) {
        char text[128];
        append(msg, sizeof(msg), ": ");
        append(msg, sizeof(msg), strerror_r(sys_errno, text, sizeof(text)));
    }
    err_clear(err);
    err->code = code;
    err->sys_errno = sys_errno;
    err->file = file;
    err->line = line;
    memcpy(err->msg, msg, strlen(msg) + 1);
    return -1;
}

int err_prefix_at(struct err *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    must(err->code != ERR_OK);
    char msg[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    trim_cut(msg, sizeof(msg), vsnprintf(msg, sizeof(msg), fmt, ap));
    va_end(ap);
    append(msg, sizeof(msg), ": ");
    append(msg, sizeof(msg), err->msg);
    memcpy(err->msg, msg, strlen(msg) + 1);
    return -1;
}

int err_where_at(struct err *err, const char *where, int line, int column)
{
    must(line >= 0 && column >= 0);
    if (!err)
        return -1;
    char copy[sizeof(err->where)];
    trim_cut(copy, sizeof(copy), snprintf(copy, sizeof(copy), "%s", where ? where : ""));
    memcpy(err->where, copy, strlen(copy) + 1);
    err->at_line = line;
    err->at_column = column;
    return -1;
}

void err_clear(struct err *err)
{
    if (!err)
        return;
    err->code = ERR_OK;
    err->sys_errno = 0;
    err->file = NULL;
    err->line = 0;
    err->msg[0] = '\0';
    err->where[0] = '\0';
    err->at_line = 0;
    err->at_column = 0;
    err->at_offset = 0;
}

const char *err_text(const struct err *err, char *buf, size_t size)
{
    must(size > 0);
    char place[64] = "";
    if (err->at_line > 0 && err->at_column > 0)
        snprintf(place, sizeof(place), "%d:%d", err->at_line, err->at_column);
    else if (err->at_line > 0)
        snprintf(place, sizeof(place), "%d", err->at_line);
    int n = snprintf(buf, size, "%s%s%s%s%s", err->where, err->where[0] && place[0] ? ":" : "",
                     place, err->where[0] || place[0] ? ": " : "", err->msg);
    trim_cut(buf, size, n);
    return buf;
}

const char *err_code_name(enum err_code code)
{
    must((size_t)code < array_len(codes));
    return codes[code].name;
}

int err_code_http(enum err_code code)
{
    must((size_t)code < array_len(codes));
    return codes[code].http;
}

bool err_code_retry(enum err_code code)
{
    must((size_t)code < array_len(codes));
    return codes[code].retry;
}
