/* Commands that start, stop and install Belfry itself, and the entry of its roles. */
#ifndef APP_COMMANDS_H
#define APP_COMMANDS_H

int cmd_run(int argc, char **argv);
int cmd_start(int argc, char **argv);
int cmd_agent(int argc, char **argv); /* agent.c: a warden with an uplink in the core's place */
int cmd_stop(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_upgrade_any(int argc, char **argv); /* of this machine, or with --server */
int cmd_install(int argc, char **argv);
int cmd_uninstall(int argc, char **argv);

/* argv[0] is "--role=NAME". */
int run_role(const char *role, int argc, char **argv);

#endif
