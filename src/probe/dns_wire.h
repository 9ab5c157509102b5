/* DNS messages (RFC 1035, 3596, 2782, 8659, 6891): a query written, an answer read. Pure functions; every byte of an
 * answer is foreign. Called by dns.c in watchers, and by the fuzzer.
 *
 *   header: id u16 | flags u16 | questions u16 | answers u16 | authority u16 | additional u16   (big endian)
 *   then the questions (name, type, class) and the records (name, type, class, ttl u32, length u16, data).
 *   A name is labels (length 1-63, bytes) ended by 0 or by a pointer 11xxxxxx xxxxxxxx to an earlier place. */
#ifndef PROBE_DNS_WIRE_H
#define PROBE_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define DNS_NAME_TEXT   1024 /* a name as text with its escapes and a NUL, at most */
#define DNS_QUERY_MAX   300  /* bytes of any query of ours */
#define DNS_MESSAGE_MAX 65535
#define DNS_RR_MAX      256 /* records of the answer section that are kept; more are only counted */

/* X(NAME, code) */
#define DNS_TYPES(X) \
    X(A, 1)          \
    X(NS, 2)         \
    X(CNAME, 5)      \
    X(SOA, 6)        \
    X(PTR, 12)       \
    X(MX, 15)        \
    X(TXT, 16)       \
    X(AAAA, 28)      \
    X(SRV, 33)       \
    X(CAA, 257)      \
    X(DNAME, 39)     \
    X(HINFO, 13)     \
    X(NAPTR, 35)     \
    X(DS, 43)        \
    X(DNSKEY, 48)    \
    X(RRSIG, 46)     \
    X(NSEC, 47)      \
    X(TLSA, 52)      \
    X(SSHFP, 44)     \
    X(SVCB, 64)      \
    X(HTTPS, 65)     \
    X(ANY, 255)

/* X(NAME, code) */
#define DNS_CLASSES(X) \
    X(IN, 1)           \
    X(CS, 2)           \
    X(CH, 3)           \
    X(HS, 4)           \
    X(NONE, 254)       \
    X(ANY, 255)

enum dns_type {
#define X(name, code) DNS_TYPE_##name = (code),
    DNS_TYPES(X)
#undef X
};
extern const char *const dns_type_choices[]; /* "A" … in the order of DNS_TYPES, NULL-terminated */
uint16_t dns_type_code(int choice);
extern const char
    *const dns_class_choices[]; /* "IN" … in the order of DNS_CLASSES, NULL-terminated */
uint16_t dns_class_code(int choice);
/* "AAAA"; "TYPE65" in buf (16 bytes) for others. */
const char *dns_type_name(uint16_t code, char *buf);
/* "NOERROR", "NXDOMAIN"; "RCODE11" in buf for others. */
const char *dns_rcode_name(unsigned rcode, char *buf);
extern const char *const dns_rcode_names[]; /* by code, NULL-terminated */

struct dns_query {
    uint16_t id;
    const char *name; /* text; "." or "" is the root; a trailing dot is fine; \. and \DDD escape */
    uint16_t type, class;
    bool recursion;
    bool edns; /* offers 1232 bytes */
};
/* Writes the message into out (DNS_QUERY_MAX bytes); returns its length or -1. */
int dns_write_query(const struct dns_query *q, uint8_t *out, struct err *err);
/* Whether text is a name that can be asked for. */
int dns_check_name(const char *text, struct err *err);

struct dns_rr {
    const char *name; /* without the trailing dot; "." for the root */
    uint16_t type, class;
    uint32_t ttl;
    const char *value; /* for people, names without trailing dots: "10 mail.example.com" */
    const char *zone;  /* as in a zone file: "10 mail.example.com.", texts in quotes */
};

struct dns_records {
    struct dns_rr *at; /* in the arena */
    int n;
};

struct dns_message {
    uint16_t id;
    bool response, authoritative, truncated, recursion_available;
    unsigned opcode, rcode; /* with EDNS's upper bits */
    bool has_question;
    char question[DNS_NAME_TEXT];
    uint16_t question_type, question_class;
    uint16_t n_answers, n_authority, n_additional; /* as the header says */
    struct dns_rr *answers;                        /* in the arena */
    int n_kept;                                    /* of answers */
    struct dns_records authority, additional;      /* when dns_parse was asked for all */
    bool has_serial;
    uint32_t serial; /* of the first SOA among the answers */
};
/* Reads a whole message; PROTOCOL with what is wrong with it. A truncated message (TC) may end anywhere: what was
 * whole is kept. all: the records behind the answers too, which are walked over else. */
int dns_parse(const void *p, size_t n, bool all, struct arena *a, struct dns_message *out,
              struct err *err);
/* Whether m answers q: id, response bit, and the same question (names without regard to case). */
bool dns_answers(const struct dns_message *m, const struct dns_query *q);

/* "name\tTTL\tIN\tTYPE\tvalue" */
char *dns_rr_text(const struct dns_rr *rr, struct arena *a);
/* The same as a line of a zone file, with trailing dots: what blackbox_exporter's expressions see. */
char *dns_rr_zone_text(const struct dns_rr *rr, struct arena *a);

#endif
