/* See dns_wire.h for the format. Names, types and the message; record data has dns_read_value. */
#include "probe/dns_wire.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

#define NAME_WIRE_MAX 255
#define LABEL_MAX     63
#define VALUE_MAX     4096 /* bytes of a record's value as text; a longer one is cut */
#define HEADER        12
#define EDNS_SIZE     1232 /* what passes every path unfragmented */

const char *const dns_type_choices[] = {
#define X(name, code) #name,
    DNS_TYPES(X)
#undef X
        NULL,
};

static const uint16_t type_codes[] = {
#define X(name, code) code,
    DNS_TYPES(X)
#undef X
};

const char *const dns_rcode_names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                       "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                       "NXRRSET", "NOTAUTH", "NOTZONE",  NULL};

uint16_t dns_type_code(int choice)
{
    must(choice >= 0 && (size_t)choice < array_len(type_codes));
    return type_codes[choice];
}

const char *dns_type_name(uint16_t code, char *buf)
{
    for (size_t i = 0; i < array_len(type_codes); i++)
        if (type_codes[i] == code)
            return dns_type_choices[i];
    snprintf(buf, 16, "TYPE%u", code);
    return buf;
}

const char *dns_rcode_name(unsigned rcode, char *buf)
{
    if (rcode < array_len(dns_rcode_names) - 1)
        return dns_rcode_names[rcode];
    if (rcode == 16)
        return "BADVERS";
    snprintf(buf, 16, "RCODE%u", rcode);
    return buf;
}

/* --- writing --- */

/* One character of a name's text, escapes resolved; *s moves behind it. -1: not readable. */
static int take_char(const char **s)
{
    unsigned char c = (unsigned char)*(*s)++;
    if (c <= ' ' || c >= 127)
        return -1;
    if (c != '\\')
        return c;
    const char *d = *s;
    if (!isdigit((unsigned char)d[0]))
        return d[0] ? (unsigned char)*(*s)++ : -1;
    if (!isdigit((unsigned char)d[1]) || !isdigit((unsigned char)d[2]))
        return -1;
    int v = (d[0] - '0') * 100 + (d[1] - '0') * 10 + (d[2] - '0');
    *s += 3;
    return v <= 255 ? v : -1;
}

static int bad_name(struct err *err, const char *text, const char *why)
{
    return err_set(err, ERR_MALFORMED, "not a DNS name: got \"%.100s\"; %s", text, why);
}

/* The wire form of a name, at most NAME_WIRE_MAX bytes; its length or -1. */
static int encode_name(const char *text, uint8_t *out, struct err *err)
{
    size_t at = 0, label = 0; /* `label` is the place of the length byte being filled */
    const char *s = text;
    if (streq(text, "."))
        s++;
    while (*s) {
        bool dot = *s == '.';
        int c = dot ? 0 : take_char(&s);
        if (c < 0)
            return bad_name(err, text,
                            "want letters, digits and hyphens (an international name in "
                            "its xn-- form)");
        if (dot && at == label)
            return bad_name(err, text, "want something between two dots");
        if (dot) {
            s++;
            out[label] = (uint8_t)(at - label);
            label = ++at;
            continue;
        }
        if (at - label >= LABEL_MAX || at + 2 >= NAME_WIRE_MAX)
            return bad_name(err, text, "want labels of at most 63 and a name of at most 253 bytes");
        out[++at] = (uint8_t)c;
    }
    out[label] = (uint8_t)(at - label);
    if (at > label)
        out[++at] = 0;
    must(at + 1 <= NAME_WIRE_MAX);
    return (int)at + 1;
}

int dns_check_name(const char *text, struct err *err)
{
    uint8_t wire[NAME_WIRE_MAX];
    return encode_name(text, wire, err) < 0 ? -1 : 0;
}

static uint8_t *put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

