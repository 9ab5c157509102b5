/* Keeps one program alive and says what happens:
 *
 *     cc supervise.c $(pkg-config --cflags --libs belfry-proc) -o supervise
 *     ./supervise /usr/bin/python3 -m http.server 8000
 *
 * Then, from elsewhere: pkill -9 -f 'http.server 8000'. Ctrl-C stops both. */
#include <belfry_proc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int signo)
{
    (void)signo;
    interrupted = 1;
}

static void on_change(void *arg, const struct belfry_proc_info *unit, enum belfry_proc_state from)
{
    (void)arg;
    printf("%s: %s -> %s", unit->id, belfry_proc_state_name(from), belfry_proc_state_name(unit->state));
    if (unit->pid > 0)
        printf(" (pid %ld)", (long)unit->pid);
    if (unit->state == BELFRY_PROC_CRASHED && unit->last_reason[0] != '\0')
        printf(": %s", unit->last_reason);
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char error[200];
    if (argc < 2) {
        fprintf(stderr, "usage: supervise /PATH/OF/PROGRAM [ARGUMENT…]\n");
        return 2;
    }
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);

    struct belfry_proc *b = belfry_proc_new(&(struct belfry_proc_options){.on_change = on_change});
    struct belfry_proc_unit unit = {.id = "program", .argv = (const char *const *)(argv + 1)};
    belfry_proc_monitor_defaults(&unit.monitor);
    unit.monitor.restart_cooldown_ms = 1000;
    if (!b || belfry_proc_add(b, &unit, error, sizeof(error)) < 0) {
        fprintf(stderr, "supervise: %s\n", b ? error : "this kernel has no pidfds");
        return 1;
    }
    while (!interrupted) {
        struct pollfd fd = {.fd = belfry_proc_fd(b), .events = POLLIN};
        poll(&fd, 1, belfry_proc_timeout(b));
        belfry_proc_turn(b);
    }
    belfry_proc_stop(b, false);

    struct belfry_proc_status s;
    belfry_proc_status(b, &s);
    printf("%llu restarts, %llu of them good\n", (unsigned long long)s.total_restarts, (unsigned long long)s.success_restarts);
    belfry_proc_free(b);
    return 0;
}
