/* placeholder until the lean engine is written */
#include "io/http_priv.h"

int http__plain_hop(struct http_hop *h, struct err *err)
{
    return http__curl_hop(h->client->curl, h, err);
}
