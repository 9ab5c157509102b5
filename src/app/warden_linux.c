/* What the warden needs of Linux alone: one descriptor for many, and the path that it was started by. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "app/warden_programs.h"
#include "base/fs.h"

#define READY_MAX 64

int warden__gather(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

int warden__gather_add(int gather, int fd, void *tag)
{
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = tag}};
    return epoll_ctl(gather, EPOLL_CTL_ADD, fd, &e);
}

size_t warden__gather_ready(int gather, void **tags, size_t max)
{
    struct epoll_event events[READY_MAX];
    int n = epoll_wait(gather, events, max < READY_MAX ? (int)max : READY_MAX, 0);
    for (int i = 0; i < n; i++)
        tags[i] = events[i].data.ptr;
    return n > 0 ? (size_t)n : 0;
}

/* The kernel keeps the name given to exec. Not resolved: a link that is turned to the next version is followed then. Of a
 * program started through /proc (spawn_self) the link says where its file was. */
char *warden_program_path(void)
{
    const char *name = (const char *)getauxval(AT_EXECFN);
    char target[PATH_MAX];
    if (name && *name == '/' && strncmp(name, "/proc/", 6) != 0)
        return strdup(name);
    if (name && *name != '/' && strchr(name, '/') && getcwd(target, sizeof(target)))
        return path_join(target, name);
    ssize_t n = readlink("/proc/self/exe", target, sizeof(target) - 1);
    return n > 0 ? strndup(target, (size_t)n) : strdup("belfry");
}
