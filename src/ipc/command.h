/* The core's commands to the warden, and its answers: packets of one fixed struct on an AF_UNIX SOCK_SEQPACKET socket,
 * data/run/warden.sock (0600). The warden serves them from its poll loop; neither side ever waits for the other. Each
 * command has an answer with its id. A descriptor belongs to the thread that opened it. */
#ifndef IPC_COMMAND_H
#define IPC_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* X(NAME): what */
#define COMMANDS(X)                                                                      \
    X(ANSWER) /* warden→core: code, text */                                            \
    X(WAKE)   /* warden→core: data/run/events has records and you asked to be woken */ \
    X(LOAD)   /* read data/run/programs again; text of the answer: what it refused */    \
    X(START)                                                                             \
    X(STOP)                                                                              \
    X(RESTART)                                                                           \
    X(RESET)                                                                             \
    X(SIGNAL) /* number: signo */                                                        \
    X(READY)  /* its health probe succeeded */                                           \
    X(FAIL)   /* number: enum unit_cause; text: why. It is replaced */                   \
    X(MONITOR_ON)                                                                        \
    X(MONITOR_OFF)                                                                       \
    X(UPGRADE) /* execute the program file again, keep the units */
enum command_type {
#define X(name) COMMAND_##name,
    COMMANDS(X)
#undef X
};

#define COMMAND_UNIT_MAX 127
#define COMMAND_TEXT_MAX 511
struct command {
    uint32_t version; /* COMMAND_VERSION; another is answered with CONFLICT */
    uint32_t type;    /* enum command_type */
    uint64_t id;
    int32_t code; /* ANSWER: enum err_code, 0 good */
    int32_t number;
    char unit[COMMAND_UNIT_MAX + 1];
    char text[COMMAND_TEXT_MAX + 1];
};
#define COMMAND_VERSION 1u

/* Pure. GOOD: *out is a copy whose type is known and whose texts end. FOREIGN: only version, type, id,
 * code and number are filled in. NONSENSE: *out is untouched; such a peer is closed. */
enum command_kind { COMMAND_IS_GOOD, COMMAND_IS_FOREIGN, COMMAND_IS_NONSENSE };
enum command_kind command_check(const void *packet, size_t n, struct command *out);

/* --- warden: plain descriptors for its poll --- */
int command_listen(const char *path, struct err *err); /* non-blocking; replaces a dead file */
/* -1: none. Peers that run neither as our user nor as root are turned away. */
int command_accept(int listener);
/* 1 with *out checked (command_check), 0 nothing there, -1 the peer is gone or mad (close it). A command of another
 * version is answered here; an answer of another version comes as a refusal. */
int command_receive(int fd, struct command *out);
/* False: its buffer is full (errno EAGAIN, ENOBUFS), or it is gone. */
bool command_send(int fd, const struct command *c);

/* --- core --- */
int command_connect(const char *path, struct err *err); /* non-blocking descriptor */

#endif
