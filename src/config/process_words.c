/* Texts of units: a command written as one text is divided like a shell's words, but nothing is expanded; and %i becomes a
 * replica's number. Pure functions on the caller's arena (process_priv.h).
 *
 * Words are parted by blanks and line ends. 'single quotes' keep everything, "double quotes" everything but \" and \\,
 * outside of both a backslash keeps the next character. Quoted and unquoted parts without a blank between them are one
 * word, and '' is an empty one. */
#include <stdio.h>
#include <string.h>

#include "config/process_priv.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct splitter {
    const char *text, *at;
    char *out; /* the words, each with its NUL; never longer than the text and one NUL */
    struct err *err;
};

static int unfinished(const struct splitter *s, const char *open, const char *what)
{
    size_t offset = (size_t)(open - s->text);
    err_set(s->err, ERR_MALFORMED, "%s at character %zu is not closed", what, offset + 1);
    if (s->err != NULL)
        s->err->at_offset = offset;
    return -1;
}

/* s->at stands on the quote. */
static int take_quoted(struct splitter *s)
{
    const char *open = s->at++;
    for (; *s->at != *open; s->at++) {
        bool escape = *open == '"' && s->at[0] == '\\' && (s->at[1] == '"' || s->at[1] == '\\');
        s->at += escape;
        if (*s->at == '\0')
            return unfinished(s, open, "the quote");
        *s->out++ = *s->at;
    }
    s->at++;
    return 0;
}

static int take_word(struct splitter *s)
{
    while (*s->at != '\0' && !is_blank(*s->at)) {
        if (*s->at == '\'' || *s->at == '"') {
            if (take_quoted(s) != 0)
                return -1;
            continue;
        }
        if (*s->at == '\\' && *++s->at == '\0')
            return unfinished(s, s->at - 1, "the backslash");
        *s->out++ = *s->at++;
    }
    *s->out++ = '\0';
    return 0;
}

const struct str_list *process_words(const char *text, struct arena *a, struct err *err)
{
    must(text != NULL);
    size_t n = strlen(text);
    struct str_list *list = arena_new_of(a, struct str_list);
    list->at = arena_array_of(a, const char *, n / 2 + 2);
    char *const room = arena_alloc(a, n + 2);
    struct splitter s = {.text = text, .at = text, .out = room, .err = err};
    for (;;) {
        while (is_blank(*s.at))
            s.at++;
        if (*s.at == '\0')
            return list;
        list->at[list->n++] = s.out;
        if (take_word(&s) != 0)
            return NULL;
        must(list->n <= n / 2 + 1 && s.out <= room + n + 1);
    }
}

/* --- numbers of replicas ---------------------------------------------------------------------------
 */

static struct str numbered(struct str text, const char *number, struct arena *a)
{
    struct buf out = BUF_INIT(NODE_TEXT_MAX);
    const char *from = text.p, *end = text.p + text.n, *hit;
    while ((hit = memmem(from, (size_t)(end - from), "%i", 2)) != NULL) {
        buf_add(&out, from, (size_t)(hit - from));
        buf_puts(&out, number);
        from = hit + 2;
    }
    buf_add(&out, from, (size_t)(end - from));
    struct str all = {arena_strndup(a, out.data, out.len), out.len};
    buf_done(&out);
    return all;
}

void process_number(struct node *n, uint32_t number, struct arena *a)
{
    char digits[16];
    snprintf(digits, sizeof(digits), "%u", number);
    if (n->kind == NODE_TEXT && memmem(n->text.p, n->text.n, "%i", 2) != NULL)
        n->text = numbered(n->text, digits, a);
    if (n->kind == NODE_LIST || n->kind == NODE_MAP)
        for (struct node *c = n->first; c != NULL; c = c->next)
            process_number(c, number, a);
}
