/* Heads of a server's frames, one after the other, each with its payload. */
#include "probe/ws_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ws_head head;
    while (size >= 2) {
        size_t n = ws_head_size(data);
        must(n >= 2 && n <= WS_HEAD_MAX);
        if (size < n || ws_head_parse(data, n, &head, NULL) != 0 || head.length > size - n)
            break;
        if (head.opcode == WS_CLOSE) {
            struct buf b = BUF_INIT(256);
            ws_close_text(data + n, head.length, &b);
            must(b.len > 0);
            buf_done(&b);
        }
        data += n + head.length;
        size -= n + head.length;
    }
    return 0;
}
