/* Batches: operations written one after another into one growing buffer, on the core's loop; the writer
 * thread executes them (exec.c). Nothing is allocated per operation.
 *
 *   op:     u32 size of the values, u8 kind, values
 *   value:  'i' + int64 | 'f' + double | 't' + u32 length + bytes + NUL | 'n'
 *
 * in the machine's byte order: a batch never leaves the process. Values are the parameters of the kind's
 * statement, in its order. */
#include <stdlib.h>

#include "base/json.h"
#include "base/map.h"
#include "store/store_priv.h"

#define OP_HEADER      5u
#define BATCH_MAX      (UINT64_C(1) << 30) /* callers bound batches far below: batch_bytes */
#define BATCH_KEEP_CAP 4096u

struct batch *batch_new(void)
{
    struct batch *b = calloc(1, sizeof(*b));
    must(b != NULL);
    b->magic = BATCH_MAGIC;
    buf_init(&b->ops, BATCH_MAX);
    return b;
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    check_magic(b, BATCH_MAGIC);
    b->magic = 0;
    buf_done(&b->ops);
    free(b);
}

size_t batch_ops(const struct batch *b)
{
    check_magic(b, BATCH_MAGIC);
    return b->n_ops;
}

size_t batch_bytes(const struct batch *b)
{
    check_magic(b, BATCH_MAGIC);
    return b->ops.len;
}

bool store__next_op(const struct batch *b, size_t *at, struct op *out)
{
    if (*at == b->ops.len)
        return false;
    must(b->ops.len - *at >= OP_HEADER);
    const char *p = b->ops.data + *at;
    uint32_t size;
    memcpy(&size, p, sizeof(size));
    *out = (struct op){(enum op_kind)(uint8_t)p[4], p + OP_HEADER, size};
    *at += OP_HEADER + size;
    must(out->kind < OP_COUNT && *at <= b->ops.len);
    return true;
}

static size_t op_begin(struct batch *b, enum op_kind kind)
{
    check_magic(b, BATCH_MAGIC);
    size_t start = b->ops.len;
    char header[OP_HEADER] = {0, 0, 0, 0, (char)kind};
    buf_add(&b->ops, header, sizeof(header));
    return start;
}

static void op_end(struct batch *b, size_t start)
{
    must(!b->ops.failed); /* a lost operation would be a lost alert; memory is gone anyway */
    uint32_t size = (uint32_t)(b->ops.len - start - OP_HEADER);
    memcpy(b->ops.data + start, &size, sizeof(size));
    b->n_ops++;
}

static void put_i64(struct batch *b, int64_t v)
{
    char bytes[9] = {'i'};
    memcpy(bytes + 1, &v, sizeof(v));
    buf_add(&b->ops, bytes, sizeof(bytes));
}

static void put_id(struct batch *b, uint64_t id)
{
    must(id <= INT64_MAX);
    put_i64(b, (int64_t)id);
}

static void put_f64(struct batch *b, double v)
{
    char bytes[9] = {'f'};
    memcpy(bytes + 1, &v, sizeof(v));
    buf_add(&b->ops, bytes, sizeof(bytes));
}

static void put_null(struct batch *b)
{
    buf_putc(&b->ops, 'n');
}

static size_t text_begin(struct batch *b)
{
    buf_add(&b->ops, "t\0\0\0\0", 5);
    return b->ops.len;
}

static void text_end(struct batch *b, size_t start)
{
    uint32_t n = (uint32_t)(b->ops.len - start);
    if (!b->ops.failed)
        memcpy(b->ops.data + start - sizeof(n), &n, sizeof(n));
    buf_add(&b->ops, "", 1);
}

static void put_text(struct batch *b, const char *s)
{
    size_t start = text_begin(b);
    if (s)
        buf_add(&b->ops, s, strlen(s));
    text_end(b, start);
}

