/* See ws_wire.h. Called by websocket.c in watchers, and by the fuzzer. */
#include "probe/ws_wire.h"

#include "base/str.h"
#include "probe/digest.h"

size_t ws_head_size(const uint8_t first[2])
{
    unsigned length = first[1] & 0x7f;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0);
}

int ws_head_parse(const uint8_t *p, size_t n, struct ws_head *out, struct err *err)
{
    must(n >= 2 && n == ws_head_size(p));
    unsigned opcode = p[0] & 0x0f;
    bool control = opcode >= WS_CLOSE;
    *out = (struct ws_head){
        .last = p[0] & 0x80, .opcode = (enum ws_opcode)opcode, .length = p[1] & 0x7f};
    if (n > 2) {
        out->length = 0;
        for (size_t i = 2; i < n; i++)
            out->length = out->length << 8 | p[i];
    }
    if (p[0] & 0x70)
        return err_set(err, ERR_PROTOCOL, "a frame uses an extension that nobody agreed on");
    if (p[1] & 0x80)
        return err_set(err, ERR_PROTOCOL, "the server masks its frames");
    if ((opcode > WS_BINARY && opcode < WS_CLOSE) || opcode > WS_PONG)
        return err_set(err, ERR_PROTOCOL, "a frame of unknown opcode %u", opcode);
    if (control && (!out->last || out->length > 125))
        return err_set(err, ERR_PROTOCOL, "a control frame is fragmented or too long");
    return 0;
}

void ws_frame_write(struct buf *out, enum ws_opcode opcode, const void *p, size_t n, uint32_t mask)
{
    const uint8_t key[4] = {(uint8_t)(mask >> 24), (uint8_t)(mask >> 16), (uint8_t)(mask >> 8),
                            (uint8_t)mask};
    must(n <= UINT16_MAX);
    buf_putc(out, (char)(0x80 | opcode));
    if (n < 126) {
        buf_putc(out, (char)(0x80 | n));
    } else {
        buf_putc(out, (char)(0x80 | 126));
        buf_put_be16(out, (uint16_t)n);
    }
    buf_add(out, key, sizeof(key));
    for (size_t i = 0; i < n; i++)
        buf_putc(out, (char)(((const uint8_t *)p)[i] ^ key[i % 4]));
}

void ws_accept(const char *key, struct buf *out)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
    uint8_t sum[DIGEST_MAX];
    struct buf text = BUF_INIT(256);
    buf_puts(&text, key);
    buf_puts(&text, guid);
    digest_of(DIGEST_SHA1, text.data, text.len, sum);
    base64_encode(out, sum, digest_size(DIGEST_SHA1));
    buf_done(&text);
}

void ws_close_text(const uint8_t *p, size_t n, struct buf *out)
{
    static const struct {
        unsigned code;
        const char *words;
    } known[] = {{1000, "normal"},           {1001, "going away"},     {1002, "protocol error"},
                 {1003, "unsupported data"}, {1007, "invalid data"},   {1008, "policy violation"},
                 {1009, "message too big"},  {1011, "internal error"}, {1012, "service restart"},
                 {1013, "try again later"}};
    if (n < 2) {
        buf_puts(out, "no reason given");
        return;
    }
    unsigned code = (unsigned)p[0] << 8 | p[1];
    buf_printf(out, "%u", code);
    for (size_t i = 0; i < array_len(known); i++)
        if (known[i].code == code)
            buf_printf(out, " %s", known[i].words);
    if (n > 2)
        buf_printf(out, ": %.*s", (int)(n - 2), (const char *)p + 2);
}
