/* What `belfry agent` was told, as its uplink finds it: DATA/agent.json, 0600, written by the command at each start. The warden
 * passes only its path on, so that neither ps nor an environment shows the token. */
#ifndef APP_AGENT_SETTINGS_H
#define APP_AGENT_SETTINGS_H

#include "config/option.h"

#define AGENT_WATCHER_KEY  "agent.0" /* the one watcher: its files */
#define AGENT_WATCHER_NAME "agent/0"

struct agent_settings {
    const char *server;     /* "https://monitor.example.com", without a slash at the end */
    const char *token;      /* "" with token_file */
    const char *token_file; /* read at the start, and again when the server refuses the token */
    const char *ca_file;    /* "": the system's certificates */
    const char *proxy;      /* "": none */
    int64_t buffer;         /* bytes of the ring */
    int64_t max_in_flight;  /* probes at once */
    bool allow_exec;
};
extern const struct option agent_options[];

/* Binds, and checks what the table cannot. Strings in a. */
bool agent_settings_bind(const struct node *doc, struct arena *a, struct agent_settings *out,
                         struct problems *p);
int agent_settings_read(const char *path, struct arena *a, struct agent_settings *out,
                        struct err *err);
/* The token to be sent, in a; NULL: the file cannot be read, or there is nothing in it. */
const char *agent_token(const struct agent_settings *s, struct arena *a, struct err *err);
/* The proxy that the environment names for this server (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), "" none. Borrowed. */
const char *agent_proxy_of_environment(const char *server, struct arena *a);
/* http:// to another machine: the token and the targets' secrets travel readable. */
bool agent_is_readable(const char *server, struct arena *a);

#endif
