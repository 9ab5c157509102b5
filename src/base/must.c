/* The end of a process that broke one of its own invariants.
 *
 * Called by the must() macro from any process, thread or signal handler; therefore only
 * async-signal-safe calls and no memory of its own. Writes one line and aborts; the report of the
 * crash is made by proc/'s SIGABRT handler. */
#include "base/must.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line under construction on the stack; what does not fit is cut. */
struct line {
    char text[512];
    size_t len;
};

static void line_puts(struct line *l, const char *s)
{
    size_t room = sizeof(l->text) - 1 - l->len; /* the newline always fits */
    size_t n = strlen(s);
    if (n > room)
        n = room;
    memcpy(l->text + l->len, s, n);
    l->len += n;
}

static void line_putint(struct line *l, int v)
{
    char digits[12];
    char *p = digits + sizeof(digits) - 1;
    *p = '\0';
    for (unsigned u = v > 0 ? (unsigned)v : 0; p > digits && (u > 0 || *p == '\0'); u /= 10)
        *--p = (char)('0' + u % 10);
    line_puts(l, p);
}

/* Written once, by a process that is ending; the SIGABRT handler has no other way to learn it. */
static struct line last;

const char *must_message(void)
{
    return last.text;
}

_Noreturn void must_fail(const char *expr, const char *file, int line, const char *func)
{
    struct line l = {.len = 0};
    line_puts(&l, file);
    line_puts(&l, ":");
    line_putint(&l, line);
    line_puts(&l, ": ");
    line_puts(&l, func);
    line_puts(&l, ": must(");
    line_puts(&l, expr);
    line_puts(&l, ")");
    l.text[l.len] = '\0';
    memcpy(&last, &l, sizeof(last));
    l.text[l.len++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, l.text, l.len);
    (void)ignored; /* nothing is left to do about it */
    abort();
}