static void put_ids(struct batch *b, const struct id_list *ids)
{
    size_t start = text_begin(b);
    struct json j = json_start(&b->ops);
    json_arr(&j);
    for (uint32_t i = 0; i < ids->n; i++)
        json_uint(&j, ids->at[i]);
    json_end(&j);
    text_end(b, start);
}

static void put_names(struct batch *b, const char *const *at, uint32_t n)
{
    size_t start = text_begin(b);
    struct json j = json_start(&b->ops);
    json_arr(&j);
    for (uint32_t i = 0; i < n; i++)
        json_str(&j, at[i]);
    json_end(&j);
    text_end(b, start);
}

static void put_labels(struct batch *b, const struct label *labels, uint32_t n)
{
    size_t start = text_begin(b);
    struct json j = json_start(&b->ops);
    json_obj(&j);
    for (uint32_t i = 0; i < n; i++)
        json_kstr(&j, labels[i].name, labels[i].value ? labels[i].value : "");
    json_end(&j);
    text_end(b, start);
}

static void put_metrics(struct batch *b, const struct result *r)
{
    size_t start = text_begin(b);
    struct json j = json_start(&b->ops);
    result_metrics_json(r, &j);
    text_end(b, start);
}

void batch_result(struct batch *b, uint64_t id, const struct result *r, bool keep_metrics)
{
    must(id > 0 && r != NULL && r->target_id > 0);
    size_t op = op_begin(b, OP_RESULT);
    put_id(b, id);
    put_id(b, r->target_id);
    put_i64(b, r->checked_ms);
    put_i64(b, r->success);
    put_i64(b, r->latency_us);
    put_i64(b, r->resolve_us);
    put_text(b, r->message);
    put_text(b, r->address);
    if (keep_metrics && r->n_metrics > 0)
        put_metrics(b, r);
    else
        put_null(b);
    if (r->n_warnings > 0)
        put_names(b, r->warnings, (uint32_t)r->n_warnings);
    else
        put_null(b);
    op_end(b, op);
    b->n_results++;
}

/* exec.c relies on the order: what must be exact first, what every result changes after it. */
void batch_target_state(struct batch *b, uint64_t target_id, const struct target_state *st,
                        const char *last_message)
{
    must(st != NULL && target_id > 0);
    size_t op = op_begin(b, OP_STATE);
    put_id(b, target_id);
    put_text(b, target_status_name(st->status));
    put_i64(b, st->degraded);
    put_i64(b, st->fail_count);
    put_i64(b, st->good_count);
    put_id(b, st->open_alert_id);
    put_i64(b, st->since_ms);
    put_i64(b, st->last_rung_ms);
    put_i64(b, st->last_checked_ms);
    put_i64(b, st->last_latency_us);
    put_text(b, last_message);
    op_end(b, op);
}

void batch_place_put(struct batch *b, uint64_t target_id, const char *location,
                     const struct target_state *st, const char *last_message)
{
    must(st != NULL && target_id > 0 && *location);
    size_t op = op_begin(b, OP_PLACE);
    put_id(b, target_id);
    put_text(b, location);
    put_text(b, target_status_name(st->status));
    put_i64(b, st->degraded);
    put_i64(b, st->fail_count);
    put_i64(b, st->good_count);
    put_i64(b, st->since_ms);
    put_i64(b, st->last_checked_ms);
    put_i64(b, st->last_latency_us);
    put_text(b, last_message);
    op_end(b, op);
}

static void put_one_id(struct batch *b, enum op_kind kind, uint64_t id)
{
    size_t op = op_begin(b, kind);
    put_id(b, id);
    op_end(b, op);
}

