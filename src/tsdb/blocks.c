/* blocks.h: an array under a lock; readers take a copy with references. */
#include "tsdb/blocks.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/vec.h"

struct blocks {
    char *dir;
    pthread_mutex_t lock;
    vec_of(struct block *) open; /* oldest first, one reference each */
    uint64_t changes, damaged;
};

static int by_time(const void *a, const void *b)
{
    const struct block_meta *x = block_meta(*(struct block *const *)a);
    const struct block_meta *y = block_meta(*(struct block *const *)b);
    if (x->min_ms != y->min_ms)
        return x->min_ms < y->min_ms ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void sort_open(struct blocks *b)
{
    if (b->open.n > 1)
        qsort(b->open.at, b->open.n, sizeof(*b->open.at), by_time);
}

static void open_one(struct blocks *b, const char *name)
{
    struct err err;
    struct block *block = block_open(b->dir, name, &err);
    if (block) {
        vec_push(&b->open, block);
        return;
    }
    b->damaged++;
    log_error("metrics store: a block cannot be opened; its samples are missing from answers",
              F_STR("block", name), F_ERR(&err));
}

struct blocks *blocks_open(const char *dir, struct err *err)
{
    if (fs_mkdirs(dir, 0750, err) < 0 || block_sweep(dir, err) < 0)
        return NULL;
    DIR *d = opendir(dir);
    if (!d) {
        err_sys(err, ERR_IO, "cannot read %s", dir);
        return NULL;
    }
    struct blocks *b = calloc(1, sizeof(*b));
    must(b != NULL);
    b->dir = strdup(dir);
    must(b->dir != NULL);
    pthread_mutex_init(&b->lock, NULL);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.')
            open_one(b, e->d_name);
    }
    closedir(d);
    sort_open(b);
    return b;
}

void blocks_close(struct blocks *b)
{
    if (!b)
        return;
    vec_each (&b->open, block)
        block_unref(*block);
    vec_done(&b->open);
    pthread_mutex_destroy(&b->lock);
    free(b->dir);
    free(b);
}

struct block **blocks_take(struct blocks *b, int64_t min_ms, int64_t max_ms, uint32_t *n)
{
    pthread_mutex_lock(&b->lock);
    struct block **list = malloc((b->open.n + 1) * sizeof(*list));
    must(list != NULL);
    *n = 0;
    vec_each (&b->open, block) {
        const struct block_meta *m = block_meta(*block);
        if (m->min_ms <= max_ms && m->max_ms > min_ms)
            list[(*n)++] = block_ref(*block);
    }
    pthread_mutex_unlock(&b->lock);
    return list;
}

void blocks_give(struct block **list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        block_unref(list[i]);
    free(list);
}

static void drop(struct blocks *b, struct block *block)
{
    for (size_t i = 0; i < b->open.n; i++) {
        if (b->open.at[i] != block)
            continue;
        memmove(b->open.at + i, b->open.at + i + 1, (b->open.n - i - 1) * sizeof(*b->open.at));
        b->open.n--;
        block_doom(block);
        block_unref(block);
        return;
    }
}

int blocks_replace(struct blocks *b, const char *const *added, uint32_t n_added,
                   struct block *const *removed, uint32_t n_removed, struct err *err)
{
    vec_of(struct block *) fresh = {0};
    for (uint32_t i = 0; i < n_added; i++) {
        struct block *block = block_open(b->dir, added[i], err);
        if (!block) {
            vec_each (&fresh, f)
                block_unref(*f);
            vec_done(&fresh);
            return -1;
        }
        vec_push(&fresh, block);
    }
    pthread_mutex_lock(&b->lock);
    vec_each (&fresh, f)
        vec_push(&b->open, *f);
    for (uint32_t i = 0; i < n_removed; i++)
        drop(b, removed[i]);
    sort_open(b);
    b->changes++;
    pthread_mutex_unlock(&b->lock);
    vec_done(&fresh);
    return 0;
}

uint64_t blocks_changes(struct blocks *b)
{
    pthread_mutex_lock(&b->lock);
    uint64_t n = b->changes;
    pthread_mutex_unlock(&b->lock);
    return n;
}

uint64_t blocks_damaged(struct blocks *b)
{
    return b->damaged;
}
