/* What the tests of the importers share: a configuration that an importer wrote, what it told, and how it loads. */
#ifndef CLI_IMPORTED_H
#define CLI_IMPORTED_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"

struct imported {
    struct arena *arena;
    struct problems problems; /* what the importer told */
    struct buf yaml;          /* what it wrote */
    struct config *c;         /* of imported_load */
    char dir[64];             /* the test's own, if it makes one */
};

struct imported imported_begin(void);
void imported_end(struct imported *t);
/* As `belfry config check` does; fails the test when the text does not load. */
void imported_load(struct imported *t);
/* Whether one of the importer's problems contains the text. */
bool imported_told(const struct imported *t, const char *what);
/* Fails the test unless the file holds exactly what was written; BELFRY_GOLDEN=write writes it anew. */
void imported_golden(const struct imported *t, const char *path);

#endif
