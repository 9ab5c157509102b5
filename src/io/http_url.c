/* http and https URLs taken apart; called by the HTTP client for each hop. */
#include "io/http_url.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "io/addr.h"

#define URL_MAX 8000

static char *decoded(struct str s, struct arena *a)
{
    struct buf b = BUF_INIT(URL_MAX);
    char *out = NULL;
    if (url_decode(&b, s, NULL) == 0 && (b.len == 0 || memchr(b.data, '\0', b.len) == NULL)) {
        out = arena_strndup(a, b.data != NULL ? b.data : "", b.len);
    }
    buf_done(&b);
    return out;
}

static int take_scheme(struct str *s, struct http_url *u, struct err *err)
{
    if (s->n >= 7 && strncasecmp(s->p, "http://", 7) == 0) {
        *s = (struct str){s->p + 7, s->n - 7};
    } else if (s->n >= 8 && strncasecmp(s->p, "https://", 8) == 0) {
        u->https = true;
        *s = (struct str){s->p + 8, s->n - 8};
    } else {
        return err_set(err, ERR_UNSUPPORTED, "cannot fetch \"%.80s\": want http:// or https://",
                       s->p);
    }
    u->port = u->https ? 443 : 80;
    return 0;
}

static int take_userinfo(struct str *auth, struct arena *a, struct http_url *u, struct err *err)
{
    const char *at = NULL;
    for (size_t i = 0; i < auth->n; i++) {
        at = auth->p[i] == '@' ? auth->p + i : at;
    }
    if (at == NULL) {
        return 0;
    }
    struct str info = {auth->p, (size_t)(at - auth->p)}, user, password = STR("");
    *auth = (struct str){at + 1, auth->n - info.n - 1};
    if (!str_cut(info, ':', &user, &password)) {
        user = info;
        password = STR("");
    }
    u->user = decoded(user, a);
    u->password = decoded(password, a);
    if (u->user == NULL || u->password == NULL) {
        return err_set(err, ERR_MALFORMED, "cannot read the user name in the URL");
    }
    return 0;
}

static int take_host(struct str auth, struct http_url *u, struct err *err)
{
    char text[320];
    if (auth.n >= sizeof(text)) {
        return err_set(err, ERR_TOO_LARGE, "cannot read the URL: its host has %zu bytes", auth.n);
    }
    memcpy(text, auth.p, auth.n);
    text[auth.n] = '\0';
    if (auth.n > 0 && text[auth.n - 1] == ':') { /* RFC 3986: the port may be empty */
        text[auth.n - 1] = '\0';
    }
    uint16_t port = 0;
    if (hostport_parse(text, u->host, sizeof(u->host), &port, err) != 0) {
        return err_prefix(err, "cannot read the URL");
    }
    if (strchr(u->host, ':') != NULL && text[0] != '[') {
        return err_set(err, ERR_MALFORMED,
                       "cannot read the URL: an IPv6 address wants brackets: [%s]", u->host);
    }
    u->bracketed = text[0] == '[';
    if (port != 0) {
        u->port_given = true;
        u->port = port;
    }
    for (char *p = u->host; *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    return 0;
}

/* Bytes that may not stand in a request line are percent-encoded, the rest is left as written. */
static char *make_target(struct str s, struct arena *a)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, 3 * s.n + 2);
    size_t n = 0;
    if (s.n == 0 || s.p[0] != '/') {
        out[n++] = '/';
    }
    for (size_t i = 0; i < s.n && s.p[i] != '#'; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 127) {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        } else {
            out[n++] = (char)c;
        }
    }
    out[n] = '\0';
    return out;
}

int http_url_parse(const char *text, struct arena *a, struct http_url *out, struct err *err)
{
    struct http_url u = {0};
    struct str s = str_of(text);
    if (s.n == 0 || s.n > URL_MAX) {
        return err_set(err, s.n == 0 ? ERR_MALFORMED : ERR_TOO_LARGE,
                       "cannot read the URL: it has %zu bytes; want 1 to %d", s.n, URL_MAX);
    }
    if (take_scheme(&s, &u, err) != 0) {
        return -1;
    }
    size_t n = 0;
    while (n < s.n && strchr("/?#", s.p[n]) == NULL) {
        n++;
    }
    struct str auth = {s.p, n};
    if (take_userinfo(&auth, a, &u, err) != 0 || take_host(auth, &u, err) != 0) {
        return -1;
    }
    u.target = make_target((struct str){s.p + n, s.n - n}, a);
    *out = u;
    return 0;
}

char *http_url_authority(const struct http_url *u, struct arena *a)
{
    bool standard = u->port == (u->https ? 443 : 80);
    const char *open = u->bracketed ? "[" : "", *close = u->bracketed ? "]" : "";
    return standard ? arena_printf(a, "%s%s%s", open, u->host, close)
                    : arena_printf(a, "%s%s%s:%u", open, u->host, close, u->port);
}

char *http_url_join(const char *base, const char *location, struct arena *a, struct err *err)
{
    char *text = NULL, *out = NULL;
    CURLU *u = curl_url();
    must(u != NULL);
    if (curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_URL, location, CURLU_URLENCODE) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK) {
        out = arena_strdup(a, text);
    } else {
        err_set(err, ERR_PROTOCOL, "cannot follow the redirect to \"%.120s\"", location);
    }
    curl_free(text);
    curl_url_cleanup(u);
    return out;
}
