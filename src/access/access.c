/* The tables of accounts, tokens and sessions: written by the loop, read by HTTP's threads under a read-write lock. */
#include "access/access.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "access/documents.h"
#include "access/secret.h"
#include "base/map.h"
#include "config/config.h"

#define STALE_MS (5 * 60 * 1000)

struct known_account {
    struct arena *arena;
    uint64_t id;
    struct account doc;
    const char *key;
};

/* A token or a session: what its secret's hash leads to. */
struct credential {
    struct arena *arena;
    uint64_t id;
    const char *hash;
    bool is_session;
    struct token token;
    struct session session;
    _Atomic int64_t used_ms;
    _Atomic int64_t stored_ms; /* what of it is stored */
};

struct access {
    uint32_t magic;
    pthread_rwlock_t lock;                        /* guards the maps and what they lead to */
    struct map_u64 *accounts, *tokens, *sessions; /* id → */
    struct map_str *by_name, *by_hash;
    struct config *config;
    char code[CODE_TEXT];
};
#define MAGIC 0xbe1facce

struct access *access_new(void)
{
    struct access *a = calloc(1, sizeof(*a));
    must(a);
    a->magic = MAGIC;
    pthread_rwlock_init(&a->lock, NULL);
    a->accounts = map_u64_new();
    a->tokens = map_u64_new();
    a->sessions = map_u64_new();
    a->by_name = map_str_new();
    a->by_hash = map_str_new();
    code_secret(a->code);
    return a;
}

static void credential_free(struct credential *c)
{
    if (c)
        arena_free(c->arena); /* it lies in there */
}

static void free_credentials(struct map_u64 *m)
{
    uint64_t id;
    void *value;
    for (size_t it = 0; map_u64_next(m, &it, &id, &value);)
        credential_free(value);
    map_u64_free(m);
}

void access_free(struct access *a)
{
    uint64_t id;
    void *value;
    if (!a)
        return;
    check_magic(a, MAGIC);
    for (size_t it = 0; map_u64_next(a->accounts, &it, &id, &value);)
        arena_free(((struct known_account *)value)->arena);
    map_u64_free(a->accounts);
    free_credentials(a->tokens);
    free_credentials(a->sessions);
    map_str_free(a->by_name);
    map_str_free(a->by_hash);
    config_unref(&a->config);
    pthread_rwlock_destroy(&a->lock);
    a->magic = 0;
    free(a);
}

/* --- feeding --- */

static void put_account(struct access *a, uint64_t id, const char *json)
{
    struct arena *arena = arena_new_sized(1024);
    struct known_account *u = arena_new_of(arena, struct known_account), *old;
    u->arena = arena;
    u->id = id;
    bool good = json && account_parse(json, arena, &u->doc);
    if (good)
        u->key = account_key(u->doc.name, arena);
    old = good ? map_u64_put(a->accounts, id, u) : map_u64_del(a->accounts, id);
    if (old && map_str_get(a->by_name, old->key, strlen(old->key)) == old)
        map_str_del(a->by_name, old->key, strlen(old->key));
    if (good)
        map_str_put(a->by_name, u->key, strlen(u->key), u);
    else
        arena_free(arena);
    if (old)
        arena_free(old->arena);
}

static bool parse_credential(struct credential *c, const char *json)
{
    bool good = c->is_session ? session_parse(json, c->arena, &c->session)
                              : token_parse(json, c->arena, &c->token);
    c->hash = c->is_session ? c->session.hash : c->token.hash;
    atomic_init(&c->stored_ms, c->is_session ? c->session.seen_ms : c->token.used_ms);
    return good;
}

