/* The door: the tables of who there is, kept in step with the core's documents; limits of trying; accounts that are changed. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access/totp.h"
#include "api/access_priv.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"

static void on_document(void *arg, const struct core_document *d)
{
    struct door *door = arg;
    access_document(door->access, d->kind, d->id, d->json);
}

static void tell_setup_code(const struct door *d)
{
    log_info("there is no account yet: open the page and enter this set-up code to create the "
             "administrator (or run `belfry user add NAME --role admin`)",
             F_STR("setup_code", access_setup_code(d->access)));
    if (isatty(STDERR_FILENO)) /* `make run`: a line among many is missed */
        fprintf(stderr, "\n    set-up code:  %s\n\n", access_setup_code(d->access));
}

struct door *door_new(struct core *core)
{
    struct door *d = calloc(1, sizeof(*d));
    must(d);
    d->access = access_new();
    d->gate = password_gate_new();
    d->throttle = throttle_new(rng_secure_u64());
    d->oidc = oidc_new();
    must(pthread_mutex_init(&d->lock, NULL) == 0);
    must(d->access && d->gate && d->throttle && d->oidc);
    access_configure(d->access, core_config(core));
    core_documents_watch(core, "user", on_document, d);
    core_documents_watch(core, "token", on_document, d);
    core_documents_watch(core, "session", on_document, d);
    if (access_accounts(d->access, NULL) == 0)
        tell_setup_code(d);
    return d;
}

