/* ldap: does a directory let us in, and find what it should?
 *
 *   connect [→ TLS | StartTLS → TLS] → bind, simple or anonymous → [search → entries counted] → unbind
 *
 * RFC 4511; the messages are in ldap_wire.h. Runs in watchers. */
#include <stdio.h>

#include "base/clock.h"
#include "probe/ldap_wire.h"
#include "probe/probers.h"
#include "probe/service.h"
#include "probe/starttls.h"

#define SIZE_LIMIT 1000 /* entries that are asked for when there is no max_entries */

static const char *const scope_choices[] = {"base", "one", "sub", NULL};

struct ldap_expect {
    int64_t min_entries, max_entries;
    struct latency_bound latency;
};

struct ldap_config {
    struct service service;
    bool starttls;
    const char *base, *filter;
    int scope;
    struct ldap_expect expect;
};

static const struct option expect_options[] = {
    {"min_entries", OPT_INT, offsetof(struct ldap_expect, min_entries), .def = "1", .min = 0,
     .max = 100000, .help = {"The search must find at least so many.", "搜索结果至少应有多少条。"}},
    {"max_entries", OPT_INT, offsetof(struct ldap_expect, max_entries), .min = 0, .max = 100000,
     .help = {"And at most so many; 0 is no bound.", "搜索结果最多应有多少条；0 表示不限。"}},
    EXPECT_LATENCY(struct ldap_expect),
    OPTION_END,
};

