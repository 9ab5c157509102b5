/* Command lines of systemd as commands of units (import_systemd.h). Words have systemd's quotes and escapes. Where a line
 * has variables, or there are several lines, they become one text for /bin/sh -c: $NAME as a whole word is divided at
 * blanks by both, ${NAME} by neither. */
#include <string.h>
#include <unistd.h>

#include "cli/import_systemd.h"

/* --- specifiers ----------------------------------------------------------------------------------
 */

static struct str cut_suffix(struct str s, char at)
{
    const char *dot = memrchr(s.p, at, s.n);
    return dot != NULL ? (struct str){s.p, (size_t)(dot - s.p)} : s;
}

static struct str instance_of(struct str stem)
{
    struct str prefix, instance;
    return str_cut(stem, '@', &prefix, &instance) ? instance : STR("");
}

static bool put_specifier(const struct service *s, char c, struct buf *out)
{
    static const struct {
        char letter;
        const char *text;
    } fixed[] = {{'%', "%"},        {'t', "/run"},   {'S', "/var/lib"}, {'C', "/var/cache"},
                 {'L', "/var/log"}, {'E', "/etc"},   {'T', "/tmp"},     {'V', "/var/tmp"},
                 {'u', "root"},     {'U', "0"},      {'h', "/root"},    {'g', "root"},
                 {'G', "0"},        {'s', "/bin/sh"}};
    struct str stem = cut_suffix(s->name, '.'), text = {NULL, 0};
    char host[256] = "";
    for (size_t i = 0; i < array_len(fixed); i++)
        if (fixed[i].letter == c)
            text = str_of(fixed[i].text);
    if (c == 'n')
        text = s->name;
    else if (c == 'N')
        text = stem;
    else if (c == 'i' || c == 'I')
        text = instance_of(stem);
    else if (c == 'p' || c == 'P')
        text = cut_suffix(stem, '@');
    else if ((c == 'H' || c == 'l') && gethostname(host, sizeof(host) - 1) == 0)
        text = str_of(host);
    if (text.p == NULL)
        return false;
    buf_add(out, text.p, text.n);
    return true;
}

struct str service_expand(struct service *s, struct str text)
{
    struct buf out = BUF_INIT(1 << 20);
    if (text.n == 0 || memchr(text.p, '%', text.n) == NULL)
        return text;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '%' && i + 1 < text.n && put_specifier(s, text.p[i + 1], &out))
            i++;
        else
            buf_putc(&out, text.p[i]);
    }
    struct str done = {arena_strndup(s->arena, out.data != NULL ? out.data : "", out.len), out.len};
    buf_done(&out);
    return done;
}

/* --- words ---------------------------------------------------------------------------------------
 */

/* The character that stands behind a backslash. */
static char escaped(char c)
{
    static const char from[] = "abfnrtvs", to[] = "\a\b\f\n\r\t\v ";
    const char *hit = c != '\0' ? strchr(from, c) : NULL;
    return hit != NULL ? to[hit - from] : c;
}

void service_words(struct str text, struct arena *a, str_vec *out)
{
    char *room = arena_alloc(a, text.n + 1), quote = '\0';
    size_t start = 0, n = 0;
    bool open = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool blank = c == ' ' || c == '\t' || c == '\n';
        if (quote == '\0' && blank) {
            if (open)
                vec_push(out, ((struct str){room + start, n - start}));
            open = false;
            start = n;
            continue;
        }
        open = true;
        if (c == '\\' && i + 1 < text.n && quote != '\'')
            room[n++] = escaped(text.p[++i]);
        else if (quote == '\0' && (c == '"' || c == '\''))
            quote = c;
        else if (quote != '\0' && c == quote)
            quote = '\0';
        else
            room[n++] = c;
    }
    if (open)
        vec_push(out, ((struct str){room + start, n - start}));
}

/* --- lines ---------------------------------------------------------------------------------------
 */

static bool has_variable(struct str w)
{
    for (size_t i = 0; i + 1 < w.n; i++)
        if (w.p[i] == '$')
            return true;
    return false;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* $NAME and nothing else. */
static bool is_whole_variable(struct str w)
{
    for (size_t i = 1; i < w.n; i++)
        if (!is_name_char(w.p[i]))
            return false;
    return w.n > 1 && w.p[0] == '$' && !(w.p[1] >= '0' && w.p[1] <= '9');
}

static void put_double_quoted(struct str w, struct buf *out)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < w.n; i++) {
        bool dollar = w.p[i] == '$';
        bool keep = dollar && i + 1 < w.n && (w.p[i + 1] == '{' || is_name_char(w.p[i + 1]));
        if ((dollar && !keep) || w.p[i] == '"' || w.p[i] == '\\' || w.p[i] == '`')
            buf_putc(out, '\\');
        buf_putc(out, w.p[i]);
        i += dollar && i + 1 < w.n && w.p[i + 1] == '$'; /* $$ is a dollar sign */
    }
    buf_putc(out, '"');
}

