/* Gatus' config.yaml, or a folder of several, as belfry.yaml (import_gatus.h): reading, merging, and the sections in turn. */
#include "cli/import_gatus.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"

#define FILES_MAX 500

static const char head[] =
    "# Imported from Gatus. Look through it, then: belfry apply -f FILE, or take it "
    "as belfry.yaml.\n";

/* --- texts and the environment --- */

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* $NAME → ${NAME}; a dollar sign that is none of a variable is doubled. */
static const char *ours(struct gatus *g, struct str s)
{
    struct buf out = BUF_INIT(4 * s.n + 16);
    for (size_t i = 0; i < s.n; i++) {
        char next = i + 1 < s.n ? s.p[i + 1] : '\0';
        size_t end = i + 1;
        if (s.p[i] == '\0') {
            continue;
        } else if (s.p[i] != '$') {
            buf_putc(&out, s.p[i]);
        } else if (next == '$') {
            buf_puts(&out, "$$");
            i++;
        } else if (next == '{') {
            buf_putc(&out, '$');
        } else if (name_char(next) && !isdigit((unsigned char)next)) {
            while (end < s.n && name_char(s.p[end]))
                end++;
            buf_printf(&out, "${%.*s}", (int)(end - i - 1), s.p + i + 1);
            i = end - 1;
        } else {
            buf_puts(&out, "$$");
        }
    }
    const char *text = arena_strndup(g->arena, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

const char *gatus_text_of(struct gatus *g, const struct node *n)
{
    if (!n || n->kind != NODE_TEXT)
        return NULL;
    return memchr(n->text.p, '$', n->text.n) || memchr(n->text.p, '\0', n->text.n)
               ? ours(g, n->text)
               : n->text.p;
}

const char *gatus_text(struct gatus *g, const struct node *map, const char *key)
{
    return gatus_text_of(g, node_get(map, key));
}

/* Belfry's form with the values of now; NULL: one is not set. */
static const char *expanded(struct gatus *g, const struct node *at, const char *text)
{
    struct buf out = BUF_INIT(1 << 20);
    const char *missing = NULL;
    for (const char *s = text; *s && !missing; s++) {
        const char *close = s[0] == '$' && s[1] == '{' ? strchr(s, '}') : NULL;
        if (close) {
            const char *name = arena_strndup(g->arena, s + 2, (size_t)(close - s) - 2);
            const char *value = getenv(name);
            missing = value ? NULL : name;
            buf_puts(&out, value ? value : "");
            s = close;
        } else {
            buf_putc(&out, *s);
            s += s[0] == '$' && s[1] == '$';
        }
    }
    const char *result = arena_strndup(g->arena, out.data ? out.data : "", out.len);
    buf_done(&out);
    if (missing)
        problem_add(
            g->problems, at, "",
            "the environment variable %.100s is not set; set it for the import too, since its value "
            "has to be understood",
            missing);
    return missing ? NULL : result;
}

const char *gatus_plain(struct gatus *g, const struct node *map, const char *key)
{
    const char *text = gatus_text(g, map, key);
    return text && strchr(text, '$') ? expanded(g, node_get(map, key), text) : text;
}

bool gatus_flag(struct gatus *g, const struct node *map, const char *key, bool absent)
{
    const char *text = gatus_plain(g, map, key);
    if (!text || !*text)
        return absent;
    return streq(text, "true") || streq(text, "True") || streq(text, "TRUE");
}

int64_t gatus_number(struct gatus *g, const struct node *map, const char *key, int64_t absent)
{
    const char *text = gatus_plain(g, map, key);
    int64_t v;
    if (!text || !*text)
        return absent;
    if (str_to_i64(str_of(text), &v, NULL) == 0)
        return v;
    problem_add(g->problems, node_get(map, key), "", "%s: got \"%.60s\"; want a number", key, text);
    return absent;
}

int64_t gatus_ms(struct gatus *g, const struct node *map, const char *key, int64_t absent)
{
    const char *text = gatus_plain(g, map, key);
    int64_t ms;
    if (!text || !*text)
        return absent;
    if (duration_parse(str_of(text), &ms, NULL) == 0 && ms >= 0)
        return ms;
    problem_add(g->problems, node_get(map, key), "", "%s: got \"%.60s\"; want a duration", key,
                text);
    return absent;
}

const struct node *gatus_items(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_LIST ? n->first : NULL;
}

void gatus_map(struct gatus *g, const struct node *from, const char *key, struct node *to,
               const char *as)
{
    const struct node *map = node_get(from, key);
    for (const struct node *n = map && map->kind == NODE_MAP ? map->first : NULL; n; n = n->next) {
        const char *value = gatus_text_of(g, n);
        if (value)
            node_put(import_doc_section(&g->doc, to, as), g->arena, n->key.p,
                     node_text(g->arena, value));
    }
}

/* --- telling --- */

void gatus_tell(struct gatus *g, const struct node *at, const char *what, const char *name,
                const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(g->arena, fmt, ap);
    va_end(ap);
    problem_add(g->problems, at, "", "%s \"%.80s\": %s", what, name, text);
}

static bool is_of(const char *const *list, struct str key)
{
    for (; *list; list++)
        if (str_eqz(key, *list))
            return true;
    return false;
}

void gatus_tell_keys(struct gatus *g, const struct node *map, const char *what, const char *name,
                     const char *const *known, const struct gatus_reason *why)
{
    for (const struct node *n = map->first; n; n = n->next) {
        const struct gatus_reason *r = why;
        while (r->key && !str_eqz(n->key, r->key))
            r++;
        if (!is_of(known, n->key))
            gatus_tell(g, n, what, name, "%.60s is not carried over%s%s", n->key.p,
                       r->key ? ": " : "", r->key ? r->why : "");
    }
}

/* --- sections --- */

static const char weekdays[][10] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                    "Friday", "Saturday", "Sunday"};

/* What to type for it: windows are no part of belfry.yaml. */
static void tell_maintenance(struct gatus *g, const struct node *m)
{
    const char *start = gatus_plain(g, m, "start"), *zone = gatus_plain(g, m, "timezone");
    int64_t ms = gatus_ms(g, m, "duration", 0);
    int hour, minute;
    struct buf days = BUF_INIT(200);
    if (!gatus_flag(g, m, "enabled", true))
        return;
    if (!start || sscanf(start, "%2d:%2d", &hour, &minute) != 2 || ms <= 0) {
        problem_add(g->problems, m, "", "maintenance is not carried over: it is incomplete");
        return;
    }
    for (const struct node *d = gatus_items(m, "every"); d; d = d->next)
        for (size_t i = 0; i < array_len(weekdays); i++)
            if (d->kind == NODE_TEXT && str_eqz(d->text, weekdays[i]))
                buf_printf(&days, "%s%zu", days.len ? "," : "", (i + 1) % 7);
    problem_add(
        g->problems, m, "",
        "maintenance is no part of the file; add it with: belfry maintenance add title=gatus "
        "matchers='[\"group=~.+\"]' schedule='{\"kind\":\"cron\",\"cron\":\"%d %d * * "
        "%s\",\"duration\":\"%lldm\",\"time_zone\":\"%.60s\"}'",
        minute, hour, days.len ? days.data : "*", (long long)((ms + 59999) / 60000),
        zone && *zone ? zone : "UTC");
    buf_done(&days);
}

static void take_list(struct gatus *g, const char *key,
                      void (*take)(struct gatus *g, const struct node *item))
{
    for (const struct node *n = gatus_items(g->root, key); n; n = n->next) {
        if (n->kind == NODE_MAP)
            take(g, n);
        else
            problem_add(g->problems, n, key, "got %s; want a map", node_kind_name(n));
    }
}

static void tell_sections(struct gatus *g)
{
    static const char *const known[] = {
        "endpoints", "services", "external-endpoints", "suites", "alerting", "maintenance", NULL};
    static const struct gatus_reason why[] = {
        {"web", "Belfry's own address is server.listen"},
        {"storage", "Belfry keeps its results itself, see results"},
        {"security", "accounts and sign-in are made under access, see docs/access.md"},
        {"ui", "titles and logos are those of status pages, see docs/status-pages.md"},
        {"metrics", "/metrics is always there"},
        {"connectivity", "name reference targets in own_network instead"},
        {"remote", "use locations (belfry agent) instead"},
        {"announcements", "write them as incidents of a status page"},
        {"concurrency", "probes do not wait for each other"},
        {"disable-monitoring-lock", "probes do not wait for each other"},
        {"debug", "see log.level"},
        {"tunneling", "SSH tunnels have no counterpart; probe from there with belfry agent"},
        {NULL, NULL},
    };
    gatus_tell_keys(g, g->root, "section", "gatus", known, why);
}

static int map_all(struct gatus *g, struct buf *yaml, struct err *err)
{
    const struct node *maintenance = node_get(g->root, "maintenance");
    gatus_alerting(g);
    take_list(g, "endpoints", gatus_endpoint);
    take_list(g, "services", gatus_endpoint); /* their name in old versions */
    take_list(g, "external-endpoints", gatus_external);
    take_list(g, "suites", gatus_suite);
    if (maintenance && maintenance->kind == NODE_MAP)
        tell_maintenance(g, maintenance);
    tell_sections(g);
    return import_doc_write(&g->doc, head, yaml, err);
}

/* --- merging --- */

/* Maps key by key, lists one behind the other; a value that stands in two files is told, the first one counts. */
static void merge(struct gatus *g, struct node *into, const struct node *from, int depth)
{
    must(into->kind == NODE_MAP && from->kind == NODE_MAP);
    for (const struct node *n = from->first; n; n = n->next) {
        struct node *have = node_get(into, n->key.p);
        struct node *copy = have ? NULL : node_copy(g->arena, n);
        if (!have)
            node_put(into, g->arena, arena_strndup(g->arena, n->key.p, n->key.n), copy);
        else if (have->kind == NODE_MAP && n->kind == NODE_MAP && depth < NODE_DEPTH_MAX)
            merge(g, have, n, depth + 1);
        else if (have->kind == NODE_LIST && n->kind == NODE_LIST)
            for (const struct node *i = n->first; i; i = i->next)
                node_append(have, node_copy(g->arena, i));
        else
            problem_add(g->problems, n, "", "%.60s stands in another file too; left out", n->key.p);
    }
}

int import_gatus_texts(const struct import_file *files, size_t n, struct buf *yaml,
                       struct problems *p, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct gatus g = {.arena = a, .problems = p};
    struct node *root = node_map(a);
    int rc = n ? 0 : err_set(err, ERR_NOT_FOUND, "there is no file to import");
    import_doc_init(&g.doc, a, p, false);
    g.channels = map_str_new();
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct node *one = node_from_yaml(a, files[i].text.p, files[i].text.n, files[i].name, err);
        if (!one)
            rc = -1;
        else if (one->kind == NODE_MAP)
            merge(&g, root, one, 0);
        else if (one->kind != NODE_NULL)
            rc = err_set(err, ERR_INVALID, "%s: got %s; want Gatus' configuration", files[i].name,
                         node_kind_name(one));
    }
    g.root = root;
    if (rc == 0 && !node_get(root, "endpoints") && !node_get(root, "services") &&
        !node_get(root, "external-endpoints") && !node_get(root, "suites"))
        rc = err_set(err, ERR_INVALID, "there are no endpoints; want Gatus' config.yaml");
    if (rc == 0)
        rc = map_all(&g, yaml, err);
    map_str_free(g.channels);
    import_doc_done(&g.doc);
    return rc;
}

