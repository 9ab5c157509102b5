/* What the machine and its processes use, as the system tells (proc(5)). No state; any thread. */
#ifndef PROC_USAGE_H
#define PROC_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Processor time of all cores since the machine started, in ticks; false: unknown. */
bool machine_cpu(uint64_t *busy, uint64_t *all);
double machine_memory_percent(void); /* in use, 0-100; negative: unknown */

struct process_memory {
    uint64_t resident_bytes, private_bytes; /* private: shared with no file or other process */
};
struct process_memory process_memory(pid_t pid); /* 0: unknown */
uint32_t process_open_files(pid_t pid);          /* 0: unknown */

struct process_usage {
    struct process_memory memory;
    uint64_t cpu_ms; /* its own, without its children's */
    uint32_t threads, files;
};
/* False: there is none such, or the system does not tell. */
bool process_usage(pid_t pid, struct process_usage *out);

#endif
