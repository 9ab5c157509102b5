/* belfry alert: what is firing, and what was. */
#include "cli/cli.h"
#include "cli/resource.h"

#define PATH "/api/v1/alerts"

static const char help[] = "usage: belfry alert ls|history|show ID\n\n"
                           "  ls       what is firing now\n"
                           "  history  the last 100, resolved ones too\n"
                           "  show ID  one with its deliveries, as JSON\n\n"
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
    struct err err = {0};
    struct node *answer = NULL;
    const char *titles[array_len(columns)] = {0}, *cells[array_len(columns)] = {0};
    (void)words;
    (void)n;
    if (client_call(s->client, "GET", PATH "?limit=100", NULL, s->arena, &answer, &err) != 0)
        return client_fail(&err);
    for (size_t i = 0; columns[i].title; i++)
        titles[i] = columns[i].title;
    struct table *t = table_new(s->arena, titles);
    const struct node *items = node_get(answer, "items");
    for (const struct node *item = items ? items->first : NULL; item; item = item->next) {
        for (size_t i = 0; columns[i].title; i++)
            cells[i] = field_text(item, columns[i].field, s->arena);
        if (s->args.json)
            print_json(item);
        else
            table_row(t, cells);
    }
    if (!s->args.json)
        table_print(t);
    return EXIT_GOOD;
}

static int show(struct session *s, char **words, int n)
{
    const struct node *a = find_item(s, PATH, words[0]);
    (void)n;
    if (a)
        print_json(a);
    return a ? EXIT_GOOD : EXIT_BAD;
}

int cmd_alert(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, ls},
        {"history", "", 0, history},
        {"show", "", 1, show},
        {0},
    };
    return run_verb(argc, argv, help, verbs);
}
