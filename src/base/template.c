/* Parser of the template language (template.h): blocks and actions, recursive descent over the source, one struct tnode a
 * piece, all in the caller's arena. Expressions are template_expr.c's. */
#include "base/template.h"

#include <ctype.h>
#include <string.h>

#include "base/must.h"
#include "base/template_priv.h"

/* What ended a list of nodes. */
enum ending { END_SOURCE, END_END, END_ELSE, END_ELSE_IF, END_ELSE_WITH, END_ERROR };

struct place template__place(const struct tparser *ps, const char *at)
{
    struct place place = {1, 1};
    const char *line = ps->source;
    for (const char *c; (c = memchr(line, '\n', (size_t)(at - line))) != NULL; line = c + 1)
        place.line++;
    place.column += (int)utf8_count(line, (size_t)(at - line));
    return place;
}

int template__fail(const struct tparser *ps, const char *at, const char *what)
{
    struct place place = template__place(ps, at);
    err_set(ps->err, ERR_MALFORMED, "%s", what);
    return err_where(ps->err, "template", place.line, place.column);
}

void template__skip_space(struct tparser *ps)
{
    while (ps->p < ps->end && isspace((unsigned char)*ps->p))
        ps->p++;
}

bool template__looking_at(const struct tparser *ps, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(ps->end - ps->p) >= n && memcmp(ps->p, word, n) == 0;
}

bool template__at_close(const struct tparser *ps)
{
    return template__looking_at(ps, "}}") || template__looking_at(ps, "-}}");
}

/* Consumes word if it stands here as a whole. */
bool template__take_word(struct tparser *ps, const char *word)
{
    size_t n = strlen(word);
    if (!template__looking_at(ps, word))
        return false;
    if (ps->p + n < ps->end && (isalnum((unsigned char)ps->p[n]) || ps->p[n] == '_'))
        return false;
    ps->p += n;
    return true;
}

/* The closing }} of the action opened at `open`. */
static int close_action(struct tparser *ps, const char *open)
{
    template__skip_space(ps);
    ps->trim_next = template__looking_at(ps, "-}}");
    if (!template__at_close(ps))
        return ps->p == ps->end ? template__fail(ps, open, "this {{ has no }}")
                                : template__fail(ps, ps->p, "expected | or }}");
    ps->p += ps->trim_next ? 3 : 2;
    return 0;
}

static struct tnode *node_new(struct tparser *ps, enum tnode_kind kind, const char *at)
{
    struct tnode *n = arena_new_of(ps->arena, struct tnode);
    n->kind = kind;
    n->at = template__place(ps, at);
    return n;
}

/* Text up to the next {{ (or the end), trimmed as the actions around it ask. NULL when nothing is left. */
static struct tnode *parse_text(struct tparser *ps)
{
    const char *from = ps->p;
    const char *open = memmem(from, (size_t)(ps->end - from), "{{", 2);
    const char *to = open != NULL ? open : ps->end;
    ps->p = to;
    if (ps->trim_next)
        while (from < to && isspace((unsigned char)*from))
            from++;
    ps->trim_next = false;
    if (open != NULL && ps->end - open >= 4 && open[2] == '-' && isspace((unsigned char)open[3]))
        while (to > from && isspace((unsigned char)to[-1]))
            to--;
    if (to == from)
        return NULL;
    struct tnode *n = node_new(ps, TNODE_TEXT, from);
    n->text = (struct str){from, (size_t)(to - from)};
    return n;
}

static enum ending parse_list(struct tparser *ps, struct tnode **list, const char *opened_by);

static int parse_branch(struct tparser *ps, struct tnode *n, const char *open);

/* {{ else }} and {{ else if }} of a block whose first list ended with one. */
static int parse_else(struct tparser *ps, struct tnode *n, enum ending how, const char *open)
{
    if (how == END_ELSE_IF || how == END_ELSE_WITH) {
        enum tnode_kind kind = how == END_ELSE_IF ? TNODE_IF : TNODE_WITH;
        if (n->kind != kind)
            return template__fail(ps, open,
                                  n->kind == TNODE_RANGE
                                      ? "range knows no else if"
                                      : "if knows no else with, nor with an else if");
        n->other = node_new(ps, kind, ps->p);
        return parse_branch(ps, n->other, open);
    }
    how = parse_list(ps, &n->other, open);
    if (how == END_END || how == END_ERROR)
        return how == END_END ? 0 : -1;
    return template__fail(ps, open, "a second else");
}

