/* What trees of processes use (tree.h), by /proc. Called by whoever keeps the figures; as
 * another user than the units' it sees less. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc/cgroup.h"
#include "proc/proc_priv.h"
#include "proc/tree_priv.h"
#include "proc/usage.h"

/* The number behind "Key:" at the start of a line; 0 when there is none. */
static uint64_t after(const char *text, const char *key)
{
    for (const char *at = text; (at = strstr(at, key)); at++)
        if (at == text || at[-1] == '\n')
            return strtoull(at + strlen(key), NULL, 10);
    return 0;
}

static bool read_of(pid_t pid, const char *name, char *text, size_t size)
{
    char path[PROC_PATH_SIZE];
    proc__path(path, pid, name);
    return proc__read_text(path, text, size);
}

/* What the kernel counts page by page, where it shows that, is exact, and both figures are of one moment. */
static void add_memory(struct tree_usage *u, pid_t pid)
{
    char text[2048];
    struct process_memory m = process_memory(pid);
    if (read_of(pid, "smaps_rollup", text, sizeof(text))) {
        m.resident_bytes = after(text, "Rss:") * 1024;
        u->pss_bytes += after(text, "Pss:") * 1024;
    }
    u->rss_bytes += m.resident_bytes;
    u->private_bytes += m.private_bytes;
}

static void add_process(struct tree_usage *u, const struct proc_stat *s)
{
    char text[2048];
    u->processes++;
    u->threads += s->threads;
    u->files += process_open_files(s->pid);
    add_memory(u, s->pid);
    if (read_of(s->pid, "io", text, sizeof(text))) {
        u->read_bytes += after(text, "read_bytes:");
        u->write_bytes += after(text, "write_bytes:");
    }
}

/* The cgroup remembers also those whom no parent waited for. */
static void better_cpu(const struct tree *t, struct tree_usage *u)
{
    double seconds = t->cgroup && u->processes > 0 ? cgroup_cpu_seconds(t->cgroup) : -1;
    if (seconds >= 0)
        u->cpu_seconds = seconds;
}

void tree_usage(const struct tree *trees, size_t n, struct tree_usage *out)
{
    const struct proc_list *list;
    if (n == 0)
        return;
    memset(out, 0, n * sizeof(*out));
    bool raised = proc__raise();
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    struct tree_scan *scan = tree_scan_new();
    const uint32_t *owner = tree__scan_mark(scan, trees, n, &list);
    for (size_t i = 0; i < list->all.n; i++) {
        const struct proc_stat *s = &list->all.at[i];
        if (owner[i] == TREE_NONE)
            continue;
        out[owner[i]].cpu_seconds += (double)s->cpu_ticks * tick;
        if (!proc__dead(s))
            add_process(&out[owner[i]], s);
    }
    for (size_t i = 0; i < n; i++)
        better_cpu(&trees[i], &out[i]);
    tree_scan_free(&scan);
    proc__unraise(raised);
}
