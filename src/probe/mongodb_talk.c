/* See mongodb_talk.h. Runs in watchers. */
#include "probe/mongodb_talk.h"

#include "base/clock.h"
#include "base/str.h"
#include "io/fiber.h"
#include "probe/memo.h"
#include "probe/scram.h"

#define HEADER       16
#define OPCODE       2013
#define CHECKSUM     1u /* flag: four more bytes at the end */
#define COMMAND_MAX  8192
#define LOGIN_ROUNDS 4

int mongo_open(const void *body, size_t n, struct bson *out, struct err *err)
{
    struct cur in = CUR_INIT(body, n);
    uint32_t flags = cur_u32(&in);
    uint8_t kind = cur_u8(&in);
    size_t left = cur_left(&in), tail = flags & CHECKSUM ? 4 : 0;
    if (in.failed || kind != 0 || left < tail)
        return err_set(err, ERR_PROTOCOL, "not an answer of MongoDB: no document in it");
    const void *document = cur_bytes(&in, left - tail);
    if (bson_open(document, left - tail, out, err) != 0)
        return -1;
    return bson_check(*out, err);
}

static int send_message(struct mongo_talk *t, const struct buf *command, const char *db,
                        struct err *err)
{
    struct buf out = BUF_INIT(COMMAND_MAX + 512);
    buf_put_u32(&out, 0);
    buf_put_u32(&out, (uint32_t)++t->request);
    buf_put_u32(&out, 0);
    buf_put_u32(&out, OPCODE);
    buf_put_u32(&out, 0);
    buf_put_u8(&out, 0);
    size_t start = bson_begin(&out);
    buf_add(&out, command->data, command->len);
    bson_put_text(&out, "$db", db);
    bson_end(&out, start);
    must(!out.failed && !command->failed);
    for (int i = 0; i < 4; i++)
        out.data[i] = (char)(out.len >> (8 * i));
    int rc = stream_write(t->stream, out.data, out.len, t->probe->deadline_ns, err);
    buf_done(&out);
    return rc;
}

static int read_message(struct mongo_talk *t, struct bson *out, struct err *err)
{
    uint8_t header[HEADER];
    if (stream_read_full(t->stream, header, HEADER, t->probe->deadline_ns, err) != 0)
        return -1;
    struct cur in = CUR_INIT(header, HEADER);
    uint32_t length = cur_u32(&in);
    cur_u32(&in);
    uint32_t answers = cur_u32(&in), opcode = cur_u32(&in);
    if (opcode != OPCODE || answers != (uint32_t)t->request || length < HEADER + 5)
        return err_set(err, ERR_PROTOCOL, "not an answer of MongoDB: got opcode %u; want %d",
                       opcode, OPCODE);
    if (length > MONGO_ANSWER_MAX)
        return err_set(err, ERR_TOO_LARGE, "an answer of %u bytes; want at most %d", length,
                       MONGO_ANSWER_MAX);
    uint8_t *body = arena_alloc(t->probe->arena, length - HEADER);
    if (stream_read_full(t->stream, body, length - HEADER, t->probe->deadline_ns, err) != 0)
        return -1;
    return mongo_open(body, length - HEADER, out, err);
}

int mongo_ask(struct mongo_talk *t, const struct buf *command, const char *db, struct bson *out,
              struct err *err)
{
    must(t->stream != NULL && db != NULL);
    if (send_message(t, command, db, err) != 0 || read_message(t, out, err) != 0)
        return -1;
    if (bson_number(*out, "ok", 0) == 1)
        return 0;
    const char *why = bson_text(*out, "errmsg", t->probe->arena);
    return err_set(err, ERR_DENIED, "%s", why ? why : "the server refused without a reason");
}

int mongo_command(struct mongo_talk *t, const char *name, const char *db, struct bson *out,
                  struct err *err)
{
    struct buf command = BUF_INIT(COMMAND_MAX);
    bson_put_int(&command, name, 1);
    int rc = mongo_ask(t, &command, db, out, err);
    buf_done(&command);
    return rc;
}

