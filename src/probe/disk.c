/* disk: space and inodes left on this machine's file systems. Names of metrics are node_exporter's. A network file system whose
 * server is away holds statvfs(2), so that it runs on the pool of threads. */
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"
#include "io/fiber.h"
#include "probe/facts.h"
#include "probe/host_proc.h"
#include "probe/probers.h"

#define SHOWN_MAX 16 /* file systems with metrics: a result holds so many */

struct disk_bounds {
    double used, inodes;
    int64_t min_free;
};

struct disk_config {
    struct str_list paths;
    struct disk_bounds warning, critical;
    bool read_only_ok;
};

#define BOUND(field) offsetof(struct disk_bounds, field)
#define BOUNDS(name, used_default)                                                                 \
    static const struct option name[] = {                                                          \
        {"used", OPT_F64, BOUND(used), .def = used_default, .min = 0, .max = 100, .unit = "%",     \
         .help = {"Share of the space in use; 0 is off.", "空间使用率；0 表示不检查。"}},          \
        {"inodes", OPT_F64, BOUND(inodes), .def = used_default, .min = 0, .max = 100, .unit = "%", \
         .help = {"Share of the inodes in use; 0 is off.", "inode 使用率；0 表示不检查。"}},       \
        {"min_free", OPT_SIZE, BOUND(min_free), .def = "0", .example = "5GiB",                     \
         .help = {"So much must be free; 0 is off.", "至少应剩余的空间；0 表示不检查。"}},         \
        OPTION_END,                                                                                \
    }

BOUNDS(warning_options, "85");
BOUNDS(critical_options, "95");

static const struct option disk_options[] = {
    {"paths", OPT_LIST, offsetof(struct disk_config, paths), .max = 100, .example = "[/, /var]",
     .help = {"Where the file systems are mounted, or folders on them; none: all that hold data.",
              "挂载点或其中的目录；留空为所有存放数据的文件系统。"}},
    {"warning", OPT_SECTION, offsetof(struct disk_config, warning), .sub = warning_options,
     .help = {"Beyond that it is degraded.", "超过即为降级。"}},
    {"critical", OPT_SECTION, offsetof(struct disk_config, critical), .sub = critical_options,
     .help = {"Beyond that it is down.", "超过即为故障。"}},
    {"read_only_ok", OPT_BOOL, offsetof(struct disk_config, read_only_ok), .def = "false",
     .advanced = true,
     .help = {"A file system that can only be read is no warning.", "只读文件系统不视为降级。"}},
    OPTION_END,
};

/* disk:///, disk:///var?… : a path, or none for all */
static struct node *disk_from_url(const char *text, struct arena *a, struct err *err)
{
    struct node *map = node_map(a), *list = node_list(a);
    const char *path = strchr(text, ':') + 1;
    (void)err;
    path += strncmp(path, "//", 2) == 0 ? 2 : 0;
    if (*path == '/') {
        node_append(list, node_text(a, path));
        node_put(map, a, "paths", list);
    }
    return map;
}

static void disk_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct disk_config *c = config;
    for (size_t i = 0; i < c->paths.n; i++)
        if (*c->paths.at[i] != '/')
            problem_add(p, NULL, arena_printf(a, "%s%spaths", path, *path ? "." : ""),
                        "got \"%.100s\"; want absolute paths", c->paths.at[i]);
}

static void disk_describe(const void *config, struct buf *out)
{
    const struct disk_config *c = config;
    must(c->paths.n == 0 || c->paths.at != NULL);
    for (size_t i = 0; i < c->paths.n && i < 5; i++)
        buf_printf(out, "%s%s", i ? ", " : "", c->paths.at[i]);
    if (c->paths.n == 0)
        buf_puts(out, "all file systems");
}

/* --- asking, on the pool --- */

struct asked {
    struct mount mount;
    struct statvfs vfs;
    int error; /* errno */
    bool wanted;
};

struct asking {
    struct asked *at;
    size_t n;
};

static void ask(void *arg)
{
    struct asking *all = arg;
    for (size_t i = 0; i < all->n; i++)
        all->at[i].error = statvfs(all->at[i].mount.point, &all->at[i].vfs) == 0 ? 0 : errno;
}

/* The mount that a path lies on: the longest point that it begins with. */
static const struct mount *mount_of(const struct mount *all, size_t n, const char *path)
{
    const struct mount *best = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(all[i].point);
        bool under = strncmp(path, all[i].point, len) == 0 &&
                     (all[i].point[len - 1] == '/' || !path[len] || path[len] == '/');
        if (under && len >= longest) {
            best = &all[i];
            longest = len;
        }
    }
    return best;
}

/* Those asked for, each with its own name; or all that hold data, one a device. */
static void choose(const struct disk_config *c, const struct mount *all, size_t n,
                   struct asking *out)
{
    for (size_t i = 0; i < c->paths.n; i++) {
        struct asked *one = &out->at[out->n++];
        const struct mount *on = mount_of(all, n, c->paths.at[i]);
        *one = (struct asked){.mount = on ? *on : (struct mount){"", "", "", false}};
        one->mount.point = c->paths.at[i];
    }
    for (size_t i = 0; i < n && c->paths.n == 0; i++) {
        bool twice = !mount_holds_data(all[i].type) && !streq(all[i].point, "/");
        for (size_t k = 0; k < out->n; k++)
            twice =
                twice || (streq(out->at[k].mount.device, all[i].device) && *all[i].device == '/');
        if (!twice)
            out->at[out->n++] = (struct asked){.mount = all[i]};
    }
    must(out->n <= n + c->paths.n);
}

