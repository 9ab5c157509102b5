/* The vendors: what becomes of a message that left the core, crashed since or not. */
#include "sim.h"

struct seen *vendor_seen(struct sim *s, uint64_t delivery)
{
    while (s->seen.n < delivery)
        (void)vec_add(&s->seen);
    return &s->seen.at[delivery - 1];
}

static int posts_of_minute(const struct sim *s, uint64_t channel)
{
    int n = 0;
    for (size_t i = s->posts.n; i > 0 && s->posts.at[i - 1].at_ms > s->now - 60000; i--)
        n += s->posts.at[i - 1].channel == channel;
    return n;
}

/* orphan: the core that sent it died meanwhile and will never hear the answer. */
static void accept(struct sim *s, struct sending *sending, bool orphan)
{
    const struct dispatch_message *m = &sending->message;
    for (size_t i = 0; i < m->n; i++) {
        struct seen *seen = vendor_seen(s, m->ids[i]);
        if (seen->accepted++ == 0)
            seen->first_ms = s->now;
        seen->allowed += orphan;
    }
    sending->accepted = true;
    sending->outcome = DISPATCH_SENT;
}

/* The answer is lost on its way: the core will send it again. */
static void lose_answer(struct sim *s, struct sending *sending)
{
    for (size_t i = 0; i < sending->message.n; i++)
        vendor_seen(s, sending->message.ids[i])->allowed++;
    sending->outcome = DISPATCH_RETRY;
}

void vendor_arrive(struct sim *s, struct event *e)
{
    struct sending *sending = e->sending;
    uint64_t id = sending->message.channel_id;
    const struct sim_channel *c = &s->channels[id - 1];
    int64_t answer_ms = sim_between(s, 1, 200);
    bool down = spans_hold(&c->outages, s->now) || spans_hold(&s->network, s->now);
    sending->outcome = DISPATCH_RETRY;
    if (down) {
        answer_ms = sim_between(s, 1, 10000);
    } else if (c->rate > 0 && posts_of_minute(s, id) >= REFUSE) {
        s->count.refused++;
        sending->retry_after_ms = 60000;
    } else if (c->picky && sim_chance(s, 0.2)) {
        sending->outcome = DISPATCH_GIVE_UP;
    } else {
        accept(s, sending, e->life != s->life);
        if (c->lossy && s->now < s->horizon && sim_chance(s, 0.2))
            lose_answer(s, sending);
    }
    s->count.messages++;
    struct post *p = vec_add(&s->posts);
    *p = (struct post){.channel = id,
                       .at_ms = s->now,
                       .life = e->life,
                       .accepted = sending->outcome == DISPATCH_SENT,
                       .group = sending->group};
    sim_at(s, s->now + answer_ms, EV_ANSWER, e->life)->sending = sending;
    e->sending = NULL;
}
