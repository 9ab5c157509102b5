/* The WAF monitor's configuration (seed 000) as belfry.yaml: conf/global.json, conf/groupN.json and
 * conf/targets_groupN.txt. Its documentation names few keys, so many spellings are known
 * (import_waf_keys.c) and whatever is not known is told and left out. A group of its becomes a
 * group of ours.
 *
 * Its check was: GET without looking at the certificate, good when the status is 200 within the
 * timeout. */
#include "cli/import_waf.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/import_priv.h"

struct waf_channel {
    const char *name, *type, *key; /* key: what makes two the same */
    const struct waf_settings *from;
    bool enabled;
};

struct waf {
    struct arena *arena;
    struct problems *problems;
    struct buf *out;
    struct waf_settings global;
    struct waf_settings *settings; /* of each group: global's with its own over them */
    vec_of(struct waf_channel) channels;
};

/* --- values --------------------------------------------------------------------------------------
 */

static struct str text_of(struct waf *w, const struct waf_settings *s, enum waf_field f)
{
    must((size_t)f < WAF_FIELDS);
    const struct node *n = s->at[f].value;
    if (n == NULL || n->kind == NODE_LIST || n->kind == NODE_MAP || n->kind == NODE_NULL)
        return (struct str){"", 0};
    if (n->kind == NODE_TEXT)
        return import_is_line(str_trim(n->text)) ? str_trim(n->text) : (struct str){"", 0};
    struct buf out = BUF_INIT(100);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    struct str s2 = {arena_strndup(w->arena, out.data, out.len), out.len};
    buf_done(&out);
    return s2;
}

static bool flag_of(struct waf *w, const struct waf_settings *s, enum waf_field f, bool absent)
{
    struct str t = text_of(w, s, f);
    if (t.n == 0)
        return absent;
    return !str_eqz(t, "false") && !str_eqz(t, "False") && !str_eqz(t, "0") && !str_eqz(t, "no") &&
           !str_eqz(t, "off");
}

static void ignored(struct waf *w, const struct waf_settings *s, enum waf_field f, const char *want)
{
    problem_add(w->problems, s->at[f].value, s->at[f].origin, "cannot use this value; want %s",
                want);
}

/* Seconds or a duration; -1 when absent or of no use. */
static int64_t ms_of(struct waf *w, const struct waf_settings *s, enum waf_field f, int64_t min,
                     int64_t max)
{
    must(min <= max);
    int64_t ms;
    struct str t = text_of(w, s, f);
    if (s->at[f].value == NULL)
        return -1;
    if (duration_parse(t, &ms, NULL) == 0 && ms >= min && ms <= max)
        return ms;
    ignored(w, s, f, "a number of seconds within Belfry's bounds");
    return -1;
}

static int64_t int_of(struct waf *w, const struct waf_settings *s, enum waf_field f, int64_t min,
                      int64_t max)
{
    must(min <= max);
    int64_t v;
    if (s->at[f].value == NULL)
        return -1;
    if (str_to_i64(text_of(w, s, f), &v, NULL) == 0 && v >= min && v <= max)
        return v;
    ignored(w, s, f, "a number within Belfry's bounds");
    return -1;
}

/* --- channels ------------------------------------------------------------------------------------
 */

static struct waf_channel *same_channel(struct waf *w, const char *type, const char *key)
{
    vec_each (&w->channels, c)
        if (streq(c->type, type) && streq(c->key, key))
            return c;
    return NULL;
}

/* The channel that these settings describe, made when it is new. */
static struct waf_channel *channel_for(struct waf *w, const struct waf_settings *s,
                                       const char *type, const char *key)
{
    must(*type != '\0' && *key != '\0');
    struct waf_channel *c = same_channel(w, type, key);
    if (c != NULL)
        return c;
    int n = 1;
    vec_each (&w->channels, other)
        n += streq(other->type, type);
    struct waf_channel fresh = {.type = type, .key = key, .from = s};
    fresh.name = n == 1 ? type : arena_printf(w->arena, "%s-%d", type, n);
    vec_push(&w->channels, fresh);
    return &w->channels.at[w->channels.n - 1];
}

static struct waf_channel *wechat_of(struct waf *w, const struct waf_settings *s)
{
    struct str url = text_of(w, s, WAF_WECHAT_URL);
    if (url.n == 0)
        return NULL;
    return channel_for(w, s, "wecom", arena_strndup(w->arena, url.p, url.n));
}

