/* alerting: of Gatus as channels, and an endpoint's alerts as its channels and threshold (import_gatus.h). */
#include "cli/import_gatus.h"

#include <string.h>

#include "cli/import_way.h"

#define SUCCESSES 2 /* good ones in a row until Gatus ends an alert */
#define THRESHOLD 3 /* failures in a row until Gatus alerts, when nothing says otherwise */

/* --- custom --- */

/* Gatus' placeholders in the body of `custom`, as values of our templates. */
static const char *const placeholders[][2] = {
    {"[ALERT_DESCRIPTION]", ".Message"},
    {"[RESULT_ERRORS]", ".Message"},
    {"[RESULT_CONDITIONS]", "\"\""},
    {"[ENDPOINT_NAME]", ".Name"},
    {"[ENDPOINT_GROUP]", ".Group"},
    {"[ENDPOINT_URL]", ".Instance"},
    {"[ALERT_TRIGGERED_OR_RESOLVED]", "$state"},
};
#define STATE "{{ $state := \"RESOLVED\" }}{{ if .Firing }}{{ $state = \"TRIGGERED\" }}{{ end }}"

static size_t placeholder(struct str s, const char **value)
{
    for (size_t i = 0; i < array_len(placeholders); i++)
        if (str_starts(s, str_of(placeholders[i][0]))) {
            *value = placeholders[i][1];
            return strlen(placeholders[i][0]);
        }
    return 0;
}

/* From a quotation mark on, the length of the JSON text; 0: it has no end. */
static size_t text_length(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '"')
            return i + 1;
        i += s.p[i] == '\\';
    }
    return 0;
}

/* "down: [ENDPOINT_NAME]" → {{ printf "down: %s" .Name | json }}: so that nothing in a value can end the text. */
static bool put_json_text(struct str s, struct buf *out)
{
    cleanup(buf_done) struct buf format = BUF_INIT(1 << 18), values = BUF_INIT(1 << 16);
    const char *value = NULL;
    for (size_t i = 0; i < s.n;) {
        size_t n = placeholder((struct str){s.p + i, s.n - i}, &value);
        if (n)
            buf_printf(&values, " %s", value);
        else if (s.p[i] == '%')
            buf_puts(&format, "%%");
        else
            buf_putc(&format, s.p[i]);
        buf_puts(&format, n ? "%s" : "");
        i += n ? n : 1;
    }
    if (values.len)
        buf_printf(out, "{{ printf %s%s | json }}", format.data, values.data);
    return values.len > 0;
}

static const char *as_template(struct gatus *g, const char *body)
{
    cleanup(buf_done) struct buf out = BUF_INIT(1 << 19);
    struct str s = str_of(body);
    if (strstr(body, "[ALERT_TRIGGERED_OR_RESOLVED]"))
        buf_puts(&out, STATE);
    while (s.n) {
        const char *value = NULL;
        size_t n = placeholder(s, &value), text = *s.p == '"' ? text_length(s) : 0;
        if (n) {
            buf_printf(&out, "{{ %s }}", value);
        } else if (text && put_json_text((struct str){s.p, text}, &out)) {
            n = text;
        } else if (str_starts(s, STR("{{"))) {
            buf_puts(&out, "{{ \"{{\" }}");
            n = 2;
        } else {
            buf_putc(&out, *s.p);
            n = 1;
        }
        s = (struct str){s.p + n, s.n - n};
    }
    return arena_strndup(g->arena, out.data ? out.data : "", out.len);
}

static bool fill_custom(struct gatus *g, const struct node *p, struct node *ch)
{
    const char *method = gatus_plain(g, p, "method"), *body = gatus_text(g, p, "body");
    if (method && *method && !streq(method, "POST"))
        gatus_tell(g, node_get(p, "method"), "alerting", "custom",
                   "Belfry posts; method %.20s is not", method);
    gatus_map(g, p, "headers", ch, "headers");
    const struct node *type = node_get(node_get(ch, "headers"), "Content-Type");
    if (body && *body) {
        import_doc_put(&g->doc, ch, "template", as_template(g, body));
        if (type && type->kind == NODE_TEXT)
            import_doc_put(&g->doc, ch, "content_type", type->text.p);
    }
    return import_way_hook(&g->doc, ch, "webhook", gatus_text(g, p, "url"));
}

/* --- the others --- */

static bool fill_slack(struct gatus *g, const struct node *p, struct node *ch)
{
    import_doc_put(&g->doc, ch, "channel", gatus_text(g, p, "channel"));
    return import_way_hook(&g->doc, ch, "slack", gatus_text(g, p, "webhook-url"));
}

