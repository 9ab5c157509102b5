/* See whois.h. Called by domain.c in watchers, and by the fuzzer. */
#include "probe/whois.h"

#include <ctype.h>
#include <stdio.h>

#include "base/civil.h"
#include "base/clock.h"
#include "config/node.h"
#include "io/addr.h"

/* --- dates --- */

static int month_of(const char *name)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    char low[4] = {(char)tolower((unsigned char)name[0]), (char)tolower((unsigned char)name[1]),
                   (char)tolower((unsigned char)name[2])};
    const char *at = strstr(months, low);
    return at && (at - months) % 3 == 0 ? (int)((at - months) / 3) + 1 : 0;
}

/* The day; 0 when it is none. */
static bool take_day(const char *s, int *year, int *month, int *day)
{
    char name[4];
    if (sscanf(s, "%4d%*1[-/.]%2d%*1[-/.]%2d", year, month, day) == 3 && *year > 31)
        return true;
    if (sscanf(s, "%2d-%3[A-Za-z]-%4d", day, name, year) == 3 && (*month = month_of(name)) > 0)
        return true;
    if (sscanf(s, "%2d%*1[./]%2d%*1[./]%4d", day, month, year) == 3)
        return true;
    return sscanf(s, "%4d%2d%2d", year, month, day) == 3;
}

int registry_date(struct str s, int64_t *ms, struct err *err)
{
    char text[40];
    int year = 0, month = 0, day = 0;
    s = str_trim(s);
    if (s.n > 11 && memchr(s.p, 'T', s.n) && time_parse(s, ms, NULL) == 0)
        return 0;
    snprintf(text, sizeof(text), "%.*s", (int)(s.n < 39 ? s.n : 39), s.p);
    bool good = take_day(text, &year, &month, &day) && year >= 1980 && year <= 9999 && month >= 1 &&
                month <= 12 && day >= 1 && day <= civil_month_days(year, month);
    if (!good)
        return err_set(err, ERR_MALFORMED, "not a date: got \"%s\"; want one such as 2027-08-13",
                       text);
    *ms = civil_days(year, month, day) * 86400000;
    return 0;
}

/* --- RDAP --- */

static struct str text_at(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_TEXT ? n->text : (struct str){"", 0};
}

static const struct node *list_at(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_LIST ? n->first : NULL;
}

/* The name in an entity's jCard (RFC 7095): ["vcard", [["fn", {}, "text", "NAME"], …]]. */
static const char *name_of(const struct node *entity, struct arena *a)
{
    const struct node *card = list_at(entity, "vcardArray");
    const struct node *fields =
        card && card->next && card->next->kind == NODE_LIST ? card->next->first : NULL;
    for (const struct node *f = fields; f; f = f->next) {
        const struct node *key = f->kind == NODE_LIST && f->count >= 4 ? f->first : NULL;
        if (!key || key->kind != NODE_TEXT || !str_eqz(key->text, "fn"))
            continue;
        const struct node *value = key->next->next->next;
        if (value->kind == NODE_TEXT)
            return arena_strndup(a, value->text.p, value->text.n);
    }
    return "";
}

static const char *registrar_of(const struct node *doc, struct arena *a)
{
    for (const struct node *e = list_at(doc, "entities"); e; e = e->next)
        for (const struct node *role = list_at(e, "roles"); role; role = role->next)
            if (role->kind == NODE_TEXT && str_eqz(role->text, "registrar"))
                return name_of(e, a);
    return "";
}

static const char *statuses(const struct node *doc, struct arena *a)
{
    struct buf b = BUF_INIT(1000);
    for (const struct node *s = list_at(doc, "status"); s; s = s->next)
        if (s->kind == NODE_TEXT)
            buf_printf(&b, "%s%.*s", b.len ? ", " : "", (int)(s->text.n < 60 ? s->text.n : 60),
                       s->text.p);
    const char *text = arena_strndup(a, b.data ? b.data : "", b.len);
    buf_done(&b);
    return text;
}

int rdap_read(struct str json, struct arena *a, struct registration *out, struct err *err)
{
    struct node *doc = node_from_json(a, json.p, json.n, err);
    *out = (struct registration){.registrar = "", .status = ""};
    if (!doc) {
        err_prefix(err, "the registry's answer is not JSON");
        return -1;
    }
    for (const struct node *e = list_at(doc, "events"); e; e = e->next)
        if (str_eqz(text_at(e, "eventAction"), "expiration") &&
            registry_date(text_at(e, "eventDate"), &out->ends_ms, err) != 0)
            return -1;
    out->registrar = registrar_of(doc, a);
    out->status = statuses(doc, a);
    return 0;
}

/* --- whois --- */

/* The words before the colon, as registries of the world spell them. */
static bool says_end(struct str key)
{
    static const char *const keys[] = {
        "expiry date",
        "expiration date",
        "registry expiry date",
        "registrar registration expiration date",
        "expiration time",
        "paid-till",
        "expires",
        "expires on",
        "renewal date",
        "expire",
        "domain expires",
        "expire date",
        "validity",
        "free-date",
        "valid until",
        "record expires on",
    };
    for (size_t i = 0; i < array_len(keys); i++)
        if (key.n == strlen(keys[i]) && strncasecmp(key.p, keys[i], key.n) == 0)
            return true;
    return false;
}

static bool is_key(struct str key, const char *name)
{
    return key.n == strlen(name) && strncasecmp(key.p, name, key.n) == 0;
}

int whois_read(struct str text, struct arena *a, struct registration *out, struct err *err)
{
    struct str line;
    *out = (struct registration){.registrar = "", .status = ""};
    while (str_next(&text, '\n', &line)) {
        struct str key, value;
        if (!str_cut(line, ':', &key, &value))
            continue;
        key = str_trim(key);
        value = str_trim(value);
        int64_t ms;
        if (says_end(key) && registry_date(value, &ms, NULL) == 0 && out->ends_ms == 0)
            out->ends_ms = ms;
        else if (is_key(key, "registrar") && !out->registrar[0])
            out->registrar = arena_strndup(a, value.p, value.n);
    }
    if (out->ends_ms == 0)
        return err_set(err, ERR_PROTOCOL, "the whois answer names no end of the registration");
    return 0;
}

/* It is connected to: what is no host, a byte 0 in it for one, is no referral. */
static bool is_server(const char *text, size_t n)
{
    char host[HOST_SIZE];
    uint16_t port = WHOIS_PORT;
    return strlen(text) == n && hostport_parse(text, host, sizeof(host), &port, NULL) == 0;
}

const char *whois_refer(struct str text, struct arena *a)
{
    struct str line;
    while (str_next(&text, '\n', &line)) {
        struct str key, value;
        if (!str_cut(line, ':', &key, &value) || !is_key(str_trim(key), "refer"))
            continue;
        value = str_trim(value);
        const char *server = arena_strndup(a, value.p, value.n);
        if (is_server(server, value.n))
            return server;
    }
    return NULL;
}
