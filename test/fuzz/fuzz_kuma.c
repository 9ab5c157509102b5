/* The JSON backup of Uptime Kuma: whatever it holds, what is written loads (import_check inside), or an error blames the input. */
#include <stdint.h>

#include "base/arena.h"
#include "cli/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct problems p;
    struct err err = {0};
    struct buf yaml = BUF_INIT(16u << 20), clean = BUF_INIT(16u << 20);
    problems_init(&p, a);
    utf8_clean(&clean, (const char *)data, size);
    int rc =
        import_kuma_text((struct str){clean.data ? clean.data : "", clean.len}, &yaml, &p, &err);
    must(rc == 0 || err.code != ERR_INTERNAL);
    problems_done(&p);
    buf_done(&yaml);
    buf_done(&clean);
    arena_free(a);
    return 0;
}