static void put_credential(struct access *a, bool is_session, uint64_t id, const char *json)
{
    struct map_u64 *of = is_session ? a->sessions : a->tokens;
    struct arena *arena = arena_new_sized(512);
    struct credential *c = arena_new_of(arena, struct credential), *old;
    c->arena = arena;
    c->id = id;
    c->is_session = is_session;
    bool good = json && parse_credential(c, json);
    old = good ? map_u64_put(of, id, c) : map_u64_del(of, id);
    int64_t used = good ? c->stored_ms : 0;
    if (old) {
        used = used > old->used_ms ? used : old->used_ms;
        map_str_del(a->by_hash, old->hash, strlen(old->hash));
        credential_free(old);
    }
    atomic_init(&c->used_ms, used);
    if (good)
        map_str_put(a->by_hash, c->hash, strlen(c->hash), c);
    else
        credential_free(c);
}

void access_document(struct access *a, const char *kind, uint64_t id, const char *json)
{
    check_magic(a, MAGIC);
    must(id > 0);
    pthread_rwlock_wrlock(&a->lock);
    if (streq(kind, "user"))
        put_account(a, id, json);
    else
        put_credential(a, streq(kind, "session"), id, json);
    pthread_rwlock_unlock(&a->lock);
}

void access_configure(struct access *a, const struct config *cfg)
{
    check_magic(a, MAGIC);
    pthread_rwlock_wrlock(&a->lock);
    struct config *old = a->config;
    a->config = config_ref((struct config *)cfg); /* counted references are its only change */
    pthread_rwlock_unlock(&a->lock);
    config_unref(&old);
}

struct config *access_config(struct access *a)
{
    check_magic(a, MAGIC);
    pthread_rwlock_rdlock(&a->lock);
    struct config *cfg = config_ref(a->config);
    pthread_rwlock_unlock(&a->lock);
    return cfg;
}

/* --- asking --- */

static enum role lower(enum role a, enum role b)
{
    return a < b ? a : b;
}

/* The account's groups, each role at most `most`. */
static void give_groups(const struct account *u, enum role most, struct arena *arena,
                        struct principal *out)
{
    out->groups = arena_array_of(arena, struct group_role, u->groups.n + 1);
    for (size_t i = 0; i < u->groups.n; i++) {
        struct group_role *g = &out->groups[out->n_groups];
        if (!role_parse(u->groups.at[i].value, &g->role))
            continue;
        g->group = arena_strdup(arena, u->groups.at[i].key);
        g->role = lower(g->role, most);
        out->n_groups++;
    }
}

static const struct account *account_of(struct access *a, int64_t id)
{
    const struct known_account *u = id > 0 ? map_u64_get(a->accounts, (uint64_t)id) : NULL;
    return u && u->doc.enabled ? &u->doc : NULL;
}

static bool note_use(struct credential *c, int64_t now_ms)
{
    int64_t stored = atomic_load_explicit(&c->stored_ms, memory_order_relaxed);
    atomic_store_explicit(&c->used_ms, now_ms, memory_order_relaxed);
    return now_ms - stored >= STALE_MS &&
           atomic_compare_exchange_strong(&c->stored_ms, &stored, now_ms); /* one of many is told */
}

static bool session_lives(const struct access *a, struct credential *c, int64_t now_ms)
{
    const struct config_access *o = &a->config->access;
    return now_ms - c->session.created_ms < o->session_max_ms &&
           now_ms - atomic_load_explicit(&c->used_ms, memory_order_relaxed) < o->session_idle_ms;
}

static bool token_lives(const struct credential *c, int64_t now_ms)
{
    must(!c->is_session);
    return c->token.expires_ms == 0 || now_ms < c->token.expires_ms;
}

/* --- what somebody may, as a number --- */

static uint64_t mix(uint64_t h, const char *text)
{
    return hash_bytes(text, strlen(text), h);
}

static uint64_t mix_pairs(uint64_t h, const struct pair_list *pairs)
{
    for (size_t i = 0; i < pairs->n; i++)
        h = mix(mix(h, pairs->at[i].key), pairs->at[i].value);
    return h;
}

static uint64_t standing_of_account(uint64_t h, const struct account *u)
{
    return mix_pairs(mix(h, role_name((enum role)u->role)), &u->groups);
}

