/* What a DNS answer must be: rcode, number of records, records. Split from dns.c, which asks. */
#ifndef PROBE_DNS_EXPECT_H
#define PROBE_DNS_EXPECT_H

#include "config/option.h"
#include "probe/condition.h"
#include "probe/dns_wire.h"
#include "probe/pattern.h"

enum dns_need { DNS_NEED_ALL, DNS_NEED_ANY }; /* of several servers */

/* Rules for the records of one section; a record is its line of a zone file (dns_rr_zone_text). */
struct dns_rules {
    struct str_list none, all, some; /* expressions */
    bool not_empty;
    struct pattern **none_re, **all_re, **some_re; /* compiled */
};

struct dns_expect {
    struct str_list conditions;
    struct conditions *compiled;
    struct dns_rules answer, authority, additional;
    struct str_list rcode, records, records_match, records_not_match;
    int64_t min_answers, max_latency_ms;
    int max_latency_action, servers;
    /* compiled by dns_expect_validate */
    uint32_t rcodes;     /* a bit a code; 0: any */
    const char **wanted; /* records, normalized */
    struct pattern **match, **not_match;
};

extern const struct option dns_expect_options[];

/* has_name: a name is asked for; without one only the rcode is judged. */
void dns_expect_validate(struct dns_expect *e, bool has_name, struct arena *a, struct problems *p,
                         const char *path);
/* Whether a rule is about the records behind the answers. */
bool dns_expect_needs_all(const struct dns_expect *e);
/* -1: err tells what is wrong with the answer to a question for `type`. */
int dns_expect_judge(const struct dns_expect *e, bool has_name, uint16_t type,
                     const struct dns_message *m, struct arena *a, struct err *err);
/* The last answer's address, or the name that it leads to, with its dot: what Gatus calls [BODY]. "" for other types. */
struct str dns_last_value(const struct dns_message *m, struct arena *a);
/* "1.2.3.4, 1.2.3.5, …": the answers' values, shortened for a message. */
const char *dns_values_text(const struct dns_message *m, struct arena *a);

#endif
