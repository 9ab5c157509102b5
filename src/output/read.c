/* Reading back what a unit printed, over its current, rotated and compressed files. First the place where to begin is
 * found: the cursor's, or, from the newest file backwards, that of the line from which on there are as many as are
 * wanted. From there lines are given forwards. The output process goes on writing, rotating and compressing meanwhile:
 * output.log is opened before the folder is read, and a file whose name changed is found under its new one.
 * Core process, any thread; nothing outlives a call. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "output/read_priv.h"

#define LINES_MAX 10000
#define WINDOW    ((size_t)128 << 10)
#define BUDGET    ((uint64_t)256 << 20) /* bytes looked at in one call */
#define NS_A_MS   1000000

struct shelf {
    char *dir;
    vec_of(struct part) parts; /* oldest first */
};
struct place {
    size_t part;
    uint64_t offset;
};
struct reading {
    const struct output_query *q;
    struct shelf shelf;
    uint64_t seen; /* bytes */
    size_t contains_n;
    uint32_t want;  /* lines still to find, or to give */
    bool too_early; /* a line before since_ms was met: nothing older is wanted */
};

/* --- the files there are --- */

static void shelf_done(struct shelf *s)
{
    vec_each (&s->parts, p)
        if (p->fd >= 0)
            close(p->fd);
    vec_done(&s->parts);
    free(s->dir);
    s->dir = NULL;
}

static bool is_file(const char *dir, const char *name, const struct stat *st)
{
    struct stat now;
    char *path = path_join(dir, name);
    bool same = stat(path, &now) == 0 && now.st_ino == st->st_ino && now.st_dev == st->st_dev;
    free(path);
    return same;
}

/* output.log may have been rotated between its opening and the listing: then it is listed under its new name too, and
 * perhaps newer ones with it. How many of the list are older than what was opened. */
static size_t older_than(const struct shelf *s, const rotated_list *l, int fd)
{
    char name[ROTATED_NAME_SIZE];
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || is_file(s->dir, FILE_NAME, &st))
        return l->n;
    for (size_t i = l->n; i-- > 0;) {
        output__rotated_name(name, &l->at[i], false);
        if (is_file(s->dir, name, &st))
            return i;
    }
    return l->n;
}

static bool shelf_fill(struct shelf *s, const struct output_query *q)
{
    rotated_list l = {0};
    s->dir = output_dir(q->log_dir, q->unit);
    char *path = path_join(s->dir, FILE_NAME);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    free(path);
    bool there = output__rotated_list(s->dir, &l, NULL);
    size_t older = older_than(s, &l, fd);
    for (size_t i = 0; i < older; i++) {
        struct part p = {.name = l.at[i], .fd = -1};
        vec_push(&s->parts, p);
    }
    if (fd >= 0) {
        struct part p = {.current = true, .fd = fd};
        vec_push(&s->parts, p);
    }
    vec_done(&l);
    return there && s->parts.n > 0;
}

/* --- which lines --- */

static bool wanted(struct reading *r, const char *p, size_t n, struct output_line *line)
{
    const struct output_query *q = r->q;
    output__line_parse(p, n, line);
    r->seen += n + 1;
    if (q->since_ms > 0 && line->at_ns > 0 && line->at_ns / NS_A_MS < q->since_ms) {
        r->too_early = true;
        return false;
    }
    if (q->stream != 0 && line->stream != q->stream)
        return false;
    return r->contains_n == 0 || memmem(line->text, line->n, q->contains, r->contains_n) != NULL;
}

static bool satisfied(const struct reading *r)
{
    return r->want == 0 || r->seen > BUDGET;
}

/* --- where to begin: backwards --- */

/* Lines of text, last first. Returns the offset in text of the last one looked at. */
static size_t back_over(struct reading *r, const char *text, size_t n)
{
    struct output_line line;
    size_t end = n;
    while (end > 0 && !satisfied(r)) {
        size_t stop = text[end - 1] == '\n' ? end - 1 : end;
        const char *newline = stop > 0 ? memrchr(text, '\n', stop) : NULL;
        size_t begin = newline ? (size_t)(newline - text) + 1 : 0;
        bool match = wanted(r, text + begin, stop - begin, &line);
        if (r->too_early)
            return end;
        r->want -= match;
        end = begin;
    }
    return end;
}

/* A plain file, a window at a time from its end. Returns the offset to begin at. */
static uint64_t back_plain(struct reading *r, const struct part *p)
{
    uint64_t end = output__part_end(p);
    char *text = malloc(WINDOW);
    must(text);
    while (end > 0 && !satisfied(r) && !r->too_early) {
        size_t n = end < WINDOW ? (size_t)end : WINDOW;
        if (pread(p->fd, text, n, (off_t)(end - n)) != (ssize_t)n)
            break;
        /* The first line of the window may have begun before it. */
        const char *newline = n < end ? memchr(text, '\n', n - 1) : NULL;
        size_t skip = newline ? (size_t)(newline - text) + 1 : 0;
        size_t at = back_over(r, text + skip, n - skip);
        end = end - n + skip + at;
    }
    free(text);
    return end;
}

