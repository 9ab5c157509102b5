/* belfry maintenance: when what does not ring. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/resource.h"

#define PATH "/api/v1/maintenances"

static const char help[] =
    "usage: belfry maintenance VERB …\n\n"
    "  ls\n"
    "  add key=value …|JSON   e.g. title=upgrade groups='[\"payments\"]' starts_at=2026-11-21T01:00:00+08:00 ends_at=…\n"
    "                         each week: schedule='{\"kind\":\"weekly\",\"days\":[\"sat\"],\"from\":\"22:00\",\"to\":\"02:00\"}'\n"
    "  end ID                 over now\n"
    "  rm  ID\n\n"
    "options: -c FILE, --server URL, --token T, --json\n";

static int ls(struct session *s, char **words, int n)
{
    static const struct column columns[] = {
        {"ID", "id"},
        {"TITLE", "title"},
        {"ACTIVE", "active"},
        {"NEXT", "next_starts_at"},
        {"ENDS", "next_ends_at"},
        {"GROUPS", "groups"},
        {"TARGETS", "target_ids"},
        {0},
    };
    (void)words;
    (void)n;
    return list_items(s, PATH "?limit=1000", columns);
}

static int end(struct session *s, char **words, int n)
{
    char now[RFC3339_SIZE];
    struct node *body = node_map(s->arena);
    (void)n;
    node_put(body, s->arena, "ends_at", node_text(s->arena, time_format(clock_wall_ms(), now)));
    return do_call(s, "PATCH", arena_printf(s->arena, PATH "/%s", words[0]), body, "ended");
}

/* Titles need not be unique, so that an id is wanted. */
static int rm(struct session *s, char **words, int n)
{
    (void)n;
    return do_call(s, "DELETE", arena_printf(s->arena, PATH "/%s", words[0]), NULL, "removed");
}

int cmd_maintenance(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"ls", "", 0, ls}, {"add", "", 1, item_add}, {"end", "", 1, end}, {"rm", "", 1, rm}, {0},
    };
    return run_verb(argc, argv, help, PATH, verbs);
}
