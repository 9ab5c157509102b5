/* Uptime Kuma's monitors and notifications as targets and channels. What Belfry cannot do is told and left out. Pure. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/import_kuma.h"
#include "cli/import_priv.h"

/* A field under the name it has in the backup or in the database; "" when absent. */
static const char *text_of(const struct kuma *k, const struct node *m, const char *name,
                           const char *column)
{
    const struct node *n = node_get(m, name);
    if (!n && column)
        n = node_get(m, column);
    if (n && n->kind == NODE_TEXT)
        return n->text.p;
    if (n && n->kind == NODE_INT)
        return arena_printf(k->arena, "%lld", (long long)n->num);
    if (n && n->kind == NODE_F64)
        return arena_printf(k->arena, "%g", n->f64);
    if (n && n->kind == NODE_BOOL)
        return n->flag ? "1" : "0";
    return "";
}

static double number_of(const struct kuma *k, const struct node *m, const char *name,
                        const char *column, double absent)
{
    const char *text = text_of(k, m, name, column);
    char *end;
    double v = strtod(text, &end);
    return end == text || *end || !isfinite(v) || v < 0 || v > 1e9 ? absent : v;
}

static bool flag_of(const struct kuma *k, const struct node *m, const char *name,
                    const char *column)
{
    const char *text = text_of(k, m, name, column);
    return streq(text, "1") || streq(text, "true");
}

static void put(struct kuma *k, struct node *map, const char *key, const char *text)
{
    if (*text)
        node_put(map, k->arena, key, node_text(k->arena, text));
}

static void put_seconds(struct kuma *k, struct node *map, const char *key, double seconds)
{
    char text[64];
    put(k, map, key,
        arena_strdup(k->arena, duration_format((int64_t)(seconds * 1000 + 0.5), text)));
}

static void left_out(struct kuma *k, const char *what, const char *name, const char *why)
{
    problem_add(k->problems, NULL, "", "%s \"%s\" is not taken: %s", what, name, why);
}

/* JSON in a text, or the value itself. */
static const struct node *json_of(const struct kuma *k, const struct node *m, const char *name,
                                  const char *column)
{
    const struct node *n = node_get(m, name);
    if (!n && column)
        n = node_get(m, column);
    if (n && n->kind == NODE_TEXT)
        return node_from_json(k->arena, n->text.p, n->text.n, NULL);
    return n;
}

/* --- what is expected of an answer --- */

static void put_status(struct kuma *k, const struct node *m, struct node *expect)
{
    const struct node *codes = json_of(k, m, "accepted_statuscodes", "accepted_statuscodes_json");
    struct node *list = node_list(k->arena);
    for (const struct node *c = codes && codes->kind == NODE_LIST ? codes->first : NULL; c;
         c = c->next)
        if (c->kind == NODE_TEXT && strspn(c->text.p, "0123456789-") == c->text.n && c->text.n > 2)
            node_append(list, node_text(k->arena, c->text.p));
    if (list->count > 0)
        node_put(expect, k->arena, "status", list);
}

static void put_list(struct kuma *k, struct node *map, const char *key, const char *text)
{
    struct node *list = node_list(k->arena);
    node_append(list, node_text(k->arena, text));
    node_put(map, k->arena, key, list);
}

