/* Relabelling: each action as Prometheus has it, and configurations that are refused with their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>

#include "config/node.h"
#include "wire/md5.h"
#include "wire/relabel.h"

struct rules {
    struct section_list list;
};
#define RULES                                                                         \
    {                                                                                 \
        {"rules", OPT_SECTIONS, offsetof(struct rules, list), .sub = relabel_options, \
         .sub_size = sizeof(struct relabel_config)},                                  \
            OPTION_END                                                                \
    }

/* The rules of a YAML list; NULL with text of the problems in out. */
static struct relabel *load(const char *yaml, struct arena *a, struct buf *out)
{
    const struct option table[] = RULES;
    struct rules bound = {0};
    struct problems p;
    struct err err = {0};
    char text[4096];
    snprintf(text, sizeof(text), "rules:\n%s", yaml);
    struct node *doc = node_from_yaml(a, text, strlen(text), "f.yaml", &err);
    assert_non_null(doc);
    problems_init(&p, a);
    struct relabel *r = NULL;
    if (options_bind(table, doc, &bound, a, &p, ""))
        r = relabel_new(bound.list.at, bound.list.n, node_get(doc, "rules"), &p, "rules");
    problems_text(&p, out);
    problems_done(&p);
    return r;
}

/* Applies rules to a{a="foo", b="bar", c="Баз"} and says what became of it. */
static void expect(const char *yaml, const char *want)
{
    static const struct label_pair pairs[] = {{STR("__name__"), STR("m")},
                                              {STR("a"), STR("foo")},
                                              {STR("b"), STR("bar")},
                                              {STR("c"), STR("Баз")}};
    struct labels in = {pairs, 4}, l;
    struct arena *a = arena_new();
    struct buf out = BUF_INIT(1 << 16);
    struct labels_builder b = {0};
    buf_puts(&out, "");
    struct relabel *r = load(yaml, a, &out);
    if (r) {
        labels_builder_from(&b, &in);
        if (!relabel_apply(r, &b, a)) {
            buf_puts(&out, "dropped");
        } else {
            assert_int_equal(labels_builder_finish(&b, &l, NULL), 0);
            labels_format(&out, &l);
        }
    }
    assert_string_equal(out.data, want);
    relabel_free(r);
    labels_builder_done(&b);
    buf_done(&out);
    arena_free(a);
}

static void replacing(void **state)
{
    expect("- {source_labels: [a], target_label: d}",
           "m{a=\"foo\", b=\"bar\", c=\"Баз\", d=\"foo\"}");
    expect("- {source_labels: [a, b], target_label: d, separator: '-'}",
           "m{a=\"foo\", b=\"bar\", c=\"Баз\", d=\"foo-bar\"}");
    expect(
        "- {source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'}",
        "m{a=\"boobam\", b=\"bar\", c=\"Баз\"}");
    expect("- {source_labels: [a], regex: 'o', target_label: a, replacement: x}",
           "m{a=\"foo\", b=\"bar\", c=\"Баз\"}");
    expect("- {target_label: a, replacement: ''}", "m{b=\"bar\", c=\"Баз\"}");
    expect("- {target_label: d, replacement: x}", "m{a=\"foo\", b=\"bar\", c=\"Баз\", d=\"x\"}");
    expect("- {source_labels: [a], regex: f(.*), target_label: 'x_$1', replacement: y}",
           "m{a=\"foo\", b=\"bar\", c=\"Баз\", x_oo=\"y\"}");
    expect("- {source_labels: [nothing], regex: '(.+)', target_label: a, replacement: x}",
           "m{a=\"foo\", b=\"bar\", c=\"Баз\"}");
    expect("- {source_labels: [__name__], target_label: __name__, replacement: 'p:$1'}",
           "p:m{a=\"foo\", b=\"bar\", c=\"Баз\"}");
}

