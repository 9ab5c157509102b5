/* What looks after Belfry's own data: a backup, the key of its secrets. For administrators. */
#include "api/api_priv.h"
#include "base/log.h"
#include "base/str.h"
#include "core/backup.h"

/* --- the key --- */

struct rotating {
    struct change c;
    size_t rows;
};

static void rotate_on_core(void *arg)
{
    struct rotating *r = arg;
    r->c.rc = core_key_rotate(r->c.call->api->core, &r->rows, r->c.waiter, &r->c.err);
}

static bool show_key(struct call *k, struct json *j, const char **name)
{
    json_obj(j);
    json_kstr(j, "key_id", core_key_id(k->api->core));
    json_end(j);
    *name = "secret.key";
    return true;
}

static void key_on_core(void *arg)
{
    struct call *k = arg;
    struct json j = call_json(k);
    json_obj(&j);
    json_kstr(&j, "key_id", core_key_id(k->api->core));
    json_kuint(&j, "sealed_with_another_key", core_sealed_away(k->api->core));
    json_end(&j);
}

static void key_get(struct call *k)
{
    on_core(k, key_on_core, k);
}

static void key_rotate(struct call *k)
{
    static const struct audited audited = {"key", show_key, NULL, "rotate"};
    struct rotating r = {.c = {.call = k, .of = &audited}};
    if (!change_commit(&r.c, rotate_on_core))
        return;
    key_get(k);
}

/* --- a backup --- */

struct gathering {
    struct call *call;
    struct backup_options opt;
};

static void gather_on_core(void *arg)
{
    struct gathering *g = arg;
    struct core *core = g->call->api->core;
    struct arena *a = g->call->arena;
    g->opt.data_dir = arena_strdup(a, core_config(core)->data_dir);
    g->opt.key_id = arena_strdup(a, core_key_id(core));
}

static bool left(const void *req)
{
    return http_req_ended(req);
}

static enum http_more next_piece(void *ctx, struct buf *out)
{
    struct err err = {0};
    bool last = false;
    if (backup_next(ctx, out, &last, &err) == 0)
        return last ? HTTP_LAST : HTTP_MORE;
    log_error("a backup was cut off", F_ERR(&err));
    return HTTP_BROKEN;
}

static void backup_over(void *ctx)
{
    backup_end(ctx);
}

static void audit_backup(struct call *k, bool with_key)
{
    call_audit(k, &(struct audit_entry){.action = "backup",
                                        .kind = "belfry",
                                        .after = with_key ? "{\"with_key\":true}" : NULL});
}

static void backup_get(struct call *k)
{
    struct gathering g = {.call = k};
    struct err err = {0};
    const char *with_key = http_req_query(k->req, "with_key");
    g.opt.with_key = with_key && streq(with_key, "true");
    if (g.opt.with_key && !k->req->over_unix) {
        call_status(k, 403, "Forbidden",
                    "the key leaves Belfry over its Unix socket only; ask on its own machine");
        return;
    }
    on_core(k, gather_on_core, &g);
    g.opt.store = core_store(k->api->core);
    g.opt.tsdb = core_tsdb(k->api->core);
    g.opt.stop = left;
    g.opt.arg = k->req;
    struct backup *b = backup_begin(&g.opt, &err);
    if (!b) {
        call_fail(k, &err);
        return;
    }
    audit_backup(k, g.opt.with_key);
    k->resp->content_type = "application/zstd";
    http_resp_header(k->resp, "Content-Disposition", "attachment; filename=\"belfry.tar.zst\"");
    http_resp_header(k->resp, "Cache-Control", "no-store");
    k->resp->stream = (struct http_stream){next_piece, backup_over, b};
}

const struct route upkeep_routes[] = {
    {"GET",
     "/api/v1/key",
     key_get,
     NULL,
     "upkeep",
     {"Which key seals the secrets in the store", "当前用于加密存储中机密的密钥"},
     0,
     SCOPE_ADMIN,
     NULL},
    {"POST",
     "/api/v1/key/rotate",
     key_rotate,
     NULL,
     "upkeep",
     {"A new key for all secrets in the store", "更换加密存储中机密的密钥"},
     0,
     SCOPE_ADMIN,
     NULL},
    {"GET",
     "/api/v1/backup",
     backup_get,
     NULL,
     "upkeep",
     {"Everything as one tar in zstd", "下载完整备份（tar + zstd）"},
     0,
     SCOPE_ADMIN,
     "with_key",
     true},
    {0},
};
