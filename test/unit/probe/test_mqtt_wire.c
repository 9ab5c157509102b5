/* MQTT packets: written byte by byte as the standard has them, read in both versions, damaged in every way; topics. */
#include "probe_unit.h"

#include "probe/mqtt_wire.h"

static void assert_bytes(struct buf *got, const char *want, size_t n)
{
    assert_int_equal(got->len, n);
    assert_memory_equal(got->data, want, n);
    buf_done(got);
}
#define BYTES(text) text, sizeof(text) - 1

static void test_write(void **state)
{
    struct buf out = BUF_INIT(1000);
    struct mqtt_login login = {.client_id = "c", .keep_alive_s = 60};
    mqtt_write_connect(&out, MQTT_3_1_1, &login);
    assert_bytes(&out, BYTES("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01"
                             "c"));
    login.username = "u";
    login.password = "p";
    mqtt_write_connect(&out, MQTT_5, &login);
    assert_bytes(&out, BYTES("\x10\x14\x00\x04MQTT\x05\xc2\x00\x3c\x00\x00\x01"
                             "c\x00\x01u\x00\x01p"));
    mqtt_write_subscribe(&out, MQTT_3_1_1, 2, (const char *const[]){"a", "bc"}, 2, 1);
    assert_bytes(&out, BYTES("\x82\x0b\x00\x02\x00\x01"
                             "a\x01\x00\x02"
                             "bc\x01"));
    mqtt_write_publish(&out, MQTT_5, 3, "t", STR("hi"), 1);
    assert_bytes(&out, BYTES("\x32\x08\x00\x01t\x00\x03\x00hi"));
    mqtt_write_publish(&out, MQTT_3_1_1, 0, "t", STR("hi"), 0);
    assert_bytes(&out, BYTES("\x30\x05\x00\x01thi"));
    mqtt_write_puback(&out, 515);
    assert_bytes(&out, BYTES("\x40\x02\x02\x03"));
    mqtt_write_empty(&out, MQTT_PINGREQ);
    assert_bytes(&out, BYTES("\xc0\x00"));
}

static void test_long(void **state)
{
    static char payload[20000];
    struct buf out = BUF_INIT(30000);
    struct mqtt_packet k;
    mqtt_write_publish(&out, MQTT_3_1_1, 0, "t", (struct str){payload, sizeof(payload)}, 0);
    assert_int_equal(out.len, sizeof(payload) + 3 + 4); /* three bytes of length */
    assert_int_equal(mqtt_length(out.data, out.len, NULL), out.len);
    assert_int_equal(mqtt_length(out.data, out.len - 1, NULL), 0);
    assert_int_equal(mqtt_parse(out.data, out.len, MQTT_3_1_1, &k, NULL), 0);
    assert_int_equal(k.payload.n, sizeof(payload));
    buf_done(&out);
}

