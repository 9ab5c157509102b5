/* The raw file of a crash, which a process wrote that was in any state. */
#include <stdint.h>

#include "base/must.h"
#include "proc/crash_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct crash_raw raw;
    struct buf out = BUF_INIT(1 << 16);
    crash__raw_parse((struct str){(const char *)data, size}, &raw);
    must(raw.n_frames <= CRASH_FRAMES);
    crash__traceback(&raw, &out);
    buf_done(&out);
    mask__text(&out, (const char *)data, size);
    buf_done(&out);
    return 0;
}
