/* Monit's control file as words and statements (import_monit.h). Its language is free of lines: a statement ends where the
 * next one's first word stands, unless that word is an action (`then stop`). Noise words (with, and, is …) mean nothing. */
#include <string.h>
#include <strings.h>

#include "cli/import_monit.h"

#define WORDS_MAX 200000

/* --- words ---------------------------------------------------------------------------------------
 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
}

static bool is_sign(char c)
{
    return c != '\0' && strchr("=,{}()<>", c) != NULL;
}

/* The quoted text that begins at i; returns where it ends. */
static size_t quoted_end(struct str t, size_t i)
{
    const char *end = memchr(t.p + i + 1, t.p[i], t.n - i - 1);
    return end != NULL ? (size_t)(end - t.p) : t.n;
}

/* A word may have an equals sign in it when it is a URL, or a sign of a path. */
static size_t word_end(struct str t, size_t i)
{
    size_t start = i;
    while (i < t.n && !is_blank(t.p[i]) && t.p[i] != '"') {
        struct str so_far = {t.p + start, i - start};
        bool url = str_contains(so_far, STR("://")) || str_starts(so_far, STR("/"));
        if (is_sign(t.p[i]) && !(url && t.p[i] == '='))
            break;
        i++;
    }
    return i;
}

void monit_split(const struct import_file *f, monit_words *out)
{
    struct str t = f->text;
    uint32_t line = 1;
    for (size_t i = 0; i < t.n && out->n < WORDS_MAX;) {
        struct monit_word w = {.file = f->name, .line = line};
        size_t end = i + 1;
        if (is_blank(t.p[i])) {
            line += t.p[i++] == '\n';
            continue;
        }
        if (t.p[i] == '#') {
            const char *eol = memchr(t.p + i, '\n', t.n - i);
            i = eol != NULL ? (size_t)(eol - t.p) : t.n;
            continue;
        }
        if (t.p[i] == '"' || t.p[i] == '\'') {
            size_t close = quoted_end(t, i);
            w.text = (struct str){t.p + i + 1, close - i - 1};
            w.quoted = true;
            for (size_t k = i; k < close; k++)
                line += t.p[k] == '\n';
            end = close < t.n ? close + 1 : t.n;
        } else {
            end = is_sign(t.p[i]) ? i + 1 : word_end(t, i);
            end = end > i ? end : i + 1;
            w.text = (struct str){t.p + i, end - i};
        }
        vec_push(out, w);
        i = end;
    }
}

/* --- reading -------------------------------------------------------------------------------------
 */

bool monit_is(const struct monit_word *w, const char *word)
{
    return !w->quoted && w->text.n == strlen(word) && strncasecmp(w->text.p, word, w->text.n) == 0;
}

size_t monit_find(struct monit_text t, const char *word)
{
    for (size_t i = 0; i < t.n; i++)
        if (monit_is(&t.at[i], word))
            return i;
    return t.n;
}

struct monit_text monit_after(struct monit_text t, size_t i)
{
    return i < t.n ? (struct monit_text){t.at + i + 1, t.n - i - 1} : (struct monit_text){t.at, 0};
}

static bool is_noise(const struct monit_word *w)
{
    static const char *const noise[] = {"=",   "is",   "with", "within", "as", "and",
                                        "the", "than", "for",  "has",    "a",  "using"};
    for (size_t i = 0; i < array_len(noise); i++)
        if (monit_is(w, noise[i]))
            return true;
    return false;
}

struct str monit_value(struct monit_text t, const char *word)
{
    t = monit_after(t, monit_find(t, word));
    while (t.n > 0 && is_noise(&t.at[0]))
        t = monit_after(t, 0);
    return t.n > 0 ? t.at[0].text : STR("");
}

bool monit_number(struct monit_text t, const char *word, double *out)
{
    return str_to_f64(monit_value(t, word), out, NULL) == 0;
}

struct node monit_place(struct monit_text t)
{
    must(t.n > 0);
    return (struct node){.file = t.at[0].file, .line = t.at[0].line, .column = 1};
}

const char *monit_show(struct monit_text t, struct arena *a)
{
    struct buf out = BUF_INIT(1000);
    for (size_t i = 0; i < t.n && out.len < 150; i++) {
        if (monit_is(&t.at[i], "password") || monit_is(&t.at[i], "allow"))
            break;
        buf_printf(&out, "%s%s%.*s%s", i > 0 ? " " : "", t.at[i].quoted ? "\"" : "",
                   SHOW(t.at[i].text), t.at[i].quoted ? "\"" : "");
    }
    const char *text = arena_strdup(a, out.data != NULL ? out.data : "");
    buf_done(&out);
    return text;
}

/* --- statements ----------------------------------------------------------------------------------
 */

static bool begins(struct monit_text t, size_t i)
{
    static const char *const first[] = {"start", "stop", "restart", "if",      "depends", "group",
                                        "every", "mode", "alert",   "noalert", "onreboot"};
    if (i > 0 && (monit_is(&t.at[i - 1], "then") || monit_is(&t.at[i - 1], "else")))
        return false;
    for (size_t k = 0; k < array_len(first); k++)
        if (monit_is(&t.at[i], first[k]))
            return true;
    return false;
}

struct monit_text monit_statement(struct monit_text *rest)
{
    must(rest->n > 0);
    size_t i = 1;
    while (i < rest->n && !begins(*rest, i))
        i++;
    struct monit_text one = {rest->at, i};
    *rest = (struct monit_text){rest->at + i, rest->n - i};
    return one;
}
