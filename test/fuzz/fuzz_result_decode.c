/* result_decode on arbitrary bytes: what it accepts must encode again to something it reads as the same. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "model/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    static struct result first, second; /* large; every field is set anew */
    if (result_decode(data, size, a, &first, NULL) == 0) {
        struct buf b = BUF_INIT(1 << 20);
        result_encode(&first, &b);
        must(result_decode(b.data, b.len, a, &second, NULL) == 0);
        must(first.target_id == second.target_id && first.latency_us == second.latency_us);
        must(strcmp(first.message, second.message) == 0);
        must(second.n_metrics <= first.n_metrics && first.n_warnings == second.n_warnings);
        buf_clear(&b);
        struct json j = json_start(&b);
        result_metrics_json(&first, &j);
        must(b.len >= 2 && utf8_valid(b.data, b.len));
        buf_done(&b);
    }
    arena_free(a);
    return 0;
}
