/* Figures of the programs' process trees: one pass over /proc for all of them, at most once a check interval, and for those
 * who ask when the last is older than they like. Main loop. */
#include <stdlib.h>

#include "base/clock.h"
#include "core/process_priv.h"

static void take_usage(struct program *p, const struct spawn_id *main, const struct tree_usage *now,
                       int64_t now_ns)
{
    double used = now->cpu_seconds - p->usage.tree.cpu_seconds;
    double span = (double)(now_ns - p->usage.at_ns) / NS_PER_S;
    bool same = p->usage.at_ns && p->usage.main.pid == main->pid &&
                p->usage.main.start_time == main->start_time;
    p->usage.cpu_percent = same && used > 0 && span > 0 ? used / span * 100 : 0;
    p->usage.tree = *now;
    p->usage.main = *main;
    p->usage.at_ns = now_ns;
}

void core__usage_sample(struct core *c, int64_t not_older_ns)
{
    struct programs *all = c->programs;
    int64_t now_ns = clock_mono_ns();
    size_t n = all->order.n;
    if (n == 0 || (all->sampled_ns && now_ns - all->sampled_ns < not_older_ns))
        return;
    all->sampled_ns = now_ns;
    struct tree *trees = calloc(n, sizeof(*trees));
    struct tree_usage *usage = calloc(n, sizeof(*usage));
    struct program **whose = calloc(n, sizeof(*whose));
    size_t living = 0;
    must(trees && usage && whose);
    for (size_t i = 0; i < n; i++) {
        struct program *p = all->order.at[i];
        struct unit_record r;
        bool lives = core__program_record(p, &r) &&
                     unit_state_has_process((enum unit_state)r.state) && r.spawned.pid > 0;
        if (!lives) {
            p->usage.tree = (struct tree_usage){0};
            p->usage.cpu_percent = 0;
            p->usage.at_ns = 0;
            continue;
        }
        trees[living] =
            (struct tree){.cookie = p->unit->config->id, .instance = c->run_dir, .main = r.spawned};
        whose[living++] = p;
    }
    if (living > 0)
        tree_usage(trees, living, usage);
    for (size_t i = 0; i < living; i++)
        take_usage(whose[i], &trees[i].main, &usage[i], now_ns);
    free(trees);
    free(usage);
    free(whose);
}
