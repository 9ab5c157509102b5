/* A conversation with a Redis server that says anything: measuring and reading agree, and what is read is judged by every mode
 * within bounds. */
#include <stdlib.h>
#include <string.h>

#include "probe/redis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_items(const struct resp *r, int depth)
{
    size_t n = 1;
    must(depth <= RESP_DEPTH_MAX);
    for (size_t i = 0; i < r->n; i++)
        n += count_items(&r->at[i], depth + 1);
    return n;
}

static void judge(struct str text, struct str more, enum redis_mode mode, struct arena *a)
{
    struct redis_config c = {.mode = (int)mode};
    struct redis_info info;
    struct result *r = arena_new_of(a, struct result);
    result_init(r, a);
    r->success = true;
    c.expect =
        (struct redis_expect){.replicas = true, .persistence = true, .max_memory_percent = 1};
    if (mode == REDIS_CLUSTER) {
        redis_cluster_judge(text, more, &c, r);
    } else {
        redis_info_read(text, &info);
        redis_info_judge(&info, &c, r);
    }
    must(r->message[0] && r->n_metrics <= RESULT_METRICS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct resp reply;
    char *copy = malloc(size + 1); /* exact bounds for the sanitizer */
    must(copy != NULL);
    memcpy(copy, data, size);
    ssize_t n = resp_length(copy, size, &err);
    must(n <= (ssize_t)size);
    if (n < 0) {
        must(err.code == ERR_PROTOCOL || err.code == ERR_TOO_LARGE);
    } else if (n > 0) {
        for (ssize_t cut = n > 64 ? n - 64 : 0; cut < n; cut++)
            must(resp_length(copy, (size_t)cut, NULL) == 0);
        must(resp_parse(copy, (size_t)n, a, &reply, &err) == 0);
        must(count_items(&reply, 0) <= RESP_ITEMS_MAX);
        resp_field(&reply, "flags");
        struct str second = reply.kind == RESP_ARRAY && reply.n > 0 ? reply.at[0].text : reply.text;
        judge(second, reply.text, REDIS_CLUSTER, a);
        judge(second, reply.text, REDIS_STANDALONE, a);
    }
    must(arena_used(a) < (size_t)8 << 20);
    arena_free(a);
    free(copy);
    return 0;
}
