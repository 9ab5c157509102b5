/* Who may enter, as the file says it: the section `access` of belfry.yaml. What is made of it: access/access.h. */
#ifndef CONFIG_ACCESS_H
#define CONFIG_ACCESS_H

#include "config/option.h"

/* Sign-in by OpenID Connect; off while issuer is "". */
struct config_oidc {
    const char *issuer; /* "https://id.example.com/realms/main", without a slash at the end */
    const char *client_id, *client_secret;
    const char *label;        /* on the page's button */
    struct str_list scopes;   /* "openid" is always asked for */
    const char *role_claim;   /* "groups", "realm_access.roles" */
    const char *name_claim;   /* "preferred_username" */
    struct pair_list roles;   /* value of the claim → role; the highest counts */
    const char *default_role; /* of those whom no value of the claim gives one; "none" refuses */
    const char *redirect_uri; /* "": public_url/api/v1/oidc/callback */
    const char *ca_file;      /* absolute; "": the system's */
};

/* Sign-in by a proxy that has done it; off while header is "". */
struct config_proxy {
    struct str_list from;     /* CIDR: whose X-Forwarded-For and header are believed */
    const char *header;       /* "X-Forwarded-User" */
    const char *role;         /* of everybody who comes so, unless roles_header says another */
    const char *roles_header; /* "X-Forwarded-Groups": comma-separated */
    struct pair_list roles;   /* value there → role */
};

struct config_access {
    int64_t session_idle_ms, session_max_ms;
    int64_t audit_keep_ms;
    struct config_oidc oidc;
    struct config_proxy proxy;
};

/* Who may speak for a location (core/location.h), beside tokens of scope `agent`: a row of `locations`. */
struct config_location {
    const char *name, *token;
};

extern const struct option config_access_options[], config_location_options[];

#endif
