/* Numbers: the text parsers agree with the C library, and buf_add_f64 reads back the same for the
 * double that the input's bytes are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(double v)
{
    char room[40];
    struct buf b = BUF_FIXED(room);
    buf_add_f64(&b, v);
    must(!b.failed && b.len <= 24);
    if (!isfinite(v))
        return;
    double back;
    must(str_to_f64((struct str){b.data, b.len}, &back, NULL) == 0);
    must(memcmp(&back, &v, sizeof(v)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    double v;
    int64_t i;
    uint64_t u;
    if (str_to_f64(s, &v, NULL) == 0) {
        must(isfinite(v));
        round_trip(v);
    }
    if (str_to_i64(s, &i, NULL) == 0 && i >= 0 && data[0] != '+' && data[0] != '-')
        must(str_to_u64(s, &u, NULL) == 0 && u == (uint64_t)i);
    for (size_t at = 0; at + sizeof(v) <= size; at += sizeof(v)) {
        memcpy(&v, data + at, sizeof(v));
        round_trip(v);
    }
    return 0;
}
