/* See store_helper.h. Runs in the tests' processes; on_done and on_health on the writer thread unless the test has
 * a loop. */
#include "store_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"

static void on_health(void *arg, const struct err *err)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->lock);
    if (err) {
        f->sick++;
        f->illness = err->code;
    } else {
        f->well++;
    }
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void on_done(void *arg, struct batch *b, const struct err *err)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->lock);
    f->done++;
    if (err) {
        f->failed++;
        f->last = *err;
    }
    if (b) {
        must(err && (size_t)f->n_returned < array_len(f->returned));
        f->returned[f->n_returned++] = b;
    }
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    snprintf(f->dir, sizeof(f->dir), "/tmp/belfry-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/belfry.db", f->dir);
    f->opt = (struct store_options){.path = f->path, .on_health = on_health, .arg = f};
}

void fixture_open(struct fixture *f)
{
    struct err err = {0};
    bool damaged = false;
    f->store = store_open(&f->opt, &damaged, &err);
    if (!f->store)
        fail_msg("%s", err.msg);
    assert_false(damaged);
}

void fixture_close(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

void fixture_done(struct fixture *f)
{
    fixture_close(f);
    for (int i = 0; i < f->n_returned; i++)
        batch_free(f->returned[i]);
    DIR *d = opendir(f->dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(f->dir);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
}

void fixture_submit(struct fixture *f, struct batch *b)
{
    store_submit(f->store, b, on_done, f);
}

void fixture_wait(struct fixture *f, int answers)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&f->lock);
    while (f->done < answers) {
        int rc = pthread_cond_timedwait(&f->changed, &f->lock, &until);
        must(rc == 0);
    }
    pthread_mutex_unlock(&f->lock);
}

void fixture_run(struct fixture *f, struct batch *b)
{
    int answers = f->done + 1, failed = f->failed;
    fixture_submit(f, b);
    fixture_wait(f, answers);
    if (f->failed != failed)
        fail_msg("%s", f->last.msg);
}

struct result plain_result(struct arena *a, uint64_t target, int64_t at_ms, bool success)
{
    struct result r;
    result_init(&r, a);
    r.target_id = target;
    r.checked_ms = at_ms;
    r.latency_us = 800 + (int64_t)(target % 100);
    r.address = "10.0.0.5";
    if (success)
        result_ok(&r, "connected to 10.0.0.5:5432");
    else
        result_fail(&r, "connection refused by 10.0.0.5:5432");
    return r;
}
