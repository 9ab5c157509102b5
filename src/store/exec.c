/* Executing batches: the writer's prepared statements. Writer thread only.
 *
 * Two kinds are special. A result goes to the active hot table and names the target's previous row there. A
 * target's state is only written when something changed that its results do not tell (status, fail_count, alert
 * …) or when it was not written for a while: last_checked_at and the like are brought up to date from the
 * results at the start (load.c) and when they are merged (merge.c), so nothing is lost by leaving them. */
#include "base/clock.h"
#include "store/store_priv.h"

/* A steady target's row is rewritten every 30 s, and more seldom the more targets there are: 50 writes a second. */
#define REFRESH_S         30
#define REFRESHES_PER_S   50u
#define EXACT_STATE_COUNT 8 /* values of OP_STATE that must be exact */

static const char *const op_sql[] = {
#define X(name, sql) [OP_##name] = sql,
    STORE_OPS(X)
#undef X
};

int store__prepare_ops(struct store *s, struct err *err)
{
    for (int i = 0; i < OP_COUNT; i++) {
        must(s->ops[i] == NULL);
        s->ops[i] = store__prepare(s->db, op_sql[i], err);
        if (!s->ops[i])
            return -1;
    }
    return 0;
}

void store__finalize_ops(struct store *s)
{
    for (int i = 0; i < OP_COUNT; i++)
        store__finalizep(&s->ops[i]);
}

static const char *skip_value(const char *p)
{
    uint32_t n;
    switch (*p++) {
    case 'n':
        return p;
    case 't':
        memcpy(&n, p, sizeof(n));
        return p + sizeof(n) + n + 1;
    default:
        return p + 8;
    }
}

/* Binds one value; returns where the next begins. Texts stay in the batch, which outlives the step. */
static const char *bind_value(sqlite3_stmt *st, int column, const char *p)
{
    int64_t i;
    double f;
    uint32_t n;
    switch (*p) {
    case 'i':
        memcpy(&i, p + 1, sizeof(i));
        sqlite3_bind_int64(st, column, i);
        break;
    case 'f':
        memcpy(&f, p + 1, sizeof(f));
        sqlite3_bind_double(st, column, f);
        break;
    case 't':
        memcpy(&n, p + 1, sizeof(n));
        sqlite3_bind_text(st, column, p + 1 + sizeof(n), (int)n, SQLITE_STATIC);
        break;
    default:
        must(*p == 'n');
        sqlite3_bind_null(st, column);
    }
    return skip_value(p);
}

static int run(struct store *s, sqlite3_stmt *st, const struct op *op, struct err *err)
{
    const char *p = op->values, *end = p + op->size;
    for (int column = 1; p < end; column++)
        p = bind_value(st, column, p);
    must(p == end);
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE) {
        store__fail(s->db, err, "write to");
        sqlite3_reset(st);
        return -1;
    }
    sqlite3_reset(st);
    return 0;
}

static int64_t first_int(const char *p)
{
    int64_t v;
    must(*p == 'i');
    memcpy(&v, p + 1, sizeof(v));
    return v;
}

static int run_result(struct store *s, const struct op *op, struct err *err)
{
    uint64_t id = (uint64_t)first_int(op->values);
    uint64_t target = (uint64_t)first_int(skip_value(op->values));
    sqlite3_stmt *st = s->ops[s->hot.active ? OP_RESULT_1 : OP_RESULT];
    sqlite3_bind_int64(st, 11, (int64_t)store__hot_prev(&s->hot, target));
    if (run(s, st, op, err) < 0)
        return -1;
    if (sqlite3_changes(s->db) == 1)
        store__hot_pending(&s->hot, target, id);
    return 0;
}

static bool state_is_written(struct store *s, const struct op *op, uint64_t target)
{
    const char *end = op->values;
    for (int i = 0; i < EXACT_STATE_COUNT; i++)
        end = skip_value(end);
    uint64_t h = hash_bytes(op->values, (size_t)(end - op->values), 0) | 1;
    uint32_t now = (uint32_t)(clock_mono_ns() / NS_PER_S);
    uint64_t known = (uint64_t)(uintptr_t)map_u64_get(s->written, target);
    uint32_t refresh = REFRESH_S + (uint32_t)(map_u64_count(s->written) / REFRESHES_PER_S);
    if ((uint32_t)known == (uint32_t)h && now - (uint32_t)(known >> 32) < refresh)
        return true;
    known = (uint64_t)now << 32 | (uint32_t)h;
    map_u64_put(s->written, target, (void *)(uintptr_t)known);
    return false;
}

static int run_state(struct store *s, const struct op *op, struct err *err)
{
    uint64_t target = (uint64_t)first_int(op->values);
    if (state_is_written(s, op, target))
        return 0;
    return run(s, s->ops[OP_STATE], op, err);
}

int store__exec_batch(struct store *s, const struct batch *b, struct err *err)
{
    check_magic(b, BATCH_MAGIC);
    must(!sqlite3_get_autocommit(s->db));
    struct op op;
    for (size_t at = 0; store__next_op(b, &at, &op);) {
        int rc;
        if (op.kind == OP_RESULT) {
            rc = run_result(s, &op, err);
        } else if (op.kind == OP_STATE) {
            rc = run_state(s, &op, err);
        } else {
            if (op.kind == OP_STATE_DEL || op.kind == OP_TARGET_NEW)
                map_u64_del(s->written, (uint64_t)first_int(op.values));
            rc = run(s, s->ops[op.kind], &op, err);
        }
        if (rc < 0)
            return -1;
    }
    return 0;
}
