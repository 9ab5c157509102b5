/* `check filesystem`, `check file` and `check system` of Monit as targets that probe this host (import_monit.h): disk, file, load,
 * memory. A test that is no bound of theirs is told. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "cli/import_monit.h"

#define SIZE_BOUND 1e15

/* --- a test: "space usage > 80%", "size < 1 MB", "timestamp > 15 minutes" --- */

struct bound {
    bool above;      /* it is bad above n, else below */
    double n;        /* as it stands there */
    struct str unit; /* "%", "MB", "minutes"; may be empty */
};

static bool bound_of(struct monit_text t, struct bound *out)
{
    static const char *const more[] = {">", "greater", "gt"}, *const less[] = {"<", "less", "lt"};
    size_t i = t.n;
    for (size_t k = 0; k < array_len(more) && i == t.n; k++) {
        i = monit_find(t, more[k]);
        out->above = i < t.n;
        i = i < t.n ? i : monit_find(t, less[k]);
    }
    struct monit_text rest = monit_after(t, i);
    while (rest.n > 0 && (monit_is(&rest.at[0], "than") || monit_is(&rest.at[0], "=")))
        rest = monit_after(rest, 0);
    if (rest.n == 0)
        return false;
    struct str word = rest.at[0].text;
    size_t digits = 0;
    while (digits < word.n && char_in(word.p[digits], "0123456789."))
        digits++;
    out->unit = digits < word.n ? (struct str){word.p + digits, word.n - digits}
                : rest.n > 1    ? rest.at[1].text
                                : (struct str){NULL, 0};
    return str_to_f64((struct str){word.p, digits}, &out->n, NULL) == 0 && out->n >= 0 &&
           out->n < SIZE_BOUND;
}

static bool is_percent(const struct bound *b)
{
    return b->unit.n > 0 && b->unit.p[0] == '%' && b->n <= 100;
}

/* KB, MB, GB, B; 0: it is no size. */
static int64_t bytes_of(const struct bound *b)
{
    char letter = b->unit.n > 0 ? (char)(b->unit.p[0] & ~0x20) : '\0';
    double factor = letter == 'K'   ? 1024
                    : letter == 'M' ? 1048576
                    : letter == 'G' ? 1073741824
                    : letter == 'T' ? 1099511627776.0
                    : letter == 'B' ? 1
                                    : 0;
    return b->n * factor < SIZE_BOUND ? (int64_t)(b->n * factor) : 0;
}

static int64_t ms_of(const struct bound *b)
{
    static const struct {
        const char *word;
        double ms;
    } units[] = {{"second", 1000}, {"minute", 60000}, {"hour", 3600000}, {"day", 86400000}};
    for (size_t i = 0; i < array_len(units); i++)
        if (b->unit.n >= strlen(units[i].word) &&
            strncasecmp(b->unit.p, units[i].word, strlen(units[i].word)) == 0)
            return b->n * units[i].ms < 3e10 ? (int64_t)(b->n * units[i].ms) : 0;
    return 0;
}

static bool has(struct monit_text t, const char *word)
{
    return monit_find(t, word) < t.n;
}

/* --- targets --- */

struct wanted {
    struct monit *m;
    struct str name;
    struct node *config; /* of what is asked first; a second one of `check system` */
    struct node *second;
};

static struct node *section(struct monit *m, struct node *map, const char *key)
{
    if (!node_get(map, key))
        node_put(map, m->arena, key, node_map(m->arena));
    return node_get(map, key);
}

static void put_number(struct monit *m, struct node *map, const char *key, double n)
{
    node_put(map, m->arena, key, node_text(m->arena, arena_printf(m->arena, "%.10g", n)));
}

static void put_duration(struct monit *m, struct node *map, const char *key, int64_t ms)
{
    char text[DURATION_SIZE];
    node_put(map, m->arena, key, node_text(m->arena, duration_format(ms, text)));
}

static bool take_filesystem(struct wanted *w, struct monit_text t, const struct bound *b)
{
    struct node *critical = section(w->m, w->config, "critical");
    bool inodes = has(t, "inode") || has(t, "inodes");
    if (b->above && is_percent(b) && has(t, "usage"))
        put_number(w->m, critical, inodes ? "inodes" : "used", b->n);
    else if (!b->above && !inodes && has(t, "free") && bytes_of(b) > 0)
        node_put(critical, w->m->arena, "min_free", node_int(w->m->arena, bytes_of(b)));
    else if (!b->above && has(t, "free") && is_percent(b))
        put_number(w->m, critical, inodes ? "inodes" : "used", 100 - b->n);
    else
        return false;
    return true;
}

static bool take_file(struct wanted *w, struct monit_text t, const struct bound *b)
{
    struct node *expect = section(w->m, w->config, "expect");
    if ((has(t, "timestamp") || has(t, "mtime")) && ms_of(b) > 0)
        put_duration(w->m, expect, b->above ? "max_age" : "min_age", ms_of(b));
    else if (has(t, "size") && bytes_of(b) > 0)
        node_put(expect, w->m->arena, b->above ? "max_size" : "min_size",
                 node_int(w->m->arena, bytes_of(b)));
    else
        return false;
    return true;
}

