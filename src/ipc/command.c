/* Commands between core and warden (command.h): one struct a packet, checked here. No state. */
#include "ipc/command.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/link_priv.h"

#define TYPES (COMMAND_UPGRADE + 1)

/* What every version has at the same place, so that versions can refuse each other. */
#define HEAD_SIZE offsetof(struct command, unit)
_Static_assert(offsetof(struct command, id) == 8, "format of all versions");
_Static_assert(offsetof(struct command, code) == 16, "format of all versions");
_Static_assert(HEAD_SIZE == 24, "format of all versions");
_Static_assert(sizeof(struct command) == 24 + 128 + 512, "format");

int command_listen(const char *path, struct err *err)
{
    return link__listen(path, err);
}

int command_connect(const char *path, struct err *err)
{
    return link__connect(path, err);
}

/* Whether the other side runs as ourselves or as root: the file's mode says so too, but only where it lies now. */
static bool peer_is_ours(int fd)
{
#ifdef SO_PEERCRED
    struct ucred who;
    socklen_t n = sizeof(who);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 && n == sizeof(who) &&
           (who.uid == 0 || who.uid == geteuid());
#else
    uid_t uid;
    gid_t gid;
    return getpeereid(fd, &uid, &gid) == 0 && (uid == 0 || uid == geteuid());
#endif
}

int command_accept(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0 || peer_is_ours(fd))
            return fd;
        close(fd);
    }
}

static bool text_ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

enum command_kind command_check(const void *packet, size_t n, struct command *out)
{
    struct command c = {0};
    if (n < HEAD_SIZE)
        return COMMAND_IS_NONSENSE;
    memcpy(&c, packet, n < sizeof(c) ? n : sizeof(c));
    if (c.version != COMMAND_VERSION) {
        memset(c.unit, 0, sizeof(c.unit));
        memset(c.text, 0, sizeof(c.text));
        *out = c;
        return COMMAND_IS_FOREIGN;
    }
    if (n != sizeof(c) || c.type >= TYPES || !text_ends(c.unit, sizeof(c.unit)) ||
        !text_ends(c.text, sizeof(c.text)))
        return COMMAND_IS_NONSENSE;
    *out = c;
    return COMMAND_IS_GOOD;
}

/* A command is refused, an answer is shown as a refusal. False: there is nothing to show. */
static bool on_foreign(int fd, struct command *c)
{
    bool answer = c->type == COMMAND_ANSWER;
    uint32_t version = c->version;
    *c = (struct command){
        .version = COMMAND_VERSION, .type = COMMAND_ANSWER, .id = c->id, .code = ERR_CONFLICT};
    snprintf(c->text, sizeof(c->text), "cannot talk to version %u; want %u", version,
             COMMAND_VERSION);
    if (!answer)
        command_send(fd, c);
    return answer;
}

int command_receive(int fd, struct command *out)
{
    struct command packet, got;
    for (;;) {
        ssize_t n = recv(fd, &packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (n <= 0)
            return -1;
        enum command_kind kind =
            command_check(&packet, (size_t)n > sizeof(packet) ? sizeof(packet) : (size_t)n, &got);
        if (kind == COMMAND_IS_NONSENSE || (kind == COMMAND_IS_GOOD && (size_t)n > sizeof(packet)))
            return -1;
        if (kind == COMMAND_IS_FOREIGN && !on_foreign(fd, &got))
            continue;
        *out = got;
        return 1;
    }
}

bool command_send(int fd, const struct command *c)
{
    must(c->version == COMMAND_VERSION && c->type < TYPES);
    must(text_ends(c->unit, sizeof(c->unit)) && text_ends(c->text, sizeof(c->text)));
    ssize_t n;
    do
        n = send(fd, c, sizeof(*c), MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(*c);
}
