/* What the uplink's watcher probes: the server's bytes, checked and put where the watcher looks. */
#include "app/uplink.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/log.h"
#include "ipc/assign.h"

#define ASSIGNMENT_MAX ((size_t)256 << 20)

static int read_generation(const char *path, uint64_t *generation, uint32_t *count, struct err *err)
{
    struct assign_file *f = assign_open(path, err);
    if (!f)
        return -1;
    *generation = assign_generation(f);
    *count = assign_count(f);
    assign_close(&f);
    return 0;
}

/* The watcher never sees bytes that were not looked at. */
static int put_in_place(struct uplink *u, const struct buf *bytes, struct err *err)
{
    char *fresh;
    uint32_t count = 0;
    must(asprintf(&fresh, "%s.new", u->assign_path) > 0);
    int rc = fs_write_atomic(fresh, bytes->data ? bytes->data : "", bytes->len, 0600, true, err);
    if (rc == 0)
        rc = read_generation(fresh, &u->generation, &count, err);
    if (rc == 0 && rename(fresh, u->assign_path) != 0)
        rc = err_sys(err, ERR_IO, "cannot write %s", u->assign_path);
    if (rc == 0)
        log_info("the server says what to probe", F_INT("targets", count));
    free(fresh);
    return rc;
}

int uplink_fetch_assignment(struct uplink *u, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct http_response resp = {0};
    uint64_t before = u->generation;
    int rc = uplink_ask(u, "/api/v1/agent/assignment", NULL, ASSIGNMENT_MAX, a, &resp, err);
    if (rc == 0 && resp.status != 200)
        rc = err_set(err, ERR_PROTOCOL, "the server answered status %d", resp.status);
    if (rc == 0)
        rc = put_in_place(u, &resp.body, err);
    http_response_done(&resp);
    if (rc != 0)
        u->generation = before;
    else
        link_send(u->link, AGENT_WATCHER_KEY, LINK_RELOAD, 0, NULL, 0, NULL);
    return rc;
}

int uplink_open_assignment(struct uplink *u, struct err *err)
{
    uint32_t count;
    if (read_generation(u->assign_path, &u->generation, &count, err) == 0) {
        log_info("going on with what there was to probe", F_INT("targets", count));
        return 0;
    }
    if (err->code != ERR_NOT_FOUND)
        log_warn("what there was to probe cannot be read; the server is asked", F_ERR(err));
    struct assign_writer *w = assign_writer_new(0);
    u->generation = 0;
    err_clear(err);
    return assign_writer_commit(&w, u->assign_path, err);
}
