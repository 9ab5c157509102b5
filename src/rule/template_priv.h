/* What the files of the template functions of rules share. */
#ifndef RULE_TEMPLATE_PRIV_H
#define RULE_TEMPLATE_PRIV_H

#include "rule/rule.h"

extern const struct template_function rule__template_functions[];

const struct rule_template_data *rule__data(const struct template_env *env);
struct tvalue rule__label_map(struct arena *a, const struct labels *l);

/* What Prometheus takes for a number: floats, whole numbers, durations, text of one. */
int rule__number(const struct tvalue *v, double *out, struct err *err);
/* template_number.c: 1.5k, 1.5Ki, 1h 2m 3s, 12.3%. */
typedef int rule_template_fn(const struct template_env *env, const struct tvalue *args, int n,
                             struct tvalue *out, struct err *err);
rule_template_fn rule__humanize, rule__humanize_1024, rule__humanize_duration,
    rule__humanize_percentage;
/* template_time.c: times as Go writes them. */
rule_template_fn rule__humanize_timestamp, rule__to_time, rule__now;
int rule__moment(const struct template_env *env, const struct tvalue *v, struct str *out,
                 struct err *err);
int rule__time_method(const struct template_env *env, const struct tvalue *v, struct str name,
                      const struct tvalue *args, int n, struct tvalue *out, struct err *err);
/* template_text.c */
rule_template_fn rule__title, rule__to_upper, rule__to_lower, rule__re_replace_all, rule__match,
    rule__strip_port, rule__strip_domain, rule__graph_link, rule__table_link, rule__path_prefix,
    rule__url_escape;
/* A query as an address parameter: a space is +. */
void rule__query_escape(struct buf *out, struct str s);

#endif
