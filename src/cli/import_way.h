/* Services that Belfry has no channel of its own for and that take a message as JSON or text: a webhook with a template says it
 * as they want it. Shared by the importers of Gatus and Uptime Kuma. Pure. */
#ifndef CLI_IMPORT_WAY_H
#define CLI_IMPORT_WAY_H

#include "cli/import_doc.h"

/* Each fills a channel (a map that has its name) and returns whether it is complete. Texts NULL or "": not given. */
bool import_way_hook(struct import_doc *d, struct node *channel, const char *type, const char *url);
bool import_way_discord(struct import_doc *d, struct node *channel, const char *url);
bool import_way_telegram(struct import_doc *d, struct node *channel, const char *server,
                         const char *token, const char *chat);
bool import_way_ntfy(struct import_doc *d, struct node *channel, const char *server,
                     const char *topic, const char *token, int64_t priority);
bool import_way_gotify(struct import_doc *d, struct node *channel, const char *server,
                       const char *token, int64_t priority);
bool import_way_google_chat(struct import_doc *d, struct node *channel, const char *url);

struct import_mail {
    const char *host, *security, *username, *password, *from, *to; /* `to`: with commas */
    int64_t port;
    bool unverified;
};
bool import_way_mail(struct import_doc *d, struct node *channel, const struct import_mail *m);

#endif
