/* ring.c in one process: order, wrapping, fullness, freeing, rewinding, waking, damage of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "ipc/ring.h"

#define SIZE (64u << 10)

struct fixture {
    char dir[64], path[96];
    struct ring *producer, *consumer;
};

static struct ring *must_open(const char *path)
{
    struct err err;
    struct ring *r = ring_open(path, SIZE, &err);
    if (!r)
        fail_msg("%s", err.msg);
    return r;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "%s", "/tmp/belfry-ring-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof(f->path), "%s/ring", f->dir);
    f->producer = must_open(f->path);
    f->consumer = must_open(f->path);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    ring_close(&f->producer);
    ring_close(&f->consumer);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static uint64_t put(struct fixture *f, const char *text)
{
    uint64_t seq = 0;
    bool wake;
    assert_true(ring_publish(f->producer, text, strlen(text), &seq, &wake));
    return seq;
}

static void expect(struct fixture *f, const char *text, uint64_t want_seq)
{
    const void *p;
    size_t n;
    uint64_t seq;
    struct err err = {0};
    int rc = ring_next(f->consumer, &p, &n, &seq, &err);
    if (rc < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(rc, 1);
    assert_int_equal(seq, want_seq);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(p, text, n);
}

static int next(struct fixture *f)
{
    const void *p;
    size_t n;
    uint64_t seq;
    return ring_next(f->consumer, &p, &n, &seq, NULL);
}

static void records_come_in_order(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ring_id(f->producer), ring_id(f->consumer));
    assert_int_equal(next(f), 0);
    uint64_t first = put(f, "one");
    assert_int_equal(put(f, ""), first + 1);
    assert_int_equal(put(f, "three, which is longer"), first + 2);
    expect(f, "one", first);
    expect(f, "", first + 1);
    expect(f, "three, which is longer", first + 2);
    assert_int_equal(next(f), 0);
    assert_int_equal(ring_stats(f->consumer).published, first + 2);
}

static void rewinding_reads_what_was_not_freed(void **state)
{
    struct fixture *f = *state;
    uint64_t a = put(f, "a"), b = put(f, "b"), c = put(f, "c");
    for (int i = 0; i < 3; i++)
        assert_int_equal(next(f), 1);
    ring_free_upto(f->consumer, a);
    ring_rewind(f->consumer);
    expect(f, "b", b);
    /* A new consumer sees the same. */
    ring_close(&f->consumer);
    f->consumer = must_open(f->path);
    expect(f, "b", b);
    expect(f, "c", c);
    ring_free_upto(f->consumer, c);
    assert_int_equal(ring_stats(f->consumer).used, 0);
}

