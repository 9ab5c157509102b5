/* belfry upgrade: the running Belfry executes the program file that lies on disk now. Supervised programs run on. Returns
 * when the new one answers: its core is another process. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/resource.h"

#define LOOK_MS    100
#define PATIENCE_S 60

static const char help[] =
    "usage: belfry upgrade [-c FILE]\n\n"
    "Replaces the running Belfry by the program file on disk, and waits until that one is ready.\n"
    "Supervised programs are not restarted.\n";

/* Pid of the core that answers now; "" when none does. */
static const char *core_pid(struct session *s, struct err *err)
{
    struct node *answer = NULL;
    if (client_call(s->client, "GET", "/api/v1/nodes", NULL, s->arena, &answer, err) != 0)
        return "";
    const struct node *items = node_get(answer, "items");
    for (const struct node *i = items ? items->first : NULL; i; i = i->next)
        if (streq(field_text(i, "role", s->arena), "core"))
            return field_text(i, "pid", s->arena);
    return "";
}

static bool is_ready(struct session *s)
{
    struct node *answer = NULL;
    return client_call(s->client, "GET", "/health/ready", NULL, s->arena, &answer, NULL) == 0;
}

/* While the cores change places nobody answers. */
static int await_successor(struct session *s, const char *old)
{
    int64_t end = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (clock_mono_ns() < end) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * NS_PER_MS}, NULL);
        const char *now = core_pid(s, NULL);
        if (*now && !streq(now, old) && is_ready(s)) {
            printf("upgraded\n");
            return EXIT_GOOD;
        }
    }
    fprintf(stderr, "belfry: no new Belfry answered within %d s; see belfry status\n", PATIENCE_S);
    return EXIT_BAD;
}

static int upgrade(struct session *s)
{
    struct err err = {0};
    struct node *answer = NULL;
    const char *old = core_pid(s, &err);
    if (*old &&
        client_call(s->client, "POST", "/api/v1/upgrade", NULL, s->arena, &answer, &err) == 0)
        return await_successor(s, old);
    return client_fail(&err);
}

int cmd_upgrade(int argc, char **argv)
{
    struct session s = {0};
    struct err err = {0};
    client_args(argc, argv, &s.args);
    if (s.args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    if (args_unknown(&s.args))
        return EXIT_USAGE;
    s.client = client_open(&s.args, &err);
    if (!s.client)
        return client_fail(&err);
    s.arena = arena_new();
    int status = upgrade(&s);
    arena_free(s.arena);
    client_close(&s.client);
    return status;
}
