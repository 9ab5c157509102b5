/* http_parser: a response in pieces gives the same as in one, within its limits. The first byte is the
 * size of the pieces, its top bit says HEAD. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/http_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_HEADER 300

struct seen {
    struct buf headers, body;
};

static int on_header(void *arg, const char *line, size_t n, struct err *err)
{
    struct seen *s = arg;
    if (line == NULL) {
        buf_clear(&s->headers);
        return 0;
    }
    must(n <= MAX_HEADER && memchr(line, '\n', n) == NULL);
    buf_add(&s->headers, line, n);
    buf_putc(&s->headers, '\n');
    return 0;
}

static int on_body(void *arg, const char *p, size_t n, struct err *err)
{
    struct seen *s = arg;
    must(n > 0);
    buf_add(&s->body, p, n);
    return 1;
}

static int feed(const uint8_t *data, size_t size, size_t step, bool head, struct seen *s,
                int *status)
{
    struct http_parser p;
    struct err err = {0};
    int rc = 1;
    buf_init(&s->headers, 1 << 20);
    buf_init(&s->body, 1 << 20);
    http_parser_init(&p, head, MAX_HEADER);
    p.on_header = on_header;
    p.on_body = on_body;
    p.arg = s;
    for (size_t at = 0; at < size && rc == 1; at += step) {
        size_t n = size - at < step ? size - at : step;
        char *copy = malloc(n); /* exactly: the sanitizer sees a read beyond */
        must(copy != NULL);
        memcpy(copy, data + at, n);
        rc = http_parser_feed(&p, copy, n, &err);
        free(copy);
    }
    rc = rc == 1 ? http_parser_eof(&p, &err) : rc;
    must((rc == 0) == (p.state == HTTP_DONE) && (rc == 0) == (err.code == ERR_OK));
    must(rc != 0 || (p.status >= 100 && p.status <= 999));
    must(p.header_bytes <= MAX_HEADER && p.line.len <= MAX_HEADER + 2);
    *status = p.status;
    http_parser_done(&p);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct seen whole, parts;
    int a = 0, b = 0;
    bool head = data[0] & 0x80;
    size_t step = (data[0] & 0x7f) + 1;
    int rc = feed(data + 1, size - 1, size, head, &whole, &a);
    must(feed(data + 1, size - 1, step, head, &parts, &b) == rc);
    if (rc == 0) {
        must(a == b && whole.body.len == parts.body.len && whole.headers.len == parts.headers.len);
        must(whole.body.len == 0 || memcmp(whole.body.data, parts.body.data, whole.body.len) == 0);
    }
    buf_done(&whole.headers);
    buf_done(&whole.body);
    buf_done(&parts.headers);
    buf_done(&parts.body);
    return 0;
}
