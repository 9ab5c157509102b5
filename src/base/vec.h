/* Typed growing array: `vec_of(struct target *) targets = {0};`. Not thread-safe.
 * vec_push aborts when memory is gone: bound what outsiders can make large before pushing. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define vec_of(type) \
    struct {         \
        type *at;    \
        size_t n;    \
        size_t cap;  \
    }

#define vec_push(v, value)                                            \
    do {                                                              \
        if ((v)->n == (v)->cap)                                       \
            (v)->at = vec_grow((v)->at, &(v)->cap, sizeof(*(v)->at)); \
        (v)->at[(v)->n++] = (value);                                  \
    } while (0)
/* Appends a zeroed element and yields its address. */
#define vec_add(v)                                                                         \
    ((v)->n == (v)->cap ? (void)((v)->at = vec_grow((v)->at, &(v)->cap, sizeof(*(v)->at))) \
                        : (void)0,                                                         \
     memset(&(v)->at[(v)->n], 0, sizeof(*(v)->at)), &(v)->at[(v)->n++])
#define vec_pop(v)   ((v)->at[--(v)->n])
#define vec_clear(v) ((v)->n = 0)
#define vec_done(v)            \
    do {                       \
        free((v)->at);         \
        (v)->at = NULL;        \
        (v)->n = (v)->cap = 0; \
    } while (0)
/* The sum drops the qualifiers of a const vector's pointer. */
#define vec_each(v, it) \
    for (__typeof__((v)->at + 0) it = (v)->at; it && it < (v)->at + (v)->n; it++)

/* Doubles (at least 8 elements). Aborts when memory is gone. */
void *vec_grow(void *at, size_t *cap, size_t elem);

#endif
