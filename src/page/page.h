/* The page, embedded in the executable: every file of the built web/ with its content type, entity tag
 * and a gzip form. api/ answers GET requests outside the API from here.
 *
 * How to answer: 304 if If-None-Match holds `etag`; `gzip` with Content-Encoding: gzip and Vary:
 * Accept-Encoding if the caller accepts it; Cache-Control "public, max-age=31536000, immutable" if
 * `immutable`, else "no-cache"; and PAGE_CONTENT_POLICY on every answer. The page's addresses are all
 * relative and its views lie behind the #, so "/" with a trailing slash is the only entry. */
#ifndef PAGE_PAGE_H
#define PAGE_PAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Nothing from elsewhere, nothing inline. */
#define PAGE_CONTENT_POLICY \
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

struct page_file {
    const char *path; /* "index.html", "assets/app-XFW4W7HJ.js" */
    const char *content_type;
    const char *etag;          /* in its quotes */
    const unsigned char *data; /* as it is */
    size_t size;
    const unsigned char *gzip; /* NULL if that would not be smaller */
    size_t gzip_size;
    bool immutable; /* the name holds a hash of the contents */
};

/* The file at a request's path: "/" and "" are index.html, a leading slash is ignored. NULL if there is
 * none. Thread-safe; what it returns lives as long as the program. */
const struct page_file *page_find(const char *path);

#endif
