/* See page.h. */
#include "status/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "status/markdown.h"

#define PAGE_MAGIC     0xbe1f5a9eu
#define NAME_MAX_BYTES 200

static const char *const languages[] = {"auto", "en", "zh", NULL};
static const char *const themes[] = {"auto", "light", "dark", NULL};

static const struct option section_options[] = {
    {"title", OPT_STRING, offsetof(struct page_section, title), .required = true, .min = 1,
     .max = NAME_MAX_BYTES, .help = {"Heading.", "标题。"}},
    {"targets", OPT_NODE, offsetof(struct page_section, targets),
     .help = {"Ids of targets.", "目标的 id。"}},
    {"groups", OPT_LIST, offsetof(struct page_section, groups), .max = 50,
     .help = {"All targets of these groups.", "这些分组的全部目标。"}},
    OPTION_END,
};

#define AT(field) offsetof(struct page_fields, field)
const struct option page_options[] = {
    {"slug", OPT_STRING, AT(slug), .required = true, .min = 1, .max = 64,
     .help = {"Its address: /status/SLUG.", "地址：/status/SLUG。"}, .example = "main"},
    {"title", OPT_STRING, AT(title), .required = true, .min = 1, .max = NAME_MAX_BYTES,
     .help = {"Title.", "标题。"}},
    {"description", OPT_TEXT, AT(description), .max = 4096,
     .help = {"Stands below the title (Markdown).", "标题下的说明（Markdown）。"}},
    {"enabled", OPT_BOOL, AT(enabled), .def = "true",
     .help = {"Whether it can be seen.", "是否可见。"}},
    {"targets", OPT_NODE, AT(targets),
     .help = {"Ids of targets that stand first, without a heading.",
              "排在最前、没有标题的目标 id。"}},
    {"groups", OPT_LIST, AT(groups), .max = 50,
     .help = {"Groups, each a section of its own.", "分组，各成一节。"}},
    {"sections", OPT_SECTIONS, AT(sections), .max = 50, .sub = section_options,
     .sub_size = sizeof(struct page_section), .help = {"Sections.", "分节。"}},
    {"names", OPT_MAP, AT(names), .max = 2000,
     .help = {"Names shown instead of the targets': id → text.", "显示名称：id → 文本。"}},
    {"language", OPT_ENUM, AT(language), .def = "auto", .choices = languages,
     .help = {"Language; auto: the reader's.", "语言；auto 为访问者的语言。"}},
    {"theme", OPT_ENUM, AT(theme), .def = "auto", .choices = themes,
     .help = {"Light or dark; auto: as the reader's system.", "浅色或深色；auto 跟随系统。"}},
    {"colour", OPT_STRING, AT(colour), .max = 7, .help = {"Accent.", "主题色。"},
     .example = "#1f7a4d"},
    {"time_zone", OPT_STRING, AT(time_zone), .max = 64,
     .help = {"Of times and days; empty: the server's.", "时区；留空为服务器时区。"}},
    {"logo", OPT_TEXT, AT(logo), .max = 90000,
     .help = {"Picture as data URL, at most 64 KiB.", "图片（data URL，最大 64 KiB）。"}},
    {"public_url", OPT_STRING, AT(public_url), .max = 500,
     .help = {"Address of its own; without a path its host shows the page at /.",
              "自己的地址；不含路径时，该主机名的 / 即为本页。"},
     .example = "https://status.example.com"},
    {"show_latency", OPT_BOOL, AT(show_latency), .def = "false",
     .help = {"Show the last latency.", "显示最近一次耗时。"}},
    {"show_uptime", OPT_BOOL, AT(show_uptime), .def = "true",
     .help = {"Show the percentage.", "显示可用率。"}},
    {"history_days", OPT_INT, AT(history_days), .def = "90", .min = 7, .max = 180,
     .help = {"Bars: so many days.", "历史天数。"}},
    {"footer", OPT_TEXT, AT(footer), .max = 4096,
     .help = {"Markdown at the end.", "页脚（Markdown）。"}},
    {"refresh_seconds", OPT_INT, AT(refresh_s), .def = "60", .min = 0, .max = 86400,
     .help = {"An open page is read again so often; 0: never.",
              "自动刷新间隔（秒）；0 为不刷新。"}},
    {"password", OPT_STRING, AT(password), .secret = true, .max = 200,
     .help = {"Asked of who wants to see it.", "访问密码。"}},
    {"allow", OPT_LIST, AT(allow), .max = 200,
     .help = {"Networks that need no password; without a password nobody else may.",
              "无需密码的网段；未设密码时仅这些网段可访问。"},
     .example = "10.0.0.0/8"},
    {"auto_incidents", OPT_BOOL, AT(auto_incidents), .def = "false",
     .help = {"An incident while an alert of its targets rings.", "目标告警时自动生成事件。"}},
    {"subscribe_webhook", OPT_BOOL, AT(subscribe_webhook), .def = "false",
     .help = {"Readers may subscribe with a webhook.", "允许以 Webhook 订阅。"}},
    {"webhook_allow_private", OPT_BOOL, AT(webhook_allow_private), .def = "false", .advanced = true,
     .help = {"Webhooks may lie in private networks.", "允许内网 Webhook 地址。"}},
    {"mail_channel_id", OPT_INT, AT(mail_channel_id), .def = "0", .min = 0, .max = 9e15,
     .help = {"Channel that sends mails to subscribers; 0: none.", "发送订阅邮件的渠道；0 为无。"}},
    OPTION_END,
};

