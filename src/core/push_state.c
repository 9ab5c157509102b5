/* See push_state.h. */
#include "core/push_state.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/node.h"

void push_state_write(const struct heartbeat *b, struct buf *out)
{
    struct json j = json_start(out);
    json_obj(&j);
    json_kint(&j, "waits_since", b->waits_since_ms);
    json_kint(&j, "due", b->due_ms);
    json_kint(&j, "last", b->last_ms);
    json_kint(&j, "good", b->last_good_ms);
    json_kint(&j, "duration", b->last_duration_ms);
    json_kint(&j, "exit", b->last_exit);
    json_kbool(&j, "bad", b->bad);
    json_kstr(&j, "said", b->said);
    json_kuint(&j, "ends", b->ends);
    json_karr(&j, "runs");
    for (int i = 0; i < b->n_runs; i++) {
        json_obj(&j);
        json_kstr(&j, "id", b->runs[i].id);
        json_kint(&j, "at", b->runs[i].started_ms);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

static int64_t number(const struct node *doc, const char *key, int64_t absent)
{
    const struct node *n = node_get(doc, key);
    return n && n->kind == NODE_INT ? n->num : absent;
}

static void text(const struct node *doc, const char *key, char *out, size_t size)
{
    const struct node *n = node_get(doc, key);
    if (n && n->kind == NODE_TEXT && n->text.n < size)
        memcpy(out, n->text.p, n->text.n + 1);
}

static void read_runs(const struct node *list, struct heartbeat *b)
{
    for (const struct node *i = list ? list->first : NULL; i && b->n_runs < HEARTBEAT_RUNS;
         i = i->next) {
        struct heartbeat_run *r = &b->runs[b->n_runs++];
        text(i, "id", r->id, sizeof(r->id));
        r->started_ms = number(i, "at", 0);
    }
    must(b->n_runs <= HEARTBEAT_RUNS);
}

int push_state_read(const char *from, struct heartbeat *b, struct arena *a)
{
    struct node *doc = node_from_json(a, from, strlen(from), NULL);
    int64_t since = doc ? number(doc, "waits_since", 0) : 0;
    if (since <= 0)
        return -1;
    const struct node *bad = node_get(doc, "bad"), *runs = node_get(doc, "runs");
    *b = (struct heartbeat){.waits_since_ms = since,
                            .due_ms = number(doc, "due", 0),
                            .last_ms = number(doc, "last", 0),
                            .last_good_ms = number(doc, "good", 0),
                            .last_duration_ms = number(doc, "duration", -1),
                            .last_exit = (int32_t)number(doc, "exit", -1),
                            .bad = bad && bad->kind == NODE_BOOL && bad->flag,
                            .ends = (uint64_t)number(doc, "ends", 0)};
    text(doc, "said", b->said, sizeof(b->said));
    read_runs(runs && runs->kind == NODE_LIST ? runs : NULL, b);
    return 0;
}

void push_run_write(const struct push_run *r, struct buf *out)
{
    static const char *const kinds[] = {"start", "success", "fail", "log"};
    struct json j = json_start(out);
    must(r->event->kind != HEARTBEAT_START);
    json_obj(&j);
    json_kstr(&j, "kind", kinds[r->event->kind]);
    json_kstr(&j, "rid", r->event->id);
    json_ktime(&j, "started_at", r->started_ms);
    json_ktime(&j, "ended_at", r->at_ms);
    json_key(&j, "duration_ms");
    if (r->duration_ms >= 0)
        json_int(&j, r->duration_ms);
    else
        json_nil(&j);
    json_key(&j, "exit_code");
    if (r->event->exit_code >= 0)
        json_int(&j, r->event->exit_code);
    else
        json_nil(&j);
    json_kstr(&j, "message", r->event->said);
    json_kstr(&j, "output", r->output);
    json_kstr(&j, "from", r->from);
    json_end(&j);
}
