/* The end of what a killed warden left of Belfry's own processes: they got SIGTERM from the kernel when it died, and two of
 * a kind must not run. Programs are not among them; they go on, and are looked after meanwhile. The warden's one thread. */
#include <signal.h>
#include <stdlib.h>

#include "app/warden.h"
#include "base/fs.h"
#include "base/str.h"
#include "proc/procid.h"

#define MAX_STATE   ((size_t)8 << 20)
#define LEFTOVER_MS 15000 /* the watchers' and the core's own time to end */

static void read_leftovers(struct warden *w)
{
    cleanup(buf_done) struct buf text = BUF_INIT(MAX_STATE);
    char *path = path_join(w->run_dir, "children");
    int rc = fs_read_regular(path, &text, NULL);
    free(path);
    if (rc < 0)
        return;
    struct str rest = {text.data ? text.data : "", text.len}, line, pid, start;
    while (rest.n > 0 && str_next(&rest, '\n', &line)) {
        int64_t p;
        uint64_t s;
        if (!str_next(&line, ' ', &pid) || !str_next(&line, ' ', &start) ||
            str_to_i64(pid, &p, NULL) < 0 || str_to_u64(start, &s, NULL) < 0 || p <= 1 ||
            p > INT32_MAX)
            continue;
        struct spawn_id id = {(int32_t)p, s};
        if (process_is(id.pid, id.start_time))
            vec_push(&w->leftovers, id);
    }
}

/* Keeps those that live. */
static size_t signal_living(struct warden *w, int signo)
{
    size_t n = 0;
    vec_each (&w->leftovers, it) {
        if (!process_is(it->pid, it->start_time))
            continue;
        if (signo) {
            kill(it->pid, signo);
            kill(it->pid, SIGCONT); /* a stopped one obeys nothing else than SIGKILL */
        }
        w->leftovers.at[n++] = *it;
    }
    w->leftovers.n = n;
    return n;
}

void warden_end_leftovers(struct warden *w)
{
    read_leftovers(w);
    if (signal_living(w, SIGTERM) > 0)
        log_warn("a killed predecessor left processes; waiting for their end",
                 F_INT("processes", w->leftovers.n));
    w->leftovers_until_ms = warden_now_ms() + LEFTOVER_MS;
}

bool warden_leftovers_ended(struct warden *w)
{
    bool late = warden_now_ms() >= w->leftovers_until_ms;
    return w->leftovers.n == 0 || signal_living(w, late ? SIGKILL : 0) == 0;
}
