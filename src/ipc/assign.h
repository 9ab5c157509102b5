/* Assignments: what a watcher must probe, compiled by the core into data/run/assign/NAME and replaced
 * atomically (DESIGN.md). Entries are read one by one from the mapped file, so 100,000 cost no parse tree.
 *
 * File: header {magic, version, generation, count, crc32c of the rest}, then entries {u32 length, entry}. */
#ifndef IPC_ASSIGN_H
#define IPC_ASSIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/node.h"
#include "model/target.h"

struct assign_entry {
    uint64_t id;
    uint64_t spec_hash; /* equal hash: keep the target as it is, schedule included */
    bool fresh;         /* never probed: probe soon instead of at its slot */
    bool invert;        /* a good probe is a failure, and the other way round */
    bool one_address;   /* the first address of a name alone is tried */
    int64_t interval_ms, timeout_ms, connect_timeout_ms;
    int32_t attempts;
    struct burst burst;
    struct str type, name; /* borrowed from the file */
    struct str config;     /* encoded node; see assign_config */
};

/* One entry, without length prefix. config: node_encode'd (the core keeps it so, and rewriting an assignment of
 * 100,000 targets is then copying bytes). */
void assign_encode(const struct target *t, struct str config, uint64_t spec_hash, bool fresh,
                   struct buf *out);
int assign_decode(struct str bytes, struct assign_entry *out, struct err *err);
/* The entry's configuration as a tree. */
struct node *assign_config(const struct assign_entry *e, struct arena *a, struct err *err);

struct assign_writer;
struct assign_writer *assign_writer_new(uint64_t generation);
void assign_write(struct assign_writer *w, const struct target *t, struct str config,
                  uint64_t spec_hash, bool fresh);
int assign_writer_commit(struct assign_writer **w, const char *path, struct err *err); /* frees w */
/* For one that travels: its generation becomes the hash of its entries, never 0 and
 * below 2^63, and is returned. */
uint64_t assign_writer_seal(struct assign_writer *w);
/* The file's bytes are appended to out instead; frees w. */
int assign_writer_take(struct assign_writer **w, struct buf *out, struct err *err);
void assign_writer_free(struct assign_writer **w);

struct assign_file;
struct assign_file *assign_open(const char *path, struct err *err); /* checks header and crc */
uint64_t assign_generation(const struct assign_file *f);
uint32_t assign_count(const struct assign_file *f);
bool assign_next(struct assign_file *f, struct assign_entry *out,
                 struct err *err); /* false at the end or on error (err->code) */
void assign_close(struct assign_file **f);

#endif
