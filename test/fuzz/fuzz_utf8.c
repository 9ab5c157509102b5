/* UTF-8 over any bytes: cleaning yields valid text with as many characters, valid text is left
 * alone, and cutting never splits a character. */
#include <string.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_cuts(const char *s, size_t n)
{
    for (size_t max = 0; max <= n && max < 200; max++) {
        size_t cut = utf8_cut(s, n, max);
        must(cut <= max && max - cut < 4);
        must(utf8_valid(s, cut));
        must(utf8_whole(s, max) == cut);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = (const char *)data;
    struct buf clean = BUF_INIT(1 << 24);
    buf_puts(&clean, "");
    utf8_clean(&clean, s, size);
    must(!clean.failed && utf8_valid(clean.data, clean.len));
    must(utf8_count(clean.data, clean.len) == utf8_count(s, size));
    must(utf8_valid(s, size) == (clean.len == size && memcmp(clean.data, s, size) == 0));
    for (size_t max = 0; max <= size && max < 200; max++)
        must(utf8_cut(s, size, max) <= max && utf8_whole(s, max) <= max);
    check_cuts(clean.data, clean.len);
    buf_done(&clean);
    return 0;
}
