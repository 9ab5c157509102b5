/* A module of blackbox.yml in our own probers' terms: what all of them share, and tcp, dns, icmp, grpc; http is
 * blackbox_http.c's, unix and websocket are blackbox_ws.c's.
 *
 * One entry of query_response becomes up to three steps, since its order is expect, send, STARTTLS and ours send, expect. A regular
 * expression is marked as Go's (pattern.h). */
#include <stdio.h>

#include "base/fs.h"
#include "base/str.h"
#include "io/addr.h"
#include "probe/blackbox_module.h"
#include "probe/dns_wire.h"
#include "probe/pattern.h"

#define SECRET_FILE_MAX 65536

/* --- what they share --- */

const char *bb__path(const struct bb_module *b, const char *path, struct arena *a)
{
    return path[0] == '/' ? path : arena_printf(a, "%s%s", b->dir, path);
}

void bb__put_way(struct bb_asked *q, const struct bb_way *w)
{
    static const char *const versions[2][2] = {{"4", "prefer_4"}, {"6", "prefer_6"}};
    must(w->ip == BB_IP4 || w->ip == BB_IP6);
    node_put(q->config, q->a, "ip_version", node_text(q->a, versions[w->ip][w->fallback]));
    if (w->source && *w->source)
        node_put(q->config, q->a, "source", node_text(q->a, w->source));
}

void bb__put_tls(struct bb_asked *q, const struct bb_tls *t, const char *server_name)
{
    static const char *const versions[] = {NULL, "1.0", "1.1", "1.2", "1.3"};
    struct node *map = node_map(q->a);
    const char *name = t->server_name && *t->server_name ? t->server_name : server_name;
    const struct {
        const char *key, *value;
    } texts[] = {
        {"ca_file", t->ca_file ? bb__path(q->b, t->ca_file, q->a) : NULL},
        {"cert_file", t->cert_file ? bb__path(q->b, t->cert_file, q->a) : NULL},
        {"key_file", t->key_file ? bb__path(q->b, t->key_file, q->a) : NULL},
        {"server_name", name},
        {"min_version", versions[t->min_version]},
        {"max_version", versions[t->max_version]},
    };
    node_put(map, q->a, "verify", node_bool(q->a, !t->skip_verify));
    node_put(map, q->a, "expiry_warning", node_text(q->a, "0"));
    for (size_t i = 0; i < array_len(texts); i++)
        if (texts[i].value)
            node_put(map, q->a, texts[i].key, node_text(q->a, texts[i].value));
    int prober = q->b->prober;
    bool service = prober == BB_TCP || prober == BB_GRPC || prober == BB_UNIX;
    node_put(q->config, q->a, service ? "tls_options" : "tls", map);
}

struct node *bb__texts(struct bb_asked *q, const struct str_list *list)
{
    struct node *out = node_list(q->a);
    for (size_t i = 0; i < list->n; i++)
        node_append(out, node_text(q->a, list->at[i]));
    return out;
}

struct node *bb__regexp(struct bb_asked *q, const char *text)
{
    return node_text(q->a, arena_printf(q->a, "%s%s", PATTERN_GO, text));
}

struct node *bb__regexps(struct bb_asked *q, const struct str_list *list)
{
    struct node *out = node_list(q->a);
    for (size_t i = 0; i < list->n; i++)
        node_append(out, bb__regexp(q, list->at[i]));
    return out;
}

int bb__file(struct bb_asked *q, const char *path, bool trim, const char **out, struct err *err)
{
    const char *whole = bb__path(q->b, path, q->a);
    if (!q->live) {
        *out = arena_printf(q->a, "content of %s", whole);
        return 0;
    }
    struct buf text = BUF_INIT(SECRET_FILE_MAX);
    int rc = fs_read_regular(whole, &text, err);
    struct str s = {text.data ? text.data : "", text.len};
    if (rc == 0 && memchr(s.p, '\0', s.n))
        rc = err_set(err, ERR_MALFORMED, "%s has a byte 0", whole);
    if (rc == 0) {
        s = trim ? str_trim(s) : s;
        *out = arena_strndup(q->a, s.p, s.n);
    }
    buf_done(&text);
    return rc;
}

int bb__secret(struct bb_asked *q, const struct bb_secret *s, const char **out, struct err *err)
{
    if (s->file && *s->file)
        return bb__file(q, s->file, true, out, err);
    *out = s->value && *s->value ? s->value : NULL;
    return 0;
}

