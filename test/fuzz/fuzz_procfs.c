/* What is read of other programs in /proc, and of their pid files: names, command lines and
 * environments are theirs to choose. The first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "proc/adopt_priv.h"
#include "proc/cgroup_priv.h"
#include "proc/tree_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stat_line(const char *p, size_t n)
{
    struct proc_stat s;
    if (proc__stat_parse(p, n, &s))
        must(s.pid > 0 && s.ppid >= 0 && s.session >= 0);
}

/* Two texts, a zero byte between them. */
static void cgroup_folder(const char *p, size_t n)
{
    struct str mounts, group;
    if (!str_cut((struct str){p, n}, '\0', &mounts, &group))
        return;
    char *folder = cgroup__folder(mounts.p, mounts.n, group.p, group.n);
    must(!folder || (*folder && strlen(folder) <= n));
    free(folder);
}

static void cookie(const char *p, size_t n)
{
    char unit[TREE_COOKIE_SIZE], instance[TREE_COOKIE_SIZE];
    bool found = tree__cookie_parse(p, n, unit, instance);
    must(found == (*unit != '\0') && strlen(unit) + strlen(instance) <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 16)
        return 0;
    const char *p = (const char *)data + 1;
    size_t n = size - 1;
    switch (data[0]) {
    case 's':
        stat_line(p, n);
        break;
    case 'c':
        cgroup_folder(p, n);
        break;
    case 'e':
        cookie(p, n);
        break;
    case 'p':
        must(adopt__parse_pid(p, n) >= 0);
        break;
    case 'n':
        adopt__name_matches("nginx: [a-m]*", p, n);
        break;
    case 'u':
        adopt__in_unit(p, n, "nginx.service");
        break;
    default:
        break;
    }
    return 0;
}