static bool fill_discord(struct gatus *g, const struct node *p, struct node *ch)
{
    return import_way_discord(&g->doc, ch, gatus_text(g, p, "webhook-url"));
}

static bool fill_google_chat(struct gatus *g, const struct node *p, struct node *ch)
{
    return import_way_google_chat(&g->doc, ch, gatus_text(g, p, "webhook-url"));
}

static bool fill_telegram(struct gatus *g, const struct node *p, struct node *ch)
{
    return import_way_telegram(&g->doc, ch, gatus_text(g, p, "api-url"), gatus_text(g, p, "token"),
                               gatus_text(g, p, "id"));
}

static bool fill_ntfy(struct gatus *g, const struct node *p, struct node *ch)
{
    return import_way_ntfy(&g->doc, ch, gatus_text(g, p, "url"), gatus_text(g, p, "topic"),
                           gatus_text(g, p, "token"), gatus_number(g, p, "priority", 3));
}

static bool fill_gotify(struct gatus *g, const struct node *p, struct node *ch)
{
    return import_way_gotify(&g->doc, ch, gatus_text(g, p, "server-url"), gatus_text(g, p, "token"),
                             gatus_number(g, p, "priority", 5));
}

static bool fill_mail(struct gatus *g, const struct node *p, struct node *ch)
{
    int64_t port = gatus_number(g, p, "port", 587);
    const char *user = gatus_text(g, p, "username"), *from = gatus_text(g, p, "from");
    struct import_mail m = {
        .host = gatus_text(g, p, "host"),
        .port = port,
        .security = port == 465  ? "tls"
                    : port == 25 ? "none"
                                 : "starttls",
        .username = user ? user : from,
        .password = gatus_text(g, p, "password"),
        .from = from,
        .to = gatus_text(g, p, "to"),
        .unverified = gatus_flag(g, node_get(p, "client"), "insecure", false),
    };
    if (!m.password || !*m.password)
        m.username = NULL;
    return import_way_mail(&g->doc, ch, &m);
}

static const struct way {
    const char *name;
    bool (*fill)(struct gatus *g, const struct node *p, struct node *ch);
    const char *keys[10]; /* that fill knows */
} ways[] = {
    {"slack", fill_slack, {"webhook-url", "channel"}},
    {"mattermost", fill_slack, {"webhook-url", "channel"}},
    {"rocketchat", fill_slack, {"webhook-url", "channel"}},
    {"discord", fill_discord, {"webhook-url"}},
    {"googlechat", fill_google_chat, {"webhook-url"}},
    {"telegram", fill_telegram, {"token", "id", "api-url"}},
    {"ntfy", fill_ntfy, {"topic", "url", "priority", "token"}},
    {"gotify", fill_gotify, {"server-url", "token", "priority"}},
    {"email", fill_mail, {"from", "username", "password", "host", "port", "to", "client"}},
    {"custom", fill_custom, {"url", "method", "headers", "body"}},
};

static const struct way *way_of(struct str name)
{
    for (size_t i = 0; i < array_len(ways); i++)
        if (str_eqz(name, ways[i].name))
            return &ways[i];
    return NULL;
}

/* --- providers --- */

static void add_channel(struct gatus *g, const struct way *w, const struct node *p,
                        const char *group)
{
    struct node *ch = node_map(g->arena);
    struct err err = {0};
    const char *key = group ? arena_printf(g->arena, "%s\n%s", w->name, group) : w->name;
    import_doc_put(&g->doc, ch, "name",
                   group ? arena_printf(g->arena, "%s %s", w->name, group) : w->name);
    const char *name = NULL;
    if (!w->fill(g, p, ch))
        gatus_tell(g, p, "alerting", w->name, "it is incomplete, and not carried over");
    else if ((name = import_doc_channel(&g->doc, ch, &err)) == NULL)
        gatus_tell(g, p, "alerting", w->name, "is not carried over: %.300s", err.msg);
    if (name)
        map_str_put(g->channels, key, strlen(key), (void *)name);
}

/* The provider with what an override says put over it. */
static void add_override(struct gatus *g, const struct way *w, const struct node *p,
                         const struct node *over)
{
    const char *group = over->kind == NODE_MAP ? gatus_text(g, over, "group") : NULL;
    struct node *both = node_copy(g->arena, p);
    for (const struct node *n = group ? over->first : NULL; n; n = n->next)
        node_put(both, g->arena, n->key.p, node_copy(g->arena, n));
    if (group && *group)
        add_channel(g, w, both, group);
}