struct id_list ids_of_node(const struct node *n, struct arena *a, struct problems *p,
                           const char *field)
{
    struct id_list ids = {0};
    if (!n)
        return ids;
    ids.at = arena_array_of(a, uint64_t, n->count + 1);
    for (const struct node *i = n->kind == NODE_LIST ? n->first : NULL; i; i = i->next)
        if (i->kind == NODE_INT && i->num > 0)
            ids.at[ids.n++] = (uint64_t)i->num;
    if (n->kind != NODE_LIST || ids.n != n->count)
        problem_add(p, n, field, "got %s; want a list of ids",
                    n->kind == NODE_LIST ? "other things" : node_kind_name(n));
    else if (ids.n > STATUS_TARGETS_MAX)
        problem_add(p, n, field, "got %u; want at most %d", ids.n, STATUS_TARGETS_MAX);
    return ids;
}

static bool slug_good(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return s[0] && s[n] == '\0' && s[0] != '-' && s[n - 1] != '-' && strspn(s, "0123456789") != n;
}

static bool colour_good(const char *s)
{
    return !s || !*s ||
           (s[0] == '#' && strlen(s) == 7 && strspn(s + 1, "0123456789abcdefABCDEF") == 6);
}

/* The host of an address without a path is the page's own. */
static void read_address(struct status_page *p, struct problems *out)
{
    const char *url = p->f.public_url ? p->f.public_url : "", *host = strstr(url, "://");
    if (!*url)
        return;
    bool web = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    size_t n = host ? strcspn(host + 3, "/:?#") : 0;
    for (const char *c = url; *c; c++)
        web = web && (unsigned char)*c > ' ' && !char_in(*c, "\"'<>\\?#@");
    if (!web || n == 0 || n >= sizeof(p->domain)) {
        problem_add(out, NULL, "public_url",
                    "got \"%.80s\"; want an address like https://status.example.com", url);
        return;
    }
    const char *path = strchr(host + 3, '/');
    if (!path || path[1] == '\0')
        memcpy(p->domain, host + 3, n);
}

static void read_sections(struct status_page *p, struct problems *out)
{
    struct page_section *s = p->f.sections.at;
    size_t n = p->ids.n;
    for (size_t i = 0; i < p->f.sections.n; i++) {
        const char *field = arena_printf(p->arena, "sections[%zu].targets", i);
        s[i].ids = ids_of_node(s[i].targets, p->arena, out, field);
        n += s[i].ids.n;
    }
    if (n > STATUS_TARGETS_MAX)
        problem_add(out, NULL, "sections", "got %zu targets in all; want at most %d", n,
                    STATUS_TARGETS_MAX);
}

static void read_networks(struct status_page *p, struct problems *out)
{
    struct err err = {0};
    p->allow = arena_array_of(p->arena, struct cidr, p->f.allow.n + 1);
    for (size_t i = 0; i < p->f.allow.n; i++)
        if (cidr_parse(p->f.allow.at[i], &p->allow[i], &err) != 0)
            problem_add(out, NULL, arena_printf(p->arena, "allow[%zu]", i), "%s", err.msg);
}

static void read_names(const struct status_page *p, struct problems *out)
{
    for (size_t i = 0; i < p->f.names.n; i++) {
        const struct pair *name = &p->f.names.at[i];
        uint64_t id;
        if (str_to_u64(str_of(name->key), &id, NULL) != 0)
            problem_add(out, NULL, "names", "got \"%.40s\"; want a target's id", name->key);
        else if (strlen(name->value) > NAME_MAX_BYTES)
            problem_add(out, NULL, "names", "the name of %s is over %d bytes", name->key,
                        NAME_MAX_BYTES);
    }
}

