/* The members of a target of type group, for those who ask. On the core's loop. */
#ifndef CORE_GROUP_H
#define CORE_GROUP_H

#include "core/core.h"

/* fn gets each member, or the text of the configuration that names no target. false: the target is no group. */
bool core_group_members(struct core *c, uint64_t id,
                        void (*fn)(void *arg, const struct core_target *member,
                                   const char *missing),
                        void *arg);

#endif
