/* belfry process: supervised programs. Here: what shows them and what changes their documents; process_act.c does things
 * to them, process_log.c prints what they printed. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/process_priv.h"

static const char help[] =
    "usage: belfry process VERB [ID|PATTERN|all …] [OPTIONS]\n\n"
    "  ls      [ID …]            all programs and their state\n"
    "  status  [ID …]            those that are not well, and statistics; exit status 1 when there are some\n"
    "  show    ID …              everything about them, as JSON\n"
    "  start   ID …              and wait until they run, or say why not\n"
    "  stop    ID …\n"
    "  restart ID …              --rolling: one after the other, the first failure ends it\n"
    "  reset   ID …              forgive their failures: a fatal one starts again\n"
    "  enable  ID …              switch their monitor on\n"
    "  disable ID …              off: a crash is told, nothing is restarted\n"
    "  signal  SIGNAL ID …       e.g. HUP\n"
    "  log     ID …              -n LINES, -f, -t, --since TIME, --stream stdout|stderr, --contains TEXT\n"
    "  history ID                its ends and how it went on; -n COUNT, --all with each change of state\n"
    "  add     key=value …|JSON [-- COMMAND …]   e.g. id=web user=nobody -- /usr/bin/web --port 80\n"
    "  set     ID key=value …|JSON               change some fields\n"
    "  rm      ID …              stop and remove programs that were added by hand\n\n"
    "A pattern ('worker-*') or `all` means several. start, stop, restart wait 30 s (--timeout 2m, --no-wait).\n\n"
    "options: --status S, --type T (ls); -c FILE, --server URL, --token T, --json\n";

/* --- choosing --- */

int process_fetch(struct session *s, const char *query, process_list *out)
{
    must(out->n == 0 && (query[0] == '\0' || query[0] == '&'));
    const char *cursor = "";
    do {
        struct err err = {0};
        struct node *answer = NULL;
        const char *path = arena_printf(s->arena, PROCESS_PATH "?limit=1000%s%s%s", query,
                                        *cursor ? "&cursor=" : "", cursor);
        if (client_call(s->client, "GET", path, NULL, s->arena, &answer, &err) != 0)
            return client_fail(&err);
        const struct node *items = node_get(answer, "items");
        for (const struct node *i = items ? items->first : NULL; i; i = i->next)
            vec_push(out, i);
        cursor = field_text(answer, "next", s->arena);
    } while (*cursor);
    return EXIT_GOOD;
}

static bool word_fits(struct session *s, const char *word, const struct node *item)
{
    const char *id = process_id(item), *template = field_text(item, "template", s->arena);
    return streq(word, id) || (*template && streq(word, template)) || streq(word, "all") ||
           (strpbrk(word, "*?[") && fnmatch(word, id, 0) == 0);
}

static int tell_nearest(const char *word, const process_list *all)
{
    vec_of(const char *) ids = {0};
    vec_each (all, it)
        vec_push(&ids, process_id(*it));
    const char *near = str_nearest(word, ids.at, ids.n);
    fprintf(stderr, "belfry: no process \"%s\"%s%s%s\n", word, near ? "; did you mean \"" : "",
            near ? near : "", near ? "\"?" : "");
    vec_done(&ids);
    return EXIT_BAD;
}

static int choose_from(struct session *s, const process_list *all, char **words, int n,
                       process_list *out)
{
    bool *used = arena_array_of(s->arena, bool, n + 1);
    must(out->n == 0);
    vec_each (all, it) {
        bool fits = n == 0;
        for (int i = 0; i < n; i++)
            if (word_fits(s, words[i], *it))
                used[i] = fits = true;
        if (fits)
            vec_push(out, *it);
    }
    for (int i = 0; i < n; i++)
        if (!used[i])
            return tell_nearest(words[i], all);
    return EXIT_GOOD;
}

