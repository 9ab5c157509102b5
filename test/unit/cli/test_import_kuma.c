/* The importer of Uptime Kuma: test/import/kuma/backup.json, a monitor of each type, becomes exactly the golden
 * test/import/kuma.yaml, which passes `config check`. BELFRY_GOLDEN=write writes the golden anew. The database of version 2 is
 * read in test/integration/test_import.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "cli/import.h"
#include "imported.h"

static void test_golden(void **state)
{
    const char *data = getenv("BELFRY_TEST_DATA");
    struct imported t = imported_begin();
    struct err err = {0};
    char path[4096], golden[4096];
    snprintf(path, sizeof(path), "%s/import/kuma/backup.json", data != NULL ? data : "test");
    snprintf(golden, sizeof(golden), "%s/import/kuma.yaml", data != NULL ? data : "test");
    if (import_kuma(path, NULL, &t.yaml, &t.problems, &err) != 0)
        fail_msg("%s", err.msg);
    imported_load(&t);
    imported_golden(&t, golden);
    assert_int_equal(t.c->n_groups, 3);
    imported_end(&t);
}

/* One monitor, and what stands in the file for it, or (with a "!") what is told. */
static void test_monitors(void **state)
{
    static const char *const cases[][2] = {
        {"\"type\":\"push\",\"pushToken\":\"with a space and more\"", "!config.token"},
        {"\"type\":\"mqtt\",\"hostname\":\"ws://h\",\"mqttTopic\":\"t\"", "!over a WebSocket"},
        {"\"type\":\"snmp\",\"hostname\":\"h\",\"snmpOid\":\"1.3\",\"snmpVersion\":\"3\",\"snmpV3Username\":\"u\"",
         "version: \"3\""},
        {"\"type\":\"dns\",\"hostname\":\"a.b\",\"conditions\":[{\"variable\":\"record\",\"operator\":\"starts_with\",\"value\":\"10.\"}]",
         "\\\\t10\\\\."},
        {"\"type\":\"dns\",\"hostname\":\"a.b\",\"conditions\":[{\"variable\":\"record\",\"operator\":\"not_contains\",\"value\":\"x\"}]",
         "!condition \"record not_contains x\""},
        {"\"type\":\"smtp\",\"hostname\":\"h\",\"port\":465,\"smtpSecurity\":\"secure\"",
         "tls: true"},
        {"\"type\":\"port\",\"hostname\":\"h\",\"port\":1,\"expectedTlsAlert\":\"certificate_required\"",
         "!good when TLS is refused"},
        {"\"type\":\"postgres\",\"database_connection_string\":\"Server=h\"", "!is no URL"},
        {"\"type\":\"redis\",\"databaseConnectionString\":\"redis://h:99999\"", "!config.url"},
        {"\"type\":\"keyword\",\"url\":\"http://h/\",\"keyword\":\"k\",\"invertKeyword\":true",
         "body_not_contains: [k]"},
        {"\"type\":\"http\",\"url\":\"http://h/\",\"authMethod\":\"bearer\",\"bearer_token\":\"t\"",
         "bearer: t"},
        {"\"type\":\"http\",\"url\":\"http://h/\",\"maxredirects\":0", "follow_redirects: false"},
        {"\"type\":\"group\"", "groups: []"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char text[1000];
        struct imported t = imported_begin();
        struct err err = {0};
        snprintf(text, sizeof(text), "{\"monitorList\":[{\"id\":1,\"name\":\"x\",%s}]}",
                 cases[i][0]);
        assert_int_equal(import_kuma_text(str_of(text), &t.yaml, &t.problems, &err), 0);
        imported_load(&t);
        bool good = cases[i][1][0] == '!' ? imported_told(&t, cases[i][1] + 1)
                                          : strstr(t.yaml.data, cases[i][1]) != NULL;
        if (!good)
            fail_msg("%s: no %s in\n%s", cases[i][0], cases[i][1], t.yaml.data);
        imported_end(&t);
    }
}

static void test_circle_of_groups(void **state)
{
    struct imported t = imported_begin();
    struct err err = {0};
    assert_int_equal(
        import_kuma_text(
            STR("{\"monitorList\":[{\"id\":1,\"name\":\"a\",\"type\":\"group\",\"parent\":2},"
                "{\"id\":2,\"name\":\"b\",\"type\":\"group\",\"parent\":1},{\"id\":3,\"name\":\"c\","
                "\"type\":\"ping\",\"hostname\":\"h\",\"parent\":1}]}"),
            &t.yaml, &t.problems, &err),
        0);
    imported_load(&t);
    assert_true(t.c->n_targets >= 2);
    imported_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_monitors),
        cmocka_unit_test(test_circle_of_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
