/* The dialogue that smtp, imap and pop3 have in common:
 *
 *   connect [→ TLS] → greeting → capabilities [→ STARTTLS → TLS → capabilities] [→ login] → what is wanted → goodbye
 *
 * Each protocol is a table of its commands and two functions. Runs in watchers. */
#ifndef PROBE_MAIL_H
#define PROBE_MAIL_H

#include "probe/dialogue.h"
#include "probe/pattern.h"
#include "probe/service.h"

#define MAIL_CAPABILITIES_MAX 64

struct mail_expect {
    const char *greeting;
    struct pattern *greeting_pattern; /* compiled by mail_validate */
    struct str_list capabilities;
    struct latency_bound latency;
};

struct mail_config {
    struct service service;
    bool starttls;
    const char *sender, *recipient; /* smtp */
    const char *mailbox;            /* imap */
    struct mail_expect expect;
};

struct mail {
    struct probe *p;
    const struct mail_config *c;
    struct result *r;
    struct dialogue d;
    struct str capabilities[MAIL_CAPABILITIES_MAX]; /* in the probe's arena */
    size_t n_capabilities;
};

struct mail_protocol {
    const char *name;         /* "SMTP" */
    const char *up;           /* metric */
    const char *capabilities; /* command */
    const char *starttls, *goodbye;
    bool tagged, listing;
    enum dialogue_verdict (*judge)(const struct dialogue *d, struct str line);
    /* One line of the answer to `capabilities`: mail_add_capability for each in it. */
    void (*read_capabilities)(struct mail *m, struct str line, bool first);
    int (*login)(struct mail *m, struct err *err);
    int (*after)(struct mail *m, struct err *err); /* what else is to be looked at; NULL: nothing */
};

void mail_add_capability(struct mail *m, struct str one);
bool mail_has(const struct mail *m, const char *capability);
/* SASL PLAIN (RFC 4616): the command, then who and the password in base64. */
int mail_auth_plain(struct mail *m, const char *command, struct err *err);
/* base64 of a text, in the probe's arena. */
const char *mail_base64(struct mail *m, const void *p, size_t n);

void mail_run(struct probe *p, struct result *r, const struct mail_protocol *protocol);
void mail_validate(void *config, struct arena *a, struct problems *p, const char *path);
void mail_describe(const void *config, struct buf *out);

extern const struct option mail_expect_options[];

/* Rows of the three tables; port_text: the usual port. */
#define MAIL_OPTIONS(port_text)                                                                  \
    SERVICE_ADDRESS(struct mail_config, port_text), SERVICE_ACCOUNT(struct mail_config),         \
        SERVICE_TLS(struct mail_config),                                                         \
        {"starttls", OPT_BOOL, offsetof(struct mail_config, starttls), .def = "false",           \
         .help = {"Ask for TLS in the protocol itself; a server that declines has failed.",      \
                  "先用协议自己的方式请求 TLS；服务器拒绝即为失败。"}},                          \
    {                                                                                            \
        "expect", OPT_SECTION, offsetof(struct mail_config, expect), .sub = mail_expect_options, \
                                                                     .help = {                   \
                                                                         "What counts as good.", \
                                                                         "怎样算正常。"    \
                                                                     }                           \
    }

#endif
