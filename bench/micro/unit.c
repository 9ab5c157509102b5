/* A program to be supervised, for bench_supervise.py and the fault tests. Stands alone.
 *   unit beacon FILE            appends "PID NS\n" (CLOCK_MONOTONIC, first thing in main) and sleeps for ever
 *   unit flood BYTES [LINE]     prints numbered lines of LINE bytes (default 279) as fast as it can, then "done\n"
 *                               into fd 2, and sleeps
 *   unit tick MS                prints CLOCK_MONOTONIC in ns each MS */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void put(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);
        if (w <= 0)
            exit(1);
        p += w;
        n -= (size_t)w;
    }
}

static void beacon(const char *path, long long at)
{
    char line[64];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int n = snprintf(line, sizeof(line), "%ld %lld\n", (long)getpid(), at);
    put(fd, line, (size_t)n);
    for (;;)
        pause();
}

#define LINES 256
static void flood(long long bytes, size_t size)
{
    char *block = malloc(size * LINES);
    if (!block)
        exit(1);
    memset(block, 'x', size * LINES);
    for (size_t i = 0; i < LINES; i++)
        block[(i + 1) * size - 1] = '\n';
    for (long long line = 0; line * (long long)size < bytes; line += LINES) {
        for (size_t i = 0; i < LINES; i++) {
            char number[24];
            snprintf(number, sizeof(number), "%012lld ", line + (long long)i);
            memcpy(block + i * size, number, 13);
        }
        put(1, block, size * LINES);
    }
    put(2, "done\n", 5);
    for (;;)
        pause();
}

static void tick(long ms)
{
    char line[32];
    for (;;) {
        int n = snprintf(line, sizeof(line), "%lld\n", now_ns());
        put(1, line, (size_t)n);
        nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
    }
}

int main(int argc, char **argv)
{
    long long at = now_ns();
    if (argc > 2 && strcmp(argv[1], "beacon") == 0)
        beacon(argv[2], at);
    if (argc > 2 && strcmp(argv[1], "flood") == 0)
        flood(atoll(argv[2]), argc > 3 ? (size_t)atol(argv[3]) : 279);
    if (argc > 2 && strcmp(argv[1], "tick") == 0)
        tick(atol(argv[2]));
    fprintf(stderr, "usage: unit beacon FILE | flood BYTES [LINE] | tick MS\n");
    return 2;
}
