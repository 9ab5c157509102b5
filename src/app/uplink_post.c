/* One exchange of the uplink with its server; on the uplink's fiber. */
#include "app/uplink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/node.h"

#define ASK_NS     (30 * NS_PER_S)
#define CONNECT_NS (10 * NS_PER_S)
#define ANSWER_MAX ((size_t)64 << 10)
#define POST_MIN   ((size_t)128 << 10)

int uplink_ask(struct uplink *u, const char *path, const struct buf *body, size_t max_answer,
               struct arena *a, struct http_response *resp, struct err *err)
{
    const struct http_header headers[] = {{PARCEL_AGENT, u->number}, {"Content-Type", PARCEL_TYPE}};
    int64_t now = clock_mono_ns();
    struct http_request req = {
        .method = body ? "POST" : "GET",
        .url = arena_printf(a, "%s%s", u->settings.server, path),
        .headers = headers,
        .n_headers = body ? 2 : 1,
        .body = body ? body->data : NULL,
        .body_len = body ? body->len : 0,
        .bearer = u->token,
        .proxy = u->settings.proxy[0] ? u->settings.proxy : NULL,
        .tls = {.verify = true, .ca_file = u->settings.ca_file[0] ? u->settings.ca_file : NULL},
        .keep_alive = true,
        .max_body = max_answer,
        .past_max_is_error = true,
        .connect_deadline_ns = now + CONNECT_NS,
        .deadline_ns = now + ASK_NS,
    };
    return http_fetch(u->http, &req, a, resp, err);
}

static struct buf make_post(struct uplink *u, bool *more)
{
    must(u->ring);
    struct parcel head = {
        .ring = ring_id(u->ring),
        .dropped = ring_stats(u->ring).dropped,
        .waiting = u->waiting,
        .generation = u->generation,
        .sent_ms = clock_wall_ms(),
        .software = STR(BELFRY_VERSION),
    };
    struct parcel_writer w;
    parcel_begin(&w, &head, u->post_max);
    *more = uplink_ring_fill(u, &w);
    parcel_end(&w);
    return w.out;
}

/* --- a good answer -------------------------------------------------------------------------- */

static void tell_checks(struct uplink *u, const struct uplink_answer *ans)
{
    for (uint32_t i = 0; i < ans->n_checks; i++) {
        struct buf id = BUF_INIT(8);
        buf_put_u64(&id, ans->checks[i].target_id);
        link_send(u->link, AGENT_WATCHER_KEY, LINK_CHECK, ans->checks[i].request_id, id.data,
                  id.len, NULL); /* not connected: whoever asked waits in vain, as at the server */
        buf_done(&id);
    }
}

static void be_online(struct uplink *u)
{
    if (u->failures > 0 || u->away_ns == -1)
        log_info("connected to the server", F_STR("server", u->settings.server),
                 F_INT("away_s", u->away_ns > 0 ? (clock_mono_ns() - u->away_ns) / NS_PER_S : 0),
                 F_INT("waiting", (int64_t)u->waiting));
    u->failures = 0;
    u->away_ns = 0;
    u->told_text[0] = '\0';
    u->patient = false;
}

static int take_answer(struct uplink *u, const struct http_response *resp, struct arena *a,
                       struct err *err)
{
    struct uplink_answer ans;
    struct str body = {resp->body.data ? resp->body.data : "", resp->body.len};
    if (uplink_answer_parse(body, a, &ans, err) != 0)
        return -1;
    be_online(u);
    uplink_ring_free(u, ans.stored);
    if (ans.generation != u->generation && uplink_fetch_assignment(u, err) != 0)
        log_warn("cannot fetch what to probe; going on with what there is, trying again",
                 F_ERR(err));
    tell_checks(u, &ans);
    return 0;
}

/* --- none, or another ----------------------------------------------------------------------- */

