/* What templates see of a notification (message.h lists the fields): each object is a field function
 * over plain structs, so that nothing is computed that a template does not ask for. Also the sample. */
#include <string.h>

#include "base/must.h"
#include "notify/message_priv.h"

struct item_view {
    enum event_kind kind;
    const struct alert *alert;
    enum language lang;
    int64_t now_ms;
    const char *url, *word;
};

struct root_view {
    const struct notification *note;
    const char *channel, *url;
    uint32_t listed, firing, resolved;
    struct item_view *items;
    struct tvalue *values;
};

static const struct {
    const char *kind, *symbol, *zh, *en;
} kinds[] = {
    [EVENT_FIRED] = {"fired", "🔴", "故障", "DOWN"},
    [EVENT_RESOLVED] = {"resolved", "🟢", "恢复", "UP"},
    [EVENT_REMINDER] = {"reminder", "🟠", "仍然故障", "STILL DOWN"},
    [EVENT_TEST] = {"test", "🔔", "测试", "TEST"},
};

static bool label_field(const void *self, struct str name, struct tvalue *out)
{
    const struct alert *a = self;
    for (uint32_t i = 0; i < a->n_labels; i++) {
        if (str_eqz(name, a->labels[i].name)) {
            *out = tv_text(a->labels[i].value);
            break;
        }
    }
    return true; /* an absent label is empty: labels differ from target to target */
}

/* An alert that has ended by now knows no longer why it began. */
static const char *message_of(const struct item_view *v)
{
    bool over = v->alert->status == ALERT_RESOLVED && v->kind != EVENT_RESOLVED;
    return over ? "" : v->alert->message;
}

static int64_t duration_of(const struct item_view *v)
{
    int64_t to = v->alert->resolved_ms != 0 ? v->alert->resolved_ms : v->now_ms;
    return to > v->alert->fired_ms ? to - v->alert->fired_ms : 0;
}

static struct tvalue timed(enum tvalue_kind kind, int64_t ms)
{
    return (struct tvalue){.kind = kind, .num = ms};
}

static bool item_field(const void *self, struct str name, struct tvalue *out)
{
    const struct item_view *v = self;
    const struct alert *a = v->alert;
    must(a != NULL && v->kind <= EVENT_TEST && v->word != NULL);
    const struct {
        const char *name;
        struct tvalue value;
    } fields[] = {
        {"ID", tv_int((int64_t)a->id)},
        {"Kind", tv_text(kinds[v->kind].kind)},
        {"Status", tv_text(alert_status_name(a->status))},
        {"Symbol", tv_text(kinds[v->kind].symbol)},
        {"Word", tv_text(v->word)},
        {"Name", tv_text(a->target_name)},
        {"Type", tv_text(a->target_type)},
        {"Group", tv_text(a->group)},
        {"Instance", tv_text(a->instance)},
        {"Message", tv_text(message_of(v))},
        {"FailCount", tv_int(a->fail_count)},
        {"FiredAt", timed(TV_TIME, a->fired_ms)},
        {"ResolvedAt", timed(TV_TIME, a->resolved_ms)},
        {"Duration", timed(TV_DURATION, duration_of(v))},
        {"URL", tv_text(v->url)},
        {"Labels", {.kind = TV_OBJECT, .object = {label_field, a}}},
        {"Suppressed", tv_text(suppression_name(a->suppressed))},
    };
    for (size_t i = 0; i < array_len(fields); i++) {
        if (str_eqz(name, fields[i].name)) {
            *out = fields[i].value;
            return true;
        }
    }
    return false;
}

