/* See system.h. */
#include "api/system.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

double system_cpu_percent(void)
{
    unsigned long long user = 0, nice = 0, sys = 0, idle = 0, wait = 0;
    FILE *f = fopen("/proc/stat", "re");
    int n = f ? fscanf(f, "cpu %llu %llu %llu %llu %llu", &user, &nice, &sys, &idle, &wait) : 0;
    if (f)
        fclose(f);
    double busy = (double)(user + nice + sys), all = busy + (double)(idle + wait);
    return n == 5 && all > 0 ? 100 * busy / all : 0;
}

double system_memory_percent(void)
{
    char line[128];
    unsigned long long total = 0, available = 0;
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof(line), f)) {
        sscanf(line, "MemTotal: %llu", &total);
        sscanf(line, "MemAvailable: %llu", &available);
    }
    if (f)
        fclose(f);
    return total ? 100 * (double)(total - available) / (double)total : 0;
}

static uint64_t count_fds(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    uint64_t n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 2 ? n - 2 : 0;
}

bool system_process(pid_t pid, struct process_usage *out)
{
    char path[64], text[1024];
    unsigned long utime = 0, stime = 0;
    long threads = 0, rss = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *after = strrchr(text, ')'); /* the name may hold anything */
    if (!after ||
        sscanf(
            after + 2,
            "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld %*d %*u %*u %ld",
            &utime, &stime, &threads, &rss) != 4)
        return false;
    *out = (struct process_usage){
        .rss_bytes = (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE),
        .cpu_ms = (utime + stime) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK),
        .threads = (uint64_t)threads,
        .fds = count_fds(pid),
    };
    return true;
}
