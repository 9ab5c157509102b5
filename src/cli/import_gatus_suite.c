/* Suites of Gatus as transactions, external endpoints as push targets (import_gatus.h). */
#include "cli/import_gatus.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define STEPS_MAX         16
#define SUITE_INTERVAL_MS 600000
#define SUITE_TIMEOUT_MS  300000
#define NEVER_MS          (366 * 86400000LL)

/* --- context --- */

/* Values that the suite itself gives, known while importing. */
static const char *constant(struct gatus *g, const struct node *suite, struct str name)
{
    const struct node *context = node_get(suite, "context");
    const char *key = arena_strndup(g->arena, name.p, name.n);
    return gatus_text_of(g, node_get(context, key));
}

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* [CONTEXT].name → {{name}}, or its value when the suite gives it. NULL: it goes deeper than a name. */
static const char *with_context(struct gatus *g, const struct node *suite, const char *text,
                                bool taken)
{
    static const char mark[] = "[CONTEXT].";
    cleanup(buf_done) struct buf out = BUF_INIT(1 << 20);
    if (!text || !strcasestr(text, mark))
        return text;
    for (const char *s = text; *s;) {
        if (strncasecmp(s, mark, sizeof(mark) - 1) != 0) {
            buf_putc(&out, *s++);
            continue;
        }
        const char *from = s + sizeof(mark) - 1;
        for (s = from; name_char(*s) || *s == '-';)
            s++;
        struct str name = {from, (size_t)(s - from)};
        const char *value = constant(g, suite, name);
        bool plain = memchr(from, '-', name.n) == NULL && name.n > 0;
        if (!value && (!taken || !plain || (*s == '.' && name_char(s[1]))))
            return NULL;
        if (value)
            buf_puts(&out, value);
        else
            buf_printf(&out, "{{%.*s}}", (int)name.n, from);
    }
    return arena_strndup(g->arena, out.data ? out.data : "", out.len);
}

/* --- steps --- */

struct stepping {
    struct gatus *g;
    const struct node *suite, *endpoint;
    struct node *step;
    const char *why; /* it cannot be had */
};

static void put_filled(struct stepping *s, struct node *to, const char *key, const char *text)
{
    const char *filled = with_context(s->g, s->suite, text, true);
    if (text && !filled)
        s->why = "[CONTEXT] with a path has no counterpart";
    import_doc_put(&s->g->doc, to, key, filled);
}

static void put_headers(struct stepping *s)
{
    const struct node *map = node_get(s->endpoint, "headers");
    for (const struct node *n = map && map->kind == NODE_MAP ? map->first : NULL; n; n = n->next)
        put_filled(s, import_doc_section(&s->g->doc, s->step, "headers"), n->key.p,
                   gatus_text_of(s->g, n));
}

/* store: {token: "[BODY].token"} → take: {token: "json:token"} */
static void put_store(struct stepping *s)
{
    const struct node *map = node_get(s->endpoint, "store");
    for (const struct node *n = map && map->kind == NODE_MAP ? map->first : NULL; n; n = n->next) {
        const char *from = gatus_text_of(s->g, n);
        struct node *take = import_doc_section(&s->g->doc, s->step, "take");
        if (from && strncasecmp(from, "[BODY].", 7) == 0)
            import_doc_put(&s->g->doc, take, n->key.p,
                           arena_printf(s->g->arena, "json:%s", from + 7));
        else if (from && strcasecmp(from, "[BODY]") == 0)
            import_doc_put(&s->g->doc, take, n->key.p, "regex:((?s).*)");
        else
            s->why = "it stores something else than a value of the body";
    }
}

/* The conditions with what the suite gives put in; those about values of other steps are told. */
static const struct node *own_conditions(struct stepping *s)
{
    struct node *list = node_list(s->g->arena), *map = node_map(s->g->arena);
    for (const struct node *n = gatus_items(s->endpoint, "conditions"); n; n = n->next) {
        const char *text = gatus_text_of(s->g, n), *filled;
        filled = with_context(s->g, s->suite, text, false);
        if (text && filled) {
            struct node *copy = node_copy(s->g->arena, n);
            copy->text = str_of(filled);
            node_append(list, copy);
        } else {
            gatus_tell(s->g, n, "condition", text ? text : "",
                       "is not carried over: conditions know no values of other steps");
        }
    }
    node_put(map, s->g->arena, "name", node_text(s->g->arena, "step"));
    node_put(map, s->g->arena, "conditions", list);
    return map;
}

static void tell_step(struct stepping *s, const char *name)
{
    static const char *const known[] = {"name",    "group",   "url",        "method", "body",
                                        "graphql", "headers", "conditions", "store",  "interval",
                                        "enabled", "ui",      NULL};
    static const struct gatus_reason why[] = {
        {"always-run", "a transaction ends with the first step that fails"},
        {"alerts", "the suite rings as a whole"},
        {"client", "TLS and timeouts are the transaction's"},
        {NULL, NULL},
    };
    gatus_tell_keys(s->g, s->endpoint, "step", name, known, why);
}

