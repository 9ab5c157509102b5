/* memory: how much memory and swap of this machine are in use, and the pressure on it (/proc/meminfo, /proc/pressure/memory). Names of
 * metrics are node_exporter's. */
#include <unistd.h>

#include "base/fs.h"
#include "probe/facts.h"
#include "probe/host_proc.h"
#include "probe/probers.h"

struct memory_bounds {
    double used, swap, pressure;
};

struct memory_config {
    struct memory_bounds warning, critical;
};

#define BOUND(field) offsetof(struct memory_bounds, field)
#define BOUNDS(name, used_default, pressure_default)                                               \
    static const struct option name[] = {                                                          \
        {"used", OPT_F64, BOUND(used), .def = used_default, .min = 0, .max = 100, .unit = "%",     \
         .help = {"Share of the memory that programs cannot get any more; 0 is off.",              \
                  "已不可再分配的内存占比；0 表示不检查。"}},                                      \
        {"swap", OPT_F64, BOUND(swap), .def = "0", .min = 0, .max = 100, .unit = "%",              \
         .help = {"Share of the swap space in use; 0 is off.", "交换空间使用率；0 表示不检查。"}}, \
        {"pressure", OPT_F64, BOUND(pressure), .def = pressure_default, .min = 0, .max = 100,      \
         .unit = "%",                                                                              \
         .help = {"Share of the last minute in which all work stood still for lack of memory; 0 "  \
                  "is off.",                                                                       \
                  "最近一分钟内因内存不足而全部停顿的时间占比；0 表示不检查。"}},                  \
        OPTION_END,                                                                                \
    }

BOUNDS(warning_options, "90", "10");
BOUNDS(critical_options, "97", "0");

static const struct option memory_options[] = {
    {"warning", OPT_SECTION, offsetof(struct memory_config, warning), .sub = warning_options,
     .help = {"Above that it is degraded.", "超过即为降级。"}},
    {"critical", OPT_SECTION, offsetof(struct memory_config, critical), .sub = critical_options,
     .help = {"Above that it is down.", "超过即为故障。"}},
    OPTION_END,
};

static struct node *memory_from_url(const char *text, struct arena *a, struct err *err)
{
    (void)text;
    (void)err;
    return node_map(a);
}

static void memory_describe(const void *config, struct buf *out)
{
    char name[256] = "";
    must(config != NULL);
    gethostname(name, sizeof(name) - 1);
    buf_puts(out, name);
}

static void judge(struct result *r, const char *name, double percent, double warning,
                  double critical)
{
    if (critical > 0 && percent > critical)
        result_fail(r, "%s is %.1f %%; want at most %.1f %%", name, percent, critical);
    else if (warning > 0 && percent > warning)
        result_warn(r, "%s is %.1f %%; want at most %.1f %%", name, percent, warning);
}

static void judge_pressure(const struct memory_config *c, struct result *r)
{
    struct buf buf = BUF_INIT(4096);
    struct psi some, full;
    bool there = fs_read("/proc/pressure/memory", &buf, NULL) == 0 && buf.data;
    struct str text = {buf.data, buf.len};
    there = there && psi_parse(text, "some", &some) && psi_parse(text, "full", &full);
    buf_done(&buf);
    if (!there)
        return;
    result_metric(r, "node_pressure_memory_waiting_seconds_total", some.total_s);
    result_metric(r, "node_pressure_memory_stalled_seconds_total", full.total_s);
    result_metric(r, "probe_pressure_memory_percent", full.avg60);
    judge(r, "pressure on the memory", full.avg60, c->warning.pressure, c->critical.pressure);
}

static void report(const struct memory_config *c, struct str text, struct result *r)
{
    static const struct {
        const char *name, *metric;
    } kept[] = {{"MemTotal", "node_memory_MemTotal_bytes"},
                {"MemAvailable", "node_memory_MemAvailable_bytes"},
                {"MemFree", "node_memory_MemFree_bytes"},
                {"Buffers", "node_memory_Buffers_bytes"},
                {"Cached", "node_memory_Cached_bytes"},
                {"SwapTotal", "node_memory_SwapTotal_bytes"},
                {"SwapFree", "node_memory_SwapFree_bytes"}};
    double v[array_len(kept)];
    for (size_t i = 0; i < array_len(kept); i++)
        if ((v[i] = meminfo_get(text, kept[i].name)) >= 0)
            result_metric(r, kept[i].metric, v[i]);
    if (v[0] <= 0 || v[1] < 0) {
        result_fail(r, "/proc/meminfo cannot be read; want MemTotal and MemAvailable");
        return;
    }
    char left[BYTES_TEXT], all[BYTES_TEXT];
    double used = 100 * (1 - v[1] / v[0]),
           swap = v[5] > 0 && v[6] >= 0 ? 100 * (1 - v[6] / v[5]) : 0;
    judge(r, "memory in use", used, c->warning.used, c->critical.used);
    if (v[5] > 0)
        judge(r, "swap in use", swap, c->warning.swap, c->critical.swap);
    result_ok(r, "%s of %s available%s", bytes_text(v[1], left), bytes_text(v[0], all),
              v[5] > 0 ? arena_printf(r->arena, ", swap %.0f %% in use", swap) : ", no swap");
}

static void memory_run(struct probe *p, struct result *r)
{
    const struct memory_config *c = p->config;
    struct err err = {0};
    struct buf text = BUF_INIT(64 << 10);
    if (fs_read("/proc/meminfo", &text, &err) != 0)
        result_fail_err(r, &err);
    else
        report(c, (struct str){text.data ? text.data : "", text.len}, r);
    buf_done(&text);
    judge_pressure(c, r);
}

static const char *const memory_schemes[] = {"memory", NULL};

const struct prober_ops memory_prober = {
    .type = "memory",
    .kind = PROBER_HOST,
    .title = {"Memory of this host", "本机内存"},
    .help = {"Memory and swap in use on Belfry's own machine.",
             "Belfry 所在机器的内存与交换空间使用情况。"},
    .schemes = memory_schemes,
    .options = memory_options,
    .config_size = sizeof(struct memory_config),
    .from_url = memory_from_url,
    .describe = memory_describe,
    .run = memory_run,
};
