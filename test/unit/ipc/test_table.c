/* table.c: what a writer shows is what readers find; files of another version, size or boot; a full table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/table.h"

struct record {
    uint64_t number;
    char text[53]; /* odd: the size is no multiple of 8 */
};

static char dir[64], path[80];

static int make_dir(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/belfry-table-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/table", dir);
    return 0;
}

static int remove_dir(void **state)
{
    unlink(path);
    return rmdir(dir);
}

static struct table *writer(uint32_t version, uint32_t slots)
{
    struct err err = {0};
    struct table *t = table_create(
        path, &(struct table_spec){version, sizeof(struct record), sizeof(uint64_t), slots}, &err);
    if (!t)
        fail_msg("%s", err.msg);
    return t;
}

static struct table *reader(void)
{
    struct err err = {0};
    struct table *t = table_open(path, 1, sizeof(struct record), &err);
    if (!t)
        fail_msg("%s", err.msg);
    return t;
}

static struct record *put(struct table *t, const char *key, uint64_t number)
{
    bool is_new;
    struct record *r = table_record(t, key, &is_new);
    assert_non_null(r);
    r->number = number;
    snprintf(r->text, sizeof(r->text), "%s=%llu", key, (unsigned long long)number);
    table_show(t, r);
    return r;
}

static uint64_t number_of(struct table *t, const char *key)
{
    struct record r;
    return table_read(t, key, &r) ? r.number : 0;
}

static size_t count(struct table *t)
{
    const char *key;
    struct record r;
    size_t n = 0;
    for (uint32_t it = 0; table_next(t, &it, &key, &r); n++)
        assert_int_equal(strncmp(r.text, key, strlen(key)), 0);
    return n;
}

static void readers_find_what_was_shown(void **state)
{
    struct table *w = writer(1, 100), *r = reader();
    assert_int_equal(count(r), 0);
    struct record *a = table_record(w, "a", NULL);
    a->number = 1;
    assert_int_equal(number_of(r, "a"), 0); /* made, but not shown yet */
    put(w, "a", 2);
    put(w, "b", 3);
    assert_ptr_equal(table_record(w, "a", NULL), a);
    assert_true(table_owns(w, a));
    assert_false(table_owns(w, &w));
    assert_int_equal(number_of(r, "a"), 2);
    assert_int_equal(number_of(r, "b"), 3);
    a->number = 9;
    assert_int_equal(number_of(r, "a"), 2); /* in place, not shown */
    assert_int_equal(count(r), 2);
    assert_int_equal(count(w), 2);
    table_drop(w, "a");
    table_drop(w, "nobody");
    assert_int_equal(number_of(r, "a"), 0);
    assert_int_equal(count(r), 1);
    put(w, "c", 4); /* in the slot of "a" */
    assert_int_equal(number_of(r, "a"), 0);
    assert_int_equal(number_of(r, "c"), 4);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    table_close(&r);
    table_close(&w);
}

static void a_successor_goes_on(void **state)
{
    struct table *w = writer(1, 100);
    put(w, "kept", 7);
    struct record *unshown = table_record(w, "unshown", NULL);
    unshown->number = 8;
    put(w, "gone", 9);
    table_drop(w, "gone");
    table_close(&w);
    struct table *r = reader();
    w = writer(1, 100);
    bool is_new = true;
    struct record *kept = table_record(w, "kept", &is_new);
    assert_false(is_new);
    assert_int_equal(kept->number, 7);
    assert_int_equal(((struct record *)table_record(w, "unshown", &is_new))->number, 8);
    assert_false(is_new);
    assert_int_equal(((struct record *)table_record(w, "gone", &is_new))->number, 0);
    assert_true(is_new);
    assert_int_equal(number_of(r, "kept"), 7);
    put(w, "kept", 70);
    assert_int_equal(number_of(r, "kept"), 70); /* the reader stays over its writer's death */
    table_close(&r);
    table_close(&w);
}

static void a_full_table_says_so(void **state)
{
    enum { SLOTS = 40 };
    struct table *w = writer(1, SLOTS), *r = reader();
    char key[16];
    for (int i = 0; i < SLOTS; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        put(w, key, (uint64_t)i + 1);
    }
    assert_null(table_record(w, "one more", NULL));
    assert_int_equal(count(r), SLOTS); /* it grew under the reader */
    table_drop(w, "k17");
    put(w, "one more", 99);
    assert_int_equal(number_of(r, "one more"), 99);
    assert_int_equal(number_of(r, "k39"), 40);
    table_close(&r);
    table_close(&w);
}

static void another_version_keeps_the_stable_bytes(void **state)
{
    struct table *w = writer(1, 100), *old = reader();
    put(w, "a", 1);
    table_close(&w);
    w = writer(2, 50);
    bool is_new;
    struct record *a = table_record(w, "a", &is_new);
    assert_false(is_new);
    assert_int_equal(a->number, 1);
    assert_string_equal(a->text, "");
    assert_int_equal(number_of(old, "a"), 1); /* its file lives on without a name */
    struct err err = {0};
    assert_null(table_open(path, 1, sizeof(struct record), &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_null(table_open(path, 2, sizeof(struct record) + 1, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    table_close(&old);
    table_close(&w);
}

static void poke(off_t at, const void *p, size_t n)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, p, n, at), (ssize_t)n);
    close(fd);
}

static void another_boot_or_damage_begins_anew(void **state)
{
    struct table *w = writer(1, 100);
    put(w, "a", 1);
    table_close(&w);
    poke(24, &(uint64_t){1}, 8); /* the boot; the check fails, too */
    w = writer(1, 100);
    assert_int_equal(count(w), 0);
    put(w, "a", 1);
    table_close(&w);
    poke(0, "JUNK", 4);
    struct err err = {0};
    assert_null(table_open(path, 1, sizeof(struct record), &err));
    assert_int_equal(err.code, ERR_DAMAGED);
    w = writer(1, 100);
    assert_int_equal(count(w), 0);
    table_close(&w);
}

static void there_may_be_no_file(void **state)
{
    struct err err = {0};
    unlink(path);
    assert_null(table_open(path, 1, 8, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_null(table_create("/nonexistent/table", &(struct table_spec){1, 8, 8, 8}, &err));
    assert_int_equal(err.code, ERR_IO);
}

static void ten_thousand_keys(void **state)
{
    struct table *w = writer(1, 20000), *r = reader();
    char key[16];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 10000; i++) {
            snprintf(key, sizeof(key), "r%d-%d", round, i);
            put(w, key, (uint64_t)i + 1);
        }
        assert_int_equal(count(r), 10000);
        assert_int_equal(number_of(r, key), 10000);
        for (int i = 0; i < 10000; i++) {
            snprintf(key, sizeof(key), "r%d-%d", round, i);
            table_drop(w, key);
        }
        assert_int_equal(count(r), 0);
    }
    table_close(&r);
    table_close(&w);
}

int main(void)
{
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        IN_DIR(readers_find_what_was_shown),
        IN_DIR(a_successor_goes_on),
        IN_DIR(a_full_table_says_so),
        IN_DIR(another_version_keeps_the_stable_bytes),
        IN_DIR(another_boot_or_damage_begins_anew),
        cmocka_unit_test(there_may_be_no_file),
        IN_DIR(ten_thousand_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
