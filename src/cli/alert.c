/* belfry alert: what is firing, what was, and who looks after it. */
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/resource.h"

#define PATH "/api/v1/alerts"

static const char help[] =
    "usage: belfry alert VERB …\n\n"
    "  ls                what is firing now\n"
    "  history           the last 100, resolved ones too\n"
    "  show ID           one with its deliveries and what keeps it quiet, as JSON\n"
    "  ack ID [WORDS…]   you look after it: no reminders until it is over\n"
    "  unack ID\n"
    "  silence ID DURATION [WORDS…]   e.g. 2h\n\n"
    "options: -c FILE, --server URL, --token T, --json\n";

static const struct column columns[] = {
    {"ID", "id"},
    {"STATUS", "status"},
    {"GROUP", "group"},
    {"TARGET", "target_name"},
    {"FIRED", "fired_at"},
    {"RESOLVED", "resolved_at"},
    {"SUPPRESSED", "suppressed"},
    {"MESSAGE", "message"},
    {0},
};

static int ls(struct session *s, char **words, int n)
{
    (void)words;
    (void)n;
    return list_items(s, PATH "?status=firing&limit=1000", columns);
}

static int history(struct session *s, char **words, int n)
{
    (void)words;
    (void)n;
    return list_page(s, PATH "?limit=100", columns);
}

/* The words with a space between them. */
static void put_words(struct session *s, struct node *body, const char *key, char **words, int n)
{
    struct buf text = BUF_INIT(4096);
    for (int i = 0; i < n; i++)
        buf_printf(&text, "%s%s", i ? " " : "", words[i]);
    if (n > 0 && !text.failed)
        node_put(body, s->arena, key,
                 node_text(s->arena, arena_strndup(s->arena, text.data, text.len)));
    buf_done(&text);
}

static int act(struct session *s, const char *method, const char *id, const char *tail,
               const struct node *body, const char *done)
{
    return do_call(s, method, arena_printf(s->arena, PATH "/%s/%s", id, tail), body, done);
}

static int ack(struct session *s, char **words, int n)
{
    struct node *body = node_map(s->arena);
    put_words(s, body, "note", words + 1, n - 1);
    return act(s, "POST", words[0], "ack", body, "acknowledged");
}

static int unack(struct session *s, char **words, int n)
{
    (void)n;
    return act(s, "DELETE", words[0], "ack", NULL, "no longer acknowledged");
}

static int silence(struct session *s, char **words, int n)
{
    struct node *body = node_map(s->arena);
    node_put(body, s->arena, "duration", node_text(s->arena, words[1]));
    put_words(s, body, "comment", words + 2, n - 2);
    return act(s, "POST", words[0], "silence", body, "silenced");
}

int cmd_alert(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, ls},
        {"history", "", 0, history},
        {"show", "", 1, item_show},
        {"ack", "", 1, ack},
        {"unack", "", 1, unack},
        {"silence", "", 2, silence},
        {0},
    };
    return run_verb(argc, argv, help, PATH, verbs);
}
