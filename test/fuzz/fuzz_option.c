/* Option values of every type, from YAML: bound or told, masked and unmasked without losing anything. */
#include <stdint.h>
#include <stdlib.h>

#include "../helpers/option_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bound(const struct sample *s)
{
    must(s->host[0] != '\0' && strlen(s->host) <= 80);
    must(s->count >= 0 && s->count <= 100);
    must(s->wait >= 100 && s->wait <= 600000 && s->size >= 0);
    must(s->share >= 0 && s->share <= 1);
    must(s->mode >= 0 && s->mode < 3);
    for (size_t i = 0; i < s->status.n; i++)
        must(s->status.at[i].from >= 100 && s->status.at[i].from <= s->status.at[i].to &&
             s->status.at[i].to <= 599);
    for (size_t i = 0; i < s->names.n; i++)
        must(s->names.at[i] != NULL);
}

static void check_masks(const struct node *n, struct arena *a)
{
    struct node *typed = options_normalize(sample_options, n, a);
    struct node *back =
        options_unmask(sample_options, options_mask(sample_options, typed, a), typed, a);
    struct buf before = BUF_INIT(64u << 20), after = BUF_INIT(64u << 20);
    node_encode(typed, &before);
    node_encode(back, &after);
    must(before.len == after.len && memcmp(before.data, after.data, before.len) == 0);
    buf_done(&before);
    buf_done(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct node *n = node_from_yaml(a, (const char *)data, size, NULL, NULL);
    if (n != NULL) {
        struct sample s = {0};
        bool good = options_bind(sample_options, n, &s, a, &p, "config");
        must(good == (p.list.n == 0));
        if (good)
            check_bound(&s);
        if (good && n->kind == NODE_MAP)
            check_masks(n, a);
    }
    problems_done(&p);
    arena_free(a);
    return 0;
}
