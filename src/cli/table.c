/* Tables for people: columns padded by display width (Chinese characters take two places), states coloured on a
 * terminal only. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/vec.h"
#include "cli/client.h"

struct table {
    struct arena *arena;
    const char *columns[TABLE_COLUMNS];
    int n;
    int width[TABLE_COLUMNS];
    vec_of(const char *const *) rows;
};

/* East Asian wide and full-width characters and emoji: an approximation good for names and messages. */
static int char_width(uint32_t c)
{
    bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
                (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
    return wide ? 2 : 1;
}

static int text_width(const char *s)
{
    int width = 0;
    must(s);
    for (const unsigned char *p = (const unsigned char *)s; *p;) {
        int n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? *p : *p & (0xff >> (n + 1));
        for (int i = 1; i < n && p[i]; i++)
            c = c << 6 | (p[i] & 0x3f);
        width += char_width(c);
        for (int i = 0; i < n && *p; i++)
            p++;
    }
    return width;
}

struct table *table_new(struct arena *a, const char *const *columns)
{
    struct table *t = arena_new_of(a, struct table);
    must(columns[0] != NULL);
    t->arena = a;
    while (t->n < TABLE_COLUMNS && columns[t->n]) {
        t->columns[t->n] = columns[t->n];
        t->width[t->n] = text_width(columns[t->n]);
        t->n++;
    }
    must(columns[t->n] == NULL); /* all of them have room */
    return t;
}

void table_row(struct table *t, const char *const *cells)
{
    must(t->n > 0);
    const char **row = arena_array_of(t->arena, const char *, t->n);
    for (int i = 0; i < t->n; i++) {
        row[i] = arena_strdup(t->arena, cells[i] ? cells[i] : "");
        int w = text_width(row[i]);
        t->width[i] = w > t->width[i] ? w : t->width[i];
    }
    vec_push(&t->rows, row);
}

static const char *colour_of(const char *cell)
{
    static const struct {
        const char *word, *colour;
    } words[] = {
        {"healthy", "\033[32m"},     {"unhealthy", "\033[31m"}, {"firing", "\033[31m"},
        {"resolved", "\033[32m"},    {"sent", "\033[32m"},      {"failed", "\033[31m"},
        {"degraded", "\033[33m"},    {"disabled", "\033[90m"},  {"pending", "\033[33m"},
        {"maintenance", "\033[34m"}, {"running", "\033[32m"},   {"ready", "\033[32m"},
        {"starting", "\033[34m"},    {"stopping", "\033[34m"},  {"restarting", "\033[33m"},
        {"backoff", "\033[33m"},     {"crashed", "\033[31m"},   {"fatal", "\033[31m"},
        {"stopped", "\033[90m"},     {"unknown", "\033[90m"},
    };
    for (size_t i = 0; i < array_len(words); i++)
        if (strcmp(words[i].word, cell) == 0)
            return words[i].colour;
    return NULL;
}

const char *colour_begin(const char *word)
{
    const char *colour = isatty(STDOUT_FILENO) ? colour_of(word) : NULL;
    return colour ? colour : "";
}

const char *colour_end(void)
{
    return isatty(STDOUT_FILENO) ? "\033[0m" : "";
}

static void print_row(const struct table *t, const char *const *cells, bool colours)
{
    for (int i = 0; i < t->n; i++) {
        const char *colour = colours ? colour_of(cells[i]) : NULL;
        int pad = i + 1 < t->n ? t->width[i] - text_width(cells[i]) + 2 : 0;
        must(pad >= 0); /* table_row measured it */
        printf("%s%s%s%*s", colour ? colour : "", cells[i], colour ? "\033[0m" : "", pad, "");
    }
    putchar('\n');
}

void table_print(const struct table *t)
{
    must(t->n > 0 && t->n <= TABLE_COLUMNS);
    bool colours = isatty(STDOUT_FILENO);
    print_row(t, t->columns, false);
    for (size_t i = 0; i < t->rows.n; i++)
        print_row(t, t->rows.at[i], colours);
    free(t->rows.at);
}
