/* /proc files as kernels write them, and what is none. */
#include "probe/host_proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/must.h"

static void test_loadavg(void **state)
{
    double load[3] = {9, 9, 9};
    assert_true(loadavg_parse(str_of("0.52 1.00 12.25 3/812 4711\n"), load));
    assert_true(load[0] == 0.52 && load[1] == 1 && load[2] == 12.25);
    assert_false(loadavg_parse(str_of("0.52 1.00"), load));
    assert_false(loadavg_parse(str_of("a b c"), load));
    assert_false(loadavg_parse(str_of("-1 0 0"), load));
    assert_true(load[0] == 0.52);
}

static void test_meminfo(void **state)
{
    struct str text =
        str_of("MemTotal:       16310928 kB\nMemAvailable:   12000000 kB\nHuge:  3\n");
    assert_true(meminfo_get(text, "MemTotal") == 16310928.0 * 1024);
    assert_true(meminfo_get(text, "MemAvailable") == 12000000.0 * 1024);
    assert_true(meminfo_get(text, "SwapTotal") == -1);
    assert_true(meminfo_get(str_of("MemTotal: x kB"), "MemTotal") == -1);
    assert_true(meminfo_get(str_of(""), "MemTotal") == -1);
}

static void test_pressure(void **state)
{
    struct str text = str_of("some avg10=1.50 avg60=2.25 avg300=0.10 total=1500000\n"
                             "full avg10=0.00 avg60=0.50 avg300=0.00 total=250000\n");
    struct psi p;
    assert_true(psi_parse(text, "some", &p) && p.avg10 == 1.5 && p.total_s == 1.5);
    assert_true(psi_parse(text, "full", &p) && p.avg60 == 0.5 && p.total_s == 0.25);
    assert_false(psi_parse(text, "none", &p));
    assert_false(psi_parse(str_of("some avg10=1.50 avg60=x"), "some", &p));
    assert_false(psi_parse(str_of(""), "some", &p));
}

static void test_mounts(void **state)
{
    struct arena *a = arena_new();
    static struct mount m[MOUNTS_MAX];
    size_t n =
        mountinfo_parse(str_of("22 27 0:21 / /proc rw,nosuid - proc proc rw\n"
                               "27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw\n"
                               "30 27 8:1 / /mnt/my\\040disk ro,relatime - xfs /dev/sda1 rw\n"
                               "31 27 8:2 / /mnt/my\\040disk rw - xfs /dev/sda2 ro,errors=x\n"
                               "broken line\n"
                               "32 27 0:5 / relative rw - ext4 /dev/x rw\n"),
                        a, m);
    assert_int_equal(n, 3);
    assert_string_equal(m[0].type, "proc");
    assert_string_equal(m[1].point, "/");
    assert_false(m[1].read_only);
    assert_string_equal(m[2].point, "/mnt/my disk"); /* the later one hides the one before */
    assert_string_equal(m[2].device, "/dev/sda2");
    assert_true(m[2].read_only);
    assert_true(mount_holds_data("ext4") && !mount_holds_data("proc") &&
                !mount_holds_data("tmpfs"));
    assert_true(mount_holds_data("nfs4") && !mount_holds_data("fuse.lxcfs"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loadavg),
        cmocka_unit_test(test_meminfo),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_mounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
