/* Suppression: windows, parents (transitive, cyclic), Belfry's own network. */
#include "alert/suppress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"

#define N 400

struct world {
    struct target t[N + 1];
    struct target_state st[N + 1];
    uint64_t parent[N + 1][2];
    char names[N + 1][16];
};

static const struct target *find(void *arg, uint64_t id, const struct target_state **st)
{
    struct world *w = arg;
    if (id == 0 || id > N || w->t[id].id == 0)
        return NULL;
    *st = &w->st[id];
    return &w->t[id];
}

static void setup_world(struct world *w)
{
    *w = (struct world){0};
    for (uint64_t i = 1; i <= N; i++) {
        snprintf(w->names[i], sizeof(w->names[i]), "t%d", (int)i);
        w->t[i] = (struct target){.id = i, .name = w->names[i], .group = "g", .enabled = true};
        w->st[i] = (struct target_state){.status = TARGET_HEALTHY};
    }
}

static void depend(struct world *w, uint64_t child, uint64_t parent)
{
    w->parent[child][w->t[child].depends_on.n] = parent;
    w->t[child].depends_on.at = w->parent[child];
    w->t[child].depends_on.n++;
}

static struct world world;

static enum suppression ask(uint64_t id, int64_t checked_ms, const char **by)
{
    struct suppress_env env = {.find = find, .arg = &world};
    struct subject s = {&world.t[id], NULL};
    struct held held;
    enum suppression found = suppress_find(&env, &s, checked_ms, 100000, &held);
    if (by != NULL)
        *by = held.by;
    return found;
}

static void test_parents(void **state)
{
    const char *by;
    setup_world(&world);
    depend(&world, 1, 2);
    depend(&world, 2, 3);
    depend(&world, 1, 999999); /* unknown: no matter */
    assert_int_equal(ask(1, 50000, &by), SUPPRESSED_NONE);
    world.st[3].fail_count = 1; /* one failure of a grandparent is enough */
    assert_int_equal(ask(1, 50000, &by), SUPPRESSED_PARENT);
    assert_string_equal(by, "t3");
    assert_int_equal(ask(3, 50000, &by), SUPPRESSED_NONE);
    world.st[3].status = TARGET_DISABLED;
    assert_int_equal(ask(1, 50000, &by), SUPPRESSED_NONE);
}

static void test_parent_just_recovered(void **state)
{
    setup_world(&world);
    depend(&world, 1, 2);
    world.st[2] = (struct target_state){
        .status = TARGET_HEALTHY, .since_ms = 60000, .last_checked_ms = 61000};
    assert_int_equal(ask(1, 59000, NULL), SUPPRESSED_PARENT); /* began while the parent was down */
    assert_int_equal(ask(1, 60001, NULL), SUPPRESSED_NONE);
}

static void test_cycles(void **state)
{
    setup_world(&world);
    depend(&world, 1, 2);
    depend(&world, 2, 1);
    depend(&world, 3, 3);
    depend(&world, 4, 1);
    world.st[1].fail_count = world.st[2].fail_count = world.st[3].fail_count = 5;
    assert_int_equal(ask(1, 0, NULL), SUPPRESSED_NONE);
    assert_int_equal(ask(2, 0, NULL), SUPPRESSED_NONE);
    assert_int_equal(ask(3, 0, NULL), SUPPRESSED_NONE);
    assert_int_equal(ask(4, 0, NULL), SUPPRESSED_PARENT);
}

static void test_long_chains_end(void **state)
{
    setup_world(&world);
    for (uint64_t i = 1; i < N; i++)
        depend(&world, i, i + 1);
    world.st[200].fail_count = 1;
    assert_int_equal(ask(1, 0, NULL), SUPPRESSED_PARENT);
    world.st[200].fail_count = 0;
    world.st[N].fail_count = 1; /* beyond SUPPRESS_ANCESTORS_MAX: not looked at */
    assert_int_equal(ask(1, 0, NULL), SUPPRESSED_NONE);
}

static void test_maintenance(void **state)
{
    setup_world(&world);
    uint64_t ids[] = {5};
    const char *groups[] = {"other"};
    struct maintenance m = {.id = 4,
                            .title = "upgrade",
                            .targets = {ids, 1},
                            .groups = groups,
                            .n_groups = 1,
                            .starts_ms = 1000,
                            .ends_ms = 2000};
    struct window *windows[] = {window_new(&m, NULL)};
    struct suppress_env env = {.find = find, .arg = &world, .windows = windows, .n_windows = 1};
    struct subject five = {&world.t[5], NULL}, six = {&world.t[6], NULL};
    static const struct {
        int64_t now;
        enum suppression want;
    } cases[] = {{999, SUPPRESSED_NONE},
                 {1000, SUPPRESSED_MAINTENANCE},
                 {1999, SUPPRESSED_MAINTENANCE},
                 {2000, SUPPRESSED_NONE}};
    struct held by;
    for (size_t i = 0; i < array_len(cases); i++)
        assert_int_equal(suppress_find(&env, &five, 0, cases[i].now, &by), cases[i].want);
    assert_int_equal(suppress_find(&env, &six, 0, 1500, &by), SUPPRESSED_NONE);
    world.t[6].group = "other";
    assert_int_equal(suppress_find(&env, &six, 0, 1500, &by), SUPPRESSED_MAINTENANCE);
    assert_string_equal(by.by, "upgrade");
    assert_int_equal(by.id, 4);
    assert_int_equal(by.until_ms, 2000);
    window_free(windows[0]);
    m.ends_ms = 0; /* until ended by hand */
    windows[0] = window_new(&m, NULL);
    assert_int_equal(suppress_find(&env, &six, 0, 900000, &by), SUPPRESSED_MAINTENANCE);
    assert_int_equal(by.until_ms, 0);
    window_free(windows[0]);
}

