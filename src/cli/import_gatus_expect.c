/* The conditions of an endpoint of Gatus (import_gatus.h): as they are where the prober has `expect.conditions`; else, and for what
 * the prober does not see, by its own options. */
#include "cli/import_gatus.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "probe/condition.h"
#include "probe/prober.h"

#define ANY_STATUS "100-599"

/* --- reading one --- */

struct said {
    const char *text, *left, *op, *right; /* left NULL: it cannot be divided */
};

static struct said said_of(struct gatus *g, const struct node *n)
{
    static const char *const ops[] = {" == ", " != ", " <= ", " >= ", " < ", " > "};
    struct said s = {.text = gatus_text_of(g, n)};
    for (size_t i = 0; s.text && i < array_len(ops); i++) {
        const char *at = strstr(s.text, ops[i]);
        if (!at)
            continue;
        struct str left = str_trim((struct str){s.text, (size_t)(at - s.text)}),
                   right = str_trim(str_of(at + strlen(ops[i])));
        s.left = arena_strndup(g->arena, left.p, left.n);
        s.right = arena_strndup(g->arena, right.p, right.n);
        s.op = arena_strndup(g->arena, ops[i] + 1, strlen(ops[i]) - 2);
        break;
    }
    return s;
}

static bool is_about(const struct said *s, const char *placeholder)
{
    size_t n = strlen(placeholder);
    return s->left && (strncasecmp(s->left, placeholder, n) == 0 ||
                       strncasecmp(s->right, placeholder, n) == 0);
}

/* "> 720h" → 720h in ms; -1: it is not of this form. */
static int64_t at_least(const struct said *s)
{
    int64_t ms;
    bool more = s->op && *s->op == '>';
    return more && duration_parse(str_of(s->right), &ms, NULL) == 0 && ms > 0 ? ms : -1;
}

int64_t gatus_domain_ms(struct gatus *g, const struct node *endpoint)
{
    for (const struct node *n = gatus_items(endpoint, "conditions"); n; n = n->next) {
        struct said s = said_of(g, n);
        if (is_about(&s, "[DOMAIN_EXPIRATION]") && at_least(&s) > 0)
            return at_least(&s);
    }
    return 0;
}

static const struct option *expect_of(const char *type)
{
    const struct prober_ops *ops = prober_by_type(type, NULL);
    const struct option *o = ops ? ops->options : NULL;
    while (o && o->name && !streq(o->name, "expect"))
        o++;
    return o && o->name ? o->sub : NULL;
}

static bool expects(const char *type, const char *name)
{
    for (const struct option *o = expect_of(type); o && o->name; o++)
        if (streq(o->name, name))
            return true;
    return false;
}

/* --- as they are --- */

/* Whether ours reads it; *why says what it does not like. */
static bool compiles(struct gatus *g, const char *text, const char **why)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    problems_init(&p, a);
    (void)conditions_compile(&(struct str_list){&text, 1}, a, &p, "");
    bool good = p.list.n == 0;
    *why = good ? NULL : arena_strdup(g->arena, p.list.at[0].message);
    problems_done(&p);
    return good;
}

static bool is_fit(struct gatus *g, const struct node *n, const char *name, struct node *config)
{
    const struct node *have = node_get(node_get(config, "expect"), "conditions");
    const char *why = NULL, *text = gatus_text_of(g, n);
    if (!text || !compiles(g, text, &why))
        gatus_tell(g, n, "endpoint", name, "the condition \"%.100s\" is not carried over: %s",
                   text ? text : "", why ? why : "want a text");
    else if (have && have->count >= CONDITIONS_MAX)
        gatus_tell(g, n, "endpoint", name, "got more than %d conditions; \"%.100s\" is left out",
                   CONDITIONS_MAX, text);
    else
        return true;
    return false;
}

static void keep(struct gatus *g, const struct node *n, const char *name, struct node *config)
{
    if (is_fit(g, n, name, config))
        import_doc_append(&g->doc, import_doc_section(&g->doc, config, "expect"), "conditions",
                          node_text(g->arena, gatus_text_of(g, n)));
}

/* Gatus judges by conditions alone: what ours expects by itself is taken back. */
static void open_expectations(struct gatus *g, const char *type, bool about_rcode,
                              struct node *config)
{
    const struct node *conditions = node_get(node_get(config, "expect"), "conditions");
    bool status = false;
    for (const struct node *n = conditions ? conditions->first : NULL; n; n = n->next)
        status = status || strcasestr(n->text.p, "[STATUS]");
    if (streq(type, "http") && !status)
        import_doc_append(&g->doc, import_doc_section(&g->doc, config, "expect"), "status",
                          node_text(g->arena, ANY_STATUS));
    if (streq(type, "dns") && about_rcode)
        import_doc_int(&g->doc, import_doc_section(&g->doc, config, "expect"), "min_answers", 0);
}

/* --- by options --- */

/* A text or a glob as a regular expression; variables of the environment stay what they are. */
static const char *as_pattern(struct gatus *g, const char *text)
{
    struct str s = str_of(text);
    bool glob = str_starts(s, STR("pat(")) && str_ends(s, STR(")"));
    cleanup(buf_done) struct buf out = BUF_INIT(1 << 16);
    if (glob)
        s = (struct str){s.p + 4, s.n - 5};
    if (!glob || (s.n && s.p[0] != '*'))
        buf_putc(&out, '^');
    for (size_t i = 0; i < s.n; i++) {
        bool variable = s.p[i] == '$' && i + 1 < s.n && s.p[i + 1] == '{';
        size_t end = i;
        while (variable && end + 1 < s.n && s.p[end] != '}')
            end++;
        if (variable)
            buf_add(&out, s.p + i, end + 1 - i);
        else if (glob && (s.p[i] == '*' || s.p[i] == '?'))
            buf_puts(&out, s.p[i] == '*' ? ".*" : ".");
        else if (strchr("\\^.|?*+()[]{}", s.p[i]))
            buf_printf(&out, "\\%c", s.p[i]);
        else if (s.p[i] == '$')
            buf_puts(&out, "\\$");
        else
            buf_putc(&out, s.p[i]);
        i = end;
    }
    if (!glob || (s.n && s.p[s.n - 1] != '*'))
        buf_puts(&out, "$$"); /* a dollar sign of belfry.yaml */
    return arena_strndup(g->arena, out.data ? out.data : "", out.len);
}

