/* From gathered programs to a fragment of belfry.yaml (import_program.h).
 *
 * The fragment is written and loaded; each problem that the loader tells names a place, "processes.units[3].umask". That
 * key is dropped with a note (the unit, when it cannot be without the key) and the fragment written anew, until it loads.
 * So the rules of units stand in one place, the loader. */
#include "cli/import_program.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "core/hooks.h"

#define ID_MAX         56 /* room for "-99" and "-%i" below the 64 of an id */
#define NOTES_MAX      200
#define ROUNDS_MAX     12
#define ROUNDS_OF_KEYS 6   /* then whole units go */
#define COLUMNS        110 /* of a comment */
#define YAML_MAX       (16u << 20)

/* --- gathering -----------------------------------------------------------------------------------
 */

void import_programs_init(struct import_programs *ps, struct arena *a, struct problems *p)
{
    must(a != NULL && p != NULL);
    *ps = (struct import_programs){.arena = a,
                                   .problems = p,
                                   .monitor = node_map(a),
                                   .targets = node_list(a),
                                   .ids = map_str_new()};
    node_put(ps->monitor, a, "enable", node_bool(a, true));
}

void import_programs_done(struct import_programs *ps)
{
    vec_each (&ps->units, u)
        vec_done(&(*u)->notes);
    vec_done(&ps->units);
    vec_done(&ps->whole.notes);
    map_str_free(ps->ids);
    ps->ids = NULL;
}

static bool id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_';
}

/* The name in letters that an id may have, "program" when none is left. */
static char *clean_id(struct str name, struct arena *a)
{
    char *id = arena_alloc(a, ID_MAX + 1);
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < ID_MAX; i++) {
        bool good = id_char(name.p[i]);
        if (n == 0 && (!good || name.p[i] == '.'))
            continue;
        if (good || id[n - 1] != '-')
            id[n++] = good ? name.p[i] : '-';
    }
    while (n > 0 && id[n - 1] == '-')
        n--;
    must(n <= ID_MAX);
    id[n] = '\0';
    return n > 0 ? id : arena_strdup(a, "program");
}

/* Words that are addresses of the API are taken from the beginning. */
static bool is_taken(const struct import_programs *ps, const char *id)
{
    static const char *const reserved[] = {"status", "options", "start", "stop", "restart"};
    for (size_t i = 0; i < array_len(reserved); i++)
        if (streq(id, reserved[i]))
            return true;
    return map_str_get(ps->ids, id, strlen(id)) != NULL;
}

static char *unique_id(struct import_programs *ps, struct str name, bool several)
{
    const char *clean = clean_id(name, ps->arena);
    char *id = arena_printf(ps->arena, "%s%s", clean, several ? "-%i" : "");
    for (int i = 2; is_taken(ps, id); i++)
        id = arena_printf(ps->arena, "%s-%d%s", clean, i, several ? "-%i" : "");
    return id;
}

struct import_unit *import_unit_add(struct import_programs *ps, struct str origin, bool several,
                                    const struct node *at)
{
    must(ps->ids != NULL);
    struct arena *a = ps->arena;
    struct import_unit *u = arena_new_of(a, struct import_unit);
    *u = (struct import_unit){.doc = node_map(a), .origin = origin};
    if (at != NULL) {
        u->file = at->file;
        u->line = at->line;
    }
    char *id = unique_id(ps, origin, several);
    map_str_put(ps->ids, id, strlen(id), u);
    node_put(u->doc, a, "id", node_text(a, id));
    vec_push(&ps->units, u);
    return u;
}

struct import_unit *import_unit_find(const struct import_programs *ps, struct str origin)
{
    vec_each (&ps->units, u)
        if (str_eq((*u)->origin, origin))
            return *u;
    return NULL;
}

const char *import_unit_id(const struct import_unit *u)
{
    return node_get(u->doc, "id")->text.p;
}

