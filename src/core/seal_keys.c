/* The keys of the secrets in the store: opened at the start, changed while running, older ones forgotten when nothing is sealed
 * with them any more.
 *
 *   one key --core_key_rotate, or a start that finds two--> two keys, all rows sealed anew in one batch --stored--> one key
 *
 * A kill at any moment finds both keys in the file, or nothing sealed with the old one. On the loop. */
#include "core/seal.h"

#include <stdlib.h>

#include "base/fs.h"
#include "base/seal.h"
#include "core/core_priv.h"

int core__seal_open(struct core *c, struct err *err)
{
    bool made = false;
    char *path = path_join(c->config->data_dir, "secret.key");
    c->seal = seal_open(path, &made, err);
    if (c->seal && made)
        log_info("a key for the secrets in the store was made; keep a copy of it elsewhere",
                 F_STR("file", path), F_STR("key", seal_key_id(c->seal)));
    free(path);
    return c->seal ? 0 : -1;
}

void core__seal_close(struct core *c)
{
    seal_close(&c->seal);
}

void core__seal_stored(struct core *c)
{
    struct err err = {0};
    if (c->closing || !seal_has_old_keys(c->seal))
        return;
    if (seal_forget_old(c->seal, &err) != 0)
        log_warn("the old key of the secrets is kept until the next start", F_ERR(&err));
    else
        log_info("the secrets in the store are sealed with the new key",
                 F_STR("key", seal_key_id(c->seal)));
}

void core__seal_loaded(struct core *c)
{
    if (c->sealed_away)
        log_error(
            "secrets in the store are sealed with a key that is not here: what they belong to "
            "does not work until data/secret.key is the right one or they are given again",
            F_INT("texts", c->sealed_away), F_STR("key", seal_key_id(c->seal)));
    if (c->sealed_anew)
        log_info("secrets in the store are sealed", F_INT("rows", c->sealed_anew),
                 F_STR("key", seal_key_id(c->seal)));
    if (!c->sealed_anew && !seal_has_old_keys(c->seal))
        return;
    batch_scrub(core__batch(c));
    core__commit_reseal(c);
}

size_t core_sealed_away(const struct core *c)
{
    check_magic(c, CORE_MAGIC);
    return c->sealed_away;
}

const char *core_key_id(const struct core *c)
{
    check_magic(c, CORE_MAGIC);
    return seal_key_id(c->seal);
}

int core_key_rotate(struct core *c, size_t *rows, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0 || seal_renew(c->seal, err) != 0)
        return -1;
    *rows = core__seal_all(c);
    batch_scrub(core__batch(c));
    core__commit_reseal(c);
    core__commit_wait(c, w);
    return 0;
}
