/* The CQL native protocol, version 4, as bytes: what a probe sends and how answers are read. Pure functions; the input is
 * foreign. Version 5 wraps frames in segments with checksums; every server that speaks it speaks 4 too.
 *
 *   u8  version: 4, or 0x84 in an answer
 *   u8  flags
 *   u16 stream                  big endian, like all that follows
 *   u8  opcode
 *   u32 length of the body
 *       body
 *
 * apache/cassandra doc/native_protocol_v4.spec */
#ifndef PROBE_CQL_WIRE_H
#define PROBE_CQL_WIRE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define CQL_HEADER   9
#define CQL_BODY_MAX (1 << 20) /* the peers of some thousand nodes */
#define CQL_COLUMNS  32

enum cql_opcode {
    CQL_ERROR = 0x00,
    CQL_STARTUP = 0x01,
    CQL_READY = 0x02,
    CQL_AUTHENTICATE = 0x03,
    CQL_OPTIONS = 0x05,
    CQL_SUPPORTED = 0x06,
    CQL_QUERY = 0x07,
    CQL_RESULT = 0x08,
    CQL_AUTH_CHALLENGE = 0x0e,
    CQL_AUTH_RESPONSE = 0x0f,
    CQL_AUTH_SUCCESS = 0x10,
};

#define CQL_BAD_CREDENTIALS 0x0100
#define CQL_UNAUTHORIZED    0x2100
#define CQL_INVALID         0x2200

void cql_put_startup(struct buf *out);
void cql_put_options(struct buf *out);
/* SASL PLAIN (RFC 4616), which PasswordAuthenticator takes. */
void cql_put_login(struct buf *out, const char *username, const char *password);
/* With consistency ONE and no values. */
void cql_put_query(struct buf *out, const char *query);

struct cql_header {
    int opcode;
    uint32_t length; /* ≤ CQL_BODY_MAX */
};
int cql_parse_header(const void *p, struct cql_header *out, struct err *err);

struct cql_error {
    uint32_t code;
    struct str message;
};
int cql_parse_error(const void *p, size_t n, struct cql_error *out, struct err *err);
/* The class that AUTHENTICATE names. */
int cql_parse_authenticator(const void *p, size_t n, struct str *out, struct err *err);

/* A RESULT's rows; cells point into the body. One that is null has p NULL. */
struct cql_rows {
    uint32_t n_columns, n_rows;
    struct str *cells; /* row by row; in the arena */
};
/* What is no result of rows is MALFORMED. */
int cql_parse_rows(const void *p, size_t n, struct arena *a, struct cql_rows *out, struct err *err);
static inline struct str cql_cell(const struct cql_rows *r, uint32_t row, uint32_t column)
{
    must(row < r->n_rows && column < r->n_columns);
    return r->cells[row * r->n_columns + column];
}

#endif
