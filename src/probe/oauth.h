/* OAuth 2.0 client credentials (RFC 6749, 4.4): a token for the probe that follows. It is fetched for every probe: a probe
 * shows whether its authorization server works too, and a token that lives in no memory leaks from none. */
#ifndef PROBE_OAUTH_H
#define PROBE_OAUTH_H

#include "config/option.h"
#include "probe/prober.h"

struct oauth {
    const char *token_url, *client_id, *client_secret;
    struct str_list scopes;
    struct pair_list params; /* further form fields: audience … */
};
extern const struct option oauth_options[];

void oauth_validate(const struct oauth *o, struct problems *p, const char *path);
/* The access token in the probe's arena; NULL: *r has failed and says what the authorization server answered. */
const char *oauth_token(struct probe *p, const struct oauth *o, const struct tls_options *tls,
                        struct result *r);

#endif
