/* Gatus' configuration: whatever it holds, what is written loads (import_doc.h checks each target), or an error blames the input.
 * 0xFF separates files, which are merged. */
#include <stdint.h>

#include "base/arena.h"
#include "cli/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct problems p;
    struct err err = {0};
    struct buf yaml = BUF_INIT(16u << 20);
    struct import_file files[3];
    struct str rest = {(const char *)data, size}, part;
    size_t n = 0;
    problems_init(&p, a);
    while (n < array_len(files) && rest.n > 0 && str_next(&rest, '\xff', &part)) {
        struct buf clean = BUF_INIT(16u << 20);
        utf8_clean(&clean, part.p, part.n);
        files[n].name = "config.yaml";
        files[n++].text =
            (struct str){arena_strndup(a, clean.data ? clean.data : "", clean.len), clean.len};
        buf_done(&clean);
    }
    int rc = import_gatus_texts(files, n, &yaml, &p, &err);
    must(rc == 0 || err.code != ERR_INTERNAL);
    problems_done(&p);
    buf_done(&yaml);
    arena_free(a);
    return 0;
}