/* --- judging --- */

static void judge_percent(struct result *r, const char *point, const char *what, double percent,
                          double warning, double critical)
{
    if (critical > 0 && percent > critical)
        result_fail(r, "%s: %.1f %% of the %s in use; want at most %.1f %%", point, percent, what,
                    critical);
    else if (warning > 0 && percent > warning)
        result_warn(r, "%s: %.1f %% of the %s in use; want at most %.1f %%", point, percent, what,
                    warning);
}

static void judge_free(struct result *r, const char *point, double left, int64_t warning,
                       int64_t critical)
{
    char have[BYTES_TEXT], want[BYTES_TEXT];
    if (critical > 0 && left < (double)critical)
        result_fail(r, "%s: %s free; want %s", point, bytes_text(left, have),
                    bytes_text((double)critical, want));
    else if (warning > 0 && left < (double)warning)
        result_warn(r, "%s: %s free; want %s", point, bytes_text(left, have),
                    bytes_text((double)warning, want));
}

static void put_metrics(struct result *r, const struct asked *d, double unit)
{
    const struct label labels[] = {
        {"device", d->mount.device}, {"fstype", d->mount.type}, {"mountpoint", d->mount.point}};
    const struct {
        const char *name;
        double value;
    } all[] = {{"node_filesystem_size_bytes", unit * (double)d->vfs.f_blocks},
               {"node_filesystem_free_bytes", unit * (double)d->vfs.f_bfree},
               {"node_filesystem_avail_bytes", unit * (double)d->vfs.f_bavail},
               {"node_filesystem_files", (double)d->vfs.f_files},
               {"node_filesystem_files_free", (double)d->vfs.f_ffree},
               {"node_filesystem_readonly", d->mount.read_only}};
    for (size_t i = 0; i < array_len(all); i++)
        result_metric_labels(r, all[i].name, labels, array_len(labels), all[i].value);
}

/* The share in use as df tells it: of what ordinary users may use. Returns it. */
static double judge(const struct disk_config *c, struct result *r, const struct asked *d,
                    bool shown)
{
    const char *point = d->mount.point;
    if (d->error) {
        result_fail(r, "%s: %s", point, strerror(d->error));
        return 0;
    }
    double unit = d->vfs.f_frsize ? (double)d->vfs.f_frsize : (double)d->vfs.f_bsize;
    double used = (double)(d->vfs.f_blocks - d->vfs.f_bfree);
    double percent = percent_of(used, used + (double)d->vfs.f_bavail);
    judge_percent(r, point, "space", percent, c->warning.used, c->critical.used);
    judge_percent(r, point, "inodes",
                  percent_of((double)(d->vfs.f_files - d->vfs.f_ffree), (double)d->vfs.f_files),
                  c->warning.inodes, c->critical.inodes);
    judge_free(r, point, unit * (double)d->vfs.f_bavail, c->warning.min_free, c->critical.min_free);
    if (d->mount.read_only && !c->read_only_ok)
        result_warn(r, "%s can only be read", point);
    if (shown)
        put_metrics(r, d, unit);
    return percent;
}

static void judge_all(const struct disk_config *c, struct result *r, const struct asking *all)
{
    double worst = -1;
    const char *where = "";
    must(all->n > 0);
    for (size_t i = 0; i < all->n; i++) {
        double percent = judge(c, r, &all->at[i], i < SHOWN_MAX);
        if (percent > worst) {
            worst = percent;
            where = all->at[i].mount.point;
        }
    }
    result_ok(r, "%zu file system%s, the fullest %s: %.1f %% in use", all->n,
              all->n == 1 ? "" : "s", where, worst);
}

static void disk_run(struct probe *p, struct result *r)
{
    const struct disk_config *c = p->config;
    struct buf text = BUF_INIT(4 << 20);
    struct err err = {0};
    struct mount *mounts = arena_array_of(p->arena, struct mount, MOUNTS_MAX);
    size_t n = 0;
    if (fs_read("/proc/self/mountinfo", &text, &err) == 0 && text.data)
        n = mountinfo_parse((struct str){text.data, text.len}, p->arena, mounts);
    buf_done(&text);
    struct asking all = {.at = arena_array_of(p->arena, struct asked, n + c->paths.n + 1)};
    choose(c, mounts, n, &all);
    if (all.n == 0) {
        result_fail(r, "no file system that holds data is mounted%s%s", err.code ? ": " : "",
                    err.msg);
        return;
    }
    io_blocking(ask, &all);
    judge_all(c, r, &all);
}

static const char *const disk_schemes[] = {"disk", NULL};

const struct prober_ops disk_prober = {
    .type = "disk",
    .kind = PROBER_HOST,
    .title = {"Disk space of this host", "本机磁盘空间"},
    .help = {"Space and inodes left on the file systems of Belfry's own machine.",
             "Belfry 所在机器各文件系统的剩余空间与 inode。"},
    .schemes = disk_schemes,
    .options = disk_options,
    .config_size = sizeof(struct disk_config),
    .from_url = disk_from_url,
    .validate = disk_validate,
    .describe = disk_describe,
    .run = disk_run,
};
