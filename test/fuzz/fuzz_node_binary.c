/* The binary form of assignments: damaged bytes are refused, accepted ones are written back the same. */
#include <stdint.h>
#include <stdlib.h>

#include "config/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct cur in = CUR_INIT(data, size);
    struct node *n = node_decode(a, &in, &err);
    must((n == NULL) == (err.code == ERR_DAMAGED));
    if (n != NULL) {
        struct buf first = BUF_INIT(64u << 20), second = BUF_INIT(64u << 20);
        node_encode(n, &first);
        in = CUR_INIT(first.data, first.len);
        struct node *back = node_decode(a, &in, &err);
        must(back != NULL);
        node_encode(back, &second);
        must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
        buf_done(&first);
        buf_done(&second);
    }
    arena_free(a);
    return 0;
}
