/* See redis_talk.h. Runs on a fiber of a watcher. */
#include "probe/redis_talk.h"

#include "base/str.h"

#define CHUNK 8192

/* The bytes of one reply, in the arena. */
static const char *read_reply(const struct redis_talk *t, struct buf *in, size_t *len,
                              struct err *err)
{
    for (;;) {
        ssize_t whole = resp_length(in->data, in->len, err);
        if (whole < 0)
            return NULL;
        if (whole > 0) {
            *len = (size_t)whole;
            return arena_strndup(t->arena, in->data, *len);
        }
        if (!buf_reserve(in, CHUNK)) {
            err_set(err, ERR_TOO_LARGE, "the reply is too large; want at most %u bytes",
                    RESP_BYTES_MAX);
            return NULL;
        }
        ssize_t n = stream_read(t->stream, in->data + in->len, CHUNK, t->deadline_ns, err);
        char name[ADDR_TEXT];
        if (n == 0)
            err_set(err, ERR_REFUSED, "%s closed the connection before its reply was whole",
                    addr_text(stream_peer(t->stream), name));
        if (n <= 0)
            return NULL;
        in->len += (size_t)n;
    }
}

int redis_ask(const struct redis_talk *t, const char *const *argv, size_t argc, struct resp *out,
              struct err *err)
{
    struct buf wire = BUF_INIT(RESP_BYTES_MAX + CHUNK);
    size_t len = 0;
    must(t->stream != NULL && argc > 0);
    resp_write(&wire, argv, argc);
    int rc = stream_write(t->stream, wire.data, wire.len, t->deadline_ns, err);
    buf_clear(&wire);
    const char *reply = rc == 0 ? read_reply(t, &wire, &len, err) : NULL;
    rc = reply ? resp_parse(reply, len, t->arena, out, err) : -1;
    buf_done(&wire);
    return rc;
}

bool redis_is_error(const struct resp *reply, const char *code)
{
    struct str first = reply->text, rest;
    str_cut(reply->text, ' ', &first, &rest);
    return reply->kind == RESP_ERROR && str_eqz(first, code);
}

int redis_refusal(const struct redis_talk *t, const char *command, struct str reply,
                  struct err *err)
{
    static const struct {
        const char *prefix, *words;
    } known[] = {
        {"NOAUTH", "a password is required"},
        {"WRONGPASS", "wrong user name or password"},
        {"ERR invalid password", "wrong password"},
        {"ERR AUTH <password> called without",
         "a password is configured here, the server has none"},
        {"ERR Client sent AUTH, but no password",
         "a password is configured here, the server has none"},
        {"NOPERM", "the account lacks the permission"},
        {"DENIED", "protected mode: the server takes no connections from outside"},
        {"LOADING", "the data set is still being loaded"},
        {"MASTERDOWN", "the replica has lost its master and serves no stale data"},
        {"ERR max number of clients", "too many clients are connected"},
        {"MISCONF", "snapshots cannot be written, so the server refuses writes"},
        {"ERR DB index", "no such database"},
        {"ERR This instance has cluster support disabled", "the server is no cluster's node"},
        {"ERR unknown command", "the server does not know the command"},
        {"ERR No such master", "no master of that name is known"},
        {"NOQUORUM", "too few Sentinels are reachable"},
    };
    char name[ADDR_TEXT];
    const char *words = "it was refused", *who = addr_text(stream_peer(t->stream), name);
    for (size_t i = 0; i < array_len(known); i++)
        if (str_starts(reply, str_of(known[i].prefix))) {
            words = known[i].words;
            break;
        }
    return err_set(err, ERR_DENIED, "%s answers %s: %s (%.*s)", who, command, words,
                   (int)(reply.n < 160 ? reply.n : 160), reply.p);
}

int redis_call(const struct redis_talk *t, const char *const *argv, size_t argc, struct resp *out,
               struct err *err)
{
    if (redis_ask(t, argv, argc, out, err) != 0)
        return -1;
    if (out->kind == RESP_ERROR)
        return redis_refusal(t, argv[0], out->text, err);
    return 0;
}
