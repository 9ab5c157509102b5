/* The pool of workers: as many at once as the limit says, the rest in order, refusal beyond the queue, idle threads that
 * end, hooks, and a stop that loses nothing. */
#include "io_unit.h"

#include <semaphore.h>

#include "base/must.h"
#include "io/workers.h"

struct bed {
    struct workers *w;
    atomic_int ran;
    sem_t begun, go;
};

struct task {
    struct worker_job job;
    struct bed *bed;
    bool waits;
    int turn;
};

static void run(struct worker_job *job)
{
    struct task *t = container_of(job, struct task, job);
    struct bed *b = t->bed;
    bool waits = t->waits;
    if (waits) {
        sem_post(&b->begun);
        sem_wait(&b->go);
    }
    t->turn = atomic_fetch_add(&b->ran, 1) + 1;
    if (!waits) {
        sem_post(&b->begun); /* its owner may use it again */
    }
}

static bool submit(struct bed *b, struct task *t, bool waits)
{
    *t = (struct task){.job.run = run, .bed = b, .waits = waits};
    return workers_submit(b->w, &t->job);
}

static void open_bed(struct bed *b, struct workers_config cfg)
{
    memset(b, 0, sizeof(*b));
    sem_init(&b->begun, 0, 0);
    sem_init(&b->go, 0, 0);
    b->w = workers_new(&cfg);
}

static void close_bed(struct bed *b)
{
    workers_stop(b->w);
    assert_int_equal(workers_stats(b->w).threads, 0);
    workers_free(b->w);
    sem_destroy(&b->begun);
    sem_destroy(&b->go);
}

static void wait_for(struct bed *b, uint64_t threads, uint64_t busy)
{
    struct workers_stats s;
    do {
        usleep(1000);
        s = workers_stats(b->w);
    } while (s.threads != threads || s.busy != busy);
}

static void test_limit_and_queue(void **state)
{
    struct bed b;
    struct task t[6];
    open_bed(&b, (struct workers_config){.limit = 2, .kept = 1, .queue = 3, .idle_ms = 60000});
    assert_int_equal(workers_stats(b.w).threads, 0); /* on demand */
    for (int i = 0; i < 5; i++) {
        assert_true(submit(&b, &t[i], true));
    }
    assert_false(submit(&b, &t[5], true));
    sem_wait(&b.begun);
    sem_wait(&b.begun);
    struct workers_stats s = workers_stats(b.w);
    assert_int_equal(s.busy, 2);
    assert_int_equal(s.limit, 2);
    assert_int_equal(s.queued, 3);
    assert_int_equal(s.refused, 1);
    for (int i = 0; i < 5; i++) {
        sem_post(&b.go);
    }
    wait_for(&b, 2, 0);
    assert_int_equal(atomic_load(&b.ran), 5);
    assert_true(submit(&b, &t[5], false)); /* there is room again */
    close_bed(&b);
    assert_int_equal(t[5].turn, 6);
}

/* Steps of what has begun wait beyond the bound, and leave room for others: those are refused by their own number alone. */
static void test_continued(void **state)
{
    struct bed b;
    struct task busy, step[5], t[3];
    open_bed(&b, (struct workers_config){.limit = 1, .kept = 1, .queue = 2, .idle_ms = 60000});
    assert_true(submit(&b, &busy, true));
    sem_wait(&b.begun);
    for (int i = 0; i < 5; i++) {
        step[i] = (struct task){.job.run = run, .bed = &b};
        assert_true(workers_continue(b.w, &step[i].job));
    }
    assert_true(submit(&b, &t[0], false));
    assert_true(submit(&b, &t[1], false));
    assert_false(submit(&b, &t[2], false));
    assert_int_equal(workers_stats(b.w).queued, 7);
    sem_post(&b.go);
    wait_for(&b, 1, 0);
    assert_true(submit(&b, &t[2], false));
    close_bed(&b);
    assert_int_equal(t[2].turn, 9);
}

static void test_order(void **state)
{
    struct bed b;
    struct task t[50];
    open_bed(&b, (struct workers_config){.limit = 1, .queue = 50, .idle_ms = 60000});
    for (int i = 0; i < 50; i++) {
        assert_true(submit(&b, &t[i], i == 0));
    }
    sem_post(&b.go);
    close_bed(&b);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(t[i].turn, i + 1);
    }
}

static atomic_int begins, ends;

static void on_begin(void)
{
    atomic_fetch_add(&begins, 1);
}

static void on_end(void)
{
    atomic_fetch_add(&ends, 1);
}

/* Idle ones end but for those kept, and new ones take their places. */
static void test_idle(void **state)
{
    struct bed b;
    struct task t[4];
    open_bed(&b, (struct workers_config){
                     .limit = 4, .kept = 1, .queue = 1, .idle_ms = 5, .hooks = {on_begin, on_end}});
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            assert_true(submit(&b, &t[i], true));
        }
        wait_for(&b, 4, 4);
        for (int i = 0; i < 4; i++) {
            sem_post(&b.go);
        }
        wait_for(&b, 1, 0);
    }
    assert_int_equal(atomic_load(&begins), 4 + 3 + 3);
    close_bed(&b);
    assert_int_equal(atomic_load(&ends), 4 + 3 + 3);
}

static void *let_go(void *arg)
{
    struct bed *b = arg;
    struct task t;
    while (submit(b, &t, false)) { /* until the stop has begun */
        sem_wait(&b->begun);
        usleep(1000);
    }
    for (int i = 0; i < 3; i++) {
        sem_post(&b->go);
    }
    return NULL;
}

/* What was taken runs to its end, what queues as well. */
static void test_stop(void **state)
{
    struct bed b;
    struct task t[3];
    pthread_t other;
    open_bed(&b, (struct workers_config){.limit = 3, .queue = 8, .idle_ms = 60000});
    for (int i = 0; i < 2; i++) {
        assert_true(submit(&b, &t[i], true));
        sem_wait(&b.begun);
    }
    pthread_create(&other, NULL, let_go, &b);
    workers_stop(b.w);
    assert_false(submit(&b, &t[2], false));
    pthread_join(other, NULL);
    assert_true(t[0].turn > 0 && t[1].turn > 0);
    close_bed(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_and_queue),
        cmocka_unit_test(test_continued),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
