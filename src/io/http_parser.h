/* HTTP/1.x responses, pushed in as they arrive (RFC 9112). Inside io/: http_plain.c and the fuzzer.
 *
 *   STATUS ─► HEADER ─┬─► LENGTH ──────────────────────────────┐
 *      ▲              ├─► UNTIL_CLOSE ───────────────(close)───┤
 *      └──(1xx)───────┼─► CHUNK_SIZE ─► CHUNK_DATA ─► CHUNK_END ├─► DONE
 *                     │       ▲  └──(size 0)─► TRAILER │       │
 *                     │       └────────────────────────┘       │
 *                     └─► (no body) ───────────────────────────┘
 */
#ifndef IO_HTTP_PARSER_H
#define IO_HTTP_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum http_parser_state {
    HTTP_STATUS,
    HTTP_HEADER,
    HTTP_LENGTH,
    HTTP_UNTIL_CLOSE,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_END,
    HTTP_TRAILER,
    HTTP_DONE,
};

struct http_parser {
    enum http_parser_state state;
    bool head; /* the request was HEAD: no body follows */
    int status;
    int version; /* 10 or 11 */
    bool chunked;
    int64_t content_length; /* -1: not said */
    uint64_t left;          /* of the body or the chunk */
    size_t max_header;      /* bytes of all header lines */
    size_t header_bytes;
    struct buf line; /* a line that has begun */
    /* 0 or -1 with *err. A NULL line: forget what was given (a 1xx answer ended). */
    int (*on_header)(void *arg, const char *line, size_t n, struct err *err);
    /* 1 go on, 0 enough, -1 with *err. */
    int (*on_body)(void *arg, const char *p, size_t n, struct err *err);
    void *arg;
};

void http_parser_init(struct http_parser *p, bool head, size_t max_header);
void http_parser_done(struct http_parser *p);
/* 1 wants more, 0 the response is complete (or on_body said enough), -1. */
int http_parser_feed(struct http_parser *p, const char *data, size_t n, struct err *err);
/* The connection ended. 0 when the response is complete by that, else -1 with what is missing. */
int http_parser_eof(struct http_parser *p, struct err *err);

#endif