static void put_target_columns(struct batch *b, const struct target *t)
{
    put_id(b, t->id);
    put_text(b, t->name);
    put_text(b, t->type);
    put_text(b, t->group);
    put_text(b, t->config_json);
    put_i64(b, t->interval_ms);
    put_i64(b, t->timeout_ms);
    put_i64(b, t->connect_timeout_ms);
    put_i64(b, t->attempts);
    put_i64(b, t->threshold);
    put_i64(b, t->resend_interval_ms);
    put_i64(b, t->burst.times);
    put_i64(b, t->burst.delta_ms);
    put_f64(b, t->burst.min_success);
    put_i64(b, t->burst.max_mean_ms);
    put_i64(b, t->enabled);
    put_text(b, store__source_name(t->source));
    put_labels(b, t->labels, t->n_labels);
    put_ids(b, &t->depends_on);
    put_i64(b, t->created_ms);
    put_i64(b, t->updated_ms);
    put_names(b, t->locations.at, t->locations.n);
    put_i64(b, t->location_quorum);
    put_i64(b, t->success_threshold);
    put_i64(b, t->invert);
}

void batch_target_put(struct batch *b, const struct target *t)
{
    must(t != NULL && t->id > 0);
    size_t op = op_begin(b, OP_TARGET_PUT);
    put_target_columns(b, t);
    op_end(b, op);
    put_one_id(b, OP_TARGET_NEW, t->id);
    put_one_id(b, OP_LINKS_DEL, t->id);
    for (uint32_t i = 0; i < t->channels.n; i++) {
        op = op_begin(b, OP_LINK_PUT);
        put_id(b, t->id);
        put_id(b, t->channels.at[i]);
        op_end(b, op);
    }
}

void batch_target_del(struct batch *b, uint64_t id)
{
    put_one_id(b, OP_TARGET_DEL, id);
    put_one_id(b, OP_STATE_DEL, id);
    put_one_id(b, OP_LINKS_DEL, id);
    put_one_id(b, OP_PLACES_DEL, id);
}

void batch_places_del(struct batch *b, uint64_t target_id)
{
    put_one_id(b, OP_PLACES_DEL, target_id);
}

void batch_channel_put(struct batch *b, const struct channel *c)
{
    must(c != NULL && c->id > 0);
    size_t op = op_begin(b, OP_CHANNEL_PUT);
    put_id(b, c->id);
    put_text(b, c->name);
    put_text(b, c->type);
    put_text(b, c->webhook_url);
    put_text(b, c->config_json);
    put_i64(b, c->enabled);
    put_i64(b, c->mention_all);
    put_text(b, store__source_name(c->source));
    put_i64(b, c->created_ms);
    put_i64(b, c->updated_ms);
    op_end(b, op);
}

void batch_channel_del(struct batch *b, uint64_t id)
{
    put_one_id(b, OP_CHANNEL_DEL, id);
    put_one_id(b, OP_CHANNEL_LINKS_DEL, id);
}

static void put_time_or_null(struct batch *b, int64_t ms)
{
    if (ms)
        put_i64(b, ms);
    else
        put_null(b);
}

void batch_alert_put(struct batch *b, const struct alert *a)
{
    must(a != NULL && a->id > 0);
    size_t op = op_begin(b, OP_ALERT_PUT);
    put_id(b, a->id);
    put_id(b, a->target_id);
    put_text(b, a->target_name);
    put_text(b, a->target_type);
    put_text(b, a->group);
    put_text(b, a->instance);
    put_labels(b, a->labels, a->n_labels);
    put_text(b, alert_status_name(a->status));
    put_text(b, a->message);
    put_i64(b, a->fail_count);
    put_i64(b, a->fired_ms);
    put_time_or_null(b, a->resolved_ms);
    put_text(b, suppression_name(a->suppressed));
    put_text(b, a->suppressed_by);
    put_id(b, a->suppressed_id);
    put_i64(b, a->acked_ms);
    put_text(b, a->acked_by);
    put_text(b, a->ack_note);
    op_end(b, op);
}

