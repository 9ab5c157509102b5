/* Mails as bytes: RFC 5322 headers, RFC 2047 words, multipart/alternative of plain text and HTML, both UTF-8 in
 * base64. Any thread; pure. */
#ifndef NOTIFY_MAIL_H
#define NOTIFY_MAIL_H

#include "config/option.h"

struct mail {
    const char *from;          /* "Belfry <belfry@example.com>" or the bare address */
    const struct str_list *to; /* alike */
    const char *subject;
    const char *text, *html;
    int64_t wall_ms;
    uint64_t delivery_id; /* of Message-ID: the same for each attempt */
    uint64_t thread_id;   /* alert whose mails make one thread; 0: none */
    bool first_of_thread;
    const char *leave_url; /* List-Unsubscribe with one click (RFC 2369, 8058); NULL: none */
};

void mail_build(const struct mail *m, struct buf *out);

/* The bare address: between < > or the whole; NULL when it cannot be one (RFC 5321's limits, no white space, no control
 * characters). In `a`. */
const char *mail_address(struct arena *a, const char *text);
/* Unstructured header text: as it is, or as encoded words of at most 75 characters. */
void mail_words(struct buf *out, const char *text);

#endif
