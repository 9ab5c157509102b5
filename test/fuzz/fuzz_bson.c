/* mongo_open and bson_* over any bytes: what is sound is walked to its end and keeps its bounds. */
#include <string.h>

#include "probe/mongodb_talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct bson b, const uint8_t *low, const uint8_t *high, struct arena *a)
{
    struct bson_element e;
    struct bson inner, rest = b;
    while (bson_next(&rest, &e)) {
        size_t n = 0;
        must((const uint8_t *)e.name >= low && e.value >= low && e.value + e.n <= high);
        const char *text = bson_text(b, e.name, a);
        must(text == NULL || strlen(text) <= 256);
        bson_number(b, e.name, 0);
        const uint8_t *bytes = bson_binary(b, e.name, &n);
        must(bytes == NULL || (bytes >= low && bytes + n <= high));
        if (arena_used(a) > (size_t)1 << 20)
            return;
        if (bson_document(&e, &inner))
            walk(inner, low, high, a);
    }
    must(rest.n == 0); /* sound: nothing is left */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bson doc;
    struct err err = {0};
    struct arena *a = arena_new();
    if (mongo_open(data, size, &doc, &err) != 0)
        must(err.code == ERR_PROTOCOL);
    else if (size < 4096) /* looking up by name is quadratic */
        walk(doc, data, data + size, a);
    arena_free(a);
    return 0;
}