static struct waf_channel *email_of(struct waf *w, const struct waf_settings *s)
{
    struct str host = text_of(w, s, WAF_SMTP_HOST), user = text_of(w, s, WAF_SMTP_USER);
    const struct node *to = s->at[WAF_SMTP_TO].value;
    if (host.n == 0 || to == NULL)
        return NULL;
    struct buf key = BUF_INIT(1 << 16);
    struct json j = json_start(&key);
    node_to_json(to, &j);
    const char *text =
        arena_printf(w->arena, "%.*s %.*s %s", (int)host.n, host.p, (int)user.n, user.p, key.data);
    buf_done(&key);
    return channel_for(w, s, "email", text);
}

/* First walk: which channels there are and whether any group rings them. */
static void gather_channels(struct waf *w, const struct waf_settings *s)
{
    struct waf_channel *c = wechat_of(w, s);
    if (c != NULL)
        c->enabled |= flag_of(w, s, WAF_WECHAT_ON, true);
    c = email_of(w, s);
    if (c != NULL)
        c->enabled |= flag_of(w, s, WAF_EMAIL_ON, true);
}

static void put_origin(struct waf *w, const struct waf_settings *s, enum waf_field f)
{
    if (s->at[f].origin != NULL) {
        buf_puts(w->out, "  # ");
        import_put_comment(w->out, str_of(s->at[f].origin));
    }
    buf_putc(w->out, '\n');
}

static void put_field(struct waf *w, const struct waf_settings *s, const char *key,
                      enum waf_field f)
{
    struct str t = text_of(w, s, f);
    if (t.n == 0)
        return;
    buf_printf(w->out, "    %s: ", key);
    import_put_text(w->out, t);
    put_origin(w, s, f);
}

/* Appends the addresses of "a@b, c@d; e@f". */
static void put_items(struct waf *w, struct str text, bool *first)
{
    struct str part, item;
    while (text.n > 0 && str_next(&text, ',', &part)) {
        while (part.n > 0 && str_next(&part, ';', &item)) {
            item = str_trim(item);
            if (item.n == 0 || !import_is_line(item))
                continue;
            buf_puts(w->out, *first ? "" : ", ");
            import_put_text(w->out, item);
            *first = false;
        }
    }
}

static void put_list(struct waf *w, const struct waf_settings *s, const char *key, enum waf_field f)
{
    const struct node *n = s->at[f].value;
    if (n == NULL)
        return;
    buf_printf(w->out, "    %s: [", key);
    bool first = true;
    if (n->kind == NODE_TEXT)
        put_items(w, n->text, &first);
    for (const struct node *c = n->kind == NODE_LIST ? n->first : NULL; c != NULL; c = c->next)
        if (c->kind == NODE_TEXT)
            put_items(w, c->text, &first);
    buf_puts(w->out, "]");
    put_origin(w, s, f);
}

static void put_ms(struct waf *w, const struct waf_settings *s, const char *pad, const char *key,
                   enum waf_field f, int64_t ms)
{
    char text[DURATION_SIZE];
    if (ms < 0)
        return;
    buf_printf(w->out, "%s%s: %s", pad, key, duration_format(ms, text));
    put_origin(w, s, f);
}

static void put_int(struct waf *w, const struct waf_settings *s, const char *pad, const char *key,
                    enum waf_field f, int64_t v)
{
    if (v < 0)
        return;
    buf_printf(w->out, "%s%s: %lld", pad, key, (long long)v);
    put_origin(w, s, f);
}

static void put_email(struct waf *w, const struct waf_settings *s)
{
    int64_t port = int_of(w, s, WAF_SMTP_PORT, 1, 65535);
    put_field(w, s, "host", WAF_SMTP_HOST);
    put_int(w, s, "    ", "port", WAF_SMTP_PORT, port);
    bool ssl = flag_of(w, s, WAF_SMTP_SSL, port == 465),
         tls = flag_of(w, s, WAF_SMTP_TLS, port == 587);
    buf_printf(w->out, "    security: %s\n", ssl ? "tls" : tls ? "starttls" : "none");
    put_field(w, s, "username", WAF_SMTP_USER);
    put_field(w, s, "password", WAF_SMTP_PASSWORD);
    enum waf_field from = text_of(w, s, WAF_SMTP_FROM).n > 0 ? WAF_SMTP_FROM : WAF_SMTP_USER;
    put_field(w, s, "from", from);
    put_list(w, s, "to", WAF_SMTP_TO);
}

