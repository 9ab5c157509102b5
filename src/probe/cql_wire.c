/* See cql_wire.h. */
#include "probe/cql_wire.h"

#define VERSION        4
#define ANSWER         0x80
#define KIND_ROWS      2
#define TYPE_DEPTH_MAX 8

enum { ROWS_GLOBAL_TABLE = 1, ROWS_MORE_PAGES = 2, ROWS_NO_METADATA = 4 };
enum {
    TYPE_CUSTOM = 0,
    TYPE_LIST = 0x20,
    TYPE_MAP = 0x21,
    TYPE_SET = 0x22,
    TYPE_UDT = 0x30,
    TYPE_TUPLE = 0x31
};

/* --- writing --- */

static void put_string(struct buf *out, const char *s)
{
    must(strlen(s) <= UINT16_MAX);
    buf_put_be16(out, (uint16_t)strlen(s));
    buf_puts(out, s);
}

static void put_header(struct buf *out, enum cql_opcode opcode, size_t length)
{
    buf_put_u8(out, VERSION);
    buf_put_u8(out, 0);
    buf_put_be16(out, 0);
    buf_put_u8(out, (uint8_t)opcode);
    buf_put_be32(out, (uint32_t)length);
}

void cql_put_startup(struct buf *out)
{
    static const char name[] = "CQL_VERSION", version[] = "3.0.0";
    put_header(out, CQL_STARTUP, 2 + 2 + sizeof(name) - 1 + 2 + sizeof(version) - 1);
    buf_put_be16(out, 1); /* one pair */
    put_string(out, name);
    put_string(out, version);
}

void cql_put_options(struct buf *out)
{
    put_header(out, CQL_OPTIONS, 0);
}

void cql_put_login(struct buf *out, const char *username, const char *password)
{
    size_t n = 2 + strlen(username) + strlen(password);
    put_header(out, CQL_AUTH_RESPONSE, 4 + n);
    buf_put_be32(out, (uint32_t)n);
    buf_put_u8(out, 0);
    buf_puts(out, username);
    buf_put_u8(out, 0);
    buf_puts(out, password);
}

void cql_put_query(struct buf *out, const char *query)
{
    must(strlen(query) < CQL_BODY_MAX);
    put_header(out, CQL_QUERY, 4 + strlen(query) + 2 + 1);
    buf_put_be32(out, (uint32_t)strlen(query));
    buf_puts(out, query);
    buf_put_be16(out, 1); /* consistency ONE */
    buf_put_u8(out, 0);
}

/* --- reading --- */

static struct str get_string(struct cur *c)
{
    uint32_t n = cur_be16(c);
    const char *p = cur_bytes(c, n);
    return p ? (struct str){p, n} : (struct str){"", 0};
}

/* [bytes]: a negative length is null. */
static struct str get_bytes(struct cur *c)
{
    int32_t n = (int32_t)cur_be32(c);
    if (n < 0)
        return (struct str){0};
    const char *p = cur_bytes(c, (size_t)n);
    return p ? (struct str){p, (size_t)n} : (struct str){0};
}

int cql_parse_header(const void *p, struct cql_header *out, struct err *err)
{
    struct cur c = CUR_INIT(p, CQL_HEADER);
    int version = cur_u8(&c);
    cur_u8(&c); /* flags: compression and tracing were not asked for */
    cur_be16(&c);
    int opcode = cur_u8(&c);
    uint32_t length = cur_be32(&c);
    must(!c.failed);
    if (!(version & ANSWER) || (version & ~ANSWER) < 1 || (version & ~ANSWER) > 6)
        return err_set(err, ERR_PROTOCOL, "not CQL: got a frame of version %#x; want %#x", version,
                       ANSWER | VERSION);
    if (length > CQL_BODY_MAX)
        return err_set(err, ERR_TOO_LARGE, "cannot read a frame of %u bytes; want at most %d",
                       length, CQL_BODY_MAX);
    if ((version & ~ANSWER) != VERSION && opcode != CQL_ERROR)
        return err_set(err, ERR_PROTOCOL, "got an answer in version %d of CQL; want %d",
                       version & ~ANSWER, VERSION);
    *out = (struct cql_header){opcode, length};
    return 0;
}

