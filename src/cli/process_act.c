/* belfry process start|stop|restart|…: what is done to processes, and waiting until they came to rest.
 *
 * The waiting is done here, by asking again, and not in the server, whose threads are few: so a hundred of them can be
 * waited for, and each is reported as soon as it is there. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/process_priv.h"

#define LOOK_MS       60
#define LOOK_MANY_MS  250
#define LOOK_EACH_MAX 8 /* more are looked at by the list */
#define TAIL_LINES    5

const char *process_path(struct session *s, const char *id, const char *tail)
{
    must(tail[0] == '\0' || tail[0] == '/');
    struct buf q = BUF_INIT(4096);
    url_encode(&q, str_of(id));
    const char *path =
        arena_printf(s->arena, PROCESS_PATH "/%.*s%s", (int)q.len, q.data ? q.data : "", tail);
    buf_done(&q);
    return path;
}

static const struct process_flags *flags_of(struct session *s)
{
    must(s->own != NULL);
    return s->own;
}

/* --- what came of it --- */

static void report(struct session *s, const struct node *item, enum process_rest rest)
{
    if (s->args.json) {
        print_json(item);
        return;
    }
    const char *status = field_text(item, "status", s->arena);
    const char *line = process_line(item, s->arena);
    printf("%s%s%s\n", colour_begin(status), line, colour_end());
    if (rest == REST_BAD)
        process_print_tail(s, process_id(item), TAIL_LINES);
    fflush(stdout);
}

/* One that is awaited. */
struct awaited {
    const char *id;
    const struct node *item; /* as it was seen last */
    bool done;
};

static int look_again(struct session *s, struct awaited *w)
{
    struct err err = {0};
    struct node *answer = NULL;
    if (client_call(s->client, "GET", process_path(s, w->id, ""), NULL, s->arena, &answer, &err) !=
        0)
        return client_fail(&err);
    w->item = answer;
    return EXIT_GOOD;
}

/* Reports those that came to rest; *left counts the others. */
static int sweep(struct session *s, const char *verb, struct awaited *at, size_t n, size_t *left)
{
    int status = EXIT_GOOD;
    must(verb && (at || n == 0));
    *left = 0;
    for (size_t i = 0; i < n; i++) {
        enum process_rest rest = at[i].done ? REST_GOOD : process_rest(at[i].item, verb);
        if (rest != REST_NOT_YET && !at[i].done) {
            at[i].done = true;
            report(s, at[i].item, rest);
            status = rest == REST_BAD ? EXIT_BAD : status;
        }
        *left += !at[i].done;
    }
    return status;
}

static int look_at_each(struct session *s, struct awaited *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int status = at[i].done ? EXIT_GOOD : look_again(s, &at[i]);
        if (status == EXIT_UNREACHED)
            return status;
        at[i].done = at[i].done || status != EXIT_GOOD; /* removed meanwhile: told */
    }
    return EXIT_GOOD;
}

/* Many are looked at by the list. It has them in the order of `at`, so that each is found behind the one before. */
static int look_at_list(struct session *s, struct awaited *at, size_t n)
{
    process_list all = {0};
    int status = process_fetch(s, "", &all);
    size_t from = 0;
    for (size_t i = 0; i < n && status == EXIT_GOOD; i++) {
        size_t k = from;
        while (k < all.n && !streq(process_id(all.at[k]), at[i].id))
            k++;
        must(from <= k && k <= all.n);
        if (k < all.n) {
            at[i].item = all.at[k];
            from = k + 1;
        } else {
            at[i].done = true; /* removed meanwhile */
        }
    }
    vec_done(&all);
    return status;
}

/* What is seen lives in an arena of its own, so that long waiting takes no memory. */
static int look(struct session *s, struct awaited *at, size_t n, size_t left, struct arena **seen)
{
    must(left > 0 && left <= n);
    struct arena *before = *seen, *kept = s->arena;
    bool many = left > LOOK_EACH_MAX;
    long ms = many ? LOOK_MANY_MS : LOOK_MS;
    nanosleep(&(struct timespec){.tv_nsec = ms * NS_PER_MS}, NULL);
    s->arena = *seen = arena_new();
    int status = many ? look_at_list(s, at, n) : look_at_each(s, at, n);
    s->arena = kept;
    arena_free(before);
    return status;
}

static int not_in_time(struct session *s, const struct awaited *at, size_t n)
{
    int status = EXIT_GOOD;
    for (size_t i = 0; i < n; i++) {
        if (at[i].done)
            continue;
        report(s, at[i].item, REST_NOT_YET);
        fprintf(stderr, "belfry: %s: not at rest in time; it goes on\n", at[i].id);
        status = EXIT_BAD;
    }
    return status;
}

static int await_rest(struct session *s, const char *verb, struct awaited *at, size_t n)
{
    int64_t end = clock_mono_ns() + flags_of(s)->timeout_ms * NS_PER_MS;
    struct arena *seen = NULL;
    size_t left;
    int reached = EXIT_GOOD, status = sweep(s, verb, at, n, &left);
    while (left > 0 && clock_mono_ns() < end && reached == EXIT_GOOD) {
        reached = look(s, at, n, left, &seen);
        if (reached != EXIT_GOOD)
            break; /* the items are of a look before */
        int rest = sweep(s, verb, at, n, &left);
        status = rest != EXIT_GOOD ? rest : status;
    }
    if (reached == EXIT_GOOD && left > 0)
        status = not_in_time(s, at, n);
    arena_free(seen);
    return reached != EXIT_GOOD ? reached : status;
}

