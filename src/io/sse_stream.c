/* What waits for one stream of server-sent events: messages, shared with other streams, in a queue with a bound; who wants and
 * may see one; and its bytes on their way out. Called by sse.c under the hub's lock. */
#include "io/sse_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sse__event_text(struct buf *b, uint64_t id, const char *event, const char *json, size_t n)
{
    if (event == NULL) {
        buf_puts(b, ":\n\n");
        return;
    }
    buf_puts(b, "id: ");
    buf_add_u64(b, id);
    buf_puts(b, "\nevent: ");
    buf_puts(b, event);
    while (n > 0) { /* a line end in the data starts another data line */
        const char *nl = memchr(json, '\n', n);
        size_t part = nl != NULL ? (size_t)(nl - json) : n;
        buf_puts(b, "\ndata: ");
        buf_add(b, json, part);
        part += nl != NULL;
        json += part;
        n -= part;
    }
    buf_puts(b, "\n\n");
}

struct message *sse__message_new(const struct buf *text, const struct sse_about *about,
                                 const char *event)
{
    struct message *m = calloc(1, sizeof(*m) + text->len + 1);
    must(m != NULL);
    memcpy(m->text, text->data, text->len);
    m->len = text->len;
    m->subject = about->subject;
    m->subjects_only = about->subjects_only;
    m->grouped = about->group != NULL;
    snprintf(m->kind, sizeof(m->kind), "%s", event != NULL ? event : "");
    snprintf(m->group, sizeof(m->group), "%s", m->grouped ? about->group : "");
    return m;
}

void sse__message_drop(struct message *m)
{
    must(m->refs > 0);
    if (--m->refs == 0) {
        free(m);
    }
}

void sse__wake(struct sse_stream *s)
{
    if (s->suspended) {
        s->suspended = false;
        MHD_resume_connection(s->conn);
    }
}

void sse__queue_clear(struct sse_stream *s)
{
    for (size_t i = s->at; i < s->queue.n; i++) {
        sse__message_drop(s->queue.at[i]);
    }
    vec_done(&s->queue);
    s->at = s->sent = s->queued = 0;
}

void sse__queue_put(struct sse_stream *s, struct message *m)
{
    if (s->queued + m->len > SSE_STREAM_MAX) {
        s->ended = true;
        return;
    }
    if (s->at > 64 && s->at * 2 > s->queue.n) { /* what was sent makes room */
        memmove(s->queue.at, s->queue.at + s->at, (s->queue.n - s->at) * sizeof(*s->queue.at));
        s->queue.n -= s->at;
        s->at = 0;
    }
    vec_push(&s->queue, m);
    m->refs++;
    s->queued += m->len;
}

static bool in_list(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)) != NULL; p += n) {
        if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool may_see(const struct sse_filter *f, const struct message *m)
{
    if (f->groups == NULL || m->kind[0] == '\0') {
        return true;
    }
    if (!m->grouped) { /* of no group: whoever is limited to groups does not see it */
        return f->groups_hidden || strcmp(m->kind, "config") == 0;
    }
    for (char **g = f->groups; *g != NULL; g++) {
        if (strcmp(*g, m->group) == 0) {
            return !f->groups_hidden;
        }
    }
    return f->groups_hidden;
}

void sse__offer(struct sse_stream *s, struct message *m)
{
    bool wanted = m->kind[0] == '\0' || s->want.kinds == NULL || in_list(s->want.kinds, m->kind);
    if (s->ended || !wanted || !may_see(&s->want, m)) {
        return;
    }
    sse__queue_put(s, m);
    sse__wake(s);
}

size_t sse__queue_take(struct sse_stream *s, char *out, size_t max)
{
    size_t given = 0;
    must(s->at <= s->queue.n);
    while (given < max && s->at < s->queue.n) {
        struct message *m = s->queue.at[s->at];
        size_t part = m->len - s->sent < max - given ? m->len - s->sent : max - given;
        memcpy(out + given, m->text + s->sent, part);
        given += part;
        must(part <= s->queued && s->sent + part <= m->len);
        s->sent += part;
        s->queued -= part;
        if (s->sent == m->len) {
            sse__message_drop(m);
            s->at++;
            s->sent = 0;
        }
    }
    if (s->at == s->queue.n) {
        s->at = s->queue.n = 0;
    }
    return given;
}

static void filter_done(struct sse_filter *f)
{
    for (char **g = f->groups; g != NULL && *g != NULL; g++) {
        free(*g);
    }
    free(f->groups);
    free(f->subjects);
    free(f->kinds);
    free(f->guest);
    *f = (struct sse_filter){0};
}

void sse__stream_free(struct sse_stream *s)
{
    sse__queue_clear(s);
    filter_done(&s->want);
    free(s);
}
