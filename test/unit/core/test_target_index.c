/* core/target_index: filters, orders, cursors under change, facets; the order of names after changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "core/target_index.h"

struct world {
    struct target_index *ix;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    w->ix = target_index_new();
    w->arena = arena_new();
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    target_index_free(&w->ix);
    arena_free(w->arena);
    free(w);
    return 0;
}

static void put(struct world *w, uint64_t id, const char *name, const char *group, const char *type)
{
    struct label labels[] = {{"env", id % 2 ? "prod" : "test"}};
    struct target t = {.id = id,
                       .name = name,
                       .group = group,
                       .type = type,
                       .enabled = true,
                       .source = id % 3 ? SOURCE_API : SOURCE_FILE,
                       .labels = labels,
                       .n_labels = 1};
    target_index_put(w->ix, &t, "10.0.0.1:443");
}

static void live(struct world *w, uint64_t id, enum target_status status, int64_t us,
                 const char *message)
{
    struct index_live l = {.status = status, .latency_us = us, .since_ms = (int64_t)id * 1000};
    target_index_live(w->ix, id, &l, message);
}

static void five(struct world *w)
{
    put(w, 1, "t10", "shop", "http");
    put(w, 2, "t2", "shop", "tcp");
    put(w, 3, "Apple", "office", "http");
    put(w, 4, "t2", "office", "tcp");
    put(w, 5, "zebra", "edge", "icmp");
    live(w, 1, TARGET_HEALTHY, 100, "HTTP 200");
    live(w, 2, TARGET_HEALTHY, 900, "connected");
    live(w, 3, TARGET_HEALTHY, 50, "HTTP 200");
    live(w, 4, TARGET_UNHEALTHY, 0, "Connection refused by 10.0.0.9");
    live(w, 5, TARGET_UNKNOWN, 0, NULL);
}

/* The ids found, as text. */
static const char *found(struct world *w, struct index_query *q, struct index_answer *out)
{
    struct err err = {0};
    struct index_answer room;
    out = out ? out : &room;
    if (!q->limit)
        q->limit = 100;
    if (target_index_find(w->ix, q, w->arena, out, &err) != 0)
        return err.msg[0] ? "refused" : "?";
    const char *text = "";
    for (size_t i = 0; i < out->n; i++)
        text =
            arena_printf(w->arena, "%s%s%llu", text, i ? " " : "", (unsigned long long)out->ids[i]);
    return text;
}

#define ASK(w, ...) found((w), &(struct index_query){__VA_ARGS__}, NULL)

static void test_orders(void **state)
{
    struct world *w = *state;
    five(w);
    assert_string_equal(ASK(w, .sort = INDEX_BY_ID), "1 2 3 4 5");
    assert_string_equal(ASK(w, .sort = INDEX_BY_NAME), "3 2 4 1 5"); /* t2 before t10 */
    assert_string_equal(ASK(w, .sort = INDEX_WORST), "4 5 3 2 1");
    assert_string_equal(ASK(w, .sort = INDEX_LATENCY), "2 1 3 4 5");
    assert_string_equal(ASK(w, .sort = INDEX_SINCE), "5 4 3 2 1");
    assert_string_equal(ASK(w, .sort = INDEX_BY_GROUP), "5 3 4 2 1");
    assert_string_equal(ASK(w, .sort = INDEX_WORST, .grouped = true), "4 3 5 2 1");
    assert_string_equal(ASK(w, .sort = INDEX_BY_NAME, .grouped = true), "5 3 4 2 1");
    assert_string_equal(ASK(w, .sort = INDEX_BY_NAME, .offset = 1, .limit = 2), "2 4");
    assert_string_equal(ASK(w, .sort = INDEX_BY_NAME, .offset = 9), "");
}