int process_choose(struct session *s, char **words, int n, process_list *out)
{
    process_list all = {0};
    must(n > 0);
    int status = process_fetch(s, "", &all);
    if (status == EXIT_GOOD)
        status = choose_from(s, &all, words, n, out);
    vec_done(&all);
    return status;
}

/* --- showing --- */

static const char *percent(struct session *s, double value)
{
    return value > 0 ? arena_printf(s->arena, "%.1f%%", value) : "-";
}

static void add_row(struct session *s, struct table *t, const struct node *item)
{
    struct arena *a = s->arena;
    double pid = field_num(item, "pid");
    table_row(t, (const char *const[]){
                     process_id(item),
                     field_text(item, "status", a),
                     pid > 0 ? arena_printf(a, "%.0f", pid) : "-",
                     human_seconds(field_num(item, "uptime_seconds"), a),
                     field_text(item, "restarts", a),
                     percent(s, pid > 0 ? field_num(item, "cpu_percent") : 0),
                     human_bytes(pid > 0 ? field_num(item, "rss_bytes") : 0, a),
                     field_text(item, "type", a),
                     process_note(item, a),
                 });
}

static void print_list(struct session *s, const process_list *list)
{
    static const char *const columns[] = {"ID",  "STATUS", "PID",  "UPTIME",  "RESTARTS",
                                          "CPU", "MEMORY", "TYPE", "MESSAGE", NULL};
    struct table *t = table_new(s->arena, columns);
    vec_each (list, it)
        if (s->args.json)
            print_json(*it);
        else
            add_row(s, t, *it);
    if (!s->args.json)
        table_print(t);
}

static const char *list_query(struct session *s)
{
    const struct process_flags *f = s->own;
    struct buf q = BUF_INIT(4096);
    if (f->status) {
        buf_puts(&q, "&status=");
        url_encode(&q, str_of(f->status));
    }
    if (f->type) {
        buf_puts(&q, "&type=");
        url_encode(&q, str_of(f->type));
    }
    const char *text = arena_strndup(s->arena, q.data ? q.data : "", q.len);
    buf_done(&q);
    return text;
}

static int ls(struct session *s, char **words, int n)
{
    process_list all = {0}, list = {0};
    int status = process_fetch(s, list_query(s), &all);
    if (status == EXIT_GOOD)
        status = choose_from(s, &all, words, n, &list);
    if (list.n > 0 || status == EXIT_GOOD)
        print_list(s, &list);
    vec_done(&all);
    vec_done(&list);
    return status;
}

static bool is_well(struct session *s, const struct node *item)
{
    const char *status = field_text(item, "status", s->arena);
    const struct node *health = node_get(item, "health");
    bool ill = health && streq(field_text(health, "status", s->arena), "failing");
    return !ill &&
           (streq(status, "running") || streq(status, "ready") || streq(status, "stopped") ||
            streq(status, "starting") || streq(status, "stopping"));
}

static void print_totals(struct session *s, const struct node *stats)
{
    struct arena *a = s->arena;
    const struct node *counts = node_get(stats, "status_count");
    printf("%s programs", field_text(stats, "total_processes", a));
    for (const struct node *c = counts ? counts->first : NULL; c; c = c->next)
        if (c->kind == NODE_INT && c->num > 0)
            printf(", %lld %.*s", (long long)c->num, (int)c->key.n, c->key.p);
    printf("; monitor on for %s\n", field_text(stats, "enabled_processes", a));
    const char *last = field_text(stats, "last_check_time", a);
    printf("%s checks%s%s; %s restarts, %s succeeded, %s failed\n",
           field_text(stats, "total_checks", a), *last ? ", the last at " : "", last,
           field_text(stats, "total_restarts", a), field_text(stats, "success_restarts", a),
           field_text(stats, "failed_restarts", a));
}

