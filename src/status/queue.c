/* Subscribers, and the durable queue of messages to them. On the loop; messages go out on fibers, a few at a time.
 *
 * A message's document, "status_message": {"page","incident","update" (0: please confirm),"next_at","attempts","to":[subscriber, …]}. Who
 * has it is taken from "to"; it is written down again now and then and at the end of a round, so that after a crash some may have it twice
 * and none never. Those that are left are tried again after longer and longer pauses. */
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/fiber.h"
#include "io/http_url.h"
#include "notify/mail.h"
#include "status/queue_priv.h"
#include "status/words.h"

#define LANES        8 /* messages under way */
#define SAVE_EVERY   50
#define ATTEMPTS_MAX 7
#define PENDING_MS   INT64_C(86400000) /* unconfirmed subscriptions end */
#define AGAIN_MS     INT64_C(600000)   /* an unconfirmed one may be asked anew */
#define FAILURES_MAX 10                /* messages given up in a row: the subscription ends */
#define SWEEP_TICKS  60
#define ADDRESS_MAX  1000

/* --- sending --- */

struct sending {
    struct queue *queue;
    uint64_t message, sub_id;
    struct subscriber sub; /* a copy */
    struct status_page *page;
    struct incident *incident;
    struct channel *channel;
    struct arena *arena;
    struct letter_texts texts;
    char secret[TOKEN_SIZE];
};

static const char *name_of(void *arg, uint64_t target)
{
    struct sending *s = arg;
    struct core_target t;
    if (!core_target_get(s->queue->status->core, target, &t))
        return word(s->sub.zh, W_A_SERVICE);
    return arena_strdup(s->arena, page_name_of(s->page, target, t.target->name));
}

static const struct incident_update *update_of(const struct incident *i, uint64_t id)
{
    for (uint32_t n = 0; i && n < i->n_updates; n++)
        if (i->updates[n].id == id)
            return &i->updates[n];
    return NULL;
}

static void sending_free(struct sending *s)
{
    page_unref(s->page);
    incident_unref(s->incident);
    channel_free(s->channel);
    arena_free(s->arena);
    free(s);
}

/* Removes it from those that are to have the message. */
static void take_from(struct message *m, uint64_t sub)
{
    for (size_t i = 0; i < m->to.n; i++)
        if (m->to.at[i] == sub) {
            memmove(&m->to.at[i], &m->to.at[i + 1], (--m->to.n - i) * sizeof(m->to.at[0]));
            m->at -= i < m->at;
            m->taken++;
            must(m->at <= m->to.n);
            return;
        }
}

static int64_t pause_ms(int32_t attempts)
{
    static const int64_t pauses[] = {15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600};
    size_t i = attempts > 0 ? (size_t)attempts - 1 : 0;
    return pauses[i < array_len(pauses) ? i : array_len(pauses) - 1] * 1000;
}

/* A message given up counts against its subscriber; one that never takes any is let go. */
static void note_outcome(struct queue *q, const struct sending *s, bool good, bool given_up,
                         const struct err *err)
{
    must(!(good && given_up));
    struct subscriber *sub = status__sub_of(q, s->sub_id);
    uint64_t id = s->sub_id;
    if (good)
        atomic_fetch_add(
            s->sub.type == SUBSCRIBER_MAIL ? &q->status->mails_sent : &q->status->hooks_sent, 1);
    if (given_up)
        atomic_fetch_add(&q->status->failed, 1);
    if (!sub || (good && sub->failures == 0) || (!good && !given_up))
        return;
    if (given_up && sub->failures + 1 >= FAILURES_MAX) {
        core_document_del(q->status->core, STATUS_SUBSCRIBER_KIND, id, NULL, NULL);
        return;
    }
    struct subscriber next = *sub;
    next.failures = good ? 0 : sub->failures + 1;
    next.last_error = (char *)(good ? "" : err->msg);
    status__sub_save(q, &next, &id, NULL, NULL);
}

