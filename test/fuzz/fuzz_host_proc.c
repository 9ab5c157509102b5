/* The parsers of /proc files over any bytes: bounds hold, numbers are numbers. */
#include <math.h>

#include "probe/host_proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct mount *m = arena_array_of(a, struct mount, MOUNTS_MAX);
    char *copy = arena_strndup(a, (const char *)data, size);
    struct str text = {copy, size};
    double load[3];
    struct psi psi;
    if (loadavg_parse(text, load))
        must(load[0] >= 0 && load[1] >= 0 && load[2] >= 0);
    must(meminfo_get(text, "MemTotal") >= -1);
    psi_parse(text, "some", &psi);
    size_t n = mountinfo_parse(text, a, m);
    must(n <= MOUNTS_MAX);
    for (size_t i = 0; i < n; i++) {
        must(*m[i].point == '/' && m[i].device && m[i].type);
        mount_holds_data(m[i].type);
    }
    arena_free(a);
    return 0;
}
