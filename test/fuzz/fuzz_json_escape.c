/* json_escape over any bytes: jansson reads back what utf8_clean makes of the same bytes. */
#include "base/json.h"

#include <jansson.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = BUF_INIT(1 << 24), clean = BUF_INIT(1 << 24);
    json_escape(&text, (const char *)data, size);
    buf_puts(&clean, "");
    utf8_clean(&clean, (const char *)data, size);
    must(!text.failed && !clean.failed);
    json_t *back = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    must(json_is_string(back) && json_string_length(back) == clean.len);
    must(memcmp(json_string_value(back), clean.data, clean.len) == 0);
    json_decref(back);
    buf_done(&text);
    buf_done(&clean);
    return 0;
}
