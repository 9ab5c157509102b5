/* client: of an endpoint of Gatus (import_gatus.h). */
#include "cli/import_gatus.h"

#include <string.h>

#include "probe/prober.h"

#define TIMEOUT_MS 10000

int64_t gatus_timeout(struct gatus *g, const struct node *endpoint)
{
    return gatus_ms(g, node_get(endpoint, "client"), "timeout", TIMEOUT_MS);
}

static const struct option *row_of(const struct option *table, const char *name)
{
    for (; table && table->name; table++)
        if (streq(table->name, name))
            return table;
    return NULL;
}

/* Where the prober has its TLS options; NULL: it speaks none. */
static const char *tls_section(const char *type)
{
    const struct prober_ops *ops = prober_by_type(type, NULL);
    const struct option *table = ops ? ops->options : NULL, *tls = row_of(table, "tls");
    if (row_of(table, "tls_options"))
        return "tls_options";
    return tls && tls->type == OPT_SECTION ? "tls" : NULL;
}

static bool has_option(const char *type, const char *name)
{
    const struct prober_ops *ops = prober_by_type(type, NULL);
    return ops && row_of(ops->options, name);
}

static void put_tls(struct gatus *g, const struct node *client, const char *name, const char *type,
                    struct node *config)
{
    static const char *const known[] = {"certificate-file", "private-key-file", NULL};
    static const struct gatus_reason why[] = {{NULL, NULL}};
    const struct node *tls = node_get(client, "tls");
    const char *section = tls_section(type);
    bool open = gatus_flag(g, client, "insecure", false);
    if (section && (tls || open)) {
        struct node *to = import_doc_section(&g->doc, config, section);
        import_doc_put(&g->doc, to, "cert_file", gatus_text(g, tls, "certificate-file"));
        import_doc_put(&g->doc, to, "key_file", gatus_text(g, tls, "private-key-file"));
        if (open)
            import_doc_flag(&g->doc, to, "verify", false);
    }
    if (tls && tls->kind == NODE_MAP)
        gatus_tell_keys(g, tls, "endpoint", name, known, why);
}

static void put_oauth2(struct gatus *g, const struct node *client, struct node *config)
{
    const struct node *o = node_get(client, "oauth2");
    if (!o || o->kind != NODE_MAP)
        return;
    struct node *to = import_doc_section(&g->doc, config, "oauth2");
    import_doc_put(&g->doc, to, "token_url", gatus_text(g, o, "token-url"));
    import_doc_put(&g->doc, to, "client_id", gatus_text(g, o, "client-id"));
    import_doc_put(&g->doc, to, "client_secret", gatus_text(g, o, "client-secret"));
    for (const struct node *n = gatus_items(o, "scopes"); n; n = n->next)
        if (gatus_text_of(g, n))
            import_doc_append(&g->doc, to, "scopes", node_text(g->arena, gatus_text_of(g, n)));
}

static void put_network(struct gatus *g, const struct node *client, const char *name,
                        struct node *config)
{
    const char *network = gatus_plain(g, client, "network");
    struct str s = str_of(network);
    if (!s.n || streq(network, "ip") || streq(network, "tcp"))
        return;
    if (str_ends(s, STR("4")) || str_ends(s, STR("6")))
        import_doc_put(&g->doc, config, "ip_version", s.p + s.n - 1);
    else
        gatus_tell(g, node_get(client, "network"), "endpoint", name,
                   "client.network %.40s is not carried over", network);
}

void gatus_client(struct gatus *g, const struct node *endpoint, const char *name, const char *type,
                  struct node *config)
{
    static const char *const known[] = {"insecure", "timeout",   "tls",     "ignore-redirect",
                                        "oauth2",   "proxy-url", "network", NULL};
    static const struct gatus_reason why[] = {
        {"dns-resolver", "names are resolved by this machine's resolver"},
        {"identity-aware-proxy", "fetch the token with oauth2"},
        {"tunnel", "probe from there with belfry agent"},
        {NULL, NULL},
    };
    const struct node *client = node_get(endpoint, "client");
    if (!client || client->kind != NODE_MAP)
        return;
    put_tls(g, client, name, type, config);
    if (gatus_flag(g, client, "ignore-redirect", false) && has_option(type, "follow_redirects"))
        import_doc_flag(&g->doc, config, "follow_redirects", false);
    if (has_option(type, "oauth2"))
        put_oauth2(g, client, config);
    else if (node_get(client, "oauth2"))
        gatus_tell(g, client, "endpoint", name, "client.oauth2 is not carried over");
    if (has_option(type, "proxy"))
        import_doc_put(&g->doc, config, "proxy", gatus_text(g, client, "proxy-url"));
    else if (node_get(client, "proxy-url"))
        gatus_tell(g, client, "endpoint", name, "client.proxy-url is not carried over");
    if (has_option(type, "ip_version"))
        put_network(g, client, name, config);
    gatus_tell_keys(g, client, "endpoint", name, known, why);
}
