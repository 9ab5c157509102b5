/*
 * Writes docs/configuration.md (with the argument zh: docs/configuration.zh-CN.md) to standard output from the
 * option tables of the file, the probers and the channels. `make docs` runs it; the tests docs/configuration* fail
 * when a page is stale.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "core/hooks.h"
#include "remote/sender.h"

int main(int argc, char **argv)
{
    bool zh = argc > 1 && strcmp(argv[1], "zh") == 0;
    struct arena *a = arena_new();
    struct buf out = BUF_INIT(4 << 20);
    config_doc(core_prober_doc(a), core_channel_doc(a), remote_write_options(), zh, &out);
    bool bad = out.failed || fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0;
    buf_done(&out);
    arena_free(a);
    return bad ? 1 : 0;
}
