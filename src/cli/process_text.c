/* See process_priv.h: what `belfry process` says, and when it has waited long enough. Pure. */
#include <math.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/process_priv.h"

double field_num(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    if (n && n->kind == NODE_INT)
        return (double)n->num;
    return n && n->kind == NODE_F64 ? n->f64 : 0;
}

bool field_flag(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_BOOL && n->flag;
}

const char *process_id(const struct node *item)
{
    const struct node *n = node_get(item, "id");
    return n && n->kind == NODE_TEXT ? n->text.p : "";
}

/* The two greatest units. */
const char *human_seconds(double seconds, struct arena *a)
{
    if (!(seconds > 0) || seconds > 1e12)
        return "-";
    long long s = (long long)seconds;
    if (seconds < 1)
        return arena_printf(a, "%.0fms", seconds * 1000);
    if (s < 60)
        return arena_printf(a, "%llds", s);
    if (s < 3600)
        return arena_printf(a, "%lldm%llds", s / 60, s % 60);
    if (s < 86400)
        return arena_printf(a, "%lldh%lldm", s / 3600, s / 60 % 60);
    return arena_printf(a, "%lldd%lldh", s / 86400, s / 3600 % 24);
}

const char *human_bytes(double bytes, struct arena *a)
{
    static const char units[] = "BKMGTPE";
    size_t i = 0;
    if (!(bytes > 0))
        return "-";
    for (; bytes >= 1000 && i + 2 < sizeof(units); i++)
        bytes /= 1024;
    return arena_printf(a, i > 0 && bytes < 99.95 ? "%.1f%c" : "%.0f%c", bytes, units[i]);
}

static bool is_one_of(const char *text, const char *words)
{
    struct str rest = str_of(words), word;
    while (str_next(&rest, ' ', &word))
        if (str_eqz(word, text))
            return true;
    return false;
}

static const char *text_of(const struct node *item, const char *key)
{
    const struct node *n = node_get(item, key);
    return n && n->kind == NODE_TEXT ? n->text.p : "";
}

/* A restart that is due in a moment may still go well. */
static bool starts_soon(const struct node *item)
{
    const char *next = text_of(item, "next_start_at");
    int64_t at_ms = 0;
    return !*next || time_parse(str_of(next), &at_ms, NULL) != 0 || at_ms < clock_wall_ms() + 1500;
}

enum process_rest process_rest(const struct node *item, const char *wanted)
{
    const char *status = text_of(item, "status");
    const struct node *exit = node_get(item, "exit");
    if (streq(wanted, "stop"))
        return is_one_of(status, "stopped crashed fatal") ? REST_GOOD : REST_NOT_YET;
    if (is_one_of(status, "running ready"))
        return REST_GOOD;
    if (streq(status, "stopped")) /* one that is to end did so, or it ended at once */
        return exit && exit->kind == NODE_MAP && field_flag(exit, "failure") ? REST_BAD : REST_GOOD;
    if (is_one_of(status, "crashed fatal backoff"))
        return REST_BAD;
    return streq(status, "restarting") && !starts_soon(item) ? REST_BAD : REST_NOT_YET;
}

/* "in 12s" of a time to come; NULL when it is none. */
static const char *until(const struct node *item, const char *key, struct arena *a)
{
    const char *text = text_of(item, key);
    int64_t at_ms = 0, now = clock_wall_ms();
    if (!*text || time_parse(str_of(text), &at_ms, NULL) != 0 || at_ms <= now)
        return NULL;
    return arena_printf(a, "in %s", human_seconds((double)(at_ms - now) / 1000, a));
}

const char *process_note(const struct node *item, struct arena *a)
{
    const char *message = text_of(item, "message");
    const char *start = until(item, "next_start_at", a), *run = until(item, "next_run_at", a);
    const char *next = start ? start : run;
    return arena_printf(a, "%s%s%s%s%s", field_flag(item, "enabled") ? "" : "[monitor off] ",
                        message, next && *message ? "; " : "",
                        !next   ? ""
                        : start ? "starts "
                                : "runs ",
                        next ? next : "");
}

const char *process_line(const struct node *item, struct arena *a)
{
    const char *status = text_of(item, "status"), *message = text_of(item, "message");
    long long pid = (long long)field_num(item, "pid");
    if (pid > 0 && is_one_of(status, "running ready"))
        return arena_printf(a, "%s: %s (pid %lld)", process_id(item), status, pid);
    return arena_printf(a, "%s: %s%s%s", process_id(item), status, *message ? ": " : "", message);
}
