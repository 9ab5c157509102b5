/* Between the files of relabelling. */
#ifndef WIRE_RELABEL_PRIV_H
#define WIRE_RELABEL_PRIV_H

#include "wire/relabel.h"

/* Do the fields go with the action? at: the rule's node, or NULL. */
bool relabel__check(const struct relabel_config *c, const struct node *at, struct problems *p,
                    const char *path);
/* s in lower or upper case, in a: ASCII, Latin-1, Greek and Cyrillic letters. */
struct str relabel__case(struct str s, bool upper, struct arena *a);

#endif