int dns_write_query(const struct dns_query *q, uint8_t *out, struct err *err)
{
    must(q->name != NULL && q->type != 0);
    uint8_t *p = put16(out, q->id);
    p = put16(p, q->recursion ? 0x0100 : 0);
    p = put16(p, 1);
    p = put16(p, 0);
    p = put16(p, 0);
    p = put16(p, q->edns);
    int n = encode_name(q->name, p, err);
    if (n < 0)
        return -1;
    p = put16(put16(p + n, q->type), 1);
    if (q->edns) { /* OPT: root name, type 41, size, no flags, no data */
        *p++ = 0;
        p = put16(put16(p, 41), EDNS_SIZE);
        p = put16(put16(put16(p, 0), 0), 0);
    }
    must(p - out <= DNS_QUERY_MAX);
    return (int)(p - out);
}

/* --- reading --- */

struct reader {
    const uint8_t *base;
    size_t n, at;
    bool failed;
};

static unsigned get8(struct reader *r)
{
    if (r->failed || r->at >= r->n) {
        r->failed = true;
        return 0;
    }
    return r->base[r->at++];
}

static unsigned get16(struct reader *r)
{
    unsigned hi = get8(r);
    return hi << 8 | get8(r);
}

static uint32_t get32(struct reader *r)
{
    uint32_t hi = get16(r);
    return hi << 16 | get16(r);
}

static size_t put_escaped(char *out, size_t n, const uint8_t *label, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = label[i];
        if (c == '.' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c <= ' ' || c >= 127) {
            snprintf(out + n, 5, "\\%03u", c);
            n += 4;
        } else {
            out[n++] = (char)c;
        }
    }
    return n;
}

/* A name at r->at as text (DNS_NAME_TEXT bytes); r->at moves behind it. A pointer must lead to before the place where
 * the present run of labels began, so that every chain ends. */
static void get_name(struct reader *r, char *out)
{
    size_t at = r->at, run = r->at, after = 0, wire = 1, n = 0;
    for (;;) {
        unsigned len = at < r->n ? r->base[at] : 0xff;
        if (at >= r->n || (len > LABEL_MAX && len < 0xc0))
            break;
        if (len >= 0xc0) {
            size_t to = at + 1 < r->n ? (size_t)(len & 0x3f) << 8 | r->base[at + 1] : SIZE_MAX;
            if (to >= run)
                break;
            after = after ? after : at + 2;
            at = run = to;
            continue;
        }
        if (len == 0) {
            r->at = after ? after : at + 1;
            if (n == 0)
                out[n++] = '.';
            out[n] = '\0';
            return;
        }
        wire += len + 1;
        if (wire > NAME_WIRE_MAX || at + 1 + len > r->n)
            break;
        if (n > 0)
            out[n++] = '.';
        n = put_escaped(out, n, r->base + at + 1, len);
        must(n < DNS_NAME_TEXT);
        at += len + 1;
    }
    out[0] = '\0';
    r->failed = true;
}

/* Moves behind a name without reading what it points to. */
static void skip_name(struct reader *r)
{
    for (;;) {
        unsigned len = get8(r);
        if (r->failed || len == 0)
            return;
        if (len >= 0xc0) {
            get8(r);
            return;
        }
        if (len > LABEL_MAX || r->n - r->at < len) {
            r->failed = true;
            return;
        }
        r->at += len;
    }
}

static void value_soa(struct reader *r, struct buf *out, struct dns_message *m)
{
    char name[DNS_NAME_TEXT];
    get_name(r, name);
    buf_printf(out, "%s ", name);
    get_name(r, name);
    uint32_t serial = get32(r);
    buf_printf(out, "%s %u", name, serial);
    for (int i = 0; i < 4; i++) /* refresh, retry, expire, minimum */
        buf_printf(out, " %u", get32(r));
    if (!r->failed && !m->has_serial) {
        m->has_serial = true;
        m->serial = serial;
    }
}

/* The strings of a TXT record, joined, as RFC 7208 does; a NUL would cut it and is written \000. */
static void value_txt(struct reader *r, struct buf *out)
{
    while (!r->failed && r->at < r->n) {
        unsigned len = get8(r);
        if (r->n - r->at < len)
            r->failed = true;
        for (unsigned i = 0; i < len && !r->failed; i++) {
            char c = (char)get8(r);
            if (c == '\0')
                buf_puts(out, "\\000");
            else
                buf_putc(out, c);
        }
    }
}

