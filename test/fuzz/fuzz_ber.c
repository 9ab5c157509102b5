/* BER and what is made of it (LDAP messages and filters, SNMP of all versions), RADIUS and NTP packets: the first byte says
 * which. What is accepted keeps its bounds. */
#include <string.h>

#include "probe/ldap_wire.h"
#include "probe/ntp_wire.h"
#include "probe/radius_wire.h"
#include "probe/snmp_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct snmp_pdu *pdu, struct arena *a)
{
    struct buf oid = BUF_INIT(SNMP_OID_TEXT);
    struct snmp_value v;
    int more, number;
    while ((more = snmp_next(pdu, &oid, &v, a, NULL)) > 0) {
        struct buf back = BUF_INIT(SNMP_MESSAGE_MAX);
        must(v.text != NULL && oid.len > 0);
        if (ber_put_oid(&back, oid.data, NULL) == 0)
            must(back.len > 2);
        usm_report_text(oid.data, &number);
        buf_done(&back);
    }
    buf_done(&oid);
}

static void snmp(const uint8_t *p, size_t n, struct arena *a)
{
    struct usm_user user = {.name = "u",
                            .auth = n & 1,
                            .priv = (n & 3) == 3,
                            .kind = n & 4 ? DIGEST_SHA256 : DIGEST_SHA1};
    struct usm_message m;
    struct snmp_pdu pdu;
    for (int version = 0; version < 2; version++)
        if (snmp_read_community(p, n, version, &pdu, NULL) == 0)
            walk(&pdu, a);
    if (usm_read(p, n, &user, a, &m, NULL) == 0) {
        must(m.engine.id_n <= SNMP_ENGINE_MAX && m.engine.boots >= 0);
        walk(&m.pdu, a);
    }
}

static void filter(const uint8_t *p, size_t n, struct arena *a)
{
    struct buf out = BUF_INIT(LDAP_REQUEST_MAX);
    struct err err = {0};
    const char *text = arena_strndup(a, (const char *)p, n);
    if (ldap_write_filter(&out, text, &err) != 0)
        must(err.code == ERR_MALFORMED && err.at_offset <= strlen(text));
    else if (!out.failed)
        must(ber_message_size((uint8_t *)out.data, out.len, out.max) == (int64_t)out.len);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    if (size > 0 && size < 65536) {
        struct ldap_message m;
        struct ntp_answer ntp;
        struct radius_answer radius;
        const struct radius_request q = {.secret = "s", .id = 7};
        const uint8_t *p = data + 1;
        size_t n = size - 1;
        switch (data[0] & 7) {
        case 0:
            if (ldap_parse(p, n, &m, NULL) == 0)
                must(m.entry.n <= n && m.diagnostic.n <= n);
            break;
        case 1:
            filter(p, n, a);
            break;
        case 2:
            snmp(p, n, a);
            break;
        case 3:
            if (ntp_read(p, n, 1, 1.8e9, &ntp, NULL) > 0)
                must(strlen(ntp.reference) < sizeof(ntp.reference));
            break;
        case 4:
            radius_read(p, n, &q, a, &radius, NULL);
            break;
        default:
            must(ber_message_size(p, n, 4096) <= 4096);
        }
    }
    arena_free(a);
    return 0;
}
