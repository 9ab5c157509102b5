#include "base/must.h"
#include "cli/cli.h"
#include "cli/rule_priv.h"
int rule_check_main(struct client_args *args)
{
    return EXIT_USAGE;
}
