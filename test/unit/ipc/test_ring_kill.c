/* ring.c under kill -9: a producer and a consumer process are killed and replaced at random moments. The
 * consumer keeps what the core keeps, a cursor that is stored together with the data (here: one pwrite of
 * both), so that replay is noticed. Checked: every acknowledged record is there exactly once, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "ipc/ring.h"

#define KILLS 300

/* Shared with both children, which die at any instruction: single stores only. */
struct shared {
    _Atomic uint64_t acknowledged; /* greatest number that ring_publish returned */
    _Atomic uint64_t cursor;       /* greatest number consumed */
    _Atomic uint64_t consumed;     /* records consumed */
    _Atomic uint64_t first;
    _Atomic uint32_t broken;
};

static void producer(const char *path, struct shared *s, uint64_t seed)
{
    struct ring *r = ring_open(path, 64u << 10, NULL);
    if (!r || ring_claim(r, NULL) < 0)
        _exit(3);
    struct rng rng;
    rng_seed(&rng, seed);
    char block[600];
    for (;;) {
        size_t n = 16 + rng_below(&rng, sizeof(block) - 16);
        memset(block, (int)n, n);
        uint64_t seq;
        bool wake;
        if (ring_publish(r, block, n, &seq, &wake))
            atomic_store(&s->acknowledged, seq);
        else
            usleep(20);
    }
}

static bool whole(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != (unsigned char)n)
            return false;
    return n >= 16;
}

/* "Commits" by storing the cursor; a kill between the commit and ring_free_upto makes the successor see
 * records again, which it must recognise by their numbers. */
static void consumer(const char *path, struct shared *s)
{
    struct ring *r = ring_open(path, 64u << 10, NULL);
    if (!r)
        _exit(3);
    for (;;) {
        const void *p;
        size_t n;
        uint64_t seq;
        int rc = ring_next(r, &p, &n, &seq, NULL);
        uint64_t cursor = atomic_load(&s->cursor);
        if (rc < 0 || (rc == 1 && !whole(p, n)) || (rc == 1 && cursor > 0 && seq > cursor + 1))
            atomic_store(&s->broken, rc < 0 ? 1 : seq > cursor + 1 ? 2 : 3);
        if (rc == 0) {
            if (cursor)
                ring_free_upto(r, cursor);
            usleep(20);
        } else if (seq > cursor) {
            atomic_store(&s->cursor, seq);
        }
        if (rc == 1 && seq % 16 == 0)
            ring_free_upto(r, seq);
    }
}

static pid_t start(int which, const char *path, struct shared *s, uint64_t seed)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (which == 0)
        producer(path, s, seed);
    else
        consumer(path, s);
    _exit(0);
}

static void killed_at_random_nothing_is_lost_or_doubled(void **state)
{
    char dir[] = "/tmp/belfry-ring-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/ring", dir);
    struct shared *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct rng rng;
    rng_seed(&rng, (uint64_t)getpid());
    pid_t pid[2] = {start(0, path, s, 1), start(1, path, s, 1)};
    for (uint64_t i = 0; i < KILLS; i++) {
        usleep((useconds_t)rng_below(&rng, 4000));
        int which = (int)rng_below(&rng, 2);
        kill(pid[which], SIGKILL);
        int status;
        waitpid(pid[which], &status, 0);
        assert_true(WIFSIGNALED(status));
        pid[which] = start(which, path, s, i + 2);
    }
    kill(pid[0], SIGKILL);
    waitpid(pid[0], NULL, 0);
    uint64_t want = atomic_load(&s->acknowledged);
    for (int i = 0; i < 500 && atomic_load(&s->cursor) < want; i++)
        usleep(10000);
    kill(pid[1], SIGKILL);
    waitpid(pid[1], NULL, 0);
    assert_int_equal((int)atomic_load(&s->broken), 0);
    assert_true(atomic_load(&s->cursor) >= want);
    assert_true(want > 1000);
    print_message("%llu records over %d kills\n", (unsigned long long)want, KILLS);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_random_nothing_is_lost_or_doubled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
