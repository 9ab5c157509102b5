/* A public status page as its editor describes it: read from its document, checked, immutable, shared by reference. What it
 * looks like at a moment is view.h's. Any thread; pure. */
#ifndef STATUS_PAGE_H
#define STATUS_PAGE_H

#include <stdatomic.h>

#include "base/zone.h"
#include "config/option.h"
#include "model/target.h"
#include "status/guard.h"
#include "status/token.h"

#define STATUS_PAGES_MAX   100
#define STATUS_TARGETS_MAX 200 /* shown on one page */
#define STATUS_LOGO_MAX    65536

enum page_language { PAGE_AUTO, PAGE_EN, PAGE_ZH };
enum page_theme { THEME_AUTO, THEME_LIGHT, THEME_DARK };

struct page_section {
    const char *title;
    const struct node *targets;
    struct str_list groups;
    struct id_list ids;
};

struct status_page {
    uint32_t magic;
    atomic_uint refs;
    struct arena *arena;
    uint64_t id;
    /* as page_options binds it */
    struct page_fields {
        const char *slug, *title, *description, *footer;
        bool enabled;
        const struct node *targets;
        struct str_list groups;
        struct section_list sections; /* of struct page_section */
        struct pair_list names;
        int language, theme;
        const char *colour, *time_zone, *logo, *public_url, *password;
        bool show_latency, show_uptime, auto_incidents, subscribe_webhook, webhook_allow_private;
        int64_t history_days, refresh_s, mail_channel_id;
        struct str_list allow;
    } f;
    struct id_list ids; /* of f.targets */
    struct cidr *allow;
    struct zone *zone;
    struct {
        const char *type; /* "image/png"; NULL: none */
        const char *data;
        size_t n;
    } logo;
    char domain[254];          /* the host that shows this page at "/"; "" */
    const char *password_hash; /* "" */
    uint8_t key[PAGE_KEY_SIZE];
    int64_t created_ms, updated_ms;
};

extern const struct option page_options[]; /* of struct page_fields */

/* The document of page_options' fields, and password_hash, key_secret, created_at, updated_at beside them. NULL with problems. */
struct status_page *page_parse(uint64_t id, const struct node *doc, struct problems *p);
struct status_page *page_ref(struct status_page *p);
void page_unref(struct status_page *p); /* NULL is fine */

/* The document again, as it is stored: `fields` are those of the editor. */
struct page_secrets {
    const char *password_hash; /* "" none */
    const uint8_t *key;
    int64_t created_ms, updated_ms;
};
void page_document(const struct node *fields, const struct page_secrets *s, struct buf *out);
/* The editor's fields of a stored document. */
struct node *page_fields_of(const struct node *doc, struct arena *a);

/* The fields as the API tells them; the object stays open. */
void page_json_open(const struct status_page *p, bool with_logo, struct json *j);

bool page_private(const struct status_page *p);
/* Is the address in its allow-list? NULL: no address. */
bool page_allows(const struct status_page *p, const struct addr *from);
const char *page_name_of(const struct status_page *p, uint64_t target, const char *name);
bool page_lists(const struct status_page *p, uint64_t target, const char *group);

/* A list of ids; what is none is a problem of the field. In a. */
struct id_list ids_of_node(const struct node *n, struct arena *a, struct problems *p,
                           const char *field);

/* "data:image/png;base64,…" → type and bytes (in a). INVALID says what is wrong. */
int image_from_url(const char *url, struct arena *a, const char **type, const char **data,
                   size_t *n, struct err *err);

#endif
