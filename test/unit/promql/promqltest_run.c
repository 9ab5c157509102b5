/* Carries out the commands of a promqltest file: an engine over series in memory, emptied by `clear`.
 *
 * What reads a series that the file gave histogram samples or start timestamps is left out: the engine has neither yet. */
#include <stdio.h>

#include "base/fs.h"
#include "base/str.h"
#include "model/series_memory.h"
#include "promqltest.h"

#define FILE_MAX 4194304

enum taint { NATIVE, START_TIMESTAMP };
struct tainted {
    struct labels labels;
    enum taint why;
};

struct runner {
    struct arena *arena;
    const char *name; /* of the file */
    struct str float_only;
    struct series_memory *memory;
    struct promql_engine *engine;
    struct tainted *tainted;
    size_t n_tainted, cap_tainted;
    struct pt_count *count;
};

static int64_t no_time(void)
{
    return 0;
}

static void taint(struct runner *r, struct labels l, enum taint why)
{
    if (r->n_tainted == r->cap_tainted) {
        size_t cap = r->cap_tainted == 0 ? 64 : r->cap_tainted * 2;
        struct tainted *more = arena_array_of(r->arena, struct tainted, cap);
        if (r->n_tainted > 0)
            memcpy(more, r->tainted, r->n_tainted * sizeof(*more));
        r->tainted = more;
        r->cap_tainted = cap;
    }
    r->tainted[r->n_tainted++] = (struct tainted){l, why};
}

/* --- load --- */

/* A bucket, count or sum of load_with_nhcb also makes the native histogram of the name without its suffix. */
static void taint_nhcb(struct runner *r, const struct labels *l)
{
    static const char *const suffixes[] = {"_bucket", "_count", "_sum"};
    struct str name = labels_metric(l);
    for (size_t i = 0; i < array_len(suffixes); i++) {
        if (!str_ends(name, str_of(suffixes[i])))
            continue;
        struct labels_builder b = {0};
        struct labels made;
        labels_builder_from(&b, l);
        labels_builder_del(&b, STR("le"));
        labels_builder_set(&b, STR(LABEL_METRIC_NAME),
                           (struct str){name.p, name.n - strlen(suffixes[i])});
        must(labels_builder_finish(&b, &made, NULL) == 0);
        taint(r, labels_dup(r->arena, &made), NATIVE);
        labels_builder_done(&b);
    }
}

static void run_load(struct runner *r, const struct pt_load *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct pt_series *s = &l->series[i];
        bool native = false;
        for (size_t k = 0; k < s->n; k++) {
            native |= s->v[k].kind == PT_HISTOGRAM;
            if (s->v[k].kind == PT_FLOAT)
                series_memory_append(r->memory, &s->labels, (int64_t)k * l->step_ms, s->v[k].v);
        }
        if (native)
            taint(r, s->labels, NATIVE);
        if (l->nhcb)
            taint_nhcb(r, &s->labels);
    }
    for (size_t i = 0; i < l->n_start; i++)
        taint(r, l->start_timestamps[i], START_TIMESTAMP);
}

/* --- what is left out --- */

struct reads {
    const struct runner *r;
    bool hit[2]; /* by taint */
};

static bool look(void *arg, const struct promql_node *n)
{
    struct reads *f = arg;
    if (n->kind != NODE_SELECTOR && n->kind != NODE_RANGE)
        return true;
    for (size_t i = 0; i < f->r->n_tainted; i++) {
        const struct tainted *t = &f->r->tainted[i];
        if (matcher_test_all(n->selector.matchers, n->selector.n_matchers, &t->labels))
            f->hit[t->why] = true;
    }
    return true;
}

static bool is_float_only(const struct runner *r, const struct pt_command *c)
{
    struct buf line = BUF_INIT(10000);
    buf_printf(&line, "%s:%d %.*s\n", r->name, c->line, (int)c->eval.expr.n, c->eval.expr.p);
    bool found = str_contains(r->float_only, (struct str){line.data, line.len});
    buf_done(&line);
    return found;
}

static bool left_out(const struct runner *r, const struct pt_command *c, bool float_only)
{
    const struct pt_eval *e = &c->eval;
    bool native = false;
    for (size_t i = 0; i < e->n_expected; i++) {
        for (size_t k = 0; k < e->expected[i].n; k++)
            native |= e->expected[i].v[k].kind == PT_HISTOGRAM;
    }
    struct arena *a = arena_new();
    const struct promql_parse_options opt = {.experimental = true};
    const struct promql_node *ast = promql_parse(a, e->expr, &opt, NULL);
    struct reads f = {.r = r};
    if (ast != NULL)
        promql_walk(ast, look, &f);
    arena_free(a);
    native |= f.hit[NATIVE] && !float_only;
    r->count->native += native;
    r->count->start_timestamp += !native && f.hit[START_TIMESTAMP];
    return native || f.hit[START_TIMESTAMP];
}

