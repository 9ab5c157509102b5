/* A maintenance's document: its option table, and what it says as a struct. */
#include "api/maintenance_doc.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "api/matcher_doc.h"
#include "base/clock.h"
#include "base/cron.h"
#include "base/str.h"
#include "base/zone.h"

struct schedule_doc {
    int kind;
    struct str_list days;
    const char *from, *to, *cron, *time_zone;
    int64_t duration;
};
struct maintenance_doc {
    const char *title, *starts_at, *ends_at;
    struct str_list groups;
    const struct node *target_ids, *matchers, *schedule_node;
};

static const char *const kinds[] = {"once", "weekly", "cron", NULL};
static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

#define AT(field) offsetof(struct schedule_doc, field)
const struct option maintenance_schedule_options[] = {
    {"kind", OPT_ENUM, AT(kind), .def = "once", .choices = kinds,
     .help = {"How often it takes place.", "重复方式：一次、每周、按 cron。"}},
    {"days", OPT_LIST, AT(days), .max = 7, .example = "[sat, sun]",
     .help = {"weekly: sun, mon, tue, wed, thu, fri, sat; every day when empty.",
              "每周：sun … sat，缺省为每天。"}},
    {"from", OPT_STRING, AT(from), .example = "22:00",
     .help = {"weekly: time of day at which it begins.", "每周：开始时刻。"}},
    {"to", OPT_STRING, AT(to), .example = "02:00",
     .help =
         {"weekly: time of day at which it ends, on the next day when not after `from`; up to 24:00.",
          "每周：结束时刻；不晚于 from 则为次日。"}},
    {"cron", OPT_STRING, AT(cron), .example = "0 3 * * sat",
     .help = {"cron: when it begins.", "cron：开始时间的表达式。"}},
    {"duration", OPT_DURATION, AT(duration), .example = "2h",
     .help = {"cron: for how long.", "cron：持续时间。"}},
    {"time_zone", OPT_STRING, AT(time_zone), .example = "Europe/Berlin",
     .help = {"IANA name; this machine's when absent.", "IANA 时区，缺省为本机时区。"}},
    OPTION_END,
};
#undef AT

#define AT(field) offsetof(struct maintenance_doc, field)
const struct option maintenance_doc_options[] = {
    {"title", OPT_STRING, AT(title), .required = true, .min = 1, .max = 200,
     .help = {"What is done.", "标题。"}},
    {"target_ids", OPT_NODE, AT(target_ids), .help = {"Targets in it.", "涉及的目标。"}},
    {"groups", OPT_LIST, AT(groups), .max = 1000, .help = {"Whole groups.", "涉及的分组。"}},
    {"matchers", OPT_NODE, AT(matchers),
     .help = {"Whatever all of these match: {\"name\", \"op\", \"value\"} or text, env=\"prod\".",
              "标签匹配条件，需全部满足。"}},
    {"schedule", OPT_NODE, AT(schedule_node),
     .help =
         {"When it takes place: kind once, weekly (days, from, to) or cron (cron, duration), time_zone.",
          "重复计划：once、weekly（days、from、to）或 cron（cron、duration），time_zone。"}},
    {"starts_at", OPT_STRING, AT(starts_at),
     .help = {"RFC 3339; now when absent. Of the first and last, when it comes again.",
              "开始时间（RFC 3339），缺省为现在；重复时为整个计划的起点。"}},
    {"ends_at", OPT_STRING, AT(ends_at),
     .help = {"RFC 3339; until it is ended by hand when absent.", "结束时间，缺省为手动结束。"}},
    OPTION_END,
};
#undef AT

static void take_targets(struct call *k, const struct node *n, struct maintenance *m)
{
    if (!n)
        return;
    m->targets = (struct id_list){arena_array_of(k->arena, uint64_t, n->count + 1), 0};
    for (const struct node *i = n->kind == NODE_LIST ? n->first : NULL; i; i = i->next)
        if (i->kind == NODE_INT && i->num > 0)
            m->targets.at[m->targets.n++] = (uint64_t)i->num;
    if (n->kind != NODE_LIST || m->targets.n != n->count)
        problem_add(&k->problems, NULL, "target_ids", "got %s; want a list of ids",
                    node_kind_name(n));
}

static void take_days(struct call *k, const struct str_list *names, struct schedule *out)
{
    for (size_t i = 0; i < names->n; i++) {
        uint32_t day = 0;
        while (day < 7 && strncasecmp(names->at[i], days[day], 3) != 0)
            day++;
        if (day == 7)
            problem_add(&k->problems, NULL, "schedule.days",
                        "got \"%.20s\"; want sun, mon, tue, wed, thu, fri or sat", names->at[i]);
        else
            out->days |= 1u << day;
    }
}