static int print_status(struct session *s)
{
    struct err err = {0};
    struct node *stats = NULL;
    if (client_call(s->client, "GET", PROCESS_PATH "/status", NULL, s->arena, &stats, &err) != 0)
        return client_fail(&err);
    if (s->args.json)
        print_json(stats);
    else
        print_totals(s, stats);
    return EXIT_GOOD;
}

static int status_of(struct session *s, char **words, int n)
{
    process_list all = {0}, list = {0}, ill = {0};
    int status = process_fetch(s, "", &all);
    if (status == EXIT_GOOD)
        status = choose_from(s, &all, words, n, &list);
    vec_each (&list, it)
        if (!is_well(s, *it))
            vec_push(&ill, *it);
    if (status == EXIT_GOOD && n == 0)
        status = print_status(s);
    must(ill.n <= list.n && list.n <= all.n);
    const process_list *shown = n > 0 ? &list : &ill;
    if (shown->n > 0 && (n > 0 || !s->args.json))
        print_list(s, shown);
    if (status == EXIT_GOOD && ill.n > 0)
        status = EXIT_BAD;
    vec_done(&all);
    vec_done(&list);
    vec_done(&ill);
    return status;
}

static int show(struct session *s, char **words, int n)
{
    process_list list = {0};
    int status = process_choose(s, words, n, &list);
    vec_each (&list, it) {
        struct err err = {0};
        struct node *answer = NULL;
        if (client_call(s->client, "GET", process_path(s, process_id(*it), ""), NULL, s->arena,
                        &answer, &err) != 0)
            status = client_fail(&err);
        else
            print_json(answer);
    }
    vec_done(&list);
    return status;
}

/* --- history --- */

static const char *what_happened(struct session *s, const struct node *row)
{
    struct arena *a = s->arena;
    const struct node *exit = node_get(row, "exit");
    if (exit && exit->kind == NODE_MAP)
        return field_text(exit, "text", a);
    return arena_printf(a, "%s → %s", field_text(row, "from", a), field_text(row, "to", a));
}

static const char *how_it_went_on(struct session *s, const struct node *row)
{
    const struct node *restart = node_get(row, "restart");
    if (!restart || restart->kind != NODE_MAP)
        return "";
    if (!field_flag(restart, "success"))
        return "failed";
    return arena_printf(s->arena, "after %.1f s", field_num(restart, "duration_ms") / 1000);
}

/* One that ended well did not die. */
static const char *why_it_ended(struct session *s, const struct node *row)
{
    const char *cause = field_text(row, "cause", s->arena);
    return streq(cause, "died") && !field_flag(row, "failure") ? "ended" : cause;
}

static void add_event(struct session *s, struct table *t, const struct node *row)
{
    struct arena *a = s->arena;
    table_row(t, (const char *const[]){
                     field_text(row, "at", a),
                     what_happened(s, row),
                     why_it_ended(s, row),
                     human_seconds(field_num(row, "ran_seconds"), a),
                     human_bytes(field_num(row, "max_rss_bytes"), a),
                     how_it_went_on(s, row),
                     field_text(row, "reason", a),
                 });
}

static int history(struct session *s, char **words, int n)
{
    must(n >= 1); /* the verb's table */
    static const char *const columns[] = {"AT",     "WHAT",    "CAUSE",  "RAN",
                                          "MEMORY", "RESTART", "REASON", NULL};
    const struct process_flags *f = s->own;
    struct err err = {0};
    struct node *answer = NULL;
    (void)n;
    const char *query =
        arena_printf(s->arena, "/restarts?limit=%lld%s", (long long)(f->lines >= 0 ? f->lines : 20),
                     f->every ? "" : "&kind=death");
    if (client_call(s->client, "GET", process_path(s, words[0], query), NULL, s->arena, &answer,
                    &err) != 0)
        return client_fail(&err);
    struct table *t = table_new(s->arena, columns);
    const struct node *items = node_get(answer, "items");
    for (const struct node *row = items ? items->first : NULL; row; row = row->next)
        if (s->args.json)
            print_json(row);
        else
            add_event(s, t, row);
    if (!s->args.json)
        table_print(t);
    return EXIT_GOOD;
}

