/* A broker's bytes, as packets one after another, in both versions: what is read keeps its bounds, and a message that was read
 * is written back as the same. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "probe/mqtt_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct str part, const char *p, size_t n)
{
    return part.n == 0 || (part.p >= p && part.p + part.n <= p + n);
}

static void write_again(const struct mqtt_packet *k, enum mqtt_version v, struct arena *a)
{
    struct buf out = BUF_INIT(2 * MQTT_PACKET_MAX);
    struct mqtt_packet back;
    const char *topic = arena_strndup(a, k->topic.p, k->topic.n);
    if (k->qos > 1 || (k->qos == 1 && k->id == 0) || strlen(topic) != k->topic.n)
        return;
    mqtt_write_publish(&out, v, k->id, topic, k->payload, k->qos);
    must(mqtt_length(out.data, out.len, NULL) == (ssize_t)out.len);
    must(mqtt_parse(out.data, out.len, v, &back, NULL) == 0);
    must(str_eq(back.topic, k->topic) && str_eq(back.payload, k->payload) && back.id == k->id);
    mqtt_topic_matches(topic, k->payload);
    if (mqtt_topic_ok(topic, false))
        must(mqtt_topic_matches(topic, k->topic));
    buf_done(&out);
}

static void read_all(const char *p, size_t n, enum mqtt_version v, struct arena *a)
{
    for (int i = 0; n > 0 && i < 200; i++) {
        struct mqtt_packet k;
        struct err err = {0};
        ssize_t whole = mqtt_length(p, n, &err);
        must(whole <= (ssize_t)n &&
             (whole >= 0 || err.code == ERR_PROTOCOL || err.code == ERR_TOO_LARGE));
        if (whole <= 0)
            return;
        if (mqtt_parse(p, (size_t)whole, v, &k, &err) == 0) {
            must(within(k.topic, p, n) && within(k.payload, p, n) && within(k.reason, p, n));
            must(mqtt_code_text(v, k.code)[0]);
            if (k.type == MQTT_PUBLISH)
                write_again(&k, v, a);
        } else {
            must(err.code == ERR_PROTOCOL);
        }
        p += whole;
        n -= (size_t)whole;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    char *copy = malloc(size + 1); /* exact bounds for the sanitizer */
    must(copy != NULL);
    memcpy(copy, data, size);
    read_all(copy, size, MQTT_3_1_1, a);
    read_all(copy, size, MQTT_5, a);
    free(copy);
    arena_free(a);
    return 0;
}
