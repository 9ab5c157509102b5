/* Dialogues of lines, and the datagrams of RADIUS, NTP and SIP. */
#include "probe_unit.h"

#include "probe/dialogue.h"
#include "probe/ntp_wire.h"
#include "probe/radius_wire.h"
#include "probe/sip_wire.h"

static void test_judges(void **state)
{
    static const struct {
        enum dialogue_verdict (*judge)(const struct dialogue *, struct str);
        int asked;
        const char *before, *line;
        enum dialogue_verdict want;
    } cases[] = {
        {dialogue_digits, 1, "", "250 OK", DIALOGUE_GOOD},
        {dialogue_digits, 1, "", "250", DIALOGUE_GOOD},
        {dialogue_digits, 1, "", "250-SIZE", DIALOGUE_MORE},
        {dialogue_digits, 1, "230-a\n", "331 b", DIALOGUE_MORE},
        {dialogue_digits, 1, "230-a\n", "anything", DIALOGUE_MORE},
        {dialogue_digits, 1, "230-a\n", "230 b", DIALOGUE_GOOD},
        {dialogue_digits, 1, "", "535 no", DIALOGUE_REFUSED},
        {dialogue_digits, 1, "", "SSH-2.0-x", DIALOGUE_STRANGE},
        {dialogue_digits, 1, "", "2500 x", DIALOGUE_STRANGE},
        {dialogue_imap, 0, "", "* OK hello", DIALOGUE_GOOD},
        {dialogue_imap, 0, "", "* BYE full", DIALOGUE_REFUSED},
        {dialogue_imap, 0, "", "220 x", DIALOGUE_STRANGE},
        {dialogue_imap, 2, "", "* CAPABILITY x", DIALOGUE_MORE},
        {dialogue_imap, 2, "", "a2 OK", DIALOGUE_GOOD},
        {dialogue_imap, 2, "", "a2 NO", DIALOGUE_REFUSED},
        {dialogue_imap, 2, "", "a1 OK", DIALOGUE_STRANGE},
        {dialogue_imap, 2, "", "+ ", DIALOGUE_GOOD},
        {dialogue_pop3, 1, "", "+OK", DIALOGUE_GOOD},
        {dialogue_pop3, 1, "", "-ERR no", DIALOGUE_REFUSED},
        {dialogue_pop3, 1, "+OK\n", ".", DIALOGUE_GOOD},
        {dialogue_pop3, 1, "+OK\n", "SASL PLAIN", DIALOGUE_MORE},
        {dialogue_pop3, 1, "", "* OK", DIALOGUE_STRANGE},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct dialogue d = {.asked = cases[i].asked, .answer = BUF_INIT(100)};
        buf_puts(&d.answer, cases[i].before);
        if (cases[i].judge(&d, str_of(cases[i].line)) != cases[i].want)
            fail_msg("case %zu: \"%s\"", i, cases[i].line);
        buf_done(&d.answer);
    }
}

static void test_capabilities(void **state)
{
    assert_true(dialogue_capability(STR("AUTH PLAIN LOGIN"), STR("auth login")));
    assert_true(dialogue_capability(STR("SIZE 100"), STR("SIZE")));
    assert_false(dialogue_capability(STR("SIZE"), STR("SIZE 100")));
    assert_false(dialogue_capability(STR("PLAIN AUTH"), STR("AUTH")));
    assert_int_equal(dialogue_passive_port(STR("227 Entering (127,0,0,1,200,13).")), 51213);
    assert_int_equal(dialogue_passive_port(STR("229 Entering (|||51213|)")), 51213);
    assert_int_equal(dialogue_passive_port(STR("229 Entering (|||0|)")), 0);
    assert_int_equal(dialogue_passive_port(STR("227 (1,2,3,4,256,1)")), 0);
    assert_int_equal(dialogue_passive_port(STR("227 no")), 0);
}

