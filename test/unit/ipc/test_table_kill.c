/* table.c under kill -9: the writer is killed and replaced at random moments. A reader never sees a torn record nor one
 * older than it saw; a key is never there twice; the successor finds every record that its predecessor finished. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "ipc/table.h"

#define KILLS 300
#define KEYS  20
#define WORDS 60

struct record {
    uint64_t words[WORDS];
};

/* Shared with the writers, which die at any instruction: single stores only. */
struct shared {
    _Atomic uint64_t shown[KEYS]; /* greatest number whose table_show returned */
    _Atomic uint64_t kept[KEYS];  /* greatest number whose record was wholly stored */
    _Atomic uint32_t broken;
};

static void name_of(uint64_t k, char *name)
{
    snprintf(name, 16, "unit-%d", (int)k);
}

/* The greater of what was acknowledged and what stands there: a kill may lie between the two. */
static uint64_t go_on_from(struct table *t, struct shared *s, uint64_t k)
{
    char name[16];
    name_of(k, name);
    struct record *r = table_record(t, name, NULL);
    uint64_t greatest = 0;
    for (size_t i = 0; i < WORDS; i++)
        if (r->words[i] > greatest)
            greatest = r->words[i];
    if (greatest < atomic_load(&s->kept[k]))
        atomic_store(&s->broken, 1);
    return greatest;
}

static void write_on(const char *path, struct shared *s, uint64_t seed)
{
    struct table *t =
        table_create(path, &(struct table_spec){1, sizeof(struct record), 0, KEYS}, NULL);
    if (!t)
        _exit(3);
    struct rng rng;
    rng_seed(&rng, seed);
    uint64_t next[KEYS];
    for (uint64_t k = 0; k < KEYS; k++)
        next[k] = go_on_from(t, s, k) + 1;
    for (;;) {
        uint64_t k = rng_below(&rng, KEYS);
        char name[16];
        name_of(k, name);
        struct record *r = table_record(t, name, NULL);
        for (size_t i = 0; i < WORDS; i++)
            ((volatile uint64_t *)r->words)[i] = next[k];
        atomic_store(&s->kept[k], next[k]);
        table_show(t, r);
        atomic_store(&s->shown[k], next[k]++);
    }
}

static pid_t start(const char *path, struct shared *s, uint64_t seed)
{
    pid_t pid = fork();
    if (pid == 0)
        write_on(path, s, seed);
    return pid;
}

static void look(struct table *t, struct shared *s, uint64_t *seen)
{
    bool there[KEYS] = {false};
    const char *key;
    struct record r;
    uint64_t shown[KEYS];
    for (size_t k = 0; k < KEYS; k++)
        shown[k] = atomic_load(&s->shown[k]);
    for (uint32_t it = 0; table_next(t, &it, &key, &r);) {
        size_t k = strtoul(key + 5, NULL, 10);
        assert_true(k < KEYS && !there[k]);
        there[k] = true;
        for (size_t i = 1; i < WORDS; i++)
            assert_int_equal(r.words[i], r.words[0]);
        assert_true(r.words[0] >= seen[k] && r.words[0] >= shown[k]);
        seen[k] = r.words[0];
    }
    for (size_t k = 0; k < KEYS; k++)
        assert_true(there[k] || shown[k] == 0);
}

static void killed_at_random_no_record_is_torn(void **state)
{
    char dir[] = "/tmp/belfry-table-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/table", dir);
    struct shared *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct table *first =
        table_create(path, &(struct table_spec){1, sizeof(struct record), 0, KEYS}, NULL);
    table_close(&first);
    struct table *t = table_open(path, 1, sizeof(struct record), NULL);
    assert_non_null(t);
    struct rng rng;
    rng_seed(&rng, (uint64_t)getpid());
    uint64_t seen[KEYS] = {0}, all = 0;
    for (uint64_t i = 0; i < KILLS; i++) {
        pid_t pid = start(path, s, i);
        usleep((useconds_t)rng_below(&rng, 3000));
        look(t, s, seen);
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        look(t, s, seen);
        assert_int_equal(atomic_load(&s->broken), 0);
    }
    for (size_t k = 0; k < KEYS; k++)
        all += seen[k];
    assert_true(all > KILLS);
    print_message("%llu records over %d kills\n", (unsigned long long)all, KILLS);
    table_close(&t);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_random_no_record_is_torn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
