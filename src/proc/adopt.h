/* Programs that someone else started: found by pid file, by name, or by the systemd unit they
 * belong to. Linux; elsewhere only pid files. Reads /proc; no state. Called by the supervisor. */
#ifndef PROC_ADOPT_H
#define PROC_ADOPT_H

#include <stdbool.h>

#include "proc/procid.h"

enum unit_adopt_kind {
    ADOPT_NONE,
    /* what: path. A number, white space around it allowed; a stale one (another program's pid:
     * started after the file was written) is not believed. */
    ADOPT_PID_FILE,
    /* what: shell pattern (fnmatch) over the command line, "nginx: master*", or over argv[0]'s last
     * part; of several the oldest whose parent does not match. */
    ADOPT_NAME,
    /* what: "nginx.service": the oldest process of its cgroup. */
    ADOPT_SYSTEMD,
};
struct unit_adopt {
    enum unit_adopt_kind kind;
    const char *what;
};

/* The living process, or false. Zombies are dead; process 1 and the caller are never meant. Whose
 * process it is the caller looks at. */
bool adopt_find(const struct unit_adopt *a, struct spawn_id *out);

#endif
