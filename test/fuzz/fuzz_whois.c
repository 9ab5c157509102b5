/* What a registry answers: first byte 0 RDAP, else whois. */
#include "probe/whois.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 65536)
        return 0;
    struct arena *a = arena_new();
    struct registration got;
    char *text = arena_strndup(a, (const char *)data + 1, size - 1);
    struct str s = {text, size - 1};
    int rc = data[0] == '0' ? rdap_read(s, a, &got, NULL) : whois_read(s, a, &got, NULL);
    must(got.registrar != NULL && got.status != NULL);
    must(rc != 0 || data[0] == '0' || got.ends_ms != 0);
    const char *refer = whois_refer(s, a);
    must(!refer || *refer);
    arena_free(a);
    return 0;
}
