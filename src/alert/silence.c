/* See silence.h. */
#include "alert/silence.h"

#include "base/must.h"

const char *silence_status_name(enum silence_status s)
{
    static const char *const names[] = {"pending", "active", "expired"};
    must((size_t)s < array_len(names));
    return names[s];
}

enum silence_status silence_status(const struct silence *s, int64_t now_ms)
{
    if (now_ms >= s->ends_ms)
        return SILENCE_EXPIRED;
    return now_ms < s->starts_ms ? SILENCE_PENDING : SILENCE_ACTIVE;
}

bool silence_holds(const struct silence *s, const struct subject *about, int64_t now_ms)
{
    return silence_status(s, now_ms) == SILENCE_ACTIVE && subject_test_holds(&s->test, about);
}