void door_free(struct door *d)
{
    if (!d)
        return;
    access_free(d->access);
    password_gate_free(d->gate);
    throttle_free(d->throttle);
    oidc_free(d->oidc);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* --- limits --- */

static const struct throttle_rule of_address = {10, 1000, 300 * 1000, 3600 * 1000},
                                  of_account = {5, 1000, 60 * 1000, 3600 * 1000};

/* The address; of IPv6 the network of 64 bits, which one customer has to himself. */
static const char *address_key(struct call *k)
{
    const char *ip = call_address(k);
    struct in6_addr v6;
    if (inet_pton(AF_INET6, ip, &v6) != 1)
        return arena_printf(k->arena, "a:%s", ip);
    struct buf hex = BUF_INIT(40);
    hex_encode(&hex, &v6, 8);
    const char *key = arena_printf(k->arena, "a:%s", hex.data);
    buf_done(&hex);
    return key;
}

static const char *account_limit_key(struct call *k, const char *account)
{
    return arena_printf(k->arena, "n:%s", account);
}

static void too_soon(struct call *k, int64_t wait_ms)
{
    must(wait_ms > 0);
    int64_t s = (wait_ms + 999) / 1000;
    http_resp_header(k->resp, "Retry-After", arena_printf(k->arena, "%lld", (long long)s));
    call_status(
        k, 429, "Too Many Requests",
        arena_printf(k->arena, "too many attempts failed; try again in %lld s", (long long)s));
}

bool door_try(struct call *k, const char *account)
{
    struct door *d = k->api->door;
    const char *by_address = address_key(k), *by_name = account_limit_key(k, account);
    int64_t now = clock_mono_ns() / NS_PER_MS, wait = 0;
    pthread_mutex_lock(&d->lock);
    if (!k->req->over_unix)
        wait = throttle_try(d->throttle, by_address, now, &of_address);
    if (wait == 0) {
        wait = throttle_try(d->throttle, by_name, now, &of_account);
        if (wait != 0)
            throttle_back(d->throttle, by_address);
    }
    pthread_mutex_unlock(&d->lock);
    if (wait != 0)
        too_soon(k, wait);
    return wait == 0;
}

/* Of the address only this attempt is forgiven, or somebody with an account could try others' for ever. */
void door_good(struct call *k, const char *account)
{
    struct door *d = k->api->door;
    pthread_mutex_lock(&d->lock);
    throttle_good(d->throttle, account_limit_key(k, account));
    throttle_back(d->throttle, address_key(k));
    pthread_mutex_unlock(&d->lock);
}

void door_back(struct call *k, const char *account)
{
    struct door *d = k->api->door;
    pthread_mutex_lock(&d->lock);
    throttle_back(d->throttle, account_limit_key(k, account));
    throttle_back(d->throttle, address_key(k));
    pthread_mutex_unlock(&d->lock);
}

/* --- accounts --- */

struct finding {
    struct call *call;
    uint64_t id;
    struct account *out;
    bool found;
};

static void find_on_core(void *arg)
{
    struct finding *f = arg;
    struct core_document d;
    f->found = core_document_get(f->call->api->core, "user", f->id, &d) &&
               account_parse(d.json, f->call->arena, f->out);
}

bool account_of_id(struct call *k, uint64_t id, struct account *out)
{
    struct finding f = {k, id, out, false};
    on_core(k, find_on_core, &f);
    return f.found;
}

bool own_account(struct call *k, struct account *out)
{
    if (k->who->kind == PRINCIPAL_USER && account_of_id(k, k->who->user_id, out))
        return true;
    call_status(k, 403, "Forbidden", "this is for whoever is signed in with an account");
    return false;
}

static void change_on_core(void *arg)
{
    struct account_change *c = container_of(arg, struct account_change, change);
    struct call *k = c->change.call;
    must(c->change.waiter);
    struct core *core = k->api->core;
    struct core_document d;
    struct account u;
    struct err *err = &c->change.err;
    c->change.rc = -1;
    if (!core_document_get(core, "user", c->id, &d) || !account_parse(d.json, k->arena, &u)) {
        err_set(err, ERR_NOT_FOUND, "no account has the id %llu", (unsigned long long)c->id);
        return;
    }
    if (c->fn(c, &u, err) != 0)
        return;
    c->change.rc = core_document_put(core, "user", &c->id, account_format(&u, k->arena),
                                     c->change.waiter, err);
    if (c->change.rc == 0 && c->end_others)
        sessions_end(core, c->id, k->who->user_id == c->id ? k->who->id : 0);
}

bool account_commit(struct account_change *c)
{
    must(c->fn && c->id > 0);
    if (!c->change.of)
        c->change.of = &account_audited;
    c->change.call->id = c->id;
    return change_commit(&c->change, change_on_core);
}

bool name_is_good(struct call *k, const char *name)
{
    size_t n = strlen(name);
    bool control = false;
    for (size_t i = 0; i < n; i++)
        control = control || (unsigned char)name[i] < 0x20 || name[i] == 0x7f;
    if (n == 0 || n > ACCOUNT_NAME_MAX || control || !utf8_valid(name, n) || name[0] == ' ' ||
        name[n - 1] == ' ')
        call_invalid(k, "name", "want 1 to 64 bytes without control characters or outer blanks");
    else if (streq(name, "anonymous") || streq(name, "unix") || streq(name, "belfry") ||
             str_starts(str_of(name), STR("token:")))
        call_invalid(k, "name", "this name is Belfry's own");
    else
        return true;
    return false;
}

bool password_is_good(struct call *k, const char *password, const char *name, char *hash)
{
    must(password && name && hash);
    struct err err = {0};
    const char *weakness = password_weakness(password, name);
    if (weakness) {
        call_invalid(k, "password", "%s", weakness);
        return false;
    }
    if (password_digest(k->api->door->gate, password, hash, &err) == 0)
        return true;
    call_fail(k, &err);
    return false;
}

/* A recovery code is longer than six digits. */
static bool use_recovery(struct account *u, const char *typed)
{
    char clean[CODE_TEXT], hash[SECRET_HASH];
    if (!code_clean(str_of(typed), clean))
        return false;
    secret_hash(str_of(clean), hash);
    for (size_t i = 0; i < u->recovery.n; i++)
        if (secret_same(str_of(hash), str_of(u->recovery.at[i]))) {
            u->recovery.at[i] = u->recovery.at[--u->recovery.n];
            return true;
        }
    return false;
}

bool second_factor(struct account *u, const char *typed, int64_t now_ms)
{
    must(u->totp[0]);
    return totp_check(u->totp, typed, now_ms, &u->totp_used) || use_recovery(u, typed);
}

/* --- answers --- */

bool call_bind(struct call *k, const struct option *table, void *out)
{
    must(table && out);
    const struct node *doc = call_body(k);
    if (!doc)
        return false;
    if (options_bind(table, doc, out, k->arena, &k->problems, ""))
        return true;
    call_fail_code(k, ERR_INVALID, "the request is invalid");
    return false;
}

void call_invalid(struct call *k, const char *field, const char *fmt, ...)
{
    must(field && *field);
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(k->arena, fmt, ap);
    va_end(ap);
    problem_add(&k->problems, NULL, field, "%s", text);
    call_fail_code(k, ERR_INVALID, "%s: %s", field, text);
}

void call_wrong(struct call *k, const char *field, const char *detail)
{
    if (*field)
        problem_add(&k->problems, NULL, field, "%s", detail);
    call_status(k, 401, "Unauthorized", detail);
}

void call_see_other(struct call *k, const char *location)
{
    http_resp_header(k->resp, "Location", location);
    http_resp_header(k->resp, "Cache-Control", "no-store");
    k->resp->status = 303;
}
