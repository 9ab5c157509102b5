/* table.c with a writer and readers at once, in threads (so that TSan sees both sides): whatever a reader gets is one
 * whole record of that key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/table.h"

#define KEYS    8
#define WORDS   100
#define WRITES  40000
#define READERS 3

struct record {
    uint64_t words[WORDS]; /* all the same: key * 2^32 + count */
};

struct shared {
    char path[96];
    _Atomic bool over;
    _Atomic uint64_t reads, torn;
};

static void look(struct shared *s, uint64_t key, const struct record *r)
{
    for (size_t i = 0; i < WORDS; i++)
        if (r->words[i] != r->words[0] || r->words[i] >> 32 != key)
            atomic_fetch_add(&s->torn, 1);
    atomic_fetch_add(&s->reads, 1);
}

static void *read_on(void *arg)
{
    struct shared *s = arg;
    struct record r;
    struct table *t = table_open(s->path, 1, sizeof(r), NULL);
    const char *key;
    while (!atomic_load(&s->over)) {
        char name[8];
        uint64_t k = atomic_load(&s->reads) % KEYS;
        snprintf(name, sizeof(name), "%d", (int)k);
        if (table_read(t, name, &r))
            look(s, k, &r);
        for (uint32_t it = 0; table_next(t, &it, &key, &r);)
            look(s, (uint64_t)(*key - '0'), &r);
    }
    table_close(&t);
    return NULL;
}

static void write_once(struct table *t, uint64_t i)
{
    uint64_t k = i * 7 % KEYS;
    char name[8];
    snprintf(name, sizeof(name), "%d", (int)k);
    if (i % 50 == 0)
        table_drop(t, name);
    struct record *r = table_record(t, name, NULL);
    for (size_t n = 0; n < WORDS; n++)
        r->words[n] = k << 32 | i;
    table_show(t, r);
}

static void no_reader_sees_a_torn_record(void **state)
{
    struct shared s = {0};
    char dir[] = "/tmp/belfry-table-XXXXXX";
    assert_non_null(mkdtemp(dir));
    snprintf(s.path, sizeof(s.path), "%s/table", dir);
    struct table *t =
        table_create(s.path, &(struct table_spec){1, sizeof(struct record), 0, KEYS}, NULL);
    assert_non_null(t);
    pthread_t readers[READERS];
    for (int i = 0; i < READERS; i++)
        pthread_create(&readers[i], NULL, read_on, &s);
    for (uint64_t i = 1; i <= WRITES || atomic_load(&s.reads) < 1000; i++)
        write_once(t, i);
    atomic_store(&s.over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&s.torn), 0);
    print_message("%llu records read\n", (unsigned long long)atomic_load(&s.reads));
    table_close(&t);
    unlink(s.path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_reader_sees_a_torn_record)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