static void test_filters(void **state)
{
    struct world *w = *state;
    five(w);
    assert_string_equal(ASK(w, .q = "T2"), "2 4");
    assert_string_equal(ASK(w, .q = "shop tcp"), "2");
    assert_string_equal(ASK(w, .q = "REFUSED"), "4"); /* the reason of a failure */
    assert_string_equal(ASK(w, .q = "10.0.0.1 zeb"), "5");
    assert_string_equal(ASK(w, .q = "nothing like it"), "");
    assert_string_equal(ASK(w, .q = "t"), "1 2 3 4");
    assert_string_equal(ASK(w, .q = "office tcp env=test 443 2"), "4");
    assert_string_equal(ASK(w, .q = "refused t2 office"), "4"); /* of its text and what it said */
    char longer[400] = {0};
    memset(longer, 'x', sizeof(longer) - 1);
    put(w, 6, longer, "edge", "tcp");
    assert_string_equal(ASK(w, .q = longer + 20), "6");
    assert_string_equal(ASK(w, .q = "xt"), "");
    target_index_del(w->ix, 6);
    assert_string_equal(ASK(w, .q = longer + 20), "");
    assert_string_equal(ASK(w, .group = "office"), "3 4");
    assert_string_equal(ASK(w, .group = "nowhere"), "");
    assert_string_equal(ASK(w, .type = "http"), "1 3");
    assert_string_equal(ASK(w, .source = "file"), "3");
    assert_string_equal(ASK(w, .enabled = "false"), "");
    assert_string_equal(ASK(w, .label = "env=test"), "2 4");
    assert_string_equal(ASK(w, .label = "env"), "1 2 3 4 5");
    assert_string_equal(ASK(w, .label = "en"), "");
    assert_string_equal(ASK(w, .label = "env=none"), "");
    assert_string_equal(ASK(w, .states = 1u << SHOWN_DOWN | 1u << SHOWN_UNKNOWN), "4 5");
    assert_string_equal(ASK(w, .statuses = 1u << TARGET_HEALTHY), "1 2 3");
    const char *const seen[] = {"edge", "office", "gone", NULL};
    assert_string_equal(ASK(w, .groups = seen), "3 4 5");
    const uint64_t ids[] = {5, 77, 1};
    assert_string_equal(ASK(w, .ids = ids, .n_ids = 3), "1 5");
}