/* What a server says by itself or to the body that was sent: the step's `expect`. */
static bool put_answer(struct gatus *g, const struct said *s, const char *type, struct node *config)
{
    struct node *steps = node_get(config, "steps"), *step = steps ? steps->first : NULL;
    bool whole = s->left && strcasecmp(s->left, "[BODY]") == 0 && streq(s->op, "==") &&
                 !str_starts(str_of(s->right), STR("any(")) && s->right[0] != '[';
    if (!whole || (step && node_get(step, "expect")))
        return false;
    if (streq(type, "udp")) {
        import_doc_put(&g->doc, import_doc_section(&g->doc, config, "expect"), "answer",
                       as_pattern(g, s->right));
        return true;
    }
    if (!step) {
        step = node_map(g->arena);
        import_doc_append(&g->doc, config, "steps", step);
        step = node_get(config, "steps")->first;
    }
    import_doc_put(&g->doc, step, "expect", as_pattern(g, s->right));
    return true;
}

static bool put_latency(struct gatus *g, const struct said *s, const char *type,
                        struct node *config)
{
    int64_t ms;
    bool number = s->op && *s->op == '<' && str_to_i64(str_of(s->right), &ms, NULL) == 0;
    if ((!number &&
         !(s->op && *s->op == '<' && duration_parse(str_of(s->right), &ms, NULL) == 0)) ||
        ms <= 0 || !expects(type, "max_latency"))
        return false;
    struct node *expect = import_doc_section(&g->doc, config, "expect");
    import_doc_ms(&g->doc, expect, "max_latency", ms);
    import_doc_put(&g->doc, expect, "max_latency_action", "fail");
    return true;
}

static bool put_dns(struct gatus *g, const struct said *s, struct node *config)
{
    bool plain = s->op && streq(s->op, "==") && s->right[0] != '[';
    if (plain && is_about(s, "[DNS_RCODE]"))
        import_doc_append(&g->doc, import_doc_section(&g->doc, config, "expect"), "rcode",
                          node_text(g->arena, s->right));
    else if (plain && strcasecmp(s->left, "[BODY]") == 0 && !strchr(s->right, '('))
        import_doc_append(&g->doc, import_doc_section(&g->doc, config, "expect"), "records",
                          node_text(g->arena, s->right));
    else
        return false;
    return true;
}

static bool by_options(struct gatus *g, const struct said *s, const char *type, struct node *config)
{
    if (is_about(s, "[CONNECTED]") && streq(s->op, "==") && strcasecmp(s->right, "true") == 0)
        return true; /* nothing is good without */
    if (is_about(s, "[RESPONSE_TIME]"))
        return put_latency(g, s, type, config);
    if (streq(type, "dns"))
        return put_dns(g, s, config);
    return streq(type, "ssh") && is_about(s, "[STATUS]") && streq(s->op, "==") &&
           streq(s->right, "0");
}

/* --- all of them --- */

/* [CONNECTED] == false: good when nobody is there. */
static bool wants_nobody(const struct said *s)
{
    return is_about(s, "[CONNECTED]") &&
           ((streq(s->op, "==") && strcasecmp(s->right, "false") == 0) ||
            (streq(s->op, "!=") && strcasecmp(s->right, "true") == 0));
}

void gatus_http_conditions(struct gatus *g, const struct node *endpoint, struct node *config)
{
    const char *name = gatus_text(g, endpoint, "name");
    for (const struct node *n = gatus_items(endpoint, "conditions"); n; n = n->next)
        keep(g, n, name ? name : "step", config);
    open_expectations(g, "http", false, config);
}

static void take(struct gatus *g, const struct node *n, const struct said *s, const char *name,
                 const char *type, struct node *config)
{
    bool talks = streq(type, "tcp") || streq(type, "websocket") || streq(type, "udp");
    bool answer = talks && s->text && strcasestr(s->text, "[BODY]"), done;
    if (is_about(s, "[DOMAIN_EXPIRATION]") && !streq(type, "domain"))
        done = at_least(s) > 0; /* a target of its own */
    else if (answer)
        done = put_answer(g, s, type, config);
    else if (expects(type, "conditions")) {
        keep(g, n, name, config);
        return;
    } else {
        done = s->left && by_options(g, s, type, config);
    }
    if (!done)
        gatus_tell(g, n, "endpoint", name,
                   "the condition \"%.100s\" is not carried over: prober %s has no counterpart",
                   s->text ? s->text : "", type);
}

void gatus_expect(struct gatus *g, const struct node *endpoint, const char *name, const char *type,
                  struct node *target)
{
    struct node *config = node_get(target, "config");
    bool about_rcode = false;
    must(config != NULL);
    for (const struct node *n = gatus_items(endpoint, "conditions"); n; n = n->next) {
        struct said s = said_of(g, n);
        if (wants_nobody(&s)) {
            import_doc_flag(&g->doc, target, "invert", true);
            continue;
        }
        about_rcode = about_rcode || is_about(&s, "[DNS_RCODE]");
        take(g, n, &s, name, type, config);
    }
    open_expectations(g, type, about_rcode, config);
}
