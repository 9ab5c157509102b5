/* What programs printed: the last lines of one that died, for its history; and live lines for the page, of units that ask
 * for it (output.events), while somebody listens. Reads what the output process has written. Main loop. */
#include <stdlib.h>

#include "base/clock.h"
#include "core/process_priv.h"
#include "output/output.h"

#define TAIL_NS        (300 * NS_PER_MS) /* until its last lines are written */
#define TAIL_LINES     20
#define TAIL_MAX       8192
#define TAILS_MAX      1000
#define LINES_READ     1000
#define LINES_A_SECOND 200

/* --- the end of one that died --- */

static void add_line(void *arg, const struct output_line *l)
{
    struct buf *out = arg;
    if (out->len > 0)
        buf_putc(out, '\n');
    buf_add(out, l->text, l->n);
}

static void fetch_tail(struct core *c, const struct tail *t)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct buf text = BUF_INIT((size_t)TAIL_LINES * (OUTPUT_LINE_MAX + 1));
    struct output_query q = {
        .log_dir = c->config->log.dir, .unit = t->event.unit, .lines = TAIL_LINES};
    const char *cursor;
    if (output_read(&q, add_line, &text, a, &cursor, NULL) == 0 && text.len > 0) {
        size_t from = text.len > TAIL_MAX ? text.len - TAIL_MAX : 0;
        while (from < text.len && from > 0 && ((unsigned char)text.data[from] & 0xc0) == 0x80)
            from++; /* not in the middle of a character */
        batch_process_event(core__batch(c), t->id, &t->event, text.data + from);
        core__commit_soon(c);
    }
    buf_done(&text);
}

static void on_tails(struct timer *t)
{
    struct programs *all = container_of(t, struct programs, tail_timer);
    int64_t now = clock_mono_ns();
    size_t done = 0;
    while (done < all->tails.n && all->tails.at[done].due_ns <= now)
        fetch_tail(all->core, &all->tails.at[done++]);
    all->tails.n -= done;
    if (all->tails.n == 0)
        return;
    memmove(all->tails.at, all->tails.at + done, all->tails.n * sizeof(all->tails.at[0]));
    timer_start(all->core->loop, t, all->tails.at[0].due_ns, on_tails);
}

void core__tail_later(struct core *c, uint64_t id, const struct process_event *e)
{
    struct programs *all = c->programs;
    if (all->tails.n >= TAILS_MAX)
        return; /* a thousand deaths in a moment: their ends stay in their logs */
    vec_push(&all->tails, ((struct tail){id, clock_mono_ns() + TAIL_NS, *e}));
    if (!timer_active(&all->tail_timer))
        timer_start(c->loop, &all->tail_timer, all->tails.at[0].due_ns, on_tails);
}

void core__tails_now(struct core *c)
{
    struct programs *all = c->programs;
    timer_stop(&all->tail_timer);
    vec_each (&all->tails, it)
        fetch_tail(c, it);
    vec_clear(&all->tails);
}

/* --- live lines --- */

struct live {
    struct program *program;
    struct core *core;
};

static void publish_line(void *arg, const struct output_line *l)
{
    const struct live *v = arg;
    struct program *p = v->program;
    if (p->output.lines >= LINES_A_SECOND) {
        p->output.dropped++;
        return;
    }
    p->output.lines++;
    struct buf out = BUF_INIT(OUTPUT_LINE_MAX * 7);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kstr(&j, "id", p->unit->config->id);
    json_ktime(&j, "at", l->at_ns / NS_PER_MS);
    json_kstr(&j, "stream", l->stream == 2 ? "stderr" : "stdout");
    json_key(&j, "text");
    json_strn(&j, l->text, l->n);
    json_kbool(&j, "whole", l->whole);
    json_end(&j);
    core__publish(v->core, "process_output", &out);
}

/* How many lines were left out because there were too many. */
static void publish_dropped(struct core *c, struct program *p)
{
    struct buf out = BUF_INIT(500);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kstr(&j, "id", p->unit->config->id);
    json_kuint(&j, "dropped", p->output.dropped);
    json_end(&j);
    core__publish(c, "process_output", &out);
    p->output.dropped = 0;
}

static void follow(struct core *c, struct program *p)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct live v = {p, c};
    struct output_query q = {.log_dir = c->config->log.dir,
                             .unit = p->unit->config->id,
                             .lines = p->output.cursor ? LINES_READ : 1,
                             .cursor = p->output.cursor};
    const char *cursor = NULL;
    bool first = !p->output.cursor;
    p->output.lines = first ? LINES_A_SECOND : 0; /* what was there before anybody listened */
    if (output_read(&q, publish_line, &v, a, &cursor, NULL) != 0 || !cursor)
        return;
    free(p->output.cursor);
    p->output.cursor = strdup(cursor);
    must(p->output.cursor);
    if (first)
        p->output.dropped = 0;
    if (p->output.dropped > 0)
        publish_dropped(c, p);
}

void core__output_look(struct core *c)
{
    bool silent = core__nobody_listens(c);
    vec_each (&c->programs->order, it) {
        if (silent || !(*it)->unit->config->output.events)
            core__output_forget(*it);
        else
            follow(c, *it);
    }
}

void core__output_forget(struct program *p)
{
    free(p->output.cursor);
    p->output.cursor = NULL;
}