static void put_quoted(struct str w, struct buf *out)
{
    buf_putc(out, '\'');
    for (size_t i = 0; i < w.n; i++) {
        if (w.p[i] == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, w.p[i]);
    }
    buf_putc(out, '\'');
}

static bool needs_quotes(struct str w)
{
    for (size_t i = 0; i < w.n; i++)
        if (!is_name_char(w.p[i]) && (w.p[i] == '\0' || strchr("/.-+:,@%=", w.p[i]) == NULL))
            return true;
    return w.n == 0;
}

static void put_shell_word(struct str w, bool literal, struct buf *out)
{
    if (!literal && is_whole_variable(w))
        buf_add(out, w.p, w.n);
    else if (!literal && has_variable(w))
        put_double_quoted(w, out);
    else if (needs_quotes(w))
        put_quoted(w, out);
    else
        buf_add(out, w.p, w.n);
}

struct line {
    bool ignore, literal, renamed, raised; /* the prefixes -, :, @, and + ! !! */
    str_vec words;
};

static struct line parse_line(struct str text, struct arena *a)
{
    struct line l = {0};
    text = str_trim(text);
    while (text.n > 0 && strchr("-:@+!|", text.p[0]) != NULL && text.p[0] != '\0') {
        l.ignore |= text.p[0] == '-';
        l.literal |= text.p[0] == ':';
        l.renamed |= text.p[0] == '@';
        l.raised |= text.p[0] == '+' || text.p[0] == '!';
        text = (struct str){text.p + 1, text.n - 1};
    }
    service_words(text, a, &l.words);
    if (l.renamed && l.words.n > 1) { /* the second word is argv[0] */
        memmove(&l.words.at[1], &l.words.at[2], (l.words.n - 2) * sizeof(*l.words.at));
        l.words.n--;
    }
    return l;
}

static bool is_simple(const struct line *l)
{
    vec_each (&l->words, w)
        if ((!l->literal && has_variable(*w)) || str_eqz(*w, ";"))
            return false;
    return !l->ignore && l->words.n > 0;
}

/* The line for a shell; ";" as a word stands between two commands. */
static void put_line(const struct line *l, bool last_alone, struct buf *out)
{
    buf_puts(out, l->ignore ? "{ " : last_alone ? "exec " : "");
    for (size_t i = 0; i < l->words.n; i++) {
        bool sep = str_eqz(l->words.at[i], ";");
        buf_puts(out, i > 0 && !sep ? " " : "");
        if (sep)
            buf_puts(out, " &&");
        else
            put_shell_word(l->words.at[i], l->literal, out);
    }
    buf_puts(out, l->ignore ? " || true; }" : "");
}

static bool has_separator(const struct line *l)
{
    vec_each (&l->words, w)
        if (str_eqz(*w, ";"))
            return true;
    return false;
}

typedef vec_of(struct line) line_vec;

static struct str shell_text(struct service *s, const line_vec *lines)
{
    struct buf out = BUF_INIT(1 << 20);
    vec_each (lines, l) {
        buf_puts(&out, out.len > 0 ? " && " : "");
        put_line(l, lines->n == 1 && !has_separator(l), &out);
    }
    struct str text = {arena_strndup(s->arena, out.data != NULL ? out.data : "", out.len), out.len};
    buf_done(&out);
    return text;
}

static void set_lines(struct service *s, const line_vec *lines, const char *to)
{
    if (lines->n == 1 && is_simple(&lines->at[0])) {
        vec_each (&lines->at[0].words, w)
            import_append(s->out, s->unit, to, *w);
        return;
    }
    if (streq(to, "command")) {
        import_set_text(s->out, s->unit, to, shell_text(s, lines));
        import_set(s->out, s->unit, "shell", node_bool(s->arena, true));
        return;
    }
    import_append(s->out, s->unit, to, STR("/bin/sh"));
    import_append(s->out, s->unit, to, STR("-c"));
    import_append(s->out, s->unit, to, shell_text(s, lines));
}

void service_set_exec(struct service *s, const char *key, const char *to)
{
    str_vec texts = {0};
    line_vec lines = {0};
    service_all(s, "Service", key, &texts);
    vec_each (&texts, t) {
        struct line l = parse_line(*t, s->arena);
        if (l.raised)
            import_note(s->out, s->unit, NULL,
                        "%s: the prefix + or ! is left out; it runs as the unit's user", key);
        if (l.words.n > 0)
            vec_push(&lines, l);
        else
            vec_done(&l.words);
    }
    if (lines.n > 0)
        set_lines(s, &lines, to);
    vec_each (&lines, l)
        vec_done(&l->words);
    vec_done(&lines);
    vec_done(&texts);
}
