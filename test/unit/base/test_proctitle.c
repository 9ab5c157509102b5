/* The title as the kernel shows it. The test runs on its own arguments, so it has no cmocka setup
 * before proctitle_init. */
#include "unit.h"

#include "base/fs.h"
#include "base/proctitle.h"
#include "base/str.h"

static void check_shown(const char *file, const char *want)
{
    struct buf b = BUF_INIT(1 << 20);
    assert_int_equal(fs_read(file, &b, NULL), 0);
    char *newline = strchr(b.data, '\n');
    if (newline)
        *newline = '\0';
    assert_string_equal(b.data, want);
    buf_done(&b);
}

static void test_title(void **state)
{
    proctitle_set("belfry: watcher %s/%d", "payments", 0);
    check_shown("/proc/self/cmdline", "belfry: watcher payments/0");
    check_shown("/proc/self/comm", "belfry:watcher");
    proctitle_set("belfry: core");
    check_shown("/proc/self/cmdline", "belfry: core");
    check_shown("/proc/self/comm", "belfry:core");
}

static void test_environment_survives(void **state)
{
    assert_non_null(getenv("PATH"));
    assert_int_equal(setenv("BELFRY_TEST", "1", 1), 0);
    assert_string_equal(getenv("BELFRY_TEST"), "1");
}

int main(int argc, char **argv)
{
    char *before = argv[0];
    char name[256];
    snprintf(name, sizeof(name), "%s", before);
    proctitle_init(argc, argv);
    must(argv[0] != before && streq(argv[0], name));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_title),
        cmocka_unit_test(test_environment_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
