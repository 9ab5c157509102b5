/* A table with options of every type, and what it binds: of test_option.c and fuzz_option.c. */
#ifndef HELPERS_OPTION_SAMPLE_H
#define HELPERS_OPTION_SAMPLE_H

#include "config/option.h"

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

static const char *const sample_modes[] = {"disable", "require", "verify-full", NULL};
static const struct option inner_options[] = {
    {"port", OPT_INT, offsetof(struct inner, port), .required = true, .min = 1, .max = 65535},
    {"password", OPT_STRING, offsetof(struct inner, password), .def = "", .secret = true},
    OPTION_END};
static const struct option sample_options[] = {
    {"host", OPT_STRING, offsetof(struct sample, host), .required = true, .min = 1, .max = 20},
    {"note", OPT_TEXT, offsetof(struct sample, note), .def = "none"},
    {"count", OPT_INT, offsetof(struct sample, count), .def = "7", .min = 0, .max = 100},
    {"wait", OPT_DURATION, offsetof(struct sample, wait), .def = "1m30s", .min = 100,
     .max = 600000},
    {"size", OPT_SIZE, offsetof(struct sample, size), .def = "64KiB"},
    {"share", OPT_F64, offsetof(struct sample, share), .def = "0.7", .min = 0, .max = 1},
    {"tls", OPT_BOOL, offsetof(struct sample, tls), .def = "true"},
    {"mode", OPT_ENUM, offsetof(struct sample, mode), .def = "require", .choices = sample_modes},
    {"names", OPT_LIST, offsetof(struct sample, names), .def = "[a, b]"},
    {"status", OPT_RANGES, offsetof(struct sample, status), .def = "[200-299]", .min = 100,
     .max = 599},
    {"headers", OPT_MAP, offsetof(struct sample, headers), .def = "{Accept: text, X: 1}"},
    {"inner", OPT_SECTION, offsetof(struct sample, inner), .sub = inner_options},
    {"more", OPT_SECTIONS, offsetof(struct sample, more), .sub = inner_options,
     .sub_size = sizeof(struct inner)},
    {"any", OPT_NODE, offsetof(struct sample, any)},
    {"token", OPT_MAP, offsetof(struct sample, headers), .secret = true},
    OPTION_END};

#endif
