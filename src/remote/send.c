/* Rows into requests, and requests to the receiver until it has decided (remote/sender_priv.h). On fibers of the sender's
 * thread.
 *
 *   2xx              delivered
 *   5xx, no answer   again, after a wait that doubles, or as long as Retry-After says; 429 too when it is set so
 *   all others       refused for good: counted, told in the log, left behind */
#include "remote/sender_priv.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/must.h"
#include "wire/remote_write.h"

#define MESSAGE_MAX     REMOTE_WRITE_MAX
#define RETRY_AFTER_MAX INT64_C(600) /* s: a receiver that asks for longer is asked again before */
#define HEADERS_MAX     32

enum outcome { SENT, REFUSED, AGAIN, ENDED };

/* --- one attempt --- */

/* The text, or the trimmed content of the file; "" when neither is there. */
static const char *secret(const char *text, const char *file, struct arena *a, struct err *err)
{
    if (!file || !file[0])
        return text ? text : "";
    struct buf content = BUF_INIT(65536);
    const char *s = NULL;
    if (fs_read_regular(file, &content, err) == 0) {
        struct str trimmed = str_trim((struct str){content.data ? content.data : "", content.len});
        s = arena_strndup(a, trimmed.p, trimmed.n);
    }
    buf_done(&content);
    return s;
}

static int put_auth(const struct remote_config *c, struct arena *a, struct http_request *req,
                    struct http_header *headers, struct err *err)
{
    const char *user = secret(c->basic_auth.username, c->basic_auth.username_file, a, err);
    const char *password = secret(c->basic_auth.password, c->basic_auth.password_file, a, err);
    const char *bearer = secret(c->bearer_token, c->bearer_token_file, a, err);
    const char *other =
        secret(c->authorization.credentials, c->authorization.credentials_file, a, err);
    if (!user || !password || !bearer || !other)
        return -1;
    if (user[0]) {
        req->username = user;
        req->password = password;
    }
    if (bearer[0])
        req->bearer = bearer;
    if (other[0])
        headers[req->n_headers++] = (struct http_header){
            "Authorization", arena_printf(a, "%s %s", c->authorization.type, other)};
    return 0;
}

static int build_request(struct queue *q, struct str body, unsigned attempt, struct arena *a,
                         struct http_request *req, struct http_header *headers, struct err *err)
{
    static const int min_versions[] = {10, 11, 12, 13};
    const struct remote_config *c = &q->config;
    int64_t now = clock_mono_ns();
    *req = (struct http_request){
        .method = "POST",
        .url = c->url,
        .headers = headers,
        .body = body.p,
        .body_len = body.n,
        .follow_redirects = c->follow_redirects,
        .max_redirects = 10,
        .proxy = c->proxy_url && c->proxy_url[0] ? c->proxy_url : NULL,
        .http2 = c->enable_http2,
        .keep_alive = true,
        .max_body = 4096,
        .deadline_ns = now + c->remote_timeout_ms * NS_PER_MS,
        .tls = {.verify = !c->tls.insecure_skip_verify,
                .ca_file = c->tls.ca_file && c->tls.ca_file[0] ? c->tls.ca_file : NULL,
                .cert_file = c->tls.cert_file && c->tls.cert_file[0] ? c->tls.cert_file : NULL,
                .key_file = c->tls.key_file && c->tls.key_file[0] ? c->tls.key_file : NULL,
                .server_name =
                    c->tls.server_name && c->tls.server_name[0] ? c->tls.server_name : NULL,
                .min_version = min_versions[c->tls.min_version]}};
    headers[req->n_headers++] = (struct http_header){"Content-Type", "application/x-protobuf"};
    headers[req->n_headers++] = (struct http_header){"Content-Encoding", "snappy"};
    headers[req->n_headers++] = (struct http_header){"X-Prometheus-Remote-Write-Version", "0.1.0"};
    if (attempt > 0)
        headers[req->n_headers++] =
            (struct http_header){"Retry-Attempt", arena_printf(a, "%u", attempt)};
    for (size_t i = 0; i < c->headers.n && req->n_headers < HEADERS_MAX - 1; i++)
        headers[req->n_headers++] =
            (struct http_header){c->headers.at[i].key, c->headers.at[i].value};
    return put_auth(c, a, req, headers, err);
}

/* Seconds of Retry-After, 0 when there is none (a date is not understood: the wait is ours then). */
static int64_t retry_after(const struct http_response *resp, struct arena *a)
{
    const char *text = http_response_header(resp, "Retry-After", a);
    int64_t s;
    if (!text || str_to_i64(str_trim(str_of(text)), &s, NULL) < 0 || s < 0)
        return 0;
    return s < RETRY_AFTER_MAX ? s : RETRY_AFTER_MAX;
}

