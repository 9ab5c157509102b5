/* The core's end of the link (link.h): one listening socket, a peer for each watcher. Runs on the core's
 * main loop.
 *
 *     accepted ──HELLO(name)──▶ named ──closed, error or a newer peer of that name──▶ gone
 *         └──anything else──────────────────────────────────────────────────────────▶ gone
 *
 * A callback may close peers and the server itself: whatever is in use is freed at the end of the turn
 * through `busy`. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/vec.h"
#include "ipc/link_priv.h"

#define SERVER_MAGIC 0x4c4b5356u
#define PEER_MAGIC   0x4c4b5052u
#define MAX_PEERS    4096
#define MAX_NAME     255

struct peer {
    uint32_t magic;
    int fd;
    struct link_server *server;
    struct watch *watch;
    char *name; /* NULL before its HELLO */
    bool gone;
};

struct link_server {
    uint32_t magic;
    int fd;
    int busy; /* callbacks of ours on the stack */
    bool closed;
    char *path;
    struct loop *loop;
    struct watch *watch;
    void (*on_message)(void *arg, const char *peer, const struct link_message *m);
    void *arg;
    vec_of(struct peer *) peers;
    uint8_t packet[LINK_MAX];
};

static void peer_free(struct peer *p)
{
    check_magic(p, PEER_MAGIC);
    watch_close(&p->watch);
    close(p->fd);
    free(p->name);
    p->magic = 0;
    free(p);
}

static void sweep(struct link_server *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->peers.n; i++) {
        if (s->peers.at[i]->gone)
            peer_free(s->peers.at[i]);
        else
            s->peers.at[kept++] = s->peers.at[i];
    }
    s->peers.n = kept;
}

static void server_free(struct link_server *s)
{
    vec_each (&s->peers, it)
        (*it)->gone = true;
    sweep(s);
    vec_done(&s->peers);
    s->magic = 0;
    free(s->path);
    free(s);
}

static void leave(struct link_server *s)
{
    must(s->busy > 0);
    if (--s->busy > 0)
        return;
    if (s->closed)
        server_free(s);
    else
        sweep(s);
}

static struct peer *find(const struct link_server *s, const char *name)
{
    for (size_t i = 0; i < s->peers.n; i++) {
        struct peer *p = s->peers.at[i];
        if (!p->gone && p->name && strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

static void peer_gone(struct peer *p)
{
    struct link_server *s = p->server;
    must(s->busy > 0 && !p->gone);
    p->gone = true;
    watch_close(&p->watch);
    if (p->name && !s->closed)
        s->on_message(s->arg, p->name, &(struct link_message){.type = LINK_GONE});
}

static bool peer_hello(struct peer *p, const struct link_message *m)
{
    if (p->name || m->n == 0 || m->n > MAX_NAME || memchr(m->payload, '\0', m->n))
        return false;
    char *name = strndup(m->payload, m->n);
    must(name != NULL);
    struct peer *old = find(p->server, name);
    if (old) /* its process died, or reconnected before we saw the close; not "gone": it is here */
        old->gone = true;
    p->name = name;
    return true;
}

static void on_peer(void *arg, int events)
{
    struct peer *p = arg;
    check_magic(p, PEER_MAGIC);
    struct link_server *s = p->server;
    s->busy++;
    for (int i = 0; i < 64 && !p->gone && !s->closed; i++) {
        struct link_message m;
        int got = link__receive(p->fd, s->packet, sizeof(s->packet), &m);
        if (got == 0)
            break;
        if (got < 0 || (m.type == LINK_HELLO ? !peer_hello(p, &m) : !p->name))
            peer_gone(p);
        else
            s->on_message(s->arg, p->name, &m);
    }
    leave(s);
}

static void on_accept(void *arg, int events)
{
    struct link_server *s = arg;
    check_magic(s, SERVER_MAGIC);
    for (int i = 0; i < 64; i++) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (s->peers.n >= MAX_PEERS) {
            close(fd);
            continue;
        }
        struct peer *p = calloc(1, sizeof(*p));
        must(p != NULL);
        *p = (struct peer){.magic = PEER_MAGIC, .fd = fd, .server = s};
        p->watch = watch_open(s->loop, fd, IO_READ, on_peer, p, NULL);
        if (!p->watch) {
            close(fd);
            free(p);
            continue;
        }
        vec_push(&s->peers, p);
    }
}

struct link_server *link_listen(struct loop *l, const char *path,
                                void (*on_message)(void *arg, const char *peer,
                                                   const struct link_message *m),
                                void *arg, struct err *err)
{
    int fd = link__listen(path, err);
    if (fd < 0)
        return NULL;
    struct link_server *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->magic = SERVER_MAGIC;
    s->fd = fd;
    s->path = strdup(path);
    s->loop = l;
    s->on_message = on_message;
    s->arg = arg;
    s->watch = watch_open(l, fd, IO_READ, on_accept, s, err);
    if (!s->watch)
        link_server_close(&s);
    return s;
}

void link_server_close(struct link_server **sp)
{
    struct link_server *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    check_magic(s, SERVER_MAGIC);
    watch_close(&s->watch);
    close(s->fd);
    unlink(s->path);
    s->closed = true;
    if (s->busy == 0)
        server_free(s);
}

int link_send(struct link_server *s, const char *peer, enum link_type type, uint64_t id,
              const void *p, size_t n, struct err *err)
{
    check_magic(s, SERVER_MAGIC);
    struct peer *to = find(s, peer);
    if (!to)
        return err_set(err, ERR_BUSY, "watcher %s is not connected", peer);
    return link__send(to->fd, type, id, p, n, err); /* a broken peer is noticed by its watch */
}

bool link_connected(const struct link_server *s, const char *peer)
{
    check_magic(s, SERVER_MAGIC);
    return find(s, peer) != NULL;
}