struct node *import_text(struct import_programs *ps, struct str s)
{
    struct buf clean = BUF_INIT(2 * s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        bool drop = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f;
        if (s.p[i] == '$')
            buf_putc(&clean, '$');
        buf_putc(&clean, drop ? ' ' : s.p[i]);
    }
    struct node *n = clean.len > 0 ? node_text(ps->arena, clean.data) : NULL;
    buf_done(&clean);
    return n;
}

void import_set(struct import_programs *ps, struct import_unit *u, const char *key,
                struct node *value)
{
    must(*key != '\0' && u->doc != NULL);
    const char *dot = strchr(key, '.');
    struct node *map = u->doc;
    if (value == NULL)
        return;
    if (dot != NULL) {
        char *section = arena_strndup(ps->arena, key, (size_t)(dot - key));
        if (node_get(map, section) == NULL)
            node_put(map, ps->arena, section, node_map(ps->arena));
        map = node_get(map, section);
        key = dot + 1;
    }
    node_put(map, ps->arena, key, value);
}

void import_set_text(struct import_programs *ps, struct import_unit *u, const char *key,
                     struct str value)
{
    import_set(ps, u, key, import_text(ps, str_trim(value)));
}

void import_set_seconds(struct import_programs *ps, struct import_unit *u, const char *key,
                        double seconds)
{
    char text[DURATION_SIZE];
    if (!(seconds >= 0) || seconds > 1e9)
        return;
    import_set(ps, u, key,
               node_text(ps->arena, duration_format((int64_t)llround(seconds * 1000), text)));
}

static struct node *list_of(struct import_programs *ps, struct import_unit *u, const char *key)
{
    if (node_get(u->doc, key) == NULL)
        node_put(u->doc, ps->arena, key, node_list(ps->arena));
    return node_get(u->doc, key);
}

void import_append(struct import_programs *ps, struct import_unit *u, const char *key,
                   struct str value)
{
    struct node *text = import_text(ps, value);
    node_append(list_of(ps, u, key), text != NULL ? text : node_text(ps->arena, ""));
}

void import_append_int(struct import_programs *ps, struct import_unit *u, const char *key,
                       int64_t value)
{
    node_append(list_of(ps, u, key), node_int(ps->arena, value));
}

static struct node *without(const struct node *map, const char *key, struct arena *a)
{
    struct node *out = node_map(a);
    for (const struct node *c = map->first; c != NULL; c = c->next)
        if (!streq(c->key.p, key))
            node_put(out, a, c->key.p, node_copy(a, c));
    return out;
}

void import_drop(struct import_programs *ps, struct import_unit *u, const char *key)
{
    u->doc = without(u->doc, key, ps->arena);
}

bool import_int(struct str s, int64_t *out)
{
    return str_to_i64(str_trim(s), out, NULL) == 0;
}

void import_note(struct import_programs *ps, struct import_unit *u, const struct node *at,
                 const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(ps->arena, fmt, ap);
    va_end(ap);
    struct import_unit *of = u != NULL ? u : &ps->whole;
    problem_add(ps->problems, at,
                u != NULL ? arena_strndup(ps->arena, u->origin.p, u->origin.n) : "", "%s", text);
    if (of->notes.n < NOTES_MAX)
        vec_push(&of->notes, text);
}

/* --- writing -------------------------------------------------------------------------------------
 */

/* How much of the text goes into a line of COLUMNS: up to a blank where there is one. */
static size_t line_of(struct str text)
{
    size_t n = utf8_cut(text.p, text.n, COLUMNS);
    if (n == text.n)
        return n;
    for (size_t i = n; i > COLUMNS / 2; i--)
        if (text.p[i] == ' ')
            return i;
    return n > 0 ? n : 1;
}

static void put_note(struct buf *out, struct str note, const char *indent)
{
    for (bool first = true; note.n > 0; first = false) {
        size_t n = line_of(note);
        must(n > 0 && n <= note.n);
        buf_printf(out, "%s#%s", indent, first ? " " : "   ");
        import_put_comment(out, str_trim((struct str){note.p, n}));
        buf_putc(out, '\n');
        note = (struct str){note.p + n, note.n - n};
    }
}

