/* Label sets whose hashes are the same are different series all the same, in the head, in blocks and over both. The linker puts this
 * hash in the place of labels_hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tsdb_helper.h"

uint64_t __wrap_labels_hash(const struct labels *l);

uint64_t __wrap_labels_hash(const struct labels *l)
{
    struct str v = labels_get(l, STR("i"));
    return 7 + v.n % 2;
}

static void tick(struct tsdb *db)
{
    struct err err;
    assert_int_equal(tsdb_tick(db, false, &err), 0);
}

static void test_same_hashes(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        char *dir = fresh_dir();
        struct model *m = model_new();
        struct rng r;
        rng_seed(&r, seed);
        struct tsdb *db = open_db(dir, m);
        for (int round = 0; round < 300; round++) {
            append_random(db, m, &r, 1 + (uint32_t)rng_below(&r, 60));
            if (round % 10 != 9)
                continue;
            m->now += (int64_t)rng_below(&r, 3600000);
            tick(db); /* what is old is in blocks, some of them merged */
            if (round % 50 == 49)
                model_check(m, db);
        }
        tsdb_close(db);
        db = open_db(dir, m);
        model_check(m, db);
        tsdb_close(db);
        model_free(m);
        drop_dir(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
