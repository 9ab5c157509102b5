/* dns_parse over any bytes: what it accepts keeps its bounds, and its question, asked again, is answered by it. */
#include <string.h>

#include "probe/dns_expect.h"
#include "probe/dns_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_question(const struct dns_message *m, struct arena *a)
{
    uint8_t query[DNS_QUERY_MAX];
    struct dns_message back;
    struct dns_query q = {.id = m->id, .name = m->question, .type = m->question_type};
    int n = dns_write_query(&q, query, NULL);
    must(n > 0 && n <= DNS_QUERY_MAX);
    must(dns_parse(query, (size_t)n, a, &back, NULL) == 0);
    must(strcmp(back.question, m->question) == 0 && back.question_type == m->question_type);
    must(!dns_answers(&back, &q)); /* a question is no answer */
    back.response = true;
    must(dns_answers(&back, &q));
    must(dns_answers(m, &q) == (m->response && m->opcode == 0 && m->question_class == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct dns_message m;
    struct dns_expect e = {.rcodes = 1, .min_answers = 1};
    struct err err = {0};
    if (dns_parse(data, size, a, &m, &err) != 0) {
        must(err.code == ERR_PROTOCOL || err.code == ERR_TOO_LARGE);
    } else {
        must(m.n_kept <= m.n_answers && m.n_kept <= DNS_RR_MAX);
        must(m.truncated || m.n_kept == m.n_answers || m.n_kept == DNS_RR_MAX);
        for (int i = 0; i < m.n_kept; i++) {
            must(strlen(m.answers[i].name) < DNS_NAME_TEXT);
            must(strlen(dns_rr_text(&m.answers[i], a)) > 0);
        }
        if (m.has_question && m.question_type != 0) /* nobody asks for type 0 */
            check_question(&m, a);
        must(strlen(dns_values_text(&m, a)) < 256);
        dns_expect_judge(&e, true, DNS_TYPE_A, &m, a, &err);
    }
    must(arena_used(a) < (size_t)8 << 20);
    arena_free(a);
    return 0;
}
