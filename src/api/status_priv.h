/* Inside of the API: public status pages, their editor's resources, incidents. */
#ifndef API_STATUS_PRIV_H
#define API_STATUS_PRIV_H

#include "api/api_priv.h"
#include "status/status.h"

/* Is there a struct status? Else 404 was answered (minimal builds, tests). */
bool status_there(struct call *k);
/* The page of k->unit (id or slug), or NULL: 404 was answered. To be unref'd. */
struct status_page *status_page_of(struct call *k);

extern const struct option incident_doc_options[], incident_update_options[],
    markdown_doc_options[];

/* --- handlers --- */
void status_pages_list(struct call *k);
void status_pages_create(struct call *k);
void status_pages_get(struct call *k);
void status_pages_replace(struct call *k);
void status_pages_patch(struct call *k);
void status_pages_delete(struct call *k);
void status_subscribers_list(struct call *k);
void status_subscribers_delete(struct call *k);
void incidents_list(struct call *k);
void incidents_create(struct call *k);
void incidents_get(struct call *k);
void incidents_patch(struct call *k);
void incidents_delete(struct call *k);
void incident_updates_create(struct call *k);
void incident_updates_patch(struct call *k);
void incident_updates_delete(struct call *k);
void markdown_preview(struct call *k);
void status_public(struct call *k);      /* GET /status/… */
void status_public_post(struct call *k); /* POST /status/… */
void badge_public(struct call *k);

/* --- shared by status_public.c and status_reader.c --- */
bool public_is_zh(const struct call *k, const struct status_page *p);
void public_html(struct call *k, struct buf *body, const char *policy);
struct small_page;
void public_small(struct call *k, const struct small_page *s, int status);
void public_reader(struct call *k, struct status_page *p, const char *what, bool post);
/* A field of the form, or of the JSON document; NULL. */
const char *public_field(struct call *k, const char *name);

#endif