static void put_channels(struct waf *w)
{
    buf_puts(w->out, w->channels.n > 0 ? "channels:\n" : "");
    vec_each (&w->channels, c) {
        must(c->from != NULL && *c->name != '\0');
        buf_printf(w->out, "  - name: %s\n    type: %s\n", c->name, c->type);
        buf_printf(w->out, "    enabled: %s", c->enabled ? "true" : "false");
        put_origin(w, c->from, streq(c->type, "wecom") ? WAF_WECHAT_ON : WAF_EMAIL_ON);
        if (streq(c->type, "email")) {
            put_email(w, c->from);
            continue;
        }
        put_field(w, c->from, "webhook_url", WAF_WECHAT_URL);
        if (flag_of(w, c->from, WAF_MENTION_ALL, false))
            buf_puts(w->out, "    mention_all: true\n");
        put_list(w, c->from, "mentioned_users", WAF_MENTIONED);
        put_list(w, c->from, "mentioned_mobiles", WAF_MENTIONED_MOBILE);
    }
}

/* --- groups --------------------------------------------------------------------------------------
 */

/* Times and counts that these settings bring themselves; the timeout is fitted into the interval in
 * force. */
static void put_timing(struct waf *w, const struct waf_settings *own,
                       const struct waf_settings *all, const char *pad)
{
    const int64_t day = 24 * 3600 * 1000;
    struct problems quiet; /* what global.json has was told once */
    problems_init(&quiet, w->arena);
    struct problems *loud = w->problems;
    w->problems = &quiet;
    int64_t interval = ms_of(w, all, WAF_INTERVAL, 100, 7 * day);
    w->problems = loud;
    problems_done(&quiet);
    int64_t timeout = ms_of(w, own, WAF_TIMEOUT, 1, 3600 * 1000);
    int64_t room = interval > 0 ? interval : 30000;
    if (timeout > room) {
        problem_add(w->problems, own->at[WAF_TIMEOUT].value, own->at[WAF_TIMEOUT].origin,
                    "is longer than the interval; shortened to it");
        timeout = room;
    }
    must(timeout <= room);
    put_ms(w, own, pad, "interval", WAF_INTERVAL, ms_of(w, own, WAF_INTERVAL, 100, 7 * day));
    put_ms(w, own, pad, "timeout", WAF_TIMEOUT, timeout);
    put_int(w, own, pad, "threshold", WAF_THRESHOLD, int_of(w, own, WAF_THRESHOLD, 1, 1000));
    int64_t retries = int_of(w, own, WAF_RETRIES, 0, 19);
    put_int(w, own, pad, "attempts", WAF_RETRIES, retries >= 0 ? retries + 1 : -1);
    put_int(w, own, pad, "attempts", WAF_ATTEMPTS,
            retries < 0 ? int_of(w, own, WAF_ATTEMPTS, 1, 20) : -1);
    put_ms(w, own, pad, "resend_interval", WAF_RESEND, ms_of(w, own, WAF_RESEND, 0, 366 * day));
}

static void put_group_channels(struct waf *w, const struct waf_settings *s)
{
    struct waf_channel *wechat = wechat_of(w, s), *email = email_of(w, s);
    /* A channel that no group rings is off itself, and listed so that switching it on is enough. */
    bool wechat_on = wechat != NULL && (!wechat->enabled || flag_of(w, s, WAF_WECHAT_ON, true));
    bool email_on = email != NULL && (!email->enabled || flag_of(w, s, WAF_EMAIL_ON, true));
    buf_printf(w->out, "    channels: [%s%s%s]\n", wechat_on ? wechat->name : "",
               wechat_on && email_on ? ", " : "", email_on ? email->name : "");
}

/* Whether every status of the setting is a code; "" as default. */
static void put_status(struct waf *w, const struct waf_settings *s)
{
    const struct node *n = s->at[WAF_STATUS].value;
    struct buf list = BUF_INIT(1000);
    for (const struct node *c = n != NULL && n->kind == NODE_LIST ? n->first : n; c != NULL;
         c = c->next) {
        int64_t code = c->kind == NODE_INT ? c->num : -1;
        if (c->kind == NODE_TEXT && str_to_i64(c->text, &code, NULL) != 0)
            code = -1;
        if (code >= 100 && code <= 599)
            buf_printf(&list, "%s%lld", list.len > 0 ? ", " : "", (long long)code);
        if (n->kind != NODE_LIST)
            break;
    }
    buf_printf(w->out, ", expect: {status: [%s]}",
               list.len > 0 && !list.failed ? list.data : "200");
    buf_done(&list);
}

