/* Prometheus' own cases (test/promql/cases): each file passes as a whole, but for what wants native histograms or start timestamps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/fs.h"
#include "promqltest.h"

static const char *const files[] = {
    "aggregators",
    "at_modifier",
    "collision",
    "duration_expression",
    "extended_vectors",
    "fill-modifier",
    "functions",
    "histograms",
    "info",
    "limit",
    "literals",
    "name_label_dropping",
    "native_histograms",
    "operators",
    "range_queries",
    "selectors",
    "staleness",
    "start_timestamps",
    "subquery",
    "trig_functions",
    "type_and_unit",
};

static void path_of(char *path, size_t size, const char *file)
{
    const char *data = getenv("BELFRY_TEST_DATA");
    assert_non_null(data);
    snprintf(path, size, "%s/promql/cases/%s", data, file);
}

static void cases(void **state)
{
    (void)state;
    const char *only = getenv("BELFRY_PROMQLTEST"); /* one file by name */
    char path[4096], name[64];
    struct err err;
    struct buf float_only = BUF_INIT(100000);
    path_of(path, sizeof(path), "float_only.txt");
    assert_int_equal(fs_read(path, &float_only, &err), 0);
    struct pt_count all = {0};
    for (size_t i = 0; i < array_len(files); i++) {
        if (only != NULL && strcmp(only, files[i]) != 0)
            continue;
        struct pt_count n = {0};
        snprintf(name, sizeof(name), "%s.test", files[i]);
        path_of(path, sizeof(path), name);
        if (pt_run(path, (struct str){float_only.data, float_only.len}, &n, &err) != 0)
            fail_msg("%s: %s", name, err.msg);
        printf("%-26s %4zu passed %4zu failed %4zu left out\n", name, n.passed, n.failed,
               n.native + n.start_timestamp);
        all.passed += n.passed;
        all.failed += n.failed;
        all.native += n.native;
        all.start_timestamp += n.start_timestamp;
    }
    printf("promqltest: %zu passed, %zu failed; left out by rule: %zu want native histograms, "
           "%zu start timestamps\n",
           all.passed, all.failed, all.native, all.start_timestamp);
    buf_done(&float_only);
    assert_int_equal(all.failed, 0);
    assert_true(only != NULL || all.passed >= 679); /* nothing is left out unseen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
