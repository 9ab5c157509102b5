/* SNMP messages: what snmp.c asks and what comes back. RFC 1157, 3416 (PDUs), 3412 and 3414 (version 3 and USM).
 *
 *   v1, v2c  SEQUENCE { version, community, PDU }
 *   v3       SEQUENCE { 3, SEQUENCE { id, max size, flags, 3 }, OCTETS { SEQUENCE { engine, boots, time, user, auth, priv } },
 *                       scoped PDU: SEQUENCE { engine, context, PDU }, or OCTETS with it encrypted }
 *   PDU      [0xa0 Get, 0xa2 Response, 0xa8 Report] { id, error status, error index, SEQUENCE of { OID, value } }
 *
 * Pure functions over bytes. */
#ifndef PROBE_SNMP_WIRE_H
#define PROBE_SNMP_WIRE_H

#include "probe/ber.h"
#include "probe/digest.h"

#define SNMP_MESSAGE_MAX 8192
#define SNMP_ENGINE_MAX  32
#define SNMP_GET         0xa0
#define SNMP_RESPONSE    0xa2
#define SNMP_REPORT      0xa8
#define SNMP_OID_TEXT    512

/* A PDU being read; its bindings are taken one by one. */
struct snmp_pdu {
    uint8_t type;
    int64_t id, error_status, error_index;
    struct ber bindings;
};
void snmp_write_get(struct buf *out, int64_t id, const char *const *oids, size_t n);
int snmp_read_pdu(struct ber *in, struct snmp_pdu *out, struct err *err);

/* What an object has. */
struct snmp_value {
    bool exists, is_number;
    double num;
    const char *text; /* numbers too; octets that are no text in hexadecimal */
};
/* 1: oid (text, cleared first) and *out are filled; 0: no more; -1. */
int snmp_next(struct snmp_pdu *pdu, struct buf *oid, struct snmp_value *out, struct arena *a,
              struct err *err);
/* "there is no such object", … of an error status. */
const char *snmp_error_text(int64_t status, char room[32]);

/* version: 0 (v1), 1 (v2c) */
void snmp_write_community(struct buf *out, int version, const char *community,
                          const struct buf *pdu);
int snmp_read_community(const uint8_t *p, size_t n, int version, struct snmp_pdu *out,
                        struct err *err);

/* --- version 3 --- */

struct usm_user {
    const char *name;
    bool auth, priv;
    enum digest_kind kind;
    uint8_t auth_key[DIGEST_MAX], priv_key[DIGEST_MAX]; /* of the passwords, not yet of an engine */
};
/* The server's engine, as it says itself; empty before it was asked. */
struct usm_engine {
    uint8_t id[SNMP_ENGINE_MAX];
    size_t id_n;
    int64_t boots, time;
};

/* pdu may be empty. An empty engine is asked for itself. salt: any number that is new. */
void usm_write(struct buf *out, const struct usm_user *user, const struct usm_engine *engine,
               int64_t id, uint64_t salt, const char *context, const struct buf *pdu);

struct usm_message {
    int64_t id;
    bool authentic; /* signed, by the user's key */
    struct usm_engine engine;
    struct snmp_pdu pdu;
};
/* Verifies and decrypts what is signed and encrypted; the message lives in a. */
int usm_read(const uint8_t *p, size_t n, const struct usm_user *user, struct arena *a,
             struct usm_message *out, struct err *err);
/* What a report's object says; NULL when it is no USM report. 2: the server's clock is another. */
const char *usm_report_text(const char *oid, int *number);

#endif
