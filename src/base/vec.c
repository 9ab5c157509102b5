/* Growth of the typed array (vec.h). No state. */
#include "base/vec.h"

#include <stdint.h>

void *vec_grow(void *at, size_t *cap, size_t elem)
{
    must(elem > 0 && (at != NULL) == (*cap > 0));
    must(*cap <= SIZE_MAX / 2 / elem);
    size_t bigger = *cap < 4 ? 8 : *cap * 2;
    void *moved = reallocarray(at, bigger, elem);
    must(moved != NULL);
    *cap = bigger;
    return moved;
}
