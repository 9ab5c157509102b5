/* LDAPv3 messages: what ldap.c asks and what comes back. RFC 4511; filters RFC 4515.
 *
 *   LDAPMessage = SEQUENCE { messageID INTEGER, one of
 *     BindRequest [0x60], BindResponse [0x61], UnbindRequest [0x42], SearchRequest [0x63], SearchResultEntry [0x64],
 *     SearchResultDone [0x65], SearchResultReference [0x73], ExtendedResponse [0x78] }
 *
 * Pure functions over bytes. */
#ifndef PROBE_LDAP_WIRE_H
#define PROBE_LDAP_WIRE_H

#include "probe/ber.h"

#define LDAP_MESSAGE_MAX 262144 /* bytes of one message that are read */
#define LDAP_REQUEST_MAX 65000

#define LDAP_BIND_RESPONSE     0x61
#define LDAP_SEARCH_ENTRY      0x64
#define LDAP_SEARCH_DONE       0x65
#define LDAP_SEARCH_REFERENCE  0x73
#define LDAP_EXTENDED_RESPONSE 0x78

#define LDAP_SUCCESS             0
#define LDAP_SIZE_LIMIT_EXCEEDED 4

struct ldap_search {
    const char *base, *filter;
    int scope; /* 0 base, 1 one level, 2 subtree */
    int64_t size_limit;
};

/* Simple bind; without name and password it is anonymous. */
void ldap_write_bind(struct buf *out, int id, const char *name, const char *password);
void ldap_write_unbind(struct buf *out, int id);
/* Asks for no attributes. MALFORMED: the filter. */
int ldap_write_search(struct buf *out, int id, const struct ldap_search *s, struct err *err);
/* "(&(objectClass=person)(uid=a*))". MALFORMED; at_offset is where. */
int ldap_write_filter(struct buf *out, const char *text, struct err *err);

struct ldap_message {
    int64_t id;
    uint8_t op;
    int64_t code;          /* of a response */
    struct str diagnostic; /* borrowed from the message */
    struct str entry;      /* the name of a SearchResultEntry, borrowed */
};
int ldap_parse(const uint8_t *p, size_t n, struct ldap_message *out, struct err *err);
/* "invalid credentials"; "result 123". */
const char *ldap_code_text(int64_t code, char room[32]);

#endif
