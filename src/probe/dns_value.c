/* See dns_value.h. Values are written as RFC 1035's zone files do (names, numbers, texts in quotes), RFC 3597 for types
 * that are not known here. Runs in watchers. */
#include "probe/dns_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

unsigned dns_get8(struct dns_reader *r)
{
    if (r->failed || r->at >= r->n) {
        r->failed = true;
        return 0;
    }
    return r->base[r->at++];
}

unsigned dns_get16(struct dns_reader *r)
{
    unsigned hi = dns_get8(r);
    return hi << 8 | dns_get8(r);
}

uint32_t dns_get32(struct dns_reader *r)
{
    uint32_t hi = dns_get16(r);
    return hi << 16 | dns_get16(r);
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

/* A pointer must lead to before the place where the present run of labels began, so that every chain ends. */
void dns_get_name(struct dns_reader *r, char *out)
{
    size_t at = r->at, run = r->at, after = 0, wire = 1, n = 0;
    for (;;) {
        unsigned len = at < r->n ? r->base[at] : 0xff;
        if (at >= r->n || (len > DNS_LABEL_MAX && len < 0xc0))
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
            if (n == 0 || r->zone)
                out[n++] = '.';
            must(n < DNS_NAME_TEXT);
            out[n] = '\0';
            return;
        }
        wire += len + 1;
        if (wire > DNS_NAME_WIRE_MAX || at + 1 + len > r->n)
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

/* --- values --- */

static void value_soa(struct dns_reader *r, struct buf *out, struct dns_message *m)
{
    char name[DNS_NAME_TEXT];
    dns_get_name(r, name);
    buf_printf(out, "%s ", name);
    dns_get_name(r, name);
    uint32_t serial = dns_get32(r);
    buf_printf(out, "%s %u", name, serial);
    for (int i = 0; i < 4; i++) /* refresh, retry, expire, minimum */
        buf_printf(out, " %u", dns_get32(r));
    if (!r->failed && m && !m->has_serial) {
        m->has_serial = true;
        m->serial = serial;
    }
}

/* A string of up to 255 bytes: as it is, a NUL as \000 (it would cut the value), or in quotes as a zone file has it. */
static void value_string(struct dns_reader *r, struct buf *out)
{
    unsigned len = dns_get8(r);
    if (r->n - r->at < len)
        r->failed = true;
    buf_puts(out, r->zone ? "\"" : "");
    for (unsigned i = 0; i < len && !r->failed; i++) {
        unsigned char c = (unsigned char)dns_get8(r);
        if (c == '\0' || (r->zone && (c < ' ' || c >= 127)))
            buf_printf(out, "\\%03u", c);
        else if (r->zone && (c == '"' || c == '\\'))
            buf_printf(out, "\\%c", c);
        else
            buf_putc(out, (char)c);
    }
    buf_puts(out, r->zone ? "\"" : "");
}

/* The strings of a TXT record, joined, as RFC 7208 does; in a zone file each has its quotes. */
static void value_strings(struct dns_reader *r, struct buf *out, const char *between)
{
    for (bool first = true; !r->failed && r->at < r->n; first = false) {
        buf_puts(out, first ? "" : r->zone ? " " : between);
        value_string(r, out);
    }
}

/* Numbers (a digit of `sizes` each, its bytes), then what is left as hexadecimal. */
static void value_digest(struct dns_reader *r, struct buf *out, const char *sizes, bool capitals)
{
    for (const char *s = sizes; *s; s++)
        buf_printf(out, "%u ", *s == '2' ? dns_get16(r) : dns_get8(r));
    size_t from = out->len;
    hex_encode(out, r->base + r->at, r->failed ? 0 : r->n - r->at);
    for (size_t i = from; capitals && i < out->len; i++)
        out->data[i] = (char)toupper((unsigned char)out->data[i]);
    r->at = r->n;
}

static void value_dnskey(struct dns_reader *r, struct buf *out)
{
    unsigned flags = dns_get16(r), protocol = dns_get8(r), algorithm = dns_get8(r);
    buf_printf(out, "%u %u %u ", flags, protocol, algorithm);
    base64_encode(out, r->base + r->at, r->failed ? 0 : r->n - r->at);
    r->at = r->n;
}

static void value_naptr(struct dns_reader *r, struct buf *out)
{
    char name[DNS_NAME_TEXT];
    struct dns_reader quoted = *r;
    unsigned order = dns_get16(&quoted), preference = dns_get16(&quoted);
    quoted.zone = true;
    buf_printf(out, "%u %u ", order, preference);
    for (int i = 0; i < 3; i++) { /* flags, service, expression */
        value_string(&quoted, out);
        buf_putc(out, ' ');
    }
    quoted.zone = r->zone;
    *r = quoted;
    dns_get_name(r, name);
    buf_puts(out, name);
}

static void value_caa(struct dns_reader *r, struct buf *out)
{
    unsigned flags = dns_get8(r), len = dns_get8(r);
    if (r->n - r->at < len) {
        r->failed = true;
        return;
    }
    buf_printf(out, "%u %.*s \"%.*s\"", flags, (int)len, (const char *)r->base + r->at,
               (int)(r->n - r->at - len), (const char *)r->base + r->at + len);
    r->at = r->n;
}

static void value_address(struct dns_reader *r, struct buf *out, int family, size_t size)
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
static void value_unknown(struct dns_reader *r, struct buf *out)
{
    buf_printf(out, "\\# %zu ", r->n - r->at);
    hex_encode(out, r->base + r->at, r->n - r->at);
    r->at = r->n;
}

void dns_read_value(struct dns_reader *r, uint16_t type, struct buf *out, struct dns_message *m)
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
    case DNS_TYPE_DNAME:
        dns_get_name(r, name);
        buf_puts(out, name);
        break;
    case DNS_TYPE_MX:
        v[0] = dns_get16(r);
        dns_get_name(r, name);
        buf_printf(out, "%u %s", v[0], name);
        break;
    case DNS_TYPE_SRV:
        for (int i = 0; i < 3; i++)
            v[i] = dns_get16(r);
        dns_get_name(r, name);
        buf_printf(out, "%u %u %u %s", v[0], v[1], v[2], name);
        break;
    case DNS_TYPE_SOA:
        value_soa(r, out, m);
        break;
    case DNS_TYPE_TXT:
        value_strings(r, out, "");
        break;
    case DNS_TYPE_HINFO:
        value_strings(r, out, " ");
        break;
    case DNS_TYPE_DS:
        value_digest(r, out, "211", true);
        break;
    case DNS_TYPE_TLSA:
        value_digest(r, out, "111", false);
        break;
    case DNS_TYPE_SSHFP:
        value_digest(r, out, "11", true);
        break;
    case DNS_TYPE_DNSKEY:
        value_dnskey(r, out);
        break;
    case DNS_TYPE_NAPTR:
        value_naptr(r, out);
        break;
    case DNS_TYPE_CAA:
        value_caa(r, out);
        break;
    default:
        value_unknown(r, out);
    }
}
