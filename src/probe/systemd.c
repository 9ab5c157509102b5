/* systemd: how a unit stands, by `systemctl show`: its properties are the stable interface of scripts (systemctl(1), "show"), and a child
 * process with a deadline spares a D-Bus library. Names of metrics are node_exporter's. */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/child.h"
#include "probe/facts.h"
#include "probe/probers.h"
#include "probe/url.h"

#define OUTPUT_MAX ((size_t)64 << 10)
#define NOT_SET    "18446744073709551615" /* older versions' way of saying so */

struct systemd_expect {
    const char *state;
    int64_t max_restarts, min_uptime_ms;
};

struct systemd_config {
    const char *unit;
    bool user;
    struct systemd_expect expect;
};

#define EXPECT(field) offsetof(struct systemd_expect, field)

static const char *const states[] = {"active", "inactive", NULL};

static const struct option expect_options[] = {
    {"state", OPT_STRING, EXPECT(state), .def = "active", .choices = states, .max = 40,
     .help = {"The state that it must be in.", "应处的状态。"}},
    {"max_restarts", OPT_INT, EXPECT(max_restarts), .def = "0", .min = 0, .max = 1e9,
     .help = {"More restarts by systemd since it was started by hand are degraded; 0 is off.",
              "systemd 自动重启超过此次数为降级；0 表示不检查。"}},
    {"min_uptime", OPT_DURATION, EXPECT(min_uptime_ms),
     .help = {"Active for less is degraded: it was restarted.", "处于活动状态不足此时间为降级。"}},
    OPTION_END,
};