static void value_caa(struct reader *r, struct buf *out)
{
    unsigned flags = get8(r), len = get8(r);
    if (r->n - r->at < len) {
        r->failed = true;
        return;
    }
    buf_printf(out, "%u %.*s \"%.*s\"", flags, (int)len, (const char *)r->base + r->at,
               (int)(r->n - r->at - len), (const char *)r->base + r->at + len);
    r->at = r->n;
}

static void value_address(struct reader *r, struct buf *out, int family, size_t size)
{
    char text[INET6_ADDRSTRLEN];
    if (r->n - r->at != size) {
        r->failed = true;
        return;
    }
    must(inet_ntop(family, r->base + r->at, text, sizeof(text)));
    buf_puts(out, text);
    r->at = r->n;
}

/* RFC 3597's form for types that this table does not know. */
static void value_unknown(struct reader *r, struct buf *out)
{
    buf_printf(out, "\\# %zu ", r->n - r->at);
    hex_encode(out, r->base + r->at, r->n - r->at);
    r->at = r->n;
}

/* r covers the message up to the end of the record's data. */
static void read_value(struct reader *r, uint16_t type, struct buf *out, struct dns_message *m)
{
    char name[DNS_NAME_TEXT];
    unsigned v[3];
    switch (type) {
    case DNS_TYPE_A:
        value_address(r, out, AF_INET, 4);
        break;
    case DNS_TYPE_AAAA:
        value_address(r, out, AF_INET6, 16);
        break;
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
        get_name(r, name);
        buf_puts(out, name);
        break;
    case DNS_TYPE_MX:
        v[0] = get16(r);
        get_name(r, name);
        buf_printf(out, "%u %s", v[0], name);
        break;
    case DNS_TYPE_SRV:
        for (int i = 0; i < 3; i++)
            v[i] = get16(r);
        get_name(r, name);
        buf_printf(out, "%u %u %u %s", v[0], v[1], v[2], name);
        break;
    case DNS_TYPE_SOA:
        value_soa(r, out, m);
        break;
    case DNS_TYPE_TXT:
        value_txt(r, out);
        break;
    case DNS_TYPE_CAA:
        value_caa(r, out);
        break;
    default:
        value_unknown(r, out);
    }
}

static void read_rr(struct reader *r, struct arena *a, struct dns_message *m)
{
    char name[DNS_NAME_TEXT], room[VALUE_MAX];
    struct buf value = BUF_FIXED(room);
    struct dns_rr rr = {0};
    get_name(r, name);
    rr.type = (uint16_t)get16(r);
    rr.class = (uint16_t)get16(r);
    rr.ttl = get32(r);
    size_t len = get16(r);
    if (r->failed || r->n - r->at < len) {
        r->failed = true;
        return;
    }
    must(r->at <= r->n);
    struct reader data = {r->base, r->at + len, r->at, false};
    room[0] = '\0';
    read_value(&data, rr.type, &value, m);
    r->at += len;
    if (data.failed || data.at != data.n) { /* ends inside its data, or before its end */
        r->failed = true;
        return;
    }
    rr.name = arena_strdup(a, name);
    rr.value = arena_strndup(a, room, value.len);
    must(m->n_kept < DNS_RR_MAX && m->n_kept < m->n_answers);
    m->answers[m->n_kept++] = rr;
}

/* Walks over a record; only EDNS's OPT is looked at. */
static void skip_rr(struct reader *r, struct dns_message *m)
{
    skip_name(r);
    unsigned type = get16(r);
    get16(r);
    uint32_t ttl = get32(r);
    size_t len = get16(r);
    if (r->failed || r->n - r->at < len) {
        r->failed = true;
        return;
    }
    r->at += len;
    if (type == 41)
        m->rcode |= (ttl >> 24) << 4;
}