int cql_parse_error(const void *p, size_t n, struct cql_error *out, struct err *err)
{
    struct cur c = CUR_INIT(p, n);
    struct cql_error e = {.code = cur_be32(&c)};
    e.message = get_string(&c);
    if (c.failed)
        return err_set(err, ERR_MALFORMED, "cannot read an error of %zu bytes", n);
    *out = e;
    return 0;
}

int cql_parse_authenticator(const void *p, size_t n, struct str *out, struct err *err)
{
    struct cur c = CUR_INIT(p, n);
    struct str name = get_string(&c);
    if (c.failed)
        return err_set(err, ERR_MALFORMED, "cannot read the authenticator's name");
    *out = name;
    return 0;
}

static void skip_type(struct cur *c, int depth);

static void skip_fields(struct cur *c, int depth, bool named)
{
    uint32_t n = cur_be16(c);
    for (uint32_t i = 0; i < n && !c->failed; i++) {
        if (named)
            get_string(c);
        skip_type(c, depth + 1);
    }
}

static void skip_type(struct cur *c, int depth)
{
    if (depth > TYPE_DEPTH_MAX) {
        c->failed = true;
        return;
    }
    switch (cur_be16(c)) {
    case TYPE_CUSTOM:
        get_string(c);
        break;
    case TYPE_LIST:
    case TYPE_SET:
        skip_type(c, depth + 1);
        break;
    case TYPE_MAP:
        skip_type(c, depth + 1);
        skip_type(c, depth + 1);
        break;
    case TYPE_UDT:
        get_string(c);
        get_string(c);
        skip_fields(c, depth, true);
        break;
    case TYPE_TUPLE:
        skip_fields(c, depth, false);
        break;
    }
}

static void skip_metadata(struct cur *c, uint32_t flags, uint32_t n_columns)
{
    if (flags & ROWS_MORE_PAGES)
        get_bytes(c);
    if (flags & ROWS_NO_METADATA)
        return;
    if (flags & ROWS_GLOBAL_TABLE) {
        get_string(c);
        get_string(c);
    }
    for (uint32_t i = 0; i < n_columns && !c->failed; i++) {
        if (!(flags & ROWS_GLOBAL_TABLE)) {
            get_string(c);
            get_string(c);
        }
        get_string(c);
        skip_type(c, 0);
    }
}

int cql_parse_rows(const void *p, size_t n, struct arena *a, struct cql_rows *out, struct err *err)
{
    struct cur c = CUR_INIT(p, n);
    uint32_t kind = cur_be32(&c), flags = cur_be32(&c);
    struct cql_rows rows = {.n_columns = cur_be32(&c)};
    if (c.failed || kind != KIND_ROWS || rows.n_columns == 0 || rows.n_columns > CQL_COLUMNS)
        return err_set(err, ERR_MALFORMED, "cannot read a result: want rows of 1 to %d columns",
                       CQL_COLUMNS);
    skip_metadata(&c, flags, rows.n_columns);
    rows.n_rows = cur_be32(&c);
    uint64_t cells = (uint64_t)rows.n_rows * rows.n_columns;
    if (c.failed || cells * 4 > cur_left(&c)) /* each has a length */
        return err_set(err, ERR_MALFORMED, "cannot read a result: it ends before its rows");
    rows.cells = arena_array_of(a, struct str, cells);
    for (uint64_t i = 0; i < cells; i++)
        rows.cells[i] = get_bytes(&c);
    if (c.failed)
        return err_set(err, ERR_MALFORMED, "cannot read a result: its rows end too early");
    *out = rows;
    return 0;
}
