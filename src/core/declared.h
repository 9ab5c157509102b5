/* Targets and channels as belfry.yaml declares them: for export, and to tell whether two are the same. What has its default is
 * left out. Secrets are as they are: mask before showing. Pure. */
#ifndef CORE_DECLARED_H
#define CORE_DECLARED_H

#include "config/node.h"
#include "config/option.h"
#include "model/alert.h"
#include "model/target.h"

struct declared_names {
    const char **at;
    size_t n;
};
/* Names of its channels; parents as "GROUP/NAME". */
struct node *declared_target(const struct target *t, const struct declared_names *channels,
                             const struct declared_names *parents, struct arena *a);
struct node *declared_channel(const struct channel *ch, struct arena *a);

/* Copies with secrets masked; an address that is one is masked so that it still is an address. */
#define DECLARED_URL_MASK "https://" SECRET_MASK
struct node *declared_target_masked(const struct target *t, const struct node *declared,
                                    struct arena *a);
struct node *declared_channel_masked(const struct channel *ch, const struct node *declared,
                                     struct arena *a);
/* Is the address a channel of that type is sent to a secret? */
bool channel_url_is_secret(const char *type);

#endif
