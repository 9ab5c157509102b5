/* Systems without epoll: no notify sockets, of which proc/notify.h has none there either. */
#include "app/warden_programs.h"
#include "proc/spawn.h"

int warden__gather(void)
{
    return -1;
}

int warden__gather_add(int gather, int fd, void *tag)
{
    (void)gather;
    (void)fd;
    (void)tag;
    return -1;
}

size_t warden__gather_ready(int gather, void **tags, size_t max)
{
    (void)gather;
    (void)tags;
    (void)max;
    return 0;
}

char *warden_program_path(void)
{
    return spawn_self("belfry");
}
