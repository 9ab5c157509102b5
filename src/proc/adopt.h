/* Programs that someone else started: found by pid file, by name, or by the systemd unit they
 * belong to. Linux; elsewhere only pid files. Reads /proc and the cgroup file system; no state. */
#ifndef PROC_ADOPT_H
#define PROC_ADOPT_H

#include <stdbool.h>

#include "proc/procid.h"

enum unit_adopt_kind {
    ADOPT_NONE,
    ADOPT_PID_FILE, /* what: path. A number, white space around it allowed; a stale one (another program's pid: started
                       after the file was written) is not believed */
    ADOPT_NAME, /* what: shell pattern (fnmatch) over the command line "nginx: master*", or over argv[0]'s last part;
                       of several the oldest whose parent does not match */
    ADOPT_SYSTEMD, /* what: "nginx.service": the oldest process of its cgroup */
};
struct unit_adopt {
    enum unit_adopt_kind kind;
    const char *what;
};

/* The living process, or false. Zombies are dead. */
bool adopt_find(const struct unit_adopt *a, struct spawn_id *out);

#endif
