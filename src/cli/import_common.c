/* What the importers share (import_priv.h). */
#include "cli/import_priv.h"

#include <string.h>

#include "base/fs.h"
#include "config/config.h"

#define FILE_MAX    (16u << 20)
#define TARGETS_MAX 200000

struct import_file import_read(const char *path, struct arena *a)
{
    struct import_file f = {.name = arena_strdup(a, path)};
    struct buf raw = BUF_INIT(FILE_MAX), clean = BUF_INIT(3 * FILE_MAX);
    if (fs_read(path, &raw, NULL) == 0) {
        utf8_clean(&clean, raw.data != NULL ? raw.data : "", raw.len);
        f.text = (struct str){arena_strndup(a, clean.data != NULL ? clean.data : "", clean.len),
                              clean.len};
    }
    buf_done(&raw);
    buf_done(&clean);
    return f;
}

void import_put_text(struct buf *out, struct str s)
{
    struct buf clean = BUF_INIT(2 * s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '$')
            buf_putc(&clean, '$');
        if (s.p[i] == '\n' || ((unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f))
            buf_putc(&clean, s.p[i]);
    }
    yaml_put_text(out, clean.data != NULL ? (struct str){clean.data, clean.len} : STR(""));
    buf_done(&clean);
}

bool import_is_line(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return s.n <= IMPORT_LINE_MAX && utf8_valid(s.p, s.n);
}

void import_put_comment(struct buf *out, struct str s)
{
    size_t n = utf8_cut(s.p, s.n, 200);
    for (size_t i = 0; i < n;) {
        size_t bytes = utf8_char(s.p + i, n - i);
        if (bytes > 0 && yaml_is_printable(s.p + i, bytes))
            buf_add(out, s.p + i, bytes);
        else
            buf_putc(out, '?');
        i += bytes > 0 ? bytes : 1;
    }
}

static bool has_scheme(struct str s)
{
    return str_contains(s, STR("://")) || str_starts(s, STR("exec:"));
}

/* White space, control characters and the like have no place in a URL. */
static bool is_url(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '"' || s.p[i] == '<' ||
            s.p[i] == '>')
            return false;
    return s.n > 0 && s.n < 4000 && utf8_valid(s.p, s.n);
}

static bool looks_like_host(struct str s)
{
    bool dot = false;
    for (size_t i = 0; i < s.n && s.p[i] != '/' && s.p[i] != ':'; i++)
        dot |= s.p[i] == '.' && i > 0;
    return dot || str_starts(s, STR("localhost"));
}

void import_one(struct str name, struct str url, const struct node *at, struct map_str *seen,
                struct arena *a, import_targets *out, struct problems *p)
{
    if (!is_url(url) || (!has_scheme(url) && !looks_like_host(url))) {
        problem_add(p, at, "", "\"%.*s\" is no URL; left out", (int)utf8_cut(url.p, url.n, 60),
                    url.p);
        return;
    }
    char *text = arena_printf(a, "%s%.*s", has_scheme(url) ? "" : "http://", (int)url.n, url.p);
    if (!has_scheme(url))
        problem_add(p, at, "", "\"%.*s\" has no scheme; taken as %s", (int)url.n, url.p, text);
    if (out->n >= TARGETS_MAX || map_str_put(seen, text, strlen(text), text) != NULL) {
        problem_add(p, at, "", "%s stands there twice; left out", text);
        return;
    }
    if (name.n > 0 && map_str_get(seen, name.p, name.n) != NULL)
        name.n = 0;
    if (name.n > 0)
        map_str_put(seen, name.p, name.n, text);
    struct import_target t = {name, text};
    vec_push(out, t);
}

/* Of the words of a line the one with a scheme is the URL; without any, the first. */
static void read_line(struct str line, const struct node *at, struct map_str *seen, struct arena *a,
                      import_targets *out, struct problems *p)
{
    static const char gaps[] = " \t,;|";
    struct str words[2] = {{NULL, 0}, {NULL, 0}};
    int n = 0;
    for (size_t i = 0; i < line.n;) {
        size_t start = i;
        while (i < line.n && (strchr(gaps, line.p[i]) == NULL || line.p[i] == '\0'))
            i++;
        if (i > start && n < 2)
            words[n++] = (struct str){line.p + start, i - start};
        i++;
    }
    int url = n == 2 && !has_scheme(words[0]) && has_scheme(words[1]) ? 1 : 0;
    if (has_scheme(line) && n == 2 && !has_scheme(words[url]))
        n = 1; /* a gap inside of the URL: told as no URL below */
    struct str name = n == 2 ? words[1 - url] : (struct str){NULL, 0};
    if (name.n > 250 || has_scheme(name))
        name.n = 0;
    import_one(name, words[url].n > 0 ? words[url] : line, at, seen, a, out, p);
}

void import_lines(const struct import_file *f, struct map_str *seen, struct arena *a,
                  import_targets *out, struct problems *p)
{
    struct node at = {.file = f->name, .column = 1};
    struct str rest = f->text, line;
    if (str_starts(rest, STR("\xef\xbb\xbf")))
        rest = (struct str){rest.p + 3, rest.n - 3};
    while (rest.n > 0 && str_next(&rest, '\n', &line)) {
        at.line++;
        line = str_trim(line);
        for (size_t i = 0; i < line.n; i++)
            if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
                line.n = i;
        line = str_trim(line);
        if (line.n > 0)
            read_line(line, &at, seen, a, out, p);
    }
}

int import_check(const struct buf *yaml, struct err *err)
{
    if (yaml->failed)
        return err_set(err, ERR_TOO_LARGE,
                       "cannot import: got more than %zu bytes of configuration", yaml->max);
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct config_input in = {
        .path = "belfry.yaml", .text = yaml->data, .size = yaml->len, .alone = true};
    struct config *c = config_load(&in, NULL, &p);
    int rc = 0;
    if (c == NULL) {
        struct buf text = BUF_INIT(300);
        problem_text(&p.list.at[0], &text);
        rc = err_set(err, ERR_INTERNAL, "the importer wrote a configuration that does not load: %s",
                     text.data);
        buf_done(&text);
    }
    config_unref(&c);
    problems_done(&p);
    arena_free(a);
    return rc;
}