/* --- documents --- */

/* "key=value … -- COMMAND …" */
static struct node *document(struct session *s, char **words, int n)
{
    int k = 0;
    must(n > 0);
    while (k < n && !streq(words[k], "--"))
        k++;
    struct node *doc = words_to_map(s, words, k);
    if (!doc || k + 1 >= n)
        return doc;
    struct node *argv = node_list(s->arena);
    for (int i = k + 1; i < n; i++)
        node_append(argv, node_text(s->arena, words[i]));
    node_put(doc, s->arena, "command", argv);
    return doc;
}

static int add(struct session *s, char **words, int n)
{
    struct node *doc = document(s, words, n);
    return doc ? do_call(s, "POST", PROCESS_PATH, doc, "added") : EXIT_USAGE;
}

static int set(struct session *s, char **words, int n)
{
    must(n >= 2);
    struct node *doc = document(s, words + 1, n - 1);
    return doc ? do_call(s, "PATCH", process_path(s, words[0], ""), doc, "changed") : EXIT_USAGE;
}

static int rm(struct session *s, char **words, int n)
{
    process_list list = {0};
    int status = process_choose(s, words, n, &list);
    vec_each (&list, it) {
        const char *id = process_id(*it);
        int rc = do_call(s, "DELETE", process_path(s, id, ""), NULL,
                         arena_printf(s->arena, "%s: removed", id));
        status = rc != EXIT_GOOD ? rc : status;
    }
    vec_done(&list);
    return status;
}

/* --- the command --- */

static bool take_number(struct client_args *args, const char *name, int64_t *out)
{
    const char *text = args_take(args, name);
    if (!text || (str_to_i64(str_of(text), out, NULL) == 0 && *out >= 0))
        return true;
    fprintf(stderr, "belfry process: got %s \"%s\"; want a number\n", name, text);
    return false;
}

static bool take_flags(struct client_args *args, void *own)
{
    struct process_flags *f = own;
    const char *timeout = args_take(args, "--timeout");
    f->rolling = args_take_flag(args, "--rolling");
    f->no_wait = args_take_flag(args, "--no-wait");
    f->follow = args_take_flag(args, "-f") || args_take_flag(args, "--follow");
    f->timestamps = args_take_flag(args, "-t") || args_take_flag(args, "--timestamps");
    f->every = args_take_flag(args, "--all");
    f->since = args_take(args, "--since");
    f->stream = args_take(args, "--stream");
    f->contains = args_take(args, "--contains");
    f->status = args_take(args, "--status");
    f->type = args_take(args, "--type");
    if (timeout && (duration_parse(str_of(timeout), &f->timeout_ms, NULL) != 0)) {
        fprintf(stderr, "belfry process: got --timeout \"%s\"; want a duration such as 30s\n",
                timeout);
        return false;
    }
    return take_number(args, "-n", &f->lines) && take_number(args, "--lines", &f->lines);
}

int cmd_process(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, ls},
        {"status", "", 0, status_of},
        {"show", "", 1, show},
        {"start", "", 1, process_start},
        {"stop", "", 1, process_stop},
        {"restart", "", 1, process_restart},
        {"reset", "", 1, process_reset},
        {"enable", "", 1, process_enable},
        {"disable", "", 1, process_disable},
        {"signal", "", 2, process_signal},
        {"log", "", 1, process_log},
        {"history", "", 1, history},
        {"add", "", 1, add},
        {"set", "", 2, set},
        {"rm", "", 1, rm},
        {0},
    };
    struct process_flags flags = {.timeout_ms = 30000, .lines = -1};
    return run_verb_with(argc, argv, help, PROCESS_PATH, verbs, take_flags, &flags);
}
