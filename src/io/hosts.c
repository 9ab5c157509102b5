/* /etc/hosts (hosts(5)): ADDRESS NAME… lines, # comments. Read by resolve.c on the loop's thread. */
#include "io/hosts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/str.h"

#define HOSTS_MAX_BYTES ((size_t)4 << 20)

struct line_addr {
    struct line_addr *next;
    struct addr at;
};

struct hosts {
    struct arena *arena;
    struct map_str *by_name; /* → struct line_addr list, in the file's order */
};

static void add(struct hosts *h, const char *name, size_t n, const struct addr *at)
{
    struct line_addr *e = arena_new_of(h->arena, struct line_addr);
    e->at = *at;
    struct line_addr *first = map_str_get(h->by_name, name, n);
    if (first == NULL) {
        map_str_put(h->by_name, name, n, e);
        return;
    }
    while (first->next != NULL) {
        first = first->next;
    }
    first->next = e;
}

/* The next word of *s, lower-cased into buf; 0 at the end or at a comment. */
static size_t next_word(struct str *s, char *buf, size_t size)
{
    while (s->n > 0 && isspace((unsigned char)*s->p)) {
        s->p++;
        s->n--;
    }
    size_t n = 0;
    while (s->n > 0 && !isspace((unsigned char)*s->p) && *s->p != '#') {
        if (n + 1 < size) {
            buf[n++] = (char)tolower((unsigned char)*s->p);
        }
        s->p++;
        s->n--;
    }
    buf[n] = '\0';
    return n;
}

static void parse_line(struct hosts *h, struct str line)
{
    char word[256];
    struct addr at;
    if (next_word(&line, word, sizeof(word)) == 0 || !addr_parse_ip(word, 0, &at)) {
        return;
    }
    size_t n;
    while ((n = next_word(&line, word, sizeof(word))) > 0) {
        add(h, word, n, &at);
    }
}

struct hosts *hosts_load(const char *path)
{
    struct hosts *h = calloc(1, sizeof(*h));
    must(h != NULL);
    h->arena = arena_new();
    h->by_name = map_str_new();
    struct buf text = BUF_INIT(HOSTS_MAX_BYTES);
    if (fs_read(path, &text, NULL) == 0) {
        struct str rest = {text.data, text.len}, line;
        while (str_next(&rest, '\n', &line)) {
            parse_line(h, line);
        }
    }
    buf_done(&text);
    return h;
}

void hosts_free(struct hosts *h)
{
    if (h == NULL) {
        return;
    }
    map_str_free(h->by_name);
    arena_free(h->arena);
    free(h);
}

static int collect(const struct line_addr *e, int family, struct addr *out, int n, int max)
{
    for (; e != NULL && n < max; e = e->next) {
        if (e->at.sa.sa_family == family) {
            out[n++] = e->at;
        }
    }
    return n;
}

static const struct line_addr *localhost(struct line_addr two[2])
{
    must(addr_parse_ip("127.0.0.1", 0, &two[0].at) && addr_parse_ip("::1", 0, &two[1].at));
    two[0].next = &two[1];
    two[1].next = NULL;
    return two;
}

int hosts_find(const struct hosts *h, const char *name, enum ip_version v, struct addr *out,
               int max)
{
    struct line_addr fixed[2];
    size_t len = strlen(name);
    const struct line_addr *e = map_str_get(h->by_name, name, len);
    if (e == NULL &&
        (streq(name, "localhost") || (len > 10 && streq(name + len - 10, ".localhost")))) {
        e = localhost(fixed);
    }
    int n = v != IP_6 ? collect(e, AF_INET, out, 0, max) : 0;
    return v != IP_4 ? collect(e, AF_INET6, out, n, max) : n;
}
