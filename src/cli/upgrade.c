/* belfry upgrade: the running Belfry executes the program file that lies on disk now. Supervised programs run on. */
#include "cli/cli.h"
#include "cli/resource.h"

#include <stdio.h>

int cmd_upgrade(int argc, char **argv)
{
    struct session s = {0};
    struct err err = {0};
    client_args(argc, argv, &s.args);
    if (s.args.help) {
        puts(
            "usage: belfry upgrade [-c FILE]\n\n"
            "Replaces the running Belfry by the program file on disk. Supervised programs are not restarted.");
        return EXIT_GOOD;
    }
    if (args_unknown(&s.args))
        return EXIT_USAGE;
    s.client = client_open(&s.args, &err);
    if (!s.client)
        return client_fail(&err);
    s.arena = arena_new();
    int status = do_call(&s, "POST", "/api/v1/upgrade", NULL, "upgrading");
    arena_free(s.arena);
    client_close(&s.client);
    return status;
}
