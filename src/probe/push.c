/* push: a job tells that it ran, by asking for /push/TOKEN. Only the options are here: the core listens and judges (core/push.c). */
#include "probe/push.h"

#include <string.h>

#include "base/str.h"
#include "probe/probers.h"

static const struct option push_options[] = {
    {"period", OPT_DURATION, offsetof(struct push_config, period_ms), .min = 1000,
     .max = 366.0 * 86400000, .example = "1h",
     .help = {"How often the job is to be heard of. Either this or a schedule.",
              "任务应多久报告一次；与 schedule 二选一。"}},
    {"schedule", OPT_STRING, offsetof(struct push_config, schedule), .max = 200,
     .example = "0 3 * * *",
     .help = {"When the job runs, as a cron expression; it is to be heard of after each time.",
              "任务的运行时间（cron 表达式）；每次之后都应收到报告。"}},
    {"timezone", OPT_STRING, offsetof(struct push_config, timezone), .def = "", .max = 100,
     .example = "Asia/Shanghai",
     .help = {"Time zone of the schedule and of the times in messages; empty: this machine's.",
              "schedule 与消息中时间所用的时区；留空为本机时区。"}},
    {"grace", OPT_DURATION, offsetof(struct push_config, grace_ms), .def = "5m", .min = 0,
     .max = 31.0 * 86400000,
     .help = {"How much later than expected it may come before it counts as missing.",
              "允许迟到多久，超过即视为缺失。"}},
    {"max_duration", OPT_DURATION, offsetof(struct push_config, max_duration_ms), .def = "0",
     .max = 366.0 * 86400000,
     .help = {"How long a run that said /start may take; 0: until the next one is late.",
              "报告过 /start 的一次运行最长可用多久；0 表示直到下一次迟到为止。"}},
    {"token", OPT_STRING, offsetof(struct push_config, token), .secret = true, .advanced = true,
     .min = PUSH_TOKEN_MIN, .max = PUSH_TOKEN_MAX,
     .help = {"The secret part of its address, letters, digits, - and _; given by Belfry when "
              "absent.",
              "报告地址中的密文部分，由字母、数字、- 和 _ 组成；缺省由 Belfry 生成。"}},
    OPTION_END,
};

static bool token_ok(const char *token)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return token[strspn(token, allowed)] == '\0';
}

static const char *field(struct arena *a, const char *path, const char *name)
{
    return arena_printf(a, "%s%s%s", path, *path ? "." : "", name);
}

static void push_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct push_config *c = config;
    struct err err = {0};
    bool scheduled = c->schedule && *c->schedule;
    if ((c->period_ms > 0) == scheduled)
        problem_add(p, NULL, field(a, path, "period"), "got %s; want a period or a schedule",
                    scheduled ? "both" : "neither");
    if (c->token && !token_ok(c->token))
        problem_add(p, NULL, field(a, path, "token"),
                    "got other characters; want letters, digits, - and _");
    if (scheduled && !(c->cron = cron_parse(c->schedule, c->timezone, &err)))
        problem_add(p, NULL, field(a, path, "schedule"), "%s", err.msg);
    if (!(c->zone = zone_open(c->timezone, &err)))
        problem_add(p, NULL, field(a, path, "timezone"), "%s", err.msg);
}

static void push_done(void *config)
{
    struct push_config *c = config;
    cron_free(&c->cron);
    zone_free(&c->zone);
}

static void push_describe(const void *config, struct buf *out)
{
    const struct push_config *c = config;
    int64_t s = c->period_ms / 1000;
    must(c->period_ms >= 0);
    if (c->schedule && *c->schedule)
        buf_printf(out, "%s", c->schedule);
    else
        buf_printf(out, "every %lld %s",
                   (long long)(s % 3600 == 0 ? s / 3600
                               : s % 60      ? s
                                             : s / 60),
                   s % 3600 == 0 ? "h"
                   : s % 60      ? "s"
                                 : "min");
}

static void push_run(struct probe *p, struct result *r)
{
    must(p->config != NULL);
    result_fail(r, "a push target is not probed: its job reports to it");
}

static const char *const push_schemes[] = {NULL};

const struct prober_ops push_prober = {
    .type = "push",
    .kind = PROBER_JOB,
    .in_core = true,
    .title = {"Job heartbeat (push)", "任务心跳（推送）"},
    .help = {"A job reports to an address of its own each time it ran: late, failed or hanging is "
             "down.",
             "任务每次运行后向专属地址报告；迟到、失败或卡住即为故障。"},
    .schemes = push_schemes,
    .options = push_options,
    .config_size = sizeof(struct push_config),
    .validate = push_validate,
    .done = push_done,
    .describe = push_describe,
    .run = push_run,
};