static void keeping_and_dropping(void **state)
{
    const char *all = "m{a=\"foo\", b=\"bar\", c=\"Баз\"}";
    expect("- {source_labels: [a], regex: fo+, action: keep}", all);
    expect("- {source_labels: [a], regex: fo, action: keep}", "dropped");
    expect("- {source_labels: [a], regex: foo|x, action: drop}", "dropped");
    expect("- {source_labels: [a], regex: f, action: drop}", all);
    expect("- {source_labels: [a], target_label: b, action: keepequal}", "dropped");
    expect("- {source_labels: [a], target_label: a, action: keepequal}", all);
    expect("- {source_labels: [a], target_label: b, action: dropequal}", all);
    expect("- {source_labels: [a], target_label: a, action: dropequal}", "dropped");
    expect("- {regex: '[ab]', action: labeldrop}", "m{c=\"Баз\"}");
    expect("- {regex: '__name__|a', action: labelkeep}", "m{a=\"foo\"}");
    expect("- {source_labels: [a], regex: foo, action: keep}\n- {regex: a, action: labeldrop}\n"
           "- {source_labels: [a], regex: foo, action: keep}",
           "dropped");
}

static void mapping_hashing_casing(void **state)
{
    expect("- {regex: '([ab])', replacement: 'x_$1', action: labelmap}",
           "m{a=\"foo\", b=\"bar\", c=\"Баз\", x_a=\"foo\", x_b=\"bar\"}");
    expect("- {source_labels: [c], target_label: c, action: lowercase}",
           "m{a=\"foo\", b=\"bar\", c=\"баз\"}");
    expect(
        "- {source_labels: [c], target_label: c, action: uppercase}\n- {source_labels: [a], target_label: a, action: uppercase}",
        "m{a=\"FOO\", b=\"bar\", c=\"БАЗ\"}");
    /* the last eight bytes of the digest, the first of them highest, modulo 1000 */
    uint8_t digest[16];
    md5("foo", 3, digest);
    uint64_t v = 0;
    for (int i = 8; i < 16; i++)
        v = v << 8 | digest[i];
    char want[200];
    snprintf(want, sizeof(want), "m{a=\"foo\", b=\"bar\", c=\"Баз\", d=\"%llu\"}",
             (unsigned long long)(v % 1000));
    expect("- {source_labels: [a], target_label: d, modulus: 1000, action: hashmod}", want);
}

static void digests(void **state)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        uint8_t digest[16];
        struct buf hex = BUF_INIT(100);
        md5(cases[i].text, strlen(cases[i].text), digest);
        hex_encode(&hex, digest, sizeof(digest));
        assert_string_equal(hex.data, cases[i].hex);
        buf_done(&hex);
    }
}

static void wrong_rules(void **state)
{
    expect("- {source_labels: [a]}",
           "f.yaml:2:3: rules[0]: got no target_label; the action replace wants one\n");
    expect("- {action: hashmod, target_label: a}",
           "f.yaml:2:3: rules[0]: got no modulus; the action hashmod wants one above 0\n");
    expect("- {action: labeldrop, source_labels: [a], regex: x}",
           "f.yaml:2:38: rules[0]: got source_labels; the action labeldrop takes none\n");
    expect("- {target_label: x}\n- {action: lowercase, target_label: a, replacement: x}",
           "f.yaml:3:53: rules[1]: got replacement; the action lowercase takes none\n");
    expect("- {action: keepequal, target_label: a, source_labels: [b], regex: x}",
           "f.yaml:2:67: rules[0]: got regex; the action keepequal takes none\n");
}

static void expressions_and_names_are_checked(void **state)
{
    static const char *const yaml[] = {
        "- {target_label: a, regex: '('}", "- {target_label: a, action: explode}",
        "- {target_label: a, modulus: -1}", "- {target_lable: a}", "- 5"};
    for (size_t i = 0; i < array_len(yaml); i++) {
        struct arena *a = arena_new();
        struct buf out = BUF_INIT(1 << 16);
        assert_null(load(yaml[i], a, &out));
        assert_true(out.len > 0 && strstr(out.data, "f.yaml:2:") == out.data);
        buf_done(&out);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replacing),
        cmocka_unit_test(keeping_and_dropping),
        cmocka_unit_test(mapping_hashing_casing),
        cmocka_unit_test(digests),
        cmocka_unit_test(wrong_rules),
        cmocka_unit_test(expressions_and_names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
