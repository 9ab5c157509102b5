/* Inside of apply: what a document declares against what there is. */
#ifndef API_APPLY_H
#define API_APPLY_H

#include "api/api_priv.h"
#include "base/map.h"
#include "core/declared.h"

struct action {
    enum action_kind { ACTION_CREATE, ACTION_UPDATE, ACTION_DELETE } kind;
    bool channel;                /* else a target */
    const char *name;            /* "ops"; "payments/shop" */
    uint64_t id;                 /* 0: it is to be created */
    uint32_t index;              /* in the configuration */
    uint32_t level;              /* of a target: what it is judged by has lower ones */
    struct node *before, *after; /* as the file has them, masked; NULL: none */
    bool secret_changed;
    bool again; /* it names parents that came later */
};

struct applying {
    struct call *call;
    struct config *config; /* the document, bound */
    bool dry_run, prune;
    struct node *doc;
    struct map_str *declared; /* names of channels and targets that the document itself has */
    vec_of(struct action) actions;
    size_t at, unchanged;
    struct change change; /* err and rc of the first failure */
};

/* On the loop. */
void apply__complete(
    struct applying *p); /* what the document leaves to the server: masks, channels it only names */
/* Compares some hundred things; false: all are. */
bool apply__compare_some(struct applying *p);
bool apply__do_some(struct applying *p);

const char *apply__key(struct arena *a, bool channel, const char *group, const char *name);

#endif