static void put_target(struct waf *w, const struct waf_settings *s, const struct import_target *t)
{
    struct str url = str_of(t->url);
    buf_puts(w->out, "      - {");
    if (t->name.n > 0) {
        buf_puts(w->out, "name: ");
        import_put_text(w->out, t->name);
        buf_puts(w->out, ", ");
    }
    buf_puts(w->out, "url: ");
    import_put_text(w->out, url);
    if (str_starts(url, STR("http")))
        put_status(w, s);
    if (str_starts(url, STR("https")) && !flag_of(w, s, WAF_VERIFY, false))
        buf_puts(w->out, ", config: {tls: {verify: false}}");
    buf_puts(w->out, "}\n");
}

/* "targets": ["https://…", {"name": …, "url": …}] in a group's own file. */
static void json_target(struct waf *w, const struct node *c, const char *origin,
                        struct map_str *seen, import_targets *out)
{
    const struct node *url = c->kind == NODE_MAP ? node_get(c, "url") : c,
                      *name = node_get(c, "name");
    if (url == NULL || url->kind != NODE_TEXT) {
        problem_add(w->problems, c, origin, "has neither text nor a url; left out");
        return;
    }
    bool named =
        name != NULL && name->kind == NODE_TEXT && name->text.n < 250 && import_is_line(name->text);
    import_one(named ? name->text : STR(""), str_trim(url->text), url, seen, w->arena, out,
               w->problems);
}

static void json_targets(struct waf *w, const struct waf_settings *s, struct map_str *seen,
                         import_targets *out)
{
    const struct node *list = s->at[WAF_TARGETS].value;
    if (list == NULL || list->kind != NODE_LIST)
        return;
    for (const struct node *c = list->first; c != NULL; c = c->next)
        json_target(w, c, s->at[WAF_TARGETS].origin, seen, out);
}

/* A name that is good for a directory too (config_group.c). */
static struct str group_name(struct waf *w, const char *name)
{
    struct str s = str_of(name);
    s.n = utf8_cut(name, s.n, 60);
    char *safe = arena_strndup(w->arena, s.p, s.n);
    for (char *c = safe; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || strchr(" /\\", *c) != NULL ||
            (c == safe && *c == '.'))
            *c = '_';
    return str_of(streq(safe, "watchdog") || safe[0] == '\0'
                      ? arena_printf(w->arena, "group-%s", safe)
                      : safe);
}

static void put_group(struct waf *w, const struct import_group *g, const struct waf_settings *own,
                      const struct waf_settings *all)
{
    buf_puts(w->out, "  - name: ");
    import_put_text(w->out, group_name(w, g->name));
    struct str title = text_of(w, own, WAF_NAME);
    if (title.n > 0) {
        buf_puts(w->out, "  # ");
        import_put_comment(w->out, title);
    }
    buf_putc(w->out, '\n');
    put_timing(w, own, all, "    ");
    put_group_channels(w, all);
    struct map_str *seen = map_str_new();
    import_targets targets = {0};
    json_targets(w, own, seen, &targets);
    import_lines(&g->targets, seen, w->arena, &targets, w->problems);
    buf_puts(w->out, targets.n > 0 ? "    targets:" : "    targets: []\n");
    if (targets.n > 0) {
        buf_puts(w->out, "  # ");
        import_put_comment(w->out,
                           str_of(g->targets.text.p != NULL ? g->targets.name : g->settings.name));
        buf_putc(w->out, '\n');
    }
    vec_each (&targets, t)
        put_target(w, all, t);
    vec_done(&targets);
    map_str_free(seen);
}

static void put_head(struct waf *w)
{
    buf_puts(
        w->out,
        "# Made by `belfry import waf`. Checks as the WAF monitor did: GET, good when the status is 200\n"
        "# within the timeout, certificates not looked at (take `verify: false` away to look at them).\n");
    buf_puts(w->out, "defaults:\n");
    size_t before = w->out->len;
    put_timing(w, &w->global, &w->global, "  ");
    if (w->out->len == before) {
        must(w->out->len > 2);
        w->out->len -= strlen(":\n");
        buf_puts(w->out, ": {}\n");
    }
    static const char *const levels[][2] = {{"debug", "debug"},
                                            {"info", "info"},
                                            {"warning", "warn"},
                                            {"warn", "warn"},
                                            {"error", "error"}};
    struct str level = text_of(w, &w->global, WAF_LOG_LEVEL);
    int64_t days = int_of(w, &w->global, WAF_LOG_DAYS, 1, 3650);
    buf_printf(w->out, "log: {keep_days: %lld", (long long)(days > 0 ? days : 30));
    for (size_t i = 0; i < array_len(levels); i++)
        if (level.n == strlen(levels[i][0]) && strncasecmp(level.p, levels[i][0], level.n) == 0)
            buf_printf(w->out, ", level: %s", levels[i][1]);
    buf_puts(w->out, "}\n");
}

