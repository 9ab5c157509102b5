/* AMQP 0-9-1 as bytes: the methods that a probe sends and those it reads. Pure functions; the input is foreign.
 *
 *   client first: "AMQP" 0 0 9 1      a server that will not have it answers with the header it would have, and closes
 *
 *   u8  type: 1 method, 2 header, 3 body, 8 heartbeat
 *   u16 channel                        big endian, like all that follows
 *   u32 size
 *       payload; of a method: u16 class, u16 method, arguments
 *   u8  0xce
 *
 * amqp0-9-1.pdf, section 4.2; classes and methods from amqp0-9-1.xml */
#ifndef PROBE_AMQP_WIRE_H
#define PROBE_AMQP_WIRE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define AMQP_HEADER    7
#define AMQP_END       0xce
#define AMQP_FRAME_MAX 131072

/* class << 16 | method */
enum amqp_method {
    AMQP_START = 10 << 16 | 10,
    AMQP_START_OK = 10 << 16 | 11,
    AMQP_SECURE = 10 << 16 | 20,
    AMQP_TUNE = 10 << 16 | 30,
    AMQP_TUNE_OK = 10 << 16 | 31,
    AMQP_OPEN = 10 << 16 | 40,
    AMQP_OPEN_OK = 10 << 16 | 41,
    AMQP_CLOSE = 10 << 16 | 50,
    AMQP_CLOSE_OK = 10 << 16 | 51,
    AMQP_BLOCKED = 10 << 16 | 60,
    AMQP_UNBLOCKED = 10 << 16 | 61,
    AMQP_CHANNEL_OPEN = 20 << 16 | 10,
    AMQP_CHANNEL_OPEN_OK = 20 << 16 | 11,
    AMQP_CHANNEL_CLOSE = 20 << 16 | 40,
    AMQP_CHANNEL_CLOSE_OK = 20 << 16 | 41,
    AMQP_QUEUE_DECLARE = 50 << 16 | 10,
    AMQP_QUEUE_DECLARE_OK = 50 << 16 | 11,
};

#define AMQP_ACCESS_REFUSED 403
#define AMQP_NOT_FOUND      404
#define AMQP_NOT_ALLOWED    530

/* --- sending --- */

void amqp_put_protocol(struct buf *out);
/* PLAIN. Asks to be told why a login is refused, and when the broker blocks publishers. */
void amqp_put_start_ok(struct buf *out, const char *username, const char *password);
void amqp_put_tune_ok(struct buf *out);
void amqp_put_open(struct buf *out, const char *vhost);
void amqp_put_channel_open(struct buf *out);                             /* channel 1 */
void amqp_put_queue_declare_passive(struct buf *out, const char *queue); /* on channel 1 */
void amqp_put_channel_close_ok(struct buf *out);
void amqp_put_close(struct buf *out);

/* --- reading --- */

struct amqp_frame {
    int type;
    int channel;
    uint32_t size; /* of the payload, ≤ AMQP_FRAME_MAX; AMQP_END follows */
};
int amqp_parse_header(const void *p, struct amqp_frame *out, struct err *err);
/* Class and method of a method frame's payload; 0 when it has none. */
uint32_t amqp_method(const void *p, size_t n);

struct amqp_start {
    struct str product, version, cluster; /* empty: not told */
    bool plain;                           /* PLAIN is among the mechanisms */
    struct str mechanisms;
};
int amqp_parse_start(const void *p, size_t n, struct amqp_start *out, struct err *err);

struct amqp_close {
    int code;
    struct str text;
};
/* Of CLOSE and CHANNEL_CLOSE. */
int amqp_parse_close(const void *p, size_t n, struct amqp_close *out, struct err *err);

struct amqp_queue {
    uint32_t messages, consumers;
};
int amqp_parse_queue(const void *p, size_t n, struct amqp_queue *out, struct err *err);
/* Why publishers are blocked. */
int amqp_parse_blocked(const void *p, size_t n, struct str *out, struct err *err);

#endif
