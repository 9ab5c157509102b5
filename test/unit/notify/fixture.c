/* What the tests of notify/ share (fixture.h). */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/must.h"

struct notify_fixture *fixture_new(const char *type, const char *config)
{
    struct notify_fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    problems_init(&f->problems, f->arena);
    f->channel = (struct channel){.id = 3,
                                  .name = "ops",
                                  .type = type,
                                  .webhook_url = "",
                                  .config_json = config,
                                  .enabled = true};
    f->ops = channel_by_type(type);
    assert_non_null(f->ops);
    void *bound = channel_bind(f->ops, &f->channel, f->arena, &f->problems);
    if (bound == NULL) {
        struct buf b = BUF_INIT(65536);
        problems_text(&f->problems, &b);
        print_error("%s\n", b.data);
        buf_done(&b);
    }
    assert_non_null(bound);
    f->send = (struct send){
        .channel = &f->channel, .config = bound, .arena = f->arena, .wall_ms = WALL_MS};
    return f;
}

void fixture_free(struct notify_fixture *f)
{
    problems_done(&f->problems);
    arena_free(f->arena);
    free(f);
}

static struct alert *make_alert(struct arena *a, enum event_kind kind, uint32_t i, uint32_t n)
{
    static struct label labels[] = {{"env", "prod"}, {"team", "支付"}};
    static const char *const names[] = {"shop", "主数据库", "api", "redis-1", "kafka"};
    struct alert *alert = arena_new_of(a, struct alert);
    bool over = kind == EVENT_RESOLVED;
    *alert = (struct alert){
        .id = 100 + i,
        .target_id = 7 + i,
        .target_name = i < 5 ? names[i] : arena_printf(a, "node-%u", i),
        .target_type = i % 2 == 0 ? "http" : "postgresql",
        .group = "payments",
        .instance = arena_printf(a, "10.0.0.%u:443", i + 5),
        .labels = labels,
        .n_labels = i == 0 ? 2 : 0,
        .status = over ? ALERT_RESOLVED : ALERT_FIRING,
        .message =
            over ? "HTTP 200 in 12 ms"
                 : "connection refused by 10.0.0.5:443 <@all> [x](http://evil) \"&\" *b*\n# h",
        .fail_count = kind == EVENT_REMINDER ? 120 : 3,
        .fired_ms = WALL_MS - (kind == EVENT_FIRED ? 0 : 3800000),
        .resolved_ms = over ? WALL_MS : 0,
        .suppressed_by = "",
    };
    return alert;
}

struct notification *fixture_note(struct arena *a, enum event_kind kind, uint32_t n)
{
    struct notification *note = arena_new_of(a, struct notification);
    *note = (struct notification){.delivery_id = 4711,
                                  .group = "payments",
                                  .n_items = n,
                                  .now_ms = WALL_MS,
                                  .public_url = "https://mon.example.com/"};
    note->items = arena_alloc(a, sizeof(*note->items) * n);
    for (uint32_t i = 0; i < n; i++) {
        note->items[i].kind = kind;
        note->items[i].alert = make_alert(a, kind, i, n);
    }
    return note;
}
