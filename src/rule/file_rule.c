/* One rule of a rule file (rule.h): what must hold of its keys, its expression parsed, and where every byte of the expression stands in
 * the file. */
#include <ctype.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "rule/rule.h"
#include "rule/rule_priv.h"

/* ---- places ---- */

static const char *line_start(const struct rule_reader *r, uint32_t line)
{
    const char *p = r->text.p;
    for (uint32_t i = 1; i < line && p != NULL; i++) {
        p = strchr(p, '\n');
        p = p != NULL ? p + 1 : NULL;
    }
    return p != NULL ? p : "";
}

const char *rule__source(const struct rule_reader *r, const struct node *n, struct rule_place *at)
{
    *at = (struct rule_place){n->line, n->column};
    const char *p = line_start(r, n->line);
    for (uint32_t i = 1; i < n->column && *p != '\0' && *p != '\n'; i++) {
        size_t len = utf8_char(p, strlen(p) < 4 ? strlen(p) : 4);
        p += len > 0 ? len : 1;
    }
    if (*p != '|' && *p != '>')
        return p;
    const char *next = strchr(p, '\n'); /* the block begins below its header */
    if (next == NULL)
        return p;
    *at = (struct rule_place){n->line + 1, 1};
    return next + 1;
}

/* Steps over one byte of the file. */
static const char *advance(const char *p, struct rule_place *at)
{
    if (*p == '\n') {
        at->line++;
        at->column = 1;
    } else if (((unsigned char)*p & 0xc0) != 0x80) {
        at->column++;
    }
    return p + 1;
}

/* Walks expression and source side by side: white space may differ (folding, indentation), and quotes and backslashes may
 * stand between. */
struct rule_place rule_expr_place(const struct rule *r, size_t offset)
{
    struct rule_place at = r->expr_at;
    const char *p = r->source;
    for (size_t i = 0; i <= offset && i < r->expr.n && *p != '\0';) {
        char c = r->expr.p[i];
        bool same = *p == c;
        if (i == offset && same)
            break;
        if (isspace((unsigned char)c) && i < offset)
            i++;
        else if (isspace((unsigned char)*p))
            p = advance(p, &at);
        else if (same && i < offset) {
            p = advance(p, &at);
            i++;
        } else if (!same && strchr("\\\"'", *p) != NULL)
            p = advance(p, &at);
        else
            break;
    }
    return at;
}

/* ---- the expression ---- */

static bool read_expr(struct rule_reader *r, const struct node *n, const char *path,
                      struct rule *out)
{
    const struct node *at = node_get(n, "expr");
    bool ok = true;
    struct str text = STR("");
    rule__text(r, n, "expr", path, &text, &ok);
    if (!ok)
        return false;
    if (str_trim(text).n == 0)
        return rule__problem(r, at != NULL ? at : n, path, "the rule needs an expr");
    out->expr = text;
    out->source = rule__source(r, at, &out->expr_at);
    struct promql_parse_options opt = {.experimental = r->defaults->experimental};
    struct err err;
    out->ast = promql_parse(r->arena, text, &opt, &err);
    if (out->ast == NULL) {
        struct rule_place place = rule_expr_place(out, err.at_offset);
        struct node there = *at;
        there.line = place.line;
        there.column = place.column;
        return rule__problem(r, &there, arena_printf(r->arena, "%s.expr", path), "%s", err.msg);
    }
    return true;
}

/* ---- what must hold ---- */

static bool check_record(struct rule_reader *r, const struct node *n, const char *path,
                         const struct rule *rule)
{
    static const char *const never[] = {"for", "keep_firing_for", "annotations"};
    bool ok = true;
    for (size_t i = 0; i < array_len(never); i++) {
        const struct node *c = node_get(n, never[i]);
        if (c != NULL && c->kind != NODE_NULL)
            ok = rule__problem(r, c, arena_printf(r->arena, "%s.%s", path, never[i]),
                               "a recording rule has no %s", never[i]);
    }
    size_t len = strlen(rule->name);
    if (!utf8_valid(rule->name, len) || strpbrk(rule->name, "{}") != NULL)
        ok = rule__problem(r, node_get(n, "record"), arena_printf(r->arena, "%s.record", path),
                           "invalid metric name: \"%.60s\"", rule->name);
    return ok;
}

static bool check_labels(struct rule_reader *r, const struct node *n, const char *path,
                         const struct rule *rule)
{
    bool ok = true;
    for (uint32_t i = 0; i < rule->n_labels; i++) {
        struct str name = rule->labels[i].name;
        if (str_eqz(name, LABEL_METRIC_NAME))
            ok = rule__problem(r, node_get(node_get(n, "labels"), name.p),
                               arena_printf(r->arena, "%s.labels", path),
                               "the label %s cannot be set by a rule", name.p);
    }
    return ok;
}

/* record or alert: which it is, and its name. */
static bool read_name(struct rule_reader *r, const struct node *n, const char *path,
                      struct rule *out)
{
    struct str record = STR(""), alert = STR("");
    bool ok = true;
    rule__text(r, n, "record", path, &record, &ok);
    rule__text(r, n, "alert", path, &alert, &ok);
    if (!ok)
        return false;
    if ((record.n > 0) == (alert.n > 0))
        return rule__problem(r, n, path,
                             record.n > 0 ? "a rule has either record or alert, not both"
                                          : "a rule needs record or alert");
    out->kind = record.n > 0 ? RULE_RECORD : RULE_ALERT;
    out->name = record.n > 0 ? record.p : alert.p;
    return true;
}

static uint64_t rule_id(const struct rule *r)
{
    uint64_t h = hash_bytes(r->name, strlen(r->name), (uint64_t)r->kind);
    h = hash_bytes(r->expr.p, r->expr.n, h);
    for (uint32_t i = 0; i < r->n_labels; i++) {
        h = hash_bytes(r->labels[i].name.p, r->labels[i].name.n, h);
        h = hash_bytes(r->labels[i].text, strlen(r->labels[i].text), h);
    }
    return h;
}

bool rule__read_rule(struct rule_reader *r, const struct node *n, const char *path,
                     const struct rule_group *group, const struct rule_text *labels,
                     uint32_t n_labels, struct rule *out)
{
    static const char *const known[] = {"record",          "alert",  "expr",       "for",
                                        "keep_firing_for", "labels", "annotations"};
    *out = (struct rule){.name = "", .at = {n->line, n->column}};
    if (n->kind != NODE_MAP)
        return rule__problem(r, n, path, "got %s; want a rule: record or alert, and expr",
                             node_kind_name(n));
    bool ok = rule__check_keys(r, n, known, array_len(known), path);
    ok &= read_name(r, n, path, out);
    ok &= read_expr(r, n, path, out);
    bool alert = out->kind == RULE_ALERT;
    ok &= rule__texts(r, node_get(n, "labels"), arena_printf(r->arena, "%s.labels", path), alert,
                      labels, n_labels, &out->labels, &out->n_labels);
    ok &= check_labels(r, n, path, out);
    if (ok)
        out->id = rule_id(out);
    if (!alert)
        return check_record(r, n, path, out) && ok;
    ok &= rule__duration(r, n, "for", path, &out->for_ms);
    ok &= rule__duration(r, n, "keep_firing_for", path, &out->keep_ms);
    ok &= rule__texts(r, node_get(n, "annotations"), arena_printf(r->arena, "%s.annotations", path),
                      true, NULL, 0, &out->annotations, &out->n_annotations);
    must(group->name != NULL);
    return ok;
}
