/* A watcher's end of the link (link.h). Runs on the watcher's loop.
 *
 *     away ──connected, HELLO sent──▶ here ──closed or an error: GONE──▶ away, tries again after 50 ms */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/link_priv.h"

#define CLIENT_MAGIC 0x4c4b434cu
#define RETRY_NS     (50 * NS_PER_MS)

struct link_client {
    uint32_t magic;
    int fd; /* -1 away */
    int busy;
    bool closed;
    char *path, *name;
    struct loop *loop;
    struct watch *watch;
    struct timer retry;
    void (*on_message)(void *arg, const struct link_message *m);
    void *arg;
    uint8_t packet[LINK_MAX];
};

static void on_retry(struct timer *t);
static void on_readable(void *arg, int events);

static void client_free(struct link_client *c)
{
    free(c->path);
    free(c->name);
    c->magic = 0;
    free(c);
}

static void hang_up(struct link_client *c)
{
    watch_close(&c->watch);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void try_connect(struct link_client *c)
{
    must(c->fd < 0);
    c->fd = link__connect(c->path, NULL);
    if (c->fd >= 0 && link__send(c->fd, LINK_HELLO, 0, c->name, strlen(c->name), NULL) == 0)
        c->watch = watch_open(c->loop, c->fd, IO_READ, on_readable, c, NULL);
    if (c->watch)
        return;
    hang_up(c);
    timer_start(c->loop, &c->retry, clock_mono_ns() + RETRY_NS, on_retry);
}

static void on_retry(struct timer *t)
{
    struct link_client *c = container_of(t, struct link_client, retry);
    check_magic(c, CLIENT_MAGIC);
    try_connect(c);
}

static void lost(struct link_client *c)
{
    hang_up(c);
    timer_start(c->loop, &c->retry, clock_mono_ns() + RETRY_NS, on_retry);
    c->on_message(c->arg, &(struct link_message){.type = LINK_GONE});
}

static void on_readable(void *arg, int events)
{
    struct link_client *c = arg;
    check_magic(c, CLIENT_MAGIC);
    c->busy++;
    for (int i = 0; i < 64 && c->fd >= 0 && !c->closed; i++) {
        struct link_message m;
        int got = link__receive(c->fd, c->packet, sizeof(c->packet), &m);
        if (got == 0)
            break;
        if (got < 0)
            lost(c);
        else
            c->on_message(c->arg, &m);
    }
    if (--c->busy == 0 && c->closed)
        client_free(c);
}

struct link_client *link_connect(struct loop *l, const char *path, const char *name,
                                 void (*on_message)(void *arg, const struct link_message *m),
                                 void *arg, struct err *err)
{
    if (strlen(name) == 0 || strlen(name) > 255) {
        err_set(err, ERR_INVALID, "cannot name a link \"%s\"; want 1 to 255 bytes", name);
        return NULL;
    }
    struct link_client *c = calloc(1, sizeof(*c));
    must(c != NULL);
    c->magic = CLIENT_MAGIC;
    c->fd = -1;
    c->path = strdup(path);
    c->name = strdup(name);
    must(c->path && c->name);
    c->loop = l;
    c->on_message = on_message;
    c->arg = arg;
    try_connect(c);
    return c;
}

void link_client_close(struct link_client **cp)
{
    struct link_client *c = *cp;
    *cp = NULL;
    if (!c)
        return;
    check_magic(c, CLIENT_MAGIC);
    timer_stop(&c->retry);
    hang_up(c);
    c->closed = true;
    if (c->busy == 0)
        client_free(c);
}

void link_wake(struct link_client *c)
{
    check_magic(c, CLIENT_MAGIC);
    if (c->fd >= 0)
        (void)link__send(c->fd, LINK_WAKE, 0, NULL, 0, NULL); /* a full socket wakes it anyway */
}
