/* How soon somebody may try again: a growing delay for each key (an address, an account) that fails. Pure but for memory, which is
 * fixed: 4096 keys; when its place is crowded the key that matters least gives way. Not thread-safe. Sim and tests hand in the time. */
#ifndef ACCESS_THROTTLE_H
#define ACCESS_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

struct throttle;
struct throttle *throttle_new(uint64_t seed);
void throttle_free(struct throttle *t);

/* After `free` failures the next attempt waits first_ms, then twice as long each time, at most max_ms. Failures are forgotten
 * after forget_ms without any. */
struct throttle_rule {
    uint32_t free;
    int64_t first_ms, max_ms, forget_ms;
};

/* 0: go on, and the attempt counts as a failure until throttle_good (so that many at once gain nothing). Else how long to wait in
 * ms; nothing is counted. */
int64_t throttle_try(struct throttle *t, const char *key, int64_t now_ms,
                     const struct throttle_rule *rule);
/* It succeeded: the key's failures are forgotten. */
void throttle_good(struct throttle *t, const char *key);
/* It was no attempt after all: one failure less. */
void throttle_back(struct throttle *t, const char *key);

#endif
