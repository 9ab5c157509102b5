/* Arena: memory for one unit of work (a probe, a request, a reload), freed at once.
 *
 * Not thread-safe: one arena belongs to one unit of work. Small allocations never fail (the process
 * aborts instead); what outsiders can make large is bounded with arena_set_limit, after which
 * arena_try returns NULL. Memory is zeroed and aligned to 16 bytes. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/must.h"

struct arena;

struct arena *arena_new(void);
/* An arena whose first block holds `first` bytes (64 … 1 MiB), for the many small long-lived ones: a
 * compiled target keeps its whole configuration in one of ~512 bytes. */
struct arena *arena_new_sized(size_t first);
/* NULL is fine. Frees everything given out. */
void arena_free(struct arena *a);
/* For cleanup(arena_freep). */
void arena_freep(struct arena **a);

/* Total bytes the arena may hand out; 0 (default) is no limit. */
void arena_set_limit(struct arena *a, size_t bytes);
/* Bytes handed out so far. */
size_t arena_used(const struct arena *a);
/* Forgets everything given out, keeps the first block for reuse. */
void arena_reset(struct arena *a);
/* fn is called by arena_free and arena_reset, the last one registered first: for what a piece of the arena owns
 * elsewhere, such as a compiled pattern. It may read the arena's memory, not allocate. */
void arena_on_free(struct arena *a, void (*fn)(void *arg), void *arg);

void *arena_alloc(struct arena *a, size_t size); /* aborts past the limit: for our own sizes */
void *arena_try(struct arena *a, size_t size);   /* NULL past the limit: for foreign sizes */
/* These abort past the limit too: bound foreign lengths before. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n); /* always NUL-terminated */
void *arena_memdup(struct arena *a, const void *p, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) printf_like(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) printf_like(2, 0);

#define arena_new_of(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define arena_array_of(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))

#endif
