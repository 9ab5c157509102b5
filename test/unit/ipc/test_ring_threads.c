/* ring.c with producer and consumer at once, in two threads (so that TSan sees both): every record
 * arrives once, in order and whole, and a sleeper that was told to sleep is always woken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/ring.h"

#define RECORDS 100000u

struct pair {
    char path[96];
    sem_t wake;
};

static void *produce(void *arg)
{
    struct pair *p = arg;
    struct ring *r = ring_open(p->path, 64u << 10, NULL);
    uint64_t words[16];
    for (uint64_t i = 0; i < RECORDS;) {
        for (size_t k = 0; k < 16; k++)
            words[k] = i * 31 + k;
        bool wake;
        if (!ring_publish(r, words, sizeof(uint64_t) * (1 + i % 16), NULL, &wake)) {
            sched_yield();
            continue;
        }
        if (wake)
            sem_post(&p->wake);
        i++;
        if (i % 1000 == 0)
            usleep(100); /* lets the consumer run dry and sleep */
    }
    ring_close(&r);
    return NULL;
}

static void wait_woken(struct pair *p)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    while (sem_timedwait(&p->wake, &until) < 0)
        if (errno == ETIMEDOUT)
            fail_msg("a sleeper was not woken");
}

static void every_record_arrives_once(void **state)
{
    struct pair p = {0};
    char dir[] = "/tmp/belfry-ring-XXXXXX";
    assert_non_null(mkdtemp(dir));
    snprintf(p.path, sizeof(p.path), "%s/ring", dir);
    sem_init(&p.wake, 0, 0);
    struct ring *r = ring_open(p.path, 64u << 10, NULL);
    assert_non_null(r);
    pthread_t thread;
    pthread_create(&thread, NULL, produce, &p);
    uint64_t first = 0, slept = 0;
    for (uint64_t i = 0; i < RECORDS;) {
        const void *data;
        size_t n;
        uint64_t seq;
        int rc = ring_next(r, &data, &n, &seq, NULL);
        assert_true(rc >= 0);
        if (rc == 0) {
            slept++;
            if (!ring_sleep(r))
                wait_woken(&p);
            continue;
        }
        first = first ? first : seq;
        assert_int_equal(seq, first + i);
        assert_int_equal(n, 8 * (1 + i % 16));
        assert_int_equal(((const uint64_t *)data)[i % 16], i * 31 + i % 16);
        i++;
        if (i % 7 == 0)
            ring_free_upto(r, seq);
    }
    pthread_join(thread, NULL);
    assert_true(slept > 0);
    ring_close(&r);
    unlink(p.path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_record_arrives_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
