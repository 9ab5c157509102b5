/* The commands that talk to a running Belfry, probe once, or work on files. Each is one function; app/main.c lists them.
 *
 * A command gets its own argc/argv (argv[0] is its name) and returns the exit status of CONTRACT.md: 0 good, 1 the thing
 * asked about is bad, 2 wrong usage, 3 Belfry cannot be reached. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2, EXIT_UNREACHED = 3 };

struct command {
    const char *name;
    const char *args;    /* "ls|show|add …" */
    const char *summary; /* one line */
    int (*run)(int argc, char **argv);
};

int cmd_check(int argc, char **argv);   /* check.c: probe once */
int cmd_config(int argc, char **argv);  /* config.c: check, show, doc */
int cmd_target(int argc, char **argv);  /* target.c */
int cmd_user(int argc, char **argv);    /* user.c: accounts */
int cmd_token(int argc, char **argv);   /* user.c: what programs sign in with */
int cmd_channel(int argc, char **argv); /* channel.c: ls, add, rm, test, enable, disable, preview */
int cmd_alert(int argc, char **argv);   /* alert.c */
int cmd_silence(int argc, char **argv); /* silence.c */
int cmd_report(int argc, char **argv);  /* report.c: uptime over a span */
int cmd_maintenance(int argc, char **argv);
int cmd_process(int argc, char **argv); /* process.c: supervised programs */
int cmd_upgrade(int argc, char **argv); /* upgrade.c: POST /api/v1/upgrade */
int cmd_import(int argc, char **argv);  /* import.c */
int cmd_metrics(int argc, char **argv); /* metrics.c: check a text of metrics */
int cmd_apply(int argc, char **argv);   /* apply.c: targets and channels as a file says */
int cmd_export(int argc, char **argv);  /* apply.c: such a file */
int cmd_key(int argc, char **argv);     /* key.c */
int cmd_backup(int argc, char **argv);  /* backup.c: everything as one file */
int cmd_restore(int argc, char **argv); /* restore.c: and back */
int cmd_audit(int argc, char **argv);   /* audit.c: who changed what */
int cmd_query(int argc, char **argv);   /* query.c: PromQL */
int cmd_rule(int argc, char **argv);    /* rule.c: check, test, backtest */
int cmd_reload(int argc, char **argv);  /* reload.c: POST /-/reload, prints the problems */

#endif
