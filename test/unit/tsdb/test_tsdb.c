/* The store against a model: whatever is appended, in order or not, deleted, cut, closed or abandoned, answers are the model's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "tsdb_helper.h"

static void tick(struct tsdb *db, bool force)
{
    struct err err = {0};
    if (tsdb_tick(db, force, &err) < 0)
        fail_msg("%s", err.msg);
}

static void test_append_and_reopen(void **state)
{
    (void)state;
    char *dir = fresh_dir();
    struct model *m = model_new();
    struct rng r;
    rng_seed(&r, 1);
    struct tsdb *db = open_db(dir, m);
    for (int round = 0; round < 6; round++) {
        for (int k = 0; k < 20; k++)
            append_random(db, m, &r, 100);
        model_check(m, db);
        tsdb_close(db);
        db = open_db(dir, m);
        model_check(m, db);
    }
    tsdb_close(db);
    model_free(m);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_and_reopen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
