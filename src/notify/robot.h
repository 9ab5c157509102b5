/* What the channels that POST to a URL share: the options, the request, and judging the answer.
 *
 * Robots answer errors with HTTP 200 and a code in the body, so the body decides; an answer that is not the
 * vendor's protocol (a proxy's error page, garbage) counts as "not delivered, try again". */
#ifndef NOTIFY_ROBOT_H
#define NOTIFY_ROBOT_H

#include "notify/channel.h"
#include "notify/message.h"

struct post_options {
    const char *url;
    const char *proxy;
    const char *ca_file;
    bool verify;
};

#define POST_OPTION_ROWS(type, url_example)                                              \
    {"webhook_url",                                                                      \
     OPT_STRING,                                                                         \
     offsetof(type, post.url),                                                           \
     .required = true,                                                                   \
     .secret = true,                                                                     \
     .min = 8,                                                                           \
     .max = 4000,                                                                        \
     .help = {"Address to post to.", "接收消息的 Webhook 地址。"},                       \
     .example = (url_example)},                                                          \
        {"proxy",                                                                        \
         OPT_STRING,                                                                     \
         offsetof(type, post.proxy),                                                     \
         .advanced = true,                                                               \
         .secret = true,                                                                 \
         .help = {"Proxy to go through.", "所用的代理地址。"},                           \
         .example = "http://10.0.0.9:3128"},                                             \
        {"verify",                                                                       \
         OPT_BOOL,                                                                       \
         offsetof(type, post.verify),                                                    \
         .def = "true",                                                                  \
         .advanced = true,                                                               \
         .help = {"Check the server's certificate.", "校验服务器证书。"}},               \
    {                                                                                    \
        "ca_file", OPT_STRING, offsetof(type, post.ca_file), .advanced = true, .help = { \
            "PEM file of trusted authorities instead of the system's.",                  \
            "受信任 CA 的 PEM 文件，代替系统自带的。"                     \
        }                                                                                \
    }

void post_validate(const struct post_options *o, struct problems *p, const char *path);

struct post_request {
    const struct post_options *options;
    const char *url;          /* NULL: options->url */
    const char *content_type; /* NULL: application/json */
    const struct http_header *headers;
    size_t n_headers;
    const char *username, *password, *bearer;
    int64_t timeout_ms;
};
struct post_reply {
    int status;
    struct str body;        /* at most 64 KiB, in the arena */
    int64_t retry_after_ms; /* of the header Retry-After; 0: none */
};
/* One POST of `body`; -1 when no answer came (always worth a retry, except for a URL that cannot be used). */
int post_send(const struct send *s, const struct post_request *req, const struct buf *body,
              struct post_reply *reply, struct err *err);

enum verdict { VERDICT_LATER, VERDICT_NEVER };
struct vendor_code {
    int64_t code;
    const char *contains; /* only when the vendor's message holds this (any case); NULL: always */
    enum verdict verdict;
    int64_t retry_after_ms;
    const char *advice;
};
struct vendor {
    const char *name;                /* "WeCom" */
    const char *code_key[2];         /* "errcode" */
    const char *message_key[2];      /* "errmsg" */
    const struct vendor_code *codes; /* ends with .code 0; unknown codes: later */
};
/* 0 when accepted. Otherwise -1, err->code BUSY (later) or DENIED (never), *retry_after_ms (not NULL) as the table,
 * the body or the header says. Pure. */
int vendor_judge(const struct vendor *v, const struct post_reply *reply, struct arena *a,
                 int64_t *retry_after_ms, struct err *err);

/* The HTTP status alone: 2xx accepted; 408, 425, 429 and 5xx later; else never. */
int status_judge(const char *who, const struct post_reply *reply, int64_t *retry_after_ms,
                 struct err *err);

/* post_send with the rendered payload and vendor_judge: the send() of a plain robot. */
int robot_send(const struct send *s, const struct vendor *v, const struct post_request *req,
               const struct buf *payload, struct buf *answer, struct err *err);

/* base64(HMAC-SHA256(key, message)) into out. */
void robot_sign(const char *key, const char *message, struct buf *out);

#endif
