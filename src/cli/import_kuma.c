/* Uptime Kuma: the JSON backup of version 1 (notificationList, monitorList) and the database of version 2 (kuma.db), read into
 * the same shape: monitors, notifications and tags as maps of their fields. What they become: import_kuma_map.c. */
#include "cli/import_kuma.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "store/store.h"

/* --- version 1 --- */

static const struct node *list_of(const struct node *doc, const char *key)
{
    const struct node *n = node_get(doc, key);
    return n && n->kind == NODE_LIST ? n : NULL;
}

/* "config" is JSON in a text. */
static struct node *config_of(const struct node *notification, struct arena *a)
{
    const struct node *n = node_get(notification, "config");
    struct node *config =
        n && n->kind == NODE_TEXT ? node_from_json(a, n->text.p, n->text.n, NULL) : NULL;
    return config && config->kind == NODE_MAP ? config : node_map(a);
}

static void add_notification(struct kuma *k, const struct node *n)
{
    if (n->kind != NODE_MAP)
        return;
    struct node *copy = node_copy(k->arena, n);
    node_put(copy, k->arena, "config", config_of(n, k->arena));
    node_append(k->notifications, copy);
}

static int read_backup(struct str text, const char *files, struct buf *yaml, struct problems *p,
                       struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct kuma k;
    import_kuma_init(&k, a, p);
    k.files = files;
    struct node *doc = node_from_json(a, text.p, text.n, err);
    if (!doc)
        return err_prefix(err, "the backup");
    const struct node *monitors = list_of(doc, "monitorList"),
                      *notifications = list_of(doc, "notificationList");
    if (!monitors)
        return err_set(err, ERR_INVALID,
                       "there is no monitorList; want the JSON backup of Uptime Kuma 1");
    for (const struct node *n = notifications ? notifications->first : NULL; n; n = n->next)
        add_notification(&k, n);
    for (const struct node *n = monitors->first; n; n = n->next)
        if (n->kind == NODE_MAP)
            node_append(k.monitors, node_copy(a, n));
    const struct node *proxies = list_of(doc, "proxyList");
    for (const struct node *n = proxies ? proxies->first : NULL; n; n = n->next)
        node_append(k.proxies, node_copy(a, n));
    return import_kuma_map(&k, yaml, err);
}

int import_kuma_text(struct str text, struct buf *yaml, struct problems *p, struct err *err)
{
    return read_backup(text, NULL, yaml, p, err);
}

/* --- version 2 --- */

struct reading {
    struct kuma *kuma;
    struct node *list;
};

static struct node *map_of(const struct foreign_row *row, struct arena *a)
{
    struct node *n = node_map(a);
    for (size_t i = 0; i < row->n; i++) {
        struct buf clean = BUF_INIT(64u << 20);
        if (!row->values[i])
            continue;
        utf8_clean(&clean, row->values[i], strlen(row->values[i]));
        node_put(n, a, arena_strdup(a, row->names[i]),
                 node_text(a, arena_strndup(a, clean.data ? clean.data : "", clean.len)));
        buf_done(&clean);
    }
    return n;
}

static void on_row(void *arg, const struct foreign_row *row)
{
    struct reading *r = arg;
    node_append(r->list, map_of(row, r->kuma->arena));
}

static void on_notification(void *arg, const struct foreign_row *row)
{
    struct kuma *k = arg;
    add_notification(k, map_of(row, k->arena));
}

static struct node *monitor_with(const struct kuma *k, const char *id)
{
    for (struct node *m = k->monitors->first; m; m = m->next) {
        const struct node *n = node_get(m, "id");
        if (n && n->kind == NODE_TEXT && str_eqz(n->text, id))
            return m;
    }
    return NULL;
}

static const char *value_of(const struct foreign_row *row, const char *name)
{
    for (size_t i = 0; i < row->n; i++)
        if (streq(row->names[i], name))
            return row->values[i] ? row->values[i] : "";
    return "";
}