static void read_rest(struct status_page *p, struct problems *out)
{
    struct err err = {0};
    if (!slug_good(p->f.slug))
        problem_add(out, NULL, "slug",
                    "got \"%.64s\"; want a-z, 0-9 and \"-\" within, and a letter", p->f.slug);
    if (!colour_good(p->f.colour))
        problem_add(out, NULL, "colour", "got \"%.20s\"; want a colour like #1f7a4d", p->f.colour);
    if (p->f.refresh_s != 0 && p->f.refresh_s < 10)
        problem_add(out, NULL, "refresh_seconds", "got %d; want 0, or at least 10",
                    (int)p->f.refresh_s);
    p->zone = zone_open(p->f.time_zone, &err);
    if (!p->zone)
        problem_add(out, NULL, "time_zone", "%s", err.msg);
    if (p->f.logo && *p->f.logo &&
        image_from_url(p->f.logo, p->arena, &p->logo.type, &p->logo.data, &p->logo.n, &err) != 0)
        problem_add(out, NULL, "logo", "%s", err.msg);
}

static const char *const secrets[] = {"password_hash", "key_secret", "created_at", "updated_at"};

static bool is_secret(struct str key)
{
    for (size_t i = 0; i < array_len(secrets); i++)
        if (str_eqz(key, secrets[i]))
            return true;
    return false;
}

struct node *page_fields_of(const struct node *doc, struct arena *a)
{
    struct node *out = node_map(a);
    for (const struct node *n = doc->first; n; n = n->next)
        if (!is_secret(n->key))
            node_put(out, a, arena_strndup(a, n->key.p, n->key.n), node_copy(a, n));
    return out;
}

static void read_secrets(struct status_page *p, const struct node *doc)
{
    const struct node *hash = node_get(doc, "password_hash"), *key = node_get(doc, "key_secret");
    const struct node *created = node_get(doc, "created_at"),
                      *updated = node_get(doc, "updated_at");
    p->password_hash = hash && hash->kind == NODE_TEXT ? arena_strdup(p->arena, hash->text.p) : "";
    struct buf bytes = BUF_INIT(PAGE_KEY_SIZE);
    if (key && key->kind == NODE_TEXT && base64_decode(&bytes, key->text, NULL) == 0 &&
        bytes.len == PAGE_KEY_SIZE)
        memcpy(p->key, bytes.data, PAGE_KEY_SIZE);
    else
        page_key_new(p->key); /* links sent before do not work any more */
    buf_done(&bytes);
    p->created_ms = created && created->kind == NODE_INT ? created->num : 0;
    p->updated_ms = updated && updated->kind == NODE_INT ? updated->num : 0;
}

struct status_page *page_parse(uint64_t id, const struct node *doc, struct problems *out)
{
    struct status_page *p = calloc(1, sizeof(*p));
    must(p && doc);
    p->magic = PAGE_MAGIC;
    p->id = id;
    atomic_init(&p->refs, 1);
    p->arena = arena_new();
    size_t before = out->list.n + out->dropped;
    if (options_bind(page_options, page_fields_of(doc, p->arena), &p->f, p->arena, out, "")) {
        p->ids = ids_of_node(p->f.targets, p->arena, out, "targets");
        read_sections(p, out);
        read_names(p, out);
        read_networks(p, out);
        read_address(p, out);
        read_rest(p, out);
        read_secrets(p, doc);
    }
    if (out->list.n + out->dropped == before)
        return p;
    page_unref(p);
    return NULL;
}

