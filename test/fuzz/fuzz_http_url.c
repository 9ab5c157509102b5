/* http_url_parse and http_url_join: an accepted URL yields a host, a port and a request target that
 * cannot break out of the request line. */
#include <stdint.h>
#include <string.h>

#include "io/http_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, struct arena *a)
{
    struct http_url u, again;
    struct err err = {0};
    if (http_url_parse(text, a, &u, &err) != 0) {
        must(err.msg[0] != '\0');
        return;
    }
    must(u.host[0] != '\0' && u.port != 0 && u.target[0] == '/');
    for (const char *p = u.target; *p != '\0'; p++) {
        must((unsigned char)*p > ' ' && (unsigned char)*p < 127 && *p != '#');
    }
    char *authority = http_url_authority(&u, a);
    must(strpbrk(authority, " \r\n/@") == NULL);
    char *back = arena_printf(a, "%s://%s%s", u.https ? "https" : "http", authority, u.target);
    if (strlen(back) <= 8000) {
        must(http_url_parse(back, a, &again, &err) == 0);
        must(strcmp(again.host, u.host) == 0 && again.port == u.port);
        must(strcmp(again.target, u.target) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    char *text = arena_strndup(a, (const char *)data, size);
    check(text, a);
    char *joined = http_url_join("http://host.example:8080/a/b?c", text, a, NULL);
    if (joined != NULL) {
        check(joined, a);
    }
    arena_free(a);
    return 0;
}