/* --- eval --- */

static struct promql_request request_of(const struct runner *r, const struct pt_eval *e)
{
    return (struct promql_request){
        .source = series_memory_source(r->memory),
        .query = e->expr,
        .range = e->range,
        .start_ms = e->range_vector ? e->end_ms : e->start_ms,
        .end_ms = e->end_ms,
        .step_ms = e->step_ms,
        .no_cache = true,
    };
}

static bool depends_on_range(struct str expr)
{
    static const char *const calls[] = {"start()", "end()", "range()", "step()"};
    for (size_t i = 0; i < array_len(calls); i++) {
        if (str_contains(expr, str_of(calls[i])))
            return true;
    }
    return false;
}

/* An instant query must give what a range query gives at that step. */
static void check_as_range(const struct runner *r, const struct pt_eval *e, enum promql_type type,
                           struct buf *why)
{
    if (e->range || e->range_vector || e->ordered || type == PROMQL_STRING ||
        type == PROMQL_MATRIX || depends_on_range(e->expr))
        return;
    struct promql_request q = request_of(r, e);
    q.range = true;
    q.start_ms = e->start_ms >= 60000 ? e->start_ms - 60000 : e->start_ms;
    q.end_ms = e->start_ms + 60000;
    q.step_ms = 60000;
    struct promql_result *result = NULL;
    struct err err;
    if (promql_run(r->engine, &q, &result, &err) != 0)
        buf_printf(why, "as a range query: error: %s", err.msg);
    else
        pt_check(e, result, e->start_ms, why);
    promql_result_free(result);
}

static void evaluate(const struct runner *r, const struct pt_eval *e, bool float_only,
                     struct buf *why)
{
    struct promql_request q = request_of(r, e);
    struct promql_result *result = NULL;
    struct err err;
    if (promql_run(r->engine, &q, &result, &err) != 0) {
        if (!e->fail)
            buf_printf(why, "error: %s", err.msg);
        else if (!pt_text_matches(&e->fail_text, err.msg))
            buf_printf(why, "expected the error \"%.*s\"; got: %s", (int)e->fail_text.text.n,
                       e->fail_text.text.p, err.msg);
        return;
    }
    if (e->fail)
        buf_puts(why, "no error");
    if (!e->fail) {
        pt_check(e, result, INT64_MIN, why);
        if (!float_only)
            pt_check_annotations(e, result, why);
        check_as_range(r, e, result->type, why);
    }
    promql_result_free(result);
}

static void run_eval(struct runner *r, const struct pt_command *c)
{
    bool float_only = is_float_only(r, c);
    if (left_out(r, c, float_only))
        return;
    struct buf why = BUF_INIT(100000);
    evaluate(r, &c->eval, float_only, &why);
    if (why.len == 0) {
        r->count->passed++;
    } else {
        r->count->failed++;
        fprintf(stderr, "FAIL %s:%d %.*s: %s\n", r->name, c->line, (int)c->eval.expr.n,
                c->eval.expr.p, why.data);
    }
    buf_done(&why);
}

/* --- a file --- */

static void run_all(struct runner *r, const struct pt_file *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct pt_command *c = &f->at[i];
        if (c->what == PT_LOAD)
            run_load(r, &c->load);
        if (c->what == PT_EVAL)
            run_eval(r, c);
        if (c->what == PT_CLEAR) {
            series_memory_clear(r->memory);
            r->n_tainted = 0;
        }
    }
}

int pt_run(const char *path, struct str float_only, struct pt_count *count, struct err *err)
{
    struct buf text = BUF_INIT(FILE_MAX);
    if (fs_read(path, &text, err) != 0)
        return -1;
    struct promql_options opt = PROMQL_OPTIONS;
    opt.experimental = true;
    opt.delayed_name_removal = true;
    opt.now_ms = no_time;
    opt.slow_ms = 0;
    const char *slash = strrchr(path, '/');
    struct runner r = {
        .arena = arena_new(),
        .name = slash != NULL ? slash + 1 : path,
        .float_only = float_only,
        .memory = series_memory_new(),
        .engine = promql_engine_new(&opt),
        .count = count,
    };
    struct pt_file file;
    int rc = pt_parse(r.arena, (struct str){text.data, text.len}, &file, err);
    if (rc == 0)
        run_all(&r, &file);
    promql_engine_free(r.engine);
    series_memory_free(r.memory);
    arena_free(r.arena);
    buf_done(&text);
    return rc;
}