static enum outcome judge(struct queue *q, int rc, const struct http_response *resp,
                          struct err *err)
{
    if (q->ending && rc < 0)
        return ENDED;
    if (rc < 0)
        return AGAIN;
    if (resp->status / 100 == 2)
        return SENT;
    size_t n = utf8_cut(resp->body.data ? resp->body.data : "", resp->body.len, 120);
    struct str said = str_trim((struct str){resp->body.data ? resp->body.data : "", n});
    err_set(err, ERR_PROTOCOL, "the receiver answered %d: %.*s", resp->status, (int)said.n, said.p);
    bool again =
        resp->status / 100 == 5 || (resp->status == 429 && q->config.queue.retry_on_http_429);
    return again ? AGAIN : REFUSED;
}

static enum outcome attempt(struct queue *q, struct str body, unsigned number, int64_t *wait_s,
                            struct err *err)
{
    struct arena *a = arena_new();
    struct http_header headers[HEADERS_MAX];
    struct http_request req;
    struct http_response resp = {0};
    enum outcome outcome = AGAIN;
    *wait_s = 0;
    if (build_request(q, body, number, a, &req, headers, err) == 0) {
        must(req.n_headers <= HEADERS_MAX);
        int rc = http_fetch(q->writers->http, &req, a, &resp, err);
        outcome = judge(q, rc, &resp, err);
        if (rc == 0)
            *wait_s = retry_after(&resp, a);
        http_response_done(&resp);
    }
    arena_free(a);
    return outcome;
}

/* --- until it is decided --- */

static void note(struct queue *q, enum outcome o, uint64_t samples, struct str body,
                 const struct err *err)
{
    struct remote_stats *s = &q->stats;
    pthread_mutex_lock(&q->writers->lock);
    bool was_failing = s->failing;
    s->requests++;
    s->bytes += body.n;
    s->failing = o == AGAIN;
    if (o == SENT)
        s->sent += samples;
    else if (o == REFUSED)
        s->failed += samples;
    else if (o == AGAIN)
        s->retried += samples;
    if (o == AGAIN || o == REFUSED)
        snprintf(s->error, sizeof(s->error), "%.190s", err->msg);
    if (o != AGAIN)
        s->pending -= s->pending < samples ? s->pending : samples;
    pthread_mutex_unlock(&q->writers->lock);
    if (o == AGAIN && !was_failing)
        log_warn("remote write fails; it is tried again until it is taken", F_STR("queue", q->name),
                 F_ERR(err));
    else if (o == REFUSED)
        log_warn("remote write is refused; the samples are left behind", F_STR("queue", q->name),
                 F_INT("samples", samples), F_ERR(err));
    else if (o == SENT && was_failing)
        log_info("remote write goes on", F_STR("queue", q->name));
}

static bool sleep_ms(struct queue *q, int64_t ms)
{
    return fiber_sleep(clock_mono_ns() + ms * NS_PER_MS, NULL) == 0 && !q->ending;
}

/* true: delivered or refused for good. false: the queue ends. */
static bool deliver(struct queue *q, struct str body, uint64_t samples)
{
    int64_t wait_ms = q->config.queue.min_backoff_ms, asked_s;
    for (unsigned number = 0;; number++) {
        struct err err = {0};
        enum outcome o = attempt(q, body, number, &asked_s, &err);
        if (o == ENDED)
            return false;
        note(q, o, samples, body, &err);
        if (o != AGAIN)
            return true;
        if (!sleep_ms(q, asked_s > 0 ? asked_s * 1000 : wait_ms))
            return false;
        wait_ms = wait_ms * 2 < q->config.queue.max_backoff_ms ? wait_ms * 2
                                                               : q->config.queue.max_backoff_ms;
    }
}

/* --- rows into messages --- */

struct message {
    struct queue *q;
    struct buf text, packed;
    struct arena *arena; /* of one series' labels */
    struct labels_builder labels;
    struct samples samples; /* of one series */
    uint64_t n;
};

/* As the receiver is to see them. false: not to be sent. */
static bool outgoing_labels(struct message *m, tsdb_ref ref, struct labels *out)
{
    struct queue *q = m->q;
    struct labels stored;
    arena_reset(m->arena);
    if (!tsdb_ref_labels(q->writers->opt.db, ref, m->arena, &stored))
        return false;
    labels_builder_from(&m->labels, &stored);
    for (uint32_t i = 0; i < q->external.n; i++) {
        if (labels_get(&stored, q->external.at[i].name).n == 0)
            labels_builder_add(&m->labels, q->external.at[i].name, q->external.at[i].value);
    }
    if (!relabel_apply(q->relabel, &m->labels, m->arena))
        return false;
    return labels_builder_finish(&m->labels, out, NULL) == 0 && labels_metric(out).n > 0;
}