/* Several values of a name are one, by commas (RFC 9110, 5.3). */
static struct node *joined(struct bb_asked *q, const struct node *values)
{
    if (values->kind != NODE_LIST)
        return node_copy(q->a, values);
    struct buf out = BUF_INIT(65536);
    for (const struct node *v = values->first; v; v = v->next)
        if (v->kind == NODE_TEXT)
            buf_printf(&out, "%s%s", out.len ? ", " : "", v->text.p);
    struct node *text = node_text(q->a, out.data ? out.data : "");
    buf_done(&out);
    return text;
}

void bb__put_values(struct bb_asked *q, const char *key, const struct node *map)
{
    struct node *out = node_map(q->a);
    for (const struct node *n = map && map->kind == NODE_MAP ? map->first : NULL; n; n = n->next)
        node_put(out, q->a, n->key.p, joined(q, n));
    if (out->count)
        node_put(q->config, q->a, key, out);
}

static void put_text(struct bb_asked *q, const char *key, const char *value)
{
    node_put(q->config, q->a, key, node_text(q->a, value));
}

/* Host and port of a target that has both. */
static int put_address(struct bb_asked *q, struct err *err)
{
    char host[HOST_SIZE];
    uint16_t port = 0;
    if (hostport_parse(q->target, host, sizeof(host), &port, err) != 0)
        return -1;
    if (port == 0)
        return err_set(err, ERR_INVALID, "got the target \"%.100s\"; want HOST:PORT", q->target);
    put_text(q, "host", host);
    node_put(q->config, q->a, "port", node_int(q->a, port));
    return 0;
}

/* --- tcp --- */

static struct node *new_step(struct bb_asked *q, struct node *steps)
{
    struct node *step = node_map(q->a);
    node_append(steps, step);
    return step;
}

/* A line as it is: a backslash is no escape there, and its end is added. */
static const char *line_of(struct bb_asked *q, const char *text)
{
    struct buf out = BUF_INIT(1 << 20);
    for (; *text; text++)
        buf_printf(&out, *text == '\\' ? "\\\\" : "%c", *text);
    buf_puts(&out, "\\n");
    const char *line = arena_strndup(q->a, out.data, out.len);
    buf_done(&out);
    return line;
}

static const char *bytes_of(struct bb_asked *q, const char *text)
{
    struct buf out = BUF_INIT(1 << 20);
    for (; *text; text++)
        buf_printf(&out, *text == '\\' ? "\\\\" : "%c", *text);
    const char *bytes = arena_strndup(q->a, out.data ? out.data : "", out.len);
    buf_done(&out);
    return bytes;
}

static void put_labels(struct bb_asked *q, const struct bb_step *s, struct node *step)
{
    const struct bb_label *l = s->labels.at;
    struct node *labels = node_map(q->a);
    for (size_t i = 0; i < s->labels.n; i++)
        node_put(labels, q->a, l[i].name, node_text(q->a, l[i].value));
    if (s->labels.n)
        node_put(step, q->a, "labels", labels);
}

static void put_entry(struct bb_asked *q, const struct bb_step *s, struct node *steps)
{
    bool expects = s->expect && *s->expect, bytes = s->expect_bytes && *s->expect_bytes;
    if (expects || bytes) {
        struct node *step = new_step(q, steps);
        if (expects)
            node_put(step, q->a, "expect", bb__regexp(q, s->expect));
        else
            node_put(step, q->a, "expect_bytes", node_text(q->a, bytes_of(q, s->expect_bytes)));
        put_labels(q, s, step);
    }
    if (s->send && *s->send) {
        struct node *step = new_step(q, steps);
        node_put(step, q->a, "send", node_text(q->a, line_of(q, s->send)));
        if (expects)
            node_put(step, q->a, "expand", node_bool(q->a, true));
    }
    if (s->starttls)
        node_put(new_step(q, steps), q->a, "starttls", node_bool(q->a, true));
}

void bb__put_talk(struct bb_asked *q, const struct bb_tcp *t)
{
    const struct bb_step *entries = t->steps.at;
    struct node *steps = node_list(q->a);
    for (size_t i = 0; i < t->steps.n; i++)
        put_entry(q, &entries[i], steps);
    if (steps->count)
        node_put(q->config, q->a, "steps", steps);
    node_put(q->config, q->a, "tls", node_bool(q->a, t->use_tls));
    bb__put_tls(q, &t->tls, q->hostname);
}

int bb__tcp(struct bb_asked *q, struct err *err)
{
    if (put_address(q, err) != 0)
        return -1;
    bb__put_talk(q, &q->b->tcp);
    bb__put_way(q, &q->b->tcp.way);
    return 0;
}

/* --- dns --- */

