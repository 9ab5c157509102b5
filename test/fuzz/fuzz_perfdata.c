/* What a plugin prints, any bytes: parts lie within the output, values are numbers, labels are text. */
#include <math.h>

#include "probe/perfdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_perf(struct str text)
{
    struct arena *a = arena_new();
    struct perf *p = arena_array_of(a, struct perf, PERFDATA_MAX);
    size_t n = perf_parse(text, a, p, PERFDATA_MAX);
    must(n <= PERFDATA_MAX);
    for (size_t i = 0; i < n; i++) {
        must(!isnan(p[i].value) && utf8_valid(p[i].label, strlen(p[i].label)));
        must(!p[i].warn.given || (!isnan(p[i].warn.start) && !isnan(p[i].warn.end)));
        must(strlen(p[i].unit) <= 20);
    }
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = BUF_INIT(1 << 20);
    struct plugin_output o;
    buf_add(&text, data, size);
    if (text.data) {
        plugin_parse((struct str){text.data, text.len}, &o);
        must(o.first.n + o.text.n + o.perf[0].n + o.perf[1].n <= text.len);
        check_perf(o.perf[0]);
        check_perf(o.perf[1]);
    }
    buf_done(&text);
    return 0;
}
