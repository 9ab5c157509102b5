/* Linux's /proc files as the probers of this host read them: pure parsers (proc(5), Documentation/accounting/psi.rst). */
#ifndef PROBE_HOST_PROC_H
#define PROBE_HOST_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* /proc/loadavg; false: it cannot be read. */
bool loadavg_parse(struct str text, double load[3]);

/* The number of a line "MemTotal:  16310928 kB", in bytes; -1: there is none. */
double meminfo_get(struct str text, const char *name);

/* /proc/pressure/X: shares of time in percent, and the whole in seconds. kind: "some", "full". false: there is no such line. */
struct psi {
    double avg10, avg60, avg300, total_s;
};
bool psi_parse(struct str text, const char *kind, struct psi *out);

/* /proc/self/mountinfo: file systems that hold data of their own, each once (the mount that hides others of its place). */
#define MOUNTS_MAX 256
struct mount {
    const char *device, *point, *type; /* escapes (\040) resolved */
    bool read_only;
};
size_t mountinfo_parse(struct str text, struct arena *a, struct mount out[MOUNTS_MAX]);
/* Whether type is one that holds data: not proc, sysfs, tmpfs, overlay of a container … */
bool mount_holds_data(const char *type);

#endif
