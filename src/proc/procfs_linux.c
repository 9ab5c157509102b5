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

bool proc__read_text(const char *path, char *text, size_t size)
{
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* "Uid:	real	effective	saved	of files". Not the folder's owner: that is root's when the process guards its memory. */
bool proc__is_users(pid_t pid, uid_t user)
{
    char path[64], text[2048];
    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    const char *at = proc__read_text(path, text, sizeof(text)) ? strstr(text, "\nUid:") : NULL;
    if (!at)
        return false;
    char *end = (char *)at + strlen("\nUid:");
    unsigned long real = strtoul(end, &end, 10);
    (void)strtoul(end, &end, 10);
    return real == user || strtoul(end, &end, 10) == user;
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
    enum { PPID = 4, SESSION = 6, UTIME = 14, STIME = 15, CSTIME = 17, THREADS = 20, START = 22 };
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
                              .start_time = field[START],
                              .own_ticks = field[UTIME] + field[STIME]};
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
    return proc__read_text(path, text, sizeof(text)) && proc__stat_parse(text, strlen(text), out);
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
