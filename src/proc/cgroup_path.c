/* Where a process's cgroup is seen in the file system: /proc/PID/mountinfo and /proc/PID/cgroup,
 * read (cgroup_priv.h). Pure. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/str.h"
#include "proc/cgroup_priv.h"

/* "0::/system.slice/belfry.service" */
static bool own_group(struct str text, struct str *out)
{
    struct str line;
    while (str_next(&text, '\n', &line))
        if (str_starts(line, STR("0::/"))) {
            *out = (struct str){line.p + 3, line.n - 3};
            return true;
        }
    return false;
}

/* White space and backslashes stand as octal: "\040". */
static void add_unescaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool octal = s.p[i] == '\\' && i + 3 < s.n && s.p[i + 1] >= '0' && s.p[i + 1] <= '3';
        if (!octal) {
            buf_putc(out, s.p[i]);
            continue;
        }
        buf_putc(out, (char)((s.p[i + 1] - '0') * 64 + (s.p[i + 2] - '0') * 8 + s.p[i + 3] - '0'));
        i += 3;
    }
}

struct mount {
    struct str root, point, type;
};

/* "id parent dev root point options … - type source options" */
static bool parse_mount(struct str line, struct mount *m)
{
    struct str field, rest = line;
    for (int i = 0; i < 6; i++) {
        if (!str_next(&rest, ' ', &field))
            return false;
        if (i == 3)
            m->root = field;
        if (i == 4)
            m->point = field;
    }
    while (str_next(&rest, ' ', &field))
        if (str_eqz(field, "-"))
            return str_next(&rest, ' ', &m->type);
    return false;
}

/* Whether the mount shows the group, and under which path below its point. */
static bool shows(struct str root, struct str group, struct str *below)
{
    if (str_eqz(root, "/"))
        *below = str_eqz(group, "/") ? STR("") : group;
    else if (str_eq(root, group))
        *below = STR("");
    else if (str_starts(group, root) && group.p[root.n] == '/')
        *below = (struct str){group.p + root.n, group.n - root.n};
    else
        return false;
    return !str_contains(group, STR("/.."));
}

char *cgroup__folder(const char *mountinfo, size_t n_mountinfo, const char *cgroup, size_t n_cgroup)
{
    enum { LONGEST = 8192 };
    struct str mounts = {mountinfo, n_mountinfo}, line, group, below;
    struct buf root = BUF_INIT(LONGEST), path = BUF_INIT(LONGEST);
    bool found = false;
    if (!own_group((struct str){cgroup, n_cgroup}, &group))
        return NULL;
    while (!found && str_next(&mounts, '\n', &line)) {
        struct mount m;
        buf_clear(&root);
        if (!parse_mount(line, &m) || !str_eqz(m.type, "cgroup2"))
            continue;
        add_unescaped(&root, m.root);
        if (root.failed || !shows((struct str){root.data, root.len}, group, &below))
            continue;
        add_unescaped(&path, m.point);
        buf_add(&path, below.p, below.n);
        found = path.len > 0 && !path.failed && !memchr(path.data, '\0', path.len);
        if (!found)
            buf_clear(&path);
    }
    buf_done(&root);
    char *out = found ? buf_take(&path, NULL) : NULL;
    buf_done(&path);
    return out;
}
