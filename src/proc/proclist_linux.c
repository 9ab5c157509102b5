/* All processes of the machine (procfs.h). Called by trees and adoption, in whatever process
 * asks for them. */
#include <dirent.h>
#include <stdlib.h>

#include "proc/procfs.h"

static int by_pid(const void *a, const void *b)
{
    const struct proc_stat *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* The kernel lists them by number already; sorted all the same, since finding relies on it. */
void proc__list(struct proc_list *out)
{
    *out = (struct proc_list){0};
    DIR *dir = opendir("/proc");
    if (!dir)
        return;
    for (const struct dirent *e; (e = readdir(dir));) {
        struct proc_stat s;
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        if (proc__stat((pid_t)strtol(e->d_name, NULL, 10), &s)) /* else it is gone */
            vec_push(&out->all, s);
    }
    closedir(dir);
    proc__list_sort(out);
}

void proc__list_sort(struct proc_list *l)
{
    if (l->all.n > 0)
        qsort(l->all.at, l->all.n, sizeof(*l->all.at), by_pid);
}

void proc__list_done(struct proc_list *l)
{
    vec_done(&l->all);
}

const struct proc_stat *proc__list_find(const struct proc_list *l, pid_t pid)
{
    struct proc_stat key = {.pid = pid};
    return l->all.n > 0 ? bsearch(&key, l->all.at, l->all.n, sizeof(*l->all.at), by_pid) : NULL;
}