void batch_delivery_put(struct batch *b, const struct delivery *d)
{
    must(d != NULL && d->id > 0);
    size_t op = op_begin(b, OP_DELIVERY_PUT);
    put_id(b, d->id);
    put_id(b, d->channel_id);
    put_id(b, d->alert_id);
    put_text(b, store__event_name(d->kind));
    put_text(b, d->group);
    put_text(b, delivery_state_name(d->state));
    put_i64(b, d->attempts);
    put_i64(b, d->created_ms);
    put_i64(b, d->next_ms);
    put_time_or_null(b, d->done_ms);
    put_text(b, d->answer);
    op_end(b, op);
}

/* "" for what comes once. */
static void put_schedule(struct batch *b, const struct schedule *s)
{
    size_t text = text_begin(b);
    if (s->kind != SCHEDULE_ONCE) {
        struct json j = json_start(&b->ops);
        json_obj(&j);
        json_kstr(&j, "kind", schedule_kind_name(s->kind));
        json_kint(&j, "days", s->days);
        json_kint(&j, "from", s->from_min);
        json_kint(&j, "to", s->to_min);
        json_kstr(&j, "cron", s->cron ? s->cron : "");
        json_kint(&j, "duration_ms", s->duration_ms);
        json_kstr(&j, "zone", s->zone ? s->zone : "");
        json_end(&j);
    }
    text_end(b, text);
}

static void put_matchers(struct batch *b, const struct label_match *m, uint32_t n)
{
    size_t text = text_begin(b);
    struct json j = json_start(&b->ops);
    json_arr(&j);
    for (uint32_t i = 0; i < n; i++) {
        json_arr(&j);
        json_str(&j, m[i].name);
        json_str(&j, matcher_op_text(m[i].op));
        json_str(&j, m[i].value);
        json_end(&j);
    }
    json_end(&j);
    text_end(b, text);
}

void batch_maintenance_put(struct batch *b, const struct maintenance *m)
{
    must(m != NULL && m->id > 0);
    size_t op = op_begin(b, OP_MAINTENANCE_PUT);
    put_id(b, m->id);
    put_text(b, m->title);
    put_ids(b, &m->targets);
    put_names(b, m->groups, m->n_groups);
    put_i64(b, m->starts_ms);
    put_time_or_null(b, m->ends_ms);
    put_i64(b, m->created_ms);
    put_schedule(b, &m->schedule);
    put_matchers(b, m->matchers, m->n_matchers);
    op_end(b, op);
}

void batch_maintenance_del(struct batch *b, uint64_t id)
{
    put_one_id(b, OP_MAINTENANCE_DEL, id);
}

void batch_cursor(struct batch *b, uint64_t ring_id, uint64_t seq)
{
    size_t op = op_begin(b, OP_CURSOR);
    put_i64(b, (int64_t)ring_id); /* random 64 bits: the sign does not matter */
    put_id(b, seq);
    op_end(b, op);
}

void batch_setting_put(struct batch *b, const char *key, const char *value)
{
    must(key != NULL);
    size_t op = op_begin(b, value ? OP_SETTING_PUT : OP_SETTING_DEL);
    put_text(b, key);
    if (value)
        put_text(b, value);
    op_end(b, op);
}

void batch_process_event(struct batch *b, uint64_t id, const struct process_event *e,
                         const char *tail)
{
    must(e != NULL && id > 0);
    size_t op = op_begin(b, OP_PROCESS_EVENT);
    put_id(b, id);
    put_text(b, e->unit);
    put_text(b, process_event_kind_name((enum process_event_kind)e->kind));
    put_i64(b, e->from);
    put_i64(b, e->to);
    put_i64(b, e->pid);
    put_i64(b, e->status);
    put_i64(b, e->cause);
    put_i64(b, e->failure);
    put_i64(b, e->restarts);
    put_i64(b, e->at_ms);
    put_i64(b, e->ran_ms);
    put_i64(b, e->next_ms);
    put_i64(b, e->cpu_user_us);
    put_i64(b, e->cpu_system_us);
    put_i64(b, e->max_rss_bytes);
    put_text(b, e->reason);
    put_text(b, tail);
    op_end(b, op);
}

