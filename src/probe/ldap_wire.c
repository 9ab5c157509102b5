/* See ldap_wire.h. */
#include "probe/ldap_wire.h"

#include <ctype.h>
#include <stdio.h>

#define FILTER_DEPTH 16

/* RFC 4511, section 4.1.9; what a probe meets. X(code, "words") */
#define CODES(X)                                \
    X(1, "operations error")                    \
    X(2, "protocol error")                      \
    X(3, "time limit exceeded")                 \
    X(4, "size limit exceeded")                 \
    X(7, "authentication method not supported") \
    X(8, "stronger authentication required")    \
    X(10, "referral to another server")         \
    X(11, "administrative limit exceeded")      \
    X(13, "confidentiality required")           \
    X(32, "no such object")                     \
    X(34, "invalid DN syntax")                  \
    X(48, "inappropriate authentication")       \
    X(49, "invalid credentials")                \
    X(50, "insufficient access rights")         \
    X(51, "busy")                               \
    X(52, "unavailable")                        \
    X(53, "unwilling to perform")

const char *ldap_code_text(int64_t code, char room[32])
{
    static const struct {
        int64_t code;
        const char *text;
    } table[] = {
#define X(c, t) {c, t},
        CODES(X)
#undef X
    };
    for (size_t i = 0; i < array_len(table); i++)
        if (table[i].code == code)
            return table[i].text;
    snprintf(room, 32, "result %lld", (long long)code);
    return room;
}

/* --- requests --- */

void ldap_write_bind(struct buf *out, int id, const char *name, const char *password)
{
    size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_int(out, BER_INT, id);
    size_t bind = ber_open(out, 0x60);
    ber_put_int(out, BER_INT, 3);
    ber_put_text(out, BER_OCTETS, name);
    ber_put_text(out, 0x80, password);
    ber_close(out, bind);
    ber_close(out, message);
}

void ldap_write_unbind(struct buf *out, int id)
{
    size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_int(out, BER_INT, id);
    ber_put_bytes(out, 0x42, "", 0);
    ber_close(out, message);
}

int ldap_write_search(struct buf *out, int id, const struct ldap_search *s, struct err *err)
{
    static const uint8_t no[] = {0};
    size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_int(out, BER_INT, id);
    size_t search = ber_open(out, 0x63);
    ber_put_text(out, BER_OCTETS, s->base);
    ber_put_int(out, BER_ENUM, s->scope);
    ber_put_int(out, BER_ENUM, 0); /* aliases stay */
    ber_put_int(out, BER_INT, s->size_limit);
    ber_put_int(out, BER_INT, 0);
    ber_put_bytes(out, BER_BOOL, no, 1);
    if (ldap_write_filter(out, s->filter, err) != 0)
        return -1;
    size_t attributes = ber_open(out, BER_SEQUENCE);
    ber_put_text(out, BER_OCTETS, "1.1"); /* none */
    ber_close(out, attributes);
    ber_close(out, search);
    ber_close(out, message);
    return out->failed ? err_set(err, ERR_TOO_LARGE, "the search is too long") : 0;
}

/* --- filters --- */

struct filter {
    const char *text, *at;
    struct buf *out;
    struct err *err;
    int depth;
};

static int bad(struct filter *f, const char *want)
{
    err_set(f->err, ERR_MALFORMED, "not an LDAP filter: got \"%.100s\"; want %s at offset %zu",
            f->text, want, (size_t)(f->at - f->text));
    if (f->err)
        f->err->at_offset = (size_t)(f->at - f->text);
    return -1;
}

static int one_filter(struct filter *f);

