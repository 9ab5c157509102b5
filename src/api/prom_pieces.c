/* Answers that may be large, and gzip. Up to PROM_WHOLE bytes an answer is made at once and sent as any other; of what is longer the
 * rest is made while it is sent (io/http_server.h, struct http_stream), and compressed on the way. */
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "api/prom_priv.h"
#include "base/log.h"

#define GZIP_FROM  1024 /* smaller answers are not worth it */
#define GZIP_LEVEL 1
#define GZIP_BITS  (15 + 16) /* the largest window, in gzip's frame */
#define PIECE_MAX  ((size_t)512 << 20)
#define SENDERS_MAX \
    64 /* large answers at once: what each holds is bounded, so that all of them are */

/* "gzip, deflate;q=0.5": gzip, and not with q=0. */
static bool takes_gzip(const struct http_req *req)
{
    const char *text = http_req_header(req, "Accept-Encoding");
    struct str rest = str_of(text), part, name, weight;
    while (text && str_next(&rest, ',', &part)) {
        if (!str_cut(part, ';', &name, &weight)) {
            name = part;
            weight = STR("");
        }
        name = str_trim(name);
        weight = str_trim(weight);
        bool none = str_eqz(weight, "q=0") || str_eqz(weight, "q=0.0");
        if (name.n == 4 && strncasecmp(name.p, "gzip", 4) == 0)
            return !none;
    }
    return false;
}

static bool open_gzip(z_stream *z)
{
    *z = (z_stream){0};
    return deflateInit2(z, GZIP_LEVEL, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

/* Appends what comes of `in`; last: and the end. */
static bool pack(z_stream *z, const struct buf *in, bool last, struct buf *out)
{
    if (in->len >= UINT32_MAX)
        return false;
    z->next_in = (Bytef *)in->data;
    z->avail_in = (uInt)in->len;
    int rc = Z_OK;
    do {
        if (!buf_reserve(out, HTTP_PIECE))
            return false;
        z->next_out = (Bytef *)out->data + out->len;
        z->avail_out = (uInt)HTTP_PIECE;
        rc = deflate(z, last ? Z_FINISH : Z_NO_FLUSH);
        out->len += HTTP_PIECE - z->avail_out;
    } while (z->avail_out == 0 && rc == Z_OK);
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
}

static void say_packed(struct call *k)
{
    http_resp_header(k->resp, "Content-Encoding", "gzip");
    http_resp_header(k->resp, "Vary", "Accept-Encoding");
}

static void compress_whole(struct call *k)
{
    struct buf *body = &k->resp->body, packed = BUF_INIT(body->max);
    z_stream z;
    if (!open_gzip(&z))
        return;
    bool good = pack(&z, body, true, &packed);
    deflateEnd(&z);
    if (!good) {
        buf_done(&packed);
        return;
    }
    buf_done(body);
    *body = packed;
    say_packed(k);
}

void prom_compress(struct call *k)
{
    if (k->resp->body.len >= GZIP_FROM && takes_gzip(k->req))
        compress_whole(k);
}

/* --- what goes on after PROM_WHOLE --- */

struct sender {
    struct prom_pieces pieces;
    bool packed;
    z_stream z;
    struct buf raw; /* a piece before it is compressed */
};

static enum http_more make_piece(struct sender *s, struct buf *out)
{
    struct err err = {0};
    enum http_more more = s->pieces.next(s->pieces.ctx, out, &err);
    if (more == HTTP_BROKEN)
        log_warn("an answer was cut off in the middle", F_ERR(&err));
    return more;
}

static enum http_more next_packed(void *ctx, struct buf *out)
{
    struct sender *s = ctx;
    enum http_more more = HTTP_MORE;
    while (more == HTTP_MORE && out->len == 0) { /* deflate holds back small inputs */
        buf_clear(&s->raw);
        more = make_piece(s, &s->raw);
        if (more == HTTP_BROKEN || s->raw.failed || !pack(&s->z, &s->raw, more == HTTP_LAST, out))
            return HTTP_BROKEN;
    }
    return more;
}

static enum http_more next_plain(void *ctx, struct buf *out)
{
    return make_piece(ctx, out);
}

static void sender_done(void *ctx)
{
    struct sender *s = ctx;
    s->pieces.done(s->pieces.ctx);
    if (s->packed)
        deflateEnd(&s->z);
    buf_done(&s->raw);
    free(s);
}

static void send_rest(struct call *k, const struct prom_pieces *p)
{
    if (http_req_server_stats(k->req).streams_now >= SENDERS_MAX) {
        p->done(p->ctx);
        http_resp_header(k->resp, "Retry-After", "1");
        prom_fail(k, PROM_UNAVAILABLE, "%d large answers are being sent already; try again",
                  SENDERS_MAX);
        return;
    }
    struct sender *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->pieces = *p;
    buf_init(&s->raw, PIECE_MAX);
    s->packed = takes_gzip(k->req) && open_gzip(&s->z);
    if (s->packed) {
        struct buf packed = BUF_INIT(k->resp->body.max);
        must(pack(&s->z, &k->resp->body, false, &packed)); /* a few MiB of memory */
        buf_done(&k->resp->body);
        k->resp->body = packed;
        say_packed(k);
    }
    k->resp->stream = (struct http_stream){s->packed ? next_packed : next_plain, sender_done, s};
}

void prom_answer_pieces(struct call *k, const struct prom_pieces *p)
{
    struct buf *body = &k->resp->body;
    struct err err = {0};
    enum http_more more = HTTP_MORE;
    struct buf piece = BUF_INIT(PIECE_MAX);
    must(p->next && p->done);
    buf_clear(body);
    while (more == HTTP_MORE && body->len < PROM_WHOLE) {
        buf_clear(&piece);
        more = p->next(p->ctx, &piece, &err);
        buf_add(body, piece.data, piece.len);
        if (piece.failed || body->failed) {
            err_set(&err, ERR_TOO_LARGE, "a part of the answer is too large");
            more = HTTP_BROKEN;
        }
    }
    buf_done(&piece);
    if (more == HTTP_MORE) {
        send_rest(k, p);
        return;
    }
    p->done(p->ctx);
    if (more == HTTP_BROKEN)
        prom_fail_err(k, &err);
    prom_compress(k);
}