static uint64_t standing_of_credential(struct access *a, struct credential *c, int64_t now_ms)
{
    int64_t user_id = c->is_session ? c->session.user_id : c->token.user_id;
    const struct account *u = account_of(a, user_id);
    if (c->is_session)
        return u && session_lives(a, c, now_ms) ? standing_of_account(1, u) : 0;
    if (!token_lives(c, now_ms) || (!u && user_id != 0))
        return 0;
    uint64_t h = mix(mix(2, role_name((enum role)c->token.scope)), c->token.group);
    return u ? standing_of_account(h, u) : h;
}

static uint64_t standing_of_proxy(const struct config_proxy *p)
{
    uint64_t h = mix(mix(mix(3, p->header), p->role), p->roles_header);
    for (size_t i = 0; i < p->from.n; i++)
        h = mix(h, p->from.at[i]);
    return mix_pairs(h, &p->roles);
}

bool access_by_session(struct access *a, struct str cookie, int64_t now_ms, struct arena *arena,
                       struct principal *out, bool *stale)
{
    char hash[SECRET_HASH];
    check_magic(a, MAGIC);
    if (!session_is_secret(cookie))
        return false;
    secret_hash(cookie, hash);
    pthread_rwlock_rdlock(&a->lock);
    struct credential *c = map_str_get(a->by_hash, hash, SECRET_HASH - 1);
    bool is = c && c->is_session && session_lives(a, c, now_ms);
    const struct account *u = is ? account_of(a, c->session.user_id) : NULL;
    if (u) {
        *out = (struct principal){.kind = PRINCIPAL_USER,
                                  .name = arena_strdup(arena, u->name),
                                  .user_id = (uint64_t)c->session.user_id,
                                  .id = c->id,
                                  .role = (enum role)u->role};
        give_groups(u, ROLE_ADMIN, arena, out);
        out->standing = standing_of_credential(a, c, now_ms);
        *stale = note_use(c, now_ms);
    }
    pthread_rwlock_unlock(&a->lock);
    return u != NULL;
}

/* A token may what its scope says, and never more than its owner. */
static void give_token(const struct token *t, const struct account *owner, struct arena *arena,
                       struct principal *out)
{
    enum role most = (enum role)t->scope;
    struct principal all = {.role = owner ? lower(most, (enum role)owner->role) : most};
    if (owner)
        give_groups(owner, most, arena, &all);
    *out = (struct principal){.kind = PRINCIPAL_TOKEN, .name = arena_strdup(arena, t->name)};
    if (t->group[0]) {
        all.name = out->name;
        out->groups = arena_new_of(arena, struct group_role);
        out->groups[0].group = arena_strdup(arena, t->group);
        out->groups[0].role = principal_role(&all, t->group);
        out->n_groups = 1;
    } else {
        out->role = all.role;
        out->groups = all.groups;
        out->n_groups = all.n_groups;
    }
    out->user_id = (uint64_t)t->user_id;
}

static struct principal agent_of(const char *name, struct arena *arena)
{
    must(*name);
    return (struct principal){.kind = PRINCIPAL_AGENT, .name = arena_strdup(arena, name)};
}

/* A row of `locations` in the file. Each is compared, so that the time does not tell which. */
static bool by_location(struct access *a, struct str token, struct arena *arena,
                        struct principal *out)
{
    const struct section_list *list = a->config ? &a->config->locations : NULL;
    const struct config_location *rows = list ? list->at : NULL, *found = NULL;
    char typed[SECRET_HASH], hash[SECRET_HASH];
    if (!list || list->n == 0 || token.n == 0)
        return false;
    secret_hash(token, typed);
    for (size_t i = 0; i < list->n; i++) {
        secret_hash(str_of(rows[i].token), hash);
        if (secret_same(str_of(hash), str_of(typed)))
            found = &rows[i];
    }
    if (!found)
        return false;
    *out = agent_of(found->name, arena);
    return true;
}

static bool in_file(struct access *a, struct str token, struct arena *arena, struct principal *out)
{
    pthread_rwlock_rdlock(&a->lock);
    bool found = by_location(a, token, arena, out);
    pthread_rwlock_unlock(&a->lock);
    return found;
}

