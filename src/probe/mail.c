/* See mail.h. Runs in watchers. */
#include "probe/mail.h"

#include <stdio.h>

#include "base/clock.h"

const struct option mail_expect_options[] = {
    {"greeting", OPT_STRING, offsetof(struct mail_expect, greeting), .example = "ESMTP Postfix",
     .help = {"Regular expression that the greeting must match.", "欢迎语必须匹配的正则表达式。"}},
    {"capabilities", OPT_LIST, offsetof(struct mail_expect, capabilities), .max = 32,
     .example = "[\"AUTH PLAIN\", \"8BITMIME\"]",
     .help = {"What the server must offer, after TLS and login.",
              "服务器（TLS 与登录之后）必须提供的能力。"}},
    EXPECT_LATENCY(struct mail_expect),
    OPTION_END,
};

void mail_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct mail_config *c = config;
    c->expect.greeting_pattern =
        pattern_compile_option(c->expect.greeting, a, p, path, "expect.greeting");
    if (c->service.use_tls && c->starttls)
        problem_add(p, NULL, path, "got both tls and starttls; want one of them");
    if (c->service.username && !c->service.password)
        problem_add(p, NULL, path, "got a username without a password; want both");
}

void mail_describe(const void *config, struct buf *out)
{
    const struct mail_config *c = config;
    service_describe(&c->service, out);
}

/* --- capabilities --- */

void mail_add_capability(struct mail *m, struct str one)
{
    must(m->n_capabilities <= MAIL_CAPABILITIES_MAX);
    one = str_trim(one);
    if (one.n == 0 || m->n_capabilities == MAIL_CAPABILITIES_MAX)
        return;
    m->capabilities[m->n_capabilities++] =
        (struct str){arena_strndup(m->p->arena, one.p, one.n), one.n};
}

bool mail_has(const struct mail *m, const char *capability)
{
    must(m->n_capabilities <= MAIL_CAPABILITIES_MAX);
    for (size_t i = 0; i < m->n_capabilities; i++)
        if (dialogue_capability(m->capabilities[i], str_of(capability)))
            return true;
    return false;
}

static int ask_capabilities(struct mail *m, const struct mail_protocol *protocol, struct err *err)
{
    m->d.listing = protocol->listing;
    int rc = dialogue_ask(&m->d, protocol->capabilities, err, "%s", protocol->capabilities);
    m->d.listing = false;
    m->n_capabilities = 0;
    if (rc != 0)
        return -1;
    struct str rest = {m->d.answer.data, m->d.answer.len}, line;
    for (bool first = true; str_next(&rest, '\n', &line); first = false)
        protocol->read_capabilities(m, line, first);
    return 0;
}

static const char *offered(const struct mail *m)
{
    struct buf out = BUF_INIT(RESULT_FACT_MAX);
    for (size_t i = 0; i < m->n_capabilities; i++)
        buf_printf(&out, "%s%s", i ? ", " : "", m->capabilities[i].p);
    const char *text = arena_strndup(m->p->arena, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

static int judge_capabilities(const struct mail *m, struct err *err)
{
    const struct str_list *wanted = &m->c->expect.capabilities;
    for (size_t i = 0; i < wanted->n; i++)
        if (!mail_has(m, wanted->at[i]))
            return err_set(err, ERR_INVALID, "%s does not offer %s; it offers: %s",
                           m->c->service.host, wanted->at[i], offered(m));
    return 0;
}

/* --- login --- */

const char *mail_base64(struct mail *m, const void *p, size_t n)
{
    struct buf out = BUF_INIT(8192);
    base64_encode(&out, p, n);
    const char *text = arena_strndup(m->p->arena, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

int mail_auth_plain(struct mail *m, const char *command, struct err *err)
{
    const char *user = m->c->service.username, *password = m->c->service.password;
    must(user != NULL && password != NULL);
    const char *what = arena_printf(m->p->arena, "the login of %s", user);
    const char *text = arena_printf(m->p->arena, "%c%s%c%s", 'x', user, 'x', password);
    char *bytes = arena_strdup(m->p->arena, text);
    bytes[0] = bytes[1 + strlen(user)] = '\0';
    if (dialogue_ask(&m->d, what, err, "%s", command) != 0)
        return -1;
    return dialogue_go_on(&m->d, what, err, mail_base64(m, bytes, strlen(text)));
}

/* --- the dialogue --- */

static int greet(struct mail *m, struct err *err)
{
    const struct mail_expect *e = &m->c->expect;
    if (dialogue_hear(&m->d, "the greeting", err) != 0)
        return -1;
    struct str said = dialogue_last(&m->d);
    said = (struct str){arena_strndup(m->p->arena, said.p, said.n), said.n};
    result_fact(m->r, "greeting", said.p);
    if (!e->greeting_pattern)
        return 0;
    int rc = pattern_match(e->greeting_pattern, said.p, said.n, err);
    if (rc == 0)
        err_set(err, ERR_INVALID, "the greeting is \"%.150s\"; want one that matches \"%.80s\"",
                said.p, e->greeting);
    return rc > 0 ? 0 : -1;
}

/* -1 with an empty *err: the result has failed already. */
static int secure(struct mail *m, const struct mail_protocol *protocol, struct err *err)
{
    if (dialogue_ask(&m->d, "STARTTLS", err, "%s", protocol->starttls) != 0)
        return -1;
    if (service_start_tls(m->p, &m->c->service, m->d.s, m->r) != 0)
        return -1;
    return ask_capabilities(m, protocol, err);
}

static int converse(struct mail *m, const struct mail_protocol *protocol, struct err *err)
{
    if (greet(m, err) != 0 || ask_capabilities(m, protocol, err) != 0)
        return -1;
    if (m->c->starttls && secure(m, protocol, err) != 0)
        return -1;
    if (m->c->service.username && protocol->login(m, err) != 0)
        return -1;
    result_fact(m->r, "capabilities", offered(m));
    if (judge_capabilities(m, err) != 0)
        return -1;
    return protocol->after ? protocol->after(m, err) : 0;
}

void mail_run(struct probe *p, struct result *r, const struct mail_protocol *protocol)
{
    const struct mail_config *c = p->config;
    struct mail *m = arena_new_of(p->arena, struct mail);
    struct err err = {0};
    must(protocol->judge && protocol->login && protocol->read_capabilities);
    int64_t start = clock_mono_ns();
    struct stream *s = service_connect(p, &c->service, r);
    if (s) {
        *m = (struct mail){.p = p, .c = c, .r = r};
        dialogue_init(&m->d, s, p->deadline_ns);
        m->d.judge = protocol->judge;
        m->d.protocol = protocol->name;
        m->d.tagged = protocol->tagged;
        if (converse(m, protocol, &err) == 0) /* a goodbye that fails harms nobody */
            dialogue_ask(&m->d, "the goodbye", NULL, "%s", protocol->goodbye);
        else if (err.msg[0])
            result_fail_err(r, &err);
        dialogue_done(&m->d);
        service_end(&s, start, &c->expect.latency, r);
    }
    result_metric(r, protocol->up, r->success);
    if (r->success && !r->message[0])
        result_ok(r, "%s%s%s", protocol->name, c->service.use_tls || c->starttls ? ", TLS" : "",
                  c->service.username ? ", logged in" : "");
}
