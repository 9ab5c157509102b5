/* Any YAML as relabel_configs: rules that are taken can be applied, and what they leave is a set without doubles. */
#include <stdint.h>

#include "base/must.h"
#include "config/node.h"
#include "wire/relabel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rules {
    struct section_list list;
};

static void apply(const struct relabel *r, struct arena *a)
{
    struct labels_builder b = {0};
    struct labels l;
    labels_builder_add(&b, STR("__name__"), STR("http_requests_total"));
    labels_builder_add(&b, STR("job"), STR("node"));
    labels_builder_add(&b, STR("instance"), STR("10.0.0.1:9100"));
    if (relabel_apply(r, &b, a)) {
        must(labels_builder_finish(&b, &l, NULL) == 0);
        for (uint32_t i = 0; i < l.n; i++)
            must(l.at[i].name.n > 0 && l.at[i].value.n > 0);
    }
    labels_builder_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    const struct option table[] = {{"rules", OPT_SECTIONS, offsetof(struct rules, list),
                                    .sub = relabel_options,
                                    .sub_size = sizeof(struct relabel_config)},
                                   OPTION_END};
    struct arena *a = arena_new();
    struct problems p;
    struct rules bound = {0};
    struct err err = {0};
    problems_init(&p, a);
    struct node *doc = node_from_yaml(a, (const char *)data, size, "f", &err);
    struct relabel *r = NULL;
    if (doc && options_bind(table, doc, &bound, a, &p, "")) {
        r = relabel_new(bound.list.at, bound.list.n, node_get(doc, "rules"), &p, "rules");
        must((r == NULL) == (p.list.n + p.dropped > 0));
    }
    if (r)
        apply(r, a);
    relabel_free(r);
    problems_done(&p);
    arena_free(a);
    return 0;
}
