/* belfry process log: what processes printed, and with -f what they print. By a cursor, so that no line is missed or
 * told twice, also over a restart of Belfry or a rotation of the file. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/process_priv.h"

#define LOOK_MS       200
#define LINES_DEFAULT 20
#define LINES_A_TURN  2000
#define TAIL_TURNS    3

struct tail {
    const char *id, *path;
    char *cursor; /* malloc'ed; NULL: none yet */
};

static void put_query(struct buf *path, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(path, "%c%s=", memchr(path->data, '?', path->len) ? '&' : '?', name);
    url_encode(path, str_of(value));
}

static const char *log_path(const struct process_flags *f, const struct tail *t, int64_t lines,
                            struct arena *a)
{
    struct buf path = BUF_INIT(65536);
    buf_puts(&path, t->path);
    put_query(&path, "lines", arena_printf(a, "%lld", (long long)lines));
    put_query(&path, "stream", f->stream);
    put_query(&path, "contains", f->contains);
    put_query(&path, t->cursor ? "cursor" : "since", t->cursor ? t->cursor : f->since);
    const char *text = arena_strndup(a, path.data, path.len);
    buf_done(&path);
    return text;
}

static void print_line(struct session *s, const char *id, const struct node *line, struct arena *a)
{
    const struct process_flags *f = s->own;
    const struct node *text = node_get(line, "text");
    bool red = streq(field_text(line, "stream", a), "stderr") && isatty(STDOUT_FILENO);
    if (s->args.json) {
        print_json(line);
        return;
    }
    if (id)
        printf("%s | ", id);
    if (f->timestamps)
        printf("%s ", field_text(line, "at", a));
    fputs(red ? "\033[31m" : "", stdout);
    if (text && text->kind == NODE_TEXT)
        fwrite(text->text.p, 1, text->text.n, stdout);
    fputs(red ? "\033[0m\n" : "\n", stdout);
}

/* Prints what is new; *n is how many lines. */
static int take_lines(struct session *s, struct tail *t, int64_t lines, bool named, uint32_t *n,
                      struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct node *answer = NULL;
    if (client_call(s->client, "GET", log_path(s->own, t, lines, a), NULL, a, &answer, err) != 0)
        return -1;
    const struct node *items = node_get(answer, "items");
    for (const struct node *line = items ? items->first : NULL; line; line = line->next)
        print_line(s, named ? t->id : NULL, line, a);
    fflush(stdout);
    *n = items ? items->count : 0;
    const char *next = field_text(answer, "next", a);
    if (*next) {
        free(t->cursor);
        t->cursor = strdup(next);
    }
    return 0;
}

/* Until Ctrl-C, or the pipe that is written to is gone. */
static int follow(struct session *s, struct tail *tails, size_t n)
{
    bool away = false;
    for (;;) {
        uint32_t most = 0;
        for (size_t i = 0; i < n; i++) {
            struct err err = {0};
            uint32_t got = 0;
            int rc = take_lines(s, &tails[i], LINES_A_TURN, n > 1, &got, &err);
            if (rc != 0 && err.code != ERR_REFUSED)
                return client_fail(&err);
            if (rc != 0 && !away)
                fprintf(stderr, "belfry: %s; waiting for it\n", err.msg);
            away = rc != 0;
            most = got > most ? got : most;
        }
        if (ferror(stdout))
            return EXIT_GOOD;
        if (most < LINES_A_TURN)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * NS_PER_MS}, NULL);
    }
}

int process_log(struct session *s, char **words, int n)
{
    const struct process_flags *f = s->own;
    process_list list = {0};
    int status = process_choose(s, words, n, &list);
    struct tail *tails = arena_array_of(s->arena, struct tail, list.n + 1);
    for (size_t i = 0; i < list.n && status == EXIT_GOOD; i++) {
        struct err err = {0};
        uint32_t got;
        tails[i].id = process_id(list.at[i]);
        tails[i].path = process_path(s, tails[i].id, "/log");
        if (take_lines(s, &tails[i], f->lines >= 0 ? f->lines : LINES_DEFAULT, list.n > 1, &got,
                       &err) != 0)
            status = client_fail(&err);
    }
    if (f->follow && status == EXIT_GOOD)
        status = follow(s, tails, list.n);
    for (size_t i = 0; i < list.n; i++)
        free(tails[i].cursor);
    vec_done(&list);
    return status;
}

/* What it printed last may still be on its way through the pipe: an empty answer is asked for again. */
static const struct node *last_lines(struct session *s, const char *path)
{
    for (int turn = 0; turn < TAIL_TURNS; turn++) {
        struct node *answer = NULL;
        if (turn > 0)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * NS_PER_MS}, NULL);
        if (client_call(s->client, "GET", path, NULL, s->arena, &answer, NULL) != 0)
            return NULL; /* what it printed is a help, no more */
        const struct node *items = node_get(answer, "items");
        if (items && items->first)
            return items->first;
    }
    return NULL;
}

void process_print_tail(struct session *s, const char *id, int lines)
{
    const char *path = process_path(s, id, arena_printf(s->arena, "/log?lines=%d", lines));
    must(lines > 0);
    for (const struct node *line = last_lines(s, path); line; line = line->next)
        printf("    %s\n", field_text(line, "text", s->arena));
}
