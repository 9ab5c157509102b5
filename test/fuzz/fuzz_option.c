/* Option values of every type, from YAML: bound or told, masked and unmasked without losing anything. */
#include <stdint.h>
#include <stdlib.h>

#include "config/option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inner {
    int64_t port;
    const char *password;
};
struct sample {
    const char *host, *note;
    int64_t count, wait, size;
    double share;
    bool tls;
    int mode;
    struct str_list names;
    struct range_list status;
    struct pair_list headers;
    struct inner inner;
    struct section_list more;
    const struct node *any;
};

static const char *const modes[] = {"disable", "require", "verify-full", NULL};
static const struct option inner_options[] = {
    {"port", OPT_INT, offsetof(struct inner, port), .required = true, .min = 1, .max = 65535},
    {"password", OPT_STRING, offsetof(struct inner, password), .def = "", .secret = true},
    OPTION_END};
static const struct option options[] = {
    {"host", OPT_STRING, offsetof(struct sample, host), .min = 1, .max = 20},
    {"note", OPT_TEXT, offsetof(struct sample, note), .def = "none"},
    {"count", OPT_INT, offsetof(struct sample, count), .def = "7", .min = 0, .max = 100},
    {"wait", OPT_DURATION, offsetof(struct sample, wait), .def = "1m30s"},
    {"size", OPT_SIZE, offsetof(struct sample, size), .def = "64KiB"},
    {"share", OPT_F64, offsetof(struct sample, share), .def = "0.7", .min = 0, .max = 1},
    {"tls", OPT_BOOL, offsetof(struct sample, tls), .def = "true"},
    {"mode", OPT_ENUM, offsetof(struct sample, mode), .def = "require", .choices = modes},
    {"names", OPT_LIST, offsetof(struct sample, names), .def = "[a, b]"},
    {"status", OPT_RANGES, offsetof(struct sample, status), .def = "[200-299]"},
    {"headers", OPT_MAP, offsetof(struct sample, headers), .def = "{A: b}", .secret = true},
    {"inner", OPT_SECTION, offsetof(struct sample, inner), .sub = inner_options},
    {"more", OPT_SECTIONS, offsetof(struct sample, more), .sub = inner_options,
     .sub_size = sizeof(struct inner)},
    {"any", OPT_NODE, offsetof(struct sample, any)},
    OPTION_END};

static void check_bound(const struct sample *s)
{
    must(s->host == NULL || strlen(s->host) <= 80);
    must(s->count >= 0 && s->count <= 100);
    must(s->wait >= 0 && s->size >= 0);
    must(s->share >= 0 && s->share <= 1);
    must(s->mode >= 0 && s->mode < 3);
    for (size_t i = 0; i < s->status.n; i++)
        must(s->status.at[i].from <= s->status.at[i].to);
    for (size_t i = 0; i < s->names.n; i++)
        must(s->names.at[i] != NULL);
}

static void check_masks(const struct node *n, struct arena *a)
{
    struct node *typed = options_normalize(options, n, a);
    struct node *back = options_unmask(options, options_mask(options, typed, a), typed, a);
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
        bool good = options_bind(options, n, &s, a, &p, "config");
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
