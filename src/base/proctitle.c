/* proctitle_init and proctitle_set (proctitle.h), for Linux.
 *
 * The kernel lays the argument strings and then the environment strings end to end; ps reads the
 * title from where the arguments are, on into the environment when the last argument byte is not
 * NUL. So environ is moved to the heap and the whole stretch is ours.
 * The place of the title belongs to the process, hence file-scope state (STYLE.md 19). */
#include "base/proctitle.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

static struct {
    char *start;    /* NULL before proctitle_init */
    size_t size;    /* bytes from start to the end of the environment strings */
    char **environ; /* our copies: reachable for leak checkers */
} place;

static char *copy_of(const char *s)
{
    char *copy = strdup(s);
    must(copy != NULL);
    return copy;
}

/* Extends the stretch over s when s begins where it ends. */
static void claim(const char *s)
{
    if (s == place.start + place.size)
        place.size += strlen(s) + 1;
}

static void move_environ(void)
{
    size_t n = 0;
    while (environ && environ[n])
        n++;
    char **copy = calloc(n + 1, sizeof(*copy));
    must(copy != NULL);
    for (size_t i = 0; i < n; i++)
        copy[i] = copy_of(environ[i]);
    environ = place.environ = copy;
}

void proctitle_init(int argc, char **argv)
{
#ifdef __linux__
    must(place.start == NULL);
    if (argc < 1 || !argv[0])
        return;
    place.start = argv[0];
    for (int i = 0; i < argc; i++)
        claim(argv[i]);
    for (char **e = environ; e && *e; e++)
        claim(*e);
    move_environ();
    for (int i = 0; i < argc; i++)
        argv[i] = copy_of(argv[i]);
    program_invocation_name = argv[0];
    char *slash = strrchr(argv[0], '/');
    program_invocation_short_name = slash ? slash + 1 : argv[0];
#else
    (void)argc, (void)argv;
#endif
}

/* "belfry: watcher payments/0" → "belfry:watcher" */
static void set_comm(const char *title)
{
    char comm[16];
    size_t n = 0;
    for (const char *p = title; *p && n + 1 < sizeof(comm); p++) {
        if (*p == ' ' && p > title && p[-1] == ':')
            continue;
        if (*p == ' ')
            break;
        comm[n++] = *p;
    }
    comm[utf8_whole(comm, n)] = '\0';
#ifdef __linux__
    pthread_setname_np(pthread_self(), comm);
#endif
}

void proctitle_set(const char *fmt, ...)
{
    char title[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(title, sizeof(title), fmt, ap);
    va_end(ap);
    must(n >= 0);
    set_comm(title);
    if (!place.start || place.size == 0)
        return;
    size_t len = strlen(title);
    if (len > place.size - 1)
        len = utf8_cut(title, len, place.size - 1);
    memcpy(place.start, title, len);
    memset(place.start + len, 0, place.size - len);
}
