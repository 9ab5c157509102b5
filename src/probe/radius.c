/* radius: does a server answer, by the right secret, and let somebody in?
 *
 *   Access-Request, password by PAP → Access-Accept, Reject or Challenge; or Status-Server → Access-Accept
 *   (again, the same packet, every 2 seconds until the deadline: RFC 5080, 2.2.1)
 *
 * RFC 2865, 5997; the bytes are radius_wire.c's. Runs in watchers. */
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "probe/probers.h"
#include "probe/radius_wire.h"
#include "probe/udp_talk.h"

static const char *const answer_choices[] = {"accept", "reject", "challenge", NULL};
static const int answer_codes[] = {RADIUS_ACCESS_ACCEPT, RADIUS_ACCESS_REJECT,
                                   RADIUS_ACCESS_CHALLENGE};

struct radius_expect {
    int answer;
    struct latency_bound latency;
};

struct radius_config {
    struct service service;
    const char *secret, *nas, *called, *calling;
    struct radius_expect expect;
};

static const struct option expect_options[] = {
    {"answer", OPT_ENUM, offsetof(struct radius_expect, answer), .def = "accept",
     .choices = answer_choices, .help = {"What the server must answer.", "服务器应当如何答复。"}},
    EXPECT_LATENCY(struct radius_expect),
    OPTION_END,
};

static const struct option radius_options[] = {
    UDP_SERVICE_ADDRESS(struct radius_config, "1812"),
    {"secret", OPT_STRING, offsetof(struct radius_config, secret), .required = true, .secret = true,
     .max = 255, .help = {"Shared with the server.", "与服务器共享的密钥。"}},
    {"username", OPT_STRING, offsetof(struct radius_config, service.username), .max = 253,
     .help = {"Who asks to be let in; none: the server is only asked whether it works "
              "(Status-Server).",
              "请求登录的用户；留空则只询问服务器状态（Status-Server）。"}},
    {"password", OPT_STRING, offsetof(struct radius_config, service.password), .secret = true,
     .max = RADIUS_PASSWORD_MAX, .help = {"Its password.", "登录密码。"}},
    {"nas_identifier", OPT_STRING, offsetof(struct radius_config, nas), .def = "belfry", .max = 253,
     .advanced = true, .help = {"How this client names itself.", "本客户端的标识。"}},
    {"called_station_id", OPT_STRING, offsetof(struct radius_config, called), .max = 253,
     .advanced = true,
     .help = {"Called-Station-Id, if the server wants one.",
              "服务器需要时填写的 Called-Station-Id。"}},
    {"calling_station_id", OPT_STRING, offsetof(struct radius_config, calling), .max = 253,
     .advanced = true,
     .help = {"Calling-Station-Id, if the server wants one.",
              "服务器需要时填写的 Calling-Station-Id。"}},
    {"expect", OPT_SECTION, offsetof(struct radius_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *radius_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    return service_from_url(text, NULL, &u, a, err);
}

static void radius_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct radius_config *c = config;
    (void)a;
    if (c->service.username && !c->service.password)
        problem_add(p, NULL, path, "got a username without a password; want both");
    if (!c->service.username && c->expect.answer != 0)
        problem_add(p, NULL, path, "got another expect.answer without a username; want one");
}

static void radius_describe(const void *config, struct buf *out)
{
    const struct radius_config *c = config;
    service_describe(&c->service, out);
}

struct asking {
    struct arena *arena;
    struct radius_request q;
    struct radius_answer answer;
};

static int write_request(void *arg, int nth, struct buf *out, struct err *err)
{
    const struct asking *a = arg;
    (void)nth;
    radius_write(out, &a->q);
    return out->failed ? err_set(err, ERR_TOO_LARGE, "the request is too long") : 0;
}

static int read_answer(void *arg, const uint8_t *p, size_t n, struct err *err)
{
    struct asking *a = arg;
    return radius_read(p, n, &a->q, a->arena, &a->answer, err);
}

static const char *code_text(int code)
{
    return code == RADIUS_ACCESS_ACCEPT      ? "accepted"
           : code == RADIUS_ACCESS_REJECT    ? "rejected"
           : code == RADIUS_ACCESS_CHALLENGE ? "challenged"
                                             : "answered in another way";
}

static void judge(const struct radius_config *c, const struct radius_answer *answer,
                  struct result *r)
{
    const char *user = c->service.username, *who = user ? user : "the status request";
    int want = answer_codes[c->expect.answer];
    const char *quote = answer->reply[0] ? ": \"" : "", *end = answer->reply[0] ? "\"" : "";
    must((size_t)c->expect.answer < array_len(answer_codes));
    result_metric(r, "radius_response_code", answer->code);
    if (answer->code == want)
        result_ok(r, "RADIUS, %s %s%s%s%s", who, code_text(want), quote, answer->reply, end);
    else
        result_fail(r, "%s %s %s; want %s%s%s%s", c->service.host, code_text(answer->code), who,
                    code_text(want), quote, answer->reply, end);
}

static void radius_run(struct probe *p, struct result *r)
{
    const struct radius_config *c = p->config;
    struct udp_talk t;
    struct asking a = {.arena = p->arena,
                       .q = {.secret = c->secret,
                             .username = c->service.username,
                             .password = c->service.password,
                             .nas = c->nas,
                             .called = c->called,
                             .calling = c->calling}};
    struct err err = {0};
    const struct udp_question question = {&a, write_request, read_answer};
    int64_t start = clock_mono_ns();
    rng_secure(&a.q.id, sizeof(a.q.id));
    rng_secure(a.q.authenticator, sizeof(a.q.authenticator));
    if (udp_talk_open(&t, p, &c->service, r) == 0) {
        t.again_ms = 2000;
        if (udp_talk_ask(&t, &question, &err) != 0)
            result_fail_err(r, &err);
        else
            judge(c, &a.answer, r);
        if (err.code == ERR_TIMEOUT)
            r->message = arena_printf(
                r->arena, "%s; a server that knows another secret, or not this client, is silent",
                r->message);
    }
    udp_talk_close(&t);
    result_metric(r, "radius_up", r->success);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const radius_schemes[] = {"radius", NULL};

const struct prober_ops radius_prober = {
    .type = "radius",
    .kind = PROBER_NETWORK,
    .title = {"RADIUS", "RADIUS"},
    .help = {"Asks a RADIUS server to let somebody in, or whether it works.",
             "请求 RADIUS 服务器认证用户，或询问其状态。"},
    .schemes = radius_schemes,
    .options = radius_options,
    .config_size = sizeof(struct radius_config),
    .default_port = 1812,
    .from_url = radius_from_url,
    .validate = radius_validate,
    .describe = radius_describe,
    .run = radius_run,
};
