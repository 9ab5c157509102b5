/* Pieces of the printer that print_pretty.c and print_json.c share. */
#ifndef PROMQL_PRINT_PRIV_H
#define PROMQL_PRINT_PRIV_H

#include "promql/ast.h"

void promql__number(struct buf *out, double v); /* shortest, never with an exponent */
void promql__aggregate_head(struct buf *out, const struct promql_node *n);  /* "sum by (a) " */
void promql__operator(struct buf *out, const struct promql_node *n);        /* "+ on (a)" */
void promql__subquery_suffix(struct buf *out, const struct promql_node *n); /* "[5m:] offset 1m" */

#endif
