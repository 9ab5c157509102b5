/* Readers and a successor on a table whose slots hold anything: no crash, no read outside the mapping, every key ends.
 * Input: slots (u32), generation (u64), then the bytes of the slots. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "ipc/table.h"

#define RECORD 24
#define SLOTS  16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct table *t, bool read)
{
    const char *key;
    char record[RECORD], name[TABLE_KEY_MAX + 1];
    int n = 0;
    for (uint32_t it = 0; table_next(t, &it, &key, record); n++) {
        must(*key && strlen(key) <= TABLE_KEY_MAX);
        memcpy(name, key, strlen(key) + 1);
        if (read)
            table_read(t, name, record);
    }
    must(n <= SLOTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 12 || size > 8192)
        return 0;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/belfry-fuzz-table-%ld", (long)getpid());
    unlink(path);
    struct table *w = table_create(path, &(struct table_spec){1, RECORD, 8, SLOTS}, NULL);
    must(w);
    table_close(&w);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    must(pwrite(fd, data, 4, 64) == 4 && pwrite(fd, data + 4, 8, 72) == 8);
    must(pwrite(fd, data + 12, size - 12, 128) == (ssize_t)(size - 12));
    close(fd);
    struct table *r = table_open(path, 1, RECORD, NULL);
    must(r);
    walk(r, true);
    w = table_create(path, &(struct table_spec){1, RECORD, 8, SLOTS}, NULL);
    must(w);
    walk(w, false);
    void *record = table_record(w, "new", NULL);
    if (record)
        table_show(w, record);
    char out[RECORD];
    must(!record || table_read(r, "new", out));
    walk(r, true);
    table_close(&w);
    table_close(&r);
    unlink(path);
    return 0;
}
