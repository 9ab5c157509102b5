/* RESP2, what Redis speaks (redis.io/docs/reference/protocol-spec): a command written, a reply read. Pure functions; every
 * byte of a reply is foreign. Called by redis_talk.c in watchers, and by the fuzzer.
 *
 *   +text CRLF | -error CRLF | :number CRLF | $length CRLF bytes CRLF | *count CRLF replies
 *   $-1 and *-1 are the null reply.
 *   A command is an array of bulk strings: *2 CRLF $4 CRLF AUTH CRLF $6 CRLF geheim CRLF */
#ifndef PROBE_RESP_H
#define PROBE_RESP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define RESP_BYTES_MAX (1u << 20) /* of a whole reply */
#define RESP_ITEMS_MAX 4096       /* replies in a reply, at all depths */
#define RESP_DEPTH_MAX 8

enum resp_kind { RESP_TEXT, RESP_ERROR, RESP_NUMBER, RESP_BULK, RESP_ARRAY, RESP_NIL };

struct resp {
    enum resp_kind kind;
    struct str text; /* of TEXT, ERROR and BULK: borrowed from the bytes read; empty otherwise */
    int64_t num;     /* of NUMBER */
    struct resp *at; /* of ARRAY, in the arena */
    size_t n;
};

/* Bytes of the reply that p begins with; 0 when more are needed; -1 (PROTOCOL, TOO_LARGE). */
ssize_t resp_length(const char *p, size_t n, struct err *err);
/* Reads a whole reply: n is what resp_length said. */
int resp_parse(const char *p, size_t n, struct arena *a, struct resp *out, struct err *err);

void resp_write(struct buf *out, const char *const *argv, size_t argc);

/* The value behind a key in an array of keys and values; an empty text when there is none. */
struct str resp_field(const struct resp *map, const char *key);

#endif
