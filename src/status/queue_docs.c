/* The documents of subscribers and of messages to them: read at the start, written when they change. See queue.c. */
#include <stdlib.h>

#include "base/str.h"
#include "config/node.h"
#include "status/queue_priv.h"

/* --- subscribers' documents --- */

void status__sub_free(struct subscriber *s)
{
    free(s->to);
    free(s->last_error);
    free(s);
}

static int64_t number_in(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_INT ? n->num : 0;
}

static char *text_in(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_TEXT ? strndup(n->text.p, n->text.n) : strdup("");
}

static bool flag_in(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_BOOL && n->flag;
}

static struct subscriber *read_sub(uint64_t id, const struct node *doc)
{
    struct subscriber *s = calloc(1, sizeof(*s));
    must(s);
    *s = (struct subscriber){
        .id = id,
        .page = (uint64_t)number_in(doc, "page"),
        .type = flag_in(doc, "webhook") ? SUBSCRIBER_WEBHOOK : SUBSCRIBER_MAIL,
        .to = text_in(doc, "to"),
        .zh = flag_in(doc, "zh"),
        .active = flag_in(doc, "active"),
        .created_ms = number_in(doc, "created_at"),
        .confirmed_ms = number_in(doc, "confirmed_at"),
        .failures = (int32_t)number_in(doc, "failures"),
        .last_error = text_in(doc, "last_error"),
    };
    must(s->to && s->last_error);
    return s;
}

int status__sub_save(struct queue *q, const struct subscriber *s, uint64_t *id, struct waiter *w,
                     struct err *err)
{
    struct buf text = BUF_INIT(1 << 16);
    struct json j = json_start(&text);
    json_obj(&j);
    json_kuint(&j, "page", s->page);
    json_kbool(&j, "webhook", s->type == SUBSCRIBER_WEBHOOK);
    json_kstr(&j, "to", s->to);
    json_kbool(&j, "zh", s->zh);
    json_kbool(&j, "active", s->active);
    json_kint(&j, "created_at", s->created_ms);
    json_kint(&j, "confirmed_at", s->confirmed_ms);
    json_kint(&j, "failures", s->failures);
    json_kstr(&j, "last_error", s->last_error);
    json_end(&j);
    int rc = core_document_put(q->status->core, STATUS_SUBSCRIBER_KIND, id, text.data, w, err);
    buf_done(&text);
    return rc;
}

static size_t sub_place(const struct queue *q, uint64_t id)
{
    size_t low = 0, high = q->subs.n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (q->subs.at[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct subscriber *status__sub_of(const struct queue *q, uint64_t id)
{
    size_t i = sub_place(q, id);
    return i < q->subs.n && q->subs.at[i]->id == id ? q->subs.at[i] : NULL;
}

static struct node *parse(struct arena *a, const char *json)
{
    struct node *doc = json ? node_from_json(a, json, strlen(json), NULL) : NULL;
    return doc && doc->kind == NODE_MAP ? doc : NULL;
}

void status__on_sub(void *arg, const struct core_document *d)
{
    struct queue *q = arg;
    struct arena *a = arena_new();
    const struct node *doc = parse(a, d->json);
    size_t i = sub_place(q, d->id);
    bool there = i < q->subs.n && q->subs.at[i]->id == d->id;
    if (there)
        status__sub_free(q->subs.at[i]);
    if (doc && there) {
        q->subs.at[i] = read_sub(d->id, doc);
    } else if (doc) {
        vec_push(&q->subs, NULL);
        memmove(&q->subs.at[i + 1], &q->subs.at[i], (q->subs.n - 1 - i) * sizeof(q->subs.at[0]));
        q->subs.at[i] = read_sub(d->id, doc);
    } else if (there) {
        memmove(&q->subs.at[i], &q->subs.at[i + 1], (--q->subs.n - i) * sizeof(q->subs.at[0]));
    }
    arena_free(a);
}

/* --- messages' documents --- */

void status__message_free(struct message *m)
{
    vec_done(&m->to);
    free(m);
}

struct message *status__message_of(const struct queue *q, uint64_t id)
{
    vec_each (&q->messages, it)
        if ((*it)->id == id)
            return *it;
    return NULL;
}

void status__on_message(void *arg, const struct core_document *d)
{
    struct queue *q = arg;
    struct arena *a = arena_new();
    const struct node *doc = q->own ? NULL : parse(a, d->json);
    const struct node *to = doc ? node_get(doc, "to") : NULL;
    if (doc && !status__message_of(q, d->id)) {
        struct message *m = calloc(1, sizeof(*m));
        must(m);
        m->id = d->id;
        m->page = (uint64_t)number_in(doc, "page");
        m->incident = (uint64_t)number_in(doc, "incident");
        m->update = (uint64_t)number_in(doc, "update");
        m->next_ms = number_in(doc, "next_at");
        m->attempts = (int32_t)number_in(doc, "attempts");
        for (const struct node *n = to && to->kind == NODE_LIST ? to->first : NULL; n; n = n->next)
            if (n->kind == NODE_INT && n->num > 0)
                vec_push(&m->to, (uint64_t)n->num);
        vec_push(&q->messages, m);
    }
    arena_free(a);
}

int status__message_save(struct queue *q, struct message *m, struct err *err)
{
    struct buf text = BUF_INIT(1 << 20);
    struct json j = json_start(&text);
    json_obj(&j);
    json_kuint(&j, "page", m->page);
    json_kuint(&j, "incident", m->incident);
    json_kuint(&j, "update", m->update);
    json_kint(&j, "next_at", m->next_ms);
    json_kint(&j, "attempts", m->attempts);
    json_karr(&j, "to");
    vec_each (&m->to, it)
        json_uint(&j, *it);
    json_end(&j);
    json_end(&j);
    q->own = true;
    int rc = core_document_put(q->status->core, STATUS_MESSAGE_KIND, &m->id, text.data, NULL, err);
    q->own = false;
    m->taken = 0;
    buf_done(&text);
    return rc;
}

void status__message_drop(struct queue *q, struct message *m)
{
    must(m->away == 0);
    for (size_t i = 0; i < q->messages.n; i++)
        if (q->messages.at[i] == m) {
            memmove(&q->messages.at[i], &q->messages.at[i + 1],
                    (--q->messages.n - i) * sizeof(q->messages.at[0]));
            break;
        }
    core_document_del(q->status->core, STATUS_MESSAGE_KIND, m->id, NULL, NULL);
    status__message_free(m);
}

int status__message_add(struct queue *q, struct message *m)
{
    struct err err = {0};
    must(m->id == 0);
    if (status__message_save(q, m, &err) == 0) {
        vec_push(&q->messages, m);
        return 0;
    }
    log_warn("a message to subscribers is not kept, and so not sent", F_ERR(&err));
    status__message_free(m);
    return -1;
}
