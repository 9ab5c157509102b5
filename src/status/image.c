/* Logos: data URLs of pictures (RFC 2397), known by their first bytes. A drawing (SVG) is only ever shown as a picture, with a policy
 * that forbids scripts; those that try to be more are refused all the same. */
#include <string.h>
#include <strings.h>

#include "status/page.h"

static const struct {
    const char *type, *magic;
    size_t at, n;
} formats[] = {
    {"image/png", "\x89PNG\r\n\x1a\n", 0, 8},
    {"image/jpeg", "\xff\xd8\xff", 0, 3},
    {"image/gif", "GIF8", 0, 4},
    {"image/webp", "WEBP", 8, 4},
};

static bool has_word(const char *p, size_t n, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= n; i++)
        if (strncasecmp(p + i, word, len) == 0)
            return true;
    return false;
}

static bool is_drawing(const char *p, size_t n)
{
    static const char *const wrong[] = {"<script",   "javascript:", "<foreignobject", "<!entity",
                                        "<!doctype", "<iframe",     "<handler"};
    if (!utf8_valid(p, n) || memchr(p, '\0', n) || !has_word(p, n, "<svg"))
        return false;
    for (size_t i = 0; i < array_len(wrong); i++)
        if (has_word(p, n, wrong[i]))
            return false;
    return true;
}

static bool content_is(const char *type, const char *p, size_t n)
{
    for (size_t i = 0; i < array_len(formats); i++)
        if (strcmp(formats[i].type, type) == 0)
            return n >= formats[i].at + formats[i].n &&
                   memcmp(p + formats[i].at, formats[i].magic, formats[i].n) == 0;
    return strcmp(type, "image/svg+xml") == 0 && is_drawing(p, n);
}

int image_from_url(const char *url, struct arena *a, const char **type, const char **data,
                   size_t *n, struct err *err)
{
    static const char scheme[] = "data:";
    const char *comma = strchr(url, ','), *end = comma ? comma - strlen(";base64") : NULL;
    if (strncmp(url, scheme, strlen(scheme)) != 0 || !comma || end < url + strlen(scheme) ||
        strncmp(end, ";base64", strlen(";base64")) != 0)
        return err_set(err, ERR_INVALID, "got \"%.30s\"; want data:image/png;base64,…", url);
    const char *kind = arena_strndup(a, url + strlen(scheme), (size_t)(end - url) - strlen(scheme));
    struct buf bytes = BUF_INIT(STATUS_LOGO_MAX);
    int rc = base64_decode(&bytes, str_of(comma + 1), err);
    if (rc == 0 && bytes.failed)
        rc = err_set(err, ERR_TOO_LARGE, "the picture is over %d bytes", STATUS_LOGO_MAX);
    if (rc == 0 && !content_is(kind, bytes.data ? bytes.data : "", bytes.len))
        rc = err_set(err, ERR_INVALID,
                     "this is no %.40s; want a PNG, JPEG, GIF, WebP or plain SVG picture", kind);
    if (rc == 0) {
        *type = kind;
        *data = arena_memdup(a, bytes.data, bytes.len);
        *n = bytes.len;
    }
    buf_done(&bytes);
    return rc;
}
