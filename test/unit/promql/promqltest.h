/* The runner of promqltest files, the format of Prometheus' own engine tests: data in a short notation, evaluations, what they must
 * give. promqltest_parse.c makes commands of a file, promqltest_run.c carries them out over series in memory, promqltest_check.c
 * compares. Evaluations that want native histograms or start timestamps are left out by rule. */
#ifndef PROMQLTEST_H
#define PROMQLTEST_H

#include "base/arena.h"
#include "promql/promql.h"

enum pt_kind { PT_FLOAT, PT_OMITTED, PT_HISTOGRAM };
struct pt_value {
    enum pt_kind kind;
    double v;
};
struct pt_series {
    struct labels labels;
    struct pt_value *v;
    size_t n, cap;
};

struct pt_load {
    int64_t step_ms;
    bool nhcb; /* classic histograms become native ones beside */
    struct pt_series *series;
    size_t n, cap;
    struct labels *start_timestamps; /* series that have some */
    size_t n_start, cap_start;
};

enum pt_match { PT_ANY, PT_TEXT, PT_REGEX };
struct pt_wanted { /* an error or annotation */
    enum pt_match match;
    struct str text;
};
#define PT_WANTED_MAX 8
enum pt_result { PT_SERIES, PT_SCALAR, PT_STRING };

struct pt_eval {
    struct str expr;
    bool range, range_vector; /* range_vector: an instant query that gives a matrix */
    int64_t start_ms, end_ms, step_ms;
    bool fail, ordered, no_warn, no_info;
    struct pt_wanted fail_text, warn[PT_WANTED_MAX], info[PT_WANTED_MAX];
    size_t n_warn, n_info;
    enum pt_result result;
    double scalar;
    struct str string;
    struct pt_series *expected;
    size_t n_expected, cap_expected;
};

enum pt_what { PT_CLEAR, PT_LOAD, PT_EVAL };
struct pt_command {
    enum pt_what what;
    int line;
    union {
        struct pt_load load;
        struct pt_eval eval;
    };
};
struct pt_file {
    struct pt_command *at;
    size_t n, cap;
};
/* Everything lies in a, strings in text too. MALFORMED with the line. */
int pt_parse(struct arena *a, struct str text, struct pt_file *out, struct err *err);
int64_t pt_duration(struct str s, bool *ok);

/* Appends what is wrong to `why`; nothing when the result is as expected. at_ms: one step of a range query that must give what the
 * instant query would; INT64_MIN: the whole result. */
void pt_check(const struct pt_eval *e, const struct promql_result *r, int64_t at_ms,
              struct buf *why);
void pt_check_annotations(const struct pt_eval *e, const struct promql_result *r, struct buf *why);
bool pt_text_matches(const struct pt_wanted *w, const char *text);

struct pt_count {
    size_t passed, failed, native, start_timestamp; /* the latter two: left out by rule */
};
/* Runs a file; tells each failure on stderr. float_only: lines "FILE:LINE EXPR". */
int pt_run(const char *path, struct str float_only, struct pt_count *count, struct err *err);

#endif
