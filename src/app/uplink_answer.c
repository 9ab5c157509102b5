/* See uplink_answer.h. */
#include "app/uplink_answer.h"

#include "config/node.h"

#define AWAY_MS     500 /* doubles up to */
#define AWAY_MAX_MS 15000
#define BUSY_MS     1000
#define BUSY_MAX_S  60
#define TOKEN_MS    15000
#define CONFLICT_MS 5000
#define STRANGE_MS  30000
#define STRANGE_SURE \
    5 /* before it may have been a server that is just starting, or an answer that was cut */

static bool take_number(const struct node *map, const char *key, uint64_t *out)
{
    const struct node *n = node_get(map, key);
    if (!n || n->kind != NODE_INT || n->num < 0)
        return false;
    *out = (uint64_t)n->num;
    return true;
}

static bool take_checks(const struct node *list, struct arena *a, struct uplink_answer *out)
{
    if (!list)
        return true;
    if (list->kind != NODE_LIST)
        return false;
    uint32_t n = list->count < UPLINK_CHECKS_MAX ? list->count : UPLINK_CHECKS_MAX;
    out->checks = arena_array_of(a, struct uplink_check, n + 1);
    for (const struct node *c = list->first; c && out->n_checks < n; c = c->next) {
        struct uplink_check *to = &out->checks[out->n_checks++];
        if (!take_number(c, "request_id", &to->request_id) ||
            !take_number(c, "target_id", &to->target_id) || to->request_id == 0)
            return false;
    }
    return true;
}

int uplink_answer_parse(struct str body, struct arena *a, struct uplink_answer *out,
                        struct err *err)
{
    struct uplink_answer found = {0};
    const struct node *n = node_from_json(a, body.n ? body.p : "", body.n, err);
    if (n && take_number(n, "stored", &found.stored) &&
        take_number(n, "generation", &found.generation) &&
        take_checks(node_get(n, "checks"), a, &found)) {
        *out = found;
        return 0;
    }
    return err_set(
        err, ERR_PROTOCOL,
        "the answer is not a Belfry's: is this the server's address, or a proxy's page?");
}

static int64_t away_ms(uint32_t failures, double chance)
{
    int64_t ms = AWAY_MS;
    for (uint32_t i = 1; i < failures && ms < AWAY_MAX_MS; i++)
        ms *= 2;
    ms = ms < AWAY_MAX_MS ? ms : AWAY_MAX_MS;
    return ms / 2 + (int64_t)((double)ms * chance);
}

static int64_t busy_ms(const char *retry_after)
{
    uint64_t s;
    if (!retry_after || str_to_u64(str_trim(str_of(retry_after)), &s, NULL) != 0)
        return BUSY_MS;
    return (int64_t)(s < BUSY_MAX_S ? s : BUSY_MAX_S) * 1000;
}

struct uplink_verdict uplink_judge(int status, const char *retry_after, uint32_t failures,
                                   double chance)
{
    int64_t spread = (int64_t)(1000 * chance);
    must(failures > 0 && chance >= 0 && chance < 1 && status != 200);
    switch (status) {
    case 401:
    case 403:
        return (struct uplink_verdict){UPLINK_TOKEN, TOKEN_MS + spread};
    case 409:
        return (struct uplink_verdict){UPLINK_CONFLICT, CONFLICT_MS + spread};
    case 413:
        return (struct uplink_verdict){UPLINK_LARGE, 0};
    case 429:
    case 503:
        return (struct uplink_verdict){UPLINK_BUSY, busy_ms(retry_after) + spread / 4};
    default:
        break;
    }
    if (status == 0 || status == 408 || status >= 499)
        return (struct uplink_verdict){UPLINK_AWAY, away_ms(failures, chance)};
    return (struct uplink_verdict){
        UPLINK_STRANGE, failures < STRANGE_SURE ? away_ms(failures, chance) : STRANGE_MS + spread};
}
