/* Dispatch: which waiting deliveries go out as one message, and when. Pure: no I/O, no clock; times are ms of any
 * clock that the caller uses throughout.
 *
 * Rules: one message of a channel is under way at a time, so a dead channel delays no other. The first delivery
 * of a (channel, group) waits first_wait (50 ms) for company; the next message of that pair follows after a spacing that
 * grows 1, 2, 4, 8, 10 s and shrinks again after a quiet minute. A channel's vendor rate is a token bucket.
 * After a failure the channel pauses: 1, 2, 5, 10, 30, 60, 300 s (retry_after of the vendor if longer), all its groups
 * together; groups take turns. A disabled channel keeps its deliveries waiting. Costs are O(log channels + log groups). */
#ifndef ALERT_DISPATCH_H
#define ALERT_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dispatch;

struct dispatch *dispatch_new(void);
void dispatch_free(struct dispatch *d);

/* Declares or changes a channel; a pause after failures ends (its operator may just have repaired it).
 * rate_per_minute 0: no limit. A vendor that allows N a minute wants rate_per_minute + burst <= N. */
void dispatch_channel(struct dispatch *d, uint64_t channel_id, int32_t rate_per_minute,
                      int32_t burst, bool enabled);
/* Forgets a channel; its waiting deliveries are given to fn (may be NULL). A message under way stays the
 * caller's: dispatch_done must still be called for it, and with DISPATCH_RETRY it is forgotten too. */
void dispatch_channel_del(struct dispatch *d, uint64_t channel_id,
                          void (*fn)(void *arg, uint64_t delivery_id), void *arg);

/* A channel that was not declared waits as if disabled. */
void dispatch_add(struct dispatch *d, uint64_t channel_id, const char *group, uint64_t delivery_id,
                  int64_t now_ms);
/* Not counting the message under way. */
size_t dispatch_waiting(const struct dispatch *d, uint64_t channel_id);
/* Until when the channel pauses after a failure; 0: it does not. */
int64_t dispatch_paused_until(const struct dispatch *d, uint64_t channel_id);

/* When something may be due; INT64_MAX: nothing waits. */
int64_t dispatch_next_ms(const struct dispatch *d);

#define DISPATCH_MESSAGE_MAX 500 /* deliveries in one message */
struct dispatch_message {
    uint64_t channel_id;
    const char *group;                  /* borrowed until dispatch_done */
    uint64_t ids[DISPATCH_MESSAGE_MAX]; /* in order of adding */
    size_t n;
};
/* Takes the next message that is due; its channel is busy until dispatch_done. */
bool dispatch_take(struct dispatch *d, int64_t now_ms, struct dispatch_message *out);

enum dispatch_outcome {
    DISPATCH_SENT,
    DISPATCH_RETRY,  /* the deliveries go back to the front of their group */
    DISPATCH_GIVE_UP /* they are the caller's to mark failed */
};
void dispatch_done(struct dispatch *d, const struct dispatch_message *m,
                   enum dispatch_outcome outcome, int64_t retry_after_ms, int64_t now_ms);

#endif