/* What of a file is no number: that it is there, what its lines say. */
static bool take_lines(struct wanted *w, struct monit_text t)
{
    struct str pattern = monit_value(t, has(t, "content") ? "content" : "match");
    bool content = has(t, "content") || has(t, "match");
    if (content && !has(t, "not") && pattern.n > 0 && import_is_line(pattern)) {
        struct node *expect = section(w->m, w->config, "expect");
        if (node_get(expect, "not_contains"))
            return false;
        node_put(expect, w->m->arena, "not_contains", import_text(w->m->out, pattern));
        return true;
    }
    return has(t, "not") && (has(t, "exist") || has(t, "exists"));
}

/* loadavg (5min) > 4; memory usage > 80%; swap usage > 20%. */
static bool take_system(struct wanted *w, struct monit_text t, const struct bound *b)
{
    const char *load = has(t, "15min") ? "load15" : has(t, "5min") ? "load5" : "load1";
    const char *memory = has(t, "swap") ? "swap" : "used";
    if (!b->above)
        return false;
    if (has(t, "loadavg") && b->unit.n != 1 && b->n <= 1e6) {
        node_put(w->config, w->m->arena, "per_cpu", node_bool(w->m->arena, has(t, "core")));
        put_number(w->m, section(w->m, w->config, "critical"), load, b->n);
    } else if ((has(t, "memory") || has(t, "swap")) && is_percent(b)) {
        put_number(w->m, section(w->m, w->second, "critical"), memory, b->n);
    } else {
        return false;
    }
    return true;
}

static void add(struct wanted *w, const char *type, struct node *config, const char *suffix,
                struct monit_text t)
{
    if (config->count == 0)
        return;
    const char *name = arena_printf(w->m->arena, "%.*s%s", SHOW(w->name), suffix);
    struct node *target = monit_target(w->m, str_of(name), t);
    node_put(target, w->m->arena, "type", node_text(w->m->arena, type));
    node_put(target, w->m->arena, "config", config);
}

/* Monit says yes or no: there is no warning before. */
static void silence_warnings(struct monit *m, struct node *config)
{
    struct node *critical = section(m, config, "critical"),
                *warning = section(m, config, "warning");
    for (const char *const *key = (const char *const[]){"used", "inodes", NULL}; *key; key++) {
        put_number(m, warning, *key, 0);
        if (!node_get(critical, *key))
            put_number(m, critical, *key, 0);
    }
}

static void settle_memory(struct monit *m, struct node *config)
{
    if (config->count == 0)
        return;
    struct node *warning = section(m, config, "warning"),
                *critical = section(m, config, "critical");
    put_number(m, warning, "used", 0);
    put_number(m, warning, "pressure", 0);
    if (!node_get(critical, "used"))
        put_number(m, critical, "used", 0);
}

void monit_check_here(struct monit *m, struct monit_text check)
{
    struct monit_text rest = check, head = monit_statement(&rest);
    const char *kind = monit_is(&head.at[1], "filesystem") ? "filesystem"
                       : monit_is(&head.at[1], "file")     ? "file"
                                                           : "system";
    struct wanted w = {m, monit_value(head, kind), node_map(m->arena), node_map(m->arena)};
    struct str path = monit_value(head, "path");
    struct node at = monit_place(check);
    bool disk = streq(kind, "filesystem"), file = streq(kind, "file");
    if ((disk || file) && (path.n == 0 || path.p[0] != '/' || !import_is_line(path) ||
                           (disk && str_starts(path, STR("/dev/"))))) {
        import_note(m->out, NULL, &at, "check %s %.*s: not taken over: want %s, got \"%.*s\"", kind,
                    SHOW(w.name), disk ? "the folder where it is mounted" : "an absolute path",
                    SHOW(path));
        return;
    }
    struct monit_text timing = head;
    while (rest.n > 0) {
        struct monit_text one = monit_statement(&rest);
        struct bound b = {0};
        bool bounded = bound_of(one, &b);
        bool taken =
            monit_is(&one.at[0], "if") && ((bounded && (disk   ? take_filesystem(&w, one, &b)
                                                        : file ? take_file(&w, one, &b)
                                                               : take_system(&w, one, &b))) ||
                                           (file && take_lines(&w, one)));
        timing = taken ? one : timing;
        struct node place = monit_place(one);
        if (!taken)
            import_note(m->out, NULL, &place, "check %s %.*s: no counterpart, left out: %s", kind,
                        SHOW(w.name), monit_show(one, m->arena));
    }
    if (disk) {
        struct node *paths = node_list(m->arena);
        node_append(paths, import_text(m->out, path));
        node_put(w.config, m->arena, "paths", paths);
        silence_warnings(m, w.config);
    } else if (file) {
        node_put(w.config, m->arena, "path", import_text(m->out, path));
    }
    settle_memory(m, w.second);
    add(&w, disk ? "disk" : file ? "file" : "load", w.config, disk || file ? "" : " load", timing);
    add(&w, "memory", w.second, " memory", timing);
}
