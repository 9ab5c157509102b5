/* See dns_wire.h for the format. Names, types and the message; record data has dns_read_value. */
#include "probe/dns_wire.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "probe/dns_value.h"

#define VALUE_MAX 4096 /* bytes of a record's value as text; a longer one is cut */
#define HEADER    12
#define EDNS_SIZE 1232 /* what passes every path unfragmented */

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

const char *const dns_class_choices[] = {
#define X(name, code) #name,
    DNS_CLASSES(X)
#undef X
        NULL,
};

static const uint16_t class_codes[] = {
#define X(name, code) code,
    DNS_CLASSES(X)
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

uint16_t dns_class_code(int choice)
{
    must(choice >= 0 && (size_t)choice < array_len(class_codes));
    return class_codes[choice];
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

/* The wire form of a name, at most DNS_NAME_WIRE_MAX bytes; its length or -1. */
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
        if (at - label >= DNS_LABEL_MAX || at + 2 >= DNS_NAME_WIRE_MAX)
            return bad_name(err, text, "want labels of at most 63 and a name of at most 253 bytes");
        out[++at] = (uint8_t)c;
    }
    out[label] = (uint8_t)(at - label);
    if (at > label)
        out[++at] = 0;
    must(at + 1 <= DNS_NAME_WIRE_MAX);
    return (int)at + 1;
}

int dns_check_name(const char *text, struct err *err)
{
    uint8_t wire[DNS_NAME_WIRE_MAX];
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
    must(q->name != NULL && q->type != 0 && q->class != 0);
    uint8_t *p = put16(out, q->id);
    p = put16(p, q->recursion ? 0x0100 : 0);
    p = put16(p, 1);
    p = put16(p, 0);
    p = put16(p, 0);
    p = put16(p, q->edns);
    int n = encode_name(q->name, p, err);
    if (n < 0)
        return -1;
    p = put16(put16(p + n, q->type), q->class);
    if (q->edns) { /* OPT: root name, type 41, size, no flags, no data */
        *p++ = 0;
        p = put16(put16(p, 41), EDNS_SIZE);
        p = put16(put16(put16(p, 0), 0), 0);
    }
    must(p - out <= DNS_QUERY_MAX);
    return (int)(p - out);
}

/* --- reading --- */

/* Moves behind a name without reading what it points to. */
static void skip_name(struct dns_reader *r)
{
    for (;;) {
        unsigned len = dns_get8(r);
        if (r->failed || len == 0)
            return;
        if (len >= 0xc0) {
            dns_get8(r);
            return;
        }
        if (len > DNS_LABEL_MAX || r->n - r->at < len) {
            r->failed = true;
            return;
        }
        r->at += len;
    }
}

/* The value's text, as in a zone file or not; r stands before its data of len bytes. False: it is damaged. */
static bool value_text(const struct dns_reader *r, size_t len, bool zone, uint16_t type,
                       struct dns_message *m, struct buf *out)
{
    struct dns_reader data = {r->base, r->at + len, r->at, false, zone};
    buf_clear(out);
    dns_read_value(&data, type, out, m);
    return !data.failed && data.at == data.n; /* neither beyond its data nor short of its end */
}

/* m: told the serial of an SOA; NULL: not. */
static void read_rr(struct dns_reader *r, struct arena *a, struct dns_message *m, struct dns_rr *rr)
{
    char name[DNS_NAME_TEXT], room[VALUE_MAX];
    struct buf value = BUF_FIXED(room);
    dns_get_name(r, name);
    rr->type = (uint16_t)dns_get16(r);
    rr->class = (uint16_t)dns_get16(r);
    rr->ttl = dns_get32(r);
    size_t len = dns_get16(r);
    if (r->failed || r->n - r->at < len) {
        r->failed = true;
        return;
    }
    must(r->at <= r->n);
    r->failed = !value_text(r, len, false, rr->type, m, &value);
    rr->value = arena_strndup(a, room, value.len);
    r->failed = !value_text(r, len, true, rr->type, NULL, &value) || r->failed;
    bool same = strlen(rr->value) == value.len && memcmp(rr->value, room, value.len) == 0;
    rr->zone = same ? rr->value : arena_strndup(a, room, value.len);
    rr->name = arena_strdup(a, name);
    r->at += len;
}

/* Walks over a record; only EDNS's OPT is looked at. */
static void skip_rr(struct dns_reader *r, struct dns_message *m)
{
    skip_name(r);
    unsigned type = dns_get16(r);
    dns_get16(r);
    uint32_t ttl = dns_get32(r);
    size_t len = dns_get16(r);
    if (r->failed || r->n - r->at < len) {
        r->failed = true;
        return;
    }
    r->at += len;
    if (type == 41)
        m->rcode |= (ttl >> 24) << 4;
}

