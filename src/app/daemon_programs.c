/* How many users' programs are in which state, for `belfry status`: read from the warden's table, without asking anybody. */
#include <stdlib.h>

#include "app/daemon.h"
#include "app/warden_programs.h"

struct node *daemon_count_programs(const char *data_dir, struct arena *a)
{
    struct node *counts = node_map(a);
    struct unit_record r;
    const char *id;
    char *path = daemon_run_path(data_dir, "table");
    struct table *t = table_open(path, PROCESS_TABLE_VERSION, sizeof(r), NULL);
    free(path);
    for (uint32_t it = 0; t && table_next(t, &it, &id, &r);) {
        if (r.state > UNIT_FATAL)
            continue;
        const char *name = unit_state_name((enum unit_state)r.state);
        const struct node *so_far = node_get(counts, name);
        node_put(counts, a, name, node_int(a, so_far ? so_far->num + 1 : 1));
    }
    table_close(&t);
    return counts;
}
