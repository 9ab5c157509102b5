/* See probe_history.h. Two rings: what leaves the first and had failed goes on to the second. */
#include "api/probe_history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

struct kept_ring {
    struct past_probe *at[PROBE_HISTORY_MAX];
    size_t next; /* the place that is written next: the oldest's */
};

struct probe_history {
    pthread_mutex_t lock; /* guards all of it */
    uint64_t last_id;
    struct kept_ring recent, failed;
};

struct probe_history *probe_history_new(void)
{
    struct probe_history *h = calloc(1, sizeof(*h));
    must(h && pthread_mutex_init(&h->lock, NULL) == 0);
    return h;
}

static void free_ring(struct kept_ring *r)
{
    for (size_t i = 0; i < PROBE_HISTORY_MAX; i++)
        free(r->at[i]);
}

void probe_history_free(struct probe_history *h)
{
    if (!h)
        return;
    free_ring(&h->recent);
    free_ring(&h->failed);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

const char *probe_shown_target(const char *target, struct arena *a)
{
    const char *start = strstr(target, "://");
    const char *host = start ? start + 3 : target;
    size_t n = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', n);
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    if (!colon)
        return target;
    return arena_printf(a, "%.*s:***%s", (int)(colon - target), target, at);
}

/* One block: the strings stand behind the struct. */
static struct past_probe *copy_of(const struct past_probe *p, const char *target, struct str text)
{
    size_t n_module = strlen(p->module) + 1, n_target = strlen(target) + 1;
    struct past_probe *c = malloc(sizeof(*c) + n_module + n_target + text.n + 1);
    must(c != NULL);
    *c = *p;
    char *to = (char *)(c + 1);
    c->module = memcpy(to, p->module, n_module);
    c->target = memcpy(to + n_module, target, n_target);
    to += n_module + n_target;
    memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    c->text = to;
    return c;
}

/* What was there comes back. */
static struct past_probe *push(struct kept_ring *r, struct past_probe *p)
{
    struct past_probe *old = r->at[r->next];
    must(r->next < PROBE_HISTORY_MAX);
    r->at[r->next] = p;
    r->next = (r->next + 1) % PROBE_HISTORY_MAX;
    return old;
}

/* The text with the target as it is shown, cut. */
static void put_text(struct buf *out, const char *text, const char *target, const char *shown)
{
    static const char cut[] = "\n… cut\n";
    for (const char *found; shown != target && (found = strstr(text, target)) != NULL;) {
        buf_add(out, text, (size_t)(found - text));
        buf_puts(out, shown);
        text = found + strlen(target);
    }
    buf_puts(out, text);
    must(!out->failed);
    if (out->len <= PROBE_HISTORY_TEXT)
        return;
    size_t n = PROBE_HISTORY_TEXT - sizeof(cut);
    while (n > 0 && ((unsigned char)out->data[n] & 0xc0) == 0x80)
        n--;
    memcpy(out->data + n, cut, sizeof(cut));
    out->len = n + sizeof(cut) - 1;
}

uint64_t probe_history_add(struct probe_history *h, const struct past_probe *p)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct buf text = BUF_INIT(64u << 20);
    const char *shown = probe_shown_target(p->target, a);
    put_text(&text, p->text, p->target, shown);
    struct past_probe *fresh =
        copy_of(p, shown, (struct str){text.data ? text.data : "", text.len});
    buf_done(&text);
    pthread_mutex_lock(&h->lock);
    uint64_t id = fresh->id = ++h->last_id;
    struct past_probe *gone = push(&h->recent, fresh);
    if (gone && !gone->success)
        gone = push(&h->failed, gone);
    pthread_mutex_unlock(&h->lock);
    free(gone);
    return id;
}

/* The i-th of both rings, from the newest on; NULL: there are no more there. */
static const struct past_probe *nth(const struct probe_history *h, size_t i)
{
    const struct kept_ring *r = i < PROBE_HISTORY_MAX ? &h->recent : &h->failed;
    must(i < 2 * PROBE_HISTORY_MAX);
    size_t back = i % PROBE_HISTORY_MAX + 1;
    return r->at[(r->next + PROBE_HISTORY_MAX - back) % PROBE_HISTORY_MAX];
}

static void give(const struct past_probe *p, struct arena *a, bool text, struct past_probe *out)
{
    *out = *p;
    out->module = arena_strdup(a, p->module);
    out->target = arena_strdup(a, p->target);
    out->text = text ? arena_strdup(a, p->text) : NULL;
}

struct past_probe *probe_history_list(struct probe_history *h, struct arena *a, size_t *n)
{
    struct past_probe *list = arena_array_of(a, struct past_probe, 2 * PROBE_HISTORY_MAX);
    *n = 0;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < 2 * PROBE_HISTORY_MAX; i++) {
        const struct past_probe *p = nth(h, i);
        if (p)
            give(p, a, false, &list[(*n)++]);
    }
    pthread_mutex_unlock(&h->lock);
    return list;
}

bool probe_history_find(struct probe_history *h, uint64_t id, const char *target,
                        const char *module, struct arena *a, struct past_probe *out)
{
    bool found = false;
    const char *shown = target ? probe_shown_target(target, a) : NULL;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < 2 * PROBE_HISTORY_MAX && !found; i++) {
        const struct past_probe *p = nth(h, i);
        found = p && (id ? p->id == id
                         : streq(p->target, shown) && (!module || streq(p->module, module)));
        if (found)
            give(p, a, true, out);
    }
    pthread_mutex_unlock(&h->lock);
    return found;
}
