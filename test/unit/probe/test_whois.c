/* What registries say: dates as they are written around the world, RDAP documents, whois prose. */
#include "probe_unit.h"

#include "base/clock.h"
#include "probe/whois.h"

static void test_dates(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: not a date */
    } cases[] = {
        {"2027-08-13T04:00:00Z", "2027-08-13T04:00:00.000Z"},
        {"2027-08-13T04:00:00+08:00", "2027-08-12T20:00:00.000Z"},
        {"2027-08-13", "2027-08-13T00:00:00.000Z"},
        {"2027-08-13 04:00:00", "2027-08-13T00:00:00.000Z"},
        {" 2027/08/13 ", "2027-08-13T00:00:00.000Z"},
        {"2027.08.13", "2027-08-13T00:00:00.000Z"},
        {"20270813", "2027-08-13T00:00:00.000Z"},
        {"13-Aug-2027", "2027-08-13T00:00:00.000Z"},
        {"13.08.2027", "2027-08-13T00:00:00.000Z"},
        {"2027-02-29", NULL},
        {"2027-13-01", NULL},
        {"soon", NULL},
        {"", NULL},
        {"13-Xyz-2027", NULL},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char got[RFC3339_SIZE];
        int64_t ms = 0;
        int rc = registry_date(str_of(cases[i].text), &ms, NULL);
        if ((rc == 0) != (cases[i].want != NULL))
            fail_msg("\"%s\"", cases[i].text);
        if (rc == 0)
            assert_string_equal(time_format(ms, got), cases[i].want);
    }
}

static void test_rdap(void **state)
{
    static const char doc[] =
        "{\"objectClassName\":\"domain\",\"ldhName\":\"example.cn\",\"status\":[\"active\",\"client transfer "
        "prohibited\"],\"entities\":[{\"roles\":[\"registrar\"],\"vcardArray\":[\"vcard\",[[\"version\",{},\"text\","
        "\"4.0\"],[\"fn\",{},\"text\",\"阿里云\"]]]}],\"events\":[{\"eventAction\":\"registration\",\"eventDate\":"
        "\"2003-03-17T12:20:05Z\"},{\"eventAction\":\"expiration\",\"eventDate\":\"2027-03-17T12:48:36Z\"}]}";
    struct arena *a = arena_new();
    struct registration got;
    char text[RFC3339_SIZE];
    assert_int_equal(rdap_read((struct str){doc, sizeof(doc) - 1}, a, &got, NULL), 0);
    assert_string_equal(time_format(got.ends_ms, text), "2027-03-17T12:48:36.000Z");
    assert_string_equal(got.registrar, "阿里云");
    assert_string_equal(got.status, "active, client transfer prohibited");
    assert_int_equal(rdap_read(str_of("{\"events\":7,\"entities\":[1,null]}"), a, &got, NULL), 0);
    assert_true(got.ends_ms == 0);
    struct err err = {0};
    assert_int_equal(rdap_read(str_of("<html>"), a, &got, &err), -1);
    assert_contains(err.msg, "not JSON");
    arena_free(a);
}

static void test_whois(void **state)
{
    struct arena *a = arena_new();
    struct registration got;
    struct err err = {0};
    char text[RFC3339_SIZE];
    assert_int_equal(whois_read(str_of("Domain Name: example.cn\r\nRegistrar: 阿里云\r\n"
                                       "Registration Time: 2003-03-17 12:20:05\r\n"
                                       "Expiration Time: 2027-03-17 12:48:36\r\n"),
                                a, &got, NULL),
                     0);
    assert_string_equal(time_format(got.ends_ms, text), "2027-03-17T00:00:00.000Z");
    assert_string_equal(got.registrar, "阿里云");
    assert_int_equal(
        whois_read(str_of("   Registry Expiry Date: 2027-08-13T04:00:00Z\n"), a, &got, NULL), 0);
    assert_int_equal(whois_read(str_of("No match for \"X\".\n"), a, &got, &err), -1);
    assert_contains(err.msg, "names no end");
    assert_string_equal(whois_refer(str_of("% IANA\nrefer:        whois.verisign-grs.com\n\n"), a),
                        "whois.verisign-grs.com");
    assert_null(whois_refer(str_of("Registrar WHOIS Server: whois.x.example\n"), a));
    static const char bad[] = "refer: \0whois\nrefer: two words\nrefer: a@b\nrefer:\n";
    assert_null(whois_refer((struct str){bad, sizeof(bad) - 1}, a));
    assert_string_equal(whois_refer(str_of("refer: \x01\nrefer: whois.nic.example\n"), a),
                        "whois.nic.example");
    assert_string_equal(whois_refer(str_of("refer: whois.nic.example:4343\n"), a),
                        "whois.nic.example:4343");
    assert_null(whois_refer(str_of("refer: whois.nic.example:port\n"), a));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_rdap),
        cmocka_unit_test(test_whois),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