bool access_by_token(struct access *a, struct str token, int64_t now_ms, struct arena *arena,
                     struct principal *out, bool *stale)
{
    char hash[SECRET_HASH];
    check_magic(a, MAGIC);
    if (!token_is_secret(token))
        return in_file(a, token, arena, out);
    secret_hash(token, hash);
    pthread_rwlock_rdlock(&a->lock);
    struct credential *c = map_str_get(a->by_hash, hash, SECRET_HASH - 1);
    bool is = c && !c->is_session && token_lives(c, now_ms);
    const struct account *owner = is ? account_of(a, c->token.user_id) : NULL;
    is = is && (owner || c->token.user_id == 0);
    if (is) {
        if (c->token.agent)
            *out = agent_of(c->token.name, arena);
        else
            give_token(&c->token, owner, arena, out);
        out->id = c->id;
        out->standing = standing_of_credential(a, c, now_ms);
        *stale = note_use(c, now_ms);
    } else {
        is = by_location(a, token, arena, out);
    }
    pthread_rwlock_unlock(&a->lock);
    return is;
}

uint64_t access_standing(struct access *a, const struct principal *p, int64_t now_ms)
{
    check_magic(a, MAGIC);
    uint64_t standing = 1;
    pthread_rwlock_rdlock(&a->lock);
    if (p->kind == PRINCIPAL_USER || p->kind == PRINCIPAL_TOKEN ||
        (p->kind == PRINCIPAL_AGENT && p->id != 0)) {
        struct credential *c =
            map_u64_get(p->kind == PRINCIPAL_USER ? a->sessions : a->tokens, p->id);
        standing = c ? standing_of_credential(a, c, now_ms) : 0;
    } else if (p->kind == PRINCIPAL_PROXY) {
        standing = standing_of_proxy(&a->config->access.proxy);
    } else if (p->kind == PRINCIPAL_ANONYMOUS) {
        standing = 1 + (uint64_t)a->config->server.anonymous;
    }
    pthread_rwlock_unlock(&a->lock);
    return standing;
}

int64_t access_used(struct access *a, const char *kind, uint64_t id)
{
    check_magic(a, MAGIC);
    pthread_rwlock_rdlock(&a->lock);
    struct credential *c = map_u64_get(streq(kind, "session") ? a->sessions : a->tokens, id);
    int64_t used = c ? atomic_load_explicit(&c->used_ms, memory_order_relaxed) : 0;
    pthread_rwlock_unlock(&a->lock);
    return used;
}

size_t access_accounts(struct access *a, size_t *administrators)
{
    uint64_t id;
    void *value;
    size_t n = 0;
    check_magic(a, MAGIC);
    pthread_rwlock_rdlock(&a->lock);
    for (size_t it = 0; map_u64_next(a->accounts, &it, &id, &value);) {
        const struct known_account *u = value;
        n += u->doc.enabled && u->doc.role == ROLE_ADMIN;
    }
    if (administrators)
        *administrators = n;
    n = map_u64_count(a->accounts);
    pthread_rwlock_unlock(&a->lock);
    return n;
}

uint64_t access_account_id(struct access *a, const char *name)
{
    struct arena *scratch cleanup(arena_freep) = arena_new_sized(256);
    const char *key = account_key(name, scratch);
    check_magic(a, MAGIC);
    pthread_rwlock_rdlock(&a->lock);
    const struct known_account *u = map_str_get(a->by_name, key, strlen(key));
    uint64_t id = u ? u->id : 0;
    pthread_rwlock_unlock(&a->lock);
    return id;
}

const char *access_setup_code(const struct access *a)
{
    check_magic(a, MAGIC);
    return a->code;
}

bool access_setup_good(struct access *a, const char *typed)
{
    char clean[CODE_TEXT];
    check_magic(a, MAGIC);
    return access_accounts(a, NULL) == 0 && code_clean(str_of(typed), clean) &&
           secret_same(str_of(clean), str_of(a->code));
}
