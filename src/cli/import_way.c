/* See import_way.h. */
#include "cli/import_way.h"

#include <stdio.h>
#include <string.h>

/* An alert a line; and the same as a text of JSON. */
#define LINES                                                                   \
    "{{ range .Alerts }}{{ .Symbol }} {{ .Name }} {{ .Instance }} {{ .Message " \
    "| truncate 300 }}\n{{ end }}"
#define LINES_JSON                                                                     \
    "{{ $all := \"\" }}{{ range .Alerts }}{{ $all = printf \"%s%s %s %s %s\\n\" $all " \
    ".Symbol .Name .Instance (.Message | truncate 300) }}{{ end }}{{ $all | json }}"

bool import_way_hook(struct import_doc *d, struct node *channel, const char *type, const char *url)
{
    must(type != NULL);
    import_doc_put(d, channel, "type", type);
    import_doc_put(d, channel, "webhook_url", url);
    return url && *url;
}

/* Discord takes what is meant for Slack at the same address with /slack behind it. */
bool import_way_discord(struct import_doc *d, struct node *channel, const char *url)
{
    if (!url || !*url)
        return false;
    bool whole = str_ends(str_of(url), STR("/slack"));
    return import_way_hook(d, channel, "slack",
                           whole ? url : arena_printf(d->arena, "%s/slack", url));
}

static const char *without_slash(struct import_doc *d, const char *server)
{
    struct str s = str_of(server);
    while (s.n && s.p[s.n - 1] == '/')
        s.n--;
    return arena_strndup(d->arena, s.p, s.n);
}

bool import_way_telegram(struct import_doc *d, struct node *channel, const char *server,
                         const char *token, const char *chat)
{
    if (!token || !*token || !chat || !*chat)
        return false;
    server = server && *server ? without_slash(d, server) : "https://api.telegram.org";
    for (const char *c = chat; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            return false;
    import_doc_put(d, channel, "template",
                   arena_printf(d->arena, "{\"chat_id\": \"%s\", \"text\": %s}", chat, LINES_JSON));
    return import_way_hook(d, channel, "webhook",
                           arena_printf(d->arena, "%s/bot%s/sendMessage", server, token));
}

bool import_way_ntfy(struct import_doc *d, struct node *channel, const char *server,
                     const char *topic, const char *token, int64_t priority)
{
    if (!topic || !*topic)
        return false;
    server = server && *server ? without_slash(d, server) : "https://ntfy.sh";
    import_doc_put(d, channel, "content_type", "text/plain; charset=utf-8");
    import_doc_put(d, channel, "template", LINES);
    import_doc_put(d, channel, "bearer", token);
    if (priority >= 1 && priority <= 5)
        import_doc_put(d, import_doc_section(d, channel, "headers"), "Priority",
                       arena_printf(d->arena, "%d", (int)priority));
    return import_way_hook(d, channel, "webhook", arena_printf(d->arena, "%s/%s", server, topic));
}

bool import_way_gotify(struct import_doc *d, struct node *channel, const char *server,
                       const char *token, int64_t priority)
{
    if (!server || !*server || !token || !*token)
        return false;
    import_doc_put(d, import_doc_section(d, channel, "headers"), "X-Gotify-Key", token);
    import_doc_put(d, channel, "template",
                   arena_printf(d->arena,
                                "{\"title\": \"Belfry\", \"priority\": %d, \"message\": %s}",
                                (int)(priority >= 0 && priority <= 10 ? priority : 5), LINES_JSON));
    return import_way_hook(d, channel, "webhook",
                           arena_printf(d->arena, "%s/message", without_slash(d, server)));
}

bool import_way_google_chat(struct import_doc *d, struct node *channel, const char *url)
{
    import_doc_put(d, channel, "template", "{\"text\": " LINES_JSON "}");
    return import_way_hook(d, channel, "webhook", url);
}

bool import_way_mail(struct import_doc *d, struct node *channel, const struct import_mail *m)
{
    struct str rest = str_of(m->to), one;
    size_t n = 0;
    import_doc_put(d, channel, "type", "email");
    import_doc_put(d, channel, "host", m->host);
    if (m->port >= 1 && m->port <= 65535)
        import_doc_int(d, channel, "port", m->port);
    import_doc_put(d, channel, "security", m->security);
    import_doc_put(d, channel, "username", m->username);
    import_doc_put(d, channel, "password", m->password);
    import_doc_put(d, channel, "from", m->from);
    while (rest.n && str_next(&rest, ',', &one)) {
        one = str_trim(one);
        n += one.n > 0;
        if (one.n)
            import_doc_append(d, channel, "to",
                              node_text(d->arena, arena_strndup(d->arena, one.p, one.n)));
    }
    if (m->unverified)
        import_doc_flag(d, channel, "verify", false);
    return m->host && *m->host && n > 0;
}