/* "22:00"; 24:00 only where `most` allows it. */
static void take_time_of_day(struct call *k, const char *field, const char *text, int most,
                             int32_t *out)
{
    int hour, minute, end = 0;
    if (text && isdigit((unsigned char)*text) &&
        sscanf(text, "%2d:%2d%n", &hour, &minute, &end) == 2 && text[end] == '\0' && hour >= 0 &&
        minute >= 0 && minute < 60 && hour * 60 + minute <= most)
        *out = hour * 60 + minute;
    else
        problem_add(&k->problems, NULL, field, "got \"%.20s\"; want a time of day as 22:00",
                    text ? text : "");
}

static void take_cron(struct call *k, const struct schedule_doc *d, struct schedule *out)
{
    struct err err = {0};
    struct cron *cron = d->cron ? cron_parse(d->cron, "UTC", &err) : NULL;
    if (!cron)
        problem_add(&k->problems, NULL, "schedule.cron", "%s",
                    d->cron ? err.msg : "it is missing; want as \"0 3 * * sat\"");
    cron_free(&cron);
    if (d->duration <= 0 || d->duration > WINDOW_DURATION_MAX)
        problem_add(&k->problems, NULL, "schedule.duration",
                    "got %lld s; want more than 0 and at most 366d", (long long)d->duration / 1000);
    out->cron = d->cron;
    out->duration_ms = d->duration;
}

static void take_zone(struct call *k, const char *name, struct schedule *out)
{
    struct err err = {0};
    struct zone *zone = zone_open(name, &err);
    if (!zone)
        problem_add(&k->problems, NULL, "schedule.time_zone", "%s", err.msg);
    zone_free(&zone);
    out->zone = name ? name : "";
}

static void take_schedule(struct call *k, const struct node *n, struct schedule *out)
{
    struct schedule_doc d = {0};
    if (n->kind != NODE_MAP) {
        problem_add(&k->problems, NULL, "schedule", "got %s; want an object", node_kind_name(n));
        return;
    }
    if (!options_bind(maintenance_schedule_options, n, &d, k->arena, &k->problems, "schedule"))
        return;
    *out = (struct schedule){.kind = (enum schedule_kind)d.kind};
    take_zone(k, d.time_zone, out);
    if (out->kind == SCHEDULE_CRON)
        take_cron(k, &d, out);
    if (out->kind != SCHEDULE_WEEKLY)
        return;
    take_days(k, &d.days, out);
    take_time_of_day(k, "schedule.from", d.from, 24 * 60 - 1, &out->from_min);
    take_time_of_day(k, "schedule.to", d.to, 24 * 60, &out->to_min);
}

static void take_whom(struct call *k, const struct node *doc, const struct maintenance_doc *d,
                      struct maintenance *out)
{
    take_targets(k, d->target_ids, out);
    if (node_get(doc, "groups")) {
        out->groups = d->groups.at;
        out->n_groups = (uint32_t)d->groups.n;
    }
    if (d->matchers)
        matchers_from_doc(k, d->matchers, "matchers", &out->matchers, &out->n_matchers);
    if (out->targets.n == 0 && out->n_groups == 0 && out->n_matchers == 0)
        problem_add(&k->problems, NULL, "groups",
                    "neither target_ids nor groups nor matchers given; want what it is about");
}

void maintenance_from_doc(struct call *k, const struct node *given, const struct maintenance *old,
                          struct maintenance *out)
{
    struct maintenance_doc d = {0};
    struct node *doc = node_copy(k->arena, given);
    if (old && !node_get(doc, "title"))
        node_put(doc, k->arena, "title", node_text(k->arena, old->title));
    options_bind(maintenance_doc_options, doc, &d, k->arena, &k->problems, "");
    *out = old ? *old : (struct maintenance){.starts_ms = clock_wall_ms()};
    out->title = d.title;
    time_from_doc(k, "starts_at", d.starts_at, &out->starts_ms);
    const struct node *ends = node_get(doc, "ends_at");
    if (ends && ends->kind == NODE_NULL)
        out->ends_ms = 0; /* open again */
    time_from_doc(k, "ends_at", d.ends_at, &out->ends_ms);
    if (d.schedule_node)
        take_schedule(k, d.schedule_node, &out->schedule);
    take_whom(k, doc, &d, out);
}
