/* MQTT 3.1.1 and 5 (OASIS standards): the packets that a prober writes and reads. Pure functions; every byte of a packet
 * that is read is foreign. Called by mqtt.c in watchers, and by the fuzzer.
 *
 *   packet: type << 4 | flags u8 | length varint (7 bits a byte, at most 4) | body          (big endian)
 *   text: length u16, bytes.  Version 5 adds properties: length varint, then id varint and a value of the id's type. */
#ifndef PROBE_MQTT_WIRE_H
#define PROBE_MQTT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define MQTT_PACKET_MAX (256u << 10) /* of a packet that is read */

enum mqtt_version { MQTT_3_1_1 = 4, MQTT_5 = 5 };
enum mqtt_type {
    MQTT_CONNECT = 1,
    MQTT_CONNACK,
    MQTT_PUBLISH,
    MQTT_PUBACK,
    MQTT_PUBREC,
    MQTT_PUBREL,
    MQTT_PUBCOMP,
    MQTT_SUBSCRIBE,
    MQTT_SUBACK,
    MQTT_UNSUBSCRIBE,
    MQTT_UNSUBACK,
    MQTT_PINGREQ,
    MQTT_PINGRESP,
    MQTT_DISCONNECT,
};

struct mqtt_login {
    const char *client_id, *username, *password; /* NULL: none */
    uint16_t keep_alive_s;
};
void mqtt_write_connect(struct buf *out, enum mqtt_version v, const struct mqtt_login *login);
void mqtt_write_subscribe(struct buf *out, enum mqtt_version v, uint16_t id,
                          const char *const *topics, size_t n, int qos);
/* id: of QoS 1. */
void mqtt_write_publish(struct buf *out, enum mqtt_version v, uint16_t id, const char *topic,
                        struct str payload, int qos);
void mqtt_write_puback(struct buf *out, uint16_t id);
void mqtt_write_empty(struct buf *out, enum mqtt_type type); /* PINGREQ, DISCONNECT */

/* Bytes of the packet that p begins with; 0 when more are needed; -1 (PROTOCOL, TOO_LARGE). */
ssize_t mqtt_length(const void *p, size_t n, struct err *err);

/* A packet read; texts are borrowed. What a type does not have is empty. */
struct mqtt_packet {
    enum mqtt_type type;
    uint16_t id;       /* PUBLISH of QoS 1 and 2, PUBACK, SUBACK */
    uint8_t code;      /* CONNACK, PUBACK, DISCONNECT; SUBACK: the highest */
    struct str reason; /* version 5: the server's own words */
    struct str topic, payload;
    int qos;
    bool retained;
};
/* n is what mqtt_length said. */
int mqtt_parse(const void *p, size_t n, enum mqtt_version v, struct mqtt_packet *out,
               struct err *err);

/* "bad user name or password"; of CONNACK, or in version 5 of any packet. */
const char *mqtt_code_text(enum mqtt_version v, uint8_t code);
/* Whether text may be a topic's name (no wildcards), or with `filter` a subscription. */
bool mqtt_topic_ok(const char *text, bool filter);
/* Whether a subscription to filter gets messages of topic. */
bool mqtt_topic_matches(const char *filter, struct str topic);

#endif