static void test_shown(void **state)
{
    (void)state;
    const struct {
        bool enabled;
        struct index_live live;
        enum shown_state want;
    } cases[] = {
        {false, {.status = TARGET_UNHEALTHY}, SHOWN_PAUSED},
        {true, {.status = TARGET_DISABLED}, SHOWN_PAUSED},
        {true, {.status = TARGET_UNHEALTHY, .fail_count = 3}, SHOWN_DOWN},
        {true, {.status = TARGET_HEALTHY}, SHOWN_UP},
        {true, {.status = TARGET_HEALTHY, .degraded = true}, SHOWN_DEGRADED},
        {true, {.status = TARGET_HEALTHY, .fail_count = 1}, SHOWN_DEGRADED},
        {true, {.status = TARGET_UNKNOWN, .fail_count = 1}, SHOWN_DEGRADED},
        {true, {.status = TARGET_UNKNOWN}, SHOWN_UNKNOWN},
        {true, {.status = TARGET_MAINTENANCE, .fail_count = 9}, SHOWN_MAINTENANCE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(shown_state_of(cases[i].enabled, &cases[i].live), cases[i].want);
    assert_string_equal(shown_state_name(SHOWN_DOWN), "down");
}

static void test_facets(void **state)
{
    struct world *w = *state;
    struct index_answer a;
    five(w);
    found(w,
          &(struct index_query){
              .facets = true, .grouped = true, .sort = INDEX_WORST, .states = 1u << SHOWN_UP},
          &a);
    assert_int_equal(a.total, 3);
    assert_int_equal(a.all[SHOWN_DOWN], 1);
    assert_int_equal(a.by_state[SHOWN_DOWN], 1); /* its own filter does not count */
    assert_int_equal(a.by_state[SHOWN_UP], 3);
    assert_int_equal(a.n_types, 2);
    assert_string_equal(a.types[0].name, "http");
    assert_int_equal(a.types[0].targets, 2);
    assert_int_equal(a.n_labels, 2);
    assert_string_equal(a.labels[0].name, "env=prod");
    assert_int_equal(a.n_groups, 2);
    assert_string_equal(a.groups[0].name, "office");
    assert_int_equal(a.groups[0].targets, 1);

    found(w,
          &(struct index_query){
              .facets = true, .grouped = true, .sort = INDEX_WORST, .group = "office"},
          &a);
    assert_int_equal(a.n_groups, 1);
    assert_int_equal(a.groups[0].worst_id, 4);
    assert_int_equal(a.n_group_names, 3);
}

/* Page by page with changes in between: what stays is told exactly once. */
static void test_cursor_under_change(void **state)
{
    struct world *w = *state;
    struct index_answer a;
    char name[32];
    for (uint64_t i = 1; i <= 50; i++) {
        snprintf(name, sizeof(name), "n:%02llu", (unsigned long long)i * 2);
        put(w, i, name, "g", "tcp");
        live(w, i, TARGET_HEALTHY, 10, NULL);
    }
    uint64_t told[200] = {0}, next_id = 100;
    struct index_query q = {.sort = INDEX_WORST, .limit = 7};
    do {
        found(w, &q, &a);
        for (size_t i = 0; i < a.n; i++)
            told[a.ids[i]]++;
        q.cursor = a.next;
        if (a.n)
            target_index_del(w->ix, a.ids[a.n - 1]); /* the cursor's own */
        put(w, next_id++, "n:00", "g", "tcp");       /* before it */
    } while (q.cursor);
    for (uint64_t i = 1; i <= 50; i++)
        assert_int_equal(told[i], 1);
    assert_string_equal(ASK(w, .sort = INDEX_WORST, .cursor = "x"), "refused");
    assert_string_equal(ASK(w, .sort = INDEX_WORST, .cursor = "1:2"), "refused");
    assert_string_equal(ASK(w, .cursor = "10", .limit = 3), "11 12 13");
}

/* Many changes at random: the order of names is the order of names. */
/* Whoever has the word in its name is found, whatever names there were before. */
static void search_is_right(struct world *w, const struct index_answer *all, const char *word)
{
    struct index_answer some, one;
    size_t n = 0;
    found(w, &(struct index_query){.sort = INDEX_BY_NAME, .q = word, .limit = 1000}, &some);
    for (size_t i = 0; i < all->n; i++) {
        /* by ids each text is looked at alone */
        found(w, &(struct index_query){.ids = &all->ids[i], .n_ids = 1, .q = word, .limit = 1},
              &one);
        if (one.n)
            assert_true(n < some.n && some.ids[n++] == all->ids[i]);
    }
    assert_int_equal(n, some.n);
}

/* What is known without a filter is what a filter that takes all counts. */
static void facets_are_right(struct world *w)
{
    struct index_answer known, counted;
    found(w, &(struct index_query){.facets = true}, &known);
    found(w, &(struct index_query){.facets = true, .states = (1u << N_SHOWN) - 1}, &counted);
    assert_int_equal(known.n_labels, counted.n_labels);
    assert_int_equal(known.n_types, counted.n_types);
    assert_int_equal(known.n_group_names, counted.n_group_names);
    assert_memory_equal(known.by_state, counted.by_state, sizeof(known.by_state));
    for (size_t i = 0; i < known.n_labels; i++)
        assert_int_equal(known.labels[i].targets, counted.labels[i].targets);
    for (size_t i = 0; i < known.n_group_names; i++)
        assert_int_equal(known.group_names[i].targets, counted.group_names[i].targets);
}

static void test_order_after_changes(void **state)
{
    struct world *w = *state;
    uint64_t seed = 7;
    char name[32];
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 60; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint64_t id = 1 + (seed >> 33) % 200;
            snprintf(name, sizeof(name), "%c%llu", (int)('a' + (seed >> 40) % 3),
                     (unsigned long long)((seed >> 45) % 500));
            if ((seed >> 60) < 4)
                target_index_del(w->ix, id);
            else
                put(w, id, name, (seed >> 50) % 2 ? "a" : "b", "tcp");
        }
        struct index_answer all, page;
        found(w, &(struct index_query){.sort = INDEX_BY_NAME, .limit = 1000}, &all);
        assert_int_equal(all.n, all.total);
        search_is_right(w, &all, "b1");
        facets_are_right(w);
        for (size_t at = 0; at < all.n; at += 13) {
            found(w, &(struct index_query){.sort = INDEX_BY_NAME, .offset = at, .limit = 13},
                  &page);
            for (size_t i = 0; i < page.n; i++)
                assert_int_equal(page.ids[i], all.ids[at + i]);
        }
        struct index_answer grouped;
        found(w, &(struct index_query){.sort = INDEX_BY_NAME, .grouped = true, .limit = 1000},
              &grouped);
        assert_int_equal(grouped.n, all.n);
        for (size_t at = 0; at < grouped.n + 13; at += 13) {
            found(w,
                  &(struct index_query){
                      .sort = INDEX_BY_NAME, .grouped = true, .offset = at, .limit = 13},
                  &page);
            assert_int_equal(page.total, grouped.n);
            assert_int_equal(page.n, at >= grouped.n       ? 0
                                     : grouped.n - at < 13 ? grouped.n - at
                                                           : 13);
            for (size_t i = 0; i < page.n; i++)
                assert_int_equal(page.ids[i], grouped.ids[at + i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_orders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_filters, set_up, tear_down),
        cmocka_unit_test(test_shown),
        cmocka_unit_test_setup_teardown(test_facets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cursor_under_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_after_changes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
