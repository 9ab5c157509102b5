/* This machine and the processes on it, as far as /health, /metrics and the page show them. system_linux.c reads /proc. */
#ifndef API_SYSTEM_H
#define API_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

double system_cpu_percent(void);    /* of all cores, since the machine started; 0 unknown */
double system_memory_percent(void); /* in use; 0 unknown */

struct process_usage {
    uint64_t rss_bytes, cpu_ms, threads, fds;
};
bool system_process(pid_t pid, struct process_usage *out);

#endif