/* A compressed file can only be read forwards: the places of the last lines that match are kept. */
static uint64_t back_packed(struct reading *r, const struct part *p)
{
    struct source s;
    struct output_line line;
    const char *text;
    size_t n, count = 0;
    uint64_t *at = calloc(r->want, sizeof(*at)), begin = 0;
    must(at);
    bool early = false;
    if (output__source_open(&s, p, 0))
        for (uint64_t offset = 0; output__source_line(&s, &text, &n); offset = s.at) {
            if (wanted(r, text, n, &line))
                at[count++ % r->want] = offset;
            early |= r->too_early;
            r->too_early = false; /* later ones of this file may be wanted */
        }
    if (count >= r->want)
        begin = at[count % r->want];
    r->want -= count < r->want ? (uint32_t)count : r->want;
    r->too_early = early;
    output__source_close(&s);
    free(at);
    return begin;
}

static struct place find_last(struct reading *r)
{
    struct place place = {0};
    for (size_t i = r->shelf.parts.n; i-- > 0 && !satisfied(r) && !r->too_early;) {
        struct part *p = &r->shelf.parts.at[i];
        if (!output__part_open(r->shelf.dir, p))
            break; /* deleted meanwhile, as older ones are */
        place.part = i;
        place.offset = p->packed ? back_packed(r, p) : back_plain(r, p);
    }
    return place;
}

/* --- where to begin: the cursor --- */

static struct place find_cursor(struct reading *r, const struct cursor *c)
{
    for (size_t i = r->shelf.parts.n; c->file != 0 && i-- > 0;) {
        struct part *p = &r->shelf.parts.at[i];
        if (output__part_open(r->shelf.dir, p) && output__part_id(p) == c->file &&
            (p->packed || c->offset <= output__part_end(p)))
            return (struct place){i, c->offset};
    }
    return (struct place){0, 0}; /* its file is deleted: all that there are, are newer */
}

/* --- giving --- */

struct giving {
    void (*fn)(void *arg, const struct output_line *l);
    void *arg;
    struct buf clean;
    struct cursor next;
};

static void give(struct giving *g, struct output_line *line)
{
    if (!utf8_valid(line->text, line->n)) {
        buf_clear(&g->clean);
        utf8_clean(&g->clean, line->text, line->n);
        line->text = g->clean.data;
        line->n = g->clean.len;
    }
    g->fn(g->arg, line);
}

static void give_part(struct reading *r, struct giving *g, const struct part *p, uint64_t offset)
{
    struct source s;
    struct output_line line;
    const char *text;
    size_t n;
    uint64_t id = output__part_id(p);
    if (id == 0)
        return; /* empty: its cursor would name nothing */
    bool open = output__source_open(&s, p, offset);
    g->next = (struct cursor){id, offset};
    while (open && !satisfied(r) && output__source_line(&s, &text, &n)) {
        if (wanted(r, text, n, &line)) {
            r->want--;
            give(g, &line);
        }
        g->next.offset = s.at;
    }
    output__source_close(&s);
}

static void give_from(struct reading *r, struct giving *g, struct place place)
{
    for (size_t i = place.part; i < r->shelf.parts.n && !satisfied(r); i++) {
        struct part *p = &r->shelf.parts.at[i];
        if (output__part_open(r->shelf.dir, p))
            give_part(r, g, p, i == place.part ? place.offset : 0);
    }
}

static struct place begin_at(struct reading *r, const struct cursor *c)
{
    if (r->q->cursor)
        return find_cursor(r, c);
    struct place place = find_last(r);
    r->want = r->q->lines;
    r->seen = 0;
    r->too_early = false;
    return place;
}

int output_read(const struct output_query *q, void (*fn)(void *arg, const struct output_line *l),
                void *arg, struct arena *a, const char **cursor, struct err *err)
{
    struct reading r = {.q = q, .want = q->lines};
    struct giving g = {.fn = fn, .arg = arg, .clean = BUF_INIT((size_t)4 << 20)};
    char text[CURSOR_SIZE];
    must(output_unit_valid(q->unit) && q->lines > 0 && q->lines <= LINES_MAX);
    r.contains_n = q->contains ? strlen(q->contains) : 0;
    if (q->cursor && !output__cursor_parse(str_of(q->cursor), &g.next))
        return err_set(err, ERR_MALFORMED, "cannot go on reading: \"%.60s\" is no cursor",
                       q->cursor);
    bool there = shelf_fill(&r.shelf, q);
    if (there)
        give_from(&r, &g, begin_at(&r, &g.next));
    shelf_done(&r.shelf);
    buf_done(&g.clean);
    if (!there)
        return err_set(err, ERR_NOT_FOUND, "\"%s\" has printed nothing yet", q->unit);
    output__cursor_format(text, &g.next);
    *cursor = arena_strdup(a, text);
    return 0;
}
