/*
 * Writes docs/configuration.md to standard output from the option tables of the file, the probers and
 * the channels. `make docs` runs it; the test docs/configuration fails when the page is stale.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "core/hooks.h"

int main(void)
{
    struct arena *a = arena_new();
    struct buf out = BUF_INIT(4 << 20);
    config_doc(core_prober_doc(a), core_channel_doc(a), &out);
    bool bad = out.failed || fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0;
    buf_done(&out);
    arena_free(a);
    return bad ? 1 : 0;
}
