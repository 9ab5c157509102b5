/* A process's identity beyond its number, which is used again: number and start time. */
#ifndef PROC_PROCID_H
#define PROC_PROCID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct spawn_id {
    int32_t pid;         /* 0: none */
    uint64_t start_time; /* process_start_time; 0: not known yet */
};

/* 0 where the system does not tell, or when there is no such process (a zombie is none).
 * Async-signal-safe on Linux. */
uint64_t process_start_time(pid_t pid);
/* Whether the very process still lives. */
bool process_is(pid_t pid, uint64_t start_time);

#endif
