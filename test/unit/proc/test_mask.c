/* Which environment names are secret, and passwords in URLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proc/crash_priv.h"

static void secret_names(void **state)
{
    static const char *const secret[] = {"PG_PASSWORD", "pass",    "MYSECRET",  "GITHUB_TOKEN",
                                         "API_KEY",     "sshkey1", "BASIC_AUTH"};
    static const char *const open[] = {"PATH", "HOME", "LANG", "AUTHOR", "PWD", ""};
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        assert_true(mask__secret_name(secret[i], strlen(secret[i])));
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        assert_false(mask__secret_name(open[i], strlen(open[i])));
}

static void urls(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"http://host/a:b@c", "http://host/a:b@c"},
        {"postgres://mon:s3cret@db/x", "postgres://mon:********@db/x"},
        {"a redis://:pw@h b mysql://u:p@q@h/ c", "a redis://:********@h b mysql://u:********@h/ c"},
        {"http://user@host/", "http://user@host/"},
        {"://", "://"},
        {"x://u:p@", "x://u:********@"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = BUF_INIT(1024);
        mask__text(&out, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(out.data ? out.data : "", cases[i][1]);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret_names),
        cmocka_unit_test(urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
