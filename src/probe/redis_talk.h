/* A conversation with a Redis server: a command sent, its reply read, what it refuses told in an operator's words. */
#ifndef PROBE_REDIS_TALK_H
#define PROBE_REDIS_TALK_H

#include "io/stream.h"
#include "probe/prober.h"
#include "probe/resp.h"

struct redis_talk {
    struct stream *stream;
    struct arena *arena; /* replies live here */
    int64_t deadline_ns;
};

/* Sends the command and reads its reply, whatever it is. */
int redis_ask(const struct redis_talk *t, const char *const *argv, size_t argc, struct resp *out,
              struct err *err);
/* As redis_ask; an error reply becomes DENIED with redis_refusal's words. */
int redis_call(const struct redis_talk *t, const char *const *argv, size_t argc, struct resp *out,
               struct err *err);
#define REDIS_ARGV(...) \
    (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

/* What an error reply to `command` means: "a password is required", "out of memory" … and the reply itself. */
int redis_refusal(const struct redis_talk *t, const char *command, struct str reply,
                  struct err *err);
/* Whether the reply's first word is this code: LOADING, NOPERM. */
bool redis_is_error(const struct resp *reply, const char *code);

#endif