static const struct option ldap_options[] = {
    SERVICE_ADDRESS(struct ldap_config, "389"),
    {"username", OPT_STRING, offsetof(struct ldap_config, service.username), .max = 1000,
     .example = "cn=monitor,dc=example,dc=com",
     .help = {"The name to bind as; none binds anonymously.", "绑定用的 DN；留空为匿名绑定。"}},
    {"password", OPT_STRING, offsetof(struct ldap_config, service.password), .secret = true,
     .max = 1000, .help = {"Its password.", "登录密码。"}},
    SERVICE_TLS(struct ldap_config),
    {"starttls", OPT_BOOL, offsetof(struct ldap_config, starttls), .def = "false",
     .help = {"Ask for TLS (StartTLS) before the bind.", "绑定前用 StartTLS 请求 TLS。"}},
    {"base", OPT_STRING, offsetof(struct ldap_config, base), .max = 1000,
     .example = "ou=people,dc=example,dc=com",
     .help = {"Search from here; none: binding is enough.", "搜索的起点；留空只检查绑定。"}},
    {"scope", OPT_ENUM, offsetof(struct ldap_config, scope), .def = "base",
     .choices = scope_choices,
     .help = {"The entry itself, one level below it, or all below.",
              "条目本身、下一级，或其下全部。"}},
    {"filter", OPT_STRING, offsetof(struct ldap_config, filter), .def = "(objectClass=*)",
     .max = 4000, .help = {"What to search for.", "搜索过滤器。"}},
    {"expect", OPT_SECTION, offsetof(struct ldap_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* ldap://host:port/base?scope=sub&filter=… */
static struct node *ldap_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u = {0};
    struct node *map = service_url(text, "ldaps", 636, a, err);
    if (map && url_parse(text, a, &u, err) == 0 && u.path[0] && u.path[1] && !node_get(map, "base"))
        node_put(map, a, "base", node_text(a, u.path + 1));
    return map;
}

static void ldap_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct ldap_config *c = config;
    struct buf out = BUF_INIT(LDAP_REQUEST_MAX);
    struct err err = {0};
    char field[200];
    (void)a;
    snprintf(field, sizeof(field), "%s%sfilter", path, *path ? "." : "");
    if (ldap_write_filter(&out, c->filter, &err) != 0)
        problem_add(p, NULL, field, "%s", err.msg);
    buf_done(&out);
    if (c->service.use_tls && c->starttls)
        problem_add(p, NULL, path, "got both tls and starttls; want one of them");
    if (c->service.username && !c->service.password)
        problem_add(p, NULL, path, "got a username without a password; want both");
}

static void ldap_describe(const void *config, struct buf *out)
{
    const struct ldap_config *c = config;
    service_describe(&c->service, out);
    if (c->base)
        buf_printf(out, "/%s", c->base);
}

/* --- one message --- */

struct ldap {
    struct probe *p;
    const struct ldap_config *c;
    struct result *r;
    struct stream *s;
    struct buf out; /* a request */
    uint8_t *room;  /* LDAP_MESSAGE_MAX bytes, once asked for */
    size_t room_size;
};

/* A message into room, which grows to its size. */
static int read_message(struct ldap *l, struct ldap_message *m, struct err *err)
{
    uint8_t head[6];
    size_t n = 0;
    int64_t size = 0;
    while (size == 0) {
        must(n < sizeof(head));
        if (stream_read_full(l->s, head + n, n ? 1 : 2, l->p->deadline_ns, err) != 0)
            return -1;
        n += n ? 1 : 2;
        size = head[0] == BER_SEQUENCE ? ber_message_size(head, n, LDAP_MESSAGE_MAX) : -1;
    }
    if (size < (int64_t)n)
        return err_set(err, ERR_PROTOCOL, "%s does not speak LDAP, or its message is too long",
                       l->c->service.host);
    if ((size_t)size > l->room_size) {
        l->room_size = (size_t)size < 4096 ? 4096 : LDAP_MESSAGE_MAX;
        l->room = arena_alloc(l->p->arena, l->room_size);
    }
    memcpy(l->room, head, n);
    if (stream_read_full(l->s, l->room + n, (size_t)size - n, l->p->deadline_ns, err) != 0)
        return -1;
    return ldap_parse(l->room, (size_t)size, m, err);
}

static int send_request(struct ldap *l, struct err *err)
{
    must(!l->out.failed && l->out.len > 0);
    return stream_write(l->s, l->out.data, l->out.len, l->p->deadline_ns, err);
}

static int refused(const struct ldap *l, const char *what, const struct ldap_message *m,
                   struct err *err)
{
    char room[32];
    struct str d = m->diagnostic;
    return err_set(err, ERR_REFUSED, "%s refused %s: %s%s%.*s", l->c->service.host, what,
                   ldap_code_text(m->code, room), d.n ? ": " : "", (int)(d.n < 150 ? d.n : 150),
                   d.p);
}

/* --- the dialogue --- */

static int bind_as(struct ldap *l, struct err *err)
{
    const struct service *s = &l->c->service;
    struct ldap_message m;
    buf_clear(&l->out);
    ldap_write_bind(&l->out, 2, s->username, s->password);
    if (send_request(l, err) != 0 || read_message(l, &m, err) != 0)
        return -1;
    if (m.op == LDAP_EXTENDED_RESPONSE) /* a notice of disconnection */
        return refused(l, "the connection", &m, err);
    if (m.op != LDAP_BIND_RESPONSE || m.id != 2)
        return err_set(err, ERR_PROTOCOL, "%s answered the bind with another message", s->host);
    if (m.code != LDAP_SUCCESS)
        return refused(l,
                       s->username ? arena_printf(l->p->arena, "the bind of %s", s->username)
                                   : "the anonymous bind",
                       &m, err);
    return 0;
}

/* The number of entries, or -1. */
static int64_t search(struct ldap *l, struct err *err)
{
    const struct ldap_config *c = l->c;
    struct ldap_message m;
    must(c->base != NULL && c->filter != NULL);
    int64_t limit = c->expect.max_entries > 0 ? c->expect.max_entries + 1 : SIZE_LIMIT;
    if (limit < c->expect.min_entries)
        limit = c->expect.min_entries;
    struct ldap_search s = {
        .base = c->base, .filter = c->filter, .scope = c->scope, .size_limit = limit};
    buf_clear(&l->out);
    if (ldap_write_search(&l->out, 3, &s, err) != 0 || send_request(l, err) != 0)
        return -1;
    for (int64_t entries = 0, others = 0; entries + others <= 2 * limit + 100;) {
        if (read_message(l, &m, err) != 0)
            return -1;
        entries += m.op == LDAP_SEARCH_ENTRY;
        others += m.op != LDAP_SEARCH_ENTRY;
        if (m.op == LDAP_SEARCH_DONE && m.code != LDAP_SUCCESS &&
            m.code != LDAP_SIZE_LIMIT_EXCEEDED)
            return refused(l, arena_printf(l->p->arena, "the search in %s", c->base), &m, err);
        if (m.op == LDAP_SEARCH_DONE)
            return entries;
    }
    return err_set(err, ERR_TOO_LARGE, "the search never ends");
}

static int judge(struct ldap *l, int64_t entries, struct err *err)
{
    const struct ldap_expect *e = &l->c->expect;
    must(entries >= 0);
    result_metric(l->r, "ldap_search_entries", (double)entries);
    if (entries < e->min_entries || (e->max_entries > 0 && entries > e->max_entries))
        return err_set(err, ERR_INVALID, "%s in %s found %lld entries; want %s %lld", l->c->filter,
                       l->c->base, (long long)entries,
                       entries < e->min_entries ? "at least" : "at most",
                       (long long)(entries < e->min_entries ? e->min_entries : e->max_entries));
    result_ok(l->r, "LDAP, %s in %s found %lld entries", l->c->filter, l->c->base,
              (long long)entries);
    return 0;
}

/* -1 with an empty *err: the result has failed already. */
static int converse(struct ldap *l, struct err *err)
{
    const struct ldap_config *c = l->c;
    if (c->starttls && (starttls_ask(l->s, STARTTLS_LDAP, l->p->deadline_ns, err) != 0 ||
                        service_start_tls(l->p, &c->service, l->s, l->r) != 0))
        return -1;
    if (bind_as(l, err) != 0)
        return -1;
    int64_t entries = c->base ? search(l, err) : 0;
    if (entries < 0 || (c->base && judge(l, entries, err) != 0))
        return -1;
    buf_clear(&l->out);
    ldap_write_unbind(&l->out, 4);
    stream_write(l->s, l->out.data, l->out.len, l->p->deadline_ns, NULL);
    return 0;
}

static void ldap_run(struct probe *p, struct result *r)
{
    const struct ldap_config *c = p->config;
    struct err err = {0};
    int64_t start = clock_mono_ns();
    struct stream *s = service_connect(p, &c->service, r);
    if (s) {
        struct ldap l = {.p = p, .c = c, .r = r, .s = s, .out = BUF_INIT(LDAP_REQUEST_MAX)};
        if (converse(&l, &err) != 0 && err.msg[0])
            result_fail_err(r, &err);
        buf_done(&l.out);
        service_end(&s, start, &c->expect.latency, r);
    }
    result_metric(r, "ldap_up", r->success);
    if (r->success && !r->message[0])
        result_ok(r, "LDAP, bound%s%s", c->service.username ? " as " : " anonymously",
                  c->service.username ? c->service.username : "");
}

static const char *const ldap_schemes[] = {"ldap", "ldaps", NULL};

const struct prober_ops ldap_prober = {
    .type = "ldap",
    .kind = PROBER_NETWORK,
    .title = {"LDAP", "LDAP"},
    .help = {"Binds at a directory and counts what a search finds.",
             "绑定到 LDAP 目录，并统计搜索结果数。"},
    .schemes = ldap_schemes,
    .options = ldap_options,
    .config_size = sizeof(struct ldap_config),
    .default_port = 389,
    .from_url = ldap_from_url,
    .validate = ldap_validate,
    .describe = ldap_describe,
    .run = ldap_run,
};