/* Sends what is gathered. */
static bool flush(struct message *m)
{
    bool good = true;
    if (m->n > 0) {
        must(!m->text.failed);
        buf_clear(&m->packed);
        remote_pack((struct str){m->text.data, m->text.len}, &m->packed);
        must(!m->packed.failed);
        good = deliver(m->q, (struct str){m->packed.data, m->packed.len}, m->n);
    }
    buf_clear(&m->text);
    m->n = 0;
    return good;
}

static void dropped(struct queue *q, uint64_t samples)
{
    pthread_mutex_lock(&q->writers->lock);
    q->stats.dropped += samples;
    q->stats.pending -= q->stats.pending < samples ? q->stats.pending : samples;
    pthread_mutex_unlock(&q->writers->lock);
}

/* Samples of one series, rows [from, to) of the order, as many as still go into the message. Returns how many were taken. */
static size_t put_series(struct message *m, size_t from, size_t to)
{
    struct queue *q = m->q;
    struct labels labels;
    const struct tsdb_row *first = &q->rows[q->order[from].row];
    int64_t age = q->config.queue.sample_age_limit_ms;
    int64_t oldest = age > 0 ? clock_wall_ms() - age : INT64_MIN;
    size_t room = (size_t)q->config.queue.max_samples_per_send - m->n;
    size_t n = to - from < room ? to - from : room;
    must(n > 0);
    if (!outgoing_labels(m, first->ref, &labels)) {
        dropped(q, to - from);
        return to - from;
    }
    m->samples.n = 0;
    for (size_t i = from; i < from + n; i++) {
        const struct tsdb_row *row = &q->rows[q->order[i].row];
        if (row->t_ms >= oldest)
            samples_add(&m->samples, row->t_ms, row->v);
    }
    if (m->samples.n < n)
        dropped(q, n - m->samples.n);
    if (m->samples.n > 0)
        remote_put_series(&m->text, &labels, m->samples.t, m->samples.v, m->samples.n);
    m->n += m->samples.n;
    return n;
}

static void message_done(struct message *m)
{
    buf_done(&m->text);
    buf_done(&m->packed);
    samples_done(&m->samples);
    labels_builder_done(&m->labels);
    arena_free(m->arena);
}

void send_rows(struct queue *q, size_t from, size_t to)
{
    struct message m = {.q = q,
                        .text = BUF_INIT(MESSAGE_MAX * 4),
                        .packed = BUF_INIT(MESSAGE_MAX * 8),
                        .arena = arena_new()};
    bool good = true;
    while (from < to && good && !q->ending) {
        tsdb_ref ref = q->rows[q->order[from].row].ref;
        size_t end = from + 1;
        while (end < to && q->rows[q->order[end].row].ref == ref)
            end++;
        from += put_series(&m, from, end);
        if (m.n >= (uint64_t)q->config.queue.max_samples_per_send || m.text.len > MESSAGE_MAX / 2)
            good = flush(&m);
    }
    if (!good || q->ending || !flush(&m))
        q->unsent = true;
    message_done(&m);
}

/* --- metadata --- */

static bool on_metadata(void *arg, const struct metric_metadata *meta)
{
    struct message *m = arg;
    remote_put_metadata(&m->text, meta);
    m->n++;
    return m->text.len < MESSAGE_MAX;
}

/* One attempt: it comes again with the next interval. All in one request, as far as it goes. */
void send_metadata(struct queue *q)
{
    struct message m = {.q = q,
                        .text = BUF_INIT(MESSAGE_MAX * 4),
                        .packed = BUF_INIT(MESSAGE_MAX * 8),
                        .arena = arena_new()};
    struct err err = {0};
    int64_t wait;
    tsdb_each_metadata(q->writers->opt.db, STR(""), on_metadata, &m);
    if (m.n > 0 && !m.text.failed) {
        remote_pack((struct str){m.text.data, m.text.len}, &m.packed);
        if (attempt(q, (struct str){m.packed.data, m.packed.len}, 0, &wait, &err) == SENT) {
            pthread_mutex_lock(&q->writers->lock);
            q->stats.metadata += m.n;
            pthread_mutex_unlock(&q->writers->lock);
        }
    }
    message_done(&m);
}
