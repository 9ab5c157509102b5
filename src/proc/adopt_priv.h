/* Within proc/: the parts of adoption that tests call alone. */
#ifndef PROC_ADOPT_PRIV_H
#define PROC_ADOPT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proc/adopt.h"

/* Pure: the number of a pid file; 0: it holds none. */
pid_t adopt__parse_pid(const char *text, size_t n);
/* Pure: a command line as /proc/PID/cmdline has it (each word followed by NUL). */
bool adopt__name_matches(const char *pattern, const char *cmdline, size_t n);
/* Pure: /proc/PID/cgroup names the systemd unit, in whichever hierarchy. */
bool adopt__in_unit(const char *cgroup, size_t n, const char *unit);

/* --- by system --- */
/* When a process with this start time began, in ms since 1970, to a second or so; 0: not known. */
int64_t adopt__started_ms(uint64_t start_time);
/* By name or systemd unit. */
bool adopt__search(const struct unit_adopt *a, struct spawn_id *out);

#endif
