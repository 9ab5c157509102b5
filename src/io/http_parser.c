/* HTTP/1.x responses (the diagram is in the header). Untrusted bytes: every length is bounded, numbers
 * are checked, and nothing is read beyond what was handed in. */
#include "io/http_parser.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

#define CHUNK_LINE_MAX 256

void http_parser_init(struct http_parser *p, bool head, size_t max_header)
{
    memset(p, 0, sizeof(*p));
    p->head = head;
    p->max_header = max_header;
    p->content_length = -1;
    buf_init(&p->line, max_header + 2);
}

void http_parser_done(struct http_parser *p)
{
    buf_done(&p->line);
}

/* What a server that speaks something else said, fit for a message. */
static int not_http(struct str line, struct err *err)
{
    char text[48];
    size_t n = line.n < sizeof(text) - 1 ? line.n : sizeof(text) - 1;
    for (size_t i = 0; i < n; i++) {
        text[i] = line.p[i] >= ' ' && line.p[i] < 127 ? line.p[i] : '.';
    }
    text[n] = '\0';
    return err_set(err, ERR_PROTOCOL, "the answer is not HTTP: it begins with \"%s\"", text);
}

static int on_status(struct http_parser *p, struct str line, struct err *err)
{
    const char *s = line.p;
    if (line.n < 12 || memcmp(s, "HTTP/1.", 7) != 0 || (s[7] != '0' && s[7] != '1') ||
        s[8] != ' ') {
        return not_http(line, err);
    }
    int status = 0;
    for (int i = 9; i < 12; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return not_http(line, err);
        }
        status = status * 10 + (s[i] - '0');
    }
    if (status < 100 || (line.n > 12 && s[12] != ' ')) {
        return not_http(line, err);
    }
    p->version = s[7] == '1' ? 11 : 10;
    p->status = status;
    p->chunked = false;
    p->content_length = -1;
    p->state = HTTP_HEADER;
    return 1;
}

static bool name_is(struct str name, const char *want)
{
    return name.n == strlen(want) && strncasecmp(name.p, want, name.n) == 0;
}

static int on_content_length(struct http_parser *p, struct str v, struct err *err)
{
    struct str part;
    while (str_next(&v, ',', &part)) { /* "5, 5" is what a careless proxy makes of two equal ones */
        uint64_t n;
        part = str_trim(part);
        if (part.n == 0 || part.n > 18 || part.p[0] == '+' || str_to_u64(part, &n, NULL) != 0) {
            return err_set(err, ERR_PROTOCOL, "the answer has a bad Content-Length");
        }
        if (p->content_length >= 0 && p->content_length != (int64_t)n) {
            return err_set(err, ERR_PROTOCOL, "the answer has two different Content-Lengths");
        }
        p->content_length = (int64_t)n;
    }
    return 1;
}

static int on_header_line(struct http_parser *p, struct str line, struct err *err)
{
    struct str name, value;
    if (p->on_header != NULL && p->on_header(p->arg, line.p, line.n, err) != 0) {
        return -1;
    }
    if (!str_cut(line, ':', &name, &value)) {
        return 1; /* a continuation, or rubbish that browsers ignore too */
    }
    value = str_trim(value);
    if (name_is(name, "Content-Length")) {
        return on_content_length(p, value, err);
    }
    if (name_is(name, "Transfer-Encoding") && value.n >= 7) {
        p->chunked = strncasecmp(value.p + value.n - 7, "chunked", 7) == 0;
    }
    return 1;
}

static int on_headers_end(struct http_parser *p, struct err *err)
{
    if (p->status < 200 && p->status != 101) {
        p->state = HTTP_STATUS;
        return p->on_header != NULL && p->on_header(p->arg, NULL, 0, err) != 0 ? -1 : 1;
    }
    if (p->head || p->status == 204 || p->status == 304 || p->status == 101) {
        p->state = HTTP_DONE;
    } else if (p->chunked) {
        p->state = HTTP_CHUNK_SIZE;
    } else if (p->content_length >= 0) {
        p->left = (uint64_t)p->content_length;
        p->state = p->left > 0 ? HTTP_LENGTH : HTTP_DONE;
    } else {
        p->state = HTTP_UNTIL_CLOSE;
    }
    return p->state == HTTP_DONE ? 0 : 1;
}

static int on_chunk_size(struct http_parser *p, struct str line, struct err *err)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < line.n && i < 16; i++) {
        char c = line.p[i];
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;
        if (digit < 0) {
            break;
        }
        n = n << 4 | (uint64_t)digit;
    }
    if (i == 0 || i == 16 || (i < line.n && strchr("; \t", line.p[i]) == NULL)) {
        return err_set(err, ERR_PROTOCOL, "the answer has a bad chunk size");
    }
    p->left = n;
    p->state = n > 0 ? HTTP_CHUNK_DATA : HTTP_TRAILER;
    return 1;
}

