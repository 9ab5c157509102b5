/* Units among each other (config/process.h): no id twice, every name in after and requires is that of a unit or of all
 * replicas of one, and nobody waits for itself in a circle. Pure. */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "config/process_priv.h"

struct crowd {
    struct process_unit *units;
    uint32_t n;
    struct map_str *ids;       /* id → index + 1 */
    struct map_str *templates; /* "worker-%i" → index + 1 of its first replica; the others follow */
    struct arena *arena;
    struct problems *problems;
    bool good;
};

static void fault(struct crowd *c, const struct process_unit *u, const char *key, const char *fmt,
                  ...) printf_like(4, 5);
static void fault(struct crowd *c, const struct process_unit *u, const char *key, const char *fmt,
                  ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(c->arena, fmt, ap);
    va_end(ap);
    c->good = false;
    const struct problems *p = c->problems;
    const struct node *at = u->at != NULL ? node_get(u->at, key) : NULL;
    if (p->list.n > 0 && streq(p->list.at[p->list.n - 1].message, text))
        return; /* the next replica's */
    const char *path = u->path != NULL ? u->path : "";
    problem_add(c->problems, at != NULL ? at : u->at,
                arena_printf(c->arena, "%s%s%s", path, path[0] != '\0' ? "." : "", key), "%s",
                text);
}

static uint32_t find(const struct map_str *names, const char *name)
{
    return (uint32_t)(uintptr_t)map_str_get(names, name, strlen(name));
}

/* --- ids -----------------------------------------------------------------------------------------
 */

static void add_id(struct crowd *c, uint32_t i)
{
    const struct process_unit *u = &c->units[i];
    const char *id = u->config->id;
    uint32_t had = find(c->ids, id);
    if (had == 0) {
        map_str_put(c->ids, id, strlen(id), (void *)(uintptr_t)(i + 1));
    } else {
        const struct node *at = c->units[had - 1].at;
        if (at != NULL && at->file != NULL)
            fault(c, u, "id", "the id \"%s\" is taken by the unit in %s:%u", id, at->file,
                  at->line);
        else
            fault(c, u, "id", "the id \"%s\" is taken", id);
    }
    if (u->replica > 0 && find(c->templates, u->template_id) == 0)
        map_str_put(c->templates, u->template_id, strlen(u->template_id),
                    (void *)(uintptr_t)(i + 1));
}

/* --- names in after and requires -----------------------------------------------------------------
 */

static void unknown(struct crowd *c, const struct process_unit *u, const char *key,
                    const char *name)
{
    const char *known[256], *nearest;
    size_t n = 0;
    for (uint32_t i = 0; i < c->n && n < array_len(known); i++)
        if (c->units[i].config->id != u->config->id)
            known[n++] = c->units[i].config->id;
    nearest = str_nearest(name, known, n);
    fault(c, u, key, "there is no unit \"%s\"%s%s%s", name,
          nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
          nearest != NULL ? "\"?" : "");
}

typedef vec_of(const char *) name_list;

static void add_name(struct crowd *c, const struct process_unit *u, const char *key,
                     const char *name, name_list *out)
{
    if (find(c->ids, name) != 0) {
        vec_push(out, name);
        return;
    }
    uint32_t first = find(c->templates, name);
    if (first == 0) {
        unknown(c, u, key, name);
        return;
    }
    for (uint32_t i = first - 1; i < c->n && streq(c->units[i].template_id, name); i++)
        vec_push(out, c->units[i].config->id);
}

/* Returns whether the list changed. */
static bool rewrite(struct crowd *c, const struct process_unit *u, const char *key,
                    struct str_list *list)
{
    name_list names = {0};
    for (size_t i = 0; i < list->n; i++)
        add_name(c, u, key, list->at[i], &names);
    bool same = names.n == list->n;
    for (size_t i = 0; same && i < list->n; i++)
        same = streq(list->at[i], names.at[i]);
    if (!same) {
        list->at = arena_array_of(c->arena, const char *, names.n + 1);
        if (names.n > 0)
            memcpy(list->at, names.at, names.n * sizeof(*names.at));
        list->n = names.n;
    }
    vec_done(&names);
    return !same;
}

