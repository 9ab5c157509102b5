/* Assignment entries of any content: decoded or refused; what is decoded lies inside the input. Also as a whole
 * file with a right check sum. */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/must.h"
#include "ipc/assign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_entry(const uint8_t *data, size_t size)
{
    struct assign_entry e;
    struct err err = {0};
    if (assign_decode((struct str){(const char *)data, size}, &e, &err) < 0) {
        must(err.code != ERR_OK);
        return;
    }
    must(e.config.n <= size && e.interval_ms > 0);
    cleanup(arena_freep) struct arena *a = arena_new();
    arena_set_limit(a, 16 << 20);
    (void)assign_config(&e, a, &err);
}

static void try_file(const uint8_t *data, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/belfry-fuzz-assign-%ld", (long)getpid());
    cleanup(buf_done) struct buf file = BUF_INIT(1 << 20);
    buf_put_u32(&file, 0x4e534142u);
    buf_put_u32(&file, 1);
    buf_put_u64(&file, 7);
    buf_put_u32(&file, 1);
    buf_put_u32(&file, crc32c(0, data, size));
    buf_add(&file, data, size);
    if (file.failed || fs_write_atomic(path, file.data, file.len, 0600, false, NULL) < 0)
        return;
    struct assign_file *f = assign_open(path, NULL);
    must(f != NULL);
    struct assign_entry e;
    struct err err;
    while (assign_next(f, &e, &err))
        ;
    assign_close(&f);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_entry(data, size);
    try_file(data, size);
    return 0;
}
