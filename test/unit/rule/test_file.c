/* Rule files: what is read, what is refused, and that every problem is told with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"
#include "rule/rule.h"

struct parsed {
    struct arena *arena;
    struct problems problems;
    struct rule_set *set;
};

static struct parsed parse(const char *text)
{
    struct parsed p = {.arena = arena_new()};
    struct rule_source source = {"r.yml", str_of(text)};
    struct rule_defaults defaults = {.interval_ms = 30000, .query_offset_ms = 1000};
    problems_init(&p.problems, p.arena);
    p.set = rule_set_parse(&source, 1, &defaults, &p.problems);
    return p;
}

static void done(struct parsed *p)
{
    rule_set_unref(&p->set);
    problems_done(&p->problems);
    arena_free(p->arena);
}

static const char good[] = "groups:\n"
                           "- name: g\n"
                           "  interval: 1m30s\n"
                           "  limit: 7\n"
                           "  query_offset: 5s\n"
                           "  labels: {team: infra, severity: low}\n"
                           "  rules:\n"
                           "  - record: job:x:sum\n"
                           "    expr: |\n"
                           "      sum by (job) (\n"
                           "        x\n"
                           "      )\n"
                           "    labels: {kind: 1}\n"
                           "  - alert: Hot\n"
                           "    expr: \"temp{room=\\\"a\\\"} > 30\"\n"
                           "    for: 1h\n"
                           "    keep_firing_for: 5m\n"
                           "    labels: {severity: '{{ $value }}'}\n"
                           "    annotations: {b: plain, a: 'x {{ $labels.room }}'}\n"
                           "- name: empty\n";

static void test_reads(void **state)
{
    struct parsed p = parse(good);
    assert_non_null(p.set);
    assert_int_equal(p.set->n_groups, 2);
    assert_int_equal(p.set->n_rules, 2);
    const struct rule_group *g = &p.set->groups[0];
    assert_int_equal(g->interval_ms, 90000);
    assert_int_equal(g->query_offset_ms, 5000);
    assert_int_equal(g->limit, 7);
    assert_int_equal(p.set->groups[1].interval_ms, 30000);
    assert_int_equal(p.set->groups[1].query_offset_ms, 1000);
    const struct rule *r = &g->rules[0];
    assert_int_equal(r->kind, RULE_RECORD);
    assert_string_equal(r->name, "job:x:sum");
    assert_int_equal(r->n_labels, 3);
    assert_true(str_eqz(r->labels[0].name, "kind"));
    assert_string_equal(r->labels[0].text, "1");
    r = &g->rules[1];
    assert_int_equal(r->for_ms, 3600000);
    assert_int_equal(r->keep_ms, 300000);
    assert_int_equal(r->n_labels, 2);
    assert_string_equal(r->labels[0].text, "{{ $value }}"); /* its own, not the group's */
    assert_non_null(r->labels[0].template);
    assert_null(r->labels[1].template);
    assert_true(str_eqz(r->annotations[0].name, "a"));
    assert_int_equal(r->at.line, 14);
    done(&p);
}