static int on_line(struct http_parser *p, struct str line, struct err *err)
{
    if (line.n > 0 && line.p[line.n - 1] == '\r') {
        line.n--;
    }
    switch (p->state) {
    case HTTP_STATUS:
        return on_status(p, line, err);
    case HTTP_HEADER:
        return line.n > 0 ? on_header_line(p, line, err) : on_headers_end(p, err);
    case HTTP_CHUNK_SIZE:
        return on_chunk_size(p, line, err);
    case HTTP_CHUNK_END:
        if (line.n != 0) {
            return err_set(err, ERR_PROTOCOL, "the answer has a chunk without its end");
        }
        p->state = HTTP_CHUNK_SIZE;
        return 1;
    default:
        must(p->state == HTTP_TRAILER);
        p->state = line.n == 0 ? HTTP_DONE : HTTP_TRAILER;
        return line.n == 0 ? 0 : 1;
    }
}

/* Bytes that lines may take in this state; header lines together have one budget. */
static size_t line_room(const struct http_parser *p)
{
    if (p->state == HTTP_CHUNK_SIZE || p->state == HTTP_CHUNK_END) {
        return CHUNK_LINE_MAX;
    }
    return p->max_header - p->header_bytes;
}

static int feed_line(struct http_parser *p, const char **data, size_t *n, struct err *err)
{
    const char *nl = memchr(*data, '\n', *n);
    size_t take = nl != NULL ? (size_t)(nl - *data) : *n;
    bool budget = p->state != HTTP_CHUNK_SIZE && p->state != HTTP_CHUNK_END;
    if (p->line.len + take > line_room(p)) {
        if (p->state == HTTP_STATUS && p->header_bytes == 0) {
            return not_http(p->line.len ? (struct str){p->line.data, p->line.len}
                                        : (struct str){*data, take},
                            err);
        }
        return budget ? err_set(err, ERR_TOO_LARGE, "the response header is longer than %zu bytes",
                                p->max_header)
                      : err_set(err, ERR_PROTOCOL, "the answer has a bad chunk size");
    }
    struct str line = {*data, take};
    if (nl == NULL || p->line.len > 0) {
        buf_add(&p->line, *data, take);
        must(!p->line.failed);
        line = (struct str){p->line.data, p->line.len};
    }
    *data += take + (nl != NULL);
    *n -= take + (nl != NULL);
    if (nl == NULL) {
        /* Enough to see that it is not HTTP: another protocol may never send a line end. */
        bool other =
            p->state == HTTP_STATUS && memcmp(line.p, "HTTP/1.", line.n < 7 ? line.n : 7) != 0;
        return other ? not_http(line, err) : 1;
    }
    p->header_bytes += budget ? line.n + 1 : 0;
    p->header_bytes = p->header_bytes > p->max_header ? p->max_header : p->header_bytes;
    int rc = on_line(p, line, err);
    buf_clear(&p->line);
    return rc;
}

static int feed_body(struct http_parser *p, const char **data, size_t *n, struct err *err)
{
    size_t take = *n;
    if (p->state != HTTP_UNTIL_CLOSE && take > p->left) {
        take = (size_t)p->left;
    }
    int rc = p->on_body != NULL ? p->on_body(p->arg, *data, take, err) : 1;
    *data += take;
    *n -= take;
    if (rc != 1 || p->state == HTTP_UNTIL_CLOSE) {
        return rc;
    }
    p->left -= take;
    if (p->left > 0) {
        return 1;
    }
    p->state = p->state == HTTP_LENGTH ? HTTP_DONE : HTTP_CHUNK_END;
    return p->state == HTTP_DONE ? 0 : 1;
}

int http_parser_feed(struct http_parser *p, const char *data, size_t n, struct err *err)
{
    int rc = 1;
    while (n > 0 && rc == 1) {
        bool body =
            p->state == HTTP_LENGTH || p->state == HTTP_UNTIL_CLOSE || p->state == HTTP_CHUNK_DATA;
        rc = body ? feed_body(p, &data, &n, err) : feed_line(p, &data, &n, err);
    }
    return rc; /* bytes after the end are nobody's: the connection is closed */
}

int http_parser_eof(struct http_parser *p, struct err *err)
{
    switch (p->state) {
    case HTTP_UNTIL_CLOSE:
        p->state = HTTP_DONE;
        return 0;
    case HTTP_STATUS:
        if (p->line.len == 0 && p->header_bytes == 0) {
            return err_set(err, ERR_PROTOCOL, "the connection was closed without an answer");
        }
        return err_set(err, ERR_PROTOCOL, "the connection was closed in the status line");
    case HTTP_HEADER:
        return err_set(err, ERR_PROTOCOL, "the connection was closed in the response header");
    case HTTP_LENGTH:
        return err_set(err, ERR_PROTOCOL, "the connection was closed after %lld of %lld bytes",
                       (long long)(p->content_length - (int64_t)p->left),
                       (long long)p->content_length);
    default:
        return err_set(err, ERR_PROTOCOL, "the connection was closed before the last chunk");
    }
}
