/* metadata.h */
#include "tsdb/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "tsdb/wal.h"

#define FILE_MAX ((size_t)256 << 20)

void metadata_init(struct metadata *m)
{
    *m = (struct metadata){.by_metric = map_str_new()};
    pthread_mutex_init(&m->lock, NULL);
}

void metadata_done(struct metadata *m)
{
    size_t it = 0, n;
    const char *key;
    void *value;
    while (map_str_next(m->by_metric, &it, &key, &n, &value))
        free(value);
    map_str_free(m->by_metric);
    pthread_mutex_destroy(&m->lock);
}

static struct str put_text(char **at, struct str s)
{
    char *p = *at;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return (struct str){p, s.n};
}

/* One allocation with its texts behind it. */
static struct metric_metadata *copy(const struct metric_metadata *m)
{
    struct metric_metadata *c = malloc(sizeof(*c) + m->metric.n + m->help.n + m->unit.n);
    must(c != NULL);
    char *at = (char *)(c + 1);
    c->type = m->type;
    c->metric = put_text(&at, m->metric);
    c->help = put_text(&at, m->help);
    c->unit = put_text(&at, m->unit);
    return c;
}

static bool is_same(const struct metric_metadata *a, const struct metric_metadata *b)
{
    return a->type == b->type && str_eq(a->help, b->help) && str_eq(a->unit, b->unit);
}

bool metadata_set(struct metadata *m, const struct metric_metadata *to)
{
    pthread_mutex_lock(&m->lock);
    const struct metric_metadata *old = map_str_get(m->by_metric, to->metric.p, to->metric.n);
    bool news = old ? !is_same(old, to) : map_str_count(m->by_metric) < METADATA_MAX;
    if (news) {
        free(map_str_put(m->by_metric, to->metric.p, to->metric.n, copy(to)));
        m->changed = true;
    }
    pthread_mutex_unlock(&m->lock);
    return news;
}

static int by_metric(const void *a, const void *b)
{
    struct str x = (*(struct metric_metadata *const *)a)->metric;
    struct str y = (*(struct metric_metadata *const *)b)->metric;
    int c = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return c ? c : (x.n > y.n) - (x.n < y.n);
}

struct list {
    struct metric_metadata **at;
    size_t n, cap;
};

/* Copies, so that nobody waits for fn. */
static struct list copy_all(struct metadata *m, struct str metric)
{
    struct list l = {0};
    size_t it = 0, n;
    const char *key;
    void *value;
    pthread_mutex_lock(&m->lock);
    if (metric.n > 0) {
        value = map_str_get(m->by_metric, metric.p, metric.n);
        if (value)
            vec_push(&l, copy(value));
    } else {
        while (map_str_next(m->by_metric, &it, &key, &n, &value))
            vec_push(&l, copy(value));
    }
    pthread_mutex_unlock(&m->lock);
    if (l.n > 1)
        qsort(l.at, l.n, sizeof(*l.at), by_metric);
    return l;
}

void metadata_each(struct metadata *m, struct str metric,
                   bool (*fn)(void *arg, const struct metric_metadata *m), void *arg)
{
    struct list l = copy_all(m, metric);
    bool more = true;
    for (size_t i = 0; i < l.n; i++) {
        if (more)
            more = fn(arg, l.at[i]);
        free(l.at[i]);
    }
    vec_done(&l);
}

static bool save_one(void *arg, const struct metric_metadata *m)
{
    wal_put_metadata(arg, m);
    return true;
}

int metadata_save(struct metadata *m, const char *path, struct err *err)
{
    pthread_mutex_lock(&m->lock);
    bool changed = m->changed;
    m->changed = false;
    pthread_mutex_unlock(&m->lock);
    if (!changed)
        return 0;
    struct buf file = BUF_INIT(FILE_MAX);
    metadata_each(m, (struct str){"", 0}, save_one, &file);
    int rc = fs_write_atomic(path, file.data ? file.data : "", file.len, 0640, true, err);
    buf_done(&file);
    if (rc < 0) {
        pthread_mutex_lock(&m->lock);
        m->changed = true;
        pthread_mutex_unlock(&m->lock);
    }
    return rc;
}

int metadata_load(struct metadata *m, const char *path, uint64_t *damaged, struct err *err)
{
    struct buf file = BUF_INIT(FILE_MAX);
    if (!fs_exists(path))
        return 0;
    if (fs_read(path, &file, err) < 0) {
        buf_done(&file);
        return -1;
    }
    const uint8_t *p = (const uint8_t *)file.data;
    struct wal_cursor c = {p, p, p + file.len, 0, 0};
    enum wal_type type;
    struct str payload;
    struct metric_metadata got;
    while (wal_next(&c, &type, &payload)) {
        if (type == WAL_METADATA && wal_get_metadata(payload, &got, NULL) == 0)
            metadata_set(m, &got);
    }
    *damaged += c.damaged + (c.at != c.end);
    m->changed = c.at != c.end;
    buf_done(&file);
    return 0;
}
