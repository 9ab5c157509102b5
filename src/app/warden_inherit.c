/* What a re-executed warden inherits (warden_inherit.h). */
#include "app/warden_inherit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"

#define FILE_NAME "inherited"
#define FILE_MAX  ((size_t)16 << 20)
#define MAGIC     0x494e4852u

struct heir {
    int fd;
    char *key; /* "KIND ID" */
    char *text;
};

struct inherit {
    uint32_t magic;
    bool read; /* made by inherit_read: its descriptors are ours to close */
    struct map_str *by_key;
    vec_of(struct heir *) all;
};

struct inherit *inherit_new(void)
{
    struct inherit *i = calloc(1, sizeof(*i));
    must(i);
    i->magic = MAGIC;
    i->by_key = map_str_new();
    return i;
}

void inherit_free(struct inherit **ip)
{
    struct inherit *i = *ip;
    *ip = NULL;
    if (!i)
        return;
    check_magic(i, MAGIC);
    vec_each (&i->all, it) {
        struct heir *h = *it;
        if (i->read && h->fd >= 0)
            close(h->fd);
        free(h->key);
        free(h->text);
        free(h);
    }
    vec_done(&i->all);
    map_str_free(i->by_key);
    i->magic = 0;
    free(i);
}

static char *key_of(const char *kind, const char *id)
{
    char *key;
    must(asprintf(&key, "%s %s", kind, id) > 0);
    return key;
}

static void add(struct inherit *i, int fd, char *key, char *text)
{
    struct heir *h = malloc(sizeof(*h));
    must(h && key && text);
    *h = (struct heir){fd, key, text};
    vec_push(&i->all, h);
    map_str_put(i->by_key, key, strlen(key), h);
}

/* --- the old program ------------------------------------------------------------------------ */

static void close_on_exec(int fd, bool on)
{
    fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

void inherit_put(struct inherit *i, const char *kind, int fd, const char *id, const char *text)
{
    check_magic(i, MAGIC);
    if (fd < 0)
        return;
    close_on_exec(fd, false);
    add(i, fd, key_of(kind, id), strdup(text && *text ? text : "-"));
}

int inherit_write(struct inherit *i, const char *run_dir, struct err *err)
{
    cleanup(buf_done) struct buf out = BUF_INIT(FILE_MAX);
    check_magic(i, MAGIC);
    vec_each (&i->all, it) {
        const char *id = strchr((*it)->key, ' ') + 1;
        buf_printf(&out, "%.*s %d %s %s\n", (int)(id - 1 - (*it)->key), (*it)->key, (*it)->fd, id,
                   (*it)->text);
    }
    char *path = path_join(run_dir, FILE_NAME);
    int rc = out.failed
                 ? err_set(err, ERR_TOO_LARGE, "cannot pass on so many descriptors")
                 : fs_write_atomic(path, out.data ? out.data : "", out.len, 0600, false, err);
    free(path);
    if (rc == 0)
        setenv(INHERIT_ENV, "1", 1);
    return rc;
}

void inherit_undo(struct inherit *i, const char *run_dir)
{
    char *path = path_join(run_dir, FILE_NAME);
    check_magic(i, MAGIC);
    unlink(path);
    free(path);
    unsetenv(INHERIT_ENV);
    vec_each (&i->all, it)
        close_on_exec((*it)->fd, true);
}

/* --- the new program ------------------------------------------------------------------------ */

static void parse_line(struct inherit *i, struct str line)
{
    struct str kind, fd, id;
    int64_t number;
    if (!str_next(&line, ' ', &kind) || !str_next(&line, ' ', &fd) || !str_next(&line, ' ', &id) ||
        str_to_i64(fd, &number, NULL) < 0 || number <= 2 || number > INT32_MAX ||
        fcntl((int)number, F_GETFD) < 0)
        return;
    close_on_exec((int)number, true);
    char *key;
    must(asprintf(&key, "%.*s %.*s", (int)kind.n, kind.p, (int)id.n, id.p) > 0);
    add(i, (int)number, key, strndup(line.p, line.n));
}

struct inherit *inherit_read(const char *run_dir)
{
    struct inherit *i = inherit_new();
    cleanup(buf_done) struct buf text = BUF_INIT(FILE_MAX);
    char *path = path_join(run_dir, FILE_NAME);
    i->read = true;
    bool executed = getenv(INHERIT_ENV) != NULL; /* else the list is another warden's */
    if (executed && fs_read_regular(path, &text, NULL) == 0) {
        struct str rest = {text.data ? text.data : "", text.len}, line;
        while (rest.n > 0 && str_next(&rest, '\n', &line))
            parse_line(i, line);
    }
    if (executed)
        unlink(path);
    free(path);
    unsetenv(INHERIT_ENV);
    return i;
}

int inherit_take(struct inherit *i, const char *kind, const char *id, char **text)
{
    if (!i)
        return -1;
    check_magic(i, MAGIC);
    char *key = key_of(kind, id);
    struct heir *h = map_str_get(i->by_key, key, strlen(key));
    free(key);
    if (!h || h->fd < 0)
        return -1;
    int fd = h->fd;
    h->fd = -1;
    if (text) {
        *text = strdup(h->text);
        must(*text);
    }
    return fd;
}