static void end_round(struct queue *q, struct message *m)
{
    must(m->away == 0);
    m->round = false;
    if (m->to.n == 0) {
        status__message_drop(q, m);
        return;
    }
    m->attempts++;
    m->next_ms = clock_wall_ms() + pause_ms(m->attempts);
    status__message_save(q, m, NULL);
}

static void settle(struct sending *s, int rc, bool confirmed, const struct err *err)
{
    struct queue *q = s->queue;
    struct message *m = status__message_of(q, s->message);
    must(m && m->away > 0 && q->away > 0);
    m->away--;
    q->away--;
    bool given_up = rc != 0 && (!err_code_retry(err->code) || m->attempts + 1 >= ATTEMPTS_MAX);
    if (rc == 0 || given_up)
        take_from(m, s->sub_id);
    note_outcome(q, s, rc == 0, given_up, err);
    if (given_up)
        log_warn("a message to a subscriber is given up", F_INT("subscriber", s->sub_id),
                 F_ERR(err));
    if (confirmed)
        status_confirm(q->status, s->sub_id, NULL);
    if (m->at >= m->to.n && m->away == 0)
        end_round(q, m);
    else if (m->taken >= SAVE_EVERY)
        status__message_save(q, m, NULL);
}

static void send_fiber(void *arg)
{
    struct sending *s = arg;
    struct queue *q = s->queue;
    struct fiber *self = fiber_self();
    struct err err = {0};
    bool confirmed = false;
    struct posting p = {
        .core = q->status->core,
        .sub = &s->sub,
        .texts = &s->texts,
        .channel = s->channel,
        .secret = s->secret,
        .number = s->message,
        .allow_private = s->page->f.webhook_allow_private,
        .arena = s->arena,
    };
    vec_push(&q->fibers, self);
    int rc = status__post(&p, &confirmed, &err);
    for (size_t i = 0; i < q->fibers.n; i++)
        if (q->fibers.at[i] == self) {
            q->fibers.at[i] = vec_pop(&q->fibers);
            break;
        }
    if (!q->status->stopping)
        settle(s, rc, confirmed, &err);
    sending_free(s);
}

/* NULL: there is nothing to say to this one (any more). */
static struct sending *sending_new(struct queue *q, const struct message *m, uint64_t sub_id)
{
    const struct subscriber *sub = status__sub_of(q, sub_id);
    struct status_page *page = status_page_by_id(q->status, m->page);
    struct incident *incident = m->update ? status_incident(q->status, m->incident) : NULL;
    const struct incident_update *u = update_of(incident, m->update);
    bool due = sub && page && (m->update ? u && sub->active : !sub->active);
    struct sending *s = calloc(1, sizeof(*s));
    must(s);
    *s = (struct sending){.queue = q,
                          .message = m->id,
                          .sub_id = sub_id,
                          .page = page,
                          .incident = incident,
                          .arena = arena_new()};
    if (!due) {
        sending_free(s);
        return NULL;
    }
    const char *site = core_config(q->status->core)->server.public_url;
    size_t n = site ? strlen(site) : 0;
    while (n > 0 && site[n - 1] == '/')
        n--;
    const char *url = page_url(page, arena_strndup(s->arena, site ? site : "", n), s->arena);
    const struct channel *ch = core_channel_get(q->status->core, (uint64_t)page->f.mail_channel_id);
    s->sub = *sub;
    s->sub.to = arena_strdup(s->arena, sub->to);
    s->sub.last_error = arena_strdup(s->arena, "");
    s->channel = ch && sub->type == SUBSCRIBER_MAIL ? channel_clone(ch) : NULL;
    token_make(page->key, "confirm", sub->id, s->secret);
    if (m->update)
        status__update_letter(page, &s->sub, url, incident, u, name_of, s, s->arena, &s->texts);
    else
        status__confirm_letter(page, &s->sub, url, s->arena, &s->texts);
    return s;
}