/* {"1":true} as in the backup. */
static void on_link(void *arg, const struct foreign_row *row)
{
    struct kuma *k = arg;
    struct node *m = monitor_with(k, value_of(row, "monitor_id"));
    if (!m)
        return;
    struct node *ids = node_get(m, "notificationIDList");
    if (!ids) {
        ids = node_map(k->arena);
        node_put(m, k->arena, "notificationIDList", ids);
        ids = node_get(m, "notificationIDList");
    }
    node_put(ids, k->arena, arena_strdup(k->arena, value_of(row, "notification_id")),
             node_bool(k->arena, true));
}

static void on_tag(void *arg, const struct foreign_row *row)
{
    struct kuma *k = arg;
    struct node *m = monitor_with(k, value_of(row, "monitor_id"));
    if (!m)
        return;
    struct node *tags = node_get(m, "tags");
    if (!tags) {
        tags = node_list(k->arena);
        node_put(m, k->arena, "tags", tags);
        tags = node_get(m, "tags");
    }
    node_append(tags, map_of(row, k->arena));
}

static void on_count(void *arg, const struct foreign_row *row)
{
    size_t *n = arg;
    *n = (size_t)strtoul(row->values[0] ? row->values[0] : "0", NULL, 10);
}

/* Tables that older versions do not have. */
static void read_more(struct kuma *k, const char *path)
{
    struct reading proxies = {k, k->proxies}, hosts = {k, k->docker_hosts};
    (void)store_read_foreign(path, "SELECT * FROM proxy ORDER BY id", on_row, &proxies, NULL);
    (void)store_read_foreign(path, "SELECT * FROM docker_host ORDER BY id", on_row, &hosts, NULL);
}

/* What the page has to make by hand is at least named. */
static void tell_rest(struct kuma *k, const char *path)
{
    static const char *const tables[][2] = {{"maintenance", "maintenance windows"},
                                            {"status_page", "status pages"}};
    for (size_t i = 0; i < array_len(tables); i++) {
        size_t n = 0;
        const char *sql = arena_printf(k->arena, "SELECT count(*) FROM %s", tables[i][0]);
        if (store_read_foreign(path, sql, on_count, &n, NULL) == 0 && n > 0)
            problem_add(k->problems, NULL, "", "%zu %s are not taken: add them on the page", n,
                        tables[i][1]);
    }
}

static int read_database(const char *path, const char *files, struct buf *yaml, struct problems *p,
                         struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct kuma k;
    import_kuma_init(&k, a, p);
    k.files = files;
    struct reading monitors = {&k, k.monitors};
    if (store_read_foreign(path, "SELECT * FROM monitor ORDER BY id", on_row, &monitors, err) !=
            0 ||
        store_read_foreign(path, "SELECT * FROM notification ORDER BY id", on_notification, &k,
                           err) != 0 ||
        store_read_foreign(path,
                           "SELECT monitor_id, notification_id FROM monitor_notification"
                           " ORDER BY notification_id",
                           on_link, &k, err) != 0 ||
        store_read_foreign(path,
                           "SELECT monitor_id, name, value FROM monitor_tag JOIN tag"
                           " ON tag.id=tag_id ORDER BY tag_id",
                           on_tag, &k, err) != 0)
        return err_prefix(err, "want Uptime Kuma's kuma.db or its JSON backup");
    read_more(&k, path);
    tell_rest(&k, path);
    return import_kuma_map(&k, yaml, err);
}

int import_kuma(const char *path, const char *files, struct buf *yaml, struct problems *p,
                struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct stat st;
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    const char *file = folder ? arena_printf(a, "%s/kuma.db", path) : path;
    struct buf text = BUF_INIT(64u << 20);
    struct err fault = {0};
    int rc = fs_read_regular(file, &text, &fault);
    bool database = text.len >= 16 && memcmp(text.data, "SQLite format 3", 16) == 0;
    if (rc != 0 && fault.code != ERR_TOO_LARGE) {
        *err = fault;
    } else if (database || rc != 0) {
        rc = read_database(file, files, yaml, p, err);
    } else {
        struct buf clean = BUF_INIT(192u << 20);
        utf8_clean(&clean, text.data ? text.data : "", text.len);
        rc =
            read_backup((struct str){clean.data ? clean.data : "", clean.len}, files, yaml, p, err);
        buf_done(&clean);
    }
    buf_done(&text);
    return rc;
}
