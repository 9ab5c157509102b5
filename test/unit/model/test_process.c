/* A record of the ring data/run/events: a good one is taken as it is, a damaged one is refused and touches nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "base/must.h"
#include "model/process.h"

static struct process_event good(void)
{
    struct process_event e = {
        .version = PROCESS_EVENT_VERSION,
        .size = sizeof(e),
        .kind = PROCESS_DEATH,
        .to = 9,
        .status = -1,
        .failure = 1,
        .unit = "支付",
        .reason = "died",
    };
    return e;
}

static void a_good_one_is_copied(void **state)
{
    struct process_event e = good(), out;
    assert_int_equal(process_event_decode(&e, sizeof(e), &out, NULL), 0);
    assert_memory_equal(&e, &out, sizeof(e));
    assert_string_equal(process_event_kind_name(PROCESS_REFUSED), "refused");
}

#define FIELD(f) offsetof(struct process_event, f), sizeof(((struct process_event *)0)->f)

static void a_bad_one_is_refused(void **state)
{
    static const struct {
        size_t at, n;
        int fill; /* of the field's bytes */
    } cases[] = {
        {FIELD(version), 7},   {FIELD(size), 1},          {FIELD(kind), 3},
        {FIELD(from), 12},     {FIELD(to), 255},          {FIELD(cause), 10},
        {FIELD(failure), 2},   {FIELD(pid), 255},         {FIELD(at_ms), 255},
        {FIELD(ran_ms), 255},  {FIELD(unit), 'x'},        {FIELD(reason), 'x'},
        {FIELD(unit), 0},      {FIELD(cpu_user_us), 255}, {FIELD(unit), 0xff},
        {FIELD(next_ms), 255}, {FIELD(reason), 0x80},     {FIELD(max_rss_bytes), 255},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct process_event e = good(), out = {.pid = 77};
        struct err err = {0};
        memset((char *)&e + cases[i].at, cases[i].fill, cases[i].n);
        assert_int_equal(process_event_decode(&e, sizeof(e), &out, &err), -1);
        assert_int_equal(err.code, ERR_MALFORMED);
        assert_int_equal(out.pid, 77);
    }
    struct process_event e = good(), out;
    assert_int_equal(process_event_decode(&e, sizeof(e) - 1, &out, NULL), -1);
    assert_int_equal(process_event_decode(NULL, 0, &out, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_is_copied),
        cmocka_unit_test(a_bad_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
