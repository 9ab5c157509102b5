/* belfry rule check: what is wrong with rule files, and what looks wrong. */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "cli/cli.h"
#include "cli/rule_lint.h"
#include "cli/rule_priv.h"

static void count_rules(const struct rule_set *set, const char *file)
{
    uint32_t alerts = 0, records = 0, groups = 0;
    for (uint32_t g = 0; g < set->n_groups; g++) {
        if (!streq(set->groups[g].file, file))
            continue;
        groups++;
        for (uint32_t i = 0; i < set->groups[g].n_rules; i++)
            *(set->groups[g].rules[i].kind == RULE_ALERT ? &alerts : &records) += 1;
    }
    printf("%s\n  SUCCESS: %u rules found in %u groups: %u alerts, %u recorded\n", file,
           alerts + records, groups, alerts, records);
}

/* Prints the findings; how many there are. */
static size_t lint(const struct rule_set *set, struct client *client, struct arena *a)
{
    struct lint_findings found = {.arena = a};
    struct lint_facts *facts = lint_facts_new(client, set);
    lint_rules(set, facts, &found);
    vec_each (&found.list, f)
        printf("%s:%u:%u: warning: %s [%s]\n", f->file, f->at.line, f->at.column, f->text, f->name);
    if (!lint_facts_asked(facts) && client != NULL)
        fprintf(stderr,
                "no running Belfry was asked, so series and labels were not looked at: %s\n",
                lint_facts_problem(facts) != NULL ? lint_facts_problem(facts) : "");
    size_t n = found.list.n;
    vec_done(&found.list);
    lint_facts_free(facts);
    return n;
}

/* NULL: the rules are judged by themselves. */
static struct client *open_client(const struct client_args *args, bool offline)
{
    struct err err;
    struct client *c = offline ? NULL : client_open(args, &err);
    if (c == NULL && !offline)
        fprintf(stderr,
                "no running Belfry was asked, so series and labels were not looked at: %s\n",
                err.msg);
    return c;
}

static int check(struct client_args *args, bool no_lint, bool offline, bool strict)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct rule_defaults defaults = {.interval_ms = 60000, .experimental = true};
    size_t n = (size_t)args->argc - 2;
    struct rule_set *set = rule_set_load((const char *const *)(args->argv + 2), n, &defaults, &p);
    int status = EXIT_GOOD;
    if (set == NULL) {
        problems_print(&p);
        status = EXIT_BAD;
    } else {
        for (size_t i = 0; i < n; i++)
            count_rules(set, args->argv[i + 2]);
        struct client *c = no_lint ? NULL : open_client(args, offline);
        if (!no_lint && lint(set, c, a) > 0 && strict)
            status = EXIT_BAD;
        client_close(&c);
    }
    rule_set_unref(&set);
    problems_done(&p);
    arena_free(a);
    return status;
}

int rule_check_main(struct client_args *args)
{
    bool no_lint = args_take_flag(args, "--no-lint");
    bool offline = args_take_flag(args, "--offline");
    bool strict = args_take_flag(args, "--strict");
    if (args_unknown(args))
        return EXIT_USAGE;
    if (args->argc < 3) {
        fputs("belfry rule check: which FILE?\n", stderr);
        return EXIT_USAGE;
    }
    return check(args, no_lint, offline, strict);
}