static void tell_rest(struct gatus *g, const struct way *w, const struct node *p)
{
    static const struct gatus_reason none[] = {{NULL, NULL}};
    const char *known[20] = {"overrides", "default-alert"};
    size_t n = 2;
    for (const char *const *k = w->keys; *k; k++)
        known[n++] = *k;
    must(n < array_len(known));
    gatus_tell_keys(g, p, "alerting", w->name, known, none);
}

void gatus_alerting(struct gatus *g)
{
    const struct node *alerting = node_get(g->root, "alerting");
    g->alerting = alerting && alerting->kind == NODE_MAP ? alerting : NULL;
    for (const struct node *p = g->alerting ? alerting->first : NULL; p; p = p->next) {
        const struct way *w = way_of(p->key);
        if (!w || p->kind != NODE_MAP) {
            gatus_tell(g, p, "alerting", p->key.p,
                       "Belfry has no such channel; make one of another type, or exec");
            continue;
        }
        add_channel(g, w, p, NULL);
        for (const struct node *o = gatus_items(p, "overrides"); o; o = o->next)
            add_override(g, w, p, o);
        tell_rest(g, w, p);
    }
}

/* --- alerts of an endpoint --- */

/* A key of the alert, or of its provider's default-alert. */
static const struct node *either(const struct node *alert, const struct node *usual,
                                 const char *key)
{
    return node_get(alert, key) ? alert : usual;
}

static void tell_once(struct gatus *g, const struct node *alert, const struct node *usual)
{
    const struct node *from = either(alert, usual, "send-on-resolved");
    if (!g->resolved_told && !gatus_flag(g, from, "send-on-resolved", false)) {
        g->resolved_told = true;
        problem_add(g->problems, from ? from : alert, "",
                    "send-on-resolved is off here; Belfry always tells recoveries");
    }
}

static const char *channel_of(struct gatus *g, const char *type, const char *group)
{
    const char *key = arena_printf(g->arena, "%s\n%s", type, group);
    const char *name = map_str_get(g->channels, key, strlen(key));
    return name ? name : map_str_get(g->channels, type, strlen(type));
}

static void tell_alert(struct gatus *g, const struct node *alert, const char *type)
{
    static const char *const known[] = {"type",
                                        "enabled",
                                        "failure-threshold",
                                        "success-threshold",
                                        "send-on-resolved",
                                        "minimum-reminder-interval",
                                        NULL};
    static const struct gatus_reason why[] = {
        {"description", "make it a label, or the channel's template"},
        {"provider-override", "make a channel of its own"},
        {NULL, NULL},
    };
    gatus_tell_keys(g, alert, "alert", type, known, why);
}

void gatus_alerts(struct gatus *g, const struct node *endpoint, const char *group,
                  struct node *target)
{
    int64_t threshold = 0, successes = 0, remind = 0;
    for (const struct node *a = gatus_items(endpoint, "alerts"); a; a = a->next) {
        const char *type = gatus_text(g, a, "type");
        const struct node *usual =
            type && g->alerting ? node_get(node_get(g->alerting, type), "default-alert") : NULL;
        const char *channel = type ? channel_of(g, type, group) : NULL;
        if (!type || !gatus_flag(g, either(a, usual, "enabled"), "enabled", true))
            continue;
        tell_alert(g, a, type);
        tell_once(g, a, usual);
        int64_t n =
            gatus_number(g, either(a, usual, "failure-threshold"), "failure-threshold", THRESHOLD);
        int64_t good =
            gatus_number(g, either(a, usual, "success-threshold"), "success-threshold", SUCCESSES);
        int64_t ms = gatus_ms(g, either(a, usual, "minimum-reminder-interval"),
                              "minimum-reminder-interval", 0);
        threshold = threshold == 0 || n < threshold ? n : threshold;
        successes = good > successes ? good : successes;
        remind = remind == 0 || (ms > 0 && ms < remind) ? ms : remind;
        if (channel)
            import_doc_append(&g->doc, target, "channels", node_text(g->arena, channel));
        else
            gatus_tell(g, a, "alert", type, "its provider was not carried over; nobody is told");
    }
    if (threshold > 0 && threshold != THRESHOLD)
        import_doc_int(&g->doc, target, "threshold", threshold < 1000 ? threshold : 1000);
    if (successes > 1)
        import_doc_int(&g->doc, target, "success_threshold", successes < 1000 ? successes : 1000);
    if (remind > 0)
        import_doc_ms(&g->doc, target, "resend_interval", remind);
}
