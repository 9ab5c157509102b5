/* Queries of any bytes: what is parsed is printed, on one line, on several and as JSON; the print is parsed as the same
 * tree; what is refused says where, within the text. */
#include <math.h>
#include <string.h>

#include "base/must.h"
#include "promql/ast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXACT_MS (INT64_C(1) << 52) /* times beyond are rounded by the text's own floating point */

static bool is_exact(void *arg, const struct promql_node *n)
{
    bool *exact = arg;
    if (n->kind == NODE_SELECTOR || n->kind == NODE_RANGE || n->kind == NODE_SUBQUERY) {
        const struct promql_when *w =
            n->kind == NODE_SUBQUERY ? &n->subquery.when : &n->selector.when;
        *exact = *exact && w->at_ms < EXACT_MS && w->at_ms > -EXACT_MS;
    }
    return true;
}

static struct buf printed(const struct promql_node *n)
{
    struct buf b = BUF_INIT(64u << 20);
    promql_print(&b, n);
    must(!b.failed);
    return b;
}

static void same_again(struct arena *a, const struct buf *text, const struct buf *first,
                       const struct promql_parse_options *opt)
{
    struct err err = {0};
    const struct promql_node *n = promql_parse(a, (struct str){text->data, text->len}, opt, &err);
    must(n != NULL);
    struct buf again = printed(n);
    must(again.len == first->len && memcmp(again.data, first->data, again.len) == 0);
    buf_done(&again);
}

static void check_tree(struct arena *a, const struct promql_node *n,
                       const struct promql_parse_options *opt)
{
    bool exact = true;
    struct buf first = printed(n), pretty = BUF_INIT(64u << 20), json = BUF_INIT(64u << 20);
    promql_pretty(&pretty, n);
    struct json j = json_start(&json);
    promql_json(&j, n);
    must(!pretty.failed && !json.failed);
    promql_walk(n, is_exact, &exact);
    if (exact) {
        same_again(a, &first, &first, opt);
        same_again(a, &pretty, &first, opt);
    }
    buf_done(&first);
    buf_done(&pretty);
    buf_done(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 8192)
        return 0;
    struct arena *a = arena_new();
    struct str text = {(const char *)data + 1, size - 1};
    struct promql_parse_options opt = {.experimental = data[0] % 2};
    struct err err = {0};
    const struct promql_node *n = promql_parse(a, text, &opt, &err);
    must((n == NULL) == (err.code != ERR_OK));
    if (n)
        check_tree(a, n, &opt);
    else
        must(err.at_offset <= text.n && err.at_line >= 1 && err.at_column >= 1);
    const struct matcher *const *matchers;
    size_t count;
    struct labels l;
    promql_parse_selector(a, text, false, &matchers, &count, &err);
    promql_parse_labels(a, text, &l, &err);
    arena_free(a);
    return 0;
}