static void test_read(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum mqtt_version v;
        struct mqtt_packet want;
    } cases[] = {
        {BYTES("\x20\x02\x00\x05"), MQTT_3_1_1, {.type = MQTT_CONNACK, .code = 5}},
        {BYTES("\x20\x0a\x00\x87\x07\x1f\x00\x04nope"),
         MQTT_5,
         {.type = MQTT_CONNACK, .code = 0x87, .reason = {"nope", 4}}},
        {BYTES("\x90\x04\x00\x02\x00\x80"),
         MQTT_3_1_1,
         {.type = MQTT_SUBACK, .id = 2, .code = 0x80}},
        {BYTES("\x33\x08\x00\x01t\x00\x03hey"),
         MQTT_3_1_1,
         {.type = MQTT_PUBLISH,
          .id = 3,
          .qos = 1,
          .retained = true,
          .topic = {"t", 1},
          .payload = {"hey", 3}}},
        {BYTES("\x30\x08\x00\x01t\x03\x23\x00\x01x"),
         MQTT_5,
         {.type = MQTT_PUBLISH, .topic = {"t", 1}, .payload = {"x", 1}}},
        {BYTES("\x40\x02\x00\x03"), MQTT_5, {.type = MQTT_PUBACK, .id = 3}},
        {BYTES("\x40\x03\x00\x03\x87"), MQTT_5, {.type = MQTT_PUBACK, .id = 3, .code = 0x87}},
        {BYTES("\xd0\x00"), MQTT_3_1_1, {.type = MQTT_PINGRESP}},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct mqtt_packet k;
        for (size_t cut = 0; cut < cases[i].n; cut++)
            assert_int_equal(mqtt_length(cases[i].bytes, cut, NULL), 0);
        assert_int_equal(mqtt_length(cases[i].bytes, cases[i].n, NULL), cases[i].n);
        assert_int_equal(mqtt_parse(cases[i].bytes, cases[i].n, cases[i].v, &k, NULL), 0);
        const struct mqtt_packet *w = &cases[i].want;
        assert_true(k.type == w->type && k.id == w->id && k.code == w->code && k.qos == w->qos);
        assert_true(k.retained == w->retained && str_eq(k.reason, w->reason));
        assert_true(str_eq(k.topic, w->topic) && str_eq(k.payload, w->payload));
    }
}

static void test_damaged(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } lengths[] = {{BYTES("HTTP/1.1")},
                   {BYTES("\x00")},
                   {BYTES("\x10\x00")},
                   {BYTES("\xf0\x00")},
                   {BYTES("\x30\xff\xff\xff\xff\x01")},
                   {BYTES("\x30\xff\xff\xff\x7f")}},
      bodies[] = {{BYTES("\x20\x01\x00")},
                  {BYTES("\x30\x02\x00\x05")},
                  {BYTES("\x90\x02\x00\x01")},
                  {BYTES("\x36\x04\x00\x01t\x00")},
                  {BYTES("\x20\x05\x00\x00\x02\x7f\x00")},
                  {BYTES("\x20\x04\x00\x00\x05\x1f")}};
    for (size_t i = 0; i < array_len(lengths); i++)
        assert_int_equal(mqtt_length(lengths[i].bytes, lengths[i].n, NULL), -1);
    for (size_t i = 0; i < array_len(bodies); i++) {
        struct mqtt_packet k;
        struct err err = {0};
        assert_int_equal(mqtt_length(bodies[i].bytes, bodies[i].n, NULL), bodies[i].n);
        assert_int_equal(mqtt_parse(bodies[i].bytes, bodies[i].n, MQTT_5, &k, &err), -1);
        assert_int_equal(err.code, ERR_PROTOCOL);
    }
}

static void test_topics(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } cases[] = {
        {"a/b", "a/b", true}, {"a/b", "a/c", false},    {"a/b", "a", false},
        {"a", "a/b", false},  {"a/+", "a/b", true},     {"a/+", "a/b/c", false},
        {"+/+", "/x", true},  {"#", "a/b", true},       {"a/#", "a/b/c", true},
        {"a/#", "b", false},  {"a/+/c", "a/b/c", true},
    };
    for (size_t i = 0; i < array_len(cases); i++)
        assert_int_equal(mqtt_topic_matches(cases[i].filter, str_of(cases[i].topic)),
                         cases[i].matches);
    assert_true(mqtt_topic_ok("a/b c", false) && mqtt_topic_ok("+/a/#", true));
    assert_false(mqtt_topic_ok("", true) || mqtt_topic_ok("a/+", false));
    assert_false(mqtt_topic_ok("a#", true) || mqtt_topic_ok("#/a", true));
    assert_false(mqtt_topic_ok("a+/b", true) || mqtt_topic_ok("+a", true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),   cmocka_unit_test(test_long),   cmocka_unit_test(test_read),
        cmocka_unit_test(test_damaged), cmocka_unit_test(test_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
