/* belfry reload: reads the configuration again, and prints everything that is wrong with it. */
#include "cli/cli.h"
#include "cli/resource.h"

#include <stdio.h>

int cmd_reload(int argc, char **argv)
{
    struct session s = {0};
    struct err err = {0};
    client_args(argc, argv, &s.args);
    if (s.args.help) {
        puts(
            "usage: belfry reload [-c FILE]\n\nReads the configuration again. One that does not validate changes nothing.");
        return EXIT_GOOD;
    }
    if (args_unknown(&s.args))
        return EXIT_USAGE;
    s.client = client_open(&s.args, &err);
    if (!s.client)
        return client_fail(&err);
    s.arena = arena_new();
    int status = do_call(&s, "POST", "/-/reload", NULL, "reloaded");
    arena_free(s.arena);
    client_close(&s.client);
    return status;
}
