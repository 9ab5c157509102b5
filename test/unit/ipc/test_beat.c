/* beat.c: both ends see the same page; an old or short file is taken over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/beat.h"

static void both_sides_see_it(void **state)
{
    char dir[] = "/tmp/belfry-beat-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/beat", dir);
    struct err err;
    struct beat_page *reader = beat_map(path, &err), *writer = beat_map(path, &err);
    assert_non_null(reader);
    assert_non_null(writer);
    assert_int_equal(reader->turned_ns, 0);
    beat_reset(writer);
    atomic_store(&writer->turned_ns, 77);
    atomic_store(&writer->probes, 5);
    assert_int_equal(reader->turned_ns, 77);
    assert_int_equal(reader->probes, 5);
    assert_int_equal(reader->pid, getpid());
    beat_unmap(&writer);
    writer = beat_map(path, &err);
    assert_int_equal(writer->turned_ns, 77); /* a successor sees it until its beat_reset */
    beat_reset(writer);
    assert_int_equal(reader->probes, 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    beat_unmap(&reader);
    beat_unmap(&writer);
    assert_null(beat_map("/nonexistent/beat", &err));
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_sides_see_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
