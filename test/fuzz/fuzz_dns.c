/* dns_parse over any bytes: what it accepts keeps its bounds, and its question, asked again, is answered by it; each kind of
 * expectation judges its records. */
#include <string.h>

#include "probe/dns_expect.h"
#include "probe/dns_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_question(const struct dns_message *m, struct arena *a)
{
    uint8_t query[DNS_QUERY_MAX];
    struct dns_message back;
    struct dns_query q = {
        .id = m->id, .name = m->question, .type = m->question_type, .class = m->question_class};
    int n = dns_write_query(&q, query, NULL);
    must(n > 0 && n <= DNS_QUERY_MAX);
    must(dns_parse(query, (size_t)n, false, a, &back, NULL) == 0);
    must(strcmp(back.question, m->question) == 0 && back.question_type == m->question_type);
    must(!dns_answers(&back, &q)); /* a question is no answer */
    back.response = true;
    must(dns_answers(&back, &q));
    must(dns_answers(m, &q) == (m->response && m->opcode == 0));
}

static void check_records(const struct dns_records *rs, struct arena *a)
{
    must(rs->n >= 0 && rs->n <= DNS_RR_MAX);
    for (int i = 0; i < rs->n; i++) {
        must(strlen(rs->at[i].name) < DNS_NAME_TEXT);
        must(strlen(dns_rr_text(&rs->at[i], a)) > 0);
        must(strlen(dns_rr_zone_text(&rs->at[i], a)) > 0);
    }
}

static struct str_list list(struct arena *a, const char *text)
{
    struct str_list l = {.at = arena_array_of(a, const char *, 1), .n = 1};
    l.at[0] = text;
    return l;
}

static struct dns_rules rules(struct arena *a, const char *none, const char *all, const char *some)
{
    return (struct dns_rules){.none = list(a, none), .all = list(a, all), .some = list(a, some)};
}

/* What is expected is true of many answers, so that the judging comes far. */
static void check_judging(const struct dns_message *m, struct arena *a)
{
    struct problems p;
    struct err err = {0};
    struct dns_expect e = {.answer = rules(a, "\tTXT\t.*x", "\\tIN\\t", "."),
                           .authority = rules(a, "TYPE", "^[^ ]*", "SOA|NS"),
                           .additional = rules(a, "\\\\\\\\", "", "[.]$"),
                           .records = list(a, "10.0.0.1"),
                           .records_match = list(a, "10"),
                           .records_not_match = list(a, "^$"),
                           .min_answers = 0};
    problems_init(&p, a);
    dns_expect_validate(&e, true, a, &p, "");
    must(p.list.n == 0 && dns_expect_needs_all(&e));
    e.rcodes = 0; /* any */
    if (dns_expect_judge(&e, true, m->question_type, m, a, &err) != 0)
        must(err.msg[0] != '\0');
    problems_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct dns_message m;
    struct err err = {0};
    if (dns_parse(data, size, true, a, &m, &err) != 0) {
        must(err.code == ERR_PROTOCOL || err.code == ERR_TOO_LARGE);
    } else {
        must(m.n_kept <= m.n_answers && m.n_kept <= DNS_RR_MAX);
        must(m.truncated || m.n_kept == m.n_answers || m.n_kept == DNS_RR_MAX);
        check_records(&(struct dns_records){m.answers, m.n_kept}, a);
        check_records(&m.authority, a);
        check_records(&m.additional, a);
        must(dns_last_value(&m, a).p != NULL);
        if (m.has_question && m.question_type != 0 &&
            m.question_class != 0) /* nobody asks for type 0 */
            check_question(&m, a);
        must(strlen(dns_values_text(&m, a)) < 256);
        must(arena_used(a) < (size_t)8 << 20);
        check_judging(&m, a);
    }
    arena_free(a);
    return 0;
}