static bool root_field(const void *self, struct str name, struct tvalue *out)
{
    const struct root_view *v = self;
    const struct notification *note = v->note;
    must(v->listed <= note->n_items && v->firing + v->resolved <= note->n_items);
    const struct {
        const char *name;
        struct tvalue value;
    } fields[] = {
        {"Alerts", {.kind = TV_LIST, .list = {v->values, v->listed}}},
        {"Count", tv_int(note->n_items)},
        {"More", tv_int(note->n_items - v->listed)},
        {"Firing", tv_int(v->firing)},
        {"Resolved", tv_int(v->resolved)},
        {"Group", tv_text(note->group)},
        {"PublicURL", tv_text(note->public_url)},
        {"URL", tv_text(v->url)},
        {"Now", timed(TV_TIME, note->now_ms)},
        {"Channel", tv_text(v->channel)},
    };
    for (size_t i = 0; i < array_len(fields); i++) {
        if (str_eqz(name, fields[i].name)) {
            *out = fields[i].value;
            return true;
        }
    }
    return item_field(&v->items[0], name, out);
}

static struct item_view item_view(const struct send *s, enum language lang, uint32_t i)
{
    const struct notification *note = s->note;
    enum event_kind kind = note->items[i].kind;
    must(kind <= EVENT_TEST);
    const char *word = kinds[kind].en;
    if (lang == LANG_ZH)
        word = kinds[kind].zh;
    else if (lang == LANG_BOTH)
        word = arena_printf(s->arena, "%s / %s", kinds[kind].zh, kinds[kind].en);
    const struct alert *a = note->items[i].alert;
    return (struct item_view){
        .kind = kind,
        .alert = a,
        .lang = lang,
        .now_ms = note->now_ms,
        .url = message_target_url(s->arena, note->public_url, a->target_id),
        .word = word,
    };
}

struct tvalue message__root(const struct send *s, const struct message_options *o,
                            enum language lang, uint32_t listed)
{
    const struct notification *note = s->note;
    must(note->n_items > 0);
    if (listed > note->n_items)
        listed = note->n_items;
    struct root_view *v = arena_new_of(s->arena, struct root_view);
    *v = (struct root_view){.note = note, .channel = s->channel->name, .listed = listed};
    v->items = arena_array_of(s->arena, struct item_view, listed);
    v->values = arena_array_of(s->arena, struct tvalue, listed);
    must(listed > 0); /* its first alert's fields are the root's, too */
    for (uint32_t i = 0; i < listed; i++) {
        v->items[i] = item_view(s, lang, i);
        v->values[i] = (struct tvalue){.kind = TV_OBJECT, .object = {item_field, &v->items[i]}};
    }
    for (uint32_t i = 0; i < note->n_items; i++) {
        enum event_kind kind = note->items[i].kind;
        v->resolved += kind == EVENT_RESOLVED;
        v->firing += kind == EVENT_FIRED || kind == EVENT_REMINDER;
    }
    v->url =
        note->n_items == 1 ? v->items[0].url : message_target_url(s->arena, note->public_url, 0);
    return (struct tvalue){.kind = TV_OBJECT, .object = {root_field, v}};
}

struct notification *message_sample(struct arena *a, enum event_kind kind, uint32_t n,
                                    int64_t now_ms)
{
    must(n > 0);
    struct notification *note = arena_new_of(a, struct notification);
    *note = (struct notification){.delivery_id = 1,
                                  .group = "default",
                                  .n_items = n,
                                  .now_ms = now_ms,
                                  .public_url = "http://127.0.0.1:9370"};
    note->items = arena_alloc(a, sizeof(*note->items) * n);
    for (uint32_t i = 0; i < n; i++) {
        struct alert *alert = arena_new_of(a, struct alert);
        bool over = kind == EVENT_RESOLVED;
        *alert = (struct alert){
            .id = i + 1,
            .target_id = i + 1,
            .target_name = n == 1 ? "sample" : arena_printf(a, "sample-%u", i + 1),
            .target_type = "tcp",
            .group = note->group,
            .instance = arena_printf(a, "192.0.2.%u:443", i % 250 + 1),
            .status = over ? ALERT_RESOLVED : ALERT_FIRING,
            .message = over ? "connected in 12 ms" : "connection refused",
            .fail_count = 3,
            .fired_ms = now_ms - 200000,
            .resolved_ms = over ? now_ms : 0,
            .suppressed_by = "",
        };
        note->items[i].kind = kind;
        note->items[i].alert = alert;
    }
    return note;
}
