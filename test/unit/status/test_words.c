/* Times, spans and shares in two languages. */
#include "unit.h"

#include <math.h>

#include "status/words.h"

static void test_words(void **state)
{
    struct zone *utc = zone_open("UTC", NULL), *east = zone_open("Asia/Shanghai", NULL);
    struct buf b = BUF_INIT(1000);
    int64_t at = INT64_C(1795291500000); /* 2026-11-21T20:05:00Z */
    (void)state;
    put_moment(&b, false, utc, at, at);
    buf_putc(&b, '|');
    put_moment(&b, true, east, at, at);
    buf_putc(&b, '|');
    put_moment(&b, false, utc, at - INT64_C(365) * 86400000, at);
    assert_string_equal(b.data, "Nov 21, 20:05|11月22日 04:05|Nov 21, 2025, 20:05");
    buf_clear(&b);
    static const int64_t spans[] = {0, 60000, 3600000, 3900000, 86400000, 100800000};
    for (size_t i = 0; i < array_len(spans); i++) {
        put_span(&b, i % 2, spans[i]);
        buf_putc(&b, '|');
    }
    assert_string_equal(b.data, "under a minute|1 分钟|1 h|1 小时 5 分钟|1 d|1 天 4 小时|");
    buf_clear(&b);
    static const double shares[] = {1, 0.99999999, 0.9999, 0.5, 0, NAN};
    for (size_t i = 0; i < array_len(shares); i++) {
        put_share(&b, shares[i]);
        buf_putc(&b, '|');
    }
    assert_string_equal(b.data, "100%|99.99%|99.99%|50.00%|0.00%|–|");
    buf_clear(&b);
    put_latency(&b, 1.25);
    put_latency(&b, 250.4);
    put_latency(&b, 1500);
    assert_string_equal(b.data, "1.2 ms250 ms1.50 s");
    buf_done(&b);
    zone_free(&utc);
    zone_free(&east);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
