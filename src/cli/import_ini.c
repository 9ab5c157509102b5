/* INI files as three families read them (import_ini.h). A logical line may be several of the file; it is gathered first,
 * then divided at its equals sign. */
#include "cli/import_ini.h"

#include <string.h>
#include <strings.h>

struct reader {
    enum ini_style style;
    struct arena *arena;
    ini *out;
    struct problems *problems;
    struct str section;
    struct buf gathered; /* INI_SYSTEMD: the lines so far of one that goes on */
    struct node at;
    uint32_t first_line; /* of what was gathered */
};

bool ini_same(struct str a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

bool ini_is_true(struct str s)
{
    return ini_same(s, "true") || ini_same(s, "yes") || ini_same(s, "on") || str_eqz(s, "1");
}

struct node ini_place(const struct ini_entry *e)
{
    return (struct node){.file = e->file, .line = e->line, .column = 1};
}

static bool is_comment(struct str line)
{
    return line.n > 0 && (line.p[0] == '#' || line.p[0] == ';');
}

/* Python's configparser ends a value at a comment sign with white space before it. */
static struct str without_comment(struct str line)
{
    for (size_t i = 1; i < line.n; i++)
        if ((line.p[i] == ';' || line.p[i] == '#') &&
            (line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
            return str_trim((struct str){line.p, i});
    return line;
}

static void add_entry(struct reader *r, struct str line)
{
    struct str key, value;
    if (line.p[0] == '[' && line.p[line.n - 1] == ']') {
        r->section = str_trim((struct str){line.p + 1, line.n - 2});
        return;
    }
    const char *equals = memchr(line.p, '=', line.n), *colon = memchr(line.p, ':', line.n);
    bool by_colon = r->style != INI_SYSTEMD && colon != NULL &&
                    (equals == NULL || (r->style == INI_PYTHON && colon < equals));
    if (!str_cut(line, by_colon ? ':' : '=', &key, &value)) {
        problem_add(r->problems, &r->at, "", "want key=value; left out");
        return;
    }
    struct ini_entry e = {r->section, str_trim(key), str_trim(value),
                          r->at.file, r->at.line,    false};
    vec_push(r->out, e);
}

/* An indented line belongs to the value above it. */
static bool goes_on(struct reader *r, struct str raw, struct str line)
{
    bool indented = raw.n > 0 && (raw.p[0] == ' ' || raw.p[0] == '\t');
    if (r->style != INI_PYTHON || !indented || r->out->n == 0)
        return false;
    struct ini_entry *last = &r->out->at[r->out->n - 1];
    if (!str_eq(last->section, r->section) || last->value.n + line.n > (1u << 20))
        return false;
    char *joined = arena_printf(r->arena, "%.*s%s%.*s", (int)last->value.n, last->value.p,
                                last->value.n > 0 ? "\n" : "", (int)line.n, line.p);
    last->value = str_of(joined);
    return true;
}

/* Keeps a line that ends in a backslash for the next one; false: *line is whole. */
static bool gather(struct reader *r, struct str *line)
{
    bool open = r->gathered.len > 0;
    bool more = line->n > 0 && line->p[line->n - 1] == '\\';
    if (r->style != INI_SYSTEMD || (!more && !open))
        return false;
    if (!open)
        r->first_line = r->at.line;
    buf_add(&r->gathered, line->p, line->n - more);
    if (more) {
        buf_putc(&r->gathered, ' ');
        return true;
    }
    *line = str_trim(
        (struct str){arena_strndup(r->arena, r->gathered.data, r->gathered.len), r->gathered.len});
    buf_clear(&r->gathered);
    return false;
}

static void add_line(struct reader *r, struct str raw)
{
    struct str line = str_trim(raw);
    if (is_comment(line) || (line.n == 0 && r->gathered.len == 0))
        return;
    if (r->style == INI_PYTHON)
        line = without_comment(line);
    if (gather(r, &line) || line.n == 0 || goes_on(r, raw, line))
        return;
    uint32_t here = r->at.line;
    if (r->first_line > 0)
        r->at.line = r->first_line;
    r->first_line = 0;
    add_entry(r, line);
    r->at.line = here;
}

void ini_parse(struct str text, const char *file, enum ini_style style, struct arena *a, ini *out,
               struct problems *p)
{
    must(out != NULL && p != NULL);
    struct str line;
    struct reader r = {.style = style,
                       .arena = a,
                       .out = out,
                       .problems = p,
                       .section = STR(""),
                       .gathered = BUF_INIT(1 << 20),
                       .at = {.file = file, .column = 1}};
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = (struct str){text.p + 3, text.n - 3};
    while (text.n > 0 && str_next(&text, '\n', &line)) {
        r.at.line++;
        add_line(&r, line);
    }
    if (r.gathered.len > 0) /* the file ends in a backslash */
        add_line(&r, STR(""));
    buf_done(&r.gathered);
}

struct ini_entry *ini_get(ini *conf, struct str section, const char *key)
{
    struct ini_entry *found = NULL;
    vec_each (conf, e) {
        if (e->section.n != section.n || strncasecmp(e->section.p, section.p, section.n) != 0 ||
            !ini_same(e->key, key))
            continue;
        e->used = true;
        if (e->value.n > 0)
            found = e;
    }
    return found;
}

struct str ini_text(ini *conf, struct str section, const char *key)
{
    const struct ini_entry *e = ini_get(conf, section, key);
    return e != NULL ? e->value : STR("");
}
