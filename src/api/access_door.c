/* The door: the tables of who there is, kept in step with the core's documents; limits of trying; accounts that are changed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/access_priv.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"

static void on_document(void *arg, const struct core_document *d)
{
    struct door *door = arg;
    access_document(door->access, d->kind, d->id, d->json);
}

static void tell_setup_code(const struct door *d)
{
    log_info("there is no account yet: open the page and enter this set-up code to create the "
             "administrator (or run `belfry user add NAME --role admin`)",
             F_STR("setup_code", access_setup_code(d->access)));
}

struct door *door_new(struct core *core)
{
    struct door *d = calloc(1, sizeof(*d));
    must(d);
    d->access = access_new();
    d->gate = password_gate_new();
    d->throttle = throttle_new(rng_secure_u64());
    pthread_mutex_init(&d->lock, NULL);
    access_configure(d->access, core_config(core));
    core_documents_watch(core, "user", on_document, d);
    core_documents_watch(core, "token", on_document, d);
    core_documents_watch(core, "session", on_document, d);
    if (access_accounts(d->access, NULL) == 0)
        tell_setup_code(d);
    return d;
}

void door_free(struct door *d)
{
    if (!d)
        return;
    access_free(d->access);
    password_gate_free(d->gate);
    throttle_free(d->throttle);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
