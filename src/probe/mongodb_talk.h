/* MongoDB's commands over a stream: OP_MSG (3.6 and later), and logging in by SCRAM-SHA-256.
 *
 *   message: length i32, request id i32, in answer to i32, opcode i32 = 2013, flags u32, 00, document     little endian */
#ifndef PROBE_MONGODB_TALK_H
#define PROBE_MONGODB_TALK_H

#include "probe/bson.h"
#include "probe/service.h"

#define MONGO_ANSWER_MAX \
    (4 << 20) /* bytes of one answer; serverStatus of a large server has ~100 KiB */

struct mongo_talk {
    struct probe *probe;
    struct stream *stream;
    int32_t request;
};

/* Pure: the document of a message's body, which follows the 16 bytes of its header. */
int mongo_open(const void *body, size_t n, struct bson *out, struct err *err);

/* Sends {…, $db: db}; `command` holds the document's elements as bson_put_* wrote them. The answer lives in the probe's arena.
 * -1 with *err: DENIED when the server answers that it will not, else the connection is of no more use. */
int mongo_ask(struct mongo_talk *t, const struct buf *command, const char *db, struct bson *out,
              struct err *err);
/* The usual {name: 1}. */
int mongo_command(struct mongo_talk *t, const char *name, const char *db, struct bson *out,
                  struct err *err);
int mongo_login(struct mongo_talk *t, const char *username, const char *password, const char *db,
                struct err *err);

#endif