/* False: no fiber was to be had; later. */
static bool send_next(struct queue *q, struct message *m)
{
    must(m->round && m->at < m->to.n);
    struct sending *s = sending_new(q, m, m->to.at[m->at]);
    struct err err = {0};
    if (!s) {
        take_from(m, m->to.at[m->at]);
        return true;
    }
    m->at++;
    m->away++;
    q->away++;
    if (fiber_start(core_loop(q->status->core), send_fiber, s, &err) == 0)
        return true;
    m->at--;
    m->away--;
    q->away--;
    sending_free(s);
    return false;
}

/* A fiber may end, and with it the round and the message, before fiber_start returns. */
static void work_on(struct queue *q, uint64_t id, int64_t now_ms)
{
    struct message *m = status__message_of(q, id);
    if (m && !m->round && m->next_ms <= now_ms) {
        m->round = true;
        m->at = 0;
    }
    while ((m = status__message_of(q, id)) != NULL && m->round && m->at < m->to.n &&
           q->away < LANES)
        if (!send_next(q, m))
            return;
    if (m && m->round && m->at >= m->to.n && m->away == 0)
        end_round(q, m);
}

static void sweep(struct queue *q, int64_t now_ms)
{
    for (size_t i = q->subs.n; i-- > 0;) {
        const struct subscriber *s = q->subs.at[i];
        struct status_page *p = status_page_by_id(q->status, s->page);
        bool over = !p || (!s->active && now_ms - s->created_ms > PENDING_MS);
        page_unref(p);
        if (over)
            core_document_del(q->status->core, STATUS_SUBSCRIBER_KIND, s->id, NULL, NULL);
    }
}

void status__queue_tick(struct status *s, int64_t now_ms)
{
    struct queue *q = s->queue;
    for (size_t i = 0; i < q->messages.n && q->away < LANES; i++) {
        uint64_t id = q->messages.at[i]->id;
        work_on(q, id, now_ms);
        i -= i < q->messages.n && q->messages.at[i]->id == id ? 0 : 1;
    }
    if (s->ticks % SWEEP_TICKS == 0)
        sweep(q, now_ms);
}

struct queue *status__queue_new(struct status *s)
{
    must(s->core && !s->queue);
    struct queue *q = calloc(1, sizeof(*q));
    must(q);
    q->status = s;
    core_documents_watch(s->core, STATUS_SUBSCRIBER_KIND, status__on_sub, q);
    core_documents_watch(s->core, STATUS_MESSAGE_KIND, status__on_message, q);
    return q;
}

void status__queue_stop(struct status *s)
{
    struct queue *q = s->queue;
    s->stopping = true;
    for (int turns = 0; q->fibers.n && turns < 1000; turns++) {
        for (size_t i = q->fibers.n; i-- > 0;)
            fiber_cancel(q->fibers.at[i]);
        loop_turn(core_loop(s->core));
    }
}

void status__queue_free(struct queue *q)
{
    if (!q)
        return;
    vec_each (&q->subs, it)
        status__sub_free(*it);
    vec_each (&q->messages, it)
        status__message_free(*it);
    vec_done(&q->subs);
    vec_done(&q->messages);
    vec_done(&q->fibers);
    free(q);
}

/* --- what is asked of it --- */

static int check_address(enum subscriber_type type, const char *to, struct arena *a,
                         struct err *err)
{
    struct http_url u;
    if (strlen(to) > ADDRESS_MAX)
        return err_set(err, ERR_INVALID, "the address is over %d bytes", ADDRESS_MAX);
    if (type == SUBSCRIBER_MAIL)
        return mail_address(a, to) && !strpbrk(to, "<> ,")
                   ? 0
                   : err_set(err, ERR_INVALID,
                             "got \"%.80s\"; want an address like ops@example.com", to);
    if (http_url_parse(to, a, &u, err) != 0) {
        if (err)
            err->code = ERR_INVALID; /* another scheme, too */
        return -1;
    }
    return u.user ? err_set(err, ERR_INVALID, "an address with a password in it is not taken") : 0;
}

