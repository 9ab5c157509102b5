/* What Linux tells about processes in /proc. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "proc/proc_priv.h"
#include "proc/procid.h"

/* The file's first size-1 bytes, NUL-terminated. */
static bool read_text(const char *path, char *text, size_t size)
{
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, size - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return true;
}

/* "size resident shared text lib data dt" in pages. */
uint64_t proc__private_bytes(pid_t pid)
{
    char path[64], text[128];
    snprintf(path, sizeof(path), "/proc/%ld/statm", (long)pid);
    if (!read_text(path, text, sizeof(text)))
        return 0;
    char *end = text;
    (void)strtoull(end, &end, 10);
    uint64_t resident = strtoull(end, &end, 10), shared = strtoull(end, &end, 10);
    return resident > shared ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* "cpu  user nice system idle iowait irq softirq steal …" */
bool proc__cpu_ticks(uint64_t *busy, uint64_t *all)
{
    char text[512];
    if (!read_text("/proc/stat", text, sizeof(text)) || strncmp(text, "cpu ", 4) != 0)
        return false;
    char *end = text + 4;
    *busy = *all = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t v = strtoull(end, &end, 10);
        *all += v;
        *busy += i == 3 || i == 4 ? 0 : v;
    }
    return true;
}

static double meminfo(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtod(at + strlen(key), NULL) : -1;
}

double proc__memory_percent(void)
{
    char text[2048];
    if (!read_text("/proc/meminfo", text, sizeof(text)))
        return -1;
    double total = meminfo(text, "MemTotal:"), free_now = meminfo(text, "MemAvailable:");
    if (free_now < 0) /* before Linux 3.14 */
        free_now = meminfo(text, "MemFree:") + meminfo(text, "\nCached:");
    return total > 0 && free_now >= 0 ? 100 * (total - free_now) / total : -1;
}

/* "pid (name) state ppid …": the name may hold anything, so count from the last parenthesis; the start time is
 * the 20th field behind it. */
uint64_t process_start_time(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (!read_text(path, text, sizeof(text)))
        return 0;
    const char *at = strrchr(text, ')');
    if (!at || at[1] == '\0' || at[2] == 'Z' || at[2] == 'X')
        return 0;
    for (int field = 0; at && field < 20; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

bool process_is(pid_t pid, uint64_t start_time)
{
    return pid > 0 && start_time != 0 && process_start_time(pid) == start_time;
}