/* JSONata: only a plain path of names is the same in Belfry. */
static const char *plain_path(const struct kuma *k, const char *path)
{
    if (path[0] == '$' && path[1] == '.')
        path += 2;
    for (const char *p = path; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_.-[]", *p))
            return NULL;
    return *path ? path : NULL;
}

static bool put_json_query(struct kuma *k, const struct node *m, struct node *expect)
{
    const char *path = plain_path(k, text_of(k, m, "jsonPath", "json_path"));
    const char *op = text_of(k, m, "jsonPathOperator", "json_path_operator");
    static const char *const same[] = {"==", "!=", "<", "<=", ">", ">="};
    bool known = !*op;
    for (size_t i = 0; i < array_len(same); i++)
        known = known || streq(op, same[i]);
    if (!path || !known)
        return false;
    struct node *one = node_map(k->arena), *list = node_list(k->arena);
    put(k, one, "path", path);
    put(k, one, "op", *op ? op : "==");
    node_put(one, k->arena, "value",
             node_text(k->arena, text_of(k, m, "expectedValue", "expected_value")));
    node_append(list, one);
    node_put(expect, k->arena, "json", list);
    return true;
}

/* --- monitors --- */

static void put_headers(struct kuma *k, const struct node *m, struct node *config)
{
    const struct node *headers = json_of(k, m, "headers", NULL);
    struct node *map = node_map(k->arena);
    for (const struct node *h = headers && headers->kind == NODE_MAP ? headers->first : NULL; h;
         h = h->next)
        if (h->kind == NODE_TEXT && import_is_line(h->text) && import_is_line(h->key))
            node_put(map, k->arena, h->key.p, node_text(k->arena, h->text.p));
    if (map->count > 0)
        node_put(config, k->arena, "headers", map);
}

static const char *fill_http(struct kuma *k, const struct node *m, struct node *config)
{
    const char *type = text_of(k, m, "type", NULL), *keyword = text_of(k, m, "keyword", NULL);
    const char *auth = text_of(k, m, "authMethod", "auth_method");
    double redirects = number_of(k, m, "maxredirects", NULL, 10);
    struct node *expect = node_map(k->arena);
    put(k, config, "url", text_of(k, m, "url", NULL));
    if (!streq(text_of(k, m, "method", NULL), "GET"))
        put(k, config, "method", text_of(k, m, "method", NULL));
    put_headers(k, m, config);
    put(k, config, "body", text_of(k, m, "body", NULL));
    if (!*auth || streq(auth, "basic") || streq(auth, "null")) {
        put(k, config, "username", text_of(k, m, "basic_auth_user", NULL));
        put(k, config, "password", text_of(k, m, "basic_auth_pass", NULL));
    } else {
        return "its kind of authentication is not known";
    }
    if (redirects == 0)
        node_put(config, k->arena, "follow_redirects", node_bool(k->arena, false));
    if (flag_of(k, m, "ignoreTls", "ignore_tls")) {
        struct node *tls = node_map(k->arena);
        node_put(tls, k->arena, "verify", node_bool(k->arena, false));
        node_put(config, k->arena, "tls", tls);
    }
    put_status(k, m, expect);
    if (streq(type, "keyword") && *keyword)
        put_list(k, expect,
                 flag_of(k, m, "invertKeyword", "invert_keyword") ? "body_not_contains"
                                                                  : "body_contains",
                 keyword);
    if (streq(type, "json-query") && !put_json_query(k, m, expect))
        return "its JSON query is more than a path and a comparison";
    if (expect->count > 0)
        node_put(config, k->arena, "expect", expect);
    return NULL;
}

static const char *fill_port(struct kuma *k, const struct node *m, struct node *config)
{
    double port = number_of(k, m, "port", NULL, 0);
    if (port < 1 || port > 65535)
        return "it has no port";
    put(k, config, "host", text_of(k, m, "hostname", NULL));
    node_put(config, k->arena, "port", node_int(k->arena, (int64_t)port));
    return NULL;
}

static const char *fill_ping(struct kuma *k, const struct node *m, struct node *config)
{
    put(k, config, "host", text_of(k, m, "hostname", NULL));
    return NULL;
}

static const char *fill_dns(struct kuma *k, const struct node *m, struct node *config)
{
    const char *server = text_of(k, m, "dns_resolve_server", NULL);
    put(k, config, "name", text_of(k, m, "hostname", NULL));
    put(k, config, "type", text_of(k, m, "dns_resolve_type", NULL));
    if (*server && !strchr(server, ','))
        put_list(k, config, "server", server);
    return NULL;
}

static const struct kind {
    const char *kuma, *type;
    const char *(*fill)(struct kuma *k, const struct node *m, struct node *config); /* why not */
} kinds[] = {
    {"http", "http", fill_http}, {"keyword", "http", fill_http}, {"json-query", "http", fill_http},
    {"port", "tcp", fill_port},  {"ping", "icmp", fill_ping},    {"dns", "dns", fill_dns},
};

/* A label's name of letters, digits and "_". */
static const char *label_name(const struct kuma *k, const char *tag)
{
    char *name =
        arena_printf(k->arena, "%s%s",
                     isdigit((unsigned char)*tag) || !strncmp(tag, "__", 2) ? "tag_" : "", tag);
    static const char *const taken[] = {"target", "group", "type", "instance"};
    bool any = false;
    for (char *p = name; *p; p++) {
        any = any || isalnum((unsigned char)*p);
        *p = (char)(isalnum((unsigned char)*p) ? *p : '_');
    }
    for (size_t i = 0; i < array_len(taken); i++)
        if (streq(name, taken[i]))
            return arena_printf(k->arena, "tag_%s", name);
    return any && name[0] != '_' ? name : any ? arena_printf(k->arena, "tag%s", name) : NULL;
}

static void put_labels(struct kuma *k, const struct node *m, struct node *target)
{
    const struct node *tags = node_get(m, "tags");
    struct node *labels = node_map(k->arena);
    for (const struct node *t = tags && tags->kind == NODE_LIST ? tags->first : NULL; t;
         t = t->next) {
        const char *name = label_name(k, text_of(k, t, "name", NULL));
        const char *value = text_of(k, t, "value", NULL);
        if (name && labels->count < 30)
            node_put(labels, k->arena, name, node_text(k->arena, *value ? value : "true"));
        else
            left_out(k, "tag", text_of(k, t, "name", NULL), "no label can have that name");
    }
    if (labels->count > 0)
        node_put(target, k->arena, "labels", labels);
}

static const char *channel_name(const struct kuma *k, const char *id)
{
    for (const struct node *n = k->notifications->first; n; n = n->next)
        if (streq(text_of(k, n, "id", NULL), id) && node_get(n, "taken"))
            return text_of(k, n, "taken", NULL);
    return NULL;
}

static void put_channels(struct kuma *k, const struct node *m, struct node *target)
{
    const struct node *ids = node_get(m, "notificationIDList");
    struct node *list = node_list(k->arena);
    for (const struct node *i = ids && ids->kind == NODE_MAP ? ids->first : NULL; i; i = i->next) {
        const char *name = channel_name(k, i->key.p);
        if (name && i->kind == NODE_BOOL && i->flag)
            node_append(list, node_text(k->arena, name));
    }
    if (list->count > 0)
        node_put(target, k->arena, "channels", list);
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void put_timing(struct kuma *k, const struct node *m, struct node *target)
{
    double interval = number_of(k, m, "interval", NULL, 60);
    interval = interval < 1 ? 60 : least(interval, 7 * 86400.0);
    double timeout = number_of(k, m, "timeout", NULL, 0);
    timeout = timeout < 0.1 ? interval * 0.8 : timeout;
    timeout = least(least(timeout, interval), 3600);
    double resend = number_of(k, m, "resendInterval", "resend_interval", 0) * interval;
    double retries = number_of(k, m, "maxretries", NULL, 0);
    put_seconds(k, target, "interval", interval);
    put_seconds(k, target, "timeout", timeout);
    put_seconds(k, target, "connect_timeout", least(timeout, 10));
    node_put(target, k->arena, "threshold", node_int(k->arena, (int64_t)least(retries + 1, 1000)));
    if (resend > 0)
        put_seconds(k, target, "resend_interval", least(resend, 366 * 86400.0));
    if (*text_of(k, m, "active", NULL) && !flag_of(k, m, "active", NULL))
        node_put(target, k->arena, "enabled", node_bool(k->arena, false));
}

static const struct kind *kind_of(const char *type)
{
    for (size_t i = 0; i < array_len(kinds); i++)
        if (streq(kinds[i].kuma, type))
            return &kinds[i];
    return NULL;
}

/* One line of sane length; never empty. */
static const char *line_of(const struct kuma *k, const char *text, size_t most, const char *other)
{
    struct str s = str_trim(str_of(text));
    char *copy = arena_strndup(k->arena, s.p, utf8_cut(s.p, s.n, most));
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    return *copy ? copy : other;
}

static const char *group_name(const struct kuma *k, const struct node *m)
{
    const char *parent = text_of(k, m, "parent", NULL);
    for (const struct node *g = *parent ? k->monitors->first : NULL; g; g = g->next)
        if (streq(text_of(k, g, "id", NULL), parent))
            return line_of(k, text_of(k, g, "name", NULL), 60, "uptime-kuma");
    return "uptime-kuma";
}

struct output {
    struct node *channels, *groups;
    struct map_str *lists, *names;
};

static struct node *list_of_group(struct kuma *k, struct output *o, const char *name)
{
    struct node *list = map_str_get(o->lists, name, strlen(name));
    if (list)
        return list;
    struct node *group = node_map(k->arena);
    list = node_list(k->arena);
    put(k, group, "name", name);
    node_put(group, k->arena, "targets", list);
    node_append(o->groups, group);
    map_str_put(o->lists, name, strlen(name), list);
    return list;
}

/* Names are unique in a group, and among channels (group NULL). */
static const char *unique_name(struct kuma *k, struct output *o, const char *group,
                               const char *name, const char *id)
{
    const char *key = arena_printf(k->arena, "%s\n%s", group ? group : "", name);
    if (map_str_put(o->names, key, strlen(key), o)) {
        name = arena_printf(k->arena, "%s (%s)", name, id);
        key = arena_printf(k->arena, "%s\n%s", group ? group : "", name);
        if (map_str_put(o->names, key, strlen(key), o))
            return NULL;
    }
    return name;
}

static void add_monitor(struct kuma *k, struct output *o, const struct node *m)
{
    const char *type = text_of(k, m, "type", NULL), *id = text_of(k, m, "id", NULL);
    const char *name = line_of(k, text_of(k, m, "name", NULL), 190, id);
    const struct kind *kind = kind_of(type);
    if (streq(type, "group"))
        return;
    if (!kind) {
        left_out(k, "monitor", name,
                 arena_printf(k->arena, "Belfry has no prober for \"%.40s\" yet", type));
        return;
    }
    if (flag_of(k, m, "upsideDown", "upside_down")) {
        left_out(k, "monitor", name, "it is upside down: good when it fails");
        return;
    }
    struct node *target = node_map(k->arena), *config = node_map(k->arena);
    const char *why = kind->fill(k, m, config), *group = group_name(k, m);
    const char *unique = why ? NULL : unique_name(k, o, group, *name ? name : "monitor", id);
    if (!unique) {
        left_out(k, "monitor", name, why ? why : "its name stands there twice");
        return;
    }
    put(k, target, "name", unique);
    put(k, target, "type", kind->type);
    node_put(target, k->arena, "config", config);
    put_timing(k, m, target);
    put_labels(k, m, target);
    put_channels(k, m, target);
    node_append(list_of_group(k, o, group), target);
}

/* --- notifications --- */

static bool fill_mail(struct kuma *k, const struct node *c, struct node *ch)
{
    struct node *config = node_map(k->arena);
    double port = number_of(k, c, "smtpPort", NULL, 0);
    put(k, config, "host", text_of(k, c, "smtpHost", NULL));
    if (port >= 1 && port <= 65535)
        node_put(config, k->arena, "port", node_int(k->arena, (int64_t)port));
    put(k, config, "security",
        flag_of(k, c, "smtpSecure", NULL) ? "tls"
        : port == 25                      ? "none"
                                          : "starttls");
    put(k, config, "username", text_of(k, c, "smtpUsername", NULL));
    put(k, config, "password", text_of(k, c, "smtpPassword", NULL));
    put(k, config, "from", text_of(k, c, "smtpFrom", NULL));
    struct str rest = str_of(text_of(k, c, "smtpTo", NULL)), one;
    struct node *to = node_list(k->arena);
    while (str_next(&rest, ',', &one))
        if (str_trim(one).n > 0)
            node_append(
                to, node_text(k->arena, arena_strndup(k->arena, str_trim(one).p, str_trim(one).n)));
    node_put(config, k->arena, "to", to);
    if (flag_of(k, c, "smtpIgnoreTLSError", NULL))
        node_put(config, k->arena, "verify", node_bool(k->arena, false));
    node_put(ch, k->arena, "config", config);
    return node_get(config, "host") && to->count > 0;
}

static const struct way {
    const char *kuma, *type, *url, *secret;
} ways[] = {
    {"slack", "slack", "slackwebhookURL", NULL},
    {"mattermost", "slack", "mattermostWebhookUrl", NULL},
    {"rocket.chat", "slack", "rocketwebhookURL", NULL},
    {"webhook", "webhook", "webhookURL", NULL},
    {"DingDing", "dingtalk", "webHookUrl", "secretKey"},
    {"Feishu", "feishu", "feishuWebHookUrl", NULL},
    {"WeCom", "wecom", "weComBotKey", NULL},
    {"smtp", "email", NULL, NULL},
};

#define WECOM "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="

static bool fill_way(struct kuma *k, const struct way *w, const struct node *c, struct node *ch)
{
    put(k, ch, "type", w->type);
    if (!w->url)
        return fill_mail(k, c, ch);
    const char *url = text_of(k, c, w->url, NULL);
    if (!*url)
        return false;
    put(k, ch, "webhook_url",
        streq(w->kuma, "WeCom") && !strstr(url, "://") ? arena_printf(k->arena, WECOM "%s", url)
                                                       : url);
    const char *secret = w->secret ? text_of(k, c, w->secret, NULL) : "";
    if (*secret) {
        struct node *config = node_map(k->arena);
        put(k, config, "secret", secret);
        node_put(ch, k->arena, "config", config);
    }
    return true;
}

static void add_channel(struct kuma *k, struct output *o, struct node *n)
{
    const struct node *config = node_get(n, "config");
    const char *type = text_of(k, config, "type", NULL), *id = text_of(k, n, "id", NULL);
    const char *name = line_of(k, text_of(k, n, "name", NULL), 150, "notification");
    struct node *ch = node_map(k->arena);
    for (size_t i = 0; i < array_len(ways); i++) {
        if (!streq(ways[i].kuma, type))
            continue;
        const char *unique = unique_name(k, o, NULL, name, id);
        put(k, ch, "name", unique ? unique : name);
        if (!unique || !fill_way(k, &ways[i], config, ch)) {
            left_out(k, "notification", name, "it is incomplete");
            return;
        }
        node_append(o->channels, ch);
        node_put(n, k->arena, "taken", node_text(k->arena, unique));
        return;
    }
    left_out(k, "notification", name,
             arena_printf(k->arena, "Belfry has no channel for \"%.40s\"", type));
}

/* "$" would be the environment's. */
static void double_dollars(struct kuma *k, struct node *n)
{
    bool parent = n->kind == NODE_MAP || n->kind == NODE_LIST;
    for (struct node *c = parent ? n->first : NULL; c; c = c->next)
        double_dollars(k, c);
    if (n->kind != NODE_TEXT || !memchr(n->text.p, '$', n->text.n))
        return;
    char *out = arena_alloc(k->arena, 2 * n->text.n + 1), *at = out;
    for (size_t i = 0; i < n->text.n; i++) {
        if (n->text.p[i] == '$')
            *at++ = '$';
        *at++ = n->text.p[i];
    }
    *at = '\0';
    n->text = (struct str){out, (size_t)(at - out)};
}

int import_kuma_map(struct kuma *k, struct buf *yaml, struct err *err)
{
    struct output o = {node_list(k->arena), node_list(k->arena), map_str_new(), map_str_new()};
    struct node *doc = node_map(k->arena);
    for (struct node *n = k->notifications->first; n; n = n->next)
        add_channel(k, &o, n);
    for (const struct node *m = k->monitors->first; m; m = m->next)
        add_monitor(k, &o, m);
    map_str_free(o.lists);
    map_str_free(o.names);
    node_put(doc, k->arena, "channels", o.channels);
    node_put(doc, k->arena, "groups", o.groups);
    double_dollars(k, doc);
    buf_puts(yaml, "# Imported from Uptime Kuma. Look through it, then: belfry apply -f FILE\n");
    node_to_yaml(doc, yaml);
    return import_check(yaml, err);
}
