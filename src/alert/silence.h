/* Silences: what somebody does not want to hear for a while. Pure. */
#ifndef ALERT_SILENCE_H
#define ALERT_SILENCE_H

#include "alert/subject.h"

struct silence {
    uint64_t id;
    const char *comment, *created_by;
    int64_t starts_ms, ends_ms; /* both given */
    struct subject_test test;
};

enum silence_status { SILENCE_PENDING, SILENCE_ACTIVE, SILENCE_EXPIRED };
const char *silence_status_name(enum silence_status s); /* "active" */
enum silence_status silence_status(const struct silence *s, int64_t now_ms);
/* Active, and about it. */
bool silence_holds(const struct silence *s, const struct subject *about, int64_t now_ms);

#endif
