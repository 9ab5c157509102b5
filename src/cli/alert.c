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
    (void)words;
    (void)n;
    return list_page(s, PATH "?limit=100", columns);
}

int cmd_alert(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, ls},
        {"history", "", 0, history},
        {"show", "", 1, item_show},
        {0},
    };
    return run_verb(argc, argv, help, PATH, verbs);
}