static const struct option systemd_options[] = {
    {"unit", OPT_STRING, offsetof(struct systemd_config, unit), .required = true, .min = 1,
     .max = 256, .example = "nginx.service",
     .help = {"The unit's name; without a suffix it is a service.", "单元名称；无后缀时为服务。"}},
    {"user", OPT_BOOL, offsetof(struct systemd_config, user), .def = "false", .advanced = true,
     .help = {"Asks the service manager of Belfry's own user.",
              "询问 Belfry 自身用户的服务管理器。"}},
    {"expect", OPT_SECTION, offsetof(struct systemd_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* systemd:///nginx.service, systemd:nginx */
static struct node *systemd_from_url(const char *text, struct arena *a, struct err *err)
{
    struct node *map = node_map(a);
    const char *unit = strchr(text, ':') + 1;
    unit += strspn(unit, "/");
    if (!*unit) {
        err_set(err, ERR_MALFORMED, "no unit in \"%.100s\"; want systemd:///nginx.service", text);
        return NULL;
    }
    node_put(map, a, "unit", node_text(a, unit));
    return map;
}

static void systemd_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@";
    const struct systemd_config *c = config;
    if (*c->unit == '-' || c->unit[strspn(c->unit, allowed)])
        problem_add(p, NULL, arena_printf(a, "%s%sunit", path, *path ? "." : ""),
                    "got \"%.100s\"; want a unit's name, such as nginx.service", c->unit);
}

static void systemd_describe(const void *config, struct buf *out)
{
    const struct systemd_config *c = config;
    must(c->unit != NULL);
    buf_printf(out, "%s%s", c->unit, strchr(c->unit, '.') ? "" : ".service");
}

/* --- the answer --- */

enum property { LOAD, ACTIVE, SUB, RESULT, RESTARTS, SINCE, PID, MEMORY, CPU, CODE, N_PROPERTIES };
static const struct fact properties[N_PROPERTIES] = {
    [LOAD] = {"LoadState", NULL},
    [ACTIVE] = {"ActiveState", NULL},
    [SUB] = {"SubState", NULL},
    [RESULT] = {"Result", NULL},
    [RESTARTS] = {"NRestarts", "node_systemd_service_restart_total"},
    [SINCE] = {"ActiveEnterTimestampMonotonic", NULL},
    [PID] = {"MainPID", NULL},
    [MEMORY] = {"MemoryCurrent", "probe_systemd_memory_bytes"},
    [CPU] = {"CPUUsageNSec", NULL},
    [CODE] = {"ExecMainStatus", NULL},
};

static void put_states(const struct systemd_config *c, struct str active, struct result *r)
{
    static const char *const all[] = {"active", "activating", "deactivating", "inactive", "failed"};
    for (size_t i = 0; i < array_len(all); i++) {
        const struct label labels[] = {{"name", c->unit}, {"state", all[i]}};
        result_metric_labels(r, "node_systemd_unit_state", labels, array_len(labels),
                             str_eqz(active, all[i]));
    }
}

/* Since when it is active, in seconds; -1: it is not. */
static double uptime_s(const struct str *v)
{
    double since = fact_or(v[SINCE], 0);
    return str_eqz(v[ACTIVE], "active") && since > 0 ? (double)clock_mono_ns() / 1e9 - since / 1e6
                                                     : -1;
}

static void judge_state(const struct systemd_config *c, const struct str *v, struct result *r)
{
    bool failed = str_eqz(v[ACTIVE], "failed");
    must(v[ACTIVE].n > 0);
    if (str_eqz(v[ACTIVE], c->expect.state))
        return;
    if (failed)
        result_fail(r, "%s failed: %.*s%s%.*s", c->unit, (int)v[RESULT].n, v[RESULT].p,
                    v[CODE].n && !str_eqz(v[CODE], "0") ? ", exit status " : "",
                    str_eqz(v[CODE], "0") ? 0 : (int)v[CODE].n, v[CODE].p);
    else if (streq(c->expect.state, "active") && str_eqz(v[ACTIVE], "reloading"))
        result_warn(r, "%s reloads", c->unit);
    else
        result_fail(r, "%s is %.*s (%.*s); want %s", c->unit, (int)v[ACTIVE].n, v[ACTIVE].p,
                    (int)v[SUB].n, v[SUB].p, c->expect.state);
}

static void judge(const struct systemd_config *c, const struct str *v, struct result *r)
{
    double restarts = fact_or(v[RESTARTS], 0), up = uptime_s(v);
    if (str_eqz(v[LOAD], "not-found")) {
        result_fail(r, "there is no unit %s", c->unit);
        return;
    }
    if (v[ACTIVE].n == 0) {
        result_fail(r, "systemctl did not tell the state of %s", c->unit);
        return;
    }
    put_states(c, v[ACTIVE], r);
    facts_metrics(properties, N_PROPERTIES, v, r);
    if (up >= 0)
        result_metric(r, "probe_systemd_unit_uptime_seconds", up);
    if (fact_or(v[CPU], -1) >= 0)
        result_metric(r, "probe_systemd_cpu_seconds_total", fact_or(v[CPU], 0) / 1e9);
    judge_state(c, v, r);
    if (c->expect.max_restarts && restarts > (double)c->expect.max_restarts)
        result_warn(r, "systemd restarted %s %.0f times; want at most %lld", c->unit, restarts,
                    (long long)c->expect.max_restarts);
    if (c->expect.min_uptime_ms && up >= 0 && up * 1000 < (double)c->expect.min_uptime_ms)
        result_warn(r, "%s is active for %.0f s; want at least %.0f s", c->unit, up,
                    (double)c->expect.min_uptime_ms / 1000);
    result_ok(
        r, "%s is %.*s (%.*s)%s", c->unit, (int)v[ACTIVE].n, v[ACTIVE].p, (int)v[SUB].n, v[SUB].p,
        up >= 0 ? arena_printf(r->arena, ", for %.1f h, %.0f restarts", up / 3600, restarts) : "");
}

static void systemd_run(struct probe *p, struct result *r)
{
    const struct systemd_config *c = p->config;
    const char *argv[] = {"systemctl",
                          "show",
                          "--no-pager",
                          "--property=LoadState,ActiveState,SubState,Result,NRestarts,"
                          "ActiveEnterTimestampMonotonic,MainPID,MemoryCurrent,CPUUsageNSec,"
                          "ExecMainStatus",
                          "--",
                          c->unit,
                          NULL};
    const char *own[] = {"systemctl", "--user", argv[1], argv[2], argv[3], argv[4], argv[5], NULL};
    struct child_run run = {
        .argv = c->user ? own : argv, .max_output = OUTPUT_MAX, .deadline_ns = p->deadline_ns};
    struct child_end end;
    struct err err = {0};
    struct str values[N_PROPERTIES] = {0};
    if (child_run(&run, p->arena, &end, &err) != 0) {
        result_fail_err(r, &err);
    } else if (end.status != 0) {
        struct str said = str_trim((struct str){end.err.data ? end.err.data : "", end.err.len});
        str_cut(said, '\n', &said, &(struct str){0});
        result_fail(r, "systemctl failed: %.*s", (int)utf8_cut(said.p, said.n, 300), said.p);
    } else {
        facts_read((struct str){end.out.data ? end.out.data : "", end.out.len}, '=', properties,
                   N_PROPERTIES, values);
        for (int i = 0; i < N_PROPERTIES; i++)
            if (str_eqz(values[i], NOT_SET))
                values[i] = (struct str){"", 0};
        judge(c, values, r);
    }
    child_done(&end);
}

static const char *const systemd_schemes[] = {"systemd", NULL};

const struct prober_ops systemd_prober = {
    .type = "systemd",
    .kind = PROBER_HOST,
    .title = {"systemd unit", "systemd 单元"},
    .help = {"Whether a unit of Belfry's own machine is active, and how often it was restarted.",
             "Belfry 所在机器上的单元是否处于活动状态，以及重启次数。"},
    .schemes = systemd_schemes,
    .options = systemd_options,
    .config_size = sizeof(struct systemd_config),
    .from_url = systemd_from_url,
    .validate = systemd_validate,
    .describe = systemd_describe,
    .run = systemd_run,
};
