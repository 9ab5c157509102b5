/* logs/processes/monitor.log: what happens to supervised programs, with the keys and the wording of the seed
 * (processes.language: zh), or the same in English. A state is told as the seed tells it: what died went through
 * "crashed", whatever it is now. Main loop. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "core/process_priv.h"

static struct log_sink *sink(struct core *c)
{
    struct programs *all = c->programs;
    struct err err = {0};
    if (all->monitor_log)
        return all->monitor_log;
    char *dir = path_join(c->config->log.dir, "processes"), *path = path_join(dir, "monitor.log");
    if (fs_mkdirs(dir, 0755, &err) == 0)
        all->monitor_log = log_sink_open(path, (int)c->config->log.keep_days, &err);
    if (!all->monitor_log && !all->log_trouble)
        log_warn("cannot open the programs' log; its lines are lost until that works",
                 F_STR("file", path), F_ERR(&err));
    all->log_trouble = !all->monitor_log;
    free(dir);
    free(path);
    return all->monitor_log;
}

/* In the language of the log. */
static const char *say(const struct core *c, const char *zh, const char *en)
{
    return c->config->processes.language == 1 ? zh : en;
}

static const char *type_of(const struct program *p)
{
    return *p->unit->config->type ? p->unit->config->type : "process";
}

static const char *crash_reason(const struct core *c)
{
    return say(c, "进程崩溃检测", "the process crashed");
}

void core__plog_started(struct core *c)
{
    if (c->programs->started_log)
        return;
    c->programs->started_log = true;
    const struct process_monitor *m = &c->config->processes.monitor;
    struct buf config = BUF_INIT(300);
    struct json j = json_start(&config);
    json_obj(&j);
    json_kint(&j, "check_interval", m->check_interval_ms / 1000);
    json_kint(&j, "restart_cooldown", m->restart_cooldown_ms / 1000);
    json_kint(&j, "max_restarts", m->max_restarts);
    json_end(&j);
    const struct log_field fields[] = {
        F_STR("component", "proxy-monitor"), F_JSON("config", config.data), {0}};
    log_sink_write(sink(c), LOG_INFO, say(c, "组件启动", "component started"), fields);
    buf_done(&config);
}

void core__plog_crash(const struct program *p)
{
    struct core *c = p->all->core;
    const struct log_field fields[] = {F_STR("component", "proxy"),
                                       F_STR("proxy_id", p->unit->config->id),
                                       F_STR("proxy_type", type_of(p)),
                                       {0}};
    log_sink_write(sink(c), LOG_WARN,
                   say(c, "检测到代理进程异常退出", "a supervised process ended unexpectedly"),
                   fields);
}

void core__plog_restart(const struct program *p, bool success, int64_t took_ms, const char *reason)
{
    struct core *c = p->all->core;
    const struct log_field fields[] = {F_STR("component", "proxy"),
                                       F_STR("proxy_id", p->unit->config->id),
                                       F_STR("proxy_type", type_of(p)),
                                       F_INT("duration_ms", took_ms),
                                       F_STR("reason", *reason ? reason : crash_reason(c)),
                                       {0}};
    if (success)
        log_sink_write(sink(c), LOG_INFO, say(c, "代理重启成功", "restart succeeded"), fields);
    else
        log_sink_write(sink(c), LOG_ERROR, say(c, "代理重启失败", "restart failed"), fields);
}

void core__plog_state(const struct program *p, const char *from, const char *to)
{
    struct core *c = p->all->core;
    const struct log_field fields[] = {
        F_STR("component", type_of(p)),
        F_STR("proxy_id", p->unit->config->id),
        F_STR("state_from", from),
        F_STR("state_to", to),
        F_STR("reason", say(c, "代理状态监控检测到变化", "the monitor saw a change")),
        F_BOOL("state_change", true),
        {0}};
    if (strcmp(from, to) != 0)
        log_sink_write(sink(c), LOG_INFO, say(c, "状态变更", "state changed"), fields);
}

void core__plog_round(struct core *c, int64_t took_ms, uint32_t checked)
{
    const struct log_field fields[] = {
        F_STR("component", NULL),      F_STR("operation", "proxy_health_check"),
        F_INT("duration_ms", took_ms), F_INT("checked_proxies", checked),
        F_BOOL("performance", true),   {0}};
    log_sink_write(sink(c), LOG_INFO, say(c, "性能指标", "performance"), fields);
}

void core__plog_audit(struct core *c, const struct program *p, const char *id, const char *action,
                      const char *user, const char *reason)
{
    const struct log_field fields[] = {F_STR("component", NULL),
                                       F_STR("action", action),
                                       F_STR("user", user),
                                       F_STR("proxy_id", id),
                                       F_STR("proxy_type", p ? type_of(p) : ""),
                                       F_STR("reason", *reason ? reason : crash_reason(c)),
                                       F_BOOL("audit", true),
                                       {0}};
    log_sink_write(sink(c), LOG_INFO, say(c, "审计日志", "audit"), fields);
}

void core__plog_close(struct core *c)
{
    log_sink_close(c->programs->monitor_log);
    c->programs->monitor_log = NULL;
}