/* The server's own words: "detail" of its problem document. */
static const char *words_of(const struct http_response *resp, struct arena *a)
{
    const struct node *doc =
        node_from_json(a, resp->body.data ? resp->body.data : "", resp->body.len, NULL);
    const struct node *detail = doc ? node_get(doc, "detail") : NULL;
    return detail && detail->kind == NODE_TEXT
               ? detail->text.p
               : arena_printf(a, "it answered status %d", resp->status);
}

static const char *what_to_do(enum uplink_trouble t)
{
    static const char *const words[] = {
        [UPLINK_AWAY] = "the server cannot be reached; probing goes on, results wait in the ring",
        [UPLINK_BUSY] = "the server asks for patience; results wait in the ring",
        [UPLINK_TOKEN] = "the server refuses the token: give this agent one that `belfry token add "
                         "LOCATION --scope agent` made; results wait in the ring",
        [UPLINK_CONFLICT] = "the server refuses this agent; results wait in the ring",
        [UPLINK_LARGE] =
            "the server takes no posts of this size (server.limits.max_body, or a proxy "
            "before it); posts become smaller",
        [UPLINK_STRANGE] =
            "this server knows nothing of agents: is the address right, and is it new "
            "enough?",
    };
    must((size_t)t < array_len(words) && words[t]);
    return words[t];
}

/* Each trouble once, however long it lasts. */
static void tell(struct uplink *u, enum uplink_trouble t, const char *text)
{
    size_t room = sizeof(u->told_text) - 1;
    if (u->told_text[0] && u->told == t &&
        (t == UPLINK_AWAY || strncmp(u->told_text, text, room) == 0))
        return;
    u->told = t;
    snprintf(u->told_text, sizeof(u->told_text), "%.*s", (int)room, text);
    if (t == UPLINK_BUSY)
        log_info(what_to_do(t), F_STR("server", u->settings.server), F_STR("answer", text));
    else
        log_warn(what_to_do(t), F_STR("server", u->settings.server), F_STR("error", text));
}

static struct uplink_verdict fail(struct uplink *u, const struct http_response *resp,
                                  const char *words, struct arena *a)
{
    const char *after = resp->status ? http_response_header(resp, "Retry-After", a) : NULL;
    int status = resp->status == 200 ? 404 : resp->status; /* 200, but not of a Belfry */
    u->failures++;
    if (u->away_ns <= 0)
        u->away_ns = clock_mono_ns();
    struct uplink_verdict v = uplink_judge(status, after, u->failures, rng_unit(&u->rng));
    tell(u, v.trouble, words);
    uplink_ring_again(u);
    if (v.trouble == UPLINK_LARGE && u->post_max > POST_MIN)
        u->post_max = u->post_max / 2 > POST_MIN ? u->post_max / 2 : POST_MIN;
    else if (v.trouble == UPLINK_LARGE)
        v.pause_ms = 60 * 1000;
    if (v.trouble == UPLINK_TOKEN)
        uplink_read_token(u);
    u->patient = true;
    return v;
}

int uplink_post(struct uplink *u, bool *more, struct uplink_verdict *v)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct err err = {0};
    struct http_response resp = {0};
    struct buf post = make_post(u, more);
    u->posted_ns = clock_mono_ns();
    int rc = uplink_ask(u, "/api/v1/agent/results", &post, ANSWER_MAX, a, &resp, &err);
    if (rc == 0 && resp.status == 200 && resp.body.len == 0)
        rc = err_set(&err, ERR_PROTOCOL, "the answer was cut");
    if (rc != 0)
        resp.status = 0; /* whatever came before it was cut: nothing is known of it */
    if (rc == 0 && resp.status == 200)
        rc = take_answer(u, &resp, a, &err);
    else
        rc = -1;
    if (rc != 0)
        *v = fail(u, &resp, err.code != ERR_OK ? err.msg : words_of(&resp, a), a);
    http_response_done(&resp);
    buf_done(&post);
    return rc;
}
