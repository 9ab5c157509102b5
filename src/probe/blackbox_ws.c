/* The sections of a module that newer versions of blackbox_exporter have, unix and websocket, as our probers' configuration: see
 * blackbox_module.h.
 *
 * An entry of query_response expects before it sends, and what it expects is the very next message; so it becomes one step that
 * expects and one that sends. */
#include <strings.h>

#include "base/str.h"
#include "probe/blackbox_module.h"
#include "probe/url.h"

/* --- unix --- */

int bb__unix(struct bb_asked *q, struct err *err)
{
    if (q->target[0] != '/')
        return err_set(err, ERR_INVALID, "got the target \"%.100s\"; want the path of a socket",
                       q->target);
    node_put(q->config, q->a, "host", node_text(q->a, q->target));
    node_put(q->config, q->a, "port", node_int(q->a, 1)); /* of no meaning */
    bb__put_talk(q, &q->b->unix_socket);
    return 0;
}

/* --- websocket --- */

static int put_account(struct bb_asked *q, struct node *headers, struct err *err)
{
    const struct bb_ws_client *c = &q->b->websocket.client;
    const char *username = NULL, *password = NULL, *bearer = NULL, *credentials = NULL;
    if (bb__secret(q, &c->basic.username, &username, err) != 0 ||
        bb__secret(q, &c->basic.password, &password, err) != 0 ||
        bb__secret(q, &c->bearer, &bearer, err) != 0 ||
        bb__secret(q, &c->authorization.credentials, &credentials, err) != 0)
        return -1;
    if (username || password) {
        node_put(q->config, q->a, "username", node_text(q->a, username ? username : ""));
        node_put(q->config, q->a, "password", node_text(q->a, password ? password : ""));
    }
    const char *type =
        c->authorization.type && *c->authorization.type ? c->authorization.type : "Bearer";
    if (credentials && strcasecmp(type, "Bearer") != 0)
        node_put(headers, q->a, "Authorization",
                 node_text(q->a, arena_printf(q->a, "%s %s", type, credentials)));
    else if (credentials || bearer)
        node_put(q->config, q->a, "bearer", node_text(q->a, credentials ? credentials : bearer));
    return 0;
}

static void put_steps(struct bb_asked *q, const struct section_list *list)
{
    const struct bb_step *s = list->at;
    struct node *steps = node_list(q->a);
    for (size_t i = 0; i < list->n; i++) {
        struct node *hears = node_map(q->a), *says = node_map(q->a);
        if (s[i].expect && *s[i].expect) {
            node_put(hears, q->a, "expect", bb__regexp(q, s[i].expect));
            node_put(hears, q->a, "next", node_bool(q->a, true));
            node_put(says, q->a, "expand", node_bool(q->a, true));
            node_append(steps, hears);
        }
        if (s[i].send && *s[i].send) {
            node_put(says, q->a, "send", node_text(q->a, s[i].send));
            node_append(steps, says);
        }
    }
    if (steps->count)
        node_put(q->config, q->a, "steps", steps);
}

int bb__websocket(struct bb_asked *q, struct err *err)
{
    const struct bb_ws *w = &q->b->websocket;
    struct str t = str_of(q->target);
    struct node *headers = node_map(q->a);
    if (!str_starts(t, STR("ws://")) && !str_starts(t, STR("wss://")))
        return err_set(err, ERR_INVALID,
                       "got the target \"%.100s\"; want ws://HOST/ or wss://HOST/", q->target);
    node_put(q->config, q->a, "url", node_text(q->a, q->target));
    if (bb__put_given(q, w->headers, headers, err) != 0 || put_account(q, headers, err) != 0)
        return -1;
    if (headers->count)
        node_put(q->config, q->a, "headers", headers);
    put_steps(q, &w->steps);
    bb__put_tls(q, &w->client.tls, NULL);
    bb__put_way(q, &w->way);
    return 0;
}
