/* Rotated files: output.log.YYYYMMDD-HHMMSS.NNN, with .zst when compressed. The time is UTC and never goes back within a
 * unit, whatever the clock does, so that names sort by time; NNN (more digits past 999) counts within a second. Rotation
 * itself, and the removal of what is too old or too much. Output process, main thread; the list also for readers. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "output/output_priv.h"

#define DAY_S          86400
#define ROTATE_REST_MS 1000 /* after a rotation that failed */

/* --- names --- */

void output__rotated_name(char name[ROTATED_NAME_SIZE], const struct rotated *r, bool packed)
{
    int n = snprintf(name, ROTATED_NAME_SIZE, FILE_NAME ".%08llu-%06llu.%03u%s",
                     (unsigned long long)(r->stamp / 1000000),
                     (unsigned long long)(r->stamp % 1000000), r->n, packed ? ".zst" : "");
    must(n > 0 && n < ROTATED_NAME_SIZE);
}

static bool digits(struct str *s, size_t min, size_t max, uint64_t *out)
{
    size_t n = 0;
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    if (n < min || n > max || str_to_u64((struct str){s->p, n}, out, NULL) < 0)
        return false;
    *s = (struct str){s->p + n, s->n - n};
    return true;
}

static bool skip(struct str *s, struct str what)
{
    if (!str_starts(*s, what))
        return false;
    *s = (struct str){s->p + what.n, s->n - what.n};
    return true;
}

bool output__rotated_parse(const char *name, struct rotated *r)
{
    struct str s = str_of(name);
    uint64_t day, second, n;
    if (!skip(&s, STR(FILE_NAME ".")) || !digits(&s, 8, 8, &day) || !skip(&s, STR("-")) ||
        !digits(&s, 6, 6, &second) || !skip(&s, STR(".")) || !digits(&s, 3, 9, &n))
        return false;
    bool packed = skip(&s, STR(".zst"));
    if (s.n > 0)
        return false;
    *r = (struct rotated){
        .stamp = day * 1000000 + second, .n = (uint32_t)n, .plain = !packed, .packed = packed};
    return true;
}

static int compare(const void *pa, const void *pb)
{
    const struct rotated *a = pa, *b = pb;
    if (a->stamp != b->stamp)
        return a->stamp < b->stamp ? -1 : 1;
    return (a->n > b->n) - (a->n < b->n);
}

static void sort_and_merge(rotated_list *l)
{
    size_t n = 0;
    if (l->n == 0)
        return;
    qsort(l->at, l->n, sizeof(*l->at), compare);
    for (size_t i = 1; i < l->n; i++) {
        if (compare(&l->at[n], &l->at[i]) != 0) {
            l->at[++n] = l->at[i];
            continue;
        }
        l->at[n].plain |= l->at[i].plain;
        l->at[n].packed |= l->at[i].packed;
    }
    l->n = n + 1;
}

bool output__rotated_list(const char *dir, rotated_list *out, size_t *torn)
{
    DIR *d = opendir(dir);
    struct rotated r;
    if (!d)
        return false;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (output__rotated_parse(e->d_name, &r))
            vec_push(out, r);
        else if (torn && str_ends(str_of(e->d_name), STR(".zst.tmp")))
            ++*torn;
    }
    closedir(d);
    sort_and_merge(out);
    return true;
}

static uint64_t stamp_of(int64_t wall_ns)
{
    time_t s = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    must(gmtime_r(&s, &tm) && tm.tm_year > -1900 && tm.tm_year < 8100);
    uint64_t day = (uint64_t)(tm.tm_year + 1900) * 10000 + (uint64_t)(tm.tm_mon + 1) * 100 +
                   (uint64_t)tm.tm_mday;
    uint64_t second =
        (uint64_t)tm.tm_hour * 10000 + (uint64_t)tm.tm_min * 100 + (uint64_t)tm.tm_sec;
    return day * 1000000 + second;
}

void output__rotated_next(struct rotated *next, const struct rotated *last, int64_t wall_ns)
{
    uint64_t stamp = stamp_of(wall_ns);
    bool later = stamp > last->stamp;
    *next = (struct rotated){
        .stamp = later ? stamp : last->stamp, .n = later ? 0 : last->n + 1, .plain = true};
    must(compare(last, next) < 0);
}

int64_t output__rotated_age_days(const struct rotated *r, int64_t wall_ns)
{
    uint64_t day = r->stamp / 1000000, s = r->stamp % 1000000;
    struct tm tm = {.tm_year = (int)(day / 10000) - 1900,
                    .tm_mon = (int)(day / 100 % 100) - 1,
                    .tm_mday = (int)(day % 100),
                    .tm_hour = (int)(s / 10000),
                    .tm_min = (int)(s / 100 % 100),
                    .tm_sec = (int)(s % 100)};
    return (wall_ns / NS_PER_S - (int64_t)timegm(&tm)) / DAY_S;
}

/* --- the day --- */

struct day output__day(int64_t wall_ns)
{
    time_t s = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    must(localtime_r(&s, &tm));
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    struct tm next = tm;
    next.tm_mday++;
    struct day d = {(int64_t)mktime(&tm) * NS_PER_S, (int64_t)mktime(&next) * NS_PER_S};
    if (d.end_ns <= wall_ns) /* a zone that lies about its midnight must not rotate for ever */
        d.end_ns = wall_ns + (int64_t)DAY_S * NS_PER_S;
    return d;
}

/* --- rotation --- */

static bool too_old(const struct writer *w, const struct rotated *r, int64_t wall_ns)
{
    return w->keep_days > 0 && output__rotated_age_days(r, wall_ns) >= w->keep_days;
}

void output__prune(struct desk *d, struct writer *w, int64_t wall_ns)
{
    rotated_list l = {0};
    output__rotated_list(w->dir, &l, NULL);
    for (size_t i = 0; i < l.n; i++) {
        bool too_many = w->keep > 0 && l.n - i > (size_t)w->keep;
        if (too_many || too_old(w, &l.at[i], wall_ns))
            output__compressor_remove(d->compressor, w->dir, &l.at[i]);
    }
    vec_done(&l);
}

void output__rotate(struct desk *d, struct writer *w, int64_t wall_ns)
{
    char name[ROTATED_NAME_SIZE];
    struct rotated next;
    output__rotated_next(&next, &w->last, wall_ns);
    output__rotated_name(name, &next, false);
    char *to = path_join(w->dir, name);
    int rc = rename(w->path, to);
    if (rc < 0) {
        int why = errno;
        w->no_rotate_ms = d->os.mono_ms(d->os.arg) + ROTATE_REST_MS;
        log_warn("cannot rotate a unit's output; its file grows on", F_STR("unit", w->unit),
                 F_STR("error", strerror(why)));
    }
    free(to);
    if (rc < 0)
        return;
    w->last = next;
    w->stats.rotations++;
    output__writer_close(w);
    output__prune(d, w, wall_ns);
    if (w->compress)
        output__compressor_add(d->compressor, w->dir, 1);
}
