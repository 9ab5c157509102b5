/* One whole probe of a target: attempts until one succeeds (seed 003), or a burst with its statistics.
 * Runs on a fiber of a watcher, or of `belfry check`. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "io/fiber.h"
#include "probe/prober.h"

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void run_attempt(const struct probe_env *env, const struct compiled *c,
                        const struct probe_limits *l, int64_t stop_ns, struct arena *a,
                        struct result *out)
{
    int64_t now = clock_mono_ns();
    must(l->timeout_ms > 0 && l->connect_timeout_ms > 0);
    int64_t deadline = min64(now + l->timeout_ms * NS_PER_MS, stop_ns);
    struct probe p = {
        .env = env,
        .config = compiled_config(c),
        .arena = a,
        .deadline_ns = deadline,
        .one_address = l->one_address,
        .connect_deadline_ns = min64(now + l->connect_timeout_ms * NS_PER_MS, deadline),
    };
    result_init(out, a);
    out->success = true; /* until the prober says otherwise */
    out->checked_ms = clock_wall_ms();
    compiled_ops(c)->run(&p, out);
    if (out->latency_us == 0)
        out->latency_us = (clock_mono_ns() - now) / 1000;
    must(out->message != NULL && (out->success || out->message[0]));
    if (l->invert)
        result_invert(out);
}

static void run_attempts(const struct probe_env *env, const struct compiled *c,
                         const struct probe_limits *l, struct arena *a, struct result *out)
{
    int64_t start = clock_mono_ns();
    int64_t stop = l->total_ms > 0 ? start + l->total_ms * NS_PER_MS : IO_FOREVER;
    for (int i = 1;; i++) {
        run_attempt(env, c, l, stop, a, out);
        bool last = out->success || i >= l->attempts || clock_mono_ns() >= stop;
        if (!last)
            continue;
        if (!out->success && i > 1)
            out->message = arena_printf(a, "%s (after %d attempts)", out->message, i);
        else if (i > 1)
            result_warn(out, "succeeded at attempt %d", i);
        return;
    }
}

static int status_of(const struct result *r)
{
    for (int i = 0; i < r->n_metrics; i++)
        if (strcmp(r->metrics[i].name, "probe_http_status_code") == 0)
            return (int)r->metrics[i].num;
    return 0;
}

static void burst_statistics(struct burst_report *b)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < b->n; i++)
        if (b->at[i].success)
            sum += (double)b->at[i].latency_us / 1e6;
    must(b->succeeded >= 0 && b->succeeded <= b->n);
    b->success_ratio = b->n ? (double)b->succeeded / b->n : 0;
    b->mean_s = b->succeeded ? sum / b->succeeded : 0;
    for (int i = 0; i < b->n; i++) {
        double d = (double)b->at[i].latency_us / 1e6 - b->mean_s;
        if (b->at[i].success)
            squares += d * d;
    }
    b->std_s = b->succeeded ? sqrt(squares / b->succeeded) : 0;
}

static void judge_burst(const struct probe_limits *l, const struct burst_report *b,
                        const char *last_failure, struct result *out)
{
    const struct burst *rule = &l->burst;
    double max_mean_s = (double)rule->max_mean_ms / 1000;
    if (b->success_ratio < rule->min_success)
        result_fail(out, "%d of %d requests %s (%.0f %%); want at least %.0f %%: %s", b->succeeded,
                    b->n, l->invert ? "failed" : "succeeded", b->success_ratio * 100,
                    rule->min_success * 100, last_failure);
    else if (l->invert) /* how long a failure takes says nothing */
        result_ok(out, "%d of %d requests failed, as they must", b->succeeded, b->n);
    else if (b->mean_s > max_mean_s)
        result_fail(out, "mean response time %.3f s of %d requests; want at most %.3f s", b->mean_s,
                    b->succeeded, max_mean_s);
    else
        result_ok(out, "%d of %d requests succeeded, mean %.3f s, deviation %.3f s", b->succeeded,
                  b->n, b->mean_s, b->std_s);
    result_metric(out, "probe_burst_requests", b->n);
    result_metric(out, "probe_burst_success_ratio", b->success_ratio);
    result_metric(out, "probe_burst_mean_seconds", b->mean_s);
    result_metric(out, "probe_burst_stddev_seconds", b->std_s);
}

void probe_burst(const struct probe_env *env, const struct compiled *c,
                 const struct probe_limits *l, struct arena *a, struct burst_report *report,
                 struct result *out)
{
    must(l->burst.times > 0);
    *report = (struct burst_report){.at = arena_array_of(a, struct burst_sample, l->burst.times)};
    int64_t start = clock_mono_ns(), begun_ms = clock_wall_ms();
    struct probe_limits one = *l;
    const char *last_failure = "";
    struct arena *scratch cleanup(arena_freep) = arena_new();
    for (int i = 0; i < l->burst.times; i++) {
        int64_t at = start + i * l->burst.delta_ms * NS_PER_MS;
        if (i > 0 && fiber_sleep(at, NULL) != 0 && clock_mono_ns() < at)
            break; /* cancelled: judge what there is */
        run_attempts(env, c, &one, scratch, out);
        struct burst_sample *s = &report->at[report->n++];
        *s = (struct burst_sample){out->success, status_of(out), out->latency_us, ""};
        snprintf(s->address, sizeof(s->address), "%s", out->address ? out->address : "");
        report->succeeded += out->success;
        if (!out->success)
            last_failure = arena_strdup(a, out->message);
        arena_reset(scratch);
    }
    must(report->n >= 1 && report->n <= l->burst.times);
    burst_statistics(report);
    result_init(out, a);
    out->success = true;
    out->checked_ms = begun_ms;
    out->latency_us = (int64_t)(report->mean_s * 1e6);
    out->address = report->n ? report->at[report->n - 1].address : "";
    judge_burst(l, report, last_failure, out);
}

void probe_run(const struct probe_env *env, const struct compiled *c, const struct probe_limits *l,
               struct arena *a, struct result *out)
{
    if (l->burst.times > 0) {
        struct burst_report report;
        probe_burst(env, c, l, a, &report, out);
    } else {
        run_attempts(env, c, l, a, out);
    }
    if (!out->message[0])
        result_ok(out, "ok");
    result_metric(out, "probe_success", out->success);
    result_metric(out, "probe_duration_seconds", (double)out->latency_us / 1e6);
}
