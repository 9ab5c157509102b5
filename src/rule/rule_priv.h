/* What the files of this folder share. */
#ifndef RULE_RULE_PRIV_H
#define RULE_RULE_PRIV_H

#include "config/node.h"
#include "rule/rule.h"

/* --- reading (file.c, file_rule.c) --- */
struct rule_reader {
    struct arena *arena; /* of the set */
    const struct rule_defaults *defaults;
    struct problems *problems;
    const char *file;
    struct str text; /* of the file, in arena */
};
/* Adds a problem at a node. Returns false. */
bool rule__problem(struct rule_reader *r, const struct node *at, const char *field, const char *fmt,
                   ...) printf_like(4, 5);
/* Unknown keys, with the nearest known one. */
bool rule__check_keys(struct rule_reader *r, const struct node *map, const char *const *known,
                      size_t n, const char *path);
/* A scalar's text; absent and null: false without a problem. */
bool rule__text(struct rule_reader *r, const struct node *map, const char *key, const char *path,
                struct str *out, bool *ok);
bool rule__duration(struct rule_reader *r, const struct node *map, const char *key,
                    const char *path, int64_t *ms);
/* name: text, sorted by name; those of `under` are taken where map has none. templates: parse them. */
bool rule__texts(struct rule_reader *r, const struct node *map, const char *path, bool templates,
                 const struct rule_text *under, uint32_t n_under, const struct rule_text **out,
                 uint32_t *n);
bool rule__read_rule(struct rule_reader *r, const struct node *n, const char *path,
                     const struct rule_group *group, const struct rule_text *labels,
                     uint32_t n_labels, struct rule *out);
/* Where a node's text stands in the file: behind the | or > of a block. *at: line and column of it. */
const char *rule__source(const struct rule_reader *r, const struct node *n, struct rule_place *at);

#endif
