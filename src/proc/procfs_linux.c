/* What Linux tells about processes in /proc. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "proc/proc_priv.h"
#include "proc/procfs.h"
#include "proc/procid.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

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

/* "size resident shared text lib data dt" in pages. Not the number in stat: that lags by what each processor has
 * not added yet, which is more than a small process has (since Linux 6.2; statm is exact again since 6.17). */
struct proc_memory proc__memory(pid_t pid)
{
    char path[64], text[128];
    snprintf(path, sizeof(path), "/proc/%ld/statm", (long)pid);
    if (!read_text(path, text, sizeof(text)))
        return (struct proc_memory){0};
    char *end = text;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    (void)strtoull(end, &end, 10);
    uint64_t resident = strtoull(end, &end, 10), shared = strtoull(end, &end, 10);
    return (struct proc_memory){.resident_bytes = resident * page,
                                .private_bytes =
                                    resident > shared ? (resident - shared) * page : 0};
}

/* "Uid:	real	effective	saved	of files". Not the folder's owner: that is root's when the process guards its memory. */
bool proc__is_users(pid_t pid, uid_t user)
{
    char path[64], text[2048];
    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    const char *at = read_text(path, text, sizeof(text)) ? strstr(text, "\nUid:") : NULL;
    if (!at)
        return false;
    char *end = (char *)at + strlen("\nUid:");
    unsigned long real = strtoul(end, &end, 10);
    (void)strtoul(end, &end, 10);
    return real == user || strtoul(end, &end, 10) == user;
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

/* --- /proc/PID/stat ------------------------------------------------------------------------- */

/* The next number, white space before it; a minus makes it 0, for we want none of the fields
 * that may have one. */
static bool number(const char **at, const char *end, uint64_t *out)
{
    const char *p = *at;
    while (p < end && *p == ' ')
        p++;
    bool negative = p < end && *p == '-';
    p += negative;
    uint64_t v = 0;
    const char *digits = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    *out = negative ? 0 : v;
    *at = p;
    return p > digits;
}

/* "pid (name) state ppid …": the name may hold anything, so fields are counted from the last
 * parenthesis. The numbers behind the state are proc(5)'s fields 4 to 22. */
bool proc__stat_parse(const char *text, size_t n, struct proc_stat *out)
{
    enum { PPID = 4, SESSION = 6, UTIME = 14, CSTIME = 17, THREADS = 20, START = 22 };
    const char *at = text, *end = text + n, *name = memrchr(text, ')', n);
    uint64_t pid, field[START + 1];
    if (!name || end - name < 4 || name[1] != ' ' || !number(&at, name, &pid))
        return false;
    at = name + 3;
    for (int i = PPID; i <= START; i++)
        if (!number(&at, end, &field[i]))
            return false;
    if (pid == 0 || pid > INT32_MAX || field[PPID] > INT32_MAX || field[SESSION] > INT32_MAX)
        return false;
    *out = (struct proc_stat){.pid = (pid_t)pid,
                              .ppid = (pid_t)field[PPID],
                              .session = (pid_t)field[SESSION],
                              .state = name[2],
                              .threads = (uint32_t)field[THREADS],
                              .start_time = field[START]};
    for (int i = UTIME; i <= CSTIME; i++)
        out->cpu_ticks += field[i];
    return true;
}

/* "/proc/PID/NAME", without snprintf: children call this between fork and exec. */
void proc__path(char out[PROC_PATH_SIZE], pid_t pid, const char *name)
{
    char digits[12], *d = digits + sizeof(digits);
    for (unsigned long left = (unsigned long)pid; d == digits + sizeof(digits) || left > 0;
         left /= 10)
        *--d = (char)('0' + left % 10);
    size_t n_digits = (size_t)(digits + sizeof(digits) - d), n_name = strlen(name);
    must(pid > 0 && sizeof("/proc/") + n_digits + 1 + n_name <= PROC_PATH_SIZE);
    char *at = mempcpy(out, "/proc/", sizeof("/proc/") - 1);
    at = mempcpy(at, d, n_digits);
    *at++ = '/';
    memcpy(at, name, n_name + 1);
}

bool proc__stat(pid_t pid, struct proc_stat *out)
{
    char path[PROC_PATH_SIZE], text[1024];
    proc__path(path, pid, "stat");
    return read_text(path, text, sizeof(text)) && proc__stat_parse(text, strlen(text), out);
}

bool proc__dead(const struct proc_stat *s)
{
    return s->state == 'Z' || s->state == 'X';
}

uint64_t process_start_time(pid_t pid)
{
    struct proc_stat s;
    return pid > 0 && proc__stat(pid, &s) && !proc__dead(&s) ? s.start_time : 0;
}

bool process_is(pid_t pid, uint64_t start_time)
{
    return pid > 0 && start_time != 0 && process_start_time(pid) == start_time;
}

/* The descriptor holds the process while we look whether it is the right one. Linux before 5.3:
 * by number. */
bool proc__signal_exact(pid_t pid, uint64_t start_time, int signo)
{
    cleanup(fd_closep) int fd = proc__pidfd(pid);
    if (fd < 0 && errno != ENOSYS && errno != EPERM)
        return false;
    if (!process_is(pid, start_time))
        return false;
    return fd >= 0 ? syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) == 0
                   : kill(pid, signo) == 0;
}
