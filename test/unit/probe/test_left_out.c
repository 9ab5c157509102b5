/* A build without the heavy libraries, whatever this one has: prober.c anew with every option off, in place of the library's.
 * What was left out is told as such by type and by URL, when a file is validated and when the API asks. */
#undef WITH_KAFKA
#undef WITH_MYSQL
#undef WITH_POSTGRESQL
#undef WITH_SSH
#define WITH_KAFKA      0
#define WITH_MYSQL      0
#define WITH_POSTGRESQL 0
#define WITH_SSH        0
#include "probe/prober.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/core_priv.h"
#include "core/hooks.h"

static const struct left_case {
    const char *type, *url, *option;
} cases[] = {
    {"kafka", "kafka://127.0.0.1:9092", "kafka"},
    {"kafka", "kafkas://127.0.0.1:9093", "kafka"},
    {"mysql", "mysql://127.0.0.1", "mysql"},
    {"mysql", "mariadb://127.0.0.1", "mysql"},
    {"postgresql", "postgres://127.0.0.1", "postgresql"},
    {"postgresql", "postgresql://127.0.0.1", "postgresql"},
    {"ssh", "ssh://127.0.0.1", "ssh"},
    {"sftp", "sftp://127.0.0.1", "ssh"},
};

static void assert_says(const struct left_case *k, const char *text)
{
    char want[200];
    snprintf(want, sizeof(want), "the %s prober is not built in; want a build with -D%s=enabled",
             k->type, k->option);
    assert_string_equal(text, want);
}

static void by_type_and_by_url(void **state)
{
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err err = {0};
        assert_null(prober_by_type(cases[i].type, &err));
        assert_says(&cases[i], err.msg);
        err = (struct err){0};
        assert_null(prober_by_url(cases[i].url, &err));
        assert_says(&cases[i], err.msg);
    }
}

static void the_others_are_there(void **state)
{
    assert_non_null(prober_by_type("tcp", NULL));
    for (const struct prober_ops *const *p = prober_table(); *p; p++)
        for (size_t i = 0; i < array_len(cases); i++)
            assert_string_not_equal((*p)->type, cases[i].type);
}

static void in_a_file(void **state)
{
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct problems p;
        problems_init(&p, a);
        const char *text = arena_printf(
            a, "groups:\n  - name: g\n    targets:\n      - {name: a, url: '%s'}\n", cases[i].url);
        const struct config_input in = {.path = "belfry.yaml", .text = text, .size = strlen(text)};
        assert_null(config_load(&in, core_config_hooks(), &p));
        assert_int_equal(p.list.n, 1);
        assert_says(&cases[i], p.list.at[0].message);
        assert_int_equal(p.list.at[0].line, 4);
        assert_int_equal(p.list.at[0].column, 24);
        problems_done(&p);
        arena_free(a);
    }
}

static void through_the_api(void **state)
{
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct problems p;
        const char *instance = "";
        problems_init(&p, a);
        assert_false(core__check_config(cases[i].type, node_map(a), a, &p, "config", &instance));
        assert_int_equal(p.list.n, 1);
        assert_string_equal(p.list.at[0].field, "type");
        assert_says(&cases[i], p.list.at[0].message);
        problems_done(&p);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_type_and_by_url),
        cmocka_unit_test(the_others_are_there),
        cmocka_unit_test(in_a_file),
        cmocka_unit_test(through_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