/* From the condition of an if, with or range to its end. What it declares ends with it. */
static int parse_branch(struct tparser *ps, struct tnode *n, const char *open)
{
    if (++ps->depth > TEMPLATE_DEPTH_MAX)
        return template__fail(ps, open, "nested too deeply");
    int vars = ps->n_vars;
    bool range = n->kind == TNODE_RANGE;
    n->expr = template__pipeline(ps, range, &n->declare);
    if (n->expr == NULL || close_action(ps, open) != 0)
        return -1;
    int inner = ps->n_vars;
    ps->ranges += range;
    enum ending how = parse_list(ps, &n->body, open);
    ps->ranges -= range;
    ps->n_vars = inner;
    int rc = how == END_ERROR ? -1 : 0;
    if (how == END_ELSE || how == END_ELSE_IF || how == END_ELSE_WITH)
        rc = parse_else(ps, n, how, open);
    ps->n_vars = vars;
    ps->depth--;
    return rc;
}

static int skip_comment(struct tparser *ps, const char *open)
{
    const char *to = memmem(ps->p, (size_t)(ps->end - ps->p), "*/", 2);
    if (to == NULL)
        return template__fail(ps, open, "this comment has no */");
    ps->p = to + 2;
    return close_action(ps, open);
}

/* An action that ends a list; END_SOURCE: it is none. */
static enum ending parse_ending(struct tparser *ps, const char *open)
{
    if (template__take_word(ps, "end"))
        return close_action(ps, open) == 0 ? END_END : END_ERROR;
    if (!template__take_word(ps, "else"))
        return END_SOURCE;
    template__skip_space(ps);
    if (template__take_word(ps, "if"))
        return END_ELSE_IF;
    if (template__take_word(ps, "with"))
        return END_ELSE_WITH;
    return close_action(ps, open) == 0 ? END_ELSE : END_ERROR;
}

/* The body of {{ define }} or {{ block }}: a template of its own, whose only variable is $. */
static int parse_body(struct tparser *ps, struct str name, const char *open)
{
    if (++ps->depth > TEMPLATE_DEPTH_MAX)
        return template__fail(ps, open, "nested too deeply");
    struct tbody *body = arena_new_of(ps->arena, struct tbody), *outer = ps->body;
    int vars = ps->n_vars, ranges = ps->ranges;
    struct str kept[TEMPLATE_VARS_MAX];
    memcpy(kept, ps->vars, sizeof(kept));
    *body = (struct tbody){.name = name, .n_slots = 1};
    ps->body = body;
    ps->n_vars = 1;
    ps->ranges = 0;
    enum ending how = parse_list(ps, &body->first, open);
    ps->body = outer;
    ps->n_vars = vars;
    ps->ranges = ranges;
    memcpy(ps->vars, kept, sizeof(kept));
    ps->depth--;
    if (how == END_ERROR)
        return -1;
    if (how != END_END)
        return template__fail(ps, open, "there is no if, with or range for this else");
    body->next = ps->template->defined; /* a later one of that name is found first, as in Go */
    ps->template->defined = body;
    return 0;
}

static int parse_define(struct tparser *ps, const char *open)
{
    struct str name;
    if (ps->depth > 0)
        return template__fail(ps, open, "define stands outside of all blocks");
    if (template__name(ps, &name) != 0 || close_action(ps, open) != 0)
        return -1;
    return parse_body(ps, name, open);
}

/* {{ template "name" PIPE }}, and block, which defines it here and now. */
static int parse_template(struct tparser *ps, struct tnode *n, const char *open, bool block)
{
    if (template__name(ps, &n->text) != 0)
        return -1;
    template__skip_space(ps);
    if (!template__at_close(ps) || block) {
        n->expr = template__pipeline(ps, false, &n->declare);
        if (n->expr == NULL)
            return -1;
    }
    if (close_action(ps, open) != 0)
        return -1;
    return block ? parse_body(ps, n->text, open) : 0;
}

