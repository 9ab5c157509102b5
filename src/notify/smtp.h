/* SMTP client for the email channel: RFC 5321, STARTTLS RFC 3207, AUTH PLAIN and LOGIN RFC 4954, over a struct
 * stream on a fiber. (Not libcurl: the stream has our resolver, deadlines and TLS already, and the dialogue
 * is short.) */
#ifndef NOTIFY_SMTP_H
#define NOTIFY_SMTP_H

#include "notify/channel.h"

enum smtp_security { SMTP_STARTTLS, SMTP_TLS, SMTP_NONE };

struct smtp_letter {
    const char *host;
    uint16_t port; /* 0: 587, 465 or 25 by security */
    enum smtp_security security;
    bool verify;
    const char *ca_file;
    const char *username, *password; /* NULL or "": no authentication */
    const char *from;                /* bare addresses */
    const char *const *to;
    size_t n_to;
    struct str body; /* with CRLF line ends; dots are stuffed here */
    int64_t deadline_ns;
};

/* 0 when the server took it for at least one recipient; *answer: its last words and who was refused.
 * 4xx and network errors are worth a retry, 5xx are not. */
int smtp_send(const struct notify_env *env, const struct smtp_letter *l, struct buf *answer,
              struct err *err);

/* The code of a reply line "250-…" or "250 …", *last false for '-'. -1 for garbage. Pure. */
int smtp_reply_line(struct str line, bool *last);

#endif