static void read_header(struct dns_reader *r, struct dns_message *m, unsigned *questions)
{
    m->id = (uint16_t)dns_get16(r);
    unsigned flags = dns_get16(r);
    m->response = flags & 0x8000;
    m->opcode = flags >> 11 & 15;
    m->authoritative = flags & 0x0400;
    m->truncated = flags & 0x0200;
    m->recursion_available = flags & 0x0080;
    m->rcode = flags & 15;
    *questions = dns_get16(r);
    m->n_answers = (uint16_t)dns_get16(r);
    m->n_authority = (uint16_t)dns_get16(r);
    m->n_additional = (uint16_t)dns_get16(r);
}

static int bad_message(const struct dns_reader *r, const char *what, struct err *err)
{
    return err_set(err, ERR_PROTOCOL,
                   "not a DNS answer: %s breaks off or is damaged at byte %zu of %zu", what, r->at,
                   r->n);
}

/* As many of `promised` records as are kept. A header may promise more than the message has bytes for (11 each at least). */
static unsigned records_kept(const struct dns_reader *r, unsigned promised)
{
    unsigned keep = promised < DNS_RR_MAX ? promised : DNS_RR_MAX;
    size_t room = (r->n - r->at) / 11 + 1;
    return keep > room ? (unsigned)room : keep;
}

static void read_section(struct dns_reader *r, struct arena *a, unsigned promised,
                         struct dns_message *m, struct dns_records *out)
{
    unsigned keep = records_kept(r, promised);
    out->at = arena_array_of(a, struct dns_rr, keep + 1);
    for (unsigned i = 0; i < promised && !r->failed; i++) {
        struct dns_reader before = *r;
        skip_rr(r, m);
        if (i >= keep || r->failed)
            continue;
        read_rr(&before, a, NULL, &out->at[out->n]);
        r->failed = before.failed;
        out->n += !r->failed;
    }
    must(out->n <= (int)keep);
}

static int read_records(struct dns_reader *r, bool all, struct arena *a, struct dns_message *m,
                        struct err *err)
{
    unsigned keep = records_kept(r, m->n_answers);
    m->answers = arena_array_of(a, struct dns_rr, keep + 1);
    for (unsigned i = 0; i < m->n_answers && !r->failed; i++) {
        if (i >= keep) {
            skip_rr(r, m);
            continue;
        }
        read_rr(r, a, m, &m->answers[m->n_kept]);
        m->n_kept += !r->failed;
    }
    if (r->failed)
        return m->truncated ? 0 : bad_message(r, "its answer section", err);
    if (all) {
        read_section(r, a, m->n_authority, m, &m->authority);
        read_section(r, a, m->n_additional, m, &m->additional);
    }
    for (int i = 0; !all && i < m->n_authority + m->n_additional && !r->failed; i++)
        skip_rr(r, m);
    if (r->failed && !m->truncated)
        return bad_message(r, "a section behind the answers", err);
    return 0;
}

int dns_parse(const void *p, size_t n, bool all, struct arena *a, struct dns_message *out,
              struct err *err)
{
    struct dns_reader r = {p, n, 0, false, false};
    must(p != NULL || n == 0);
    unsigned questions;
    out->has_question = out->has_serial = false;
    out->question[0] = '\0';
    out->answers = NULL;
    out->n_kept = 0;
    out->authority = out->additional = (struct dns_records){0};
    if (n > DNS_MESSAGE_MAX)
        return err_set(err, ERR_TOO_LARGE, "not a DNS answer: %zu bytes", n);
    read_header(&r, out, &questions);
    if (r.failed)
        return bad_message(&r, "its header", err);
    if (questions > 1)
        return err_set(err, ERR_PROTOCOL, "not a DNS answer: it has %u questions", questions);
    if (questions == 1) {
        dns_get_name(&r, out->question);
        out->question_type = (uint16_t)dns_get16(&r);
        out->question_class = (uint16_t)dns_get16(&r);
        out->has_question = !r.failed;
    }
    if (r.failed)
        return bad_message(&r, "its question", err);
    return read_records(&r, all, a, out, err);
}

/* Both as wire form, so that escapes and a trailing dot do not matter. */
static bool same_name(const char *a, const char *b)
{
    uint8_t x[DNS_NAME_WIRE_MAX], y[DNS_NAME_WIRE_MAX];
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
    return m->question_type == q->type && m->question_class == q->class &&
           same_name(m->question, q->name);
}

static const char *class_name(uint16_t code, char *buf)
{
    for (size_t i = 0; i < array_len(class_codes); i++)
        if (class_codes[i] == code)
            return dns_class_choices[i];
    snprintf(buf, 16, "CLASS%u", code);
    return buf;
}

char *dns_rr_text(const struct dns_rr *rr, struct arena *a)
{
    char type[16], class[16];
    return arena_printf(a, "%s\t%u\t%s\t%s\t%s", rr->name, rr->ttl, class_name(rr->class, class),
                        dns_type_name(rr->type, type), rr->value);
}

char *dns_rr_zone_text(const struct dns_rr *rr, struct arena *a)
{
    char type[16], class[16];
    return arena_printf(a, "%s%s\t%u\t%s\t%s\t%s", rr->name, streq(rr->name, ".") ? "" : ".",
                        rr->ttl, class_name(rr->class, class), dns_type_name(rr->type, type),
                        rr->zone);
}