static int parse_jump(struct tparser *ps, const char *open)
{
    if (ps->ranges == 0)
        return template__fail(ps, open, "there is no range to leave here");
    return close_action(ps, open);
}

/* An action that yields a node; *node stays NULL for a comment and a definition. */
static int parse_action(struct tparser *ps, const char *open, struct tnode **node)
{
    static const struct {
        const char *word;
        enum tnode_kind kind;
    } words[] = {{"if", TNODE_IF},
                 {"with", TNODE_WITH},
                 {"range", TNODE_RANGE},
                 {"template", TNODE_TEMPLATE},
                 {"block", TNODE_TEMPLATE},
                 {"break", TNODE_BREAK},
                 {"continue", TNODE_CONTINUE}};
    if (template__looking_at(ps, "/*"))
        return skip_comment(ps, open);
    if (template__take_word(ps, "define"))
        return parse_define(ps, open);
    for (size_t i = 0; i < array_len(words); i++) {
        if (!template__take_word(ps, words[i].word))
            continue;
        enum tnode_kind kind = words[i].kind;
        *node = node_new(ps, kind, open);
        if (kind == TNODE_TEMPLATE)
            return parse_template(ps, *node, open, streq(words[i].word, "block"));
        if (kind == TNODE_BREAK || kind == TNODE_CONTINUE)
            return parse_jump(ps, open);
        return parse_branch(ps, *node, open);
    }
    *node = node_new(ps, TNODE_OUT, open);
    (*node)->expr = template__pipeline(ps, false, &(*node)->declare);
    return (*node)->expr != NULL ? close_action(ps, open) : -1;
}

static enum ending parse_list(struct tparser *ps, struct tnode **list, const char *opened_by)
{
    struct tnode **tail = list;
    for (;;) {
        struct tnode *n = parse_text(ps);
        if (n != NULL) {
            *tail = n;
            tail = &n->next;
        }
        if (ps->p == ps->end)
            break;
        const char *open = ps->p;
        ps->p += 2;
        if (template__looking_at(ps, "-") && ps->p + 1 < ps->end &&
            isspace((unsigned char)ps->p[1]))
            ps->p++;
        template__skip_space(ps);
        enum ending how = parse_ending(ps, open);
        if (how != END_SOURCE && opened_by == NULL && how != END_ERROR)
            return template__fail(ps, open, "there is no if or range to end here"), END_ERROR;
        if (how != END_SOURCE)
            return how;
        n = NULL;
        if (parse_action(ps, open, &n) != 0)
            return END_ERROR;
        if (n != NULL) {
            *tail = n;
            tail = &n->next;
        }
    }
    if (opened_by == NULL)
        return END_SOURCE;
    template__fail(ps, opened_by, "this block has no {{ end }}");
    return END_ERROR;
}

struct template *template_parse(struct arena *a, const char *source,
                                const struct template_style *style, struct err *err)
{
    size_t n = strlen(source);
    if (n > TEMPLATE_SOURCE_MAX) {
        err_set(err, ERR_TOO_LARGE, "template of %zu bytes; at most %d", n, TEMPLATE_SOURCE_MAX);
        return NULL;
    }
    struct err ignored;
    struct template *t = arena_new_of(a, struct template);
    struct tparser ps = {.arena = a,
                         .style = style,
                         .template = t,
                         .body = &t->main,
                         .source = source,
                         .p = source,
                         .end = source + n,
                         .n_vars = 1,
                         .err = err != NULL ? err : &ignored};
    for (const char *const *name = style->vars; name != NULL && *name != NULL; name++)
        ps.vars[ps.n_vars++] = str_of(*name);
    t->n_vars = ps.n_vars - 1;
    t->main.n_slots = ps.n_vars;
    if (parse_list(&ps, &t->main.first, NULL) == END_ERROR)
        return NULL;
    must(ps.p == ps.end && ps.depth == 0);
    return t;
}
