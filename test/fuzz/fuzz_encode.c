/* base64, percent encoding and hex over any bytes: encoding round trips; decoding of base64 accepts
 * only the canonical text; a refused text leaves the output as it was. */
#include <string.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_hold(const struct buf *b, const uint8_t *data, size_t size)
{
    must(!b->failed && b->len == size && memcmp(b->data, data, size) == 0);
}

static void round_trips(const uint8_t *data, size_t size)
{
    struct buf text = BUF_INIT(1 << 24), back = BUF_INIT(1 << 24);
    buf_puts(&back, "");
    base64_encode(&text, data, size);
    must(base64_decode(&back, (struct str){text.data, text.len}, NULL) == 0);
    must_hold(&back, data, size);
    buf_clear(&text);
    buf_clear(&back);
    url_encode(&text, (struct str){(const char *)data, size});
    must(url_decode(&back, (struct str){text.data, text.len}, NULL) == 0);
    must_hold(&back, data, size);
    buf_clear(&text);
    hex_encode(&text, data, size);
    must(!text.failed && text.len == size * 2);
    buf_done(&text);
    buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = {(const char *)data, size};
    struct buf out = BUF_INIT(1 << 24), again = BUF_INIT(1 << 24);
    struct err err = {0};
    buf_puts(&out, "");
    buf_puts(&again, "");
    if (base64_decode(&out, s, &err) == 0) {
        base64_encode(&again, out.data, out.len);
        must_hold(&again, data, size);
    } else {
        must(err.code == ERR_MALFORMED && out.len == 0 && err.at_offset <= size);
    }
    buf_clear(&out);
    if (url_decode(&out, s, &err) == 0)
        must(out.len <= size);
    else
        must(err.code == ERR_MALFORMED && out.len == 0 && err.at_offset < size);
    round_trips(data, size);
    buf_done(&out);
    buf_done(&again);
    return 0;
}
