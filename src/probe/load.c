/* load: this machine's load and the pressure on its processors (/proc/loadavg, /proc/pressure/cpu). Names of metrics are
 * node_exporter's. */
#include <unistd.h>

#include "base/fs.h"
#include "probe/host_proc.h"
#include "probe/probers.h"

struct load_bounds {
    double load1, load5, load15, pressure;
};

struct load_config {
    bool per_cpu;
    struct load_bounds warning, critical;
};

#define BOUND(field) offsetof(struct load_bounds, field)

static const struct option bounds_options[] = {
    {"load1", OPT_F64, BOUND(load1), .min = 0, .max = 1e6,
     .help = {"Mean load of one minute; 0 is off.", "1 分钟平均负载；0 表示不检查。"}},
    {"load5", OPT_F64, BOUND(load5), .min = 0, .max = 1e6,
     .help = {"Of five minutes; 0 is off.", "5 分钟平均负载；0 表示不检查。"}},
    {"load15", OPT_F64, BOUND(load15), .min = 0, .max = 1e6,
     .help = {"Of fifteen minutes; 0 is off.", "15 分钟平均负载；0 表示不检查。"}},
    {"pressure", OPT_F64, BOUND(pressure), .min = 0, .max = 100, .unit = "%",
     .help = {"Share of the last minute in which something waited for a processor; 0 is off.",
              "最近一分钟内有任务等待处理器的时间占比；0 表示不检查。"}},
    OPTION_END,
};

static const struct option load_options[] = {
    {"per_cpu", OPT_BOOL, offsetof(struct load_config, per_cpu), .def = "true",
     .help = {"Bounds of the load are of one processor: 1 is all of them busy.",
              "负载阈值按单个处理器计：1 表示全部处理器忙。"}},
    {"warning", OPT_SECTION, offsetof(struct load_config, warning), .sub = bounds_options,
     .help = {"Above that it is degraded.", "超过即为降级。"}},
    {"critical", OPT_SECTION, offsetof(struct load_config, critical), .sub = bounds_options,
     .help = {"Above that it is down.", "超过即为故障。"}},
    OPTION_END,
};

static struct node *load_from_url(const char *text, struct arena *a, struct err *err)
{
    (void)text;
    (void)err;
    return node_map(a);
}

static void load_describe(const void *config, struct buf *out)
{
    char name[256] = "";
    must(config != NULL);
    gethostname(name, sizeof(name) - 1);
    buf_puts(out, name);
}

struct seen {
    const char *name;
    double value, warning, critical;
};

static void judge(struct result *r, const struct seen *s, const char *unit)
{
    if (s->critical > 0 && s->value > s->critical)
        result_fail(r, "%s is %.2f%s; want at most %.2f%s", s->name, s->value, unit, s->critical,
                    unit);
    else if (s->warning > 0 && s->value > s->warning)
        result_warn(r, "%s is %.2f%s; want at most %.2f%s", s->name, s->value, unit, s->warning,
                    unit);
}

static void judge_pressure(const struct load_config *c, struct result *r)
{
    struct buf text = BUF_INIT(4096);
    struct psi psi;
    bool there = fs_read("/proc/pressure/cpu", &text, NULL) == 0 && text.data &&
                 psi_parse((struct str){text.data, text.len}, "some", &psi);
    buf_done(&text);
    if (!there)
        return; /* an older kernel, or one that was told not to count */
    result_metric(r, "node_pressure_cpu_waiting_seconds_total", psi.total_s);
    result_metric(r, "probe_pressure_cpu_percent", psi.avg60);
    judge(r,
          &(struct seen){"pressure on the processors", psi.avg60, c->warning.pressure,
                         c->critical.pressure},
          " %");
}

static void load_run(struct probe *p, struct result *r)
{
    const struct load_config *c = p->config;
    struct err err = {0};
    struct buf text = BUF_INIT(4096);
    double load[3] = {0};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    double n = cpus > 0 ? (double)cpus : 1, by = c->per_cpu ? n : 1;
    if (fs_read("/proc/loadavg", &text, &err) != 0)
        result_fail_err(r, &err);
    else if (!text.data || !loadavg_parse((struct str){text.data, text.len}, load))
        result_fail(r, "/proc/loadavg cannot be read; want three numbers");
    buf_done(&text);
    if (!r->success)
        return;
    result_metric(r, "node_load1", load[0]);
    result_metric(r, "node_load5", load[1]);
    result_metric(r, "node_load15", load[2]);
    result_metric(r, "probe_cpus", n);
    const struct seen seen[] = {
        {"load of 1 minute", load[0] / by, c->warning.load1, c->critical.load1},
        {"load of 5 minutes", load[1] / by, c->warning.load5, c->critical.load5},
        {"load of 15 minutes", load[2] / by, c->warning.load15, c->critical.load15}};
    for (size_t i = 0; i < array_len(seen); i++)
        judge(r, &seen[i], c->per_cpu ? " a processor" : "");
    judge_pressure(c, r);
    result_ok(r, "load %.2f, %.2f, %.2f on %.0f processor%s", load[0], load[1], load[2], n,
              n == 1 ? "" : "s");
}

static const char *const load_schemes[] = {"load", NULL};

const struct prober_ops load_prober = {
    .type = "load",
    .kind = PROBER_HOST,
    .title = {"Load of this host", "本机负载"},
    .help = {"How busy the processors of Belfry's own machine are.",
             "Belfry 所在机器的处理器繁忙程度。"},
    .schemes = load_schemes,
    .options = load_options,
    .config_size = sizeof(struct load_config),
    .from_url = load_from_url,
    .describe = load_describe,
    .run = load_run,
};
