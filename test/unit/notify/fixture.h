/* What the tests of notify/ share: bound channels and notifications that never change. */
#ifndef TEST_NOTIFY_FIXTURE_H
#define TEST_NOTIFY_FIXTURE_H

#include "notify/channels.h"

#define WALL_MS INT64_C(1700000000000) /* 2023-11-14 22:13:20 UTC */

struct notify_fixture {
    struct arena *arena;
    struct problems problems;
    struct channel channel;
    const struct channel_ops *ops;
    struct send send;
};

/* config: the options as JSON, webhook_url included. Fails the test when they do not bind. */
struct notify_fixture *fixture_new(const char *type, const char *config);
void fixture_free(struct notify_fixture *f);

/* n alerts of a group "payments": "shop" and others, the first with a label and a message in need of escaping. */
struct notification *fixture_note(struct arena *a, enum event_kind kind, uint32_t n);

#endif