static void read_header(struct reader *r, struct dns_message *m, unsigned *questions)
{
    m->id = (uint16_t)get16(r);
    unsigned flags = get16(r);
    m->response = flags & 0x8000;
    m->opcode = flags >> 11 & 15;
    m->authoritative = flags & 0x0400;
    m->truncated = flags & 0x0200;
    m->recursion_available = flags & 0x0080;
    m->rcode = flags & 15;
    *questions = get16(r);
    m->n_answers = (uint16_t)get16(r);
    m->n_authority = (uint16_t)get16(r);
    m->n_additional = (uint16_t)get16(r);
}

static int bad_message(const struct reader *r, const char *what, struct err *err)
{
    return err_set(err, ERR_PROTOCOL,
                   "not a DNS answer: %s breaks off or is damaged at byte %zu of %zu", what, r->at,
                   r->n);
}

static int read_records(struct reader *r, struct arena *a, struct dns_message *m, struct err *err)
{
    unsigned keep = m->n_answers < DNS_RR_MAX ? m->n_answers : DNS_RR_MAX;
    /* A header may promise more records than the message has bytes for (11 each at least). */
    if (keep > (r->n - r->at) / 11 + 1)
        keep = (unsigned)((r->n - r->at) / 11 + 1);
    m->answers = arena_array_of(a, struct dns_rr, keep + 1);
    for (unsigned i = 0; i < m->n_answers && !r->failed; i++) {
        if (i < keep)
            read_rr(r, a, m);
        else
            skip_rr(r, m);
    }
    if (r->failed)
        return m->truncated ? 0 : bad_message(r, "its answer section", err);
    for (int i = 0; i < m->n_authority + m->n_additional && !r->failed; i++)
        skip_rr(r, m);
    if (r->failed && !m->truncated)
        return bad_message(r, "a section behind the answers", err);
    return 0;
}

int dns_parse(const void *p, size_t n, struct arena *a, struct dns_message *out, struct err *err)
{
    struct reader r = {p, n, 0, false};
    must(p != NULL || n == 0);
    unsigned questions;
    out->has_question = out->has_serial = false;
    out->question[0] = '\0';
    out->answers = NULL;
    out->n_kept = 0;
    if (n > DNS_MESSAGE_MAX)
        return err_set(err, ERR_TOO_LARGE, "not a DNS answer: %zu bytes", n);
    read_header(&r, out, &questions);
    if (r.failed)
        return bad_message(&r, "its header", err);
    if (questions > 1)
        return err_set(err, ERR_PROTOCOL, "not a DNS answer: it has %u questions", questions);
    if (questions == 1) {
        get_name(&r, out->question);
        out->question_type = (uint16_t)get16(&r);
        out->question_class = (uint16_t)get16(&r);
        out->has_question = !r.failed;
    }
    if (r.failed)
        return bad_message(&r, "its question", err);
    return read_records(&r, a, out, err);
}

/* Both as wire form, so that escapes and a trailing dot do not matter. */
static bool same_name(const char *a, const char *b)
{
    uint8_t x[NAME_WIRE_MAX], y[NAME_WIRE_MAX];
    int n = encode_name(a, x, NULL), m = encode_name(b, y, NULL);
    if (n < 0 || n != m)
        return false;
    for (int i = 0; i < n; i++) /* a length byte is below 'A': folding does not touch it */
        if (tolower(x[i]) != tolower(y[i]))
            return false;
    return true;
}

bool dns_answers(const struct dns_message *m, const struct dns_query *q)
{
    if (!m->response || m->id != q->id || m->opcode != 0)
        return false;
    if (!m->has_question) /* FORMERR and the like may leave it out (RFC 1035, 4.1.1) */
        return m->rcode != 0;
    return m->question_type == q->type && m->question_class == 1 && same_name(m->question, q->name);
}

char *dns_rr_text(const struct dns_rr *rr, struct arena *a)
{
    char type[16];
    return arena_printf(a, "%s\t%u\tIN\t%s\t%s", rr->name, rr->ttl, dns_type_name(rr->type, type),
                        rr->value);
}
