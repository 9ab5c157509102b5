/* The routes of accounts and sign-in. */
#include "api/access_priv.h"

const struct route access_routes[] = {
    {0},
};
