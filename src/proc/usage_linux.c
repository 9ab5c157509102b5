/* See usage.h. */
#include "proc/usage.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/procfs.h"

/* "cpu  user nice system idle iowait irq softirq steal …" */
bool machine_cpu(uint64_t *busy, uint64_t *all)
{
    char text[512];
    if (!proc__read_text("/proc/stat", text, sizeof(text)) || strncmp(text, "cpu ", 4) != 0)
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

double machine_memory_percent(void)
{
    char text[2048];
    if (!proc__read_text("/proc/meminfo", text, sizeof(text)))
        return -1;
    double total = meminfo(text, "MemTotal:"), free_now = meminfo(text, "MemAvailable:");
    if (free_now < 0) /* before Linux 3.14 */
        free_now = meminfo(text, "MemFree:") + meminfo(text, "\nCached:");
    return total > 0 && free_now >= 0 ? 100 * (total - free_now) / total : -1;
}

/* --- a process --- */

/* "size resident shared text lib data dt" in pages. Not the number in stat: that lags by what each processor has
 * not added yet, which is more than a small process has (since Linux 6.2; statm is exact again since 6.17). */
struct process_memory process_memory(pid_t pid)
{
    char path[PROC_PATH_SIZE], text[128];
    proc__path(path, pid, "statm");
    if (!proc__read_text(path, text, sizeof(text)))
        return (struct process_memory){0};
    char *end = text;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    (void)strtoull(end, &end, 10);
    uint64_t resident = strtoull(end, &end, 10), shared = strtoull(end, &end, 10);
    return (struct process_memory){.resident_bytes = resident * page,
                                   .private_bytes =
                                       resident > shared ? (resident - shared) * page : 0};
}

/* Since Linux 6.2 the folder's size is their number. */
uint32_t process_open_files(pid_t pid)
{
    char path[PROC_PATH_SIZE];
    struct stat st;
    uint32_t n = 0;
    proc__path(path, pid, "fd");
    if (stat(path, &st) == 0 && st.st_size > 0)
        return (uint32_t)st.st_size;
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));)
        n += e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

bool process_usage(pid_t pid, struct process_usage *out)
{
    struct proc_stat s;
    if (!proc__stat(pid, &s))
        return false;
    *out = (struct process_usage){
        .memory = process_memory(pid),
        .cpu_ms = s.own_ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK),
        .threads = s.threads,
        .files = process_open_files(pid),
    };
    return true;
}
