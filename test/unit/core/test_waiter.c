/* Waiters: one thread waits, the loop's finishes; in any order, with or without an answer, and when nobody comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/waiter.h"

static void finished_before_the_wait(void **state)
{
    struct waiter *w = waiter_new();
    struct buf out = BUF_INIT(100);
    struct err err = {0};
    waiter_finish(w, NULL, "answer", 6);
    assert_int_equal(waiter_wait(w, 0, &out, &err), 0);
    assert_memory_equal(out.data, "answer", 6);
    assert_int_equal(waiter_wait(w, 0, NULL, &err), 0); /* still done */
    waiter_unref(w);
    buf_done(&out);
}

static void an_error_comes_through(void **state)
{
    struct waiter *w = waiter_new();
    struct buf out = BUF_INIT(100);
    struct err err = {0}, why = {0};
    err_set(&why, ERR_REFUSED, "the vendor says no");
    waiter_finish(w, &why, "ignored", 7);
    assert_int_equal(waiter_wait(w, 1000, &out, &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_string_equal(err.msg, "the vendor says no");
    assert_int_equal(out.len, 0);
    waiter_unref(w);
    buf_done(&out);
}

/* The one who waits leaves; the loop finishes what nobody hears. */
static void late(void **state)
{
    struct waiter *w = waiter_new(), *loops = waiter_ref(w);
    struct err err = {0};
    assert_int_equal(waiter_wait(w, 20, NULL, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    waiter_unref(w);
    waiter_finish(loops, NULL, NULL, 0);
    waiter_unref(loops);
    waiter_unref(NULL);
    waiter_finish(NULL, NULL, NULL, 0);
    assert_null(waiter_ref(NULL));
}

static bool third_time(const void *arg)
{
    int *asked = *(int *const *)arg;
    return ++*asked == 3;
}

/* It asks whether anybody still waits; what was finished comes through all the same. */
static void nobody_waits(void **state)
{
    struct waiter *w = waiter_new();
    struct err err = {0};
    int asked = 0, *counter = &asked;
    waiter_unless(w, third_time, &counter);
    assert_int_equal(waiter_wait(w, 10, NULL, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_int_equal(waiter_wait(w, 60000, NULL, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_int_equal(asked, 3);
    waiter_finish(w, NULL, NULL, 0);
    assert_int_equal(waiter_wait(w, 60000, NULL, &err), 0);
    waiter_unref(w);
}

static void *finish(void *arg)
{
    struct waiter **all = arg;
    for (int i = 0; i < 200; i++) {
        waiter_finish(all[i], NULL, &i, sizeof(i));
        waiter_unref(all[i]);
    }
    return NULL;
}

static void between_threads(void **state)
{
    struct waiter *mine[200], *theirs[200];
    pthread_t thread;
    for (int i = 0; i < 200; i++)
        theirs[i] = waiter_ref(mine[i] = waiter_new());
    pthread_create(&thread, NULL, finish, theirs);
    for (int i = 0; i < 200; i++) {
        struct buf out = BUF_INIT(100);
        assert_int_equal(waiter_wait(mine[i], 5000, &out, NULL), 0);
        assert_memory_equal(out.data, &i, sizeof(i));
        waiter_unref(mine[i]);
        buf_done(&out);
    }
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finished_before_the_wait),
        cmocka_unit_test(an_error_comes_through),
        cmocka_unit_test(late),
        cmocka_unit_test(nobody_waits),
        cmocka_unit_test(between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
