/* What the files of `belfry rule` share. */
#ifndef CLI_RULE_PRIV_H
#define CLI_RULE_PRIV_H

#include "cli/client.h"
#include "rule/rule.h"

int rule_check_main(struct client_args *args);    /* rule_check.c */
int rule_test_main(struct client_args *args);     /* rule_test.c */
int rule_backtest_main(struct client_args *args); /* rule_backtest.c */

/* --- rule_test_file.c: a unit-test file --- */
struct test_series {
    const char *series; /* as written */
    struct labels labels;
    struct samples samples;
};
struct test_alert {
    struct labels labels, annotations; /* alertname is set */
};
struct alert_test {
    int64_t at_ms;
    const char *alertname;
    const struct test_alert *expected;
    size_t n_expected;
    uint32_t line;
};
struct test_sample {
    struct labels labels;
    double value;
};
struct expr_test {
    int64_t at_ms;
    const char *expr;
    const struct test_sample *expected;
    size_t n_expected;
    uint32_t line;
};
struct rule_test {
    const char *name; /* "" */
    int64_t interval_ms, start_ms;
    struct test_series *series;
    struct alert_test *alerts;
    struct expr_test *exprs;
    size_t n_series, n_alerts, n_exprs;
    struct labels external;
    const char *external_url;
    uint32_t line;
};
struct rule_test_file {
    const char **rule_files;
    size_t n_rule_files;
    int64_t interval_ms; /* of evaluation */
    const char **order;  /* of groups */
    size_t n_order;
    bool fuzzy;
    struct rule_test *tests;
    size_t n_tests;
};
/* In a; NULL after problems. rule_test_file_done frees the samples. */
struct rule_test_file *rule_test_file_read(const char *path, struct arena *a, struct problems *p);
void rule_test_file_done(struct rule_test_file *f);

#endif
