/* Arena (arena.h): blocks that grow geometrically, freed together. Used on every thread, each arena
 * by one unit of work.
 *
 *     arena + first block (one malloc)      further blocks, newest first
 *     ┌────────┬───────────────┐            ┌───────────────┐   ┌──────────┐
 *     │ struct │ given │ free  │   blocks → │ given │ free  │ → │ large    │ → NULL
 *     └────────┴───────────────┘            └───────────────┘   └──────────┘
 *
 * Under AddressSanitizer what is not given out is poisoned, and a red zone follows each piece. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define RED_ZONE       16
#define poison(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#define unpoison(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define RED_ZONE       0
#define poison(p, n)   ((void)(p), (void)(n))
#define unpoison(p, n) ((void)(p), (void)(n))
#endif

#define ARENA_MAGIC 0x41524e41u /* "ARNA" */
#define ALIGNMENT   16
#define FIRST_SIZE  4096u             /* of the first malloc, arena included */
#define MAX_BLOCK   ((size_t)1 << 20) /* blocks stop growing here */

struct block {
    struct block *next; /* older */
    size_t cap;
    alignas(ALIGNMENT) char data[];
};

struct leaving {
    struct leaving *next; /* registered before */
    void (*fn)(void *arg);
    void *arg;
};

struct arena {
    uint32_t magic;
    char *at; /* free room of the block in use: [at, end) */
    char *end;
    size_t used;  /* bytes given out, rounded up to the alignment */
    size_t limit; /* of used; 0 is none */
    size_t next_cap;
    size_t first_cap;
    struct block *blocks; /* all but the first */
    struct leaving *leaving;
    alignas(ALIGNMENT) char first[];
};

static_assert(sizeof(struct arena) % ALIGNMENT == 0, "the first block starts aligned");
static_assert(sizeof(struct block) % ALIGNMENT == 0, "blocks start aligned");

static void use_first_block(struct arena *a)
{
    a->at = a->first;
    a->end = a->first + a->first_cap;
    a->next_cap = 2 * (a->first_cap + sizeof(struct arena));
    a->used = 0;
    poison(a->first, a->first_cap);
}

static struct arena *new_with(size_t first_cap)
{
    struct arena *a = malloc(sizeof(struct arena) + first_cap);
    must(a != NULL);
    a->magic = ARENA_MAGIC;
    a->limit = 0;
    a->blocks = NULL;
    a->leaving = NULL;
    a->first_cap = first_cap;
    use_first_block(a);
    return a;
}

struct arena *arena_new(void)
{
    return new_with(FIRST_SIZE - sizeof(struct arena));
}

struct arena *arena_new_sized(size_t first)
{
    must(first >= 64 && first <= MAX_BLOCK);
    return new_with((first + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static void free_blocks(struct arena *a)
{
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        unpoison(b->data, b->cap);
        free(b);
    }
    a->blocks = NULL;
}

static void call_leaving(struct arena *a)
{
    for (struct leaving *l = a->leaving; l; l = l->next)
        l->fn(l->arg);
    a->leaving = NULL;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    check_magic(a, ARENA_MAGIC);
    call_leaving(a);
    free_blocks(a);
    unpoison(a->first, a->first_cap);
    a->magic = 0;
    free(a);
}

void arena_freep(struct arena **a)
{
    arena_free(*a);
    *a = NULL;
}

void arena_set_limit(struct arena *a, size_t bytes)
{
    check_magic(a, ARENA_MAGIC);
    a->limit = bytes;
}

size_t arena_used(const struct arena *a)
{
    check_magic(a, ARENA_MAGIC);
    return a->used;
}

void arena_reset(struct arena *a)
{
    check_magic(a, ARENA_MAGIC);
    call_leaving(a);
    free_blocks(a);
    use_first_block(a);
}

static struct block *add_block(struct arena *a, size_t cap)
{
    struct block *b = malloc(sizeof(*b) + cap);
    if (!b)
        return NULL;
    b->cap = cap;
    b->next = a->blocks;
    a->blocks = b;
    poison(b->data, cap);
    return b;
}

/* Room for `size` rounded bytes outside the block in use. A piece that is large beside the blocks
 * gets one of its own, so that the rest of the block in use is not wasted. */
static char *take_from_new(struct arena *a, size_t size)
{
    if (size > a->next_cap / 4) {
        struct block *own = add_block(a, size);
        return own ? own->data : NULL;
    }
    struct block *b = add_block(a, a->next_cap);
    if (!b)
        return NULL;
    if (a->next_cap < MAX_BLOCK)
        a->next_cap *= 2;
    a->at = b->data + size;
    a->end = b->data + b->cap;
    return b->data;
}

/* Bytes that are not zeroed; NULL past the limit or when memory is gone. */
static void *take(struct arena *a, size_t size)
{
    check_magic(a, ARENA_MAGIC);
    if (size > SIZE_MAX / 4)
        return NULL;
    size_t rounded = (size + (size == 0) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (a->limit != 0 && (a->used > a->limit || rounded > a->limit - a->used))
        return NULL;
    size_t whole = rounded + RED_ZONE;
    char *p = a->at;
    if (whole <= (size_t)(a->end - a->at))
        a->at += whole;
    else
        p = take_from_new(a, whole);
    if (!p)
        return NULL;
    a->used += rounded;
    must((uintptr_t)p % ALIGNMENT == 0);
    unpoison(p, size);
    return p;
}

static void *take_or_die(struct arena *a, size_t size)
{
    void *p = take(a, size);
    must(p != NULL);
    return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
    return memset(take_or_die(a, size), 0, size);
}

void *arena_try(struct arena *a, size_t size)
{
    void *p = take(a, size);
    return p ? memset(p, 0, size) : NULL;
}

void arena_on_free(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct leaving *l = arena_alloc(a, sizeof(*l));
    *l = (struct leaving){a->leaving, fn, arg};
    a->leaving = l;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    must(n < SIZE_MAX);
    char *copy = take_or_die(a, n + 1);
    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
    void *copy = take_or_die(a, n);
    return n > 0 ? memcpy(copy, p, n) : copy;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    char text[256];
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    must(n >= 0);
    char *out;
    if ((size_t)n < sizeof(text)) {
        out = arena_strndup(a, text, (size_t)n);
    } else {
        out = take_or_die(a, (size_t)n + 1);
        vsnprintf(out, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return out;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *out = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return out;
}