/* --- files --- */

typedef vec_of(struct import_file) file_list;

static int add_file(file_list *files, const char *path, struct arena *a, struct err *err)
{
    struct import_file f = import_read(path, a);
    if (!f.text.p)
        return err_set(err, ERR_NOT_FOUND, "cannot read %s", path);
    if (files->n >= FILES_MAX)
        return err_set(err, ERR_TOO_LARGE, "got more than %d files", FILES_MAX);
    vec_push(files, f);
    return 0;
}

static bool is_yaml(const char *name)
{
    struct str s = str_of(name);
    return str_ends(s, STR(".yaml")) || str_ends(s, STR(".yml"));
}

/* As Gatus does: *.yaml and *.yml of the folder and those below it, by name. */
static int add_folder(file_list *files, const char *path, int depth, struct arena *a,
                      struct err *err)
{
    struct dirent **found;
    int n = scandir(path, &found, NULL, alphasort), rc = 0;
    if (n < 0)
        return err_set(err, ERR_NOT_FOUND, "cannot read %s", path);
    for (int i = 0; i < n; i++) {
        struct stat st;
        const char *sub = arena_printf(a, "%s/%s", path, found[i]->d_name);
        bool seen = found[i]->d_name[0] != '.' && stat(sub, &st) == 0 && rc == 0;
        if (seen && S_ISDIR(st.st_mode) && depth < 8)
            rc = add_folder(files, sub, depth + 1, a, err);
        else if (seen && S_ISREG(st.st_mode) && is_yaml(sub))
            rc = add_file(files, sub, a, err);
        free(found[i]);
    }
    free(found);
    return rc;
}

int import_gatus(char *const *paths, size_t n, struct buf *yaml, struct problems *p,
                 struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    file_list files = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct stat st;
        bool folder = stat(paths[i], &st) == 0 && S_ISDIR(st.st_mode);
        rc = folder ? add_folder(&files, paths[i], 0, a, err) : add_file(&files, paths[i], a, err);
    }
    if (rc == 0)
        rc = import_gatus_texts(files.at, files.n, yaml, p, err);
    vec_done(&files);
    return rc;
}