static void resolve_names(struct crowd *c, struct process_unit *u)
{
    if (u->config->after.n == 0 && u->config->requires.n == 0)
        return;
    struct process_config *fresh = arena_memdup(c->arena, u->config, sizeof(*u->config));
    bool changed = rewrite(c, u, "after", &fresh->after);
    changed |= rewrite(c, u, "requires", &fresh->requires);
    if (!changed || !c->good)
        return;
    u->config = fresh;
    u->doc = process_document(fresh, c->arena);
}

/* --- circles -------------------------------------------------------------------------------------
 */

/* A walk from unit to unit, depth first; `stack` is the way that was taken. */
struct walk {
    uint8_t *seen;   /* 0 new, 1 on the stack, 2 done */
    uint32_t *stack; /* indices */
    size_t *next;    /* of each unit: the next of its names to follow */
    size_t depth;
};

static void enter(struct walk *w, uint32_t i)
{
    must(w->seen[i] == 0);
    w->seen[i] = 1;
    w->next[i] = 0;
    w->stack[w->depth++] = i;
}

static const char *needed(const struct process_config *c, size_t i)
{
    if (i < c->requires.n)
    return c->requires.at[i];
    i -= c->requires.n;
    return i < c->after.n ? c->after.at[i] : NULL;
}

#define CIRCLE_SHOWN 8
/* "a → b → c → a" */
static void tell_circle(struct crowd *c, const struct walk *w, uint32_t back)
{
    size_t from = w->depth;
    while (from > 0 && w->stack[from - 1] != back)
        from--;
    must(from > 0);
    struct buf text = BUF_INIT(4096);
    for (size_t i = from - 1; i < w->depth; i++) {
        if (i - (from - 1) < CIRCLE_SHOWN)
            buf_printf(&text, "%s → ", c->units[w->stack[i]].config->id);
        else if (i - (from - 1) == CIRCLE_SHOWN)
            buf_puts(&text, "… → ");
    }
    const struct process_unit *u = &c->units[back];
    buf_puts(&text, u->config->id);
    fault(c, u, u->config->requires.n > 0 ? "requires" : "after",
          "the unit waits for itself in a circle: %s", text.data);
    buf_done(&text);
}

/* False: a circle was told. */
static bool walk_from(struct crowd *c, struct walk *w, uint32_t start)
{
    enter(w, start);
    while (w->depth > 0) {
        uint32_t i = w->stack[w->depth - 1];
        must(i < c->n && w->depth <= c->n);
        const char *name = needed(c->units[i].config, w->next[i]++);
        if (name == NULL) {
            w->seen[i] = 2;
            w->depth--;
            continue;
        }
        uint32_t to = find(c->ids, name);
        must(to > 0);
        if (w->seen[to - 1] == 1) {
            tell_circle(c, w, to - 1);
            return false;
        }
        if (w->seen[to - 1] == 0)
            enter(w, to - 1);
    }
    return true;
}

static void check_circles(struct crowd *c)
{
    struct arena *scratch = arena_new();
    struct walk w = {.seen = arena_array_of(scratch, uint8_t, c->n + 1),
                     .stack = arena_array_of(scratch, uint32_t, c->n + 1),
                     .next = arena_array_of(scratch, size_t, c->n + 1)};
    for (uint32_t i = 0; i < c->n; i++)
        if (w.seen[i] == 0 && !walk_from(c, &w, i))
            break;
    arena_free(scratch);
}

bool process_check_all(struct process_unit *units, uint32_t n, struct arena *a, struct problems *p)
{
    must(units != NULL || n == 0);
    struct crowd c = {.units = units,
                      .n = n,
                      .ids = map_str_new(),
                      .templates = map_str_new(),
                      .arena = a,
                      .problems = p,
                      .good = true};
    if (n > PROCESS_UNITS_MAX) {
        fault(&c, &units[0], "id", "got %u units; want at most %d", n, PROCESS_UNITS_MAX);
    } else {
        for (uint32_t i = 0; i < n; i++)
            add_id(&c, i);
        for (uint32_t i = 0; i < n; i++)
            resolve_names(&c, &units[i]);
        if (c.good)
            check_circles(&c);
    }
    map_str_free(c.ids);
    map_str_free(c.templates);
    return c.good;
}
