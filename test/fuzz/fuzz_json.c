/* JSON → tree → JSON: what is accepted is written and read back the same, through text, YAML and binary form. */
#include <stdint.h>
#include <stdlib.h>

#include "config/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf as_json(const struct node *n)
{
    struct buf out = BUF_INIT(64u << 20);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    must(!out.failed);
    return out;
}

static void same(const struct buf *a, const struct buf *b)
{
    must(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
}

static void through_binary(const struct node *n, const struct buf *json, struct arena *a)
{
    struct buf bytes = BUF_INIT(64u << 20);
    node_encode(n, &bytes);
    struct cur in = CUR_INIT(bytes.data, bytes.len);
    struct node *back = node_decode(a, &in, NULL);
    must(back != NULL && cur_left(&in) == 0);
    struct buf again = as_json(back);
    same(json, &again);
    buf_done(&again);
    buf_done(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct node *n = node_from_json(a, (const char *)data, size, &err);
    must((n == NULL) == (err.code != ERR_OK));
    if (n != NULL) {
        struct buf json = as_json(n);
        struct node *back = node_from_json(a, json.data, json.len, &err);
        must(back != NULL);
        struct buf again = as_json(back);
        same(&json, &again);
        buf_done(&again);
        through_binary(n, &json, a);
        struct buf yaml = BUF_INIT(64u << 20);
        node_to_yaml(n, &yaml);
        must(!yaml.failed);
        must(node_from_yaml(a, yaml.data, yaml.len, NULL, &err) != NULL);
        buf_done(&yaml);
        buf_done(&json);
    }
    arena_free(a);
    return 0;
}
