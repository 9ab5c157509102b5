/* What browsers send: forms, cookies, languages, logos, networks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "status/form.h"
#include "status/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    char *text = arena_strndup(a, (const char *)data, size);
    const char *value = form_value((struct str){(const char *)data, size}, "to", a), *type, *bytes;
    size_t n;
    struct cidr c;
    must(!value || utf8_valid(value, strlen(value)));
    cookie_value(text, "belfry_status", a);
    prefers_chinese(text);
    if (image_from_url(text, a, &type, &bytes, &n, NULL) == 0)
        must(n > 0 && n <= STATUS_LOGO_MAX && strncmp(type, "image/", 6) == 0);
    if (cidr_parse(text, &c, NULL) == 0)
        must(c.bits >= 0 && c.bits <= 128);
    arena_free(a);
    return 0;
}