static void put_rrs(struct bb_asked *q, struct node *expect, const char *key,
                    const struct bb_rrs *r)
{
    struct node *map = node_map(q->a);
    /* fail_if_all_match_regexp fails when not all match: its name says the reverse. */
    const struct {
        const char *key;
        const struct str_list *list;
        bool not_empty;
    } rows[] = {
        {"no_record_matches", &r->matches, false},
        {"all_records_match", r->not_matches.n ? &r->not_matches : &r->all_match, true},
        {"some_record_matches", &r->none_matches, false},
    };
    for (size_t i = 0; i < array_len(rows); i++)
        if (rows[i].list->n)
            node_put(map, q->a, rows[i].key, bb__regexps(q, rows[i].list));
    if (r->not_matches.n)
        node_put(map, q->a, "not_empty", node_bool(q->a, true));
    if (map->count)
        node_put(expect, q->a, key, map);
}

static struct node *dns_expect(struct bb_asked *q, const struct bb_dns *d)
{
    struct node *expect = node_map(q->a), *rcode = node_list(q->a);
    node_append(rcode, node_text(q->a, "NOERROR"));
    node_put(expect, q->a, "rcode", d->rcodes.n ? bb__texts(q, &d->rcodes) : rcode);
    node_put(expect, q->a, "min_answers", node_int(q->a, 0));
    put_rrs(q, expect, "answer", &d->answer);
    put_rrs(q, expect, "authority", &d->authority);
    put_rrs(q, expect, "additional", &d->additional);
    return expect;
}

int bb__dns(struct bb_asked *q, struct err *err)
{
    const struct bb_dns *d = &q->b->dns;
    char host[HOST_SIZE];
    uint16_t port = d->over_tls ? 853 : 53;
    if (hostport_parse(q->target, host, sizeof(host), &port, err) != 0)
        return -1;
    const char *form = strchr(host, ':') ? "[%s]:%u" : "%s:%u";
    char server[280];
    snprintf(server, sizeof(server), form, host, port);
    struct node *servers = node_list(q->a);
    node_append(servers, node_text(q->a, server));
    node_put(q->config, q->a, "server", servers);
    put_text(q, "name", d->name);
    put_text(q, "type", dns_type_choices[d->type]);
    put_text(q, "class", dns_class_choices[d->class]);
    put_text(q, "transport", d->over_tls ? "tls" : d->transport ? "tcp" : "udp");
    node_put(q->config, q->a, "recursion", node_bool(q->a, d->recursion));
    node_put(q->config, q->a, "tcp_fallback", node_bool(q->a, false));
    node_put(q->config, q->a, "expect", dns_expect(q, d));
    bb__put_tls(q, &d->tls, NULL);
    bb__put_way(q, &d->way);
    return 0;
}

/* --- icmp --- */

#define OWN_SIZE 28 /* blackbox_exporter's own text */

int bb__icmp(struct bb_asked *q, struct err *err)
{
    const struct bb_icmp *i = &q->b->icmp;
    if (!*q->target)
        return err_set(err, ERR_INVALID, "got no target; want a host");
    put_text(q, "host", q->target);
    node_put(q->config, q->a, "size", node_int(q->a, i->size ? i->size : OWN_SIZE));
    node_put(q->config, q->a, "ttl", node_int(q->a, i->ttl));
    node_put(q->config, q->a, "dont_fragment", node_bool(q->a, i->dont_fragment));
    bb__put_way(q, &i->way);
    return 0;
}

/* --- grpc --- */

int bb__grpc(struct bb_asked *q, struct err *err)
{
    const struct bb_grpc *g = &q->b->grpc;
    if (put_address(q, err) != 0)
        return -1;
    put_text(q, "service", g->service);
    bb__put_values(q, "metadata", g->metadata);
    node_put(q->config, q->a, "tls", node_bool(q->a, g->use_tls));
    bb__put_tls(q, &g->tls, NULL);
    bb__put_way(q, &g->way);
    return 0;
}

/* --- one of them --- */

int bb_translate(const struct bb_module *b, const char *target, const char *hostname, bool live,
                 struct arena *a, struct bb_probe *out, struct err *err)
{
    static int (*const by_prober[])(struct bb_asked * q, struct err * err) = {
        bb__http, bb__tcp, bb__dns, bb__icmp, bb__grpc, bb__unix, bb__websocket};
    static const char *const types[] = {
#define X(name, text, type) type,
        BB_PROBERS(X)
#undef X
    };
    must(b->prober >= 0 && (size_t)b->prober < array_len(by_prober));
    struct bb_asked q = {b, target, hostname && *hostname ? hostname : NULL, live, a, node_map(a)};
    if (by_prober[b->prober](&q, err) != 0)
        return -1;
    *out = (struct bb_probe){types[b->prober], q.config};
    return 0;
}
