/* BER, as far as LDAP (RFC 4511, section 5.1) and SNMP (RFC 3417, section 8) need it: one-byte tags, definite lengths.
 *
 *   tag, length (0…127, or 0x81…0x84 and as many bytes), content
 *
 * The writer gives what it opens a length of two bytes, which BER allows. The reader has a sticky error: past its end
 * or at damage every read returns 0 or nothing and `failed` is set; a reader made by ber_enter has its own. Pure. */
#ifndef PROBE_BER_H
#define PROBE_BER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define BER_BOOL     0x01
#define BER_INT      0x02
#define BER_OCTETS   0x04
#define BER_NULL     0x05
#define BER_OID      0x06
#define BER_ENUM     0x0a
#define BER_SEQUENCE 0x30
#define BER_SET      0x31

#define BER_OID_PARTS 128 /* most numbers of an object identifier: RFC 2578 */

/* Begins something with content; ber_close(b, what ber_open returned) ends it. More than 65535 bytes fail the buffer. */
size_t ber_open(struct buf *b, uint8_t tag);
void ber_close(struct buf *b, size_t at);
void ber_put_int(struct buf *b, uint8_t tag, int64_t v);
void ber_put_bytes(struct buf *b, uint8_t tag, const void *p, size_t n);
void ber_put_text(struct buf *b, uint8_t tag, const char *s); /* NULL is empty */
/* "1.3.6.1.2.1.1.1.0", a dot before it allowed. MALFORMED. */
int ber_put_oid(struct buf *b, const char *text, struct err *err);

struct ber {
    const uint8_t *p, *end;
    bool failed;
};

struct ber ber_of(const void *p, size_t n);
/* The tag of what comes next; -1 at the end. */
int ber_peek(const struct ber *in);
/* The content of what comes next, which must have this tag. */
struct ber ber_enter(struct ber *in, uint8_t tag);
struct ber ber_any(struct ber *in, uint8_t *tag);
int64_t ber_int(struct ber *in, uint8_t tag);
struct str ber_bytes(struct ber *in, uint8_t tag);
/* A reader's rest as a signed or unsigned number; up to 8 bytes (9 with a leading 0). */
int64_t ber_signed(struct ber *in);
uint64_t ber_unsigned(struct ber *in);
/* A reader's rest as an object identifier's text. */
void ber_oid_text(struct ber *in, struct buf *out);

/* How many bytes the message has that begins with these n: its tag and length are read. 0: more are needed to tell;
 * -1: this is no BER, or longer than max. */
int64_t ber_message_size(const uint8_t *p, size_t n, size_t max);

#endif