struct status_page *page_ref(struct status_page *p)
{
    check_magic(p, PAGE_MAGIC);
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void page_unref(struct status_page *p)
{
    if (!p)
        return;
    check_magic(p, PAGE_MAGIC);
    if (atomic_fetch_sub(&p->refs, 1) > 1)
        return;
    zone_free(&p->zone);
    arena_free(p->arena);
    p->magic = 0;
    free(p);
}

void page_document(const struct node *fields, const struct page_secrets *s, struct buf *out)
{
    struct json j = json_start(out);
    json_obj(&j);
    for (const struct node *n = fields->first; n; n = n->next) {
        if (n->kind == NODE_NULL || str_eqz(n->key, "password") || is_secret(n->key))
            continue;
        json_key(&j, n->key.p);
        node_to_json(n, &j);
    }
    json_kstr(&j, "password_hash", s->password_hash);
    struct buf key = BUF_INIT(100);
    base64_encode(&key, s->key, PAGE_KEY_SIZE);
    json_kstr(&j, "key_secret", key.data);
    buf_done(&key);
    json_kint(&j, "created_at", s->created_ms);
    json_kint(&j, "updated_at", s->updated_ms);
    json_end(&j);
}

/* --- as the API tells it --- */

static void put_ids(struct json *j, const char *key, struct id_list ids)
{
    json_karr(j, key);
    for (uint32_t i = 0; i < ids.n; i++)
        json_uint(j, ids.at[i]);
    json_end(j);
}

static void put_texts(struct json *j, const char *key, const struct str_list *l)
{
    json_karr(j, key);
    for (size_t i = 0; i < l->n; i++)
        json_str(j, l->at[i]);
    json_end(j);
}

static void put_shown(const struct status_page *p, struct json *j)
{
    const struct page_section *s = p->f.sections.at;
    put_ids(j, "targets", p->ids);
    put_texts(j, "groups", &p->f.groups);
    json_karr(j, "sections");
    for (size_t i = 0; i < p->f.sections.n; i++) {
        json_obj(j);
        json_kstr(j, "title", s[i].title);
        put_ids(j, "targets", s[i].ids);
        put_texts(j, "groups", &s[i].groups);
        json_end(j);
    }
    json_end(j);
    json_kobj(j, "names");
    for (size_t i = 0; i < p->f.names.n; i++)
        json_kstr(j, p->f.names.at[i].key, p->f.names.at[i].value);
    json_end(j);
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static void put_logo(const struct status_page *p, bool with_logo, struct arena *a, struct json *j)
{
    if (with_logo)
        json_kstr(j, "logo", p->logo.type ? p->f.logo : NULL);
    json_kstr(j, "logo_url", p->logo.type ? arena_printf(a, "/status/%s/logo", p->f.slug) : NULL);
}

void page_json_open(const struct status_page *p, bool with_logo, struct json *j)
{
    struct arena *a = arena_new();
    check_magic(p, PAGE_MAGIC);
    json_obj(j);
    json_kuint(j, "id", p->id);
    json_kstr(j, "slug", p->f.slug);
    json_kstr(j, "title", p->f.title);
    json_kstr(j, "description", or_empty(p->f.description));
    json_kbool(j, "enabled", p->f.enabled);
    put_shown(p, j);
    json_kstr(j, "language", languages[p->f.language]);
    json_kstr(j, "theme", themes[p->f.theme]);
    json_kstr(j, "colour", or_empty(p->f.colour));
    json_kstr(j, "time_zone", or_empty(p->f.time_zone));
    put_logo(p, with_logo, a, j);
    json_kstr(j, "public_url", or_empty(p->f.public_url));
    json_kbool(j, "show_latency", p->f.show_latency);
    json_kbool(j, "show_uptime", p->f.show_uptime);
    json_kint(j, "history_days", p->f.history_days);
    json_kstr(j, "footer", or_empty(p->f.footer));
    json_kint(j, "refresh_seconds", p->f.refresh_s);
    json_kstr(j, "password", *p->password_hash ? SECRET_MASK : NULL);
    put_texts(j, "allow", &p->f.allow);
    json_kbool(j, "auto_incidents", p->f.auto_incidents);
    json_kbool(j, "subscribe_webhook", p->f.subscribe_webhook);
    json_kbool(j, "webhook_allow_private", p->f.webhook_allow_private);
    json_kint(j, "mail_channel_id", p->f.mail_channel_id);
    json_kstr(j, "path", arena_printf(a, "/status/%s", p->f.slug));
    json_kbool(j, "private", page_private(p));
    json_ktime(j, "created_at", p->created_ms);
    json_ktime(j, "updated_at", p->updated_ms);
    arena_free(a);
}

/* --- questions --- */

bool page_private(const struct status_page *p)
{
    return *p->password_hash || p->f.allow.n > 0;
}

bool page_allows(const struct status_page *p, const struct addr *from)
{
    for (size_t i = 0; from && i < p->f.allow.n; i++)
        if (cidr_has(&p->allow[i], from))
            return true;
    return false;
}

const char *page_name_of(const struct status_page *p, uint64_t target, const char *name)
{
    for (size_t i = 0; i < p->f.names.n; i++) {
        uint64_t id = 0;
        const struct pair *own = &p->f.names.at[i];
        if (str_to_u64(str_of(own->key), &id, NULL) == 0 && id == target && *own->value)
            return own->value;
    }
    return name;
}

static bool has_id(struct id_list ids, uint64_t id)
{
    for (uint32_t i = 0; i < ids.n; i++)
        if (ids.at[i] == id)
            return true;
    return false;
}

static bool has_text(const struct str_list *l, const char *text)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->at[i], text) == 0)
            return true;
    return false;
}

bool page_lists(const struct status_page *p, uint64_t target, const char *group)
{
    const struct page_section *s = p->f.sections.at;
    bool found = has_id(p->ids, target) || has_text(&p->f.groups, group);
    for (size_t i = 0; i < p->f.sections.n && !found; i++)
        found = has_id(s[i].ids, target) || has_text(&s[i].groups, group);
    return found;
}
