/* Units' cgroups (cgroup.h): folders, limits, the kernel's figures. Called by the warden's one
 * thread. All state is in the cgroup file system itself; struct cgroup_base only keeps names. */
#include "proc/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "base/str.h"
#include "proc/cgroup_priv.h"
#include "proc/proc_priv.h"

#define CGROUP_MAGIC     0x43475250u
#define CPU_PERIOD_US    100000
#define CPU_MIN_US       1000
#define UNIT_FOLDER_SIZE 300

struct cgroup_base {
    uint32_t magic;
    char *base, *own, *self, *units; /* BASE, BASE/INSTANCE, …/self, …/units */
};

/* --- small files ---------------------------------------------------------------------------- */

static int put(const char *folder, const char *file, const char *text)
{
    char *path = path_join(folder, file);
    cleanup(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    free(path);
    size_t n = strlen(text);
    return fd >= 0 && write(fd, text, n) == (ssize_t)n ? 0 : -1;
}

/* What is read ends with a zero byte; false: there is no such file. */
static bool get(const char *folder, const char *file, char *text, size_t size)
{
    char *path = path_join(folder, file);
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;
    text[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

/* "key 12\nother 34\n"; 0 when it is not there. */
static uint64_t value_of(const char *text, const char *key)
{
    struct str rest = str_of(text), line, name, value;
    uint64_t v = 0;
    while (str_next(&rest, '\n', &line))
        if (str_cut(line, ' ', &name, &value) && str_eqz(name, key))
            str_to_u64(value, &v, NULL);
    return v;
}

/* --- opening -------------------------------------------------------------------------------- */

static char *read_all(const char *path, size_t *n)
{
    struct buf b = BUF_INIT((size_t)4 << 20);
    fs_read(path, &b, NULL);
    return buf_take(&b, n);
}

/* Our own group; when we are in …/INSTANCE/self already (re-executed), what is above that. */
static char *find_base(const char *instance)
{
    size_t n_mounts = 0, n_groups = 0;
    char *mounts = read_all("/proc/self/mountinfo", &n_mounts);
    char *groups = read_all("/proc/self/cgroup", &n_groups);
    char *folder = mounts && groups ? cgroup__folder(mounts, n_mounts, groups, n_groups) : NULL;
    free(mounts);
    free(groups);
    if (!folder)
        return NULL;
    char tail[UNIT_FOLDER_SIZE];
    size_t n = (size_t)snprintf(tail, sizeof(tail), "/%s/self", instance), len = strlen(folder);
    if (len > n && strcmp(folder + len - n, tail) == 0)
        folder[len - n] = '\0';
    return folder;
}

static int make_folder(const char *path)
{
    return mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : 0;
}

static void free_base(struct cgroup_base *b)
{
    free(b->base);
    free(b->own);
    free(b->self);
    free(b->units);
    free(b);
}

/* The folders, and we into ours: "0" is whoever writes it. */
static int settle(struct cgroup_base *b, struct err *err)
{
    bool raised = proc__raise();
    int rc = make_folder(b->own) < 0 || make_folder(b->self) < 0 || make_folder(b->units) < 0 ||
                     put(b->self, "cgroup.procs", "0") < 0
                 ? -1
                 : 0;
    int saved = errno;
    if (rc < 0) {
        rmdir(b->units);
        rmdir(b->self);
        rmdir(b->own);
    }
    proc__unraise(raised);
    errno = saved;
    return rc < 0 ? err_sys(err, ERR_UNSUPPORTED, "cannot make cgroups in %s", b->base) : 0;
}

struct cgroup_base *cgroup_open(const char *root, const char *instance, struct err *err)
{
    must(instance && *instance && !strchr(instance, '/') && strlen(instance) < 100);
    char *base = root ? strdup(root) : find_base(instance);
    if (!base) {
        err_set(err, ERR_UNSUPPORTED, "there is no cgroup v2 file system here");
        return NULL;
    }
    struct cgroup_base *b = calloc(1, sizeof(*b));
    must(b != NULL);
    *b = (struct cgroup_base){.magic = CGROUP_MAGIC, .base = base};
    b->own = path_join(base, instance);
    b->self = path_join(b->own, "self");
    b->units = path_join(b->own, "units");
    if (settle(b, err) == 0)
        return b;
    free_base(b);
    return NULL;
}

void cgroup_close(struct cgroup_base **bp)
{
    struct cgroup_base *b = *bp;
    *bp = NULL;
    if (!b)
        return;
    check_magic(b, CGROUP_MAGIC);
    bool raised = proc__raise();
    if (rmdir(b->units) == 0 && put(b->base, "cgroup.procs", "0") == 0) {
        rmdir(b->self);
        rmdir(b->own);
    }
    proc__unraise(raised);
    b->magic = 0;
    free_base(b);
}

/* --- controllers ---------------------------------------------------------------------------- */

static bool lists(const char *folder, const char *file, const char *word)
{
    char text[512];
    struct str rest, part;
    if (!get(folder, file, text, sizeof(text)))
        return false;
    rest = str_trim(str_of(text));
    while (str_next(&rest, ' ', &part))
        if (str_eqz(part, word))
            return true;
    return false;
}

/* Hands it down from BASE to the units, as far as it is not yet. Fails when BASE was not given
 * it, or holds processes of others. */
static bool enable(const struct cgroup_base *b, const char *controller)
{
    const char *const chain[] = {b->base, b->own, b->units};
    char word[32];
    snprintf(word, sizeof(word), "+%s", controller);
    for (size_t i = 0; i < array_len(chain); i++)
        if (!lists(chain[i], "cgroup.subtree_control", controller) &&
            (!lists(chain[i], "cgroup.controllers", controller) ||
             put(chain[i], "cgroup.subtree_control", word) < 0))
            return false;
    return true;
}

bool cgroup_has(const struct cgroup_base *b, const char *controller)
{
    check_magic(b, CGROUP_MAGIC);
    bool raised = proc__raise();
    bool has = enable(b, controller);
    proc__unraise(raised);
    return has;
}

/* --- a unit --------------------------------------------------------------------------------- */

/* "u-NAME": no unit can be called like a file of the cgroup file system. */
static char *unit_folder(const struct cgroup_base *b, const char *unit)
{
    char name[UNIT_FOLDER_SIZE];
    int n = snprintf(name, sizeof(name), "u-%s", unit);
    must(n > 2 && (size_t)n < sizeof(name));
    for (char *at = name; *at; at++)
        if (*at == '/')
            *at = '_';
    return path_join(b->units, name);
}

struct limit {
    const char *controller, *file;
    bool wanted;
    char text[48];
};

static void set_bytes(struct limit *l, uint64_t bytes)
{
    l->wanted = bytes > 0;
    snprintf(l->text, sizeof(l->text), bytes > 0 ? "%llu" : "max", (unsigned long long)bytes);
}

static void set_cpu(struct limit *l, double cores)
{
    double us = cores * CPU_PERIOD_US;
    l->wanted = cores > 0;
    if (l->wanted)
        snprintf(l->text, sizeof(l->text), "%.0f %d", us > CPU_MIN_US ? us : CPU_MIN_US,
                 CPU_PERIOD_US);
    else
        snprintf(l->text, sizeof(l->text), "max %d", CPU_PERIOD_US);
}

static void set_weight(struct limit *l, uint32_t weight)
{
    l->wanted = weight > 0;
    snprintf(l->text, sizeof(l->text), "%u", weight > 0 ? weight : 100);
}

/* What is not wanted is put back to its default, where the controller is on. Returns the
 * controller that is missing, or NULL. */
static const char *put_limits(const struct cgroup_base *b, const char *folder,
                              const struct cgroup_limits *l)
{
    struct limit all[] = {
        {"memory", "memory.high", false, ""}, {"memory", "memory.max", false, ""},
        {"cpu", "cpu.max", false, ""},        {"pids", "pids.max", false, ""},
        {"cpu", "cpu.weight", false, ""},     {"io", "io.weight", false, ""},
    };
    const char *missing = NULL;
    set_bytes(&all[0], l->memory_high);
    set_bytes(&all[1], l->memory_max);
    set_cpu(&all[2], l->cpu_max);
    set_bytes(&all[3], l->pids_max);
    set_weight(&all[4], l->cpu_weight);
    set_weight(&all[5], l->io_weight);
    for (size_t i = 0; i < array_len(all); i++) {
        bool good = !all[i].wanted || enable(b, all[i].controller);
        if ((!good || put(folder, all[i].file, all[i].text) < 0) && all[i].wanted && !missing)
            missing = all[i].controller;
    }
    return missing;
}

int cgroup_unit(struct cgroup_base *b, const char *unit, const struct cgroup_limits *l, char **path,
                const char **missing, struct err *err)
{
    check_magic(b, CGROUP_MAGIC);
    char *folder = unit_folder(b, unit);
    bool raised = proc__raise();
    rmdir(folder); /* what is empty begins anew: without old limits, without a kill counted */
    int rc = make_folder(folder), saved = errno;
    const char *lacking = rc == 0 ? put_limits(b, folder, l) : NULL;
    proc__unraise(raised);
    if (rc < 0) {
        errno = saved;
        err_sys(err, ERR_IO, "cannot make the cgroup %s", folder);
        free(folder);
        return -1;
    }
    *path = folder;
    if (missing)
        *missing = lacking;
    return 0;
}

/* Calls `visit` for each folder in it. */
static void each_folder(const char *path, void (*visit)(void *arg, const char *path), void *arg)
{
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (const struct dirent *e; (e = readdir(dir));) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.')
            continue;
        char *below = path_join(path, e->d_name);
        visit(arg, below);
        free(below);
    }
    closedir(dir);
}

static void remove_folder(void *arg, const char *path)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return;
    each_folder(path, remove_folder, NULL);
    rmdir(path);
}

void cgroup_unit_remove(struct cgroup_base *b, const char *unit)
{
    check_magic(b, CGROUP_MAGIC);
    char *folder = unit_folder(b, unit);
    bool raised = proc__raise();
    remove_folder(NULL, folder);
    proc__unraise(raised);
    free(folder);
}

/* --- looking in, and killing ---------------------------------------------------------------- */

struct visit {
    void (*each)(void *to, pid_t pid);
    void *to;
};

static void visit_folder(void *arg, const char *path)
{
    const struct visit *v = arg;
    char *file = path_join(path, "cgroup.procs");
    FILE *f = fopen(file, "re");
    free(file);
    for (long pid; f && fscanf(f, "%ld", &pid) == 1;)
        if (pid > 0) /* 0: of another pid name space */
            v->each(v->to, (pid_t)pid);
    if (f)
        fclose(f);
    each_folder(path, visit_folder, arg);
}

bool cgroup__each(const char *path, void (*each)(void *to, pid_t pid), void *to)
{
    struct visit v = {each, to};
    char *file = path_join(path, "cgroup.procs");
    bool there = access(file, R_OK) == 0;
    free(file);
    if (there)
        visit_folder(&v, path);
    return there;
}

int cgroup__kill(const char *path)
{
    return put(path, "cgroup.kill", "1");
}

int cgroup_unit_kill(const char *path)
{
    bool raised = proc__raise();
    int rc = cgroup__kill(path);
    proc__unraise(raised);
    return rc;
}

uint64_t cgroup_oom_kills(const char *path)
{
    char text[1024];
    return get(path, "memory.events", text, sizeof(text)) ? value_of(text, "oom_kill") : 0;
}

double cgroup_cpu_seconds(const char *path)
{
    char text[1024];
    if (!get(path, "cpu.stat", text, sizeof(text)) || !strstr(text, "usage_usec "))
        return -1;
    return (double)value_of(text, "usage_usec") / 1e6;
}