static const char *add_step(struct gatus *g, const struct node *suite, const struct node *endpoint,
                            struct node *config)
{
    struct stepping s = {g, suite, endpoint, node_map(g->arena), NULL};
    const char *url = gatus_text(g, endpoint, "url"), *method = gatus_text(g, endpoint, "method");
    const char *name = import_doc_line(g->arena, gatus_plain(g, endpoint, "name"), 100, "step");
    if (!url || (strncasecmp(url, "http", 4) != 0 && url[0] != '$' && url[0] != '['))
        return "a step that is not HTTP has no counterpart";
    import_doc_put(&g->doc, s.step, "name", name);
    put_filled(&s, s.step, "url", url);
    if (method && *method && !streq(method, "GET"))
        import_doc_put(&g->doc, s.step, "method", method);
    put_headers(&s);
    put_filled(&s, s.step, "body", gatus_body(g, endpoint));
    if (gatus_flag(g, endpoint, "graphql", false))
        import_doc_put(&g->doc, import_doc_section(&g->doc, s.step, "headers"), "Content-Type",
                       "application/json");
    put_store(&s);
    gatus_http_conditions(g, own_conditions(&s), s.step);
    tell_step(&s, name);
    import_doc_append(&g->doc, config, "steps", s.step);
    return s.why;
}

void gatus_suite(struct gatus *g, const struct node *suite)
{
    static const char *const known[] = {"name",    "group",     "enabled", "interval", "timeout",
                                        "context", "endpoints", "alerts",  NULL};
    static const struct gatus_reason reasons[] = {{NULL, NULL}};
    const char *name = import_doc_line(g->arena, gatus_plain(g, suite, "name"), 190, "suite");
    const char *group = gatus_group_of(g, suite), *why = NULL;
    struct node *target = gatus_target(g, suite, name, group, "transaction");
    struct node *config = import_doc_section(&g->doc, target, "config");
    size_t n = 0;
    bool open = false;
    for (const struct node *e = gatus_items(suite, "endpoints"); e && !why; e = e->next) {
        why = ++n > STEPS_MAX ? "it has more than 16 steps" : add_step(g, suite, e, config);
        open = open || gatus_flag(g, node_get(e, "client"), "insecure", false);
        if (node_get(e, "alerts") && !node_get(target, "channels"))
            gatus_alerts(g, e, group, target);
    }
    if (open)
        import_doc_flag(&g->doc, import_doc_section(&g->doc, config, "tls"), "verify", false);
    if (why || n == 0) {
        gatus_tell(g, suite, "suite", name, "is not carried over: %s",
                   why ? why : "it has no steps");
        return;
    }
    gatus_timing(g, suite, target, SUITE_INTERVAL_MS,
                 gatus_ms(g, suite, "timeout", SUITE_TIMEOUT_MS));
    gatus_add(g, suite, group, target, "suite", name);
    gatus_tell_keys(g, suite, "suite", name, known, reasons);
}

/* --- external endpoints --- */

void gatus_external(struct gatus *g, const struct node *endpoint)
{
    static const char *const known[] = {"name",      "group",  "enabled",      "token",
                                        "heartbeat", "alerts", "extra-labels", NULL};
    static const struct gatus_reason why[] = {
        {"maintenance-windows",
         "windows are no part of the file; add it with belfry maintenance add (docs/alerts.md)"},
        {NULL, NULL},
    };
    const char *name = import_doc_line(g->arena, gatus_plain(g, endpoint, "name"), 190, "push");
    const char *group = gatus_group_of(g, endpoint), *token = gatus_text(g, endpoint, "token");
    int64_t ms = gatus_ms(g, node_get(endpoint, "heartbeat"), "interval", 0);
    struct node *target = gatus_target(g, endpoint, name, group, "push");
    struct node *config = import_doc_section(&g->doc, target, "config");
    import_doc_ms(&g->doc, config, "period", ms > 0 ? ms : NEVER_MS);
    import_doc_ms(&g->doc, config, "grace", 0);
    import_doc_put(&g->doc, config, "token", token);
    struct err err = {0};
    if (token && import_doc_check(&g->doc, target, &err) != 0) {
        node_put(target, g->arena, "config", node_map(g->arena));
        config = node_get(target, "config");
        import_doc_ms(&g->doc, config, "period", ms > 0 ? ms : NEVER_MS);
        import_doc_ms(&g->doc, config, "grace", 0);
        gatus_tell(g, endpoint, "external endpoint", name, "it gets another token: %.200s",
                   err.msg);
    }
    if (!gatus_add(g, endpoint, group, target, "external endpoint", name))
        return;
    gatus_tell(
        g, endpoint, "external endpoint", name,
        "is a push target now: let its job call /push/TOKEN?status=up&msg=…, or status=down%s",
        ms > 0 ? "" : "; Gatus never missed it, so it is given a year");
    gatus_tell_keys(g, endpoint, "external endpoint", name, known, why);
}
