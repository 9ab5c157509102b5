/* Heartbeat pages (beat.h): mapped files of 4 KiB. A child writes its own, warden and core read. Plain
 * atomic stores and loads; a reader may see fields of two turns, which for gauges is fine. */
#include "ipc/beat.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "ipc/ipc_priv.h"

#define BEAT_SIZE  4096u
#define BEAT_MAGIC 0x54414542u /* "BEAT" */

_Static_assert(sizeof(struct beat_page) <= BEAT_SIZE, "one page");

struct beat_page *beat_map(const char *path, struct err *err)
{
    cleanup(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err_sys(err, ERR_IO, "cannot open heartbeat %s", path);
        return NULL;
    }
    struct stat st;
    if (fstat(fd, &st) < 0 ||
        (st.st_size < (off_t)BEAT_SIZE && ipc__allocate(fd, 0, BEAT_SIZE) < 0)) {
        err_sys(err, ERR_FULL, "cannot allocate heartbeat %s", path);
        return NULL;
    }
    struct beat_page *b = mmap(NULL, BEAT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (b == MAP_FAILED) {
        err_sys(err, ERR_IO, "cannot map heartbeat %s", path);
        return NULL;
    }
    return b;
}

void beat_unmap(struct beat_page **b)
{
    if (*b)
        munmap(*b, BEAT_SIZE);
    *b = NULL;
}

void beat_reset(struct beat_page *b)
{
    must(b != NULL);
    atomic_store(&b->turned_ns, 0);
#define X(name, help) atomic_store(&b->name, 0);
    BEAT_FIELDS(X)
#undef X
    b->pid = (uint32_t)getpid();
    b->magic = BEAT_MAGIC;
}