static void expect_place(const struct rule *r, const char *text, uint32_t line, uint32_t column)
{
    const char *at = memmem(r->expr.p, r->expr.n, text, strlen(text));
    assert_non_null(at);
    struct rule_place place = rule_expr_place(r, (size_t)(at - r->expr.p));
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void test_places(void **state)
{
    struct parsed p = parse(good);
    assert_non_null(p.set);
    expect_place(&p.set->groups[0].rules[0], "sum", 10, 7);
    expect_place(&p.set->groups[0].rules[0], "x", 11, 9);
    expect_place(&p.set->groups[0].rules[1], "temp", 15, 12);
    expect_place(&p.set->groups[0].rules[1], "> 30", 15, 29);
    done(&p);
}

static void test_refuses(void **state)
{
    static const struct {
        const char *rule; /* within a group, or the whole when it begins with "groups" */
        uint32_t line, column;
        const char *says;
    } cases[] = {
        {"- record: a\n    alert: b\n    expr: x", 4, 5, "either record or alert"},
        {"- expr: x", 4, 5, "needs record or alert"},
        {"- alert: a", 4, 5, "needs an expr"},
        {"- alert: a\n    expr: ''", 5, 11, "needs an expr"},
        {"- alert: a\n    expr: sum(x", 5, 16, "parse error"},
        {"- alert: a\n    expr: 'sum(x) by'", 5, 0, "parse error"},
        {"- alert: a\n    expr: >\n      x +\n      *", 7, 7, "parse error"},
        {"- alert: a\n    expr: x\n    fors: 5m", 6, 5, "did you mean \"for\""},
        {"- alert: a\n    expr: x\n    for: 5", 6, 10, "want a duration"},
        {"- alert: a\n    expr: x\n    for: 5 min", 6, 10, "want a duration"},
        {"- record: a\n    expr: x\n    for: 5m", 6, 10, "has no for"},
        {"- record: a\n    expr: x\n    annotations: {a: b}", 6, 0, "has no annotations"},
        {"- record: 'a{b}'\n    expr: x", 4, 0, "invalid metric name"},
        {"- alert: a\n    expr: x\n    labels: {__name__: y}", 6, 0, "cannot be set"},
        {"- alert: a\n    expr: x\n    labels: [y]", 6, 0, "want a map"},
        {"- alert: a\n    expr: x\n    labels: {a: [y]}", 6, 0, "want text"},
        {"- alert: a\n    expr: x\n    labels: {a: '{{ $x }}'}", 6, 0, "no variable $x"},
        {"- alert: a\n    expr: x\n    annotations: {a: '{{ humanise $value }}'}", 6, 0,
         "did you mean humanize"},
        {"- alert: a\n    expr: x\n    annotations: {a: '{{ if }}'}", 6, 0, "template"},
        {"- text", 4, 5, "want a rule"},
        {"groups: 5", 1, 9, "want a list"},
        {"group: []", 1, 1, "did you mean \"groups\""},
        {"groups:\n- rules: []", 2, 0, "needs a name"},
        {"groups:\n- name: a\n- name: a", 3, 0, "stands twice"},
        {"groups:\n- name: a\n  interval: x", 3, 0, "want a duration"},
        {"groups:\n- name: a\n  limit: x", 3, 0, "want a whole number"},
        {"groups:\n- name: a\n  rules: 1", 3, 0, "want a list of rules"},
        {"groups:\n- name: [", 0, 0, ""},
        {"[]", 1, 0, "want a rule file"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        bool whole = cases[i].rule[0] == 'g' || cases[i].rule[0] == '[';
        struct buf b = BUF_INIT(4096);
        buf_printf(&b, "%s%s\n", whole ? "" : "groups:\n- name: g\n  rules:\n  ", cases[i].rule);
        struct parsed p = parse(b.data);
        assert_null(p.set);
        assert_true(p.problems.list.n > 0);
        const struct problem *one = &p.problems.list.at[0];
        if (strstr(one->message, cases[i].says) == NULL ||
            (cases[i].line != 0 && one->line != cases[i].line))
            print_error("%s\n%u:%u %s: %s\n", b.data, one->line, one->column, one->field,
                        one->message);
        assert_non_null(strstr(one->message, cases[i].says));
        if (cases[i].line != 0)
            assert_int_equal(one->line, cases[i].line);
        if (cases[i].column != 0)
            assert_int_equal(one->column, cases[i].column);
        buf_done(&b);
        done(&p);
    }
}

static void test_tells_all(void **state)
{
    struct parsed p = parse("groups:\n- name: a\n  rules:\n  - alert: a\n    expr: (\n    for: x\n"
                            "  - record: b\n    expr: )\n    nope: 1\n");
    assert_null(p.set);
    assert_int_equal(p.problems.list.n, 4);
    done(&p);
}

static void test_identity(void **state)
{
    struct parsed a = parse(good), b = parse(good);
    assert_int_equal(a.set->groups[0].rules[1].id, b.set->groups[0].rules[1].id);
    assert_int_not_equal(a.set->groups[0].rules[0].id, a.set->groups[0].rules[1].id);
    struct rule_set *more = rule_set_ref(a.set);
    done(&a);
    assert_int_equal(more->n_groups, 2);
    rule_set_unref(&more);
    assert_null(more);
    done(&b);
}

static void test_empty(void **state)
{
    static const char *const empty[] = {"", "groups:\n", "groups: []\n", "---\n", "# nothing\n"};
    for (size_t i = 0; i < array_len(empty); i++) {
        struct parsed p = parse(empty[i]);
        assert_non_null(p.set);
        assert_int_equal(p.set->n_groups, 0);
        done(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),    cmocka_unit_test(test_places),
        cmocka_unit_test(test_refuses),  cmocka_unit_test(test_tells_all),
        cmocka_unit_test(test_identity), cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