static int filter_list(struct filter *f, uint8_t tag)
{
    size_t open = ber_open(f->out, tag);
    f->at++;
    while (*f->at == '(')
        if (one_filter(f) != 0)
            return -1;
    ber_close(f->out, open);
    return 0;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef",
               *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* A value up to one of ")*", with its \NN made bytes. */
static int read_value(struct filter *f, struct buf *value)
{
    buf_clear(value);
    for (; *f->at && !char_in(*f->at, "()*"); f->at++) {
        char c = *f->at;
        if (c == '\\') {
            int high = hex_digit(f->at[1]), low = high < 0 ? -1 : hex_digit(f->at[2]);
            if (low < 0)
                return bad(f, "two hexadecimal digits behind \\");
            c = (char)(high << 4 | low);
            f->at += 2;
        }
        buf_putc(value, c);
    }
    return value->failed ? bad(f, "a shorter value") : 0;
}

static void put_value(struct buf *out, uint8_t tag, const struct buf *value)
{
    ber_put_bytes(out, tag, value->data ? value->data : "", value->len);
}

/* name=a*b*c: initial, any, final. The first part is in `value` and at stands on a star. */
static int substrings(struct filter *f, struct str name, struct buf *value)
{
    size_t open = ber_open(f->out, 0xa4);
    ber_put_bytes(f->out, BER_OCTETS, name.p, name.n);
    size_t parts = ber_open(f->out, BER_SEQUENCE);
    must(*f->at == '*');
    if (value->len)
        put_value(f->out, 0x80, value);
    while (*f->at == '*') {
        f->at++;
        if (read_value(f, value) != 0)
            return -1;
        if (value->len)
            put_value(f->out, *f->at == '*' ? 0x81 : 0x82, value);
    }
    ber_close(f->out, parts);
    ber_close(f->out, open);
    return 0;
}

/* tag: 0xa3 equality, 0xa5 greater or equal, 0xa6 less or equal, 0xa8 about */
static int with_value(struct filter *f, struct str name, uint8_t tag)
{
    struct buf value = BUF_INIT(4096);
    int rc = read_value(f, &value);
    bool star = rc == 0 && *f->at == '*';
    if (star && tag != 0xa3) {
        rc = bad(f, "a value without a star");
    } else if (star && value.len == 0 && f->at[1] == ')') {
        f->at++;
        ber_put_bytes(f->out, 0x87, name.p, name.n); /* it is there */
    } else if (star) {
        rc = substrings(f, name, &value);
    } else if (rc == 0) {
        size_t open = ber_open(f->out, tag);
        ber_put_bytes(f->out, BER_OCTETS, name.p, name.n);
        put_value(f->out, BER_OCTETS, &value);
        ber_close(f->out, open);
    }
    buf_done(&value);
    return rc;
}

static int comparison(struct filter *f)
{
    const char *start = f->at;
    while (isalnum((unsigned char)*f->at) || char_in(*f->at, "-.;_"))
        f->at++;
    struct str name = {start, (size_t)(f->at - start)};
    static const char kinds[] = "=><~";
    static const uint8_t tags[] = {0xa3, 0xa5, 0xa6, 0xa8};
    const char *kind = *f->at ? strchr(kinds, *f->at) : NULL;
    if (name.n == 0 || !kind)
        return bad(f, "an attribute and =, >=, <= or ~=");
    f->at++;
    if (kind != kinds && *f->at != '=')
        return bad(f, "=");
    f->at += kind != kinds;
    return with_value(f, name, tags[kind - kinds]);
}

static int one_filter(struct filter *f)
{
    int rc;
    if (*f->at != '(')
        return bad(f, "(");
    if (++f->depth > FILTER_DEPTH)
        return bad(f, "fewer brackets");
    f->at++;
    if (*f->at == '&' || *f->at == '|') {
        rc = filter_list(f, *f->at == '&' ? 0xa0 : 0xa1);
    } else if (*f->at == '!') {
        size_t open = ber_open(f->out, 0xa2);
        f->at++;
        rc = one_filter(f);
        ber_close(f->out, open);
    } else {
        rc = comparison(f);
    }
    f->depth--;
    if (rc == 0 && *f->at != ')')
        return bad(f, ")");
    f->at += rc == 0;
    return rc;
}

int ldap_write_filter(struct buf *out, const char *text, struct err *err)
{
    struct filter f = {.text = text, .at = text, .out = out, .err = err};
    must(text != NULL);
    if (one_filter(&f) != 0)
        return -1;
    return *f.at ? bad(&f, "the end") : 0;
}

/* --- answers --- */

int ldap_parse(const uint8_t *p, size_t n, struct ldap_message *out, struct err *err)
{
    struct ber in = ber_of(p, n), message = ber_enter(&in, BER_SEQUENCE), body;
    *out = (struct ldap_message){.id = ber_int(&message, BER_INT)};
    body = ber_any(&message, &out->op);
    switch (out->op) {
    case LDAP_SEARCH_ENTRY:
        out->entry = ber_bytes(&body, BER_OCTETS);
        break;
    case LDAP_BIND_RESPONSE:
    case LDAP_SEARCH_DONE:
    case LDAP_EXTENDED_RESPONSE:
        out->code = ber_int(&body, BER_ENUM);
        ber_bytes(&body, BER_OCTETS); /* the part of the name that matched */
        out->diagnostic = ber_bytes(&body, BER_OCTETS);
        break;
    default:
        break;
    }
    if (message.failed || body.failed)
        return err_set(err, ERR_PROTOCOL, "not an LDAP message");
    return 0;
}