int import_waf_texts(const struct import_file *global, const struct import_group *groups, size_t n,
                     struct buf *yaml, struct problems *p, struct err *err)
{
    must(groups != NULL || n == 0);
    struct arena *a = arena_new();
    struct waf w = {.arena = a, .problems = p, .out = yaml};
    struct waf_settings *own = arena_array_of(a, struct waf_settings, n + 1);
    w.settings = arena_array_of(a, struct waf_settings, n + 1);
    int rc = waf_read_settings(global, a, &w.global, p, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = waf_read_settings(&groups[i].settings, a, &own[i], p, err);
        w.settings[i] = w.global;
        for (int f = 0; f < WAF_FIELDS; f++)
            if (own[i].at[f].value != NULL)
                w.settings[i].at[f] = own[i].at[f];
    }
    if (rc == 0) {
        gather_channels(&w, &w.global);
        for (size_t i = 0; i < n; i++)
            gather_channels(&w, &w.settings[i]);
        put_head(&w);
        put_channels(&w);
        buf_puts(yaml, n > 0 ? "groups:\n" : "groups: []\n");
        for (size_t i = 0; i < n; i++)
            put_group(&w, &groups[i], &own[i], &w.settings[i]);
        rc = import_check(yaml, err);
    }
    vec_done(&w.channels);
    arena_free(a);
    return rc;
}

/* --- files ---------------------------------------------------------------------------------------
 */

/* "…/conf/targets_group1.txt" → "group1" */
static struct str group_of(const char *path)
{
    const char *base = strrchr(path, '/');
    struct str s = str_of(base != NULL ? base + 1 : path);
    if (str_starts(s, STR("targets_")))
        s = (struct str){s.p + 8, s.n - 8};
    const char *dot = memrchr(s.p, '.', s.n);
    return (struct str){s.p, dot != NULL ? (size_t)(dot - s.p) : s.n};
}

typedef vec_of(struct import_group) group_list;

static void add_group(group_list *list, const char *path, struct arena *a)
{
    struct str name = group_of(path);
    vec_each (list, g)
        if (str_eqz(name, g->name))
            return;
    struct import_group g = {.name = arena_strndup(a, name.p, name.n)};
    vec_push(list, g);
}

/* group2 before group10. */
static int by_number(const void *x, const void *y)
{
    const char *a = ((const struct import_group *)x)->name,
               *b = ((const struct import_group *)y)->name;
    size_t n = strlen(a), m = strlen(b);
    return n != m ? (n < m ? -1 : 1) : strcmp(a, b);
}

static void find_groups(const char *dir, group_list *list, struct arena *a)
{
    static const char *const patterns[] = {"group*.json", "targets_*.txt"};
    for (size_t i = 0; i < array_len(patterns); i++) {
        glob_t found = {0};
        if (glob(arena_printf(a, "%s/%s", dir, patterns[i]), 0, NULL, &found) == 0)
            for (size_t k = 0; k < found.gl_pathc; k++)
                add_group(list, found.gl_pathv[k], a);
        globfree(&found);
    }
    if (list->n > 0)
        qsort(list->at, list->n, sizeof(*list->at), by_number);
    vec_each (list, g) {
        g->settings = import_read(arena_printf(a, "%s/%s.json", dir, g->name), a);
        g->targets = import_read(arena_printf(a, "%s/targets_%s.txt", dir, g->name), a);
    }
}

int import_waf(const char *path, struct buf *yaml, struct problems *p, struct err *err)
{
    struct arena *a = arena_new();
    const char *dir = arena_printf(a, "%s/conf", path);
    if (!fs_exists(dir))
        dir = path;
    struct import_file global = import_read(arena_printf(a, "%s/global.json", dir), a);
    group_list groups = {0};
    find_groups(dir, &groups, a);
    int rc;
    if (global.text.p == NULL && groups.n == 0)
        rc = err_set(err, ERR_NOT_FOUND,
                     "cannot import %s: want conf/global.json, conf/groupN.json or "
                     "conf/targets_groupN.txt there",
                     path);
    else
        rc = import_waf_texts(&global, groups.at, groups.n, yaml, p, err);
    vec_done(&groups);
    arena_free(a);
    return rc;
}