/* Of several that hold it, the first is told and all are listed. */
static void test_silences(void **state)
{
    setup_world(&world);
    struct label label = {"env", "prod"};
    struct label_match match[] = {{"env", "pr.*", MATCH_RE}, {"target", "t6", MATCH_NE}};
    struct silence one = {.id = 3, .comment = "deploy", .starts_ms = 1000, .ends_ms = 2000};
    struct maintenance m = {.id = 9, .title = "all", .matchers = match, .n_matchers = 1};
    const struct silence *silences[] = {&one};
    struct suppress_env env = {.find = find, .arg = &world, .silences = silences, .n_silences = 1};
    struct subject five = {&world.t[5], NULL}, six = {&world.t[6], NULL};
    struct held by, all[4];
    assert_int_equal(subject_test_init(&one.test, match, 2, NULL), 0);
    world.t[5].labels = world.t[6].labels = &label;
    world.t[5].n_labels = world.t[6].n_labels = 1;
    assert_int_equal(suppress_find(&env, &five, 0, 999, &by), SUPPRESSED_NONE);
    assert_int_equal(suppress_find(&env, &five, 0, 1000, &by), SUPPRESSED_SILENCE);
    assert_string_equal(by.by, "deploy");
    assert_int_equal(by.id, 3);
    assert_int_equal(suppress_find(&env, &five, 0, 2000, &by), SUPPRESSED_NONE);
    assert_int_equal(suppress_find(&env, &six, 0, 1000, &by), SUPPRESSED_NONE);
    label.value = "test";
    assert_int_equal(suppress_find(&env, &five, 0, 1000, &by), SUPPRESSED_NONE);

    label.value = "prod";
    depend(&world, 5, 7);
    world.st[7].fail_count = 1;
    struct window *windows[] = {window_new(&m, NULL)};
    env.windows = windows;
    env.n_windows = 1;
    assert_int_equal(suppress_all(&env, &five, 1000, all, 4), 3);
    assert_int_equal(all[0].why, SUPPRESSED_MAINTENANCE);
    assert_int_equal(all[1].why, SUPPRESSED_SILENCE);
    assert_int_equal(all[1].until_ms, 2000);
    assert_int_equal(all[2].why, SUPPRESSED_PARENT);
    assert_int_equal(all[2].id, 7);
    assert_int_equal(suppress_all(&env, &five, 1000, all, 2), 2);
    assert_int_equal(suppress_all(&env, &six, 1000, all, 4), 1);
    window_free(windows[0]);
    subject_test_done(&one.test);
}

static void test_matchers(void **state)
{
    struct label own[] = {{"group", "mine"}, {"team", "a"}};
    struct alert alert = {.target_name = "HighLoad",
                          .target_type = "rule",
                          .group = "rules",
                          .instance = "h:1",
                          .labels = own,
                          .n_labels = 2};
    struct target as;
    struct subject s = subject_of_alert(&alert, &as);
    static const struct {
        struct label_match match;
        bool want;
    } cases[] = {
        {{"alertname", "HighLoad", MATCH_EQ}, true},
        {{"target", "High", MATCH_EQ}, false},
        {{"target", "High.*", MATCH_RE}, true},
        {{"group", "mine", MATCH_EQ}, true},
        {{"group", "rules", MATCH_EQ}, false},
        {{"type", "rule", MATCH_EQ}, true},
        {{"instance", "h:[0-9]", MATCH_RE}, true},
        {{"team", "a|b", MATCH_NRE}, false},
        {{"absent", "", MATCH_EQ}, true},
        {{"absent", ".+", MATCH_RE}, false},
        {{"absent", "x", MATCH_NE}, true},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct subject_test t;
        assert_int_equal(subject_test_init(&t, &cases[i].match, 1, NULL), 0);
        if (subject_test_holds(&t, &s) != cases[i].want)
            fail_msg("case %zu: want %d", i, cases[i].want);
        subject_test_done(&t);
    }
    struct subject_test none = {0};
    struct label_match wrong = {"env", "(", MATCH_RE};
    struct err err = {0};
    assert_false(subject_test_holds(&none, &s)); /* no matcher: nothing, not everything */
    assert_int_equal(subject_test_init(&none, &wrong, 1, &err), -1);
    assert_non_null(strstr(err.msg, "env"));
}

static void test_own_network(void **state)
{
    setup_world(&world);
    uint64_t refs[] = {10, 11, 12, 888888};
    struct suppress_env env = {.find = find, .arg = &world, .references = {refs, 4}};
    assert_false(suppress_own_network(&env, INT64_MAX));
    world.st[10].fail_count = world.st[11].fail_count = 1;
    assert_false(suppress_own_network(&env, INT64_MAX));
    world.t[12].enabled = false; /* nobody probes it: it has no say */
    assert_true(suppress_own_network(&env, INT64_MAX));
    struct subject first = {&world.t[1], NULL};
    assert_int_equal(suppress_find(&env, &first, 0, 0, NULL), SUPPRESSED_OWN_NETWORK);
    world.t[10].enabled = world.t[11].enabled = false;
    assert_false(suppress_own_network(&env, INT64_MAX));
    env.references.n = 0;
    assert_false(suppress_own_network(&env, INT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parents),     cmocka_unit_test(test_parent_just_recovered),
        cmocka_unit_test(test_cycles),      cmocka_unit_test(test_long_chains_end),
        cmocka_unit_test(test_maintenance), cmocka_unit_test(test_own_network),
        cmocka_unit_test(test_silences),    cmocka_unit_test(test_matchers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
