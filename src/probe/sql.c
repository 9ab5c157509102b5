/* See sql.h. Runs in watchers; validation in the core too. */
#include "probe/sql.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"

const char *const ssl_modes[] = {"disable", "prefer", "require", "verify-ca", "verify-full", NULL};

void sql_validate(const struct sql_config *c, struct value_check *want, struct arena *a,
                  struct problems *p, const char *path)
{
    char field[200];
    must(want->pattern == NULL);
    snprintf(field, sizeof(field), "%s%sexpect.value", path, *path ? "." : "");
    bool judged = want->value != NULL || want->op != VALUE_EQ;
    if (judged && !c->query)
        problem_add(p, NULL, field, "got a value to expect and no query; want one");
    else if (judged)
        value_check_validate(want, "expect", a, p, field);
    if ((c->ssl_key_file || c->ssl_ca_file || c->ssl_cert_file) && c->ssl_mode == SSL_DISABLE)
        problem_add(p, NULL, path,
                    "got ssl files with ssl_mode disable; want require, verify-ca or verify-full");
}

void sql_need_user(const struct service *s, struct problems *p, const char *path)
{
    char field[200];
    snprintf(field, sizeof(field), "%s%susername", path, *path ? "." : "");
    if (!s->username || !*s->username)
        problem_add(p, NULL, field, "missing; want the name to log in with");
}

void sql_judge(const struct value_check *want, const char *got, const char *metric,
               struct result *r)
{
    double number;
    must(metric != NULL && r != NULL);
    if (got && str_to_f64(str_of(got), &number, NULL) == 0)
        result_metric(r, metric, number);
    if (!want->value && want->op == VALUE_EQ)
        return;
    if (!got)
        result_fail(r, "the query answered no value; want %s %.100s", value_ops[want->op],
                    want->value ? want->value : "");
    else if (!value_check_holds(want, got))
        result_fail(r, "the query answered \"%.200s\"; want %s %.200s", got, value_ops[want->op],
                    want->value);
}

/* X(in URLs, ours) */
#define URL_ALIASES(X)              \
    X("sslmode", "ssl_mode")        \
    X("ssl-mode", "ssl_mode")       \
    X("sslrootcert", "ssl_ca_file") \
    X("ssl-ca", "ssl_ca_file")      \
    X("sslcert", "ssl_cert_file")   \
    X("ssl-cert", "ssl_cert_file")  \
    X("sslkey", "ssl_key_file")     \
    X("ssl-key", "ssl_key_file")

static struct node *renamed(const struct node *map, struct arena *a)
{
    struct node *out = node_map(a);
    for (const struct node *n = map->first; n; n = n->next) {
        const char *key = arena_strndup(a, n->key.p, n->key.n);
#define X(foreign, ours)     \
    if (streq(key, foreign)) \
        key = ours;
        URL_ALIASES(X)
#undef X
        node_put(out, a, key, node_copy(a, n));
    }
    return out;
}

struct node *sql_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, NULL, &u, a, err);
    if (!map)
        return NULL;
    map = renamed(map, a);
    if (u.path[0] == '/' && u.path[1])
        node_put(map, a, "database", node_text(a, u.path + 1));
    return map;
}

void sql_describe(const struct service *s, const char *database, struct buf *out)
{
    service_describe(s, out);
    if (database)
        buf_printf(out, "/%s", database);
}

int sql_connect(const struct resolved *to, int64_t deadline_ns, sql_try *connect, void *talk,
                struct addr *used, struct err *err)
{
    must(to->n >= 1);
    for (int i = 0; i < to->n; i++) {
        *used = to->at[i];
        if (connect(talk, used, deadline_share(deadline_ns, (size_t)(to->n - i)), err) == 0)
            return 0;
        if (clock_mono_ns() >= deadline_ns)
            break;
    }
    return -1;
}

const char *sql_one_line(const char *text, const char *after, struct arena *a)
{
    struct buf out = BUF_INIT(600);
    struct str rest = str_of(text), line;
    while (str_next(&rest, '\n', &line)) {
        const char *at = after ? memmem(line.p, line.n, after, strlen(after)) : NULL;
        if (at)
            line = (struct str){at + strlen(after), (size_t)(line.p + line.n - at) - strlen(after)};
        line = str_trim(line);
        if (line.n && out.len + line.n + 2 < out.max)
            buf_printf(&out, "%s%.*s", out.len ? "; " : "", (int)line.n, line.p);
    }
    const char *copy =
        arena_strndup(a, out.data ? out.data : "unknown error", out.data ? out.len : 13);
    buf_done(&out);
    return copy;
}