/* --- many at once --- */

static struct node *ids_of(struct session *s, const process_list *list)
{
    struct node *body = node_map(s->arena), *ids = node_list(s->arena);
    must(list->n > 0);
    vec_each (list, it)
        node_append(ids, node_text(s->arena, process_id(*it)));
    node_put(body, s->arena, "ids", ids);
    return body;
}

static int print_failed(struct session *s, const struct node *answer)
{
    const struct node *failed = node_get(answer, "failed");
    for (const struct node *n = failed ? failed->first : NULL; n; n = n->next)
        fprintf(stderr, "belfry: %s: %s\n", field_text(n, "id", s->arena),
                field_text(n, "message", s->arena));
    return failed && failed->first ? EXIT_BAD : EXIT_GOOD;
}

static int after_command(struct session *s, const char *verb, const struct node *answer)
{
    const struct node *items = node_get(answer, "items");
    size_t n = 0;
    int status = print_failed(s, answer);
    struct awaited *at = arena_array_of(s->arena, struct awaited, (items ? items->count : 0) + 1);
    for (const struct node *i = items ? items->first : NULL; i; i = i->next)
        at[n++] = (struct awaited){.id = process_id(i), .item = i};
    must(n == (items ? items->count : 0));
    if (!flags_of(s)->no_wait) {
        int rest = await_rest(s, verb, at, n);
        return rest != EXIT_GOOD ? rest : status;
    }
    for (size_t i = 0; i < n; i++)
        report(s, at[i].item, REST_NOT_YET);
    return status;
}

static int command(struct session *s, const char *verb, const process_list *list)
{
    struct err err = {0};
    struct node *answer = NULL;
    const char *path = arena_printf(s->arena, PROCESS_PATH "/%s", verb);
    must(list->n > 0);
    if (client_call(s->client, "POST", path, ids_of(s, list), s->arena, &answer, &err) != 0)
        return client_fail(&err);
    return after_command(s, verb, answer);
}

/* One after the other; the first that does not come up ends it, so that a bad version stops one program and not all. */
static int rolling(struct session *s, const char *verb, const process_list *list)
{
    must(verb && list->n > 0);
    for (size_t i = 0; i < list->n; i++) {
        process_list one = {.at = &list->at[i], .n = 1, .cap = 1};
        int status = command(s, verb, &one);
        if (status == EXIT_GOOD)
            continue;
        fprintf(stderr, "belfry: stopped at %s; %zu left as they were\n", process_id(list->at[i]),
                list->n - i - 1);
        return status;
    }
    return EXIT_GOOD;
}

static int act(struct session *s, char **words, int n, const char *verb)
{
    process_list list = {0};
    int status = process_choose(s, words, n, &list);
    if (status == EXIT_GOOD)
        status = flags_of(s)->rolling ? rolling(s, verb, &list) : command(s, verb, &list);
    vec_done(&list);
    return status;
}

int process_start(struct session *s, char **words, int n)
{
    return act(s, words, n, "start");
}

int process_stop(struct session *s, char **words, int n)
{
    return act(s, words, n, "stop");
}

int process_restart(struct session *s, char **words, int n)
{
    return act(s, words, n, "restart");
}

/* --- one after the other, nothing to wait for --- */

static int post_each(struct session *s, char **words, int n, const char *tail, const char *done)
{
    process_list list = {0};
    must(tail[0] == '/');
    int status = process_choose(s, words, n, &list);
    vec_each (&list, it) {
        struct err err = {0};
        struct node *answer = NULL;
        const char *id = process_id(*it);
        if (client_call(s->client, "POST", process_path(s, id, tail), NULL, s->arena, &answer,
                        &err) != 0) {
            err_prefix(&err, "%s", id);
            status = client_fail(&err);
        } else if (s->args.json) {
            print_json(answer);
        } else {
            printf("%s: %s\n", id, done);
        }
    }
    vec_done(&list);
    return status;
}

int process_reset(struct session *s, char **words, int n)
{
    return post_each(s, words, n, "/reset", "reset");
}

int process_enable(struct session *s, char **words, int n)
{
    return post_each(s, words, n, "/enable", "monitor on");
}

int process_disable(struct session *s, char **words, int n)
{
    return post_each(s, words, n, "/disable", "monitor off");
}

int process_signal(struct session *s, char **words, int n)
{
    struct buf tail = BUF_INIT(4096);
    must(n >= 2); /* the verb's table */
    buf_puts(&tail, "/signal?signal=");
    url_encode(&tail, str_of(words[0]));
    const char *path = arena_strndup(s->arena, tail.data, tail.len);
    buf_done(&tail);
    return post_each(s, words + 1, n - 1, path, arena_printf(s->arena, "sent %s", words[0]));
}
