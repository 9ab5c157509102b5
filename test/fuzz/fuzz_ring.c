/* The consumer and the producer's recovery on a ring file with any content: no crash, no read outside the mapping,
 * and damage, once found, stays found. Input: head, tail, freed (each u64), then the bytes of the data area. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "ipc/ring.h"

#define SIZE (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_at(int fd, long at, const void *p, size_t n)
{
    must(pwrite(fd, p, n, at) == (ssize_t)n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 24 || size > 24 + SIZE)
        return 0;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/belfry-fuzz-ring-%ld", (long)getpid());
    unlink(path);
    struct ring *consumer = ring_open(path, SIZE, NULL), *producer = ring_open(path, SIZE, NULL);
    must(consumer && producer);
    ring_close(&consumer);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    write_at(fd, 64, data, 8);
    write_at(fd, 128, data + 8, 16);
    if (size > 24)
        write_at(fd, 4096, data + 24, size - 24);
    close(fd);
    consumer = ring_open(path, SIZE, NULL);
    const void *p;
    size_t n;
    uint64_t seq, last = 0;
    struct err err;
    int rc;
    for (int i = 0; (rc = ring_next(consumer, &p, &n, &seq, &err)) == 1; i++) {
        must(seq > last && n <= SIZE / 4);
        last = seq;
        if (i % 3 == 0)
            ring_free_upto(consumer, seq);
    }
    if (rc < 0)
        must(ring_next(consumer, &p, &n, &seq, &err) == -1);
    bool wake;
    ring_publish(producer, "x", 1, &seq, &wake);
    ring_rewind(consumer);
    ring_stats(consumer);
    ring_close(&consumer);
    ring_close(&producer);
    unlink(path);
    return 0;
}