void batch_process_put(struct batch *b, const char *unit, const char *doc_json, int64_t now_ms)
{
    must(unit != NULL && *unit && doc_json != NULL);
    size_t op = op_begin(b, OP_PROCESS_PUT);
    put_text(b, unit);
    put_text(b, doc_json);
    put_i64(b, now_ms);
    op_end(b, op);
}

void batch_process_del(struct batch *b, const char *unit)
{
    must(unit != NULL && *unit);
    size_t op = op_begin(b, OP_PROCESS_DEL);
    put_text(b, unit);
    op_end(b, op);
}

void batch_document_put(struct batch *b, uint64_t id, const char *kind, const char *json,
                        int64_t now_ms)
{
    must(id > 0 && kind != NULL && *kind && json != NULL && *json == '{');
    size_t op = op_begin(b, OP_DOCUMENT_PUT);
    put_id(b, id);
    put_text(b, kind);
    put_text(b, json);
    put_i64(b, now_ms);
    op_end(b, op);
}

void batch_document_del(struct batch *b, uint64_t id)
{
    put_one_id(b, OP_DOCUMENT_DEL, id);
}

void batch_audit(struct batch *b, const struct audit_entry *e)
{
    must(e != NULL && e->id > 0 && e->actor && e->action && e->kind);
    size_t op = op_begin(b, OP_AUDIT);
    put_id(b, e->id);
    put_i64(b, e->at_ms);
    put_text(b, e->actor);
    put_text(b, e->origin);
    put_text(b, e->action);
    put_text(b, e->kind);
    put_text(b, e->object);
    put_text(b, e->before);
    put_text(b, e->after);
    op_end(b, op);
}

/* What an op is the latest of: a target's state, a place's, a ring's cursor. 0: of nothing, it stays. */
static uint64_t replaces(const struct op *op)
{
    const size_t id = 1 + sizeof(uint64_t);
    size_t n = op->kind == OP_STATE || op->kind == OP_CURSOR ? id : 0;
    if (op->kind == OP_PLACE) { /* the id, and the location's name */
        uint32_t name;
        memcpy(&name, op->values + id + 1, sizeof(name));
        n = id + 1 + sizeof(name) + name;
    }
    must(n <= op->size);
    return n > 0 ? hash_bytes(op->values, n, op->kind) | 1 : 0;
}

/* Where the last of each begins: those before it say nothing any more. */
static void find_last(const struct batch *b, struct map_u64 *last)
{
    struct op op;
    for (size_t at = 0, start = 0; store__next_op(b, &at, &op); start = at)
        if (replaces(&op))
            map_u64_put(last, replaces(&op), (void *)(uintptr_t)(start + 1));
}

size_t batch_drop_results(struct batch *b)
{
    check_magic(b, BATCH_MAGIC);
    size_t dropped = 0, ops = 0, kept = 0;
    struct map_u64 *last = map_u64_new();
    struct op op;
    find_last(b, last);
    for (size_t at = 0, start = 0; store__next_op(b, &at, &op); start = at) {
        uint64_t of = replaces(&op);
        dropped += op.kind == OP_RESULT;
        if (op.kind == OP_RESULT || (of && map_u64_get(last, of) != (void *)(uintptr_t)(start + 1)))
            continue;
        memmove(b->ops.data + kept, b->ops.data + start, at - start);
        kept += at - start;
        ops++;
    }
    map_u64_free(last);
    must(dropped == b->n_results && kept <= b->ops.len);
    b->ops.len = kept;
    b->n_ops = ops;
    b->n_results = 0;
    return dropped;
}

void batch_scrub(struct batch *b)
{
    check_magic(b, BATCH_MAGIC);
    b->scrub = true;
}