static void ask_to_confirm(struct queue *q, const struct subscriber *sub)
{
    must(sub && sub->id > 0 && !sub->active);
    struct message *m = calloc(1, sizeof(*m));
    must(m);
    m->page = sub->page;
    vec_push(&m->to, sub->id);
    status__message_add(q, m);
}

void status_subscribers_count(struct status *s, uint64_t page, uint32_t *active, uint32_t *pending)
{
    *active = *pending = 0;
    vec_each (&s->queue->subs, it)
        if ((*it)->page == page)
            (*((*it)->active ? active : pending))++;
}

static struct subscriber *find_sub(struct queue *q, uint64_t page, enum subscriber_type type,
                                   const char *to)
{
    vec_each (&q->subs, it)
        if ((*it)->page == page && (*it)->type == type && strcasecmp((*it)->to, to) == 0)
            return *it;
    return NULL;
}

int status_subscribe(struct status *s, struct status_page *p, enum subscriber_type type,
                     const char *to, bool zh, struct err *err)
{
    struct arena *a = arena_new();
    int rc = check_address(type, to, a, err);
    arena_free(a);
    if (rc != 0)
        return -1;
    struct subscriber *old = find_sub(s->queue, p->id, type, to);
    uint32_t active, pending;
    status_subscribers_count(s, p->id, &active, &pending);
    int64_t now = clock_wall_ms();
    char none[] = "";
    if (old && (old->active || now - old->created_ms < AGAIN_MS))
        return 0;
    if (!old && (active + pending >= STATUS_SUBSCRIBERS_MAX || pending >= STATUS_PENDING_MAX))
        return err_set(err, ERR_FULL,
                       "the page has as many subscribers as it can have; try again later");
    struct subscriber sub = {.page = p->id,
                             .type = type,
                             .to = (char *)to,
                             .zh = zh,
                             .created_ms = now,
                             .last_error = none};
    uint64_t id = old ? old->id : 0;
    if (status__sub_save(s->queue, &sub, &id, NULL, err) != 0)
        return -1;
    ask_to_confirm(s->queue, status__sub_of(s->queue, id));
    return 0;
}

const struct subscriber *status_subscriber(struct status *s, const struct status_page *p,
                                           uint64_t id, const char *purpose, const char *token)
{
    const struct subscriber *sub = status__sub_of(s->queue, id);
    return sub && sub->page == p->id && token_good(p->key, purpose, id, token) ? sub : NULL;
}

int status_confirm(struct status *s, uint64_t id, struct err *err)
{
    const struct subscriber *sub = status__sub_of(s->queue, id);
    if (!sub)
        return err_set(err, ERR_NOT_FOUND, "there is no such subscription");
    if (sub->active)
        return 0;
    struct subscriber next = *sub;
    next.active = true;
    next.confirmed_ms = clock_wall_ms();
    return status__sub_save(s->queue, &next, &id, NULL, err);
}

int status_unsubscribe(struct status *s, uint64_t id, struct waiter *w, struct err *err)
{
    return core_document_del(s->core, STATUS_SUBSCRIBER_KIND, id, w, err);
}

void status_subscribers_each(struct status *s, uint64_t page,
                             bool (*fn)(void *arg, const struct subscriber *sub), void *arg)
{
    vec_each (&s->queue->subs, it)
        if ((*it)->page == page && !fn(arg, *it))
            return;
}

void status_announce(struct status *s, uint64_t incident, uint64_t update)
{
    must(incident > 0 && update > 0);
    struct incident *i = status_incident(s, incident);
    for (uint32_t n = 0; i && n < i->pages.n; n++) {
        struct message *m = calloc(1, sizeof(*m));
        must(m);
        m->page = i->pages.at[n];
        m->incident = incident;
        m->update = update;
        vec_each (&s->queue->subs, it)
            if ((*it)->page == m->page && (*it)->active)
                vec_push(&m->to, (*it)->id);
        if (m->to.n)
            status__message_add(s->queue, m);
        else
            status__message_free(m);
    }
    incident_unref(i);
}
