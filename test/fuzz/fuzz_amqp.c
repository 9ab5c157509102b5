/* What an AMQP broker says, over any bytes: headers, greetings, closes, counts. */
#include "probe/amqp_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct str s, const uint8_t *data, size_t size)
{
    const char *from = (const char *)data;
    must(s.n == 0 || (s.p >= from && s.p + s.n <= from + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct amqp_frame f;
    struct amqp_start start;
    struct amqp_close close;
    struct amqp_queue queue;
    struct str why;
    if (size >= AMQP_HEADER && amqp_parse_header(data, &f, NULL) == 0) {
        must(f.size <= AMQP_FRAME_MAX);
        data += AMQP_HEADER;
        size -= AMQP_HEADER;
    }
    if (size < 4)
        must(amqp_method(data, size) == 0);
    if (amqp_parse_start(data, size, &start, NULL) == 0) {
        must(amqp_method(data, size) == AMQP_START);
        inside(start.product, data, size);
        inside(start.version, data, size);
        inside(start.cluster, data, size);
        inside(start.mechanisms, data, size);
    }
    if (amqp_parse_close(data, size, &close, NULL) == 0)
        inside(close.text, data, size);
    if (amqp_parse_blocked(data, size, &why, NULL) == 0)
        inside(why, data, size);
    if (amqp_parse_queue(data, size, &queue, NULL) == 0)
        must(size >= 13);
    return 0;
}