static void numbers_go_on_in_a_successor(void **state)
{
    struct fixture *f = *state;
    put(f, "a");
    uint64_t b = put(f, "b");
    ring_close(&f->producer);
    f->producer = must_open(f->path);
    assert_int_equal(put(f, "c"), b + 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(next(f), 1);
    ring_free_upto(f->consumer, b + 1);
    ring_close(&f->producer); /* and when the ring is empty */
    f->producer = must_open(f->path);
    assert_int_equal(put(f, "d"), b + 2);
    expect(f, "d", b + 2);
}

static void a_full_ring_drops_and_counts(void **state)
{
    struct fixture *f = *state;
    char block[1000] = {0};
    uint64_t seq = 0, last = 0;
    bool wake;
    int published = 0;
    while (ring_publish(f->producer, block, sizeof(block), &seq, &wake)) {
        last = seq;
        published++;
    }
    assert_true(published >= 60 && published <= 65);
    assert_int_equal(ring_stats(f->producer).dropped, 1);
    assert_int_equal(next(f), 1);
    assert_false(
        ring_publish(f->producer, block, sizeof(block), &seq, &wake)); /* read, not freed */
    while (next(f) == 1)
        ;
    ring_free_upto(f->consumer, last);
    assert_true(ring_publish(f->producer, block, sizeof(block), &seq, &wake));
    assert_int_equal(seq, last + 1);
}

static void random_sizes_wrap(void **state)
{
    struct fixture *f = *state;
    struct rng rng;
    rng_seed(&rng, 42);
    static char block[SIZE / 4];
    memset(block, 'x', sizeof(block));
    uint64_t last = 0;
    for (int i = 0; i < 20000; i++) {
        size_t n = rng_below(&rng, i % 10 == 0 ? sizeof(block) + 1 : 300);
        uint64_t seq;
        bool wake;
        if (ring_publish(f->producer, block, n, &seq, &wake))
            last = seq;
        if (rng_below(&rng, 3) > 0)
            continue;
        const void *p;
        uint64_t got = 0;
        struct err err;
        int rc;
        while ((rc = ring_next(f->consumer, &p, &n, &seq, &err)) == 1)
            got = seq;
        if (rc < 0)
            fail_msg("%s", err.msg);
        assert_int_equal(got ? got : last, last);
        if (got)
            ring_free_upto(f->consumer, got);
    }
    assert_true(last > 10000);
}

static void the_sleeper_is_woken_once(void **state)
{
    struct fixture *f = *state;
    bool wake;
    assert_true(ring_publish(f->producer, "a", 1, NULL, &wake));
    assert_false(wake);
    assert_true(ring_sleep(f->consumer)); /* there is something: do not sleep */
    assert_int_equal(next(f), 1);
    assert_false(ring_sleep(f->consumer));
    assert_true(ring_publish(f->producer, "b", 1, NULL, &wake));
    assert_true(wake);
    assert_true(ring_publish(f->producer, "c", 1, NULL, &wake));
    assert_false(wake);
}

static void one_producer_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct err err;
    assert_int_equal(ring_claim(f->producer, &err), 0);
    assert_int_equal(ring_claim(f->consumer, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    ring_close(&f->producer);
    assert_int_equal(ring_claim(f->consumer, &err), 0);
    assert_false(ring_stale(f->consumer));
    unlink(f->path);
    assert_true(ring_stale(f->consumer));
}

/* Overwrites n bytes of the file at `at`. */
static void scribble(struct fixture *f, long at, const void *p, size_t n)
{
    int fd = open(f->path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, p, n, at), n);
    close(fd);
}

static void damage_is_found(void **state)
{
    struct fixture *f = *state;
    static const struct {
        long at;
        uint64_t value;
        size_t n;
    } cases[] = {
        {64, 8, 8},            /* head behind what was written */
        {64, 3, 8},            /* not aligned */
        {64, 1u << 30, 8},     /* more than the ring holds */
        {128, 1u << 20, 8},    /* tail before head */
        {4096, 0x7fffffff, 4}, /* length */
        {4096, 0xffffffff, 4}, /* a wrap marker at the start */
        {4096, 4, 4},          /* a length that fits, with another crc */
        {4104, 9, 8},          /* number */
        {4112, 'Z', 1},        /* payload */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ring_close(&f->producer);
        ring_close(&f->consumer);
        unlink(f->path);
        f->producer = must_open(f->path);
        put(f, "whole");
        scribble(f, cases[i].at, &cases[i].value, cases[i].n);
        f->consumer = must_open(f->path);
        struct err err = {0};
        const void *p;
        size_t n;
        uint64_t seq;
        int rc = ring_next(f->consumer, &p, &n, &seq, &err);
        if (rc != -1)
            fail_msg("case %zu: got %d", i, rc);
        assert_int_equal(err.code, ERR_DAMAGED);
        assert_int_equal(ring_next(f->consumer, &p, &n, &seq, &err), -1);
    }
}

static void damaged_headers_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err err;
    scribble(f, 16, &(uint64_t){1u << 17}, 8);
    assert_null(ring_open(f->path, SIZE, &err));
    assert_int_equal(err.code, ERR_DAMAGED);
    scribble(f, 0, "x", 1);
    assert_null(ring_open(f->path, SIZE, &err));
    assert_int_equal(truncate(f->path, 100), 0);
    assert_null(ring_open(f->path, SIZE, &err));
    assert_int_equal(err.code, ERR_DAMAGED);
    assert_int_equal(truncate(f->path, 4096 + SIZE), 0); /* so that tear_down can unmap in peace */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(records_come_in_order),
        T(rewinding_reads_what_was_not_freed),
        T(numbers_go_on_in_a_successor),
        T(a_full_ring_drops_and_counts),
        T(random_sizes_wrap),
        T(the_sleeper_is_woken_once),
        T(one_producer_at_a_time),
        T(damage_is_found),
        T(damaged_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