/* --- logging in --- */

#define REMEMBERED_NS (3600 * 1000 * NS_PER_MS)

/* Hashing a password some thousand times takes milliseconds: on another thread, and only once an hour. */
struct hashing {
    struct scram *scram;
    struct str first;
    struct buf *out;
    struct err *err;
    int rc;
};

static void hash(void *arg)
{
    struct hashing *h = arg;
    h->rc = scram_answer(h->scram, h->first, h->out, h->err);
}

/* The client's last word. *key: under what a salted password that proved good is remembered; "": not. */
static int answer_salted(struct mongo_talk *t, struct hashing *h, char key[SCRAM_KEY])
{
    struct probe *p = t->probe;
    key[0] = '\0';
    if (!p->env->memo || scram_key(h->scram, h->first, key) != 0) {
        io_blocking(hash, h);
        return h->rc;
    }
    const char *salted = memo_get(p->env->memo, key, clock_mono_ns(), p->arena);
    if (salted) {
        scram_recall(h->scram, salted);
        hash(h);
        key[0] = '\0';
    } else {
        io_blocking(hash, h);
    }
    return h->rc;
}

static void remember_salted(struct mongo_talk *t, const struct scram *s, const char *key)
{
    char text[SCRAM_KEY];
    if (!key[0])
        return;
    scram_salted_text(s, text);
    memo_put(t->probe->env->memo, key, text, clock_mono_ns() + REMEMBERED_NS);
}

/* {saslStart, mechanism} or {saslContinue, conversationId} with a payload; what came in *out. */
static int sasl(struct mongo_talk *t, double conversation, const struct buf *payload,
                const char *db, struct bson *out, struct err *err)
{
    struct buf command = BUF_INIT(COMMAND_MAX);
    bool first = conversation < 0;
    bson_put_int(&command, first ? "saslStart" : "saslContinue", 1);
    if (first)
        bson_put_text(&command, "mechanism", "SCRAM-SHA-256");
    else
        bson_put_int(&command, "conversationId", (int32_t)conversation);
    bson_put_binary(&command, "payload", payload->data ? payload->data : "", payload->len);
    if (first) {
        size_t options = bson_begin_sub(&command, "options");
        bson_put_bool(&command, "skipEmptyExchange", true);
        bson_end(&command, options);
    }
    int rc = mongo_ask(t, &command, db, out, err);
    buf_done(&command);
    return rc;
}

static struct str payload_of(struct bson answer)
{
    size_t n = 0;
    const uint8_t *p = bson_binary(answer, "payload", &n);
    return (struct str){p ? (const char *)p : "", n};
}

static int exchange(struct mongo_talk *t, struct scram *s, struct buf *text, const char *db,
                    struct err *err)
{
    struct bson answer;
    scram_first(s, text);
    if (sasl(t, -1, text, db, &answer, err) != 0)
        return -1;
    double conversation = bson_number(answer, "conversationId", 1);
    struct hashing h = {.scram = s, .first = payload_of(answer), .out = text, .err = err};
    char key[SCRAM_KEY];
    buf_clear(text);
    if (answer_salted(t, &h, key) != 0 || sasl(t, conversation, text, db, &answer, err) != 0 ||
        scram_verify(s, payload_of(answer), err) != 0)
        return -1;
    remember_salted(t, s, key);
    buf_clear(text); /* older servers want an empty message more */
    for (int i = 0; bson_number(answer, "done", 1) == 0; i++)
        if (i == LOGIN_ROUNDS || sasl(t, conversation, text, db, &answer, err) != 0)
            return i == LOGIN_ROUNDS ? err_set(err, ERR_PROTOCOL, "the login does not end") : -1;
    return 0;
}

int mongo_login(struct mongo_talk *t, const char *username, const char *password, const char *db,
                struct err *err)
{
    struct scram s;
    struct buf text = BUF_INIT(COMMAND_MAX / 2);
    scram_init(&s, username, password, NULL);
    int rc = exchange(t, &s, &text, db, err);
    buf_done(&text);
    scram_done(&s);
    return rc;
}