static void put_notes(struct buf *out, const struct import_unit *u, const char *indent)
{
    vec_each (&u->notes, note)
        put_note(out, str_of(*note), indent);
}

/* An item of a list: the first line after "- ", the others below it. */
static void put_item(struct buf *out, const struct node *doc, const char *indent)
{
    struct buf text = BUF_INIT(YAML_MAX);
    node_to_yaml(doc, &text);
    struct str rest = {text.data, text.len}, line;
    for (bool first = true; rest.n > 0 && str_next(&rest, '\n', &line); first = false) {
        buf_printf(out, "%s%s", indent, first ? "- " : "  ");
        buf_add(out, line.p, line.n);
        buf_putc(out, '\n');
    }
    buf_done(&text);
}

static void put_section(const struct import_programs *ps, struct buf *out)
{
    buf_puts(out, "processes:\n  monitor:\n");
    for (const struct node *c = ps->monitor->first; c != NULL; c = c->next) {
        buf_printf(out, "    %s: ", c->key.p);
        node_to_yaml(c, out);
    }
    buf_puts(out, ps->units.n > 0 ? "  units:\n" : "  units: []\n");
    vec_each (&ps->units, u) {
        put_notes(out, *u, "    ");
        put_item(out, (*u)->doc, "    ");
    }
}

static void put_all(const struct import_programs *ps, const char *head, struct buf *out)
{
    buf_clear(out);
    buf_puts(out, head);
    put_notes(out, &ps->whole, "");
    put_section(ps, out);
    if (ps->targets->count == 0)
        return;
    buf_puts(out, "groups:\n  - name: imported\n    targets:\n");
    for (const struct node *t = ps->targets->first; t != NULL; t = t->next)
        put_item(out, t, "      ");
}

/* --- what Belfry refuses -------------------------------------------------------------------------
 */

static void drop_unit(struct import_programs *ps, struct import_unit *u, const char *why)
{
    import_note(ps, NULL, NULL, "%.*s is left out: %s", SHOW(u->origin), why);
    u->doc = NULL;
}

/* field: "processes.units[3].limits: …" or what it begins with. */
static struct import_unit *refused(const struct import_programs *ps, const char *field, char *key,
                                   size_t size)
{
    size_t index;
    int n = 0;
    key[0] = '\0';
    if (sscanf(field, "processes.units[%zu]%n", &index, &n) != 1 || n == 0 || index >= ps->units.n)
        return NULL;
    if (field[n] == '.')
        snprintf(key, size, "%.*s", (int)strcspn(field + n + 1, ".[: "), field + n + 1);
    return ps->units.at[index];
}

static void drop_key(struct import_programs *ps, struct import_unit *u, const char *key,
                     const char *why)
{
    if (node_get(u->doc, key) == NULL)
        return; /* two problems with one key */
    struct node at = {.file = u->file, .line = u->line, .column = 1};
    import_note(ps, u, &at, "%s: left out: %s", key, why);
    u->doc = without(u->doc, key, ps->arena);
}

/* field: "groups[0].targets[3]…" */
static void drop_target(struct import_programs *ps, const char *field, const char *why)
{
    size_t index;
    if (sscanf(field, "groups[0].targets[%zu]", &index) != 1)
        return;
    struct node *c = ps->targets->first;
    for (; c != NULL && index > 0; index--)
        c = c->next;
    if (c == NULL || c->kind == NODE_NULL)
        return;
    import_note(ps, NULL, NULL, "the target %s is left out: %s", node_get(c, "name")->text.p, why);
    c->kind = NODE_NULL; /* taken away by sweep */
}

