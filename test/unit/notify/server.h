/* Servers on loopback for the sending tests: one thread each, one connection after the other, canned answers. */
#ifndef TEST_NOTIFY_SERVER_H
#define TEST_NOTIFY_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    const char *reply; /* whole HTTP answer; NULL: close without a word; "hang": never answer */
    bool smtp, tls;    /* tls: STARTTLS is offered, with a certificate made for the occasion */
    const char
        *refuse;    /* SMTP: the command that is refused, with "REFUSED code text" after a space */
    struct buf got; /* everything that was received */
};

void server_start(struct server *s);
void server_stop(struct server *s);

#endif
