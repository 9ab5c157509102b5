/* What the unit tests of core/ (and of api/) share: a core with a real loop and store in a directory of its own, rings
 * that the test writes in place of watchers, and a web server that takes the messages. */
#ifndef CORE_UNIT_H
#define CORE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/core_priv.h"
#include "io/fiber.h"

/* The web server that webhooks are sent to. */
struct bell {
    struct http_server *server;
    uint16_t port;
    pthread_mutex_t lock; /* guards all below */
    int calls, status;    /* status: what it answers; 0: 200 */
    int64_t delay_ms;     /* before it answers */
    char *bodies[200];
};
void bell_open(struct bell *b);
void bell_close(struct bell *b);
int bell_calls(struct bell *b);
void bell_answers(struct bell *b, int status);
/* How many messages contain the text. */
int bell_count(struct bell *b, const char *text);
void bell_clear(struct bell *b);

struct bed {
    char dir[64], yaml[96], db[96];
    struct loop *loop;
    struct core *core;
    struct sse_hub *events;
    int units_changed;
    int64_t clock_ms; /* of the results that are published */
};
/* The configuration's text; data_dir and log.dir are put before it. */
void bed_init(struct bed *b);
void bed_config(struct bed *b, const char *fmt, ...) printf_like(2, 3);
void bed_open(struct bed *b); /* core_new; asserts that it works */
struct core *bed_try_open(struct bed *b, struct err *err);
void bed_close(struct bed *b); /* core_stop, core_free, loop_free */
void bed_drop(struct bed *b);  /* core_free at once: a crash, but for the process */
void bed_done(struct bed *b);  /* bed_close if open, removes the directory */
/* Turns the loop until good(arg) or the time is over; returns whether it was. */
bool bed_until(struct bed *b, bool (*good)(struct bed *b, void *arg), void *arg, int64_t ms);
void bed_turn(struct bed *b, int64_t ms); /* for so long */
void bed_settle(struct bed *b);           /* until nothing waits for a commit; asserts it */
void bed_reload(struct bed *b);           /* asserts success */
/* The code with which the waiter ended, within 15 s; takes it. */
enum err_code bed_answer(struct bed *b, struct waiter *w);

struct entry *bed_target(struct bed *b,
                         const char *name); /* of group "g"; asserts that it is there */
/* Publishes a result into the ring of the target's watcher, as that watcher would. */
void bed_result(struct bed *b, const char *target, bool success);
/* The same without a core: into the ring of that key. */
bool ring_put(const char *ring_path, uint64_t target, bool success, int64_t checked_ms);

int64_t bed_sql(struct bed *b, const char *sql);
/* Until the query yields n. */
bool bed_sql_until(struct bed *b, const char *sql, int64_t n, int64_t ms);
bool bell_until(struct bed *b, struct bell *bell, const char *text, int n, int64_t ms);

#endif