static void drop_refused(struct import_programs *ps, const struct problems *told, bool whole)
{
    vec_each (&told->list, one) {
        drop_target(ps, one->field, one->message);
        char key[64];
        struct import_unit *u = refused(ps, one->field, key, sizeof(key));
        if (u == NULL || u->doc == NULL)
            continue;
        const char *why = arena_strdup(ps->arena, one->message);
        bool needed = key[0] == '\0' || streq(key, "id") || streq(key, "command");
        if (whole || needed || node_get(u->doc, key) == NULL)
            drop_unit(ps, u, why);
        else
            drop_key(ps, u, key, why);
    }
}

static bool is_there(const struct import_programs *ps, const char *id)
{
    const struct import_unit *u = map_str_get(ps->ids, id, strlen(id));
    return u != NULL && u->doc != NULL;
}

/* after and requires name units that are still there. */
static void forget_names(struct import_programs *ps, struct import_unit *u, const char *key)
{
    const struct node *old = node_get(u->doc, key);
    struct node *kept = node_list(ps->arena);
    if (old == NULL)
        return;
    for (const struct node *c = old->first; c != NULL; c = c->next)
        if (is_there(ps, c->text.p))
            node_append(kept, node_copy(ps->arena, c));
    if (kept->count > 0)
        node_put(u->doc, ps->arena, key, kept);
    else
        u->doc = without(u->doc, key, ps->arena);
}

static void sweep(struct import_programs *ps)
{
    size_t n = 0;
    for (size_t i = 0; i < ps->units.n; i++) {
        struct import_unit *u = ps->units.at[i];
        if (u->doc != NULL)
            ps->units.at[n++] = u;
        else
            vec_done(&u->notes);
    }
    must(n <= ps->units.n);
    ps->units.n = n;
    struct node *kept = node_list(ps->arena);
    for (const struct node *t = ps->targets->first; t != NULL; t = t->next)
        if (t->kind == NODE_MAP)
            node_append(kept, node_copy(ps->arena, t));
    ps->targets = kept;
    vec_each (&ps->units, u) {
        forget_names(ps, *u, "after");
        forget_names(ps, *u, "requires");
    }
}

/* Circle after circle is told: there is no use in going on with them. */
static void drop_order(struct import_programs *ps)
{
    import_note(ps, NULL, NULL,
                "the order of starting (after, requires) is left out: it has circles");
    vec_each (&ps->units, u)
        (*u)->doc = without(without((*u)->doc, "after", ps->arena), "requires", ps->arena);
}

/* Loads the text; what is refused is dropped. True: it loads as it is. */
static bool drop_faults(struct import_programs *ps, const struct buf *yaml, bool whole)
{
    struct arena *scratch = arena_new();
    struct problems p;
    problems_init(&p, scratch);
    p.limit = 10000;
    struct config_input in = {
        .path = "belfry.yaml", .text = yaml->data, .size = yaml->len, .alone = true};
    struct config *c = config_load(&in, core_config_hooks(), &p);
    bool good = c != NULL;
    config_unref(&c);
    if (!good) {
        drop_refused(ps, &p, whole);
        sweep(ps);
    }
    problems_done(&p);
    arena_free(scratch);
    return good;
}

int import_programs_write(struct import_programs *ps, const char *head, struct buf *yaml,
                          struct err *err)
{
    must(ps->ids != NULL && ps->targets->kind == NODE_LIST);
    if (ps->units.n > IMPORT_UNITS_MAX)
        return err_set(err, ERR_TOO_LARGE, "cannot import: got %zu programs; want at most %d",
                       ps->units.n, IMPORT_UNITS_MAX);
    sweep(ps);
    put_all(ps, head, yaml);
    for (int i = 0; i < ROUNDS_MAX && !yaml->failed; i++) {
        if (drop_faults(ps, yaml, i >= ROUNDS_OF_KEYS))
            return 0;
        if (i == ROUNDS_OF_KEYS - 1)
            drop_order(ps);
        put_all(ps, head, yaml);
    }
    if (yaml->failed)
        return import_check(yaml, err); /* says that it is too large */
    return err_set(err, ERR_INTERNAL, "the importer wrote programs that do not load");
}
