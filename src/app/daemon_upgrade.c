/* `belfry upgrade` on the machine itself: asks the warden through its door, and waits until the new program is ready. Runs
 * in the short-lived process of the command. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app/daemon.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "cli/cli.h"

#define READY_MS 60000
#define LOOK_MS  50

/* Of warden.json; "" when it cannot be read. */
struct running {
    char version[64], upgraded_at[40];
};

static struct running look(const char *data_dir)
{
    struct running r = {0};
    cleanup(buf_done) struct buf text = BUF_INIT((size_t)8 << 20);
    cleanup(arena_freep) struct arena *a = arena_new();
    char *path = daemon_run_path(data_dir, "warden.json");
    if (fs_read(path, &text, NULL) == 0) {
        const struct node *state = node_from_json(a, text.data, text.len, NULL);
        const struct node *version = node_get(state, "version");
        const struct node *at = node_get(state, "upgraded_at");
        if (version && version->kind == NODE_TEXT)
            snprintf(r.version, sizeof(r.version), "%s", version->text.p);
        if (at && at->kind == NODE_TEXT)
            snprintf(r.upgraded_at, sizeof(r.upgraded_at), "%s", at->text.p);
    }
    free(path);
    return r;
}

static bool wait_for_new(const char *data_dir, const struct running *old, struct running *now)
{
    for (int64_t end = clock_mono_ns() + READY_MS * NS_PER_MS; clock_mono_ns() < end;) {
        *now = look(data_dir);
        if (*now->upgraded_at && !streq(now->upgraded_at, old->upgraded_at) &&
            daemon_is_ready(data_dir))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * NS_PER_MS}, NULL);
    }
    return false;
}

int daemon_upgrade(const struct warden_config *cfg)
{
    struct err err = {0};
    pid_t pid = daemon_pid(cfg->data_dir);
    if (pid <= 0) {
        fprintf(stderr, "belfry: Belfry is not running with the data in %s\n", cfg->data_dir);
        return EXIT_UNREACHED;
    }
    struct running old = look(cfg->data_dir), now;
    if (daemon_ask_upgrade(cfg->data_dir, pid, &err) < 0) {
        fprintf(stderr, "belfry: no upgrade: %s\n", err.msg);
        return EXIT_BAD;
    }
    if (!wait_for_new(cfg->data_dir, &old, &now)) {
        fprintf(stderr, "belfry: the new program is not ready after %d s; see the logs in %s\n",
                READY_MS / 1000, cfg->log_dir);
        return EXIT_BAD;
    }
    printf("Belfry was upgraded from %s to %s: process %ld, programs ran on\n", old.version,
           now.version, (long)daemon_pid(cfg->data_dir));
    return EXIT_GOOD;
}
