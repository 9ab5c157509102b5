/* The reading of a DNS message's bytes: numbers, names, and the values of records as text. Every byte is foreign; a reader
 * that went past its end, or met what cannot be, has `failed` and reads nothing more. Called by dns_wire.c. */
#ifndef PROBE_DNS_VALUE_H
#define PROBE_DNS_VALUE_H

#include "base/buf.h"
#include "probe/dns_wire.h"

#define DNS_NAME_WIRE_MAX 255
#define DNS_LABEL_MAX     63

struct dns_reader {
    const uint8_t *base; /* the whole message: names point into it */
    size_t n, at;
    bool failed;
    bool zone; /* values are written as in a zone file */
};

unsigned dns_get8(struct dns_reader *r);
unsigned dns_get16(struct dns_reader *r);
uint32_t dns_get32(struct dns_reader *r);
/* A name as text (DNS_NAME_TEXT bytes); r->at moves behind it. */
void dns_get_name(struct dns_reader *r, char *out);
/* The value of a record: r->n is the end of its data. m is told the serial of an SOA; NULL: not. */
void dns_read_value(struct dns_reader *r, uint16_t type, struct buf *out, struct dns_message *m);

#endif