/* RFC 2865, 7.1; the answer with another secret is another's. */
static void test_radius(void **state)
{
    static const uint8_t accept[] = "\x02\x00\x00\x26\x86\xfe\x22\x0e\x76\x24\xba\x2a\x10\x05\xf6"
                                    "\xbf\x9b\x55\xe0\xb2\x06\x06\x00\x00\x00\x01\x0f\x06\x00\x00"
                                    "\x00\x00\x0e\x06\xc0\xa8\x01\x03";
    static const uint8_t hidden[] =
        "\x02\x12\x0d\xbe\x70\x8d\x93\xd4\x13\xce\x31\x96\xe4\x3f\x78\x2a\x0a\xee";
    struct radius_request q = {.secret = "xyzzy5461", .username = "nemo", .password = "arctangent"};
    memcpy(q.authenticator, "\x0f\x40\x3f\x94\x73\x97\x80\x57\xbd\x83\xd5\xcb\x98\xf4\x22\x7a", 16);
    struct arena *a = arena_new();
    struct radius_answer answer;
    struct buf out = BUF_INIT(RADIUS_PACKET_MAX);
    radius_write(&out, &q);
    assert_non_null(memmem(out.data, out.len, hidden, sizeof(hidden) - 1));
    assert_int_equal(radius_read(accept, sizeof(accept) - 1, &q, a, &answer, NULL), 1);
    assert_int_equal(answer.code, RADIUS_ACCESS_ACCEPT);
    assert_false(answer.signed_too);
    q.secret = "another";
    assert_int_equal(radius_read(accept, sizeof(accept) - 1, &q, a, &answer, NULL), -1);
    q.id = 1;
    assert_int_equal(radius_read(accept, sizeof(accept) - 1, &q, a, &answer, NULL), 0);
    buf_done(&out);
    arena_free(a);
}

static void test_ntp(void **state)
{
    uint8_t p[NTP_PACKET];
    struct ntp_answer answer;
    ntp_write(p, 0x0102030405060708);
    assert_int_equal(p[0], 0x23);
    assert_int_equal(ntp_read(p, sizeof(p), 0x0102030405060708, 0, &answer, NULL), 0);
    p[0] = 0x24;
    p[1] = 1;
    memcpy(p + 12, "GPS", 4);
    memcpy(p + 24, p + 40, 8);
    memset(p + 32, 0, 16);
    p[35] = p[43] = 100; /* 100 s into an era */
    assert_int_equal(ntp_read(p, sizeof(p), 1, 0, &answer, NULL), 0);
    assert_int_equal(ntp_read(p, sizeof(p) - 1, 0x0102030405060708, 0, &answer, NULL), 0);
    double era_1 = 4294967296.0 - 2208988800.0;
    assert_int_equal(ntp_read(p, sizeof(p), 0x0102030405060708, era_1, &answer, NULL), 1);
    assert_true(answer.transmit == era_1 + 100); /* 2036 */
    assert_string_equal(answer.reference, "GPS");
}

static void test_sip(void **state)
{
    struct sip_request q = {.transport = "UDP",
                            .host = "::1",
                            .port = 5060,
                            .user = "100",
                            .local = "[::1]:4000",
                            .branch = "b1",
                            .tag = "t1"};
    struct sip_answer answer;
    struct arena *a = arena_new();
    struct buf out = BUF_INIT(SIP_MESSAGE_MAX);
    sip_write(&out, &q);
    assert_contains(out.data, "OPTIONS sip:100@[::1]:5060 SIP/2.0\r\n");
    assert_contains(out.data, "\r\nCall-ID: b1@belfry\r\n");
    assert_int_equal(
        sip_read(STR("SIP/2.0 404 Not Found\r\ni : b1@belfry\r\n\r\n"), &q, a, &answer), 1);
    assert_int_equal(answer.status, 404);
    assert_string_equal(answer.reason, "Not Found");
    assert_int_equal(sip_read(STR("SIP/2.0 200 OK\r\nCall-ID: b2@belfry\r\n\r\n"), &q, a, &answer),
                     0);
    assert_int_equal(sip_read(STR("HTTP/1.1 200 OK\r\nCall-ID: b1@belfry\r\n"), &q, a, &answer), 0);
    buf_done(&out);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judges), cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_radius), cmocka_unit_test(test_ntp),
        cmocka_unit_test(test_sip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
