/* sd_notify(3): a program tells its supervisor that it is ready, alive, what it does. One
 * datagram socket a unit, so the sender needs no lookup; the name lies in the abstract
 * namespace, "@belfry/TOKEN/UNIT", with a token of the owner's that outlives it, so a successor
 * binds the same name. A datagram whose sender is neither the unit's user nor root is dropped
 * (SCM_CREDENTIALS). Linux; elsewhere UNSUPPORTED. Protocol: systemd's sd_notify(3), "KEY=VALUE"
 * lines, ≤ 4096 bytes. */
#ifndef PROC_NOTIFY_H
#define PROC_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define NOTIFY_MAX        4096
#define NOTIFY_STATUS_MAX 159

struct notify_message {
    bool ready, stopping, reloading, watchdog, watchdog_trigger; /* WATCHDOG=1, WATCHDOG=trigger */
    int32_t main_pid;                                            /* 0: not told */
    int64_t watchdog_us;                                         /* WATCHDOG_USEC=; 0: not told */
    bool has_status;
    char status[NOTIFY_STATUS_MAX + 1]; /* UTF-8, control characters replaced, cut */
};
/* Pure. Unknown keys are ignored; false when it is no such message at all (binary, no '='). */
bool notify_parse(const char *p, size_t n, struct notify_message *out);

/* A non-blocking, close-on-exec socket. *address (malloc'ed) is what NOTIFY_SOCKET holds. */
int notify_open(const char *token, const char *unit, char **address, struct err *err);
/* The next message of this user (or root); false when there is none. *pid is the sender. */
bool notify_next(int fd, uid_t user, struct notify_message *out, pid_t *pid);

#endif
